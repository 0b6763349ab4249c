#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "json.h"
#include "layers.h"
#include "relay.h"
#include "sock.h"

/* What a container may ask for. Not image.remove and image.tag: the images are the outermost level's, shared by everybody. */
static const char *const passed[] = {"image.pull", "image.get", "image.history", "image.list"};

enum kind { FREE, FIRST, REQUEST, EVENTS };

struct connection {
	enum kind kind;
	int down, up;
	/* A packet the other side had no room for; until it is gone nothing more is read from this one. */
	char *waiting;
	size_t waiting_length;
	bool waiting_up;
};

struct relay {
	int listener;
	char id[65];
	struct level level;
	struct connection connections[RELAY_CONNECTIONS];
	char packet[SOCK_PACKET_MAX];
};

struct relay *relay_new(int listener, const char *id, const struct level *level)
{
	struct relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->listener = listener;
	r->level = *level;
	snprintf(r->id, sizeof(r->id), "%s", id);
	for (size_t i = 0; i < RELAY_CONNECTIONS; i++)
		r->connections[i] = (struct connection){.down = -1, .up = -1};
	return r;
}

static void drop(struct connection *c)
{
	close_fd(&c->down);
	close_fd(&c->up);
	free(c->waiting);
	*c = (struct connection){.down = -1, .up = -1};
}

void relay_free(struct relay *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < RELAY_CONNECTIONS; i++)
		drop(&r->connections[i]);
	free(r);
}

void relay_poll(const struct relay *r, struct pollfd *fds)
{
	bool room = false;

	for (size_t i = 0; i < RELAY_CONNECTIONS; i++) {
		const struct connection *c = &r->connections[i];
		struct pollfd *down = &fds[1 + 2 * i], *up = down + 1;

		room |= c->kind == FREE;
		*down = (struct pollfd){.fd = c->down, .events = c->waiting ? 0 : POLLIN};
		*up = (struct pollfd){.fd = c->up, .events = c->waiting ? 0 : POLLIN};
		if (c->waiting)
			(c->waiting_up ? up : down)->events = POLLOUT;
	}
	/* When all are taken the next one waits in the listener's queue. */
	fds[0] = (struct pollfd){.fd = room ? r->listener : -1, .events = POLLIN};
}

static void pass(struct connection *c, const char *data, size_t length, bool upward)
{
	struct err e;

	if (sock_send(upward ? c->up : c->down, data, length, NULL, 0, 0, &e) == 0)
		return;
	if (e.sys != EAGAIN || !(c->waiting = malloc(length))) {
		drop(c);
		return;
	}
	memcpy(c->waiting, data, length);
	c->waiting_length = length;
	c->waiting_up = upward;
}

static void refuse(struct connection *c, const char *code, const char *message)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_object(&w, "error");
	jsonw_string(&w, "code", code);
	jsonw_string(&w, "message", message);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	if (!w.failed)
		sock_send(c->down, w.data, w.length, NULL, 0, 0, NULL);
	jsonw_free(&w);
	drop(c);
}

static void ask_up(struct connection *c, const struct jsonw *request)
{
	struct err e;

	c->up = request->failed ? -1 : sock_connect(HOST_SOCKET, 0, &e);
	if (c->up < 0)
		refuse(c, "network", "the level above does not answer");
	else
		pass(c, request->data, request->length, true);
}

/* Mounting is for the outermost engine; the levels in between only count themselves. */
static void attach_layers(struct relay *r, struct connection *c, const struct json *params)
{
	const struct json *layers = json_get(params, "diffIds");
	double level = json_number(params, "level", -1) + 1;
	struct err e;

	if (level < 1 || level > LEVEL_MAX) {
		refuse(c, "unsupported", "containers do not nest that deep");
		return;
	}
	if (r->level.number == 0) {
		if (layers_mount(layers, (int)level, &e) < 0) {
			refuse(c, "storage", e.msg);
		} else {
			pass(c, "{\"ok\":{}}", 9, false);
			drop(c);
		}
		return;
	}
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "method", "layer.attach");
	jsonw_object(&w, "params");
	jsonw_value(&w, "diffIds", layers);
	jsonw_int(&w, "level", (int64_t)level);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	c->kind = REQUEST;
	ask_up(c, &w);
	jsonw_free(&w);
}

