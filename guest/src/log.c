#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "container.h"
#include "flags.h"
#include "io.h"
#include "log.h"
#include "sock.h"
#include "table.h"
#include "units.h"

enum { HALF = 512 * 1024, RECORD_MAX = 32768, FOLLOW_MS = 50, QUIET_TURNS = 3, CLIENT_MS = 30000 };

struct record {
	uint32_t length, stream;
	int64_t time; /* unix ms */
};

static int open_file(struct log *log, struct err *e)
{
	char path[200];

	container_path(path, log->id, "log");
	log->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	log->used = 0;
	return log->fd < 0 ? err_errno(e, 125, "create %s", path) : 0;
}

static const char *option(const struct json *request, const char *key)
{
	size_t length = strlen(key);

	json_each(item, json_get(request, "logOptions"))
		if (item->kind == JSON_STRING && strncmp(item->string, key, length) == 0 && item->string[length] == '=')
			return item->string + length + 1;
	return NULL;
}

int log_check(const struct json *request, struct err *e)
{
	static const char *const known[] = {"max-file", "max-size", "mode"};
	const char *driver = json_string(request, "logDriver", "json-file"), *size = option(request, "max-size");
	const char *files = option(request, "max-file");

	if (strcmp(driver, "json-file") != 0 && strcmp(driver, "local") != 0 && strcmp(driver, "none") != 0)
		return err_set(e, 125, "logger: no log driver named '%.64s' is registered", driver);
	json_each(item, json_get(request, "logOptions")) {
		const char *text = item->kind == JSON_STRING ? item->string : "";
		size_t length = strcspn(text, "="), k = 0;

		while (k < array_size(known) && (strlen(known[k]) != length || strncmp(text, known[k], length) != 0))
			k++;
		if (k == array_size(known))
			return err_set(e, 125, "unknown log opt '%.*s' for %s log driver", (int)(length > 64 ? 64 : length), text,
				       driver);
	}
	if (size && strcmp(size, "-1") != 0 && flag_size(size) < 1)
		return err_set(e, 125, "invalid max-size: '%.64s'", size);
	if (files && atoi(files) < 1)
		return err_set(e, 125, "max-file cannot be less than 1");
	return 0;
}

/* Docker's max-size is of one file of max-file (1); here both together make two halves. */
static size_t half_of(const struct json *request)
{
	const char *size = option(request, "max-size"), *files = option(request, "max-file");
	double bytes = size ? (double)flag_size(size) * (files ? atoi(files) : 1) / 2 : -1;

	return bytes > 0 && bytes < HALF ? (size_t)bytes : HALF;
}

int log_open(struct log *log, const char *id, const struct json *request, struct err *e)
{
	char path[200];
	struct stat st;

	snprintf(log->id, sizeof(log->id), "%s", id);
	log->half = half_of(request);
	log->fd = -1;
	if (strcmp(json_string(request, "logDriver", ""), "none") == 0)
		return 0;
	container_path(path, id, "log");
	/* A container that is started again goes on in the same log. */
	log->fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (log->fd < 0)
		return open_file(log, e);
	log->used = fstat(log->fd, &st) == 0 ? (size_t)st.st_size : 0;
	return 0;
}

void log_append(struct log *log, char stream, const void *data, size_t length)
{
	char packet[sizeof(struct record) + RECORD_MAX], old[200], current[200];

	if (log->fd < 0 || length == 0 || length > RECORD_MAX)
		return;
	/* A half holds one record at least. */
	if (log->used && log->used + sizeof(struct record) + length > log->half) {
		container_path(current, log->id, "log");
		container_path(old, log->id, "log.old");
		close_fd(&log->fd);
		if (rename(current, old) < 0 || open_file(log, NULL) < 0)
			return;
	}
	struct record record = {(uint32_t)length, (uint32_t)stream, unix_ms()};

	memcpy(packet, &record, sizeof(record));
	memcpy(packet + sizeof(record), data, length);
	if (write_all(log->fd, packet, sizeof(record) + length) < 0)
		close_fd(&log->fd);
	log->used += sizeof(record) + length;
}

void log_close(struct log *log)
{
	close_fd(&log->fd);
}

/* --- reading */

struct output {
	const struct log_view *view;
	int client;
	bool line_start[2]; /* per stream */
	char buffer[1 + RECORD_MAX];
	size_t used;
	char stream;
};

static int flush(struct output *o, struct err *e)
{
	if (o->used == 0)
		return 0;
	o->buffer[0] = o->stream;
	int ret = sock_send(o->client, o->buffer, 1 + o->used, NULL, 0, CLIENT_MS, e);

	o->used = 0;
	return ret;
}

