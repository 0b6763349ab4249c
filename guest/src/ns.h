/* User namespaces and the clone that makes all namespaces of a container at once. */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "err.h"

/* Every namespace there is; 6.12 takes CLONE_NEWTIME in clone3. */
#define NS_ALL                                                                                                                   \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP |             \
	 CLONE_NEWTIME)

/*
 * fork with `flags` (CLONE_NEW…, CLONE_PARENT) into the cgroup directory `cgroup` (-1: stay). Signal handlers are reset in the child.
 * 0 in the child; in the parent the pid, and a pidfd in `pidfd` unless NULL.
 */
pid_t ns_clone(uint64_t flags, int cgroup, int *pidfd, struct err *e);
/*
 * setns to those of `flags` that the process of `pidfd` does not have in common with us: the kernel refuses to join one's own user
 * namespace, and from another one the level's own.
 */
int ns_join(int pidfd, uint64_t flags);
/* Of `flags`, those; 0 when the process is gone. */
uint64_t ns_foreign(int pidfd, uint64_t flags);
/* Maps 0 … count-1 of the user namespace `pid` is in to `first` … of ours. */
int ns_map(pid_t pid, uint32_t first, uint32_t count, struct err *e);
/* A descriptor of a new user namespace with that mapping, for id-mapped mounts. */
int ns_user(uint32_t first, uint32_t count, struct err *e);
