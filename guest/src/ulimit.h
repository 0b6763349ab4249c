/* --ulimit: resource limits of a container's programs. */
#pragma once
#include <sys/resource.h>
#include "err.h"
#include "json.h"

struct ulimit {
	const char *name;
	int resource;
	struct rlimit limit; /* RLIM_INFINITY for -1 */
};

/* "nofile=1024:2048"; one value is both. Docker's words on failure. */
int ulimit_parse(const char *text, struct ulimit *limit, struct err *e);
int ulimit_check(const char *text, struct err *e);
/*
 * Two steps, because raising a hard limit takes rights over the kernel that nobody in a user namespace has, while the limits
 * themselves must not hit the set-up: first raises hard limits of the calling process, which its children inherit; then sets both.
 */
int ulimits_raise(const struct json *list, struct err *e);
int ulimits_set(const struct json *list, struct err *e);
/* "Ulimits" of inspect: each name once, the last one given. */
void ulimits_put(struct jsonw *w, const struct json *list);
