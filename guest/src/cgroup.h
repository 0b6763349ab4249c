/* cgroup v2 of containers: /sys/fs/cgroup/nest/<id>, limits written before any process enters. */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "err.h"
#include "resources.h"

/*
 * Makes this level ready: inside a container first moves what is there to /init, then hands the controllers down, and keeps an eighth
 * of the level's memory from all containers together (on the guest host init has done that). Idempotent.
 */
int cgroup_prepare(int level, struct err *e);
/* What a container may have of it that was not given a limit; bytes. */
int64_t cgroup_share(void);
/*
 * Makes the container's cgroup. With `owner` not 0 the subtree is delegated to that uid (its --nest engine); the limit files
 * stay ours, and with nsdelegate the container cannot write them however it tries. The directory's descriptor, or -1.
 */
int cgroup_make(const char *id, const struct limits *limits, uid_t owner, struct err *e);
/*
 * A cgroup at an absolute path of the hierarchy, parents made, controllers handed down to it. Its descriptor. The functions below
 * take such a path as `id`, too.
 */
int cgroup_make_at(const char *path, struct err *e);
/* Kills everything in it and removes it with all below; waits at most `timeout_ms`. Nothing there is success. */
int cgroup_destroy(const char *id, int timeout_ms, struct err *e);
int cgroup_kill(const char *id, struct err *e);
/* The directory of the cgroup that process is in now. */
int cgroup_of(pid_t pid, struct err *e);
/* An open file of the container's cgroup, or -1. */
int cgroup_open(const char *id, const char *file, int flags);
/* The number behind `key` in a file of lines "key number", -1 when there is none. `key` NULL: the file is one number. */
int64_t cgroup_read_key(const char *id, const char *file, const char *key);
/* A number from a file of the container's cgroup; -1 when it cannot be read. */
int64_t cgroup_read(const char *id, const char *file);
