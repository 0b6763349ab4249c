/* By processes: seeing, signalling and looking into others; and lying in wait for one that joins. */
#include "probe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Those of the runtime above, the kernel's, and a program that every level above runs. */
static void see(enum kind kind)
{
	static const char *const theirs[] = {"init", "agent", "engine", "sleep 86400", "/probe listen"};
	char path[64], line[64];

	for (int pid = 1; pid < 2000; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
		snprintf(line, sizeof(line), "%s", text_of(path));
		for (size_t end = strlen(line); end + 1 < sizeof(line) && text_of(path)[end + 1]; end = strlen(line))
			snprintf(line + end, sizeof(line) - end, " %s", text_of(path) + end + 1);
		for (size_t i = 0; i < 5; i++)
			if (strcmp(line, theirs[i]) == 0 || (i > 2 && strstr(line, theirs[i])))
				escaped("process %d is %s", pid, line);
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		if (strncmp(text_of(path), "kthreadd", 8) == 0)
			escaped("process %d is the kernel's", pid);
	}
}

/*
 * Every number there is: only processes of this container may hear of it, and * our own pid 1 hears of nothing it does not want.
 */
static void signal_all(enum kind kind)
{
	setpgid(0, 0);
	kill(-1, SIGKILL);
	kill(-1, SIGTERM);
	for (int pid = 2; pid < 4000; pid++)
		if (pid != getpid())
			kill(pid, SIGKILL);
}

/* As strong as we can: more priority, memory kept, limits lifted; all of them are the machine's to give. */
static void priority(enum kind kind)
{
	struct rlimit limit;
	struct {
		int priority;
	} parameter = {1};

	errno = 0;
	if (setpriority(PRIO_PROCESS, 0, -20) == 0)
		escaped("nice value -20");
	if (syscall(SYS_sched_setscheduler, 0, 1 /* SCHED_FIFO */, &parameter) == 0)
		escaped("real-time scheduling");
	if (syscall(SYS_ioprio_set, 1, 0, 1 << 13 | 1) == 0)
		escaped("real-time input and output");
	int fd = open("/proc/self/oom_score_adj", O_WRONLY);

	if (fd >= 0 && write(fd, "-1000", 5) == 5)
		escaped("never killed when memory runs out");
	for (unsigned resource = 0; resource < 16; resource++) {
		if (getrlimit((int)resource, &limit) < 0 || limit.rlim_max == RLIM_INFINITY)
			continue;
		limit.rlim_max++;
		if (setrlimit((int)resource, &limit) == 0)
			escaped("hard limit %u raised", resource);
	}
}

const struct attempt process_attempts[] = {
	{"see the host's processes", ANY, see},
	{"signal everything", ANY, signal_all},
	{"more than its share", ANY, priority},
	{0},
};

/* --- watch: what another process gives away while it joins for exec */

static void look_into(int pid)
{
	char path[64];
	char bytes[8];
	struct iovec here = {bytes, sizeof(bytes)}, there = {(void *)0x08048000, sizeof(bytes)};

	/* Dumpable processes of our own user namespace are ours to look into: only those that are not yet inside count. */
	snprintf(path, sizeof(path), "/proc/%d/root/canary", pid);
	look_for_canary(AT_FDCWD, path, "a joining process's root");
	snprintf(path, sizeof(path), "/proc/%d/cwd/canary", pid);
	look_for_canary(AT_FDCWD, path, "a joining process's directory");
	for (int fd = 0; fd < 24; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d/canary", pid, fd);
		look_for_canary(AT_FDCWD, path, "a joining process's descriptor");
		snprintf(path, sizeof(path), "/proc/%d/fd/%d/../../../../canary", pid, fd);
		look_for_canary(AT_FDCWD, path, "a joining process's descriptor");
	}
	snprintf(path, sizeof(path), "/proc/%d/exe", pid);
	char target[256];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	target[n > 0 ? n : 0] = 0;
	if (strstr(target, "nest")) {
		if (writable(path))
			escaped("the runtime can be written through %s", path);
		if (syscall(SYS_process_vm_readv, pid, &here, 1, &there, 1, 0) > 0)
			escaped("the runtime's memory can be read");
		if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) == 0) {
			escaped("the runtime can be traced");
			ptrace(PTRACE_DETACH, pid, NULL, NULL);
		}
		int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);

		for (int fd = 0; pidfd >= 0 && fd < 24; fd++) {
			int got = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);

			if (got >= 0)
				escaped("descriptor %d of the runtime taken", fd);
		}
		if (pidfd >= 0)
			close(pidfd);
	}
}

int watch(int seconds)
{
	time_t end = time(NULL) + seconds;
	long looks = 0, seen = 0;
	int own = getpid();

	printf("watching\n");
	fflush(stdout);
	while (time(NULL) < end && access("/tmp/stop", F_OK) < 0) {
		/* Pids are given in order, so the next ones are known. */
		for (int pid = 2; pid < 120; pid++) {
			char path[32];

			snprintf(path, sizeof(path), "/proc/%d", pid);
			looks++;
			if (pid == own || access(path, F_OK) < 0)
				continue;
			seen++;
			look_into(pid);
		}
	}
	printf("looked %ld times, saw %ld\n", looks, seen);
	return 0;
}

int flip(const char *a, const char *b)
{
	/* RENAME_EXCHANGE: there is always something of both names. */
	for (;;)
		if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2) < 0)
			return 1;
}
