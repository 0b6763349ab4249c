/* The stream to the page: a raw virtio-console port. Writes may be partial; nobody may be on the other side yet. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "agent.h"
#include "io.h"

enum { RETRY_MS = 100 };

/* The device of the port with our name, -1 when there is none (yet). */
static int find(void)
{
	DIR *directory = opendir("/sys/class/virtio-ports");
	int fd = -1;

	if (!directory)
		return -1;
	for (struct dirent *entry; fd < 0 && (entry = readdir(directory));) {
		char path[300];
		_cleanup_free_ char *name = NULL;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", entry->d_name);
		name = read_file(path, 256, NULL, NULL);
		if (!name)
			continue;
		name[strcspn(name, "\n")] = 0;
		if (strcmp(name, AGENT_PORT_NAME) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	}
	closedir(directory);
	return fd;
}

static void receive(struct agent *a)
{
	size_t room;
	uint8_t *to = frame_room(&a->parser, &room);
	ssize_t n;

	if (room == 0)
		return; /* frames wait in the parser for the port to drain */
	n = read(a->port.watch.fd, to, room);
	if (n > 0) {
		frame_put(&a->parser, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		/* Nobody on the other side. The port would report that without end, so look again later. */
		agent_watch(a, a->epoll, &a->port.watch, 0);
		a->port.events = 0;
		a->port.retry = now_ms() + RETRY_MS;
	}
}

static void ready(struct agent *a, struct watch *w, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		receive(a);
	if (events & EPOLLOUT)
		port_flush(a);
}

/* Listens for what now makes sense: no input while answers cannot leave, room only while something waits. */
static void listen_for(struct agent *a)
{
	uint32_t events = (port_full(a) ? 0 : EPOLLIN) | (a->port.end > a->port.start ? EPOLLOUT : 0);

	if (a->port.watch.fd < 0 || a->port.retry || events == a->port.events)
		return;
	a->port.events = events;
	agent_watch(a, a->epoll, &a->port.watch, events);
}

void port_open(struct agent *a, int fd)
{
	a->port.watch = (struct watch){.fd = fd, .ready = ready};
	a->port.retry = fd < 0 ? now_ms() + RETRY_MS : 0;
	a->port.events = 0;
	if (fd < 0)
		return;
	listen_for(a);
	hello_send(a, -1);
}

int64_t port_retry(struct agent *a, int64_t now)
{
	struct port *p = &a->port;

	if (p->retry && p->retry <= now) {
		if (p->watch.fd < 0) {
			port_open(a, find());
		} else {
			p->retry = 0;
			listen_for(a);
		}
	}
	return p->retry ? p->retry - now : -1;
}

bool port_full(const struct agent *a)
{
	return a->port.end - a->port.start >= PORT_FULL;
}

void port_drop_queue(struct agent *a)
{
	a->port.end = a->port.start + a->port.head_left;
}

void port_send(struct agent *a, enum frame_type type, uint16_t channel, const void *payload, size_t length)
{
	struct port *p = &a->port;

	if (p->end + FRAME_HEADER + length > PORT_QUEUE) {
		memmove(p->queue, p->queue + p->start, p->end - p->start);
		p->end -= p->start;
		p->start = 0;
	}
	/* Whatever produces frames stops at PORT_FULL, so this is a fault of ours; a lost frame would be a silent one. */
	if (p->end + FRAME_HEADER + length > PORT_QUEUE) {
		fprintf(stderr, "agent: output queue overrun\n");
		_exit(70);
	}
	frame_header(p->queue + p->end, type, channel, (uint32_t)length);
	if (length)
		memcpy(p->queue + p->end + FRAME_HEADER, payload, length);
	p->end += FRAME_HEADER + length;
}

void port_send_json(struct agent *a, enum frame_type type, uint16_t channel, struct jsonw *w)
{
	static const char failed[] = "{\"code\":125,\"error\":{\"code\":\"internal\",\"message\":\"out of memory\"}}";

	if (w->failed || w->length > FRAME_PAYLOAD_MAX)
		port_send(a, type, channel, failed, sizeof(failed) - 1);
	else
		port_send(a, type, channel, w->data, w->length);
	jsonw_free(w);
}

/* Accounts for `n` written bytes, so that we know where in a frame the stream stands. */
static void written(struct port *p, size_t n)
{
	while (n) {
		if (!p->head_left)
			p->head_left = FRAME_HEADER + frame_u32(p->queue + p->start);
		size_t step = n < p->head_left ? n : p->head_left;

		p->head_left -= step;
		p->start += step;
		n -= step;
	}
	if (p->start == p->end)
		p->start = p->end = 0;
}

void port_flush(struct agent *a)
{
	struct port *p = &a->port;

	while (p->watch.fd >= 0 && p->start < p->end) {
		ssize_t n = write(p->watch.fd, p->queue + p->start, p->end - p->start);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break; /* full, or nobody there: EPOLLOUT or the retry goes on */
		written(p, (size_t)n);
	}
	listen_for(a);
}
