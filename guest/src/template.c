#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "number.h"
#include "template.h"
#include "template_functions.h"

enum { DEPTH_MAX = 32, STEPS_MAX = 100000, OUTPUT_MAX = 8 << 20, VARIABLES_MAX = 16 };

struct template
{
	const char *start, *at;
	const struct json *root;
	struct jsonw *out;
	struct notes notes;
	struct err *e;
	bool live;    /* what is read now is also carried out */
	bool lenient; /* in a condition: what is not there is false */
	bool titles;
	unsigned depth, steps;
	unsigned variable_count;
	struct {
		const char *name;
		size_t length;
		struct json value;
	} variables[VARIABLES_MAX];
};

/* How a block ended. */
enum stop { STOP_ERROR = -1, STOP_TEXT, STOP_END, STOP_ELSE };

static const struct json nothing = {.kind = JSON_NULL};

static unsigned line_of(const struct template *t, const char *at, size_t *column)
{
	unsigned line = 1;
	const char *begin = t->start;

	for (const char *c = t->start; c < at; c++)
		if (*c == '\n') {
			line++;
			begin = c + 1;
		}
	*column = (size_t)(at - begin);
	return line;
}

/* A quote that `what` opens is closed; "unexpected" things are so in an operand, as Go says it. */
static int bad(struct template *t, const char *what, const char *text, size_t length)
{
	size_t column, end = strlen(what);
	const char *close = !end || what[end - 1] != '"' ? "" : *what == 'u' && what[2] == 'e' ? "\" in operand" : "\"";

	return err_set(t->e, 1, "template parsing error: template: :%u: %s%.*s%s", line_of(t, t->at, &column), what,
		       (int)(length > 60 ? 60 : length), text, close);
}

/* Something went wrong with what stands from `at` to where we are: Go's "executing". */
static int failed(struct template *t, const char *from, const char *at, const char *why)
{
	size_t column, length = (size_t)(t->at - from);
	unsigned line = line_of(t, at, &column);

	return err_set(t->e, 1, "template parsing error: template: :%u:%zu: executing \"\" at <%.*s%s>: %s", line, column,
		       (int)(length > 20 ? 20 : length), from, length > 20 ? "..." : "", why);
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (c & 0x80);
}

static size_t name_length(const char *text)
{
	size_t n = 0;

	while (name_char(text[n]))
		n++;
	return n;
}

static void skip_space(struct template *t)
{
	t->at += strspn(t->at, " \t\r\n");
}

/* The keyword, if it is what comes next. */
static bool word(struct template *t, const char *wanted)
{
	size_t length = strlen(wanted);

	skip_space(t);
	if (strncmp(t->at, wanted, length) != 0 || name_char(t->at[length]))
		return false;
	t->at += length;
	return true;
}

/* "}}", or "-}}", which takes the space behind it along. */
static int close_action(struct template *t)
{
	skip_space(t);
	bool trim = t->at[0] == '-' && t->at[1] == '}';

	if (strncmp(t->at + trim, "}}", 2) != 0)
		return *t->at ? bad(t, "unexpected \"", t->at, strcspn(t->at + 1, " \n}") + 1) : bad(t, "unclosed action", "", 0);
	t->at += 2 + trim;
	if (trim)
		skip_space(t);
	return 0;
}

static int pipeline(struct template *t, const struct json *dot, struct json *value);

/* --- operands */

static int text_literal(struct template *t, struct json *value)
{
	static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
	char quote = *t->at;
	const char *end = ++t->at;

	while (*end && *end != quote && (*end != '\n' || quote == '`'))
		end += quote == '"' && *end == '\\' && end[1] ? 2 : 1;
	if (*end != quote)
		return bad(t, "unterminated quoted string", "", 0);
	char *text = notes_take(&t->notes, (size_t)(end - t->at) + 1, t->e), *put = text;

	if (!text)
		return -1;
	while (t->at < end) {
		const char *known = quote == '"' && *t->at == '\\' ? strchr(from, t->at[1]) : NULL;

		*put++ = known ? to[known - from] : *t->at;
		t->at += known ? 2 : 1;
	}
	*put = 0;
	t->at++;
	*value = (struct json){.kind = JSON_STRING, .string = text, .length = (size_t)(put - text)};
	return 0;
}

static int number_literal(struct template *t, struct json *value)
{
	const char *start = t->at + (*t->at == '-' || *t->at == '+'), *end = start;
	double number = number_parse(&end);

	*value = (struct json){.kind = JSON_NUMBER, .number = *t->at == '-' ? -number : number};
	if (end == start || name_char(*end))
		return bad(t, "bad number syntax: \"", t->at, (size_t)(end - t->at) + name_length(end));
	t->at = end;
	return 0;
}

