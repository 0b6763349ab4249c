#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "keyvalue.h"
#include "tuning.h"
#include "utf8.h"

#define BLANKS " \t\n\v\f\r"
#define FILE_MAX (2 << 20)

/* The variable of our own environment as "NAME=value"; nothing when it is not set. */
static void put_own(struct jsonw *w, const char *name)
{
	const char *value = getenv(name);
	char *both;

	if (value && asprintf(&both, "%s=%s", name, value) > 0) {
		jsonw_string(w, NULL, both);
		free(both);
	}
}

int keyvalue_line(struct jsonw *w, bool label, const char *path, unsigned number, const char *line, struct err *e)
{
	const char *kind = label ? "label" : "env";

	for (size_t left = strlen(line), at = 0; at < left;) {
		unsigned length = utf8_length((const unsigned char *)line + at, left - at);

		if (!length)
			return err_set(e, 125, "%s file %.100s contains invalid utf8 bytes at line %u", kind, path, number);
		at += length;
	}
	line += strspn(line, BLANKS);
	if (!*line || *line == '#')
		return 0;
	size_t name = strcspn(line, "=");

	if (name == 0)
		return err_set(e, 125, "no variable name on line '%.100s'", line);
	if (strlen(line) > KEYVALUE_MAX)
		return err_set(e, 125, "%s file %.100s has more than %d bytes in line %u", kind, path, KEYVALUE_MAX, number);
	if (strcspn(line, BLANKS) < name)
		return err_set(e, 125, "variable '%.*s' contains whitespaces", (int)(name > 100 ? 100 : name), line);
	if (line[name] || label)
		jsonw_string(w, NULL, line);
	else
		put_own(w, line);
	return 0;
}

static int put_file(struct jsonw *w, bool label, const char *path, struct err *e)
{
	size_t length;
	_cleanup_free_ char *text = read_file(path, FILE_MAX, &length, e);
	unsigned number = 1;

	if (!text)
		return -1;
	if (strlen(text) < length)
		return err_set(e, 125, "%s file %.100s is no text", label ? "label" : "env", path);
	char *line = text;

	/* A byte order mark, as Windows' editors leave it. */
	if (strncmp(line, "\xef\xbb\xbf", 3) == 0)
		line += 3;
	while (*line) {
		size_t size = strcspn(line, "\n");
		char *next = line + size + (line[size] == '\n');

		line[size] = 0;
		if (size && line[size - 1] == '\r')
			line[size - 1] = 0;
		if (keyvalue_line(w, label, path, number++, line, e) < 0)
			return -1;
		line = next;
	}
	return 0;
}

int keyvalue_put(struct jsonw *w, const struct arguments *a, const char *flag, const char *key, struct err *e)
{
	bool label = strcmp(flag, "label") == 0;
	struct err why;
	char file[16];

	snprintf(file, sizeof(file), "%s-file", flag);
	jsonw_array(w, key);
	/* Files first: what is said in the command line counts more. */
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i].flag->name, file) == 0 && put_file(w, label, a->values[i].text, &why) < 0)
			return flag_invalid(a->values[i].flag, a->values[i].text, why.msg, e);
	for (size_t i = 0; i < a->count; i++) {
		const char *text = a->values[i].text;

		if (strcmp(a->values[i].flag->name, flag) != 0)
			continue;
		/* A name alone that is not set here goes as it is: it removes the image's variable. */
		if (label || strchr(text, '=') || !getenv(text))
			jsonw_string(w, NULL, text);
		else
			put_own(w, text);
	}
	jsonw_end_array(w);
	return 0;
}
