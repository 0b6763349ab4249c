#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "io.h"
#include "kernel.h"
#include "process.h"
#include "seccomp.h"
#include "ulimit.h"
#include "user.h"

/* The working directory must be inside the root: the kernel says "(unreachable)" when it is not (CVE-2024-21626). */
static int enter_directory(const char *path, struct err *e)
{
	char real[PATH_MAX];

	if (chdir(path) < 0)
		return err_errno(e, 126, "chdir to cwd (\"%s\") set in config.json failed", path);
	long n = syscall(SYS_getcwd, real, sizeof(real));

	if (n < 0 || real[0] != '/')
		return err_set(e, 125, "the working directory %s is not inside the container", path);
	return 0;
}

static int not_runnable(const char *name, struct err *e)
{
	switch (errno) {
	case EACCES:
	case EPERM:
		return err_set(e, 126, "exec: \"%s\": permission denied", name);
	case ENOENT:
	case ENOTDIR:
		return err_set(e, 127, "exec: \"%s\": stat %s: no such file or directory", name, name);
	default:
		return err_errno(e, 126, "exec %s", name);
	}
}

static void run(const char *path, const struct process *p)
{
	execve(path, (char *const *)p->argv, (char *const *)p->env);
}

/* In the container's PATH, and as the user it runs as: what it cannot execute is not there for it. */
static int search_and_run(const struct process *p, struct err *e)
{
	const char *name = p->argv[0], *list = env_get(p->env, "PATH");
	char path[PATH_MAX];
	int found = 0;

	if (strchr(name, '/')) {
		struct stat st;

		run(name, p);
		int failed = errno;

		/* A script whose interpreter is missing also gives ENOENT. */
		if (failed == ENOENT && stat(name, &st) == 0)
			return err_set(e, 127, "exec %s: no such file or directory", name);
		if (failed == EACCES && stat(name, &st) == 0 && S_ISDIR(st.st_mode))
			return err_set(e, 126, "exec: \"%s\": is a directory", name);
		errno = failed;
		return not_runnable(name, e);
	}
	while (list && *name) {
		size_t length = strcspn(list, ":");
		struct stat st;

		/* An empty or relative entry would mean the working directory: skipped, as Go does it. */
		if (length && *list == '/' && length + strlen(name) + 2 < sizeof(path)) {
			snprintf(path, sizeof(path), "%.*s/%s", (int)length, list, name);
			if (stat(path, &st) == 0 && S_ISREG(st.st_mode)) {
				run(path, p);
				if (errno == ENOEXEC)
					return err_set(e, 126, "exec %s: exec format error", path);
				if (errno == ENOENT)
					return err_set(e, 127, "exec %s: no such file or directory", path);
				found = errno;
			}
		}
		if (!list[length])
			break;
		list += length + 1;
	}
	if (found == EACCES || found == 0)
		return err_set(e, found ? 126 : 127,
			       found ? "exec: \"%s\": permission denied" : "exec: \"%s\": executable file not found in $PATH",
			       name);
	errno = found;
	return err_errno(e, 126, "exec %s", name);
}

/* Our own binary by its descriptor 4; the program is its child, and what keeps it from starting is said by it (reaper.c). */
static int run_init(const struct process *p, struct err *e)
{
	static const char *argv[SPEC_LIST_MAX + 2];

	argv[0] = "/sbin/docker-init";
	argv[1] = "--";
	for (size_t i = 0; p->argv[i]; i++)
		argv[i + 2] = p->argv[i];
	sys_execveat(4, "", (char *const *)argv, (char *const *)p->env, AT_EMPTY_PATH);
	return err_errno(e, 126, "exec %s", argv[0]);
}

