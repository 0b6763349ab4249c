/* cp, diff, export. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cli.h"
#include "client.h"
#include "copy.h"
#include "io.h"
#include "tarpipe.h"
#include "units.h"

const struct flag cli_copy_flags[] = {
	{'a', "archive", FLAG_BOOL, "Archive mode (copy all uid/gid information)"},
	{'L', "follow-link", FLAG_BOOL, "Always follow symbol link in SRC_PATH"},
	{'q', "quiet", FLAG_BOOL, "Suppress progress output during copy"},
	{0},
};
const struct flag cli_export_flags[] = {{'o', "output", FLAG_TEXT, "Write to a file, instead of STDOUT"}, {0}};

struct place {
	char container[160]; /* "": here */
	const char *path;
};

/* "CONTAINER:PATH", unless it is clearly a path. */
static struct place place_of(const char *text)
{
	struct place place = {.path = text};
	const char *colon = strchr(text, ':');

	if (*text != '/' && *text != '.' && colon && (size_t)(colon - text) < sizeof(place.container)) {
		memcpy(place.container, text, (size_t)(colon - text));
		place.path = colon + 1;
	}
	return place;
}

/* Paths here, made absolute; a slash or "/." at its end says something. */
static int here(const char *path, char whole[PATH_MAX], struct err *e)
{
	char cwd[PATH_MAX] = "";

	if (*path != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_errno(e, 1, "the current directory");
	if (snprintf(whole, PATH_MAX, "%s/%s", cwd, path) >= PATH_MAX)
		return err_set(e, 1, "the path is too long");
	return open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void put_request(struct jsonw *w, const char *cmd, const char *container, const char *path)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "cmd", cmd);
	jsonw_string(w, "container", container);
	if (path)
		jsonw_string(w, "path", *path ? path : "/");
}

static int local_error(const struct err *e)
{
	fprintf(stderr, "%s\n", e->msg);
	return 1;
}

static void say_copied(const struct arguments *a, int64_t bytes, const char *container, const char *path)
{
	char size[32];

	if (flag_on(a, "quiet") || !isatty(1))
		return;
	unit_size(size, sizeof(size), (double)bytes, 3);
	fprintf(stderr, "Successfully copied %s to %s%s%s\n", size, container, *container ? ":" : "", path);
}

static struct tarpipe tube;

/* Our standard input as it is. */
static int send_input(struct err *e)
{
	static char buffer[65536];
	ssize_t n;

	while ((n = read(0, buffer, sizeof(buffer))) != 0) {
		if (n < 0 && errno != EINTR)
			return err_errno(e, 1, "read standard input");
		if (n > 0 && tarpipe_write(&tube, buffer, (size_t)n) < 0)
			return err_errno(e, 1, "send");
	}
	return 0;
}

static int copy_in(struct arguments *a, const char *from, const struct place *to)
{
	bool stream = strcmp(from, "-") == 0;
	const struct tar_out out = {tarpipe_write, &tube};
	struct copy_source source = {.fd = -1};
	struct jsonw w = {0};
	struct err e = {0}, answer;
	char path[PATH_MAX];
	_cleanup_fd_ int root = stream ? -1 : here(from, path, &e);

	if (!stream && (root < 0 || copy_source(root, path, flag_on(a, "follow-link"), &source, &e) < 0)) {
		if (e.sys == ENOENT)
			err_set(&e, 1, "lstat %s: no such file or directory", from);
		return local_error(&e);
	}
	put_request(&w, "copy.in", to->container, to->path);
	jsonw_bool(&w, "directory", source.directory);
	jsonw_bool(&w, "owners", flag_on(a, "archive"));
	jsonw_bool(&w, "stream", stream);
	jsonw_end_object(&w);
	tube = (struct tarpipe){.sock = client_open(&w, &e), .kind = '0', .heed = true, .freezer = -1};
	if (tube.sock < 0)
		return cli_daemon_error(&e);
	int ret = stream ? send_input(&e) : pack(&out, source.fd, source.content ? "." : source.name, &e);

	if (ret == 0 && (ret = tarpipe_flush(&tube)) < 0)
		err_errno(&e, 1, "send");
	if (ret == 0)
		ret = sock_send(tube.sock, "0", 1, NULL, 0, -1, &e);
	/* Ended early by the engine, which then says why; or by what we could not read. */
	if (ret < 0 && e.sys != EPIPE && e.sys != ECONNRESET)
		return local_error(&e);
	ret = client_wait(tube.sock, NULL, NULL, &answer);
	if (ret < 0)
		return cli_daemon_error(&answer);
	say_copied(a, tube.total, to->container, to->path);
	return ret;
}

