/* The kernel's own file systems in a container: proc, sys, dev, cgroup, and what is hidden or read-only in them. */
#pragma once
#include "err.h"
#include "spec.h"

/* What a container gets from the level or another container in place of a mount of its own (sharing.h). */
enum { GIVEN_PROC, GIVEN_SYS, GIVEN_CGROUP, GIVEN_MQUEUE, GIVEN_SHM, GIVEN_COUNT };

/* A file system of `type` as a detached mount. `options`: pairs of key and value, ended by NULL; the value NULL: a flag. */
int mount_new(const char *type, const char *const options[][2], unsigned attributes, struct err *e);
/* Attaches a detached mount to what `at` (O_PATH) is open on. */
int mount_attach(int mount, int at, const char *what, struct err *e);
/* Once per engine, before any container: which of the files to hide this kernel has. */
void mounts_detect(void);
/*
 * Everything below /proc, /sys and /dev of `root`, before pivot_root; `root` is then the current directory. `dev`: from dev_make, or
 * -1 to make it here. `console`: the pty's slave, bound on /dev/console, or -1.
 */
int mounts_system(int root, const struct spec *spec, int level, int dev, int console, const int given[GIVEN_COUNT],
		  struct err *e);
