/*
 * pid 1: mounts everything, starts agent and engine, reaps whatever dies and starts those two again. Once up it only waits
 * for signals and takes no input but them, so nothing in the guest can feed it anything bad.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "init.h"
#include "io.h"
#include "main.h"

enum { BACKOFF_MIN_MS = 100, BACKOFF_MAX_MS = 5000, SETTLED_MS = 10000, SHUTDOWN_MS = 2000 };

struct service {
	const char *name, *path, *argv[4];
	const char *cgroup;
	bool enabled, realtime, console;
	pid_t pid;
	int64_t started, due; /* now_ms; `due` counts while pid is 0 */
	int backoff;
};

static struct service services[] = {
	{.name = "agent",
	 .path = INIT_BINARY,
	 .argv = {"agent"},
	 .cgroup = "/sys/fs/cgroup/agent/cgroup.procs",
	 .realtime = true},
	{.name = "engine", .path = INIT_BINARY, .argv = {"engine"}, .cgroup = "/sys/fs/cgroup/agent/cgroup.procs"},
	{.name = "console", .path = "/bin/sh", .argv = {"-sh"}, .cgroup = "/sys/fs/cgroup/host/cgroup.procs", .console = true},
};

void init_log(int level, const char *fmt, ...)
{
	char line[600];
	va_list args;
	int used = snprintf(line, sizeof(line), "<%d>nest init: ", level);

	va_start(args, fmt);
	used += vsnprintf(line + used, sizeof(line) - (size_t)used - 1, fmt, args);
	va_end(args);
	if (used > (int)sizeof(line) - 2)
		used = sizeof(line) - 2;
	line[used++] = '\n';
	_cleanup_fd_ int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);

	if (write(fd < 0 ? STDERR_FILENO : fd, line, (size_t)used) < 0)
		return; /* nowhere left to say it */
}

/* --- services */

/* In the child: everything pid 1 changed for itself is undone, everything the service wants is done. */
static void become(const struct service *s)
{
	static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin", "HOME=/root", "TERM=linux", "USER=root", NULL};
	sigset_t none;
	struct err e;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (write_file(s->cgroup, "0", &e) < 0)
		init_log(4, "%s: %s", s->name, e.msg);
	if (s->realtime) {
		struct sched_param parameter = {.sched_priority = 10};

		/* Without the flag every shell would be real-time too. */
		if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO | SCHED_RESET_ON_FORK, &parameter) < 0)
			init_log(4, "%s: real-time priority: %s", s->name, strerror(errno));
	}
	/* Agent and engine are never ended for want of memory; what they start says itself how it stands. */
	if (!s->console && write_file("/proc/self/oom_score_adj", "-1000", &e) < 0)
		init_log(4, "%s: %s", s->name, e.msg);
	if (s->console) {
		int tty = open("/dev/ttyS0", O_RDWR | O_NOCTTY);

		if (tty < 0)
			_exit(1);
		ioctl(tty, TIOCSCTTY, 1);
		for (int fd = 0; fd < 3; fd++)
			dup2(tty, fd);
		if (tty > 2)
			close(tty);
		if (chdir("/root") < 0)
			init_log(4, "chdir /root: %s", strerror(errno));
	}
	execve(s->path, (char *const *)s->argv, environment);
	init_log(3, "%s: exec %s: %s", s->name, s->path, strerror(errno));
	_exit(127);
}

static void start(struct service *s, int64_t now)
{
	pid_t pid = fork();

	if (pid == 0)
		become(s);
	s->started = now;
	if (pid > 0) {
		s->pid = pid;
		return;
	}
	init_log(3, "%s: fork: %s", s->name, strerror(errno));
	s->due = now + BACKOFF_MAX_MS;
}

static void ended(struct service *s, int status, int64_t now)
{
	s->pid = 0;
	if (now - s->started >= SETTLED_MS)
		s->backoff = 0;
	s->backoff = s->backoff ? s->backoff * 2 : BACKOFF_MIN_MS;
	if (s->backoff > BACKOFF_MAX_MS)
		s->backoff = BACKOFF_MAX_MS;
	s->due = now + s->backoff;
	/* Leaving the console shell is no event. */
	init_log(s->console ? 6 : 4, "%s ended (%s %d), again in %d ms", s->name, WIFSIGNALED(status) ? "signal" : "status",
		 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), s->backoff);
}

static void reap_all(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (size_t i = 0; i < array_size(services); i++)
			if (services[i].pid == pid)
				ended(&services[i], status, now_ms());
}

/* Starts what is due; milliseconds until the next one is, -1 when none waits. */
static int64_t start_due(void)
{
	int64_t now = now_ms(), wait = -1;

	for (size_t i = 0; i < array_size(services); i++) {
		struct service *s = &services[i];

		if (!s->enabled || s->pid)
			continue;
		if (s->due <= now)
			start(s, now);
		if (!s->pid && (wait < 0 || s->due - now < wait))
			wait = s->due > now ? s->due - now : 0;
	}
	return wait;
}

/* --- the end of the machine */

static void shut_down(int how)
{
	int64_t deadline = now_ms() + SHUTDOWN_MS;
	static const struct timespec tick = {0, 20000000};

	init_log(5, "going down");
	kill(-1, SIGTERM);
	kill(-1, SIGCONT);
	while (now_ms() < deadline && (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD))
		nanosleep(&tick, NULL);
	kill(-1, SIGKILL);
	sync();
	reboot(how);
	init_log(3, "reboot: %s", strerror(errno));
}

static bool on_command_line(const char *word)
{
	_cleanup_free_ char *line = read_file("/proc/cmdline", 4096, NULL, NULL);
	char *rest = line;

	for (char *w; line && (w = strsep(&rest, " \n"));)
		if (strcmp(w, word) == 0)
			return true;
	return false;
}

static int supervise(void)
{
	sigset_t all;

	/* Blocked signals queue even for pid 1, which otherwise never gets those it has no handler for. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	init_settings();
	services[0].enabled = true;
	services[1].enabled = engine_main != NULL;
	services[2].enabled = on_command_line("nest.console=1");
	for (;;) {
		int64_t wait = start_due();
		struct timespec timeout = {wait / 1000, wait % 1000 * 1000000};
		int signal = wait < 0 ? sigwaitinfo(&all, NULL) : sigtimedwait(&all, NULL, &timeout);

		/* The numbers busybox's halt, poweroff and reboot send; the kernel sends SIGINT for ctrl-alt-del. */
		if (signal == SIGUSR1)
			shut_down(RB_HALT_SYSTEM);
		else if (signal == SIGUSR2)
			shut_down(RB_POWER_OFF);
		else if (signal == SIGTERM || signal == SIGINT)
			shut_down(RB_AUTOBOOT);
		reap_all();
	}
}

int init_main(int argc, char **argv)
{
	struct err e;

	if (getpid() != 1) {
		fprintf(stderr, "init: only the kernel starts this, as process 1\n");
		return 1;
	}
	if (argc > 1 && strcmp(argv[1], "supervise") == 0)
		return supervise();
	init_mount_all();
	if (replace_file_at(AT_FDCWD, "/run/nest/level", "0", 1, 0644, &e) < 0)
		init_log(3, "%s", e.msg);
	if (init_install_binary(&e) == 0) {
		execv(INIT_BINARY, (char *[]){"init", "supervise", NULL});
		init_log(3, "exec %s: %s", INIT_BINARY, strerror(errno));
	} else {
		init_log(3, "%s", e.msg);
	}
	/* From the initramfs then: without containers, but with a shell and somebody to report to. */
	return supervise();
}
