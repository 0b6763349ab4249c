/* Command line flags as docker takes them: tables in, a list of what was given out. No printing. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "err.h"

enum flag_kind { FLAG_BOOL, FLAG_TEXT, FLAG_LIST, FLAG_INT, FLAG_SIZE, FLAG_CPUS, FLAG_TIME, FLAG_SWAP };

struct flag {
	char letter; /* 0: none */
	const char *name;
	enum flag_kind kind;
	const char *help;
};

#define FLAG_VALUES_MAX 256

struct arguments {
	struct {
		const struct flag *flag;
		const char *text;
	} values[FLAG_VALUES_MAX];
	size_t count;
	char **rest; /* what is no flag, `rest_count` of them; points into argv, which is reordered */
	size_t rest_count;
	bool help;
};

/*
 * `table` ends with a NULL name. Not `interspersed`: flags end at the first argument that is none, as in `run IMAGE ls -l`.
 * Docker's words on failure. Values of INT, SIZE and CPUS are checked here already.
 */
int flags_parse(const struct flag *table, bool interspersed, int argc, char **argv, struct arguments *out, struct err *e);
/* The last one given, or NULL. */
const char *flag_text(const struct arguments *a, const char *name);
bool flag_on(const struct arguments *a, const char *name);
/* "512m", "1g", "64K", "1048576" → bytes, -1 when it is none. */
long long flag_size(const char *text);
/* "1m30s", "1.5h", "200ms" → nanoseconds, -1 when it is none (or negative). */
long long flag_time(const char *text);
/* "1.5" → 150000 (microseconds of 100 ms), -1 when it is none. */
long long flag_cpus(const char *text);
/* 'invalid argument "TEXT" for "--NAME" flag: WHY' */
int flag_invalid(const struct flag *f, const char *text, const char *why, struct err *e);
