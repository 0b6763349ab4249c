#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "kernel.h"
#include "ns.h"

pid_t ns_clone(uint64_t flags, int cgroup, int *pidfd, struct err *e)
{
	int fd = -1;
	struct clone_args args = {
		.flags = flags | CLONE_CLEAR_SIGHAND | CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0),
		.pidfd = (uintptr_t)&fd,
		/* With CLONE_PARENT the kernel takes the parent's own and insists on 0 here. */
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
		.cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
	};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	if (pid < 0)
		return err_errno(e, 125, "clone3");
	if (pid == 0)
		return 0;
	if (pidfd)
		*pidfd = fd;
	else
		close(fd);
	return pid;
}

/* As the kernel knows it: the number is read through the descriptor before and after, so it cannot have become another process. */
static int pid_of(int pidfd)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	_cleanup_free_ char *text = read_file(path, 4096, NULL, NULL);
	const char *line = text ? strstr(text, "\nPid:") : NULL;

	return line ? atoi(line + 5) : -1;
}

uint64_t ns_foreign(int pidfd, uint64_t flags)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} kinds[] = {
		{"cgroup", CLONE_NEWCGROUP}, {"ipc", CLONE_NEWIPC},   {"mnt", CLONE_NEWNS},    {"net", CLONE_NEWNET},
		{"pid", CLONE_NEWPID},       {"time", CLONE_NEWTIME}, {"user", CLONE_NEWUSER}, {"uts", CLONE_NEWUTS},
	};
	int pid = pid_of(pidfd);
	uint64_t foreign = 0;

	for (size_t i = 0; pid > 0 && i < array_size(kinds); i++) {
		char theirs[48], ours[48];
		struct stat a, b;

		snprintf(theirs, sizeof(theirs), "/proc/%d/ns/%s", pid, kinds[i].name);
		snprintf(ours, sizeof(ours), "/proc/self/ns/%s", kinds[i].name);
		if (stat(theirs, &a) < 0 || stat(ours, &b) < 0)
			return 0;
		if (a.st_ino != b.st_ino)
			foreign |= flags & kinds[i].flag;
	}
	return pid_of(pidfd) == pid ? foreign : 0;
}

int ns_join(int pidfd, uint64_t flags)
{
	/* All of them is the rule, and asking first would cost each exec sixteen looks. */
	if (setns(pidfd, (int)flags) == 0)
		return 0;
	int failed = errno;
	uint64_t foreign = ns_foreign(pidfd, flags);

	errno = failed;
	return foreign && foreign != flags ? setns(pidfd, (int)foreign) : -1;
}

int ns_map(pid_t pid, uint32_t first, uint32_t count, struct err *e)
{
	static const char *const files[] = {"uid_map", "gid_map"};
	char path[64], line[64];

	snprintf(line, sizeof(line), "0 %u %u\n", first, count);
	for (size_t i = 0; i < array_size(files); i++) {
		snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
		if (write_file(path, line, e) < 0)
			return -1;
	}
	return 0;
}

int ns_user(uint32_t first, uint32_t count, struct err *e)
{
	_cleanup_fd_ int pidfd = -1, fd = -1;
	char path[64];
	pid_t pid = ns_clone(CLONE_NEWUSER, -1, &pidfd, e);

	if (pid < 0)
		return -1;
	if (pid == 0) {
		pause(); /* killed by the parent; the default action of every signal ends it too */
		_exit(0);
	}
	int ret = ns_map(pid, first, count, e);

	if (ret == 0) {
		snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			ret = err_errno(e, 125, "open %s", path);
	}
	sys_pidfd_send_signal(pidfd, SIGKILL);
	reap(pid);
	return ret < 0 ? -1 : take_fd(&fd);
}
