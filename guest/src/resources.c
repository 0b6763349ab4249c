#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "io.h"
#include "resources.h"

enum { MEMORY_MIN = 6 * 1024 * 1024, PERIOD = 100000, PIDS = 1024, NEST_PIDS = 4096 };

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

/* "0-3,5" */
static bool set_ok(const char *text)
{
	while (*text) {
		char *end;
		unsigned long from = strtoul(text, &end, 10), to = from;

		if (!isdigit((unsigned char)*text))
			return false;
		if (*end == '-') {
			text = end + 1;
			to = strtoul(text, &end, 10);
			if (!isdigit((unsigned char)*text))
				return false;
		}
		if (to < from || (*end && (*end != ',' || !end[1])))
			return false;
		text = end + (*end == ',');
	}
	return true;
}

int limits_parse(const struct json *request, struct limits *l, struct err *e)
{
	char line[96];

	*l = (struct limits){0};
	/* 6 MiB is docker's floor too. */
	const struct {
		const char *key;
		double min, max;
		int64_t *out;
		const char *words;
	} numbers[] = {
		{"blkioWeight", 10, 1000, &l->io_weight, "Range of blkio weight is from 10 to 1000"},
		{"cpuPeriod", 1000, 1000000, &l->cpu_period,
		 "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"},
		{"cpuQuota", -1, 1e12, &l->cpu_quota, "CPU cfs quota can not be less than 1ms (i.e. 1000)"},
		{"cpuShares", 0, 1e15, &l->cpu_shares, "invalid CPU shares: value must be a positive integer"},
		{"memory", MEMORY_MIN, 1e15, &l->memory, "Minimum memory limit allowed is 6MB"},
		{"memoryReservation", MEMORY_MIN, 1e15, &l->reservation, "Minimum memory reservation allowed is 6MB"},
		{"memorySwap", -1, 1e15, &l->memory_swap, "invalid --memory-swap"},
		{"pids", -1, 4194304, &l->pids, "invalid pids limit"},
	};

	for (size_t i = 0; i < array_size(numbers); i++) {
		double value = json_number(request, numbers[i].key, 0);

		/* Written so that NaN is refused too. */
		if (value != 0 && !(value >= numbers[i].min && value <= numbers[i].max))
			return err_set(e, 125, "%s", numbers[i].words);
		*numbers[i].out = (int64_t)value;
	}
	static const char *const sets[][2] = {{"cpusetCpus", "cpus"}, {"cpusetMems", "mems"}};

	/* Those are checked although this kernel has no such sets. */
	for (size_t i = 0; i < array_size(sets); i++)
		if (!set_ok(json_string(request, sets[i][0], "")))
			return err_set(e, 125, "Invalid value %.80s for cpuset %s", json_string(request, sets[i][0], ""),
				       sets[i][1]);
	if (l->cpu_quota > 0 && l->cpu_quota < 1000)
		return err_set(e, 125,
			       json_get(request, "cpuPeriod") ? "CPU cfs quota can not be less than 1ms (i.e. 1000)"
							      : "Range of CPUs is from 0.01 to 10000");
	if (l->cpu_quota < 0)
		l->cpu_quota = 0;
	if (l->pids < 0)
		l->pids = 0;
	if (l->memory_swap && !l->memory)
		return err_set(e, 125, "You should always set the Memory limit when using Memoryswap limit, see usage");
	if (l->memory_swap > 0 && l->memory_swap < l->memory)
		return err_set(e, 125, "Minimum memoryswap limit should be larger than memory limit, see usage");
	if (l->memory && l->reservation > l->memory)
		return err_set(e, 125, "Minimum memory limit can not be less than memory reservation limit, see usage");
	for (size_t i = 0; i < LIMITS_IO; i++) {
		const struct json *list = json_get(request, io_limits[i].key);

		l->io[i] = list && list->kind == JSON_ARRAY ? list : NULL;
		json_each(text, l->io[i])
			if (text->kind != JSON_STRING || io_line(text->string, io_limits[i].name, line, sizeof(line), e) < 0)
				return -1;
	}
	return 0;
}

