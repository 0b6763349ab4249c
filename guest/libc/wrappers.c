/* Functions of libc that are one system call. In the order of their names; those that do more than pass on follow. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include "call.h"

#define WRAP1(type, name, number, A)                                                                                             \
	type name(A a)                                                                                                           \
	{                                                                                                                        \
		return answer(call1(number, (long)a));                                                                           \
	}
#define WRAP2(type, name, number, A, B)                                                                                          \
	type name(A a, B b)                                                                                                      \
	{                                                                                                                        \
		return answer(call2(number, (long)a, (long)b));                                                                  \
	}
#define WRAP3(type, name, number, A, B, C)                                                                                       \
	type name(A a, B b, C c)                                                                                                 \
	{                                                                                                                        \
		return answer(call3(number, (long)a, (long)b, (long)c));                                                         \
	}
#define WRAP4(type, name, number, A, B, C, D)                                                                                    \
	type name(A a, B b, C c, D d)                                                                                            \
	{                                                                                                                        \
		return answer(call6(number, (long)a, (long)b, (long)c, (long)d, 0, 0));                                          \
	}
#define WRAP5(type, name, number, A, B, C, D, E)                                                                                 \
	type name(A a, B b, C c, D d, E e)                                                                                       \
	{                                                                                                                        \
		return answer(call6(number, (long)a, (long)b, (long)c, (long)d, (long)e, 0));                                    \
	}
#define WRAP6(type, name, number, A, B, C, D, E, F)                                                                              \
	type name(A a, B b, C c, D d, E e, F f)                                                                                  \
	{                                                                                                                        \
		return answer(call6(number, (long)a, (long)b, (long)c, (long)d, (long)e, (long)f));                              \
	}

typedef const char *text;
typedef struct sockaddr *address;
typedef const struct sockaddr *to_address;

WRAP2(int, access, SYS_access, text, int)
WRAP4(int, accept4, SYS_accept4, int, address restrict, socklen_t *restrict, int)
WRAP3(int, bind, SYS_bind, int, to_address, socklen_t)
WRAP1(int, chdir, SYS_chdir, text)
WRAP2(int, chmod, SYS_chmod, text, mode_t)
WRAP3(int, chown, SYS_chown32, text, uid_t, gid_t)
WRAP1(int, chroot, SYS_chroot, text)
WRAP3(int, connect, SYS_connect, int, to_address, socklen_t)
WRAP1(int, dup, SYS_dup, int)
WRAP2(int, dup2, SYS_dup2, int, int)
WRAP3(int, dup3, SYS_dup3, int, int, int)
WRAP1(int, epoll_create1, SYS_epoll_create1, int)
WRAP4(int, epoll_ctl, SYS_epoll_ctl, int, int, int, struct epoll_event *)
WRAP3(int, execve, SYS_execve, text, char *const *, char *const *)
WRAP1(int, fchdir, SYS_fchdir, int)
WRAP5(int, fchownat, SYS_fchownat, int, text, uid_t, gid_t, int)
WRAP4(ssize_t, fgetxattr, SYS_fgetxattr, int, text, void *, size_t)
WRAP2(int, flock, SYS_flock, int, int)
WRAP3(ssize_t, getrandom, SYS_getrandom, void *, size_t, unsigned)
WRAP5(int, getsockopt, SYS_getsockopt, int, int, int, void *restrict, socklen_t *restrict)
WRAP2(int, kill, SYS_kill, pid_t, int)
WRAP5(int, linkat, SYS_linkat, int, text, int, text, int)
WRAP2(int, listen, SYS_listen, int, int)
WRAP3(int, madvise, SYS_madvise, void *, size_t, int)
WRAP2(int, mkdir, SYS_mkdir, text, mode_t)
WRAP3(int, mkdirat, SYS_mkdirat, int, text, mode_t)
WRAP5(int, mount, SYS_mount, text, text, text, unsigned long, const void *)
WRAP2(int, munmap, SYS_munmap, void *, size_t)
WRAP1(int, personality, SYS_personality, unsigned long)
WRAP2(int, pipe2, SYS_pipe2, int *, int)
WRAP3(int, poll, SYS_poll, struct pollfd *, nfds_t, int)
WRAP3(ssize_t, read, SYS_read, int, void *, size_t)
WRAP3(ssize_t, readlink, SYS_readlink, text restrict, char *restrict, size_t)
WRAP4(ssize_t, readlinkat, SYS_readlinkat, int, text restrict, char *restrict, size_t)
WRAP6(ssize_t, recvfrom, SYS_recvfrom, int, void *restrict, size_t, int, address restrict, socklen_t *restrict)
WRAP3(ssize_t, recvmsg, SYS_recvmsg, int, struct msghdr *, int)
WRAP2(int, rename, SYS_rename, text, text)
WRAP4(int, renameat, SYS_renameat, int, text, int, text)
WRAP1(int, rmdir, SYS_rmdir, text)
WRAP3(ssize_t, sendmsg, SYS_sendmsg, int, const struct msghdr *, int)
WRAP6(ssize_t, sendto, SYS_sendto, int, const void *, size_t, int, to_address, socklen_t)
WRAP2(int, setdomainname, SYS_setdomainname, text, size_t)
WRAP2(int, setgroups, SYS_setgroups32, size_t, const gid_t *)
WRAP2(int, sethostname, SYS_sethostname, text, size_t)
WRAP2(int, setns, SYS_setns, int, int)
WRAP2(int, setpgid, SYS_setpgid, pid_t, pid_t)
WRAP5(int, setsockopt, SYS_setsockopt, int, int, int, const void *, socklen_t)
WRAP2(int, shutdown, SYS_shutdown, int, int)
WRAP3(int, socket, SYS_socket, int, int, int)
WRAP4(int, socketpair, SYS_socketpair, int, int, int, int *)
WRAP2(int, symlink, SYS_symlink, text, text)
WRAP3(int, symlinkat, SYS_symlinkat, text, int, text)
WRAP1(int, sysinfo, SYS_sysinfo, struct sysinfo *)
WRAP1(mode_t, umask, SYS_umask, mode_t)
WRAP2(int, umount2, SYS_umount2, text, int)
WRAP1(int, uname, SYS_uname, struct utsname *)
WRAP1(int, unlink, SYS_unlink, text)
WRAP3(int, unlinkat, SYS_unlinkat, int, text, int)
WRAP1(int, unshare, SYS_unshare, int)
WRAP4(int, utimensat, SYS_utimensat_time64, int, text, const struct timespec *, int)
WRAP4(pid_t, wait4, SYS_wait4, pid_t, int *, int, struct rusage *)
WRAP3(ssize_t, write, SYS_write, int, const void *, size_t)

/* Interrupted, it is closed all the same. */
int close(int fd)
{
	long result = call1(SYS_close, fd);

	return answer(result == -EINTR ? 0 : result);
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
	return answer(call6(SYS_epoll_pwait, fd, (long)events, count, timeout, 0, 0));
}