static int variable(struct template *t, struct json *value)
{
	size_t length = name_length(t->at + 1);

	*value = length == 0 ? *t->root : nothing;
	for (unsigned i = t->variable_count; length; i--) {
		if (i == 0)
			return bad(t, "undefined variable \"", t->at, length + 1);
		if (t->variables[i - 1].length != length || strncmp(t->variables[i - 1].name, t->at + 1, length) != 0)
			continue;
		*value = t->variables[i - 1].value;
		break;
	}
	t->at += 1 + length;
	return 0;
}

/* ".State.Pid" behind what stands from `from`. */
static int fields(struct template *t, const char *from, struct json *value)
{
	const char *second = NULL, *first = t->at;

	while (*t->at == '.' && name_char(t->at[1])) {
		size_t length = name_length(t->at + 1);
		char name[128], why[200];
		const struct json *found = NULL;

		if (t->at != first && !second)
			second = t->at;
		if (length >= sizeof(name))
			return bad(t, "name too long: ", t->at, length);
		memcpy(name, t->at + 1, length);
		name[length] = 0;
		t->at += 1 + length;
		if (t->live && !(found = json_get(value, name)) && !t->lenient) {
			bool known = value->kind == JSON_OBJECT;

			snprintf(why, sizeof(why), known ? "map has no entry for key \"%s\"" : "can't evaluate field %s", name);
			return failed(t, from, second ? second : first, why);
		}
		*value = found ? *found : nothing;
	}
	return 0;
}

static int operand(struct template *t, const struct json *dot, struct json *value)
{
	const char *from = t->at;
	int ret = 0;

	*value = *dot;
	if (*t->at == '$') {
		ret = variable(t, value);
	} else if (*t->at == '"' || *t->at == '`') {
		ret = text_literal(t, value);
	} else if (isdigit((unsigned char)*t->at) || *t->at == '-' || *t->at == '+') {
		ret = number_literal(t, value);
	} else if (*t->at == '(') {
		t->at++;
		if (pipeline(t, dot, value) < 0)
			return -1;
		skip_space(t);
		ret = *t->at == ')' ? 0 : bad(t, "unclosed left paren", "", 0);
		t->at += ret == 0;
	} else if (word(t, "nil")) {
		*value = nothing;
	} else if (word(t, "true") || word(t, "false")) {
		*value = (struct json){.kind = JSON_BOOL, .boolean = t->at[-2] == 'u'};
	} else if (*t->at != '.') {
		return bad(t, *t->at ? "unexpected \"" : "unclosed action", t->at, *t->at ? 1 + name_length(t->at + 1) : 0);
	} else if (!name_char(t->at[1])) {
		t->at++;
	}
	return ret < 0 ? ret : fields(t, from, value);
}

static bool command_over(struct template *t)
{
	skip_space(t);
	return !*t->at || *t->at == '|' || *t->at == ')' || strncmp(t->at, "}}", 2) == 0 || strncmp(t->at, "-}}", 3) == 0;
}

/* A function with its arguments, the last of which may come from the command before; or one operand. */
static int command(struct template *t, const struct json *dot, const struct json *before, struct json *value)
{
	struct json arguments[TEMPLATE_ARGUMENTS_MAX];
	const struct function *f = NULL;
	unsigned count = 0;
	struct err why;

	if (command_over(t))
		return bad(t, "missing value for command", "", 0);
	const char *from = t->at;
	size_t length = name_length(t->at);
	bool constant = (length == 4 && (strncmp(from, "true", 4) == 0)) || (length == 5 && strncmp(from, "false", 5) == 0) ||
			(length == 3 && strncmp(from, "nil", 3) == 0);

	if (length && !constant && !isdigit((unsigned char)*from)) {
		char name[80];

		f = template_function(from, length);
		snprintf(name, sizeof(name), "\"%.*s\" not defined", (int)(length > 40 ? 40 : length), from);
		if (!f)
			return bad(t, "function ", name, strlen(name));
		t->at += length;
	}
	/* The one method docker's lists have: {{.Label "tier"}}. */
	if (strncmp(from, ".Label", 6) == 0 && isspace((unsigned char)from[6])) {
		f = template_function(from, 6);
		t->at += 6;
		arguments[count++] = json_get(dot, "Labels") ? *json_get(dot, "Labels") : nothing;
	}
	while (!command_over(t)) {
		if (count + 1 == TEMPLATE_ARGUMENTS_MAX)
			return bad(t, "too many arguments", "", 0);
		if (operand(t, dot, &arguments[count++]) < 0)
			return -1;
	}
	if (before)
		arguments[count++] = *before;
	*value = nothing;
	if (!f && count > 1)
		return bad(t, "can't give argument to non-function ", from, strcspn(from, " })"));
	if (!t->live)
		return 0;
	if (!f)
		*value = arguments[0];
	else if (template_call(f, arguments, count, t->titles, &t->notes, value, &why) < 0)
		return failed(t, from, from, why.msg);
	return 0;
}