/* ⌈10^((l² + 125·l)/612 - 7/34)⌉ with l = log2(shares), by hand: the library's functions are larger than all of this file. */
int64_t resources_weight(int64_t shares)
{
	double v = (double)(shares < 2 ? 2 : shares > 262144 ? 262144 : shares), l = 0, term = 1, power = 1;

	for (; v >= 2; v /= 2)
		l++;
	for (double bit = 0.5; bit > 1e-12; bit /= 2) {
		v *= v;
		if (v >= 2) {
			v /= 2;
			l += bit;
		}
	}
	/* e^x, with x below 10. */
	double x = ((l * l + 125 * l) / 612 - 7.0 / 34) * 2.302585092994046;

	for (int n = 1; n < 50; n++) {
		term *= x / n;
		power += term;
	}
	return (int64_t)(power + 1 - 1e-6);
}

void resources_warn(const struct json *request, struct jsonw *w)
{
	static const struct {
		const char *key, *file, *words;
	} checks[] = {
		{"blkioWeight", "io.weight",
		 "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded."},
		{"cpusetCpus", "cpuset.cpus",
		 "Your kernel does not support cpuset or the cgroup is not mounted. CPUset discarded."},
		{"cpusetMems", "cpuset.mems",
		 "Your kernel does not support cpuset or the cgroup is not mounted. CPUset discarded."},
		{"memorySwap", "memory.swap.max",
		 "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without "
		 "swap."},
	};
	char path[80];

	jsonw_array(w, "warnings");
	for (size_t i = 0; i < array_size(checks); i++) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup/nest/%s", checks[i].file);
		if (json_get(request, checks[i].key) && access(path, F_OK) < 0)
			jsonw_string(w, NULL, checks[i].words);
	}
	const struct json *ports = json_get(request, "ports");

	/* No resource, but the only other thing docker's engine warns of here. */
	if (ports && ports->length && strcmp(json_string(request, "network", ""), "host") == 0)
		jsonw_string(w, NULL, "Published ports are discarded when using host network mode");
	jsonw_end_array(w);
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
	int64_t weight = l->cpu_shares ? resources_weight(l->cpu_shares) : 100;
	int64_t swap = !l->memory || l->memory_swap < 0 ? -1 : l->memory_swap ? l->memory_swap - l->memory : l->memory;
	char period[24];
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
		{"cpu.max", l->cpu_quota || l->cpu_period, l->cpu_quota ? l->cpu_quota : -1, period},
		{"cpu.weight", l->cpu_shares, weight, ""},
		{"pids.max", l->pids, l->pids ? l->pids : -1, ""},
		{"io.weight", l->io_weight, l->io_weight ? l->io_weight : 100, ""},
	};
	char line[96];

	snprintf(period, sizeof(period), " %lld", (long long)(l->cpu_period ? l->cpu_period : PERIOD));
	for (size_t i = 0; i < array_size(files); i++) {
		if (!files[i].asked && !again)
			continue;
		/* What this kernel lacks was warned of before, but for swap: without that it cannot be used up either. */
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

struct json *limits_default(const struct json *request, int64_t memory)
{
	bool nest = json_bool(request, "nest", false) || json_bool(request, "privileged", false);
	struct jsonw w = {0};
	struct json *set = NULL, *merged;

	jsonw_object(&w, NULL);
	if (memory >= MEMORY_MIN && !json_get(request, "memory") &&
	    json_number(request, "memoryReservation", 0) <= (double)memory)
		jsonw_int(&w, "memory", memory);
	if (!json_get(request, "pids"))
		jsonw_int(&w, "pids", nest ? NEST_PIDS : PIDS);
	jsonw_end_object(&w);
	if (!w.failed)
		set = json_parse(w.data, w.length, NULL);
	jsonw_free(&w);
	merged = set ? limits_merge(request, set) : NULL;
	json_free(set);
	return merged;
}
