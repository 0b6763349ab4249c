/* --filter key=value of list and prune commands: values of one key are alternatives, keys must all match. */
#pragma once
#include "flags.h"
#include "json.h"

/* `known` ends with NULL. -1 with docker's words for a key that is not among them, or no key at all. */
int filters_check(const struct arguments *a, const char *const *known, struct err *e);
/* The first value of `key`, or NULL. */
const char *filter_value(const struct arguments *a, const char *key);
bool filter_given(const struct arguments *a, const char *key);
/* Whether one of the values of `key` is wanted, or there is none. */
bool filter_any(const struct arguments *a, const char *key, bool (*wanted)(const char *value, const void *context),
		const void *context);
/* As docker matches names: anywhere in the text, "^" and "$" tie to its ends. Usable as `wanted` with a text as context. */
bool filter_in_text(const char *value, const void *text);
bool filter_equal(const char *value, const void *text);
/* The text begins with it: ids. */
bool filter_begins(const char *value, const void *text);
/* until=: `when` (unix ms) is before each of them. */
bool filter_until(const struct arguments *a, int64_t when);
/* label=key, label=key=value: all must be there; label!=…: none. `labels`: an array of "key=value" or an object. */
bool filter_labels(const struct arguments *a, const struct json *labels);