static int put(struct output *o, const char *data, size_t length, struct err *e)
{
	while (length) {
		size_t part = RECORD_MAX - o->used < length ? RECORD_MAX - o->used : length;

		memcpy(o->buffer + 1 + o->used, data, part);
		o->used += part;
		data += part;
		length -= part;
		if (o->used == RECORD_MAX && flush(o, e) < 0)
			return -1;
	}
	return 0;
}

static int put_record(struct output *o, const struct record *r, const char *data, struct err *e)
{
	bool *start = &o->line_start[r->stream == '2'];

	if (r->time < o->view->since || (o->view->until && r->time > o->view->until))
		return 0;
	if (o->stream != (char)r->stream && flush(o, e) < 0)
		return -1;
	o->stream = (char)r->stream;
	if (!o->view->timestamps)
		return put(o, data, r->length, e);
	for (const char *end = data + r->length; data < end;) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		size_t length = newline ? (size_t)(newline - data) + 1 : (size_t)(end - data);

		if (*start) {
			char stamp[64];

			unit_time(stamp, sizeof(stamp) - 1, r->time);
			strcat(stamp, " ");
			if (put(o, stamp, strlen(stamp), e) < 0)
				return -1;
		}
		if (put(o, data, length, e) < 0)
			return -1;
		*start = newline != NULL;
		data += length;
	}
	return 0;
}

static bool next_record(const char *text, size_t length, size_t *at, struct record *r)
{
	if (length - *at < sizeof(*r))
		return false;
	memcpy(r, text + *at, sizeof(*r));
	if (r->length > RECORD_MAX || length - *at - sizeof(*r) < r->length)
		return false;
	*at += sizeof(*r);
	return true;
}

/* Lines that end here; *open: one more has begun. */
static long count_lines(const char *text, size_t length, bool *open)
{
	struct record r;
	long lines = 0;

	for (size_t at = 0; text && next_record(text, length, &at, &r); at += r.length) {
		for (size_t i = 0; i < r.length; i++)
			lines += text[at + i] == '\n';
		*open = r.length && text[at + r.length - 1] != '\n';
	}
	return lines;
}

/* `skip` lines are left out and counted down. */
static int send_records(struct output *o, const char *text, size_t length, long *skip, struct err *e)
{
	struct record r;

	for (size_t at = 0; next_record(text, length, &at, &r);) {
		const char *data = text + at;

		at += r.length;
		while (*skip > 0 && r.length) {
			const char *newline = memchr(data, '\n', r.length);
			size_t gone = newline ? (size_t)(newline - data) + 1 : r.length;

			*skip -= newline != NULL;
			data += gone;
			r.length -= (uint32_t)gone;
		}
		if (r.length && put_record(o, &r, data, e) < 0)
			return -1;
	}
	return 0;
}

/* Waits a moment: 1 when the client is gone, 0 otherwise; *ended when the container is, whose last words may still come. */
static int pause_for(int client, int pidfd, bool *ended)
{
	struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

	if (poll(fds, 2, FOLLOW_MS) < 0)
		return 0;
	*ended |= pidfd < 0 || (fds[1].revents & POLLIN);
	return fds[0].revents != 0;
}

int log_send(const char *id, const struct log_view *view, int client, int pidfd, struct err *e)
{
	char path[200], old_path[200];
	size_t length = 0, old_length = 0;
	long skip = 0;
	int quiet = 0;
	bool ended = pidfd < 0, open_line = false;
	_cleanup_free_ struct output *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(e, 125, "out of memory");
	*o = (struct output){.view = view, .client = client, .line_start = {true, true}};
	container_path(path, id, "log");
	container_path(old_path, id, "log.old");
	_cleanup_free_ char *old = read_file(old_path, 2 * HALF, &old_length, NULL);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = fd < 0 ? NULL : read_fd(fd, 2 * HALF, &length, NULL);

	if (view->tail >= 0) {
		skip = count_lines(old, old_length, &open_line) + count_lines(text, length, &open_line);
		skip += open_line - view->tail;
		if (skip < 0)
			skip = 0;
	}
	if ((old && send_records(o, old, old_length, &skip, e) < 0) || (text && send_records(o, text, length, &skip, e) < 0) ||
	    flush(o, e) < 0)
		return -1;
	while (view->follow && fd >= 0 && (!view->until || unix_ms() <= view->until)) {
		struct stat here, there;
		bool last = ended;

		if (pidfd >= 0 && pause_for(client, last ? -1 : pidfd, &ended))
			return 0;
		_cleanup_free_ char *more = read_fd(fd, 2 * HALF, &length, NULL);

		/* One write per record, so what is read ends with a whole one. */
		if (more && (send_records(o, more, length, &skip, e) < 0 || flush(o, e) < 0))
			return -1;
		if (fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino != there.st_ino) {
			int turned = open(path, O_RDONLY | O_CLOEXEC);

			close(fd);
			fd = turned;
			quiet = 0;
		} else if (last && !length && ++quiet == QUIET_TURNS) {
			break;
		}
	}
	return 0;
}
