#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "number.h"
#include "template_parse.h"

const struct json template_nothing = {.kind = JSON_NULL};

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

int template_bad(struct template *t, const char *what, const char *text, size_t length)
{
	size_t column, end = strlen(what);
	const char *close = !end || what[end - 1] != '"' ? "" : *what == 'u' && what[2] == 'e' ? "\" in operand" : "\"";

	return err_set(t->e, 1, "template parsing error: template: :%u: %s%.*s%s", line_of(t, t->at, &column), what,
		       (int)(length > 60 ? 60 : length), text, close);
}

int template_failed(struct template *t, const char *from, const char *at, const char *why)
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

void template_skip(struct template *t)
{
	t->at += strspn(t->at, " \t\r\n");
}

bool template_word(struct template *t, const char *wanted)
{
	size_t length = strlen(wanted);

	template_skip(t);
	if (strncmp(t->at, wanted, length) != 0 || name_char(t->at[length]))
		return false;
	t->at += length;
	return true;
}

int template_close(struct template *t)
{
	template_skip(t);
	bool trim = t->at[0] == '-' && t->at[1] == '}';

	if (strncmp(t->at + trim, "}}", 2) != 0)
		return *t->at ? template_bad(t, "unexpected \"", t->at, strcspn(t->at + 1, " \n}") + 1)
			      : template_bad(t, "unclosed action", "", 0);
	t->at += 2 + trim;
	if (trim)
		template_skip(t);
	return 0;
}

/* --- operands */

static int text_literal(struct template *t, struct json *value)
{
	static const char from[] = "abfnrtv\\\"'", to[] = "\a\b\f\n\r\t\v\\\"'";
	char quote = *t->at;
	const char *end = ++t->at;

	while (*end && *end != quote && (*end != '\n' || quote == '`'))
		end += quote == '"' && *end == '\\' && end[1] ? 2 : 1;
	if (*end != quote)
		return template_bad(t, "unterminated quoted string", "", 0);
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
		return template_bad(t, "bad number syntax: \"", t->at, (size_t)(end - t->at) + name_length(end));
	t->at = end;
	return 0;
}

static int variable(struct template *t, struct json *value)
{
	size_t length = name_length(t->at + 1);

	*value = length == 0 ? *t->root : template_nothing;
	for (unsigned i = t->variable_count; length; i--) {
		if (i == 0)
			return template_bad(t, "undefined variable \"", t->at, length + 1);
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
			return template_bad(t, "name too long: ", t->at, length);
		memcpy(name, t->at + 1, length);
		name[length] = 0;
		t->at += 1 + length;
		if (t->live && !(found = json_get(value, name)) && !t->lenient) {
			bool known = value->kind == JSON_OBJECT;

			snprintf(why, sizeof(why), known ? "map has no entry for key \"%s\"" : "can't evaluate field %s", name);
			return template_failed(t, from, second ? second : first, why);
		}
		*value = found ? *found : template_nothing;
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
		if (template_pipeline(t, dot, value) < 0)
			return -1;
		template_skip(t);
		ret = *t->at == ')' ? 0 : template_bad(t, "unclosed left paren", "", 0);
		t->at += ret == 0;
	} else if (template_word(t, "nil")) {
		*value = template_nothing;
	} else if (template_word(t, "true") || template_word(t, "false")) {
		*value = (struct json){.kind = JSON_BOOL, .boolean = t->at[-2] == 'u'};
	} else if (*t->at != '.') {
		return template_bad(t, *t->at ? "unexpected \"" : "unclosed action", t->at,
				    *t->at ? 1 + name_length(t->at + 1) : 0);
	} else if (!name_char(t->at[1])) {
		t->at++;
	}
	return ret < 0 ? ret : fields(t, from, value);
}

static bool command_over(struct template *t)
{
	template_skip(t);
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
		return template_bad(t, "missing value for command", "", 0);
	const char *from = t->at;
	size_t length = name_length(t->at);
	bool constant = (length == 4 && (strncmp(from, "true", 4) == 0)) || (length == 5 && strncmp(from, "false", 5) == 0) ||
			(length == 3 && strncmp(from, "nil", 3) == 0);

	if (length && !constant && !isdigit((unsigned char)*from)) {
		char name[80];

		f = template_function(from, length);
		snprintf(name, sizeof(name), "\"%.*s\" not defined", (int)(length > 40 ? 40 : length), from);
		if (!f)
			return template_bad(t, "function ", name, strlen(name));
		t->at += length;
	}
	/* The one method docker's lists have: {{.Label "tier"}}. */
	if (strncmp(from, ".Label", 6) == 0 && isspace((unsigned char)from[6])) {
		f = template_function(from, 6);
		t->at += 6;
		arguments[count++] = json_get(dot, "Labels") ? *json_get(dot, "Labels") : template_nothing;
	}
	while (!command_over(t)) {
		if (count + 1 == TEMPLATE_ARGUMENTS_MAX)
			return template_bad(t, "too many arguments", "", 0);
		if (operand(t, dot, &arguments[count++]) < 0)
			return -1;
	}
	if (before)
		arguments[count++] = *before;
	*value = template_nothing;
	if (!f && count > 1)
		return template_bad(t, "can't give argument to non-function ", from, strcspn(from, " })"));
	if (!t->live)
		return 0;
	if (!f)
		*value = arguments[0];
	else if (template_call(f, arguments, count, t->titles, &t->notes, value, &why) < 0)
		return template_failed(t, from, from, why.msg);
	return 0;
}

int template_pipeline(struct template *t, const struct json *dot, struct json *value)
{
	int ret;

	if (++t->depth > TEMPLATE_DEPTH_MAX)
		return template_bad(t, "nested too deep", "", 0);
	ret = command(t, dot, NULL, value);
	while (ret == 0 && command_over(t) && *t->at == '|') {
		struct json before = *value;

		t->at++;
		ret = command(t, dot, &before, value);
	}
	t->depth--;
	return ret;
}

int template_declare(struct template *t, unsigned most)
{
	const char *begin = t->at;
	unsigned before = t->variable_count;

	for (;;) {
		template_skip(t);
		size_t length = *t->at == '$' ? name_length(t->at + 1) : 0;

		if (!length || t->variable_count - before == most)
			break;
		if (t->variable_count == TEMPLATE_VARIABLES_MAX)
			return template_bad(t, "too many variables", "", 0);
		t->variables[t->variable_count].name = t->at + 1;
		t->variables[t->variable_count].length = length;
		t->variables[t->variable_count++].value = template_nothing;
		t->at += 1 + length;
		template_skip(t);
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
