#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cgroup.h"
#include "io.h"
#include "oci.h"

int oci_cgroup_path(struct oci *c, struct err *e)
{
	const char *path = json_string(oci_get(c->config, "linux"), "cgroupsPath", "");

	/* Relative ones are below a place of ours; "slice:prefix:name" is systemd's, whom we have not. */
	if (strlen(path) > OCI_PATH_MAX - 32 || strchr(path, ':') || strstr(path, "..") || strstr(path, "//") ||
	    (*path && path[strlen(path) - 1] == '/'))
		return err_set(e, 1, "config: linux.cgroupsPath: \"%.120s\" is not usable", path);
	if (*path == '/')
		snprintf(c->cgroup, sizeof(c->cgroup), "%s", path);
	else
		snprintf(c->cgroup, sizeof(c->cgroup), "/nest-oci/%s", *path ? path : c->id);
	return 0;
}

/* `number` < 0 is "max" where the file knows that. */
static int put(int dir, const char *file, double number, const char *field, struct err *e)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)number);
	if (write_file_at(dir, file, number < 0 ? "max" : text, e) < 0)
		return err_context(e, "config: linux.resources.%s", field);
	return 0;
}

static int put_if(int dir, const char *file, const struct json *section, const char *name, const char *field, struct err *e)
{
	const struct json *value = json_get(section, name);

	return value && value->kind == JSON_NUMBER ? put(dir, file, value->number, field, e) : 0;
}

static int set_memory(int dir, const struct json *memory, struct err *e)
{
	double limit = json_number(memory, "limit", 0), swap = json_number(memory, "swap", 0);
	bool have_swap = faccessat(dir, "memory.swap.max", F_OK, 0) == 0;

	/* `swap` is memory and swap together here, and alone in the kernel. */
	if (swap > 0 && (limit <= 0 || swap < limit))
		return err_set(e, 1, "config: linux.resources.memory.swap: smaller than limit");
	if (swap && have_swap && put(dir, "memory.swap.max", swap < 0 ? -1 : swap - limit, "memory.swap", e) < 0)
		return -1;
	if (limit && put(dir, "memory.max", limit, "memory.limit", e) < 0)
		return -1;
	return put_if(dir, "memory.low", memory, "reservation", "memory.reservation", e);
}

static int set_cpu(int dir, const struct json *cpu, struct err *e)
{
	double shares = json_number(cpu, "shares", 0), quota = json_number(cpu, "quota", 0),
	       period = json_number(cpu, "period", 0);
	const char *const sets[][3] = {{"cpus", "cpuset.cpus", "cpu.cpus"}, {"mems", "cpuset.mems", "cpu.mems"}};
	char text[64];

	/* 2 … 262144 to 1 … 10000 */
	if (shares && put(dir, "cpu.weight",
			  1 + (long long)((shares < 2        ? 0
					   : shares > 262144 ? 262142
							     : shares - 2) *
					  9999 / 262142),
			  "cpu.shares", e) < 0)
		return -1;
	if (put_if(dir, "cpu.idle", cpu, "idle", "cpu.idle", e) < 0)
		return -1;
	if (quota || period) {
		if (quota > 0)
			snprintf(text, sizeof(text), "%lld %lld", (long long)quota, (long long)(period ? period : 100000));
		else
			snprintf(text, sizeof(text), "max %lld", (long long)(period ? period : 100000));
		if (write_file_at(dir, "cpu.max", text, e) < 0)
			return err_context(e, "config: linux.resources.cpu.quota");
	}
	if (put_if(dir, "cpu.max.burst", cpu, "burst", "cpu.burst", e) < 0)
		return -1;
	for (size_t i = 0; i < array_size(sets); i++) {
		const char *value = json_string(cpu, sets[i][0], "");

		if (*value && write_file_at(dir, sets[i][1], value, e) < 0)
			return err_context(e, "config: linux.resources.%s", sets[i][2]);
	}
	return 0;
}

