/* What pid 1 sets once at boot: cgroups, sysctls, loopback, limits, host name. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include "init.h"
#include "io.h"

#define CGROUP "/sys/fs/cgroup/"
#define CONTROLLERS "+cpu +memory +pids +io"

/* A value of NULL makes the directory `path`. */
static const struct {
	const char *path, *value;
} cgroups[] = {
	{CGROUP "cgroup.subtree_control", CONTROLLERS},
	/* agent and engine: on one processor without preemption they must win against whatever spins. */
	{CGROUP "agent", NULL},
	{CGROUP "agent/cpu.weight", "10000"},
	{CGROUP "agent/memory.min", "16777216"},
	/* Shells and programs of the guest host; a fork bomb there ends at its limit. */
	{CGROUP "host", NULL},
	/* Containers share the usual 100 of `nest`: a shell of the host answers while one spins. */
	{CGROUP "host/cpu.weight", "200"},
	{CGROUP "host/pids.max", "4096"},
	{CGROUP "nest", NULL},
	{CGROUP "nest/cgroup.subtree_control", CONTROLLERS},
};

/* What this kernel does not have is skipped. */
static const struct {
	const char *path, *value;
} sysctls[] = {
	/*
	 * What all programs of all containers have together, so that one could use it up for the others. Each of these is kernel memory,
	 * and that is charged to the container.
	 */
	{"/proc/sys/fs/aio-max-nr", "16777216"},
	{"/proc/sys/fs/file-max", "16777216"},
	{"/proc/sys/fs/inotify/max_user_instances", "1048576"},
	{"/proc/sys/fs/inotify/max_user_watches", "16777216"},
	{"/proc/sys/fs/pipe-user-pages-soft", "0"},
	{"/proc/sys/kernel/threads-max", "32768"},
	/* Not all of such a namespace is: as many as the machine can bear beside a container that has used up its memory. */
	{"/proc/sys/user/max_net_namespaces", "1000"},
	/* No tunnel devices in each new network namespace: saves 1.5 ms a container. */
	{"/proc/sys/net/core/fb_tunnels_only_for_init_net", "2"},
	{"/proc/sys/net/ipv4/ping_group_range", "0 2147483647"},
	/* Containers have user namespaces of their own: neither log nor addresses of this kernel are theirs. */
	{"/proc/sys/kernel/dmesg_restrict", "1"},
	{"/proc/sys/kernel/kptr_restrict", "2"},
};

static void set_cgroups(void)
{
	struct err e;

	for (size_t i = 0; i < array_size(cgroups); i++) {
		if (!cgroups[i].value) {
			if (mkdir(cgroups[i].path, 0755) < 0 && errno != EEXIST)
				init_log(3, "mkdir %s: %s", cgroups[i].path, strerror(errno));
		} else if (write_file(cgroups[i].path, cgroups[i].value, &e) < 0) {
			init_log(3, "%s", e.msg);
		}
	}
}

/* All containers together leave this much: whoever fills the memory, even with files that outlive it, fills theirs. */
static void bound_containers(void)
{
	enum { RESERVE = 24 << 20 };
	struct sysinfo info;
	char text[24];
	struct err e;

	if (sysinfo(&info) < 0)
		return;
	uint64_t total = (uint64_t)info.totalram * info.mem_unit;

	snprintf(text, sizeof(text), "%" PRIu64, total - (total > 4 * RESERVE ? RESERVE : total / 4));
	if (write_file(CGROUP "nest/memory.max", text, &e) < 0)
		init_log(3, "%s", e.msg);
}

static void set_sysctls(void)
{
	struct err e;

	for (size_t i = 0; i < array_size(sysctls); i++)
		if (write_file(sysctls[i].path, sysctls[i].value, &e) < 0 && e.sys != ENOENT)
			init_log(3, "%s", e.msg);
}

static void bring_up_loopback(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		init_log(3, "bring up lo: %s", strerror(errno));
}

void init_settings(void)
{
	/* As on a Debian host: the soft limit stays small for programs that loop over all descriptors. */
	static const struct rlimit files = {1024, 524288};
	_cleanup_free_ char *name = NULL;
	size_t length;

	set_cgroups();
	bound_containers();
	set_sysctls();
	bring_up_loopback();
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		init_log(4, "limit of open files: %s", strerror(errno));
	name = read_file("/etc/hostname", 64, &length, NULL);
	if (name) {
		name[strcspn(name, "\n")] = 0;
		if (sethostname(name, strlen(name)) < 0)
			init_log(4, "host name: %s", strerror(errno));
	}
}