/* The system call knows no flags, its successor wants them. */
int faccessat(int dir, const char *path, int mode, int flags)
{
	return answer(call6(flags ? SYS_faccessat2 : SYS_faccessat, dir, (long)path, mode, flags, 0, 0));
}

int fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	return answer(flags ? -EOPNOTSUPP : call3(SYS_fchmodat, dir, (long)path, (long)mode));
}

/* So that it holds for descriptors of the O_PATH kind too. */
int fchown(int fd, uid_t owner, gid_t group)
{
	return fchownat(fd, "", owner, group, AT_EMPTY_PATH);
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	long value;

	va_start(args, command);
	value = va_arg(args, long);
	va_end(args);
	return answer(call3(SYS_fcntl64, fd, command, command == F_SETFL ? value | O_LARGEFILE : value));
}

/* Nothing of ours is locked or has handlers for it, as musl's would see to. */
pid_t fork(void)
{
	return answer(call1(SYS_fork, 0));
}

int fstatfs(int fd, struct statfs *out)
{
	return answer(call3(SYS_fstatfs64, fd, sizeof(*out), (long)out));
}

int futimens(int fd, const struct timespec times[2])
{
	return utimensat(fd, NULL, times, 0);
}

char *getcwd(char *buffer, size_t size)
{
	if (answer(call2(SYS_getcwd, (long)buffer, (long)size)) < 0)
		return NULL;
	if (*buffer == '/')
		return buffer;
	/* "(unreachable)…" */
	errno = ENOENT;
	return NULL;
}

int gethostname(char *name, size_t size)
{
	struct utsname system;

	if (uname(&system) < 0)
		return -1;
	snprintf(name, size, "%s", system.nodename);
	return 0;
}

