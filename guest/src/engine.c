#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include "cgroup.h"
#include "commands.h"
#include "engine.h"
#include "events.h"
#include "history.h"
#include "io.h"
#include "kernel.h"
#include "layers.h"
#include "level.h"
#include "main.h"
#include "memory.h"
#include "mounts.h"
#include "restart.h"
#include "rootfs.h"
#include "sock.h"
#include "state.h"
#include "waiters.h"

enum { NEWCOMERS = 32, FIRST_PACKET_MS = 5000, SAMPLE_MS = 1000 };

/* Connections whose first packet has not come yet. */
static struct {
	int fd;
	int64_t deadline;
} newcomers[NEWCOMERS] _scratch_;

static int64_t sample_at _scratch_;

static int earlier(int a, int b)
{
	return a < 0 ? b : b < 0 || a < b ? a : b;
}

static void read_newcomer(size_t i)
{
	static char packet[SOCK_PACKET_MAX] _scratch_;
	struct err e;
	ssize_t n = sock_recv(newcomers[i].fd, packet, sizeof(packet), NULL, NULL, 0, &e);
	int client = newcomers[i].fd;

	if (n < 0 && e.sys == EAGAIN)
		return;
	newcomers[i].fd = -1;
	if (n <= 0)
		close(client);
	else
		command_run(packet, (size_t)n, client);
}

static void accept_newcomer(int listener)
{
	for (size_t i = 0; i < NEWCOMERS; i++) {
		if (newcomers[i].fd >= 0)
			continue;
		newcomers[i].fd = sock_accept(listener, NULL);
		newcomers[i].deadline = now_ms() + FIRST_PACKET_MS;
		return;
	}
}

static int newcomers_due(void)
{
	int64_t now = now_ms();
	int next = -1;

	for (size_t i = 0; i < NEWCOMERS; i++) {
		if (newcomers[i].fd < 0)
			continue;
		if (newcomers[i].deadline <= now)
			close_fd(&newcomers[i].fd);
		else
			next = earlier(next, (int)(newcomers[i].deadline - now));
	}
	return next;
}

static int sample_due(void)
{
	int64_t now = now_ms();
	bool running = false;

	for (const struct entry *e = table_first(); e && !running; e = e->next)
		running = e->state == ENTRY_RUNNING;
	if (!running)
		return -1;
	if (now >= sample_at) {
		events_sample();
		sample_at = now + SAMPLE_MS;
	}
	return (int)(sample_at - now);
}

static void loop(int listener) __attribute__((noreturn));

static void loop(int listener)
{
	enum {
		LISTENER,
		UPSTREAM,
		FIRST,
		WAITERS = FIRST + NEWCOMERS,
		HISTORY = WAITERS + WAITERS_MAX,
		MONITORS = HISTORY + HISTORY_FDS,
	};
	static struct {
		struct pollfd fds[MONITORS + TABLE_MAX];
		struct entry *entries[TABLE_MAX];
	} watched _scratch_;
	struct pollfd *fds = watched.fds;
	struct entry **entries = watched.entries;

	for (size_t i = 0; i < NEWCOMERS; i++)
		newcomers[i].fd = -1;
	for (;;) {
		int timeout = earlier(earlier(events_connect(), newcomers_due()), earlier(waiters_due(), sample_due()));

		timeout = earlier(earlier(timeout, state_due()), earlier(restart_due(), history_due()));
		size_t count = 0;
		bool room = false;

		for (size_t i = 0; i < NEWCOMERS; i++) {
			room |= newcomers[i].fd < 0;
			fds[FIRST + i] = (struct pollfd){.fd = newcomers[i].fd, .events = POLLIN};
		}
		fds[LISTENER] = (struct pollfd){.fd = room ? listener : -1, .events = POLLIN};
		fds[UPSTREAM] = events_poll();
		waiters_poll(&fds[WAITERS]);
		history_poll(&fds[HISTORY]);
		for (struct entry *e = table_first(); e; e = e->next) {
			if (e->control < 0)
				continue;
			fds[MONITORS + count] = (struct pollfd){.fd = e->control, .events = POLLIN};
			entries[count++] = e;
		}
		if (poll(fds, MONITORS + count, timeout) < 0)
			continue;
		/* Monitors first: what ended is known before a new command looks at it. An event removes only its own entry. */
		for (size_t i = 0; i < count; i++)
			if (fds[MONITORS + i].revents)
				command_monitor_event(entries[i]);
		events_handle(&fds[UPSTREAM]);
		waiters_handle(&fds[WAITERS]);
		history_handle(&fds[HISTORY]);
		for (size_t i = 0; i < NEWCOMERS; i++)
			if (fds[FIRST + i].revents)
				read_newcomer(i);
		if (fds[LISTENER].revents)
			accept_newcomer(listener);
	}
}

