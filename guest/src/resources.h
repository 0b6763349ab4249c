/* What a container may use: checked, then written into its cgroup. */
#pragma once
#include <stdint.h>
#include "err.h"
#include "json.h"

enum { LIMITS_IO = 4 };

/* 0: not asked for. */
struct limits {
	int64_t memory;      /* bytes */
	int64_t memory_swap; /* bytes of both, -1: no limit; 0: twice the memory */
	int64_t reservation; /* bytes, kept when others need memory */
	int64_t cpu_quota;   /* microseconds per period */
	int64_t cpu_period;  /* microseconds; 0: 100 ms */
	int64_t cpu_shares;  /* of 1024 */
	int64_t pids;
	int64_t io_weight;
	const struct json *io[LIMITS_IO]; /* "path:number" each, as resources.c names them */
};

/* Out of a request of ENGINE.md. Docker's words on failure. */
int limits_parse(const struct json *request, struct limits *limits, struct err *e);
/* Into an open cgroup directory. With `again` what is not asked for goes back to none. */
int limits_apply(int dir, const struct limits *limits, bool again, struct err *e);
/* --cpu-shares (2 to 262144, 1024 usual) as cpu.weight (1 to 10000, 100 usual), by runc's formula. */
int64_t resources_weight(int64_t shares);
/* "warnings": what a request asks for and this kernel does not have. */
void resources_warn(const struct json *request, struct jsonw *w);
/*
 * What is not asked for and would let one container take the machine: `memory` bytes and a number of processes, as if it had been.
 * Free with json_free.
 */
struct json *limits_default(const struct json *request, int64_t memory);
/* `request` with what `changes` has instead of its own; null in it removes. Free with json_free. */
struct json *limits_merge(const struct json *request, const struct json *changes);
