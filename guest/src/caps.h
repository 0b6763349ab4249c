/* Capabilities of a container: which it keeps, and how the others are given up. */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "err.h"

enum profile {
	PROFILE_PLAIN,
	PROFILE_NEST,       /* what an engine needs inside its own user namespace */
	PROFILE_PRIVILEGED, /* everything, inside its own user namespace */
};

/* Capability numbers as bits. */
uint64_t caps_of(enum profile profile);
/* The bit of a name ("NET_ADMIN", "cap_net_admin"), ~0 for "ALL", 0 when unknown. */
uint64_t caps_by_name(const char *name);
/* Shrinks the bounding set; before the user is changed. */
int caps_bound(uint64_t keep, struct err *e);
/* As bits. Docker's containers have the first three alike for root, and the rest empty (CVE-2022-24769). */
struct cap_sets {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* Effective, permitted and inheritable; the permitted set can only shrink. */
int caps_set(const struct cap_sets *sets, struct err *e);
/* Becomes uid:gid with these (`bounding` is caps_bound's). Groups are set even when there are none (CVE-2022-36109). */
int caps_become(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count, const struct cap_sets *sets, struct err *e);