int isatty(int fd)
{
	struct winsize size;

	return ioctl(fd, TIOCGWINSZ, &size) == 0;
}

static int prlimit_self(int resource, const struct rlimit *set, struct rlimit *get)
{
	return answer(call6(SYS_prlimit64, 0, resource, (long)set, (long)get, 0, 0));
}

int getrlimit(int resource, struct rlimit *limit)
{
	return prlimit_self(resource, NULL, limit);
}

int setrlimit(int resource, const struct rlimit *limit)
{
	return prlimit_self(resource, limit, NULL);
}

int ioctl(int fd, int request, ...)
{
	va_list args;
	long value;

	va_start(args, request);
	value = va_arg(args, long);
	va_end(args);
	return answer(call3(SYS_ioctl, fd, request, value));
}

int mknodat(int dir, const char *path, mode_t mode, dev_t device)
{
	return answer(call6(SYS_mknodat, dir, (long)path, (long)mode, (long)device, 0, 0));
}

int mknod(const char *path, mode_t mode, dev_t device)
{
	return mknodat(AT_FDCWD, path, mode, device);
}

int mkfifoat(int dir, const char *path, mode_t mode)
{
	return mknodat(dir, path, mode | S_IFIFO, 0);
}

int mkfifo(const char *path, mode_t mode)
{
	return mkfifoat(AT_FDCWD, path, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
	va_list args;
	long mode;

	va_start(args, flags);
	mode = va_arg(args, long);
	va_end(args);
	return answer(call6(SYS_openat, dir, (long)path, flags | O_LARGEFILE, mode, 0, 0));
}

int open(const char *path, int flags, ...)
{
	va_list args;
	long mode;

	va_start(args, flags);
	mode = va_arg(args, long);
	va_end(args);
	return answer(call3(SYS_open, (long)path, flags | O_LARGEFILE, mode));
}

int prctl(int option, ...)
{
	va_list args;
	long a[4];

	va_start(args, option);
	for (unsigned i = 0; i < 4; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return answer(call6(SYS_prctl, option, a[0], a[1], a[2], a[3], 0));
}

ssize_t pread(int fd, void *data, size_t size, off_t at)
{
	return answer(call6(SYS_pread64, fd, (long)data, (long)size, (long)at, (long)(at >> 32), 0));
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	return answer(call6(SYS_pwrite64, fd, (long)data, (long)size, (long)at, (long)(at >> 32), 0));
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
	return recvfrom(fd, data, size, flags, NULL, NULL);
}

int statfs(const char *path, struct statfs *out)
{
	return answer(call3(SYS_statfs64, (long)path, sizeof(*out), (long)out));
}

pid_t waitpid(pid_t pid, int *status, int options)
{
	return wait4(pid, status, options, NULL);
}

/* --- signals: 64 of them, so that a set has eight bytes where the kernel sees it */

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
	return answer(call6(SYS_rt_sigprocmask, how, (long)set, (long)old, 8, 0, 0));
}

/* Ours are ignored or not, never handled: there is no way back from a handler here. */
void (*signal(int number, void (*handler)(int)))(int)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned mask[2];
	} new = {.handler = handler}, old = {0};

	return answer(call6(SYS_rt_sigaction, number, (long)&new, (long)&old, 8, 0, 0)) < 0 ? SIG_ERR : old.handler;
}

int signalfd(int fd, const sigset_t *set, int flags)
{
	return answer(call6(SYS_signalfd4, fd, (long)set, 8, flags, 0, 0));
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info, const struct timespec *restrict timeout)
{
	long result;

	do
		result = call6(SYS_rt_sigtimedwait_time64, (long)set, (long)info, (long)timeout, 8, 0, 0);
	while (result == -EINTR);
	return answer(result);
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
	return sigtimedwait(set, info, NULL);
}

/* --- time */

int clock_settime(clockid_t clock, const struct timespec *now)
{
	return answer(call2(SYS_clock_settime64, clock, (long)now));
}

int nanosleep(const struct timespec *time, struct timespec *rest)
{
	return answer(call6(SYS_clock_nanosleep_time64, CLOCK_REALTIME, 0, (long)time, (long)rest, 0, 0));
}

int usleep(unsigned microseconds)
{
	return nanosleep(&(struct timespec){microseconds / 1000000, (long)(microseconds % 1000000 * 1000)}, NULL);
}
