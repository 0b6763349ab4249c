/* Namespaces that a container does not have of its own: the level's ("host") or another container's ("container:NAME"). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "err.h"
#include "json.h"

struct spec;
struct entry;

/* Of both, CLONE_NEW… in a clone or setns. The user namespace comes with another container's: its owner's ids count there. */
struct sharing {
	uint64_t host, joined;
	const char *partner; /* whose; "": nobody's */
	bool no_shm;         /* --ipc none */
};

/* Fills spec->sharing from the request; the rest of spec must be there. Docker's words for what does not go together. */
int sharing_parse(const struct json *request, struct spec *spec, struct err *e);
/* In the engine, before it forks the monitor of `entry`: a descriptor of the partner's first process; -1 with e->code 0: none. */
int sharing_find(const struct entry *entry, struct err *e);
/* Tells the monitor of what sharing_find found. */
void sharing_keep(int pidfd);

/* In the monitor, just before the clone. What the partner itself has from the level is from then on the level's here too. */
int sharing_settle(struct sharing *s, struct err *e);
/* As ns_clone with a container's flags, in the partner's namespaces. `pidfd` as there. */
pid_t sharing_clone(const struct sharing *s, uint64_t flags, int cgroup, int *pidfd, struct err *e);
/* The partner's /dev/shm as a detached mount; -1 without an error when its IPC is not shared. */
int sharing_shm(const struct sharing *s, struct err *e);
/* The host name that comes with a shared network or host name; false: none does. */
bool sharing_hostname(const struct sharing *s, char *name, size_t size);
/* The partner's id, for the files in /etc that it shares with its network; "": it does not. */
const char *sharing_etc(const struct sharing *s);
