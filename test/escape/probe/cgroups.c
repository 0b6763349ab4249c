/* By cgroups: limits lifted, groups above, version 1's release_agent. */
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define AT "/tmp/cg"

static bool put(const char *directory, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, file);
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static void lift(const char *directory)
{
	static const char *const limits[][2] = {
		{"memory.max", "max"},  {"memory.high", "max"}, {"memory.low", "1000000"}, {"memory.min", "1000000"},
		{"pids.max", "max"},    {"cpu.max", "max"},     {"cpu.weight", "10000"},   {"memory.swap.max", "max"},
		{"cgroup.freeze", "1"}, {"cgroup.kill", "1"},   {"memory.oom.group", "1"},
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		if (put(directory, limits[i][0], limits[i][1]))
			escaped("%s/%s written", directory, limits[i][0]);
}

static void own_limits(enum kind kind)
{
	lift("/sys/fs/cgroup");
	mkdir(AT, 0755);
	/* A mount of our own is rooted where the cgroup namespace is. */
	if (unshare(CLONE_NEWNS) == 0 && mount("none", AT, "cgroup2", 0, NULL) == 0) {
		lift(AT);
		/* Mount options are the machine's: nsdelegate must stay. */
		mount("none", AT, "cgroup2", MS_REMOUNT, "memory_localevents");
		lift(AT);
	}
}

static void groups_above(enum kind kind)
{
	static const char *const above[] = {"/sys/fs/cgroup/..", "/sys/fs/cgroup/../..", AT "/..", AT "/../..", AT};
	struct stat st;

	mkdir(AT, 0755);
	/* A new cgroup namespace, made from a group below, must not see more than before. */
	mkdir("/sys/fs/cgroup/below", 0755);
	put("/sys/fs/cgroup/below", "cgroup.procs", "0");
	if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) == 0)
		mount("none", AT, "cgroup2", 0, NULL);
	for (size_t i = 0; i < sizeof(above) / sizeof(*above); i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/agent", above[i]);
		if (stat(path, &st) == 0)
			escaped("%s is here", path);
		snprintf(path, sizeof(path), "%s/nest", above[i]);
		if (kind == DEFAULT && stat(path, &st) == 0)
			escaped("%s is here", path);
		if (i < 4 && put(above[i], "cgroup.procs", "0"))
			escaped("moved to %s", above[i]);
	}
	if (strstr(text_of("/proc/self/cgroup"), "agent"))
		escaped("in the group %s", text_of("/proc/self/cgroup"));
}

static void release_agent(enum kind kind)
{
	static const char *const places[] = {"/sys/fs/cgroup/release_agent", AT "/release_agent", AT "/below/release_agent"};

	mkdir(AT, 0755);
	for (size_t i = 0; i < 3; i++)
		if (access(places[i], F_OK) == 0)
			escaped("%s is here", places[i]);
	if (mkdir("/sys/fs/cgroup/x", 0755) == 0 && kind == DEFAULT)
		escaped("a group was made");
}

const struct attempt cgroup_attempts[] = {
	{"lift its own limits", ANY, own_limits},
	{"groups above", ANY, groups_above},
	{"release_agent", ANY, release_agent},
	{0},
};
