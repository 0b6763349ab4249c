#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "flags.h"
#include "io.h"
#include "kernel.h"
#include "main.h"
#include "oci.h"
#include "oci_commands.h"
#include "oci_schema.h"
#include "table.h"
#include "units.h"

enum { KILL_TIMEOUT_MS = 10000 };

const char *oci_root = OCI_ROOT;

static const struct flag global_flags[] = {
	{0, "root", FLAG_TEXT, "Directory of the containers' state (default \"" OCI_ROOT "\")"},
	{0, "log", FLAG_TEXT, "File for errors, besides standard error"},
	{0, "log-format", FLAG_TEXT, "\"text\" or \"json\""},
	{0, "debug", FLAG_BOOL, "Accepted"},
	{'v', "version", FLAG_BOOL, "The version"},
	{0},
};
static const struct flag no_flags[] = {{0}};
#define BUNDLE_FLAG                                                                                                              \
	{                                                                                                                        \
		'b', "bundle", FLAG_TEXT, "Directory with config.json (default \".\")"                                           \
	}
#define PID_FLAG                                                                                                                 \
	{                                                                                                                        \
		0, "pid-file", FLAG_TEXT, "File for the process id"                                                              \
	}
#define CONSOLE_FLAG                                                                                                             \
	{                                                                                                                        \
		0, "console-socket", FLAG_TEXT, "Unix socket that gets the terminal"                                             \
	}
#define PIVOT_FLAG                                                                                                               \
	{                                                                                                                        \
		0, "no-pivot", FLAG_BOOL, "Refused"                                                                              \
	}
static const struct flag create_flags[] = {BUNDLE_FLAG, PID_FLAG, CONSOLE_FLAG, PIVOT_FLAG, {0}};
static const struct flag run_flags[] = {BUNDLE_FLAG,
					PID_FLAG,
					CONSOLE_FLAG,
					PIVOT_FLAG,
					{'d', "detach", FLAG_BOOL, "Do not wait for it"},
					{0, "keep", FLAG_BOOL, "Do not delete it at its end"},
					{0}};
static const struct flag kill_flags[] = {{'a', "all", FLAG_BOOL, "Every process of the container"}, {0}};
static const struct flag delete_flags[] = {{'f', "force", FLAG_BOOL, "Kill it first if need be"}, {0}};
static const struct flag list_flags[] = {
	{'q', "quiet", FLAG_BOOL, "Only ids"}, {'f', "format", FLAG_TEXT, "\"table\" or \"json\""}, {0}};
static const struct flag spec_flags[] = {BUNDLE_FLAG, {0}};
static const struct flag update_flags[] = {{'r', "resources", FLAG_TEXT, "File with linux.resources (\"-\": standard input)"},
					   {0}};
static const struct flag exec_flags[] = {
	PID_FLAG,
	CONSOLE_FLAG,
	{'p', "process", FLAG_TEXT, "File with the process as config.json has it"},
	{'t', "tty", FLAG_BOOL, "With a terminal"},
	{'u', "user", FLAG_TEXT, "uid[:gid]"},
	{'e', "env", FLAG_LIST, "NAME=value"},
	{0, "cwd", FLAG_TEXT, "Working directory"},
	{'c', "cap", FLAG_LIST, "A capability more"},
	{'g', "additional-gids", FLAG_LIST, "A group more"},
	{0, "no-new-privs", FLAG_BOOL, "Set no_new_privs"},
	{'d', "detach", FLAG_BOOL, "Do not wait for it"},
	{0},
};

