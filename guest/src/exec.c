#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "cgroup.h"
#include "exec.h"
#include "history.h"
#include "io.h"
#include "kernel.h"
#include "level.h"
#include "memory.h"
#include "ns.h"
#include "process.h"
#include "session.h"
#include "sock.h"
#include "spec.h"
#include "streams.h"
#include "ulimit.h"

enum { START_TIMEOUT_MS = 30000, DRAIN_MS = 5000 };

struct joining {
	struct process process;
	struct streams streams;
	int container; /* pidfd of its first process */
	int cgroup;
	int report[2], pid_pipe[2];
	int oom_score_adj;
};

/* What the container itself runs with, and only the rest from the command line. */
static int prepare(struct joining *j, const struct entry *entry, const struct json *request, struct err *e)
{
	const struct json *summary = entry_summary(entry), *argv = json_get(request, "argv");
	const char *cwd = json_string(request, "workdir", ""), *user = json_string(request, "user", "");
	struct spec spec;
	size_t count = 0;

	if (spec_parse(entry->request, &spec, e) < 0)
		return -1;
	j->process = (struct process){
		.argv = calloc(SPEC_LIST_MAX, sizeof(char *)),
		.env = calloc(SPEC_LIST_MAX, sizeof(char *)),
		.cwd = *cwd ? cwd : json_string(summary, "cwd", "/"),
		.user = *user ? user : json_string(summary, "user", ""),
		.profile = json_bool(request, "privileged", false) ? PROFILE_PRIVILEGED : spec.profile,
		.caps = json_bool(request, "privileged", false) ? caps_of(PROFILE_PRIVILEGED) : spec.caps,
		.no_new_privs = spec.no_new_privs,
		.no_seccomp = spec.no_seccomp,
		.groups = spec.tuning.groups,
		.ulimits = spec.tuning.ulimits,
		.init = -1,
		.mask = 022,
	};
	if (!j->process.argv || !j->process.env)
		return err_set(e, 125, "out of memory");
	json_each(argument, argv && argv->kind == JSON_ARRAY ? argv : NULL) {
		if (argument->kind != JSON_STRING || count + 1 >= SPEC_LIST_MAX)
			return err_set(e, 125, "the command is no list of at most %d texts", SPEC_LIST_MAX - 1);
		j->process.argv[count++] = argument->string;
	}
	if (count == 0 || !*j->process.argv[0])
		return err_set(e, 125, "no command specified");
	if (*j->process.cwd != '/')
		return err_set(e, 126, "the working directory '%.80s' is invalid, it needs to be an absolute path",
			       j->process.cwd);
	json_each(variable, json_get(summary, "env"))
		if (variable->kind == JSON_STRING && env_put(j->process.env, variable->string, e) < 0)
			return -1;
	if (json_bool(request, "tty", false) && !env_get(j->process.env, "TERM") && env_put(j->process.env, "TERM=xterm", e) < 0)
		return -1;
	const struct json *env = json_get(request, "env");

	j->oom_score_adj = spec.tuning.oom_score_adj;
	if (process_filter(&spec, &j->process, e) < 0 || ulimits_raise(spec.tuning.ulimits, e) < 0)
		return -1;
	json_each(variable, env && env->kind == JSON_ARRAY ? env : NULL) {
		if (variable->kind != JSON_STRING || variable->string[0] == '=' || !variable->string[0])
			return err_set(e, 125, "invalid environment variable");
		if (env_put(j->process.env, variable->string, e) < 0)
			return -1;
	}
	return 0;
}

/*
 * Second process: already in the container's cgroup, because once inside its cgroup namespace the way there is closed. Joins
 * everything in one call and forks once more, for a pid namespace is only entered by children.
 */
static void join(struct joining *j) __attribute__((noreturn));

static void join(struct joining *j)
{
	struct err e = {0};
	pid_t pid;

	if (process_score(getpid(), j->oom_score_adj, &e) < 0)
		process_fail(j->report[1], &e);
	/* Before setns: the container's root could else ptrace us while we still hold the engine's descriptors (CVE-2016-9962). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || ns_join(j->container, NS_ALL) < 0) {
		err_errno(&e, 125, "join the container");
		process_fail(j->report[1], &e);
	}
	pid = ns_clone(CLONE_PARENT, -1, NULL, &e);
	if (pid < 0)
		process_fail(j->report[1], &e);
	if (pid > 0) {
		if (write(j->pid_pipe[1], &pid, sizeof(pid)) != sizeof(pid))
			_exit(1);
		_exit(0);
	}
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	close_fd(&j->pid_pipe[1]);
	syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL);
	if (streams_adopt(&j->streams, &e) == 0) {
		if (syscall(SYS_setresgid32, 0, 0, 0) < 0 || syscall(SYS_setresuid32, 0, 0, 0) < 0)
			err_errno(&e, 125, "become the container's root");
		else
			process_exec(&j->process, j->report[1], false, &e);
	}
	process_fail(j->report[1], &e);
}

static int start(struct joining *j, pid_t *pid, int *pidfd, struct err *e)
{
	if (pipe2(j->report, O_CLOEXEC) < 0 || pipe2(j->pid_pipe, O_CLOEXEC) < 0)
		return err_errno(e, 125, "pipe");
	pid_t middle = ns_clone(0, j->cgroup, NULL, e);

	if (middle < 0)
		return -1;
	if (middle == 0)
		join(j);
	close_fd(&j->report[1]);
	close_fd(&j->pid_pipe[1]);
	streams_close_child(&j->streams);
	*pid = 0;
	if (wait_fd(j->pid_pipe[0], POLLIN, now_ms() + START_TIMEOUT_MS) < 0 ||
	    read(j->pid_pipe[0], pid, sizeof(*pid)) != sizeof(*pid))
		*pid = 0;
	reap(middle);
	/* It is our child and not yet reaped, so the number cannot be another process. */
	if (*pid > 0 && (*pidfd = sys_pidfd_open(*pid)) < 0)
		return err_errno(e, 125, "pidfd");
	if (process_wait_started(j->report[0], START_TIMEOUT_MS, e) < 0)
		return -1;
	return *pid > 0 ? 0 : err_set(e, 125, "the container ended");
}

