#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "agent_program.h"
#include "io.h"
#include "json.h"
#include "pty.h"

enum { ARGUMENTS_MAX = 4096, VARIABLES_MAX = 1024, DIMENSION_MAX = 65535 };
#define TIMEOUT_MAX_MS 1e12

extern char **environ;

/* What a child says when it could not become the program. */
struct failure {
	int sys;
	bool at_cwd;
};

/* An OPEN, read; the strings belong to the document. */
struct request {
	struct json *document;
	char **argv, **environment;
	const char *cwd;
	bool terminal;
	uint16_t columns, rows;
	int64_t timeout;
};

static void free_request(struct request *r)
{
	for (char **variable = r->environment; variable && *variable; variable++)
		free(*variable);
	free(r->environment);
	free(r->argv);
	json_free(r->document);
}

static int read_arguments(struct request *r, struct err *e)
{
	const struct json *argv = json_get(r->document, "argv");
	size_t count = 0;

	if (!argv || argv->kind != JSON_ARRAY || !argv->length || argv->length > ARGUMENTS_MAX)
		return err_set(e, 125, "open: argv is not an array of 1 to %d strings", ARGUMENTS_MAX);
	r->argv = calloc(argv->length + 1, sizeof(char *));
	if (!r->argv)
		return err_errno(e, 125, "open");
	json_each(argument, argv) {
		if (argument->kind != JSON_STRING)
			return err_set(e, 125, "open: argv[%zu] is not a string", count);
		r->argv[count++] = (char *)argument->string;
	}
	if (!r->argv[0][0])
		return err_set(e, 127, "open: the program's name is empty");
	return 0;
}

static int read_environment(struct request *r, struct err *e)
{
	static const char *const base[] = {
		"PATH=/usr/local/bin:/usr/bin", "HOME=/root", "USER=root", "LOGNAME=root", "SHELL=/bin/sh", "TERM=dumb"};
	const struct json *env = json_get(r->document, "env");
	size_t given = env && env->kind == JSON_OBJECT ? env->length : 0, count = 0;

	if ((env && env->kind != JSON_OBJECT && env->kind != JSON_NULL) || given > VARIABLES_MAX)
		return err_set(e, 125, "open: env is not an object of at most %d strings", VARIABLES_MAX);
	r->environment = calloc(array_size(base) + given + 1, sizeof(char *));
	if (!r->environment)
		return err_errno(e, 125, "open");
	for (size_t i = 0; i < array_size(base); i++) {
		char name[16];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(base[i], "="), base[i]);
		if (!json_string(env, name, NULL))
			r->environment[count++] = strdup(base[i]);
	}
	if (given)
		json_each(variable, env) {
			char *text;

			if (variable->kind != JSON_STRING || !variable->key[0] || strchr(variable->key, '='))
				return err_set(e, 125, "open: env: \"%.64s\" is no variable with a string", variable->key);
			if (asprintf(&text, "%s=%s", variable->key, variable->string) < 0)
				return err_errno(e, 125, "open");
			r->environment[count++] = text;
		}
	return 0;
}

static int read_request(struct request *r, const char *text, size_t length, struct err *e)
{
	r->document = json_parse(text, length, e);
	if (!r->document)
		return err_context(e, "open");
	if (read_arguments(r, e) < 0 || read_environment(r, e) < 0)
		return -1;
	r->cwd = json_string(r->document, "cwd", "/root");
	double timeout = json_number(r->document, "timeoutMs", 0);

	if (timeout < 0 || timeout > TIMEOUT_MAX_MS)
		return err_set(e, 125, "open: timeoutMs is out of range");
	r->timeout = (int64_t)timeout;
	const struct json *pty = json_get(r->document, "pty");

	r->terminal = pty && pty->kind == JSON_OBJECT;
	if (r->terminal) {
		double columns = json_number(pty, "cols", 80), rows = json_number(pty, "rows", 24);

		if (columns < 0 || columns > DIMENSION_MAX || rows < 0 || rows > DIMENSION_MAX)
			return err_set(e, 125, "open: pty: cols and rows must be 0 to %d", DIMENSION_MAX);
		r->columns = (uint16_t)columns;
		r->rows = (uint16_t)rows;
	}
	return 0;
}

/* --- the child */

static _Noreturn void fail(int report, bool at_cwd)
{
	struct failure failure = {errno, at_cwd};

	if (write(report, &failure, sizeof(failure)) < 0)
		_exit(125);
	_exit(127);
}

/* Nothing of the agent may stay: signals, limits, its OOM protection. Descriptors are all close-on-exec but these three. */
static _Noreturn void become(const struct request *r, const int ends[3], int report)
{
	static const struct rlimit files = {1024, 524288};
	sigset_t none;

	setsid();
	if (r->terminal && pty_control(ends[0]) < 0)
		fail(report, false);
	for (int fd = 0; fd < 3; fd++)
		if (dup2(ends[fd], fd) < 0)
			fail(report, false);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setrlimit(RLIMIT_NOFILE, &files);
	(void)write_file("/proc/self/oom_score_adj", "0", NULL);
	umask(022);
	if (chdir(r->cwd) < 0)
		fail(report, true);
	environ = r->environment;
	execvp(r->argv[0], r->argv);
	fail(report, false);
}

