#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "quote.h"
#include "template_functions.h"

static void put(struct jsonw *out, const char *text)
{
	jsonw_text(out, text, strlen(text));
}

struct call {
	struct json *arguments;
	unsigned count;
	struct notes *notes;
	struct json *result;
	struct err *e;
};

static int give(struct call *c, const char *text, size_t length)
{
	char *copy = notes_take(c->notes, length + 1, c->e);

	if (!copy)
		return -1;
	memcpy(copy, text, length);
	copy[length] = 0;
	*c->result = (struct json){.kind = JSON_STRING, .string = copy, .length = length};
	return 0;
}

static int give_written(struct call *c, struct jsonw *w)
{
	int ret = w->failed ? err_set(c->e, 1, "out of memory") : give(c, w->data ? w->data : "", w->length);

	jsonw_free(w);
	return ret;
}

static int give_bool(struct call *c, bool value)
{
	*c->result = (struct json){.kind = JSON_BOOL, .boolean = value};
	return 0;
}

static int and_or(struct call *c, bool stop_at)
{
	unsigned i = 0;

	while (i + 1 < c->count && template_truth(&c->arguments[i]) != stop_at)
		i++;
	*c->result = c->arguments[i];
	return 0;
}

static int do_and(struct call *c)
{
	return and_or(c, false);
}

static int do_or(struct call *c)
{
	return and_or(c, true);
}

static int do_not(struct call *c)
{
	return give_bool(c, !template_truth(c->arguments));
}

/* As strcmp; -1 when they cannot be compared. */
static int compare(struct call *c, const struct json *a, const struct json *b, int *order)
{
	if (a->kind == JSON_NULL || b->kind == JSON_NULL)
		*order = a->kind != b->kind;
	else if (a->kind != b->kind || a->kind == JSON_ARRAY || a->kind == JSON_OBJECT)
		return err_set(c->e, 1, "incompatible types for comparison");
	else if (a->kind == JSON_STRING)
		*order = strcmp(a->string, b->string);
	else if (a->kind == JSON_BOOL)
		*order = a->boolean - b->boolean;
	else
		*order = (a->number > b->number) - (a->number < b->number);
	return 0;
}

static int do_eq(struct call *c)
{
	int order = 1;

	for (unsigned i = 1; i < c->count && order != 0; i++)
		if (compare(c, &c->arguments[0], &c->arguments[i], &order) < 0)
			return -1;
	return give_bool(c, order == 0);
}

static int ordered(struct call *c, int sign, bool equal)
{
	int order;

	if (compare(c, &c->arguments[0], &c->arguments[1], &order) < 0)
		return -1;
	return give_bool(c, order == 0 ? equal : sign != 0 && (order < 0) == (sign < 0));
}

static int do_ne(struct call *c)
{
	return do_eq(c) < 0 ? -1 : give_bool(c, !c->result->boolean);
}

static int do_lt(struct call *c)
{
	return ordered(c, -1, false);
}

static int do_le(struct call *c)
{
	return ordered(c, -1, true);
}

static int do_gt(struct call *c)
{
	return ordered(c, 1, false);
}

static int do_ge(struct call *c)
{
	return ordered(c, 1, true);
}

static int do_len(struct call *c)
{
	if (c->arguments->kind < JSON_STRING)
		return err_set(c->e, 1, "len of type without a length");
	*c->result = (struct json){.kind = JSON_NUMBER, .number = (double)c->arguments->length};
	return 0;
}

static int do_index(struct call *c)
{
	const struct json *at = &c->arguments[0];
	static const struct json empty = {.kind = JSON_STRING, .string = ""};

	for (unsigned i = 1; i < c->count; i++) {
		const struct json *by = &c->arguments[i], *found = NULL;

		if (at->kind == JSON_NULL)
			return err_set(c->e, 1, "index of untyped nil");
		if (at->kind == JSON_OBJECT && by->kind == JSON_STRING) {
			/* What a map does not have is empty. */
			found = json_get(at, by->string);
			at = found ? found : &empty;
			continue;
		}
		if (at->kind != JSON_ARRAY || by->kind != JSON_NUMBER)
			return err_set(c->e, 1, "can't index it by %s", by->kind == JSON_STRING ? by->string : "that");
		if (!(by->number >= 0 && by->number < (double)at->length))
			return err_set(c->e, 1, "index out of range: %.0f", by->number);
		found = at->first;
		for (unsigned n = (unsigned)by->number; n; n--)
			found = found->next;
		at = found;
	}
	*c->result = *at;
	return 0;
}