void exec_main(const struct entry *entry, const struct json *request, int client, const char *id)
{
	static struct joining j = {.cgroup = -1, .report = {-1, -1}, .pid_pipe = {-1, -1}};
	static struct session session _scratch_;
	struct err e = {0};
	int pidfd = -1;
	pid_t pid = 0;

	prctl(PR_SET_NAME, "nest-exec");
	j.container = entry->pidfd;
	j.streams = (struct streams)STREAMS_NONE;
	session_init(&session, client, &j.streams);
	session.close_input = true;
	if (prepare(&j, entry, request, &e) < 0 || (j.cgroup = cgroup_of(entry->pid, &e)) < 0 ||
	    streams_make(&j.streams, json_bool(request, "tty", false), json_bool(request, "stdin", false),
			 (uid_t)json_whole(entry_summary(entry), "root", ID_SHIFT), &e) < 0) {
		session_error(&session, &e, NULL);
		_exit(0);
	}
	streams_resize(&j.streams, (unsigned)json_whole(request, "columns", 0) & 0xffff,
		       (unsigned)json_whole(request, "rows", 0) & 0xffff);
	if (start(&j, &pid, &pidfd, &e) < 0) {
		session_error(&session, &e, NULL);
		_exit(0);
	}
	/* Detached, we stay all the same: to empty its pipes. */
	bool detach = json_bool(request, "detach", false);

	session.pidfd = pidfd;
	if (detach)
		session_exit(&session, 0);
	else
		session_json(&session, "{\"started\":true}");
	for (;;) {
		struct pollfd fds[SESSION_FDS + 1];

		int timeout = session_poll(&session, fds);

		fds[SESSION_FDS] = (struct pollfd){.fd = pidfd, .events = POLLIN};
		if (poll(fds, SESSION_FDS + 1, timeout) < 0)
			continue;
		session_handle(&session, fds);
		if (fds[SESSION_FDS].revents)
			break;
		/* A terminal closed while its program runs hangs it up, as any terminal would. */
		if (session.client < 0 && j.streams.tty && !detach && !session.left)
			streams_close(&j.streams);
	}
	int code = reap(pid);
	char text[16];

	session_drain(&session, DRAIN_MS);
	snprintf(text, sizeof(text), "%d", code);
	const char *attributes[][2] = {{"execID", id},
				       {"exitCode", text},
				       {"image", json_string(entry->request, "image", "")},
				       {"name", entry->name},
				       {NULL, NULL}};

	history_add("container", "exec_die", entry->id, (const char *const(*)[2])attributes);
	session_exit(&session, code);
	_exit(0);
}

void exec_check(const struct container *c, const char *const *argv, int pidfd, int timeout_ms, int report)
{
	static struct joining j = {.cgroup = -1, .report = {-1, -1}, .pid_pipe = {-1, -1}};
	static struct exec_report done _scratch_;
	struct err e = {0};
	int64_t deadline = now_ms() + timeout_ms;
	int program = -1;
	pid_t pid = 0;
	size_t length = 0;
	bool killed = false, ended = false;

	prctl(PR_SET_NAME, "nest-health");
	done.code = -1;
	j.container = pidfd;
	j.process = c->process;
	j.process.argv = (const char **)argv;
	j.oom_score_adj = c->spec.tuning.oom_score_adj;
	j.streams = (struct streams)STREAMS_NONE;
	if ((j.cgroup = cgroup_of(c->pid, &e)) < 0 || streams_make(&j.streams, false, false, c->root, &e) < 0 ||
	    start(&j, &pid, &program, &e) < 0)
		length = (size_t)snprintf(done.output, sizeof(done.output), "%s", e.msg);
	else
		done.code = 0;
	while (done.code == 0 && !ended) {
		struct pollfd fds[] = {{.fd = program, .events = POLLIN},
				       {.fd = j.streams.out, .events = POLLIN},
				       {.fd = j.streams.err, .events = POLLIN}};
		int64_t left = deadline - now_ms();

		if (left <= 0 && !killed) {
			sys_pidfd_send_signal(program, SIGKILL);
			killed = true;
		}
		if (poll(fds, 3, killed || left < 0 ? -1 : (int)left) < 0)
			continue;
		ended = fds[0].revents;
		for (int i = 1; i < 3; i++) {
			int *from = i == 1 ? &j.streams.out : &j.streams.err;
			char rest[4096];
			ssize_t n;

			while (*from >= 0 && (n = read(*from, rest, sizeof(rest))) != 0) {
				size_t room = sizeof(done.output) - length;

				if (n < 0)
					break;
				memcpy(done.output + length, rest, (size_t)n < room ? (size_t)n : room);
				length += (size_t)n < room ? (size_t)n : room;
				/* Whoever writes without end is bounded by the deadline too. */
				if (now_ms() > deadline)
					break;
			}
			if (fds[i].revents & POLLHUP)
				close_fd(from);
		}
	}
	if (done.code == 0)
		done.code = reap(pid);
	if (killed) {
		done.code = -1;
		length = (size_t)snprintf(done.output, sizeof(done.output), "Health check exceeded timeout (%gs)",
					  timeout_ms / 1000.0);
	}
	sock_send(report, &done, sizeof(done.code) + length, NULL, 0, -1, NULL);
	_exit(0);
}
