#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "io.h"
#include "resources.h"

enum { MEMORY_MIN = 6 * 1024 * 1024, SHARES_MAX = 262144 };

static const struct {
	const char *key, *name; /* in the request; in io.max */
} io_limits[LIMITS_IO] = {
	{"deviceReadBps", "rbps"},
	{"deviceReadIops", "riops"},
	{"deviceWriteBps", "wbps"},
	{"deviceWriteIops", "wiops"},
};

/* "/dev/x:1000" → "8:0 rbps=1000" */
static int io_line(const char *text, const char *name, char *line, size_t size, struct err *e)
{
	const char *colon = strrchr(text, ':');
	char path[256], *end;
	struct stat device;
	unsigned long long rate = colon ? strtoull(colon + 1, &end, 10) : 0;

	if (!colon || colon[1] < '0' || colon[1] > '9' || *end || colon == text || (size_t)(colon - text) >= sizeof(path))
		return err_set(e, 125, "bad format: %.80s", text);
	snprintf(path, sizeof(path), "%.*s", (int)(colon - text), text);
	if (stat(path, &device) < 0)
		return err_errno(e, 125, "%.80s", path);
	if (!S_ISBLK(device.st_mode))
		return err_set(e, 125, "%.80s is not a block device: only those have io limits", path);
	snprintf(line, size, "%u:%u %s=%llu", major(device.st_rdev), minor(device.st_rdev), name, rate);
	return 0;
}

static int whole(const struct json *request, const char *key, double min, double max, int64_t *out, const char *words, struct err *e)
{
	double value = json_number(request, key, 0);

	/* Written so that NaN is refused too. */
	if (value != 0 && !(value >= min && value <= max))
		return err_set(e, 125, "%s", words);
	*out = (int64_t)value;
	return 0;
}

int limits_parse(const struct json *request, struct limits *l, struct err *e)
{
	char line[96];

	*l = (struct limits){0};
	/* 6 MiB is docker's floor too. */
	if (whole(request, "memory", MEMORY_MIN, 1e15, &l->memory, "Minimum memory limit allowed is 6MB", e) < 0 ||
	    whole(request, "memorySwap", -1, 1e15, &l->memory_swap, "invalid --memory-swap", e) < 0 ||
	    whole(request, "memoryReservation", MEMORY_MIN, 1e15, &l->reservation, "Minimum memory reservation allowed is 6MB",
		  e) < 0 ||
	    whole(request, "cpuQuota", 1000, 1e9, &l->cpu_quota, "Range of CPUs is from 0.01 to 10000", e) < 0 ||
	    whole(request, "cpuShares", 2, SHARES_MAX, &l->cpu_shares,
		  "invalid --cpu-shares: the range is from 2 to 262144", e) < 0 ||
	    whole(request, "pids", -1, 4194304, &l->pids, "invalid pids limit", e) < 0 ||
	    whole(request, "blkioWeight", 10, 1000, &l->io_weight, "Range of blkio weight is from 10 to 1000", e) < 0)
		return -1;
	if (l->pids < 0)
		l->pids = 0;
	if (l->memory_swap && !l->memory)
		return err_set(e, 125, "You should always set the Memory limit when using Memoryswap limit, see usage");
	if (l->memory_swap > 0 && l->memory_swap < l->memory)
		return err_set(e, 125, "Minimum memoryswap limit should be larger than memory limit, see usage");
	if (l->memory && l->reservation > l->memory)
		return err_set(e, 125, "Minimum memory limit can not be less than memory reservation limit, see usage");
	if (l->io_weight && access("/sys/fs/cgroup/nest/io.weight", F_OK) < 0)
		return err_set(e, 125, "--blkio-weight: this kernel has no weights for block devices");
	for (size_t i = 0; i < LIMITS_IO; i++) {
		const struct json *list = json_get(request, io_limits[i].key);

		l->io[i] = list && list->kind == JSON_ARRAY ? list : NULL;
		json_each(text, l->io[i])
			if (text->kind != JSON_STRING || io_line(text->string, io_limits[i].name, line, sizeof(line), e) < 0)
				return -1;
	}
	return 0;
}

/* A value, "max" for -1. */
static int set(int dir, const char *file, int64_t value, const char *tail, struct err *e)
{
	char text[64];

	if (value < 0)
		snprintf(text, sizeof(text), "max%s", tail);
	else
		snprintf(text, sizeof(text), "%lld%s", (long long)value, tail);
	return write_file_at(dir, file, text, e);
}

int limits_apply(int dir, const struct limits *l, bool again, struct err *e)
{
	/* Shares are parts of 1024 and weights of 100; kept in proportion, so that twice the shares are twice the time. */
	int64_t weight = l->cpu_shares ? (l->cpu_shares * 100 + 512) / 1024 : 100;
	int64_t swap = !l->memory || l->memory_swap < 0 ? -1 : l->memory_swap ? l->memory_swap - l->memory : l->memory;
	const struct {
		const char *file;
		bool asked;
		int64_t value;
		const char *tail;
	} files[] = {
		/* Swap first: a lower limit may have to swap out at once. */
		{"memory.swap.max", l->memory, swap, ""},
		{"memory.max", l->memory, l->memory ? l->memory : -1, ""},
		{"memory.low", l->reservation, l->reservation, ""},
		{"cpu.max", l->cpu_quota, l->cpu_quota ? l->cpu_quota : -1, " 100000"},
		{"cpu.weight", l->cpu_shares, weight < 1 ? 1 : weight > 10000 ? 10000 : weight, ""},
		{"pids.max", l->pids, l->pids ? l->pids : -1, ""},
		{"io.weight", l->io_weight, l->io_weight ? l->io_weight : 100, ""},
	};
	char line[96];

	for (size_t i = 0; i < array_size(files); i++) {
		if (!files[i].asked && !again)
			continue;
		/* What this kernel lacks was refused before, but for swap: without that it cannot be used up either. */
		if (set(dir, files[i].file, files[i].value, files[i].tail, e) < 0 && e->sys != ENOENT)
			return -1;
	}
	for (size_t i = 0; i < LIMITS_IO; i++)
		json_each(text, l->io[i])
			if (io_line(text->string, io_limits[i].name, line, sizeof(line), e) < 0 ||
			    write_file_at(dir, "io.max", line, e) < 0)
				return -1;
	return 0;
}

struct json *limits_merge(const struct json *request, const struct json *changes)
{
	struct jsonw w = {0};
	struct json *merged = NULL;

	jsonw_object(&w, NULL);
	json_each(value, request)
		if (!json_get(changes, value->key))
			jsonw_value(&w, value->key, value);
	json_each(value, changes)
		if (value->kind != JSON_NULL)
			jsonw_value(&w, value->key, value);
	jsonw_end_object(&w);
	if (!w.failed)
		merged = json_parse(w.data, w.length, NULL);
	jsonw_free(&w);
	return merged;
}
