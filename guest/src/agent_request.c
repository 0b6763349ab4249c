/* host.sock: each connection of the guest carries one request to the page, or events (guest/ENGINE.md, "Upward requests"). */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "agent.h"
#include "io.h"
#include "sock.h"

enum { FIRST_ID = 0x8000, LAST_ID = 0xffff, FIRST_PACKET_MS = 10000, LAST_PACKET_MS = 10000 };

enum state {
	FRESH,     /* its first packet is awaited */
	ASKING,    /* a REQUEST is open */
	CANCELLED, /* the same, but nobody waits: no socket any more */
	EVENTS,
	ENDING, /* the last packet has not fitted into the socket yet */
};

struct connection {
	struct connection *next;
	struct agent *agent;
	struct watch watch;
	enum state state;
	uint16_t id;
	char *last;
	size_t last_length;
	int64_t deadline; /* of FRESH and ENDING, 0: none */
};

static void end(struct connection *c)
{
	struct agent *a = c->agent;
	struct connection **link = &a->connections;

	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	a->connection_count--;
	agent_close(a, a->sources, &c->watch);
	free(c->last);
	agent_bury(a, c);
}

/* Sends the answer and ends the connection, now or when its peer has read enough. */
static void answer(struct connection *c, const void *text, size_t length)
{
	struct err e;

	if (sock_send(c->watch.fd, text, length, NULL, 0, 0, &e) == 0 || e.sys != EAGAIN) {
		end(c);
		return;
	}
	c->last = malloc(length);
	if (!c->last) {
		end(c);
		return;
	}
	memcpy(c->last, text, length);
	c->last_length = length;
	c->state = ENDING;
	c->deadline = now_ms() + LAST_PACKET_MS;
	agent_watch(c->agent, c->agent->sources, &c->watch, EPOLLOUT);
}

static void answer_error(struct connection *c, const char *code, const char *message)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_object(&w, "error");
	jsonw_string(&w, "code", code);
	jsonw_string(&w, "message", message);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	if (w.failed)
		end(c);
	else
		answer(c, w.data, w.length);
	jsonw_free(&w);
}

static struct connection *find(struct agent *a, uint16_t id)
{
	for (struct connection *c = a->connections; c; c = c->next)
		if (c->id == id && (c->state == ASKING || c->state == CANCELLED))
			return c;
	return NULL;
}

static uint16_t free_id(struct agent *a)
{
	/* There are far more ids than connections. */
	do
		a->next_request = a->next_request < FIRST_ID || a->next_request == LAST_ID ? FIRST_ID : a->next_request + 1;
	while (find(a, a->next_request));
	return a->next_request;
}

/* A packet must be an object before it goes to the page: what does not parse would break the whole stream. */
static bool acceptable(const char *text, size_t length, bool *events, struct err *e)
{
	struct json *document = json_parse(text, length, e);
	const char *method = json_string(document, "method", NULL);
	bool object = document && document->kind == JSON_OBJECT;

	if (document && !object)
		err_set(e, 125, "not a JSON object");
	if (events)
		*events = method && strcmp(method, "events") == 0;
	if (object && events && !method) {
		err_set(e, 125, "a request without a method");
		object = false;
	}
	json_free(document);
	return object;
}

static void first_packet(struct connection *c, const char *text, size_t length)
{
	struct agent *a = c->agent;
	struct err e;
	bool events;

	if (length > FRAME_PAYLOAD_MAX || !acceptable(text, length, &events, &e)) {
		answer_error(c, "internal", length > FRAME_PAYLOAD_MAX ? "request too long" : e.msg);
		return;
	}
	c->deadline = 0;
	if (events) {
		c->state = EVENTS;
	} else if (!a->connected) {
		answer_error(c, "network", "the page is not connected yet; try again in a moment");
	} else {
		c->state = ASKING;
		c->id = free_id(a);
		agent_set_seen(a, c->id);
		port_send(a, FRAME_REQUEST, c->id, text, length);
	}
}

