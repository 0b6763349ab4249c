/* --mount: docker's long form, turned into what -v and --tmpfs say. */
#pragma once
#include <stdbool.h>
#include "err.h"

struct mountflag {
	bool bind, tmpfs;  /* otherwise a volume */
	char text[4096];   /* "[SOURCE:]TARGET[:ro,nocopy,subpath=DIR]", or for a tmpfs "TARGET[:OPTION,…]" */
	char source[2048]; /* a bind's */
};

/* "type=bind,source=/a,target=/b,readonly". Docker's words on failure. */
int mountflag_parse(const char *text, struct mountflag *mount, struct err *e);
int mountflag_check(const char *text, struct err *e);