static int do_json(struct call *c)
{
	struct jsonw w = {0};

	jsonw_value(&w, NULL, c->arguments);
	return give_written(c, &w);
}

static bool is_text(const struct json *value)
{
	return value->kind == JSON_STRING;
}

static int wrong_type(struct call *c)
{
	return err_set(c->e, 1, "wrong type of argument");
}

static int do_join(struct call *c)
{
	struct jsonw w = {0};

	if ((c->arguments[0].kind != JSON_ARRAY && c->arguments[0].kind != JSON_NULL) || !is_text(&c->arguments[1]))
		return wrong_type(c);
	json_each(item, c->arguments[0].kind == JSON_ARRAY ? &c->arguments[0] : NULL) {
		if (item != c->arguments[0].first)
			put(&w, c->arguments[1].string);
		template_text(&w, item);
	}
	return give_written(c, &w);
}

static int do_split(struct call *c)
{
	const struct json *text = &c->arguments[0], *by = &c->arguments[1];
	struct json list = {.kind = JSON_ARRAY}, **tail = (struct json **)&list.first, part;

	if (!is_text(text) || !is_text(by) || !by->length)
		return wrong_type(c);
	for (const char *at = text->string, *end; at; at = end ? end + by->length : NULL) {
		struct json *item = notes_take(c->notes, sizeof(*item), c->e);
		struct call piece = *c;

		end = strstr(at, by->string);
		piece.result = &part;
		if (!item || give(&piece, at, end ? (size_t)(end - at) : strlen(at)) < 0)
			return -1;
		*item = part;
		*tail = item;
		tail = &item->next;
		list.length++;
	}
	*c->result = list;
	return 0;
}

/* Of "a=1,b=2". */
static int do_label(struct call *c)
{
	size_t length = c->arguments[1].length, n;

	if (!is_text(&c->arguments[0]) || !is_text(&c->arguments[1]))
		return wrong_type(c);
	for (const char *at = c->arguments[0].string; *at; at += n + (at[n] != 0)) {
		n = strcspn(at, ",");
		if (n > length && strncmp(at, c->arguments[1].string, length) == 0 && at[length] == '=')
			return give(c, at + length + 1, n - length - 1);
	}
	return give(c, "", 0);
}

static int with_case(struct call *c, int (*change)(int), bool words)
{
	if (!is_text(c->arguments))
		return wrong_type(c);
	if (give(c, c->arguments->string, c->arguments->length) < 0)
		return -1;
	char *text = (char *)c->result->string;

	for (size_t i = 0; text[i]; i++)
		if (!words || i == 0 || text[i - 1] == ' ')
			text[i] = (char)change((unsigned char)text[i]);
	return 0;
}

static int do_lower(struct call *c)
{
	return with_case(c, tolower, false);
}

static int do_upper(struct call *c)
{
	return with_case(c, toupper, false);
}

static int do_title(struct call *c)
{
	return with_case(c, toupper, true);
}

static int do_truncate(struct call *c)
{
	if (!is_text(&c->arguments[0]) || c->arguments[1].kind != JSON_NUMBER || c->arguments[1].number < 0)
		return wrong_type(c);
	bool longer = c->arguments[1].number < (double)c->arguments[0].length;

	return give(c, c->arguments[0].string, longer ? (size_t)c->arguments[1].number : c->arguments[0].length);
}

static int do_pad(struct call *c)
{
	struct jsonw w = {0};

	if (!is_text(&c->arguments[0]) || c->arguments[1].kind != JSON_NUMBER || c->arguments[2].kind != JSON_NUMBER)
		return wrong_type(c);
	for (unsigned i = 1; c->arguments[0].length && i <= 2; i++) {
		if (i == 2)
			put(&w, c->arguments[0].string);
		for (double n = 0; n < c->arguments[i].number && n < 1000; n++)
			put(&w, " ");
	}
	return give_written(c, &w);
}

