/* Ownership of descriptors and memory, and the few file helpers everything here needs. Every descriptor is close-on-exec. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include "err.h"

static inline void cleanup_fd(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_free(void *pointer)
{
	free(*(void **)pointer);
}

/* `_cleanup_fd_ int fd = -1;` closes at the end of the scope; `return take_fd(&fd);` hands it on. */
#define _cleanup_fd_ __attribute__((cleanup(cleanup_fd)))
#define _cleanup_free_ __attribute__((cleanup(cleanup_free)))

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Closes and sets to -1; safe on -1. */
static inline void close_fd(int *fd)
{
	cleanup_fd(fd);
	*fd = -1;
}

#define take_ptr(p)                                                                                                              \
	({                                                                                                                       \
		__typeof__(p) taken_ = (p);                                                                                      \
		(p) = NULL;                                                                                                      \
		taken_;                                                                                                          \
	})
#define array_size(a) (sizeof(a) / sizeof((a)[0]))

/* The whole file, NUL-terminated; refused when larger than `limit` bytes. `length` may be NULL. Free the result. */
char *read_file(const char *path, size_t limit, size_t *length, struct err *e);
char *read_file_at(int dir, const char *path, size_t limit, size_t *length, struct err *e);
/* The rest of an open file. */
char *read_fd(int fd, size_t limit, size_t *length, struct err *e);

/* Writes an existing file in one write(2), as proc, sysfs and cgroup files want it. */
int write_file(const char *path, const char *text, struct err *e);
int write_file_at(int dir, const char *path, const char *text, struct err *e);
/* Creates or replaces a regular file under a temporary name and renames it: readers see the old or the new one, never half. */
int replace_file_at(int dir, const char *path, const void *data, size_t length, unsigned mode, struct err *e);

/* Until everything is written (for files and blocking descriptors). -1 with errno. */
int write_all(int fd, const void *data, size_t length);
int set_nonblock(int fd, bool on);

/* CLOCK_MONOTONIC in milliseconds. */
int64_t now_ms(void);
/* Waits for the end of a child: its exit status, or 128 and the signal's number. */
int reap(pid_t pid);
/* 32 random bytes, written out. */
int random_hex(char text[65], struct err *e);
/* 0 when one of `events` (poll) is there before `deadline` (now_ms units, -1: none), -1 with errno ETIMEDOUT otherwise. */
int wait_fd(int fd, short events, int64_t deadline);
