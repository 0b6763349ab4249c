#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include "io.h"
#include "oci.h"

static void run(const struct json *hook, int input) __attribute__((noreturn));

static void run(const struct json *hook, int input)
{
	static const char *argv[SPEC_LIST_MAX], *env[SPEC_LIST_MAX];
	const char *path = json_string(hook, "path", ""), *const * lists[] = {argv, env};
	size_t count = 0;
	sigset_t none;

	json_each(text, oci_get(hook, "args"))
		if (count + 1 < SPEC_LIST_MAX)
			argv[count++] = text->string;
	if (!count)
		argv[0] = path;
	count = 0;
	json_each(text, oci_get(hook, "env"))
		if (count + 1 < SPEC_LIST_MAX)
			env[count++] = text->string;
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(input, 0) == 0)
		execve(path, (char *const *)lists[0], oci_get(hook, "env") ? (char *const *)lists[1] : environ);
	fprintf(stderr, "nest-oci: hook %s: %s\n", path, strerror(errno));
	_exit(127);
}

/* fork and waitpid alone: a filter of the container's own may be in force already. */
static int one(const struct json *hook, const struct jsonw *state, struct err *e)
{
	const char *path = json_string(hook, "path", "");
	double timeout = json_number(hook, "timeout", 0);
	int64_t deadline = timeout > 0 ? now_ms() + (int64_t)timeout * 1000 : INT64_MAX;
	int input[2], status;

	if (pipe2(input, O_CLOEXEC) < 0)
		return err_errno(e, 1, "pipe");
	_cleanup_fd_ int read_end = input[0], write_end = input[1];
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, 1, "fork");
	if (pid == 0)
		run(hook, read_end);
	close_fd(&read_end);
	/* It fits in whole, so that a hook that reads nothing does not keep us. */
	fcntl(write_end, F_SETPIPE_SZ, OCI_TEXT_MAX);
	if (set_nonblock(write_end, true) == 0)
		(void)!write(write_end, state->data, state->length);
	close_fd(&write_end);
	for (int pause_ms = 1;; pause_ms = pause_ms < 20 ? pause_ms * 2 : 20) {
		pid_t ended = waitpid(pid, &status, WNOHANG);

		if (ended == pid)
			break;
		if (ended < 0 && errno != EINTR)
			return err_errno(e, 1, "hook %s", path);
		if (now_ms() >= deadline) {
			kill(pid, SIGKILL);
			reap(pid);
			return err_set(e, 1, "hook %s: not done after %.0f s", path, timeout);
		}
		poll(NULL, 0, pause_ms);
	}
	if (status == 0)
		return 0;
	return WIFSIGNALED(status) ? err_set(e, 1, "hook %s: killed by signal %d", path, WTERMSIG(status))
				   : err_set(e, 1, "hook %s: exit status %d", path, WEXITSTATUS(status));
}

int oci_hooks(const struct oci *c, const char *name, const char *status, pid_t pid, struct err *e)
{
	/* What comes after "the container is there" cannot undo it: a failure is said, and the rest runs. */
	bool go_on = strncmp(name, "post", 4) == 0;
	struct oci shown = *c;
	struct jsonw state = {0};
	char path[32];
	int ret = 0;

	snprintf(path, sizeof(path), "hooks.%s", name);
	shown.pid = pid;
	oci_state_put(&state, &shown, status, false);
	if (state.failed)
		ret = err_set(e, 1, "out of memory");
	json_each(hook, ret == 0 ? oci_get(c->config, path) : NULL) {
		struct err failed = {0};

		if (one(hook, &state, &failed) == 0)
			continue;
		err_context(&failed, "%s", name);
		if (go_on) {
			fprintf(stderr, "nest-oci: %s\n", failed.msg);
			continue;
		}
		*e = failed;
		ret = -1;
		break;
	}
	jsonw_free(&state);
	return ret;
}
