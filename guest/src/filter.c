#include <string.h>
#include "filter.h"
#include "units.h"

/* The next value of `key` from *at on; NULL: no more. */
static const char *next_value(const struct arguments *a, const char *key, size_t *at)
{
	size_t length = strlen(key);

	while (*at < a->count) {
		const char *text = a->values[*at].text;
		bool filter = strcmp(a->values[(*at)++].flag->name, "filter") == 0;

		if (filter && strncmp(text, key, length) == 0 && text[length] == '=')
			return text + length + 1;
	}
	return NULL;
}

int filters_check(const struct arguments *a, const char *const *known, struct err *e)
{
	int64_t moment;

	for (size_t i = 0; i < a->count; i++) {
		const char *text = a->values[i].text, *equals = strchr(text, '=');
		size_t length = equals ? (size_t)(equals - text) : 0, k = 0;

		if (strcmp(a->values[i].flag->name, "filter") != 0)
			continue;
		if (!length)
			return err_set(e, 125,
				       "invalid argument \"%.100s\" for \"%s--filter\" flag: bad format of filter (expected "
				       "name=value)",
				       text, a->values[i].flag->letter ? "-f, " : "");
		while (known[k] && (strlen(known[k]) != length || strncmp(known[k], text, length) != 0))
			k++;
		if (!known[k])
			return err_set(e, 1, "invalid filter '%.*s'", (int)(length > 100 ? 100 : length), text);
		if (strncmp(text, "until=", 6) == 0 && unit_moment(text + 6, &moment) < 0)
			return err_set(e, 1, "failed to parse value as time or duration: \"%.100s\"", text + 6);
	}
	return 0;
}

const char *filter_value(const struct arguments *a, const char *key)
{
	size_t at = 0;

	return next_value(a, key, &at);
}

bool filter_given(const struct arguments *a, const char *key)
{
	return filter_value(a, key) != NULL;
}

bool filter_any(const struct arguments *a, const char *key, bool (*wanted)(const char *value, const void *context),
		const void *context)
{
	size_t at = 0;
	const char *value = next_value(a, key, &at);
	bool found = !value;

	for (; value && !found; value = next_value(a, key, &at))
		found = wanted(value, context);
	return found;
}

bool filter_in_text(const char *value, const void *text)
{
	size_t length = strlen(value), whole = strlen(text);
	bool start = *value == '^', end = length > start && value[length - 1] == '$';

	value += start;
	length -= (size_t)start + end;
	if (*value == '/')
		value++, length--;
	for (size_t at = 0; at + length <= whole; at++)
		if (strncmp((const char *)text + at, value, length) == 0 && (!start || at == 0) && (!end || at + length == whole))
			return true;
	return false;
}

bool filter_equal(const char *value, const void *text)
{
	return strcmp(value, text) == 0;
}

bool filter_begins(const char *value, const void *text)
{
	return strncmp(text, value, strlen(value)) == 0;
}

static bool has_label(const struct json *labels, const char *wanted)
{
	size_t key = strcspn(wanted, "=");

	json_each(item, labels && labels->kind >= JSON_ARRAY ? labels : NULL) {
		const char *text = item->kind == JSON_STRING ? item->string : "";

		if (labels->kind == JSON_OBJECT && strncmp(item->key, wanted, key) == 0 && !item->key[key] &&
		    (!wanted[key] || strcmp(text, wanted + key + 1) == 0))
			return true;
		if (labels->kind == JSON_ARRAY && strncmp(text, wanted, key) == 0 && (text[key] == '=' || !text[key]) &&
		    (!wanted[key] || strcmp(text + key, wanted + key) == 0 || (!text[key] && !wanted[key + 1])))
			return true;
	}
	return false;
}

bool filter_labels(const struct arguments *a, const struct json *labels)
{
	static const char *const keys[] = {"label!", "label"};
	const char *value;

	for (size_t i = 0, at = 0; i < 2; i++, at = 0)
		while ((value = next_value(a, keys[i], &at)))
			if (has_label(labels, value) != (i == 1))
				return false;
	return true;
}

static bool not_earlier(const char *value, const void *when)
{
	int64_t moment;

	return unit_moment(value, &moment) < 0 || *(const int64_t *)when >= moment;
}

bool filter_until(const struct arguments *a, int64_t when)
{
	return !filter_given(a, "until") || !filter_any(a, "until", not_earlier, &when);
}