int oci_bundle(struct oci *c, const struct arguments *a, struct err *e)
{
	const char *given = flag_text(a, "bundle");

	char path[64];
	_cleanup_fd_ int dir = open(given ? given : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	/* As the kernel names it, without links. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	ssize_t n = dir < 0 ? -1 : readlink(path, c->bundle, sizeof(c->bundle) - 1);

	if (n <= 0)
		return err_errno(e, 1, "--bundle %s", given ? given : ".");
	c->bundle[n] = 0;
	return 0;
}

int oci_write_pid(const struct arguments *a, pid_t pid, struct err *e)
{
	const char *path = flag_text(a, "pid-file");
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return path ? replace_file_at(AT_FDCWD, path, text, strlen(text), 0644, e) : 0;
}

int oci_console(const struct arguments *a, bool terminal, int *theirs, int *ours, struct err *e)
{
	const char *path = flag_text(a, "console-socket");
	int pair[2];

	*theirs = *ours = -1;
	if (path)
		return (*theirs = oci_terminal_connect(path, e)) < 0 ? -1 : 0;
	if (!terminal || flag_on(a, "detach"))
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, 1, "socketpair");
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}

static void kill_and_wait(const struct oci *c)
{
	int64_t deadline = now_ms() + KILL_TIMEOUT_MS;

	if (c->pid && oci_started(c->pid) == c->started)
		kill(c->pid, SIGKILL);
	while (oci_started(c->pid) == c->started && now_ms() < deadline)
		poll(NULL, 0, 5);
}

static int create(const struct arguments *a, bool terminal_here, struct oci *c, int *ours, struct err *e)
{
	char path[PATH_MAX + 16];

	*c = (struct oci){.id = a->rest[0], .console = -1};
	*ours = -1;
	if (flag_on(a, "no-pivot"))
		return err_set(e, 1, "--no-pivot is not supported: the container could get back to the old root");
	if (oci_id_check(c->id, e) < 0 || oci_bundle(c, a, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/config.json", c->bundle);
	c->config = oci_config_read(path, e);
	if (!c->config ||
	    oci_console(a, terminal_here && json_bool(oci_get(c->config, "process"), "terminal", false), &c->console, ours, e) <
		    0 ||
	    (c->foreground = *ours >= 0, oci_create(c, oci_root, e)) < 0)
		return -1;
	close_fd(&c->console);
	return oci_write_pid(a, c->pid, e);
}

static int do_create(const struct arguments *a, struct err *e)
{
	struct oci c;
	int ours;

	return create(a, false, &c, &ours, e);
}

static int do_start(const struct arguments *a, struct err *e)
{
	struct oci c;

	return oci_state_load(&c, oci_root, a->rest[0], e) < 0 ? -1 : oci_start(&c, e);
}

static int do_run(const struct arguments *a, struct err *e)
{
	struct oci c;
	int ours, code = 0;

	if (create(a, true, &c, &ours, e) < 0)
		return -1;
	if (oci_start(&c, e) < 0) {
		struct err ignored;

		kill_and_wait(&c);
		reap(c.pid);
		oci_delete(&c, &ignored);
		return -1;
	}
	if (flag_on(a, "detach"))
		return 0;
	code = oci_foreground(c.pid, ours, e);
	if (!flag_on(a, "keep") && oci_delete(&c, e) < 0)
		return -1;
	return code;
}

static int print(struct jsonw *w)
{
	if (!w->failed)
		puts(w->data);
	jsonw_free(w);
	return 0;
}

static int do_state(const struct arguments *a, struct err *e)
{
	struct jsonw w = {0};
	struct oci c;

	if (oci_state_load(&c, oci_root, a->rest[0], e) < 0)
		return -1;
	oci_state_put(&w, &c, oci_status(&c), true);
	return print(&w);
}

static int do_kill(const struct arguments *a, struct err *e)
{
	const char *name = a->rest_count > 1 ? a->rest[1] : "TERM";
	int signal = spec_signal(name);
	struct oci c;

	/* 0 asks only whether it is there. */
	if (!signal && strcmp(name, "0") != 0)
		return err_set(e, 1, "unknown signal \"%.40s\"", name);
	if (oci_state_load(&c, oci_root, a->rest[0], e) < 0)
		return -1;
	/* Without a pid namespace of its own the rest of it would live on. */
	bool shared = true;

	json_each(ns, oci_get(c.config, "linux.namespaces"))
		shared &= strcmp(json_string(ns, "type", ""), "pid") != 0;
	if (flag_on(a, "all") || (signal == SIGKILL && shared))
		return oci_cgroup_signal(&c, signal, e);
	_cleanup_fd_ int pidfd = c.pid ? sys_pidfd_open(c.pid) : -1;

	/* In this order: what has the number after it was looked up has it no longer when it is another's. */
	if (pidfd < 0 || oci_started(c.pid) != c.started)
		return err_set(e, 1, "container not running: %s", c.id);
	return sys_pidfd_send_signal(pidfd, signal) < 0 ? err_errno(e, 1, "kill") : 0;
}

static int do_delete(const struct arguments *a, struct err *e)
{
	bool force = flag_on(a, "force");
	struct oci c;

	if (oci_state_load(&c, oci_root, a->rest[0], e) < 0) {
		if (!force || oci_id_check(a->rest[0], NULL) < 0)
			return -1;
		/* Not there, or its making was cut off. */
		if (e->sys != ENOENT || access(c.dir, F_OK) == 0)
			oci_state_remove(&c);
		return 0;
	}
	const char *status = oci_status(&c);

	if (strcmp(status, "stopped") != 0) {
		if (!force)
			return err_set(e, 1, "cannot delete container %s: it is %s, not stopped", c.id, status);
		kill_and_wait(&c);
	}
	return oci_delete(&c, e);
}

static int freeze(const struct arguments *a, const char *value, const char *from, struct err *e)
{
	char path[OCI_PATH_MAX + 32];
	struct oci c;

	if (oci_state_load(&c, oci_root, a->rest[0], e) < 0)
		return -1;
	const char *status = oci_status(&c);

	if (strcmp(status, from) != 0)
		return err_set(e, 1, "container %s is %s, not %s", c.id, status, from);
	snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.freeze", c.cgroup);
	return write_file(path, value, e);
}

static int do_pause(const struct arguments *a, struct err *e)
{
	return freeze(a, "1", "running", e);
}

static int do_resume(const struct arguments *a, struct err *e)
{
	return freeze(a, "0", "paused", e);
}

static int do_update(const struct arguments *a, struct err *e)
{
	const char *path = flag_text(a, "resources");
	char cgroup[OCI_PATH_MAX + 32];
	struct oci c;
	size_t length;

	if (!path)
		return err_set(e, 1, "update: --resources is missing");
	if (oci_state_load(&c, oci_root, a->rest[0], e) < 0)
		return -1;
	_cleanup_free_ char *text =
		strcmp(path, "-") == 0 ? read_fd(0, OCI_TEXT_MAX, &length, e) : read_file(path, OCI_TEXT_MAX, &length, e);
	struct json *resources = text ? json_parse(text, length, e) : NULL;

	if (!resources || oci_check_resources(resources, e) < 0)
		return -1;
	snprintf(cgroup, sizeof(cgroup), "/sys/fs/cgroup%s", c.cgroup);
	_cleanup_fd_ int dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? err_errno(e, 1, "%s", cgroup) : oci_cgroup_set(dir, resources, e);
}

static int do_list(const struct arguments *a, struct err *e)
{
	const char *format = flag_text(a, "format");
	bool json = format && strcmp(format, "json") == 0, quiet = flag_on(a, "quiet");
	struct jsonw w = {0};
	struct dirent *entry;
	char created[40];
	DIR *list = opendir(oci_root);

	if (!list && (errno != ENOENT || strcmp(oci_root, OCI_ROOT) != 0))
		return err_errno(e, 1, "--root %s", oci_root);

	if (format && !json && strcmp(format, "table") != 0)
		return err_set(e, 1, "--format: \"%.40s\" is neither table nor json", format);
	if (json)
		jsonw_array(&w, NULL);
	else if (!quiet)
		printf("%-20s %-8s %-10s %-30s %s\n", "ID", "PID", "STATUS", "BUNDLE", "CREATED");
	while (list && (entry = readdir(list))) {
		struct oci c;
		struct err failed;

		if (*entry->d_name == '.' || oci_state_load(&c, oci_root, entry->d_name, &failed) < 0)
			continue;
		const char *status = oci_status(&c);

		unit_time(created, sizeof(created), c.created);
		if (json)
			oci_state_put(&w, &c, status, true);
		else if (quiet)
			puts(c.id);
		else
			printf("%-20s %-8d %-10s %-30s %s\n", c.id, strcmp(status, "stopped") == 0 ? 0 : c.pid, status, c.bundle,
			       created);
		oci_free(&c);
	}
	if (list)
		closedir(list);
	if (!json)
		return 0;
	jsonw_end_array(&w);
	return print(&w);
}

static const struct command {
	const char *name, *usage;
	const struct flag *flags;
	int (*run)(const struct arguments *a, struct err *e); /* the exit code, or -1 */
	size_t least, most;
	int failure; /* exit code of an error */
} commands[] = {
	{"create", "[OPTIONS] ID", create_flags, do_create, 1, 1, 1},
	{"delete", "[OPTIONS] ID", delete_flags, do_delete, 1, 1, 1},
	{"exec", "[OPTIONS] ID [COMMAND [ARG...]]", exec_flags, oci_command_exec, 1, SIZE_MAX, 255},
	{"kill", "[OPTIONS] ID [SIGNAL]", kill_flags, do_kill, 1, 2, 1},
	{"list", "[OPTIONS]", list_flags, do_list, 0, 0, 1},
	{"pause", "ID", no_flags, do_pause, 1, 1, 1},
	{"resume", "ID", no_flags, do_resume, 1, 1, 1},
	{"run", "[OPTIONS] ID", run_flags, do_run, 1, 1, 1},
	{"spec", "[OPTIONS]", spec_flags, oci_command_spec, 0, 0, 1},
	{"start", "ID", no_flags, do_start, 1, 1, 1},
	{"state", "ID", no_flags, do_state, 1, 1, 1},
	{"update", "--resources FILE ID", update_flags, do_update, 1, 1, 1},
};

static void usage(const struct command *only)
{
	for (size_t i = 0; i < array_size(commands); i++)
		if (!only || only == &commands[i])
			printf("nest-oci [--root DIR] [--log FILE] [--log-format json] %s %s\n", commands[i].name,
			       commands[i].usage);
	for (const struct flag *f = only ? only->flags : global_flags; f->name; f++)
		printf("  --%-16s %s\n", f->name, f->help);
}

static void say(const struct arguments *global, const struct err *e)
{
	const char *path = flag_text(global, "log"), *format = flag_text(global, "log-format");
	_cleanup_fd_ int log = path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
	char when[40];

	unit_time(when, sizeof(when), unix_ms());
	fprintf(stderr, "nest-oci: %s\n", e->msg);
	if (log < 0)
		return;
	if (format && strcmp(format, "json") == 0) {
		struct jsonw w = {0};

		jsonw_object(&w, NULL);
		jsonw_string(&w, "level", "error");
		jsonw_string(&w, "msg", e->msg);
		jsonw_string(&w, "time", when);
		jsonw_end_object(&w);
		dprintf(log, "%s\n", w.failed ? "" : w.data);
		jsonw_free(&w);
	} else {
		dprintf(log, "%s %s\n", when, e->msg);
	}
}

int oci_main(int argc, char **argv)
{
	static struct arguments global, a;
	const struct command *command = NULL;
	struct err e = {0};

	signal(SIGPIPE, SIG_IGN);
	if (flags_parse(global_flags, false, argc - 1, argv + 1, &global, &e) < 0) {
		say(&global, &e);
		return 1;
	}
	if (flag_text(&global, "root"))
		oci_root = flag_text(&global, "root");
	if (flag_on(&global, "version")) {
		puts("nest-oci " NEST_VERSION "\nspec: " OCI_VERSION);
		return 0;
	}
	for (size_t i = 0; global.rest_count && i < array_size(commands); i++)
		if (strcmp(commands[i].name, global.rest[0]) == 0)
			command = &commands[i];
	if (!command && global.rest_count && strcmp(global.rest[0], "help") != 0) {
		err_set(&e, 1, "unknown command \"%.40s\"", global.rest[0]);
		say(&global, &e);
		return 1;
	}
	if (!command || global.help) {
		usage(NULL);
		return 0;
	}
	int ret = flags_parse(command->flags, command->run != oci_command_exec, (int)global.rest_count - 1, global.rest + 1, &a,
			      &e);

	if (ret == 0 && a.help) {
		usage(command);
		return 0;
	}
	if (ret == 0 && (a.rest_count < command->least || a.rest_count > command->most))
		ret = err_set(&e, 1, "usage: nest-oci %s %s", command->name, command->usage);
	if (ret == 0)
		ret = command->run(&a, &e);
	if (ret >= 0)
		return ret;
	say(&global, &e);
	return command->failure;
}
