/*
 * Paths inside a container's root. Everything in there is hostile: symlinks, FIFOs and devices in any place.
 * The only file that opens or makes such paths; all of it through openat2(RESOLVE_IN_ROOT) on a descriptor of the root, so that
 * a symlink leads at worst elsewhere in the same container (CVE-2021-30465, CVE-2024-45310).
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include "err.h"

/* O_PATH descriptor of `path`, symlinks followed inside the root. -1 with e->sys. */
int root_open(int root, const char *path, struct err *e);
/* The same, refusing symlinks anywhere on the way. */
int root_open_plain(int root, const char *path, struct err *e);
/* As openat: what `flags` say of what is there; nothing is made. Devices and FIFOs are the caller's to refuse (O_NONBLOCK). */
int root_get(int root, const char *path, int flags, struct err *e);
/* A whole regular file of at most `limit` bytes, NUL-terminated; FIFOs and devices are refused, not waited for. */
char *root_read(int root, const char *path, size_t limit, struct err *e);
/* Makes the directory and its parents; an O_PATH descriptor of it. */
int root_mkdirs(int root, const char *path, mode_t mode, struct err *e);
/* The place to mount on: made as a directory or an empty file if missing, and of the kind asked for. O_PATH descriptor. */
int root_mountpoint(int root, const char *path, bool directory, struct err *e);
/* Makes the parents of `path`: an O_PATH descriptor of the last; `name` (NAME_MAX + 1) gets the last part. */
int root_parent(int root, const char *path, char name[NAME_MAX + 1], struct err *e);
/*
 * The directory `path` is in, as an O_PATH descriptor, refusing symlinks on the way; `make`: it and its parents are made. `name`
 * gets the last part, which is not looked at.
 */
int root_place(int root, const char *path, bool make, char name[NAME_MAX + 1], struct err *e);
/* A symlink at `path`, parents made; what is there already stays. */
int root_symlink(int root, const char *path, const char *target, struct err *e);