static int set_block(int dir, const struct json *block, struct err *e)
{
	static const char *const rates[][2] = {{"throttleReadBpsDevice", "rbps"},
					       {"throttleReadIOPSDevice", "riops"},
					       {"throttleWriteBpsDevice", "wbps"},
					       {"throttleWriteIOPSDevice", "wiops"}};
	char text[96];
	double weight = json_number(block, "weight", 0);

	if (weight && put(dir, "io.weight", 1 + (weight - 10) * 9999 / 990, "blockIO.weight", e) < 0)
		return -1;
	json_each(device, oci_get(block, "weightDevice")) {
		snprintf(text, sizeof(text), "%.0f:%.0f %.0f", json_number(device, "major", 0), json_number(device, "minor", 0),
			 json_number(device, "weight", 100));
		if (write_file_at(dir, "io.weight", text, e) < 0)
			return err_context(e, "config: linux.resources.blockIO.weightDevice");
	}
	for (size_t i = 0; i < array_size(rates); i++) {
		json_each(device, oci_get(block, rates[i][0])) {
			snprintf(text, sizeof(text), "%.0f:%.0f %s=%.0f", json_number(device, "major", 0),
				 json_number(device, "minor", 0), rates[i][1], json_number(device, "rate", 0));
			if (write_file_at(dir, "io.max", text, e) < 0)
				return err_context(e, "config: linux.resources.blockIO.%s", rates[i][0]);
		}
	}
	return 0;
}

int oci_cgroup_set(int dir, const struct json *resources, struct err *e)
{
	const struct json *pids = oci_get(resources, "pids");
	char name[128];

	if (set_memory(dir, oci_get(resources, "memory"), e) < 0 || set_cpu(dir, oci_get(resources, "cpu"), e) < 0 ||
	    set_block(dir, oci_get(resources, "blockIO"), e) < 0)
		return -1;
	double limit = json_number(pids, "limit", 0);

	if (pids && put(dir, "pids.max", limit ? limit : -1, "pids.limit", e) < 0)
		return -1;
	if (oci_get(resources, "devices") && oci_devices(dir, oci_get(resources, "devices"), e) < 0)
		return -1;
	json_each(huge, oci_get(resources, "hugepageLimits")) {
		const char *size = json_string(huge, "pageSize", "");

		snprintf(name, sizeof(name), "hugetlb.%.32s.max", size);
		if (strchr(size, '/') || put(dir, name, json_number(huge, "limit", 0), "hugepageLimits", e) < 0)
			return -1;
	}
	json_each(setting, oci_get(resources, "unified")) {
		if (strchr(setting->key, '/') || !strchr(setting->key, '.'))
			return err_set(e, 1, "config: linux.resources.unified: \"%.80s\" is no file of a cgroup", setting->key);
		if (write_file_at(dir, setting->key, setting->string, e) < 0)
			return err_context(e, "config: linux.resources.unified");
	}
	return 0;
}

int oci_cgroup_make(struct oci *c, struct err *e)
{
	_cleanup_fd_ int dir = cgroup_make_at(c->cgroup, e);

	if (dir < 0 || oci_cgroup_set(dir, oci_get(c->config, "linux.resources"), e) < 0)
		return -1;
	if (!oci_get(c->config, "linux.resources.devices") && oci_devices(dir, NULL, e) < 0)
		return -1;
	return take_fd(&dir);
}

int oci_cgroup_signal(const struct oci *c, int signal, struct err *e)
{
	char path[OCI_PATH_MAX + 32];

	if (signal == SIGKILL)
		return cgroup_kill(c->cgroup, e);
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.procs", c->cgroup);
	_cleanup_free_ char *pids = read_file(path, OCI_TEXT_MAX, NULL, e);

	if (!pids)
		return -1;
	for (char *save = NULL, *pid = strtok_r(pids, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save))
		if (atoi(pid) > 0)
			kill(atoi(pid), signal);
	return 0;
}
