#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
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
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return ret < 0 ? -1 : take_fd(&fd);
}