static int pipeline(struct template *t, const struct json *dot, struct json *value)
{
	int ret;

	if (++t->depth > DEPTH_MAX)
		return bad(t, "nested too deep", "", 0);
	ret = command(t, dot, NULL, value);
	while (ret == 0 && command_over(t) && *t->at == '|') {
		struct json before = *value;

		t->at++;
		ret = command(t, dot, &before, value);
	}
	t->depth--;
	return ret;
}

/* "$v :=" or "$k, $v :="; how many, their values yet to be set. */
static int declarations(struct template *t, unsigned most)
{
	const char *begin = t->at;
	unsigned before = t->variable_count;

	for (;;) {
		skip_space(t);
		size_t length = *t->at == '$' ? name_length(t->at + 1) : 0;

		if (!length || t->variable_count - before == most)
			break;
		if (t->variable_count == VARIABLES_MAX)
			return bad(t, "too many variables", "", 0);
		t->variables[t->variable_count].name = t->at + 1;
		t->variables[t->variable_count].length = length;
		t->variables[t->variable_count++].value = nothing;
		t->at += 1 + length;
		skip_space(t);
		if (strncmp(t->at, ":=", 2) == 0) {
			t->at += 2;
			return (int)(t->variable_count - before);
		}
		if (*t->at != ',')
			break;
		t->at++;
	}
	t->variable_count = before;
	t->at = begin;
	return 0;
}

/* --- blocks */

static enum stop block(struct template *t, const struct json *dot);

/* block, carried out only if `live`. */
static enum stop branch(struct template *t, const struct json *dot, bool live)
{
	bool before = t->live;

	t->live = before && live;
	enum stop stop = block(t, dot);

	t->live = before;
	return stop;
}

static enum stop closed(struct template *t, enum stop stop)
{
	if (stop == STOP_END || stop == STOP_ERROR)
		return stop == STOP_END ? STOP_TEXT : STOP_ERROR;
	bad(t, stop == STOP_ELSE ? "unexpected {{else}}" : "unexpected EOF", "", 0);
	return STOP_ERROR;
}

static enum stop conditional(struct template *t, const struct json *dot, bool with)
{
	unsigned variables = t->variable_count;
	bool lenient = t->lenient;
	struct json value;
	int declared = declarations(t, 1);

	t->lenient = true;
	if (declared < 0 || pipeline(t, dot, &value) < 0 || close_action(t) < 0)
		return STOP_ERROR;
	t->lenient = lenient;
	if (declared)
		t->variables[t->variable_count - 1].value = value;
	bool yes = t->live && template_truth(&value), live = t->live;
	enum stop stop = branch(t, with ? &value : dot, yes);

	if (stop == STOP_ELSE) {
		bool again = word(t, "if");

		if (again || word(t, "with")) {
			t->live = live && !yes;
			stop = ++t->depth > DEPTH_MAX ? STOP_ERROR : conditional(t, dot, !again);
			if (t->depth-- > DEPTH_MAX)
				bad(t, "nested too deep", "", 0);
			t->live = live;
			t->variable_count = variables;
			return stop;
		}
		stop = close_action(t) < 0 ? STOP_ERROR : branch(t, dot, !yes);
	}
	t->variable_count = variables;
	return closed(t, stop);
}

static enum stop loop(struct template *t, const struct json *dot)
{
	unsigned variables = t->variable_count, items = 0;
	int declared = declarations(t, 2);
	struct json list, number = {.kind = JSON_NUMBER};
	enum stop stop = STOP_END;

	if (declared < 0)
		return STOP_ERROR;
	skip_space(t);
	const char *from = t->at;

	if (pipeline(t, dot, &list) < 0 || close_action(t) < 0)
		return STOP_ERROR;
	const char *body = t->at;
	unsigned inside = t->variable_count;

	if (t->live && list.kind != JSON_ARRAY && list.kind != JSON_OBJECT && list.kind != JSON_NULL) {
		failed(t, from, from, "range can't iterate over it");
		return STOP_ERROR;
	}
	for (const struct json *item = NULL; t->live && (item = template_next(&list, item)); items++) {
		number.number = items;
		if (declared)
			t->variables[inside - 1].value = *item;
		if (declared == 2)
			t->variables[inside - 2].value =
				list.kind == JSON_ARRAY
					? number
					: (struct json){.kind = JSON_STRING, .string = item->key, .length = strlen(item->key)};
		t->at = body;
		t->variable_count = inside;
		if ((stop = block(t, item)) == STOP_ERROR)
			return STOP_ERROR;
	}
	if (!items)
		stop = branch(t, dot, false);
	if (stop == STOP_ELSE)
		stop = close_action(t) < 0 ? STOP_ERROR : branch(t, dot, !items);
	t->variable_count = variables;
	return closed(t, stop);
}

