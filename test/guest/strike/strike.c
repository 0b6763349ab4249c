#include "strike.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	OPTIONS = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC,
	SYSCALL_STOP = SIGTRAP | 0x80,
};

static volatile sig_atomic_t ended;

static void end(int number)
{
	ended = number;
}

/*
 * Calls that do not fail for want of anything, and those whose failure is never
 * seen: an injected one would only show that a process can be broken.
 * Everything else can fail on some machine.
 */
static int cannot_fail(unsigned long call)
{
	static const unsigned short list[] = {
		SYS_exit,
		SYS_exit_group,
		SYS_sigreturn,
		SYS_rt_sigreturn,
		SYS_restart_syscall,
		SYS_munmap,
		SYS_madvise,
		SYS_close,
		SYS_close_range,
		SYS_wait4,
		SYS_waitpid,
		SYS_waitid,
		SYS_kill,
		SYS_rt_sigaction,
		SYS_rt_sigprocmask,
		SYS_umask,
		SYS_brk,
		SYS_getpid,
		SYS_getppid,
		SYS_gettid,
		SYS_set_tid_address,
		SYS_set_thread_area,
		SYS_prctl,
		SYS_clock_gettime32,
		SYS_clock_gettime64,
		SYS_gettimeofday_time32,
		SYS_time,
		SYS_nanosleep,
	};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i] == call)
			return 1;
	return 0;
}

/* Says it, kills `victim` (0: nobody), and ends; in that order, so that nobody hears of the death before it is said. */
static void tell(const char *report, const char *what, pid_t pid, unsigned long call, unsigned long count, pid_t victim)
{
	char name[64] = "", path[32], line[160];

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	int fd = open(path, O_RDONLY);

	if (fd >= 0 && read(fd, name, sizeof(name) - 1) > 0)
		name[strcspn(name, "\n")] = 0;
	close(fd);
	int length = snprintf(line, sizeof(line), "%s %s call %lu at %lu\n", what, name, call, count);

	fd = open(report, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || write(fd, line, (size_t)length) != length)
		_exit(1);
	if (victim)
		kill(victim, SIGKILL);
	_exit(0);
}

/* Ends with the process; the kernel then lets go of everything that is traced.
 */
static void trace(pid_t root, unsigned long n, const char *how, int error, const char *report) __attribute__((noreturn));

static void trace(pid_t root, unsigned long n, const char *how, int error, const char *report)
{
	unsigned long count = 0, call = 0;
	/* Of pid 1 it is the program that it starts. */
	pid_t failing = 0, one = root == 1 ? -1 : 0;

	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, __WALL);

		if (ended || (pid < 0 && errno == ECHILD))
			tell(report, "missed", root, 0, count, 0);
		if (pid < 0 || !WIFSTOPPED(status))
			continue;
		int stop = WSTOPSIG(status), event = status >> 16, pass = 0;
		int go = PTRACE_SYSCALL;

		if (event == PTRACE_EVENT_EXEC && one < 0) {
			one = root = pid;
		} else if (event == PTRACE_EVENT_EXEC) {
			/* A program of the container's, or a helper's. */
			ptrace(PTRACE_DETACH, pid, 0, 0);
			continue;
		}
		if (event == PTRACE_EVENT_STOP && (stop == SIGSTOP || stop == SIGTSTP || stop == SIGTTIN || stop == SIGTTOU)) {
			go = PTRACE_LISTEN;
		} else if (!event && stop == SYSCALL_STOP) {
			struct ptrace_syscall_info info;

			if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
				continue;
			if (pid == failing && info.op == PTRACE_SYSCALL_INFO_EXIT) {
				ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, eax), -(long)error);
				tell(report, "failed", pid, call, count, 0);
			}
			if (info.op == PTRACE_SYSCALL_INFO_ENTRY && (!one || pid == one) && ++count >= n && !failing &&
			    *how != 'c') {
				call = (unsigned long)info.entry.nr;
				if (*how == 'k')
					tell(report, "killed the engine at", pid, call, count, root);
				if (*how == 'e')
					tell(report, "ended", pid, call, count, pid);
				if (!cannot_fail(call)) {
					ptrace(PTRACE_POKEUSER, pid, offsetof(struct user_regs_struct, orig_eax), -1);
					failing = pid;
				}
			}
		} else if (!event) {
			pass = stop;
		}
		ptrace(go, pid, 0, pass);
	}
}

int strike(pid_t root, unsigned long n, const char *how, int error, const char *report)
{
	int ready[2];
	char word;

	if (root <= 0 || pipe(ready) < 0)
		return 1;
	unlink(report);
	pid_t pid = fork();

	if (pid < 0)
		return 1;
	if (pid == 0) {
		struct sigaction action = {.sa_handler = end};

		sigaction(SIGTERM, &action, NULL);
		close(ready[0]);
		if (ptrace(PTRACE_SEIZE, root, 0, OPTIONS) < 0 || ptrace(PTRACE_INTERRUPT, root, 0, 0) < 0)
			_exit(1);
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		close(ready[1]);
		trace(root, n, how, error, report);
	}
	close(ready[1]);
	if (read(ready[0], &word, 1) != 1) {
		fprintf(stderr, "strike: cannot attach to %d\n", root);
		return 1;
	}
	printf("%d\n", pid);
	return 0;
}
