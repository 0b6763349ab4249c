/* Which devices the programs of a cgroup may open and make: a BPF program on the cgroup, since version 2 has no file for it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

enum { DEVICE_MAKE = 1, DEVICE_READ = 2, DEVICE_WRITE = 4, DEVICE_ALL = 7, DEVICE_RULES_MAX = 256 };
#define DEVICE_ANY UINT32_MAX

struct device_rule {
	char type; /* 'a': any, 'b', 'c' */
	bool allow;
	unsigned access;       /* DEVICE_… */
	uint32_t major, minor; /* DEVICE_ANY */
};

/* "rwm" as DEVICE_…; 0: something else is in it, or nothing. */
unsigned device_access(const char *letters);
/*
 * Of the rules, and after them those for the devices every container has, the last that says something about an access counts;
 * what none speaks of is refused. Takes the place of an earlier filter of this cgroup. `count` is at most DEVICE_RULES_MAX.
 */
int device_filter(int cgroup, const struct device_rule *rules, size_t count, struct err *e);