/* fork straight into the cgroup, so that not even the first instruction runs outside of it. */
static pid_t fork_into(int cgroup)
{
	struct clone_args arguments = {.exit_signal = SIGCHLD};

	if (cgroup >= 0) {
		arguments.flags = CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)cgroup;
	}
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/* --- the parent */

struct ends {
	int ours[3], theirs[3], report[2];
};

static void close_ends(struct ends *ends)
{
	for (int i = 0; i < 3; i++) {
		close_fd(&ends->ours[i]);
		close_fd(&ends->theirs[i]);
	}
	close_fd(&ends->report[0]);
	close_fd(&ends->report[1]);
}

static int make_ends(const struct request *r, struct ends *ends, struct err *e)
{
	if (pipe2(ends->report, O_CLOEXEC) < 0)
		return err_errno(e, 125, "open: pipe");
	if (r->terminal) {
		if (pty_open(r->columns, r->rows, &ends->ours[1], &ends->theirs[0], e) < 0)
			return -1;
		/* One descriptor for each direction: they are listened to apart. */
		ends->ours[0] = fcntl(ends->ours[1], F_DUPFD_CLOEXEC, 0);
		ends->theirs[1] = fcntl(ends->theirs[0], F_DUPFD_CLOEXEC, 0);
		ends->theirs[2] = fcntl(ends->theirs[0], F_DUPFD_CLOEXEC, 0);
		if (ends->ours[0] < 0 || ends->theirs[1] < 0 || ends->theirs[2] < 0)
			return err_errno(e, 125, "open: terminal");
	}
	for (int i = 0; i < 3 && !r->terminal; i++) {
		int pair[2];

		if (pipe2(pair, O_CLOEXEC) < 0)
			return err_errno(e, 125, "open: pipe");
		ends->ours[i] = pair[i == 0];
		ends->theirs[i] = pair[i != 0];
	}
	for (int i = 0; i < 3; i++)
		if (ends->ours[i] >= 0 && set_nonblock(ends->ours[i], true) < 0)
			return err_errno(e, 125, "open: pipe");
	if (set_nonblock(ends->report[0], true) < 0)
		return err_errno(e, 125, "open: pipe");
	return 0;
}

int program_start(struct program *p, struct program_pipes *pipes, const char *text, size_t length, int cgroup,
		  int64_t *timeout_ms, struct err *e)
{
	__attribute__((cleanup(free_request))) struct request r = {0};
	__attribute__((cleanup(close_ends))) struct ends ends = {{-1, -1, -1}, {-1, -1, -1}, {-1, -1}};

	if (read_request(&r, text, length, e) < 0 || make_ends(&r, &ends, e) < 0)
		return -1;
	pid_t pid = fork_into(cgroup);

	if (pid == 0)
		become(&r, ends.theirs, ends.report[1]);
	if (pid < 0)
		return err_errno(e, 125, "open: fork");
	*p = (struct program){.pid = pid, .terminal = r.terminal, .failure = take_fd(&ends.report[0])};
	snprintf(p->name, sizeof(p->name), "%s", r.argv[0]);
	*pipes = (struct program_pipes){take_fd(&ends.ours[0]), take_fd(&ends.ours[1]), take_fd(&ends.ours[2])};
	*timeout_ms = r.timeout;
	return 0;
}

bool program_failure(struct program *p, struct err *e)
{
	struct failure failure;

	if (read(p->failure, &failure, sizeof(failure)) != sizeof(failure))
		return false;
	errno = failure.sys;
	if (failure.at_cwd)
		err_errno(e, 125, "%s: working directory", p->name);
	else if (failure.sys == ENOENT || failure.sys == ENOTDIR)
		err_set(e, 127, "%s: no such file or directory", p->name);
	else if (failure.sys == EACCES || failure.sys == ENOEXEC || failure.sys == EISDIR || failure.sys == EPERM)
		err_errno(e, 126, "%s", p->name);
	else
		err_errno(e, 125, "%s", p->name);
	return true;
}

pid_t program_foreground(int master)
{
	return pty_foreground(master);
}

void program_signal(struct program *p, int master, int number)
{
	pid_t foreground = 0;

	if (p->terminal)
		foreground = master >= 0 ? pty_foreground(master) : p->foreground;
	if (foreground && foreground != p->pid) {
		kill(-foreground, number);
		if (number != SIGKILL && number != SIGHUP)
			return;
	}
	/* Until setsid has run in the child there is no such group. */
	if (kill(-p->pid, number) < 0 && errno == ESRCH)
		kill(p->pid, number);
}

void program_resize(struct program *p, int master, uint16_t columns, uint16_t rows)
{
	if (p->terminal && master >= 0)
		pty_resize(master, columns, rows);
}