static void hung_up(struct connection *c)
{
	if (c->state != ASKING) {
		end(c);
		return;
	}
	port_send(c->agent, FRAME_CANCEL, c->id, NULL, 0);
	c->state = CANCELLED;
	agent_close(c->agent, c->agent->sources, &c->watch);
}

static void packet(struct connection *c)
{
	static char text[SOCK_PACKET_MAX];
	struct err e;
	ssize_t n = sock_recv(c->watch.fd, text, sizeof(text), NULL, NULL, 0, &e);

	if (n < 0 && e.sys == EAGAIN)
		return;
	if (n <= 0) {
		hung_up(c);
	} else if (c->state == FRESH) {
		first_packet(c, text, (size_t)n);
	} else if (c->state == EVENTS) {
		if (n > FRAME_PAYLOAD_MAX || !acceptable(text, (size_t)n, NULL, &e))
			end(c); /* the engine's fault; it connects again and says everything anew */
		else if (c->agent->connected)
			port_send(c->agent, FRAME_EVENT, 0, text, (size_t)n);
	} else {
		hung_up(c); /* a second packet in a request: not one of ours */
	}
}

static void ready(struct agent *a, struct watch *w, uint32_t events)
{
	struct connection *c = w->owner;
	struct err e;

	if (c->state == ENDING) {
		if (sock_send(w->fd, c->last, c->last_length, NULL, 0, 0, &e) == 0 || e.sys != EAGAIN)
			end(c);
		return;
	}
	if (!port_full(a))
		packet(c);
}

static void accept_ready(struct agent *a, struct watch *w, uint32_t events)
{
	static const char busy[] = "{\"error\":{\"code\":\"internal\",\"message\":\"too many requests at once\"}}";
	struct err e;
	int fd = sock_accept(w->fd, &e);
	struct connection *c;

	if (fd < 0)
		return;
	c = a->connection_count < CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (!c) {
		(void)sock_send(fd, busy, sizeof(busy) - 1, NULL, 0, 0, NULL);
		close(fd);
		return;
	}
	c->agent = a;
	c->watch = (struct watch){.fd = fd, .ready = ready, .owner = c};
	c->deadline = now_ms() + FIRST_PACKET_MS;
	c->next = a->connections;
	a->connections = c;
	a->connection_count++;
	agent_watch(a, a->sources, &c->watch, EPOLLIN);
}

void request_listen(struct agent *a, int listener)
{
	a->listener = (struct watch){.fd = listener, .ready = accept_ready};
	agent_watch(a, a->sources, &a->listener, EPOLLIN);
}

static void progress(struct connection *c, const struct frame *f)
{
	static char text[SOCK_PACKET_MAX];
	int length = snprintf(text, sizeof(text), "{\"progress\":%.*s}", (int)f->length, (const char *)f->payload);

	/* Progress that does not fit, into a packet or a socket nobody reads from, is progress nobody sees. */
	if (length < (int)sizeof(text))
		(void)sock_send(c->watch.fd, text, (size_t)length, NULL, 0, 0, NULL);
}

int request_frame(struct agent *a, const struct frame *f)
{
	struct connection *c = find(a, f->channel);

	if (!c)
		return agent_seen(a, f->channel) ? 0 : -1;
	if (!acceptable((const char *)f->payload, f->length, NULL, NULL))
		return -1;
	if (c->state == CANCELLED) {
		if (f->type == FRAME_REPLY)
			end(c);
	} else if (f->type == FRAME_REPLY) {
		answer(c, f->payload, f->length);
	} else {
		progress(c, f);
	}
	return 0;
}

void request_end_all(struct agent *a)
{
	while (a->connections)
		end(a->connections);
}

int64_t request_tick(struct agent *a, int64_t now)
{
	int64_t wait = -1;

	for (struct connection *c = a->connections, *next; c; c = next) {
		next = c->next;
		if (!c->deadline)
			continue;
		if (c->deadline <= now)
			end(c);
		else if (wait < 0 || c->deadline - now < wait)
			wait = c->deadline - now;
	}
	return wait;
}
