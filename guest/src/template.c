#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "template.h"
#include "template_parse.h"

enum { STEPS_MAX = 100000, OUTPUT_MAX = 8 << 20 };

/* How a block ended. */
enum stop { STOP_ERROR = -1, STOP_TEXT, STOP_END, STOP_ELSE };

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
	template_bad(t, stop == STOP_ELSE ? "unexpected {{else}}" : "unexpected EOF", "", 0);
	return STOP_ERROR;
}

static enum stop conditional(struct template *t, const struct json *dot, bool with)
{
	unsigned variables = t->variable_count;
	bool lenient = t->lenient;
	struct json value;
	int declared = template_declare(t, 1);

	t->lenient = true;
	if (declared < 0 || template_pipeline(t, dot, &value) < 0 || template_close(t) < 0)
		return STOP_ERROR;
	t->lenient = lenient;
	if (declared)
		t->variables[t->variable_count - 1].value = value;
	bool yes = t->live && template_truth(&value), live = t->live;
	enum stop stop = branch(t, with ? &value : dot, yes);

	if (stop == STOP_ELSE) {
		bool again = template_word(t, "if");

		if (again || template_word(t, "with")) {
			t->live = live && !yes;
			stop = ++t->depth > TEMPLATE_DEPTH_MAX ? STOP_ERROR : conditional(t, dot, !again);
			if (t->depth-- > TEMPLATE_DEPTH_MAX)
				template_bad(t, "nested too deep", "", 0);
			t->live = live;
			t->variable_count = variables;
			return stop;
		}
		stop = template_close(t) < 0 ? STOP_ERROR : branch(t, dot, !yes);
	}
	t->variable_count = variables;
	return closed(t, stop);
}

static enum stop loop(struct template *t, const struct json *dot)
{
	unsigned variables = t->variable_count, items = 0;
	int declared = template_declare(t, 2);
	struct json list, number = {.kind = JSON_NUMBER};
	enum stop stop = STOP_END;

	if (declared < 0)
		return STOP_ERROR;
	template_skip(t);
	const char *from = t->at;

	if (template_pipeline(t, dot, &list) < 0 || template_close(t) < 0)
		return STOP_ERROR;
	const char *body = t->at;
	unsigned inside = t->variable_count;

	if (t->live && list.kind != JSON_ARRAY && list.kind != JSON_OBJECT && list.kind != JSON_NULL) {
		template_failed(t, from, from, "range can't iterate over it");
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
		stop = template_close(t) < 0 ? STOP_ERROR : branch(t, dot, !items);
	t->variable_count = variables;
	return closed(t, stop);
}

static enum stop action(struct template *t, const struct json *dot)
{
	struct json value;

	if (++t->steps > STEPS_MAX || t->out->length > OUTPUT_MAX) {
		template_bad(t, "it makes too much", "", 0);
		return STOP_ERROR;
	}
	if (strncmp(t->at, "/*", 2) == 0) {
		const char *end = strstr(t->at, "*/");

		if (!end)
			return template_bad(t, "unclosed comment", "", 0);
		t->at = end + 2;
		return template_close(t) < 0 ? STOP_ERROR : STOP_TEXT;
	}
	if (template_word(t, "end"))
		return template_close(t) < 0 ? STOP_ERROR : STOP_END;
	if (template_word(t, "else"))
		return STOP_ELSE;
	if (template_word(t, "if"))
		return conditional(t, dot, false);
	if (template_word(t, "with"))
		return conditional(t, dot, true);
	if (template_word(t, "range"))
		return loop(t, dot);
	int declared = template_declare(t, 1);

	if (declared < 0 || template_pipeline(t, dot, &value) < 0 || template_close(t) < 0)
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

	if (++t->depth > TEMPLATE_DEPTH_MAX) {
		template_bad(t, "nested too deep", "", 0);
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
			template_skip(t);
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
		return template_bad(&t, stop == STOP_END ? "unexpected {{end}}" : "unexpected {{else}}", "", 0);
	if (stop == STOP_TEXT && out->failed)
		return err_set(e, 1, "out of memory");
	return stop == STOP_ERROR ? -1 : 0;
}

int template_check(const char *format, struct err *e)
{
	struct jsonw none = {0};

	return execute(format, &template_nothing, false, false, &none, e);
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
