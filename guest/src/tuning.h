/* What of a container's settings shapes its programs and their surroundings, apart from limits of its cgroup and networks. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "err.h"
#include "json.h"

/* Points into the request. The lists hold checked texts (ulimit.h, sysctl.h, tmpfs.h, device.h), or are NULL. */
struct tuning {
	const struct json *devices, *groups, *labels, *sysctls, *time_offsets, *tmpfs, *ulimits;
	const struct json *seccomp; /* a profile as docker's (seccomp_profile.h), or NULL */
	int64_t shm_size;           /* bytes */
	int oom_score_adj;          /* 0 … 1000 */
	bool init;                  /* our own first process, which forwards signals and reaps */
};

int tuning_parse(const struct json *request, struct tuning *tuning, struct err *e);
/* "NAME[=value]" */
int label_check(const char *text, struct err *e);
/* "labels": those of the image's configuration and the container's own, which win. */
void labels_put(struct jsonw *w, const char *key, const struct json *config, const struct json *list);
/* What of them `inspect` shows within HostConfig. */
void tuning_put(struct jsonw *w, const struct json *request);
