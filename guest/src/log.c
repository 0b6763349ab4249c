#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include "container.h"
#include "io.h"
#include "log.h"
#include "sock.h"
#include "units.h"

enum { HALF = 512 * 1024, RECORD_MAX = 32768, FOLLOW_MS = 100, CLIENT_MS = 30000 };

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

int log_open(struct log *log, const char *id, struct err *e)
{
	char path[200];
	struct stat st;

	snprintf(log->id, sizeof(log->id), "%s", id);
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
	struct timespec now;

	if (log->fd < 0 || length == 0 || length > RECORD_MAX)
		return;
	if (log->used + length > HALF) {
		container_path(current, log->id, "log");
		container_path(old, log->id, "log.old");
		close_fd(&log->fd);
		if (rename(current, old) < 0 || open_file(log, NULL) < 0)
			return;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	struct record record = {(uint32_t)length, (uint32_t)stream, (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};

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
	int client;
	bool timestamps;
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

	if (o->stream != (char)r->stream && flush(o, e) < 0)
		return -1;
	o->stream = (char)r->stream;
	if (!o->timestamps)
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

static long count_lines(const char *text, size_t length)
{
	struct record r;
	long lines = 0;

	for (size_t at = 0; next_record(text, length, &at, &r); at += r.length)
		for (size_t i = 0; i < r.length; i++)
			lines += text[at + i] == '\n';
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

/* Waits a moment: 1 when the client is gone, 0 otherwise; *ended when the container is. */
static int pause_for(int client, int pidfd, bool *ended)
{
	struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = pidfd, .events = POLLIN}};

	if (poll(fds, 2, FOLLOW_MS) < 0)
		return 0;
	*ended = pidfd < 0 || (fds[1].revents & POLLIN);
	return fds[0].revents != 0;
}

int log_send(const char *id, const struct log_view *view, int client, int pidfd, struct err *e)
{
	char path[200], old_path[200];
	size_t length = 0, old_length = 0;
	long skip = 0;
	bool ended = pidfd < 0;
	_cleanup_free_ struct output *o = calloc(1, sizeof(*o));

	if (!o)
		return err_set(e, 125, "out of memory");
	*o = (struct output){.client = client, .timestamps = view->timestamps, .line_start = {true, true}};
	container_path(path, id, "log");
	container_path(old_path, id, "log.old");
	_cleanup_free_ char *old = read_file(old_path, 2 * HALF, &old_length, NULL);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_free_ char *text = fd < 0 ? NULL : read_fd(fd, 2 * HALF, &length, NULL);

	if (view->tail >= 0) {
		skip = (old ? count_lines(old, old_length) : 0) + (text ? count_lines(text, length) : 0) - view->tail;
		if (skip < 0)
			skip = 0;
	}
	if ((old && send_records(o, old, old_length, &skip, e) < 0) || (text && send_records(o, text, length, &skip, e) < 0) ||
	    flush(o, e) < 0)
		return -1;
	while (view->follow && fd >= 0) {
		struct stat here, there;
		bool last = ended;

		if (!last && pause_for(client, pidfd, &ended))
			return 0;
		_cleanup_free_ char *more = read_fd(fd, 2 * HALF, &length, NULL);

		/* One write per record, so what is read ends with a whole one. */
		if (more && (send_records(o, more, length, &skip, e) < 0 || flush(o, e) < 0))
			return -1;
		if (fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino != there.st_ino) {
			int turned = open(path, O_RDONLY | O_CLOEXEC);

			close(fd);
			fd = turned;
		} else if (last && !length) {
			break;
		}
	}
	return 0;
}
