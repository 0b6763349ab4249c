/* A container's /dev. */
#pragma once
#include <sys/types.h>
#include "err.h"

/* What every container has in its /dev. */
struct dev_node {
	const char *name;
	unsigned major, minor;
};
#define DEV_NODES 6
extern const struct dev_node dev_nodes[DEV_NODES];
#define DEV_LINKS 6
extern const char *const dev_links[DEV_LINKS][2]; /* name, target */

/*
 * An empty /dev as a detached mount, owned by `owner`. On the guest host (`level` 0) it gets real device nodes and is made outside
 * of the container, whose root may not make any; deeper ones are made inside.
 */
int dev_make(int level, uid_t owner, int64_t size, struct err *e);
/* The rest, inside: directories, links, `console` (the pty's slave, or -1) and at deeper levels the nodes. */
int dev_fill(int dev, int level, int console, struct err *e);
/* The level's device file `source` as a bind mount on `name`, once it is known to be `device`. */
int dev_bind_node(int dev, const char *name, const char *source, dev_t device, struct err *e);
