/* --tmpfs: empty file systems in memory in a container. */
#pragma once
#include "err.h"

enum { TMPFS_TEXT_MAX = 1024, TMPFS_OPTIONS_MAX = 8 };

/* Points into itself: do not copy. */
struct tmpfs {
	char text[TMPFS_TEXT_MAX];
	const char *target; /* absolute path in the container */
	const char *options[TMPFS_OPTIONS_MAX][2];
	unsigned attributes; /* MOUNT_ATTR_… */
};

/* "PATH[:OPTION,…]": ro, exec, suid, noatime and their opposites; size, mode, uid, gid, nr_inodes, nr_blocks with a value. */
int tmpfs_parse(const char *text, struct tmpfs *tmpfs, struct err *e);
int tmpfs_check(const char *text, struct err *e);
/* As a detached mount of the caller's user namespace. */
int tmpfs_make(const struct tmpfs *tmpfs, struct err *e);