/* The lock that makes an engine the only one of its level; held until it ends. */
static int lock_level(bool wait, struct err *e)
{
	_cleanup_fd_ int fd = open(RUN_NEST "/engine.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_errno(e, 125, "open " RUN_NEST "/engine.lock");
	if (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB)) < 0)
		return err_errno(e, 125, "another engine runs");
	return take_fd(&fd);
}

/* Everything before the loop: signals, cgroups, what an earlier engine left, and last the socket. */
static int prepare(const struct level *level, struct err *e)
{
	/* Who started us may have ignored some, and programs would inherit that. The three below process.c resets. */
	for (int number = 1; number < 32; number++)
		signal(number, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	/* Monitors and helpers are reaped by the kernel; what they have to say comes over their sockets. */
	signal(SIGCHLD, SIG_IGN);
	umask(0);
	prctl(PR_SET_NAME, "nest-engine");
	if (chdir("/") < 0)
		return err_errno(e, 125, "chdir /");
	if (cgroup_prepare(level->number, e) < 0 || (level->number == 0 && layers_prepare(e) < 0))
		return -1;
	if (level->ids > ID_SHIFT && rootfs_prepare(e) < 0)
		return -1;
	mounts_detect();
	if (history_open(e) < 0)
		return -1;
	state_load();
	return 0;
}

int engine_main(int argc, char **argv)
{
	struct err e;
	struct level level;
	int listener;

	if (argc > 1) {
		fprintf(stderr, "%s: takes no arguments\n", argv[0]);
		return 125;
	}
	if (level_load(&level, &e) < 0 || lock_level(true, &e) < 0 || prepare(&level, &e) < 0 ||
	    (listener = sock_listen(ENGINE_SOCKET, 0600, &e)) < 0) {
		fprintf(stderr, "engine: %s\n", e.msg);
		return 1;
	}
	loop(listener);
}

int engine_spawn(struct err *e)
{
	struct level level;
	int report[2];

	if (level_load(&level, e) < 0)
		return -1;
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_errno(e, 125, "pipe");
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, 125, "fork");
	if (pid == 0) {
		/* Its own session and a parent that is gone: it outlives the command and its terminal. */
		setsid();
		if (fork() != 0)
			_exit(0);
		struct err failed = {0};
		int null = open("/dev/null", O_RDWR | O_CLOEXEC), listener = -1;

		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		dup3(report[1], 3, O_CLOEXEC);
		sys_close_range(4, ~0u, 0);
		/* A second one started at the same moment: the first one's socket will do. */
		if (lock_level(false, &failed) < 0) {
			failed.code = 0;
		} else if (prepare(&level, &failed) == 0) {
			listener = sock_listen(ENGINE_SOCKET, 0600, &failed);
		}
		if (write(3, &failed, sizeof(failed)) < 0 || listener < 0)
			_exit(1);
		close(3);
		loop(listener);
	}
	close(report[1]);
	_cleanup_fd_ int done = report[0];
	struct err child;

	if (wait_fd(done, POLLIN, now_ms() + 10000) < 0 || read(done, &child, sizeof(child)) != sizeof(child))
		return err_set(e, 125, "the engine did not start");
	if (child.code) {
		*e = child;
		return err_context(e, "start the engine");
	}
	return 0;
}
