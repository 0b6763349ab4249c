#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "template.h"

static void print_compact(const struct json *value)
{
	struct jsonw w = {0};

	jsonw_value(&w, NULL, value);
	if (!w.failed)
		fputs(w.data, stdout);
	jsonw_free(&w);
}

static void print_scalar(const struct json *value)
{
	if (value->kind == JSON_STRING)
		fputs(value->string, stdout);
	else
		print_compact(value);
}

void json_print(const struct json *value, unsigned depth)
{
	bool object = value->kind == JSON_OBJECT;

	if ((!object && value->kind != JSON_ARRAY) || value->length == 0) {
		print_compact(value);
		return;
	}
	puts(object ? "{" : "[");
	json_each(item, value) {
		printf("%*s", (int)(depth + 1) * 4, "");
		if (object)
			printf("\"%s\": ", item->key);
		json_print(item, depth + 1);
		puts(item->next ? "," : "");
	}
	printf("%*s%c", (int)depth * 4, "", object ? '}' : ']');
}

/* ".State.Pid" in value. */
static const struct json *walk(const char *path, size_t length, const struct json *value, struct err *e)
{
	char part[128];

	for (size_t at = 0; at < length;) {
		size_t n = 0;

		if (path[at] != '.') {
			err_set(e, 1, "template parsing error: unexpected \"%.*s\"", (int)length, path);
			return NULL;
		}
		at++;
		while (at + n < length && path[at + n] != '.' && n + 1 < sizeof(part)) {
			part[n] = path[at + n];
			n++;
		}
		part[n] = 0;
		at += n;
		if (n == 0)
			continue;
		const struct json *next = json_get(value, part);

		if (!next) {
			err_set(e, 1,
				"template parsing error: template: :1:2: executing \"\" at <%.*s>: map has no entry for key "
				"\"%s\"",
				(int)length, path, part);
			return NULL;
		}
		value = next;
	}
	return value;
}

static int action(const char *text, size_t length, const struct json *value, struct err *e)
{
	bool json = false;

	while (length && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (length > 5 && strncmp(text, "json ", 5) == 0) {
		json = true;
		text += 5;
		length -= 5;
	}
	const struct json *found = walk(text, length, value, e);

	if (!found)
		return -1;
	if (json)
		print_compact(found);
	else
		print_scalar(found);
	return 0;
}

int template_print(const char *format, const struct json *value, struct err *e)
{
	while (*format) {
		if (strncmp(format, "{{", 2) == 0) {
			const char *end = strstr(format, "}}");

			if (!end)
				return err_set(e, 1, "template parsing error: unclosed action");
			if (action(format + 2, (size_t)(end - format - 2), value, e) < 0)
				return -1;
			format = end + 2;
		} else if (*format == '\\' && (format[1] == 't' || format[1] == 'n')) {
			putchar(format[1] == 't' ? '\t' : '\n');
			format += 2;
		} else {
			putchar(*format++);
		}
	}
	putchar('\n');
	return 0;
}

int template_print_row(const char *format, struct jsonw *row)
{
	struct err e;
	struct json *value = row->failed ? NULL : json_parse(row->data, row->length, &e);
	int ret = -1;

	if (value && strcmp(format, "json") == 0) {
		print_compact(value);
		putchar('\n');
		ret = 0;
	} else if (value) {
		ret = template_print(strncmp(format, "table ", 6) == 0 ? format + 6 : format, value, &e);
		if (ret < 0)
			fprintf(stderr, "%s\n", e.msg);
	}
	json_free(value);
	jsonw_free(row);
	return ret;
}
