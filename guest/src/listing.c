#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "listing.h"
#include "template.h"

enum { COLUMNS_MAX = 24, COLUMN_MIN = 10, SPACE = 3 };

/* Characters, not bytes: "…" is one. */
static size_t characters(const char *text, size_t length)
{
	size_t n = 0;

	for (size_t i = 0; i < length; i++)
		n += (text[i] & 0xc0) != 0x80;
	return n;
}

/* As docker does it before it parses: \t and \n are what they stand for. */
static char *unescaped(const char *format)
{
	char *text = strdup(format), *put = text;

	for (const char *at = text; text && *at; put++) {
		bool escape = at[0] == '\\' && (at[1] == 't' || at[1] == 'n');

		*put = !escape ? *at : at[1] == 't' ? '\t' : '\n';
		at += escape ? 2 : 1;
	}
	if (text)
		*put = 0;
	return text;
}

/* One row, as an object that has the fields. */
static void put_object(struct listing *l, const struct json *values)
{
	struct jsonw out = {0}, *to = l->table ? &l->text : &out;

	if (l->failed)
		return;
	if (template_execute(l->format, values, false, to, &l->e) < 0)
		l->failed = true;
	else if (l->table)
		jsonw_text(to, "\n", 1);
	else
		printf("%s\n", out.data ? out.data : "");
	jsonw_free(&out);
}

/* Most formats are nothing but "{{.A}}\t{{.B}}": those take no template, which many rows would feel. */
static void find_columns(struct listing *l)
{
	const char *at = l->format;

	for (size_t n = 0; n < LISTING_FIELDS_MAX && strncmp(at, "{{.", 3) == 0; n++) {
		size_t length = strcspn(at += 3, "}"), i = 0;

		while (i < l->count && (strncmp(at, l->fields[i].name, length) != 0 || l->fields[i].name[length]))
			i++;
		if (i == l->count || strncmp(at + length, "}}", 2) != 0)
			return;
		l->columns[n] = (unsigned char)i;
		at += length + 2;
		if (!*at)
			l->column_count = n + 1;
		if (*at++ != '\t')
			return;
	}
}

static void row_of_columns(struct listing *l, const char *const *values)
{
	for (size_t i = 0; i < l->column_count; i++) {
		const struct field *field = &l->fields[l->columns[i]];
		const char *text = values ? values[l->columns[i]] : field->title, *end = i + 1 < l->column_count ? "\t" : "\n";

		text = text ? text : "";
		if (!l->table) {
			printf("%s%s", text, end);
			continue;
		}
		jsonw_text(&l->text, text, strlen(text));
		jsonw_text(&l->text, end, 1);
	}
}

static void row(struct listing *l, const char *const *values, bool titles)
{
	if (l->column_count) {
		row_of_columns(l, values);
		return;
	}

	struct json members[LISTING_FIELDS_MAX], object = {.kind = JSON_OBJECT, .first = members, .length = l->count};

	for (size_t i = 0; i < l->count; i++) {
		const char *text = values ? values[i] : l->fields[i].title;

		text = text ? text : "";
		members[i] = (struct json){.kind = JSON_STRING,
					   .key = l->fields[i].name,
					   .string = text,
					   .length = strlen(text),
					   .next = i + 1 < l->count ? &members[i + 1] : NULL};
	}
	if (titles) {
		if (template_execute(l->format, &object, true, &l->text, &l->e) < 0)
			l->failed = true;
		jsonw_text(&l->text, "\n", 1);
	} else {
		put_object(l, &object);
	}
}

int listing_begin(struct listing *l, const struct field *fields, const char *format, const char *standard, const char *quiet,
		  struct err *e)
{
	char id[64];

	*l = (struct listing){.fields = fields};
	while (fields[l->count].name)
		l->count++;
	if (!format || !*format || strcmp(format, "table") == 0) {
		format = standard;
		if (quiet) {
			snprintf(id, sizeof(id), "{{.%s}}", quiet);
			format = id;
		}
	} else if (strcmp(format, "json") == 0) {
		format = "{{json .}}";
	}
	l->table = strncmp(format, "table ", 6) == 0;
	l->format = unescaped(format + (l->table ? 6 : 0));
	if (!l->format)
		return err_set(e, 1, "out of memory");
	if (template_check(l->format, e) < 0) {
		free(l->format);
		return -1;
	}
	find_columns(l);
	if (l->table)
		row(l, NULL, true);
	return 0;
}

void listing_row(struct listing *l, const char *const *values)
{
	row(l, values, false);
}

/* Measures, then prints; the last cell of a line is no column. */
static void cells(const char *text, size_t widths[COLUMNS_MAX], bool print)
{
	size_t column = 0;

	while (*text) {
		size_t length = strcspn(text, "\t\n"), width = characters(text, length);
		bool inner = text[length] == '\t' && column < COLUMNS_MAX;

		if (print)
			printf("%.*s%*s", (int)length, text, inner ? (int)(widths[column] - width) : 0, "");
		else if (inner && width + SPACE > widths[column])
			widths[column] = width + SPACE;
		if (print && text[length] == '\n')
			putchar('\n');
		column = text[length] == '\n' ? 0 : column + 1;
		text += length + (text[length] != 0);
	}
}

/* Lines of cells apart by tabs as docker aligns them: columns at least 10 wide, three spaces between. */
static void align(const char *text)
{
	size_t widths[COLUMNS_MAX];

	for (size_t i = 0; i < COLUMNS_MAX; i++)
		widths[i] = COLUMN_MIN;
	cells(text, widths, false);
	cells(text, widths, true);
}

int listing_end(struct listing *l, int code)
{
	if (l->failed) {
		fprintf(stderr, "%s\n", l->e.msg);
		code = 1;
	} else if (code == 0 && l->table && l->text.data && !l->text.failed) {
		align(l->text.data);
	}
	free(l->format);
	jsonw_free(&l->text);
	return code;
}
