/* run, create, start, attach, exec: the commands that have a program's streams. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "cli_values.h"
#include "client.h"
#include "detach.h"
#include "io.h"
#include "keyvalue.h"

/* Flags that are understood but only in part. */
static int check_flags(const struct arguments *a, struct jsonw *w, struct err *e)
{
	for (size_t i = 0; i < a->count; i++) {
		const char *name = a->values[i].flag->name, *text = a->values[i].text;

		if (strcmp(name, "platform") == 0 && strcmp(text, "linux/386") != 0 && strcmp(text, "linux") != 0)
			return err_set(e, 125, "--platform %s: no such image runs here, the machine is linux/386", text);
		if (strcmp(name, "pull") == 0 && strcmp(text, "always") != 0 && strcmp(text, "missing") != 0 &&
		    strcmp(text, "never") != 0)
			return err_set(e, 125,
				       "--pull: invalid pull option: '%s': must be one of \"always\", \"missing\" or \"never\"",
				       text);
	}
	return values_put_security(w, a, e);
}

static int run_request(struct jsonw *w, const char *cmd, const struct arguments *a, struct err *e)
{
	const char *entrypoint = flag_text(a, "entrypoint");

	jsonw_object(w, NULL);
	jsonw_string(w, "cmd", cmd);
	jsonw_string(w, "image", a->rest[0]);
	if (cli_put_flags(w, cli_run_flags, a, e) < 0 || keyvalue_put(w, a, "env", "env", e) < 0 ||
	    keyvalue_put(w, a, "label", "labels", e) < 0 || values_put_mounts(w, a, e) < 0)
		return -1;
	if (entrypoint) {
		jsonw_array(w, "entrypoint");
		if (*entrypoint)
			jsonw_string(w, NULL, entrypoint);
		jsonw_end_array(w);
	}
	jsonw_array(w, "argv");
	for (size_t i = 1; i < a->rest_count; i++)
		jsonw_string(w, NULL, a->rest[i]);
	jsonw_end_array(w);
	client_put_size(w);
	int ret = check_flags(a, w, e);

	jsonw_end_object(w);
	return ret;
}

/* Keeps the id of {"id","name"}. */
static int keep_id(const struct json *answer, void *context)
{
	const char *id = json_string(answer, "id", NULL);

	if (id)
		snprintf(context, 65, "%s", id);
	return 0;
}

/* Docker repeats which command failed when the container could not even be made, and adds where to read more. */
static int run_error(const struct cli_command *c, const struct arguments *a, const struct err *e)
{
	int at = values_blame(a, e);

	fprintf(stderr, "%s: Error response from daemon: %s", cli_name(), e->msg);
	if (at >= 0)
		fprintf(stderr, " (--%s %.200s)", a->values[at].flag->name, a->values[at].text);
	fprintf(stderr, "\n\nRun '%s %s --help' for more information\n", cli_name(), c->name);
	return e->code;
}

static int run(const struct cli_command *c, struct arguments *a, const char *cmd)
{
	bool tty = flag_on(a, "tty"), input = flag_on(a, "interactive"), detach = flag_on(a, "detach"),
	     create = strcmp(cmd, "create") == 0;
	const char *policy = flag_text(a, "pull");
	struct err e = {.code = 125};

	if (values_check(a, &e) < 0)
		return cli_usage_error(c, e.msg);
	if (tty && input && !detach && !create && !isatty(0)) {
		fprintf(stderr, "the input device is not a TTY\n");
		return 1;
	}
	if (policy && strcmp(policy, "always") == 0 && cli_pull_image(a->rest[0], flag_on(a, "quiet"), 2, &e) < 0)
		return run_error(c, a, &e);
	/* Twice at most: without the image, then with it. */
	for (int tries = 0;; tries++) {
		char id[65] = "", kind[16] = "";
		struct client_answer answer = {keep_id, id};
		struct jsonw w = {0};
		int code;

		if (run_request(&w, cmd, a, &e) < 0) {
			jsonw_free(&w);
			return run_error(c, a, &e);
		}
		_cleanup_fd_ int fd = client_open(&w, &e);

		if (fd < 0)
			return run_error(c, a, &e);
		code = detach || create ? client_wait(fd, &answer, kind, &e)
					: client_stream(fd, tty, input, flag_text(a, "detach-keys"), &answer, kind, &e);
		if (code >= 0) {
			if (detach || create)
				printf("%s\n", id);
			return code;
		}
		if (strcmp(kind, "no-image") != 0 || tries > 0 || (policy && strcmp(policy, "never") == 0))
			return run_error(c, a, &e);
		const char *slash = strrchr(a->rest[0], '/'), *name = slash ? slash : a->rest[0];

		if (!flag_on(a, "quiet"))
			fprintf(stderr, "Unable to find image '%s%s' locally\n", a->rest[0],
				strpbrk(name, ":@") ? "" : ":latest");
		if (cli_pull_image(a->rest[0], flag_on(a, "quiet"), 2, &e) < 0)
			return run_error(c, a, &e);
	}
}

