/* By namespaces: those of the level above, new ones where none may be made, and id maps that reach too far. */
#include "probe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Newer than the headers we are built with. */
#ifndef NS_MNT_GET_NEXT
struct mnt_ns_info {
	uint32_t size, nr_mounts;
	uint64_t mnt_ns_id;
};
#define NS_MNT_GET_NEXT _IOR(NSIO, 11, struct mnt_ns_info)
#define NS_MNT_GET_PREV _IOR(NSIO, 12, struct mnt_ns_info)
#endif

static const char *const names[] = {"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"};

/* The kernel shows a namespace's parent or owner only below the caller's own. */
static void parents(enum kind kind)
{
	static const unsigned asks[] = {NS_GET_PARENT, NS_GET_USERNS};
	char path[64];

	DIR *processes = opendir("/proc");

	for (struct dirent *process; processes && (process = readdir(processes));)
		for (size_t i = 0; i < 8; i++) {
			snprintf(path, sizeof(path), "/proc/%.16s/ns/%s", process->d_name, names[i]);
			int own = open(path, O_RDONLY);

			/* The owner of ours is our user namespace; the owner or parent of that is out of reach. */
			for (size_t ask = 0; own >= 0 && ask < 2; ask++) {
				int up = ioctl(own, asks[ask]);

				if (up >= 0 && ioctl(up, NS_GET_PARENT) >= 0)
					escaped("a namespace above that of %s", path);
				if (up >= 0 && asks[ask] == NS_GET_PARENT)
					escaped("the parent of %s", path);
				if (up >= 0)
					close(up);
			}
			if (own >= 0)
				close(own);
		}
	if (processes)
		closedir(processes);
}

/* From mount namespace to mount namespace, through the kernel's list of all (6.12). */
static void neighbours(enum kind kind)
{
	static const unsigned long ways[] = {NS_MNT_GET_NEXT, NS_MNT_GET_PREV};

	for (size_t way = 0; way < 2; way++) {
		if (!in_child())
			continue;
		int at = open("/proc/self/ns/mnt", O_RDONLY);

		for (int i = 0; at >= 0 && i < 200; i++) {
			struct mnt_ns_info info = {.size = sizeof(info)};
			int next = ioctl(at, ways[way], &info);

			if (next < 0)
				break;
			if (kind == DEFAULT)
				escaped("another mount namespace is in reach");
			if (in_child()) {
				if (setns(next, CLONE_NEWNS) == 0)
					look_for_canary(AT_FDCWD, "/canary", "another mount namespace");
				_exit(0);
			}
			at = next;
		}
		_exit(0);
	}
}

static void new_ones(enum kind kind)
{
	static const uint64_t flags[] = {CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,    CLONE_NEWNET,
					 CLONE_NEWUTS,  CLONE_NEWIPC, CLONE_NEWCGROUP, 0x80 /* CLONE_NEWTIME */};

	for (size_t i = 0; i < 8; i++) {
		if (unshare((int)flags[i]) == 0)
			escaped("unshare 0x%x", (unsigned)flags[i]);
		struct clone_args args = {.flags = flags[i], .exit_signal = SIGCHLD};
		long pid = syscall(SYS_clone3, &args, sizeof(args));

		if (pid == 0)
			_exit(0);
		if (pid > 0)
			escaped("clone3 0x%x", (unsigned)flags[i]);
		pid = flags[i] == 0x80 ? -1 : syscall(SYS_clone, (unsigned long)flags[i] | SIGCHLD, NULL, NULL, NULL, NULL);
		if (pid == 0)
			_exit(0);
		if (pid > 0)
			escaped("clone 0x%x", (unsigned)flags[i]);
	}
}

/* Every namespace file that can be opened, of whatever process. */
static void join(enum kind kind)
{
	char path[64];

	for (int pid = 1; pid < 300; pid++) {
		for (size_t i = 0; i < 8; i++) {
			snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, names[i]);
			int fd = open(path, O_RDONLY);

			if (fd < 0)
				continue;
			if (in_child()) {
				if (setns(fd, 0) == 0) {
					if (kind == DEFAULT)
						escaped("joined %s", path);
					look_for_canary(AT_FDCWD, "/canary", path);
				}
				_exit(0);
			}
			close(fd);
		}
	}
}

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/* Ids beyond our own, alone and behind five others (CVE-2018-18955: the maps of more than five lines). */
static void id_maps(enum kind kind)
{
	static const char *const maps[] = {
		"0 %u 1\n",
		"0 0 1\n1 1 1\n2 2 1\n3 3 1\n4 4 1\n5 %u 1\n",
		"0 0 1\n1 1 1\n2 2 1\n3 3 1\n4 4 1\n5 5 1\n6 6 1\n", /* a right, but nothing may follow from it */
		"0 0 %u\n",
	};
	char map[128];
	char path[64];
	unsigned inside, outside, ids = 0;

	if (sscanf(text_of("/proc/self/uid_map"), "%u %u %u", &inside, &outside, &ids) != 3 || outside == 0)
		escaped("uid_map: %s", text_of("/proc/self/uid_map"));
	for (size_t i = 0; i < 4; i++) {
		int go[2];
		char c;

		if (pipe(go) < 0)
			return;
		pid_t pid = fork();

		if (pid == 0) {
			alarm(5);
			close(go[1]);
			if (unshare(CLONE_NEWUSER) < 0)
				_exit(0);
			(void)!read(go[0], &c, 1);
			/* Root of a user namespace below ours has nothing where we have nothing. */
			if (chmod("/dev/null", 0666) == 0)
				escaped("the host's files belong to the root of a new user namespace");
			_exit(0);
		}
		usleep(20000);
		snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
		snprintf(map, sizeof(map), maps[i], i == 3 ? ids + 1 : ids);
		if (put(path, map) && i != 2)
			escaped("ids we do not have were given: %s", map);
		close(go[0]);
		close(go[1]);
		kill(pid, SIGKILL);
	}
}

const struct attempt namespace_attempts[] = {
	{"parents of namespaces", ANY, parents}, {"neighbouring mount namespaces", ANY, neighbours},
	{"new namespaces", DEFAULT, new_ones},   {"join namespaces", ANY, join},
	{"ids beyond our own", ANY, id_maps},    {0},
};
