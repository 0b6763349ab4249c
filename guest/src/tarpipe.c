#include <errno.h>
#include <poll.h>
#include <string.h>
#include "io.h"
#include "tarpipe.h"

enum { PATIENCE_MS = 1000 };

/* The other side may be waiting for the very container that we have stopped (docker exec c tar … | docker cp - c:/). */
static void thaw(struct tarpipe *p)
{
	if (p->freezer >= 0 && write(p->freezer, "0", 1) == 1)
		close_fd(&p->freezer);
}

int tarpipe_flush(struct tarpipe *p)
{
	struct pollfd word = {.fd = p->sock, .events = POLLIN};
	struct err e = {0};

	if (p->length == 0)
		return 0;
	if (p->heed && poll(&word, 1, 0) > 0) {
		errno = EPIPE;
		return -1;
	}
	*p->packet = p->kind;
	int ret = sock_send(p->sock, p->packet, 1 + p->length, NULL, 0, p->freezer < 0 ? -1 : PATIENCE_MS, &e);

	if (ret < 0 && p->freezer >= 0 && (e.sys == ETIMEDOUT || e.sys == EAGAIN)) {
		thaw(p);
		ret = sock_send(p->sock, p->packet, 1 + p->length, NULL, 0, -1, &e);
	}
	p->length = 0;
	errno = e.sys;
	return ret;
}

int tarpipe_write(void *pipe, const void *data, size_t size)
{
	struct tarpipe *p = pipe;

	p->total += (int64_t)size;
	while (size) {
		size_t part = sizeof(p->packet) - 1 - p->length;

		part = size < part ? size : part;
		memcpy(p->packet + 1 + p->length, data, part);
		p->length += part;
		data = (const char *)data + part;
		size -= part;
		if (p->length == sizeof(p->packet) - 1 && tarpipe_flush(p) < 0)
			return -1;
	}
	return 0;
}

ssize_t tarpipe_read(void *pipe, void *data, size_t size)
{
	struct tarpipe *p = pipe;
	struct err e;

	while (p->at == p->length) {
		if (p->other)
			return 0;
		ssize_t n = sock_recv(p->sock, p->packet, sizeof(p->packet), NULL, NULL, p->freezer < 0 ? -1 : PATIENCE_MS, &e);

		if (n < 0 && p->freezer >= 0 && (e.sys == ETIMEDOUT || e.sys == EAGAIN)) {
			thaw(p);
			continue;
		}
		if (n <= 0) {
			errno = n < 0 ? e.sys : ECONNRESET;
			return -1;
		}
		p->at = 1;
		p->length = (size_t)n;
		p->total += n - 1;
		if (*p->packet == p->kind && n > 1)
			break;
		p->other = true;
		p->at = p->length;
	}
	if (size > p->length - p->at)
		size = p->length - p->at;
	memcpy(data, p->packet + p->at, size);
	p->at += size;
	return (ssize_t)size;
}

void tarpipe_drain(struct tarpipe *p)
{
	char rest[512];

	while (tarpipe_read(p, rest, sizeof(rest)) > 0)
		p->at = p->length;
}