static enum stop action(struct template *t, const struct json *dot)
{
	struct json value;

	if (++t->steps > STEPS_MAX || t->out->length > OUTPUT_MAX) {
		bad(t, "it makes too much", "", 0);
		return STOP_ERROR;
	}
	if (strncmp(t->at, "/*", 2) == 0) {
		const char *end = strstr(t->at, "*/");

		if (!end)
			return bad(t, "unclosed comment", "", 0);
		t->at = end + 2;
		return close_action(t) < 0 ? STOP_ERROR : STOP_TEXT;
	}
	if (word(t, "end"))
		return close_action(t) < 0 ? STOP_ERROR : STOP_END;
	if (word(t, "else"))
		return STOP_ELSE;
	if (word(t, "if"))
		return conditional(t, dot, false);
	if (word(t, "with"))
		return conditional(t, dot, true);
	if (word(t, "range"))
		return loop(t, dot);
	int declared = declarations(t, 1);

	if (declared < 0 || pipeline(t, dot, &value) < 0 || close_action(t) < 0)
		return STOP_ERROR;
	if (declared)
		t->variables[t->variable_count - 1].value = value;
	else if (t->live)
		template_text(t->out, &value);
	return STOP_TEXT;
}

/* Up to the end, or behind the {{end}} or the word else that is not its own. */
static enum stop block(struct template *t, const struct json *dot)
{
	enum stop stop = STOP_TEXT;

	if (++t->depth > DEPTH_MAX) {
		bad(t, "nested too deep", "", 0);
		return STOP_ERROR;
	}
	while (stop == STOP_TEXT && *t->at) {
		const char *text = t->at, *open = strstr(text, "{{");
		size_t length = open ? (size_t)(open - text) : strlen(text);

		t->at += length + (open ? 2 : 0);
		if (open && t->at[0] == '-' && isspace((unsigned char)t->at[1])) {
			t->at++;
			while (length && isspace((unsigned char)text[length - 1]))
				length--;
			skip_space(t);
		}
		if (t->live)
			jsonw_text(t->out, text, length);
		if (open)
			stop = action(t, dot);
	}
	t->depth--;
	return stop;
}

static int execute(const char *format, const struct json *value, bool live, bool titles, struct jsonw *out, struct err *e)
{
	struct template t = {.start = format, .at = format, .root = value, .out = out, .e = e, .live = live, .titles = titles};
	enum stop stop = block(&t, value);

	notes_free(&t.notes);
	if (stop == STOP_ELSE || stop == STOP_END)
		return bad(&t, stop == STOP_END ? "unexpected {{end}}" : "unexpected {{else}}", "", 0);
	if (stop == STOP_TEXT && out->failed)
		return err_set(e, 1, "out of memory");
	return stop == STOP_ERROR ? -1 : 0;
}

int template_check(const char *format, struct err *e)
{
	struct jsonw none = {0};

	return execute(format, &nothing, false, false, &none, e);
}

int template_execute(const char *format, const struct json *value, bool titles, struct jsonw *out, struct err *e)
{
	return execute(format, value, true, titles, out, e);
}

int template_print(const char *format, const struct json *value, struct err *e)
{
	struct jsonw out = {0};
	/* Read as a whole before anything is carried out, as Go does. */
	int ret = template_check(format, e) < 0 ? -1 : execute(format, value, true, false, &out, e);

	/* Nothing half done is shown. */
	if (ret == 0)
		printf("%s\n", out.data ? out.data : "");
	jsonw_free(&out);
	return ret;
}

void json_print(const struct json *value, unsigned depth)
{
	bool object = value->kind == JSON_OBJECT;

	if ((!object && value->kind != JSON_ARRAY) || value->length == 0) {
		struct jsonw w = {0};

		jsonw_value(&w, NULL, value);
		if (!w.failed)
			fputs(w.data, stdout);
		jsonw_free(&w);
		return;
	}
	puts(object ? "{" : "[");
	json_each(item, value) {
		printf("%*s", (int)(depth + 1) * 4, "");
		if (object) {
			struct jsonw w = {0};

			jsonw_string(&w, NULL, item->key);
			printf("%s: ", w.failed ? "" : w.data);
			jsonw_free(&w);
		}
		json_print(item, depth + 1);
		puts(item->next ? "," : "");
	}
	printf("%*s%c", (int)depth * 4, "", object ? '}' : ']');
}