static int printed(struct call *c, bool line)
{
	struct jsonw w = {0};

	for (unsigned i = 0; i < c->count; i++) {
		if (i && (line || (!is_text(&c->arguments[i]) && !is_text(&c->arguments[i - 1]))))
			put(&w, " ");
		template_text(&w, &c->arguments[i]);
	}
	if (line)
		put(&w, "\n");
	return give_written(c, &w);
}

static int do_print(struct call *c)
{
	return printed(c, false);
}

static int do_println(struct call *c)
{
	return printed(c, true);
}

/* %s %v %d %q, with "-", a width and a precision. */
static int do_printf(struct call *c)
{
	struct jsonw w = {0}, value = {0};
	unsigned next = 1;

	if (!is_text(c->arguments))
		return wrong_type(c);
	for (const char *at = c->arguments->string; *at; at++) {
		char *end = (char *)at, quoted[1024];
		long width, precision = -1;

		if (*at != '%' || at[1] == '%') {
			jsonw_text(&w, at, 1);
			at += *at == '%';
			continue;
		}
		bool left = at[1] == '-';

		width = strtol(at + 1 + left, &end, 10);
		if (*end == '.')
			precision = strtol(end + 1, &end, 10);
		at = end;
		if (!*at || !strchr("svdq", *at) || next >= c->count) {
			jsonw_free(&w);
			jsonw_free(&value);
			return err_set(c->e, 1, "bad format \"%.40s\"", c->arguments->string);
		}
		value.length = 0;
		jsonw_text(&value, "", 0);
		template_text(&value, &c->arguments[next++]);
		if (value.failed)
			break;
		if (*at == 'q')
			quote(value.data, 0, quoted, sizeof(quoted));
		const char *text = *at == 'q' ? quoted : value.data;
		size_t length = strlen(text), space;

		if (precision >= 0 && *at == 's' && (size_t)precision < length)
			length = (size_t)precision;
		space = width > (long)length && width < 1000 ? (size_t)width - length : 0;
		if (left)
			jsonw_text(&w, text, length);
		for (; space; space--)
			put(&w, " ");
		if (!left)
			jsonw_text(&w, text, length);
	}
	w.failed |= value.failed;
	jsonw_free(&value);
	return give_written(c, &w);
}

static const struct function {
	const char *name;
	int (*run)(struct call *c);
	unsigned char min, max;
	bool dresses; /* changes only how a text looks */
} functions[] = {
	{".Label", do_label, 2, 2, true},
	{"and", do_and, 1, 15, false},
	{"eq", do_eq, 2, 15, false},
	{"ge", do_ge, 2, 2, false},
	{"gt", do_gt, 2, 2, false},
	{"index", do_index, 1, 15, false},
	{"join", do_join, 2, 2, true},
	{"json", do_json, 1, 1, true},
	{"le", do_le, 2, 2, false},
	{"len", do_len, 1, 1, false},
	{"lower", do_lower, 1, 1, true},
	{"lt", do_lt, 2, 2, false},
	{"ne", do_ne, 2, 2, false},
	{"not", do_not, 1, 1, false},
	{"or", do_or, 1, 15, false},
	{"pad", do_pad, 3, 3, true},
	{"print", do_print, 0, 15, false},
	{"printf", do_printf, 1, 15, false},
	{"println", do_println, 0, 15, false},
	{"split", do_split, 2, 2, true},
	{"title", do_title, 1, 1, true},
	{"truncate", do_truncate, 2, 2, true},
	{"upper", do_upper, 1, 1, true},
};

const struct function *template_function(const char *name, size_t length)
{
	for (size_t i = 0; i < array_size(functions); i++)
		if (strlen(functions[i].name) == length && strncmp(functions[i].name, name, length) == 0)
			return &functions[i];
	return NULL;
}

int template_call(const struct function *f, struct json *arguments, unsigned count, bool titles, struct notes *n,
		  struct json *result, struct err *e)
{
	struct call c = {arguments, count, n, result, e};

	if (count < f->min || count > f->max)
		return err_set(e, 1, "wrong number of args for %s: want %s%u got %u", f->name, f->min < f->max ? "at least " : "",
			       f->min, count);
	if (titles && f->dresses) {
		*result = arguments[0];
		return 0;
	}
	return f->run(&c) < 0 ? err_context(e, "error calling %s", f->name) : 0;
}
