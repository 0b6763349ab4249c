#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json.h"
#include "utf8.h"

/* Room for that many bytes and a NUL after what is there, or NULL. */
static char *room(struct jsonw *w, size_t length)
{
	if (w->failed)
		return NULL;
	if (w->length + length + 1 > w->size) {
		size_t size = w->size ? w->size : 256;

		while (size < w->length + length + 1)
			size *= 2;
		char *grown = realloc(w->data, size);

		if (!grown) {
			w->failed = true;
			return NULL;
		}
		w->data = grown;
		w->size = size;
	}
	return w->data + w->length;
}

static void put(struct jsonw *w, const char *bytes, size_t length)
{
	char *to = room(w, length);

	if (!to)
		return;
	memcpy(to, bytes, length);
	to[length] = 0;
	w->length += length;
}

static void put_char(struct jsonw *w, char c)
{
	char *to = room(w, 1);

	if (!to)
		return;
	to[0] = c;
	to[1] = 0;
	w->length++;
}

static void put_quoted(struct jsonw *w, const char *s)
{
	size_t left = strlen(s);
	char escape[8];

	put_char(w, '"');
	while (left) {
		unsigned char c = (unsigned char)*s;
		unsigned n = (unsigned)utf8_plain(s, left);

		/* Nearly all there is: at once. */
		if (n) {
			put(w, s, n);
			s += n;
			left -= n;
			continue;
		}
		n = utf8_length((const unsigned char *)s, left);

		if (c == '"' || c == '\\') {
			escape[0] = '\\';
			escape[1] = (char)c;
			put(w, escape, 2);
		} else if (c < 0x20) {
			put(w, escape, (size_t)snprintf(escape, sizeof(escape), "\\u%04x", c));
		} else if (n) {
			put(w, s, n);
		} else {
			put(w, "\xef\xbf\xbd", 3);
		}
		s += n ? n : 1;
		left -= n ? n : 1;
	}
	put_char(w, '"');
}

static void begin(struct jsonw *w, const char *key)
{
	if (w->comma)
		put_char(w, ',');
	w->comma = true;
	if (key) {
		put_quoted(w, key);
		put_char(w, ':');
	}
}

void jsonw_object(struct jsonw *w, const char *key)
{
	begin(w, key);
	put_char(w, '{');
	w->comma = false;
}

void jsonw_array(struct jsonw *w, const char *key)
{
	begin(w, key);
	put_char(w, '[');
	w->comma = false;
}

void jsonw_end_object(struct jsonw *w)
{
	put_char(w, '}');
	w->comma = true;
}

void jsonw_end_array(struct jsonw *w)
{
	put_char(w, ']');
	w->comma = true;
}

void jsonw_string(struct jsonw *w, const char *key, const char *value)
{
	begin(w, key);
	put_quoted(w, value);
}

void jsonw_int(struct jsonw *w, const char *key, int64_t value)
{
	char text[24];

	begin(w, key);
	put(w, text, (size_t)snprintf(text, sizeof(text), "%lld", (long long)value));
}

void jsonw_bool(struct jsonw *w, const char *key, bool value)
{
	jsonw_raw(w, key, value ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
	jsonw_raw(w, key, "null");
}

void jsonw_value(struct jsonw *w, const char *key, const struct json *value)
{
	char text[32];
	double size;

	switch (value ? value->kind : JSON_NULL) {
	case JSON_NULL:
		jsonw_null(w, key);
		break;
	case JSON_BOOL:
		jsonw_bool(w, key, value->boolean);
		break;
	case JSON_NUMBER:
		size = fabs(value->number);
		/* 15 digits of a fraction that large are a whole number, and that is written as one. */
		snprintf(text, sizeof(text), size < 1e16 && (size >= 1e15 - 0.5 || trunc(size) == size) ? "%.0f" : "%.15g",
			 value->number);
		jsonw_raw(w, key, text);
		break;
	case JSON_STRING:
		jsonw_string(w, key, value->string);
		break;
	case JSON_ARRAY:
		jsonw_array(w, key);
		json_each(item, value)
			jsonw_value(w, NULL, item);
		jsonw_end_array(w);
		break;
	case JSON_OBJECT:
		jsonw_object(w, key);
		json_each(member, value)
			jsonw_value(w, member->key, member);
		jsonw_end_object(w);
		break;
	}
}

void jsonw_raw(struct jsonw *w, const char *key, const char *text)
{
	begin(w, key);
	put(w, text, strlen(text));
}

void jsonw_text(struct jsonw *w, const char *text, size_t length)
{
	put(w, text, length);
}

struct json *json_copy(const struct json *value)
{
	struct jsonw w = {0};
	struct json *copy = NULL;

	if (value)
		jsonw_value(&w, NULL, value);
	if (value && !w.failed)
		copy = json_parse(w.data, w.length, NULL);
	jsonw_free(&w);
	return copy;
}

void jsonw_free(struct jsonw *w)
{
	free(w->data);
	*w = (struct jsonw){0};
}
