/*
 * Attempts to get out of a container, each a function of its own that runs in a process of its own. One that works says so with
 * escaped(); silence means that it was refused. What the guest host holds of it is judged there (escape.test.ts).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* What the container was started as: an attempt may be a right in one and an escape in another. */
enum kind { DEFAULT = 1, NEST = 2, PRIVILEGED = 4, ANY = 7 };

struct attempt {
	const char *name;
	unsigned kinds;
	void (*make)(enum kind kind);
};

/* Each ends with a NULL name. */
extern const struct attempt capability_attempts[], cgroup_attempts[], device_attempts[], file_attempts[], mount_attempts[],
	namespace_attempts[], network_attempts[], process_attempts[], syscall_attempts[], terminal_attempts[];

/* The container's host has a file /canary that holds this text, and nothing in a container does. */
#define CANARY "the host's canary"

/* Tells of a door that opened. The attempt goes on: there may be more. */
void escaped(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Is the host's canary below this directory (descriptor or AT_FDCWD)? Then it tells. */
void look_for_canary(int directory, const char *path, const char *how);
/* The text of a small file, "" when it cannot be read; static. */
const char *text_of(const char *path);
/* Opens for writing and closes. */
bool writable(const char *path);
/* fork; in the child true. The parent waits for it. */
bool in_child(void);
/* Below `path`, all regular files; symlinks are not followed. */
void walk(const char *path, void (*visit)(const char *file));

/* Other modes of the program. */
int watch(int seconds);
int flip(const char *a, const char *b);
int listen_on_loopback(const char *log);
