/*
 * Which file `docker cp` means, by docker's rules, on either side: of a container or of the level of the command line. Everything is
 * resolved below `root` through path.h.
 */
#pragma once
#include <limits.h>
#include "unpack.h"

struct copy_source {
	int fd;                  /* directory or file opened to read, or a symlink as O_PATH */
	char name[NAME_MAX + 1]; /* its own */
	bool directory, content; /* content: "dir/.", what is in it and not itself */
};

/* Symlinks at the end of `path` are copied themselves unless `follow`. e->sys ENOENT when there is nothing. */
int copy_source(int root, const char *path, bool follow, struct copy_source *source, struct err *e);

struct copy_target {
	int root;                  /* directory to unpack in */
	char rename[NAME_MAX + 1]; /* "": under its own name */
};

/* Where `source` goes when it is copied to `path`. e->sys ENOENT when there is no such directory; its path is the message then. */
int copy_target(int root, const char *path, const struct copy_source *source, struct copy_target *target, struct err *e);
