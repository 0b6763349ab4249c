#include <errno.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "io.h"
#include "mounts.h"
#include "oci.h"
#include "sysctl.h"

/* By their numbers. */
static const char *const limit_names[] = {"CPU",     "FSIZE", "DATA",  "STACK",      "CORE",     "RSS",  "NPROC",  "NOFILE",
					  "MEMLOCK", "AS",    "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"};

static rlim_t limit_value(double number)
{
	return number >= 0x1p63 ? RLIM_INFINITY : (rlim_t)number;
}

int oci_limits(const struct json *list, struct err *e)
{
	json_each(item, list) {
		const char *type = json_string(item, "type", "");
		struct rlimit limit = {limit_value(json_number(item, "soft", 0)), limit_value(json_number(item, "hard", 0))};
		size_t i = 0;

		while (i < array_size(limit_names) && (strncmp(type, "RLIMIT_", 7) != 0 || strcmp(type + 7, limit_names[i]) != 0))
			i++;
		if (i == array_size(limit_names))
			return err_set(e, 1, "config: process.rlimits: unknown type \"%.40s\"", type);
		if (setrlimit((int)i, &limit) < 0)
			return err_errno(e, 1, "config: process.rlimits: %s", type);
	}
	return 0;
}

static int write_sysctls(const struct json *list, unsigned own, struct err *e)
{
	static const char *const none[][2] = {{NULL, NULL}};
	_cleanup_fd_ int proc = mount_new("proc", none, 0, e);

	if (proc < 0)
		return -1;
	json_each(item, list) {
		size_t length = strlen(item->key);

		if (!(sysctl_namespace(item->key, length) & own))
			return err_set(e, 1, "config: linux.sysctl: \"%.130s\" is not of a namespace of the container's own",
				       item->key);
		if (sysctl_write(proc, item->key, length, item->string, e) < 0)
			return err_context(e, "config: linux.sysctl: %.130s", item->key);
	}
	return 0;
}

int oci_settings(const struct oci *c, unsigned own, struct err *e)
{
	const struct json *sysctl = oci_get(c->config, "linux.sysctl");
	const char *domain = json_string(oci_get(c->config, "linux.personality"), "domain", "");

	if (sysctl && sysctl->length && write_sysctls(sysctl, own, e) < 0)
		return -1;
	if (*domain && strcmp(domain, "LINUX") != 0 && strcmp(domain, "LINUX32") != 0)
		return err_set(e, 1, "config: linux.personality.domain: \"%.40s\" is unknown", domain);
	if (*domain && personality(domain[5] ? PER_LINUX32 : PER_LINUX) < 0)
		return err_errno(e, 1, "config: linux.personality");
	return 0;
}

int oci_time_offsets(const struct oci *c, pid_t pid, struct err *e)
{
	char path[64], line[80];

	snprintf(path, sizeof(path), "/proc/%d/timens_offsets", pid);
	json_each(offset, oci_get(c->config, "linux.timeOffsets")) {
		snprintf(line, sizeof(line), "%.20s %.0f %.0f\n", offset->key, json_number(offset, "secs", 0),
			 json_number(offset, "nanosecs", 0));
		if (write_file(path, line, e) < 0)
			return err_context(e, "config: linux.timeOffsets.%.20s", offset->key);
	}
	return 0;
}

void oci_caps_clip(struct cap_sets *caps)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return;
	uint64_t have = data[0].permitted | (uint64_t)data[1].permitted << 32;

	caps->permitted &= have;
	caps->effective &= caps->permitted;
	caps->inheritable &= have;
	caps->ambient &= caps->permitted & caps->inheritable;
}