static void first_packet(struct relay *r, struct connection *c, const struct json *request)
{
	const char *method = json_string(request, "method", "");
	struct jsonw w = {0};

	if (strcmp(method, "layer.attach") == 0) {
		attach_layers(r, c, json_get(request, "params"));
		return;
	}
	bool events = strcmp(method, "events") == 0, known = events;

	for (size_t i = 0; i < array_size(passed); i++)
		known |= strcmp(method, passed[i]) == 0;
	if (!known) {
		refuse(c, "denied",
		       strncmp(method, "image.", 6) == 0 ? "images belong to the outermost level; change them there"
							 : "a container cannot ask for this");
		return;
	}
	/* Written anew, so that nothing unforeseen in the packet goes up. */
	jsonw_object(&w, NULL);
	jsonw_string(&w, "method", method);
	if (!events)
		jsonw_value(&w, "params", json_get(request, "params"));
	jsonw_end_object(&w);
	c->kind = events ? EVENTS : REQUEST;
	ask_up(c, &w);
	jsonw_free(&w);
}

static void event_up(struct relay *r, struct connection *c, const struct json *event)
{
	const char *type = json_string(event, "type", "");
	const struct json *path = json_get(event, "path");
	struct jsonw w = {0};

	if ((strcmp(type, "container") != 0 && strcmp(type, "sync") != 0) || !path || path->kind != JSON_ARRAY ||
	    path->length > LEVEL_MAX) {
		drop(c);
		return;
	}
	jsonw_object(&w, NULL);
	json_each(member, event) {
		if (strcmp(member->key, "path") != 0) {
			jsonw_value(&w, member->key, member);
			continue;
		}
		jsonw_array(&w, "path");
		jsonw_string(&w, NULL, r->id);
		json_each(id, path)
			if (id->kind == JSON_STRING)
				jsonw_string(&w, NULL, id->string);
		jsonw_end_array(&w);
	}
	jsonw_end_object(&w);
	/* Too long with our id in front: lost, the next sync tells. */
	if (!w.failed && w.length <= 65536)
		pass(c, w.data, w.length, true);
	jsonw_free(&w);
}

static void from_below(struct relay *r, struct connection *c)
{
	struct err e;
	ssize_t n = sock_recv(c->down, r->packet, sizeof(r->packet), NULL, NULL, 0, &e);

	if (n < 0 && e.sys == EAGAIN)
		return;
	struct json *packet = n > 0 && n <= 65536 && c->kind != REQUEST ? json_parse(r->packet, (size_t)n, &e) : NULL;

	if (!packet)
		drop(c); /* gone, more than one request on a connection, or garbage */
	else if (c->kind == FIRST)
		first_packet(r, c, packet);
	else
		event_up(r, c, packet);
	json_free(packet);
}

static void from_above(struct relay *r, struct connection *c)
{
	struct err e;
	ssize_t n = sock_recv(c->up, r->packet, sizeof(r->packet), NULL, NULL, 0, &e);

	if (n < 0 && e.sys == EAGAIN)
		return;
	if (n <= 0 || c->kind == EVENTS)
		drop(c);
	else
		pass(c, r->packet, (size_t)n, false);
}

static void flush(struct connection *c)
{
	struct err e;

	if (sock_send(c->waiting_up ? c->up : c->down, c->waiting, c->waiting_length, NULL, 0, 0, &e) < 0) {
		if (e.sys != EAGAIN)
			drop(c);
		return;
	}
	free(c->waiting);
	c->waiting = NULL;
}

void relay_handle(struct relay *r, const struct pollfd *fds)
{
	for (size_t i = 0; i < RELAY_CONNECTIONS; i++) {
		struct connection *c = &r->connections[i];
		short down = fds[1 + 2 * i].revents, up = fds[2 + 2 * i].revents;

		if (c->kind == FREE || !(down | up))
			continue;
		if (c->waiting) {
			if ((down | up) & (POLLHUP | POLLERR))
				drop(c);
			else
				flush(c);
		} else if (up) {
			from_above(r, c);
		} else {
			from_below(r, c);
		}
	}
	if (!fds[0].revents)
		return;
	for (size_t i = 0; i < RELAY_CONNECTIONS; i++) {
		if (r->connections[i].kind != FREE)
			continue;
		int fd = sock_accept(r->listener, NULL);

		if (fd >= 0)
			r->connections[i] = (struct connection){.kind = FIRST, .down = fd, .up = -1};
		return;
	}
}
