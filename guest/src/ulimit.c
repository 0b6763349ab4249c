#include <ctype.h>
#include <errno.h>
#include <string.h>
#include "io.h"
#include "ulimit.h"

static const struct {
	const char *name;
	int resource;
} names[] = {
	{"core", RLIMIT_CORE},         {"cpu", RLIMIT_CPU},
	{"data", RLIMIT_DATA},         {"fsize", RLIMIT_FSIZE},
	{"locks", RLIMIT_LOCKS},       {"memlock", RLIMIT_MEMLOCK},
	{"msgqueue", RLIMIT_MSGQUEUE}, {"nice", RLIMIT_NICE},
	{"nofile", RLIMIT_NOFILE},     {"nproc", RLIMIT_NPROC},
	{"rss", RLIMIT_RSS},           {"rtprio", RLIMIT_RTPRIO},
	{"rttime", RLIMIT_RTTIME},     {"sigpending", RLIMIT_SIGPENDING},
	{"stack", RLIMIT_STACK},
};

/* `length` characters of decimal number, -1 for "no limit". */
static int number(const char *text, size_t length, int64_t *value, struct err *e)
{
	char copy[24], *end;

	if (length == 0 || length >= sizeof(copy) || (!isdigit((unsigned char)*text) && *text != '-'))
		return err_set(e, 125, "strconv.ParseInt: parsing \"%.*s\": invalid syntax", (int)(length > 80 ? 80 : length),
			       text);
	memcpy(copy, text, length);
	copy[length] = 0;
	errno = 0;
	*value = strtoll(copy, &end, 10);
	if (*end || !isdigit((unsigned char)end[-1]))
		return err_set(e, 125, "strconv.ParseInt: parsing \"%s\": invalid syntax", copy);
	if (errno == ERANGE || *value < -1)
		return err_set(e, 125, "strconv.ParseInt: parsing \"%s\": value out of range", copy);
	return 0;
}

int ulimit_parse(const char *text, struct ulimit *limit, struct err *e)
{
	const char *equals = strchr(text, '='), *values = equals ? equals + 1 : "", *colon = strchr(values, ':');
	size_t length = equals ? (size_t)(equals - text) : 0, i = 0;
	int64_t soft, hard;

	if (!equals)
		return err_set(e, 125, "invalid ulimit argument: %.80s", text);
	while (i < array_size(names) && (strlen(names[i].name) != length || memcmp(names[i].name, text, length) != 0))
		i++;
	if (i == array_size(names))
		return err_set(e, 125, "invalid ulimit type: %.*s", (int)(length > 80 ? 80 : length), text);
	if (colon && strchr(colon + 1, ':'))
		return err_set(e, 125, "too many limit values - %.80s, can only have up to two, `soft[:hard]`", values);
	if (number(values, colon ? (size_t)(colon - values) : strlen(values), &soft, e) < 0)
		return -1;
	hard = soft;
	if (colon && number(colon + 1, strlen(colon + 1), &hard, e) < 0)
		return -1;
	if (hard != -1 && soft == -1)
		return err_set(e, 125,
			       "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: %lld",
			       (long long)hard);
	if (hard != -1 && soft > hard)
		return err_set(e, 125, "ulimit soft limit must be less than or equal to hard limit: %lld > %lld", (long long)soft,
			       (long long)hard);
	/* RLIM_INFINITY is all ones, as -1 is. */
	*limit = (struct ulimit){names[i].name, names[i].resource, {(rlim_t)soft, (rlim_t)hard}};
	return 0;
}

int ulimit_check(const char *text, struct err *e)
{
	struct ulimit limit;

	return ulimit_parse(text, &limit, e);
}

/* The last one of a name counts, as with docker; and a hard limit once lowered could not be raised again. */
static bool again_later(const struct json *item, int resource)
{
	struct ulimit limit;

	for (item = item->next; item; item = item->next)
		if (ulimit_parse(item->string, &limit, NULL) == 0 && limit.resource == resource)
			return true;
	return false;
}

static int apply(const struct json *list, bool raise, struct err *e)
{
	json_each(text, list) {
		struct ulimit wanted;
		struct rlimit now;

		if (ulimit_parse(text->string, &wanted, e) < 0)
			return -1;
		if (again_later(text, wanted.resource))
			continue;
		if (getrlimit(wanted.resource, &now) < 0)
			return err_errno(e, 125, "ulimit %s", wanted.name);
		if (raise && now.rlim_max >= wanted.limit.rlim_max)
			continue;
		now.rlim_max = wanted.limit.rlim_max;
		if (setrlimit(wanted.resource, raise ? &now : &wanted.limit) < 0)
			return err_errno(e, 125, "error setting rlimit %s=%.60s", wanted.name, strchr(text->string, '=') + 1);
	}
	return 0;
}

int ulimits_raise(const struct json *list, struct err *e)
{
	return apply(list, true, e);
}

int ulimits_set(const struct json *list, struct err *e)
{
	return apply(list, false, e);
}

void ulimits_put(struct jsonw *w, const struct json *list)
{
	jsonw_array(w, "Ulimits");
	json_each(text, list) {
		struct ulimit limit;

		if (ulimit_parse(text->string, &limit, NULL) < 0 || again_later(text, limit.resource))
			continue;
		jsonw_object(w, NULL);
		jsonw_string(w, "Name", limit.name);
		jsonw_int(w, "Hard", (int64_t)limit.limit.rlim_max);
		jsonw_int(w, "Soft", (int64_t)limit.limit.rlim_cur);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}
