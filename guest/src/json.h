/* JSON (RFC 8259): a bounded parser into one arena, and a writer into a growing buffer. Parses what the page and images say; fuzzed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_kind kind;
	const char *key; /* inside an object: NUL-terminated; strings holding NUL are refused by the parser */
	union {
		bool boolean;
		double number;
		const char *string;
		struct json *first; /* children of an array or object */
	};
	size_t length; /* string bytes, or number of children */
	struct json *next;
};

/* Depth ≤ 32, text ≤ 1 MiB. NULL and err on bad input. Free with json_free (frees the whole document). */
struct json *json_parse(const char *text, size_t length, struct err *e);
void json_free(struct json *document);
/* A document of its own; NULL of NULL, or out of memory. */
struct json *json_copy(const struct json *value);

/* Lookups on NULL or the wrong kind give NULL / the fallback. */
const struct json *json_get(const struct json *object, const char *key);
const char *json_text(const struct json *object, const char *key); /* or "" */
const char *json_string_or(const struct json *object, const char *key, const char *fallback);
int64_t json_whole(const struct json *object, const char *key, int fallback); /* rounded to zero */
double json_number(const struct json *object, const char *key, double fallback);
bool json_bool(const struct json *object, const char *key, bool fallback);
/* The usual fallback is cheaper to ask for by its own name. */
static inline const char *json_string(const struct json *object, const char *key, const char *fallback)
{
	return __builtin_constant_p(fallback && !*fallback) && fallback && !*fallback ? json_text(object, key)
										      : json_string_or(object, key, fallback);
}
/* Whether the array has this text. */
bool json_holds(const struct json *array, const char *text);
#define json_each(item, container)                                                                                               \
	for (const struct json *item = (container) ? (container)->first : NULL; item; item = item->next)

struct jsonw {
	char *data; /* NUL-terminated */
	size_t length, size;
	bool failed; /* out of memory */
	bool comma;
};

/* `key` is NULL inside arrays and at the top. Strings are escaped; invalid UTF-8 becomes U+FFFD. */
void jsonw_object(struct jsonw *w, const char *key);
void jsonw_array(struct jsonw *w, const char *key);
void jsonw_end_object(struct jsonw *w);
void jsonw_end_array(struct jsonw *w);
void jsonw_string(struct jsonw *w, const char *key, const char *value);
void jsonw_int(struct jsonw *w, const char *key, int64_t value);
void jsonw_bool(struct jsonw *w, const char *key, bool value);
void jsonw_null(struct jsonw *w, const char *key);
/* Copies a parsed value. */
void jsonw_value(struct jsonw *w, const char *key, const struct json *value);
/* `text` is complete JSON already. */
void jsonw_raw(struct jsonw *w, const char *key, const char *text);
/* As it is, no JSON at all: for who gathers text. */
void jsonw_text(struct jsonw *w, const char *text, size_t length);
void jsonw_free(struct jsonw *w);
