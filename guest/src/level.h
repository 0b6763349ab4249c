/* Where this engine stands: its depth, its ids, and the paths every process of a level agrees on (guest/ENGINE.md). */
#pragma once
#include <stdint.h>
#include "err.h"

#define RUN_NEST "/run/nest"
#define ENGINE_SOCKET RUN_NEST "/engine.sock"
#define HOST_SOCKET RUN_NEST "/host.sock"
#define CONTAINERS RUN_NEST "/c"
#define LAYERS RUN_NEST "/layers"
#define VOLUMES RUN_NEST "/volumes"

/* Container root is this many ids above its parent's root, at every level. */
#define ID_SHIFT 65536u
/* The kernel nests user namespaces 32 deep; one is the guest host's. */
#define LEVEL_MAX 30

struct level {
	int number;   /* 0 on the guest host */
	uint32_t ids; /* ids our user namespace has, from 0 up */
};

int level_load(struct level *level, struct err *e);
/* How many ids a container gets: 65536, or with `nest` all we have above our own; -1 when we have too few. */
int64_t level_child_ids(const struct level *level, int nest, struct err *e);