/* What the engine said instead of the archive's next bytes. */
static int last_word(struct err *e)
{
	struct json *json = tube.other ? json_parse(tube.packet + 1, tube.length - 1, NULL) : NULL;
	const struct json *error = json_get(json, "error");
	int ret = 0;

	if (error)
		ret = err_set(e, 1, "%s", json_string(error, "message", ""));
	else if (!json || *tube.packet != 'X')
		ret = err_set(e, 1, "the engine ended the connection");
	json_free(json);
	return ret;
}

static int copy_out(struct arguments *a, const struct place *from, const char *to)
{
	bool stream = strcmp(to, "-") == 0;
	struct copy_source source = {0};
	struct copy_target target = {.root = -1};
	struct jsonw w = {0};
	struct err e = {0}, said;
	char path[PATH_MAX];

	put_request(&w, "copy.out", from->container, from->path);
	jsonw_bool(&w, "follow", flag_on(a, "follow-link"));
	jsonw_end_object(&w);
	tube = (struct tarpipe){.sock = client_open(&w, &e), .kind = '1', .freezer = -1};
	if (tube.sock < 0)
		return cli_daemon_error(&e);
	if (stream) {
		int code = client_wait(tube.sock, NULL, NULL, &e);

		return code < 0 ? cli_daemon_error(&e) : code;
	}
	ssize_t n = sock_recv(tube.sock, tube.packet, sizeof(tube.packet), NULL, NULL, -1, &e);

	if (n <= 0)
		return n < 0 ? cli_daemon_error(&e) : 1;
	struct json *first = json_parse(tube.packet + 1, (size_t)n - 1, NULL);
	const struct json *error = json_get(first, "error");

	if (error) {
		err_set(&e, 1, "%s", json_string(error, "message", ""));
		return cli_daemon_error(&e);
	}
	source.directory = json_bool(first, "directory", false);
	json_free(first);
	_cleanup_fd_ int root = here(to, path, &e);

	if (root < 0 || copy_target(root, path, &source, &target, &e) < 0) {
		if (e.sys == ENOENT) {
			snprintf(path, sizeof(path), "%s", e.msg);
			err_set(&e, 1, "invalid output path: directory \"%.200s\" does not exist", path);
		}
		return local_error(&e);
	}
	const struct unpacking how = {
		.root = target.root, .rename = *target.rename ? target.rename : NULL, .owners = flag_on(a, "archive")};
	struct tar_in archive = {.read = tarpipe_read, .context = &tube};
	int ret = unpack(&archive, &how, &e);

	if (ret == 0 || tube.other) {
		tarpipe_drain(&tube);
		if (last_word(&said) < 0)
			return cli_daemon_error(&said);
	}
	if (ret < 0)
		return local_error(&e);
	say_copied(a, tube.total, "", to);
	return 0;
}

int cli_copy(const struct cli_command *c, struct arguments *a)
{
	struct place from = place_of(a->rest[0]), to = place_of(a->rest[1]);
	struct err e;

	(void)c;
	if (!*a->rest[0] || !*a->rest[1])
		err_set(&e, 1, *a->rest[0] ? "destination can not be empty" : "source can not be empty");
	else if (*from.container && *to.container)
		err_set(&e, 1, "copying between containers is not supported");
	else if (*to.container)
		return copy_in(a, from.path, &to);
	else if (*from.container)
		return copy_out(a, &from, to.path);
	else
		err_set(&e, 1, "must specify at least one container source");
	return local_error(&e);
}

int cli_diff(const struct cli_command *c, struct arguments *a)
{
	struct jsonw w = {0};
	struct err e;

	put_request(&w, c->name, a->rest[0], NULL);
	jsonw_end_object(&w);
	int code = client_ask(&w, NULL, &e);

	return code < 0 ? cli_daemon_error(&e) : code;
}

int cli_export(const struct cli_command *c, struct arguments *a)
{
	const char *output = flag_text(a, "output");
	struct err e;

	if (!output && isatty(1)) {
		err_set(&e, 1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
		return local_error(&e);
	}
	if (output) {
		_cleanup_fd_ int file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		if (file < 0 || dup2(file, 1) < 0) {
			err_errno(&e, 1, "failed to export container: %s", output);
			return local_error(&e);
		}
	}
	int ret = cli_diff(c, a);

	/* Half an archive helps nobody. */
	if (ret && output)
		unlink(output);
	return ret;
}