int cli_run(const struct cli_command *c, struct arguments *a)
{
	return run(c, a, "run");
}

int cli_create(const struct cli_command *c, struct arguments *a)
{
	return run(c, a, "create");
}

static int open_for(const char *cmd, const char *container, bool attach, struct err *e)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", cmd);
	jsonw_string(&w, "container", container);
	jsonw_bool(&w, "attach", attach);
	client_put_size(&w);
	jsonw_end_object(&w);
	return client_open(&w, e);
}

struct terminal {
	bool tty, input;
};

static int keep_terminal(const struct json *answer, void *context)
{
	struct terminal *t = context;
	const struct json *container = json_get(answer, "container");

	if (container)
		*t = (struct terminal){json_bool(container, "tty", false), json_bool(container, "stdin", false)};
	return 0;
}

/* `cmd` on a container, with its streams as far as it has them. */
static int with_streams(const char *cmd, const struct arguments *a, struct err *e)
{
	struct terminal terminal = {0};
	struct client_answer answer = {keep_terminal, &terminal};
	const char *name = a->rest[0];
	struct detach detach;

	if (detach_parse(flag_text(a, "detach-keys"), &detach, e) < 0)
		return -1;
	int code, fd = open_for("inspect", name, false, e);

	if (fd < 0)
		return -1;
	code = client_wait(fd, &answer, NULL, e);
	close(fd);
	fd = code < 0 ? -1 : open_for(cmd, name, true, e);
	if (fd < 0)
		return -1;
	code = client_stream(fd, terminal.tty, terminal.input && !flag_on(a, "no-stdin") && (!terminal.tty || isatty(0)),
			     flag_text(a, "detach-keys"), NULL, NULL, e);
	close(fd);
	return code;
}

int cli_attach(const struct cli_command *c, struct arguments *a)
{
	struct err e;
	int code = with_streams("attach", a, &e);

	(void)c;
	return code < 0 ? cli_daemon_error(&e) : code;
}

int cli_start(const struct cli_command *c, struct arguments *a)
{
	int worst = 0;
	struct err e;

	(void)c;
	if (flag_on(a, "attach") || flag_on(a, "interactive")) {
		if (a->rest_count > 1) {
			fprintf(stderr, "you cannot start and attach multiple containers at once\n");
			return 1;
		}
		int code = with_streams("start", a, &e);

		return code < 0 ? cli_daemon_error(&e) : code;
	}
	for (size_t i = 0; i < a->rest_count; i++) {
		int fd = open_for("start", a->rest[i], false, &e), code = fd < 0 ? -1 : client_wait(fd, NULL, NULL, &e);

		if (fd >= 0)
			close(fd);
		if (code < 0) {
			cli_daemon_error(&e);
			worst = 1;
		} else {
			printf("%s\n", a->rest[i]);
		}
	}
	return worst;
}

int cli_exec(const struct cli_command *c, struct arguments *a)
{
	bool tty = flag_on(a, "tty"), input = flag_on(a, "interactive"), detach = flag_on(a, "detach");
	struct jsonw w = {0};
	struct err e;

	if (values_check(a, &e) < 0)
		return cli_usage_error(c, e.msg);
	if (tty && input && !detach && !isatty(0)) {
		fprintf(stderr, "the input device is not a TTY\n");
		return 1;
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "exec");
	jsonw_string(&w, "container", a->rest[0]);
	if (cli_put_flags(&w, cli_exec_flags, a, &e) < 0 || keyvalue_put(&w, a, "env", "env", &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		jsonw_free(&w);
		return 125;
	}
	jsonw_array(&w, "argv");
	for (size_t i = 1; i < a->rest_count; i++)
		jsonw_string(&w, NULL, a->rest[i]);
	jsonw_end_array(&w);
	client_put_size(&w);
	jsonw_end_object(&w);
	_cleanup_fd_ int fd = client_open(&w, &e);

	if (fd < 0)
		return cli_daemon_error(&e);
	int code = detach ? client_wait(fd, NULL, NULL, &e)
			  : client_stream(fd, tty, input, flag_text(a, "detach-keys"), NULL, NULL, &e);

	if (code >= 0)
		return code;
	if (e.code == 126 || e.code == 127) {
		fprintf(stderr, "OCI runtime exec failed: exec failed: unable to start container process: %s\n", e.msg);
		return e.code;
	}
	return cli_daemon_error(&e);
}