int process_exec(struct process *p, int report, bool lifeline, struct err *e)
{
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char home[300];
	struct user user;
	sigset_t none;

	if (root < 0)
		return err_errno(e, 125, "open /");
	if (p->as)
		snprintf(home, sizeof(home), "%u", p->as->uid);
	if (user_find(root, p->as ? home : p->user, p->groups, &user, e) < 0)
		return -1;
	if (p->as) {
		char *at = strcpy(home, user.home);

		user = *p->as;
		strcpy(user.home, at);
	}
	/* Only root keeps any, unless somebody said otherwise; nothing is inheritable (CVE-2022-24769). */
	uint64_t keep = user.uid == 0 ? p->caps : 0;
	struct cap_sets sets = p->sets ? *p->sets : (struct cap_sets){p->caps, keep, keep, 0, 0};

	close_fd(&root);
	const char *given = env_get(p->env, "HOME");

	if (!given || !*given) {
		snprintf(home, sizeof(home), "HOME=%s", user.home);
		if (env_put(p->env, home, e) < 0)
			return -1;
	}
	if (enter_directory(p->cwd, e) < 0)
		return -1;
	/* Docker leaves it off so that su, sudo and ping work; the user namespace bounds what a setuid program gains. */
	if (p->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, 125, "no_new_privs");
	/* Without it loading the filter takes this, and the filter comes last: what we do need not be in a profile. */
	struct cap_sets until_filter = sets;
	bool drop = !p->no_seccomp && !p->no_new_privs;

	if (drop) {
		until_filter.effective |= caps_by_name("SYS_ADMIN");
		until_filter.permitted |= until_filter.effective;
	}
	if (caps_bound(sets.bounding, e) < 0 ||
	    caps_become(user.uid, user.gid, user.groups, user.group_count, &until_filter, e) < 0)
		return -1;
	/* Once more as the user, who may not be allowed in there at all. */
	if (user.uid != 0 && enter_directory(p->cwd, e) < 0)
		return -1;
	/* Changing credentials cleared it. */
	if (lifeline && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return err_errno(e, 125, "parent death signal");
	/* What the engine ignores for itself the program must not (engine.c). */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(p->mask);
	/*
	 * Closed for real and not at exec, so that no /proc/self/fd/N can be the program (CVE-2024-21626). What remains is the
	 * report pipe, which goes with the exec and cannot be executed.
	 */
	int kept[] = {p->gate ? p->gate_fds[0] : p->init, p->gate ? p->gate_fds[1] : -1};
	unsigned next = 4;

	for (size_t i = 0; i < array_size(kept); i++)
		if (kept[i] >= 0 && (kept[i] = fcntl(kept[i], F_DUPFD_CLOEXEC, 6)) < 0)
			return err_errno(e, 125, "keep a descriptor");
	if (report != 3 && dup3(report, 3, O_CLOEXEC) < 0)
		return err_errno(e, 125, "report descriptor");
	for (size_t i = 0; i < array_size(kept); i++)
		if (kept[i] >= 0 && dup3(kept[i], (int)next++, O_CLOEXEC) < 0)
			return err_errno(e, 125, "keep a descriptor");
	sys_close_range(next, ~0u, 0);
	/* Last, so that none of them hits us. */
	if (ulimits_set(p->ulimits, e) < 0)
		process_fail(3, e);
	if (p->gate && p->gate(p, e) < 0)
		process_fail(3, e);
	if ((!p->no_seccomp && seccomp_load(p->profile, p->filter, e) < 0) || (drop && caps_set(&sets, e) < 0) ||
	    (p->last && p->last(p, e) < 0))
		process_fail(3, e);
	if (p->init < 0)
		search_and_run(p, e);
	else
		run_init(p, e);
	process_fail(3, e);
}

int process_score(pid_t pid, int score, struct err *e)
{
	char path[48], text[16];
	struct err failed;

	snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", pid);
	snprintf(text, sizeof(text), "%d", score);
	if (write_file(path, text, &failed) == 0 || failed.sys == EACCES)
		return 0;
	if (e)
		*e = failed;
	return -1;
}

void process_fail(int report, const struct err *e)
{
	/* One write below PIPE_BUF: all or nothing. */
	if (write(report, e, sizeof(*e)) != sizeof(*e))
		_exit(125);
	_exit(e->code);
}

int process_wait_started(int report, int timeout_ms, struct err *e)
{
	struct err child;

	if (wait_fd(report, POLLIN, timeout_ms < 0 ? -1 : now_ms() + timeout_ms) < 0)
		return err_set(e, 125, "the container did not start within %d s", timeout_ms / 1000);
	ssize_t n = read(report, &child, sizeof(child));

	if (n == 0)
		return 0;
	if (n != sizeof(child))
		return err_set(e, 125, "the container's first process ended before it could start");
	child.msg[sizeof(child.msg) - 1] = 0;
	*e = child;
	return -1;
}
