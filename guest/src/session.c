#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "json.h"
#include "kernel.h"
#include "session.h"
#include "sock.h"

enum { CLIENT, INPUT, OUTPUT, ERROR, CLIENT_TIMEOUT_MS = 5000, GATHER_MS = 10, GATHER_MAX = 4096 };

void session_init(struct session *s, int client, struct streams *streams)
{
	s->client = client;
	s->pidfd = -1;
	s->streams = streams;
}

static void drop_client(struct session *s)
{
	close_fd(&s->client);
	s->output_length = 0;
	if (s->close_input && !s->streams->tty && s->input_length == 0)
		close_fd(&s->streams->in);
}

int session_poll(const struct session *s, struct pollfd *fds)
{
	int64_t pause = s->client < 0 && s->read_at ? s->read_at - now_ms() : 0;
	bool stuck = s->output_length > 0 || pause > 0;

	fds[CLIENT] = (struct pollfd){.fd = s->client};
	if (s->input_length == 0)
		fds[CLIENT].events |= POLLIN;
	if (s->output_length > 0)
		fds[CLIENT].events |= POLLOUT;
	/* With input waiting and nothing else to hear from the client, its hang-up would spin; INPUT decides then. */
	fds[INPUT] = (struct pollfd){.fd = s->input_length ? s->streams->in : -1, .events = POLLOUT};
	fds[OUTPUT] = (struct pollfd){.fd = stuck ? -1 : s->streams->out, .events = POLLIN};
	fds[ERROR] = (struct pollfd){.fd = stuck ? -1 : s->streams->err, .events = POLLIN};
	return pause > 0 ? (int)pause : -1;
}

static void send_output(struct session *s)
{
	struct err e;

	if (s->client < 0) {
		s->output_length = 0;
	} else if (sock_send(s->client, s->output, s->output_length, NULL, 0, 0, &e) == 0) {
		s->output_length = 0;
	} else if (e.sys != EAGAIN) {
		drop_client(s);
	}
}

/* One chunk from a pipe or the terminal. False when there is nothing (more). */
static bool take_output(struct session *s, int *fd, char stream)
{
	ssize_t n = *fd < 0 ? 0 : read(*fd, s->output + 1, SESSION_CHUNK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		/* A terminal whose last program closed it says EIO. */
		close_fd(fd);
		return false;
	}
	/* With nobody watching, many short lines are worth one wake-up and one record. */
	s->read_at = s->client < 0 && n < GATHER_MAX ? now_ms() + GATHER_MS : 0;
	if (s->log)
		log_append(s->log, stream, s->output + 1, (size_t)n);
	s->output[0] = stream;
	s->output_length = 1 + (size_t)n;
	send_output(s);
	return true;
}

static void give_input(struct session *s)
{
	while (s->input_length) {
		ssize_t n = s->streams->in < 0 ? -1 : write(s->streams->in, s->input + s->input_at, s->input_length);

		if (n < 0 && (errno == EAGAIN || errno == EINTR) && s->streams->in >= 0)
			return;
		if (n < 0) {
			/* Nobody reads any more: as a shell's pipe, the rest is lost. */
			s->input_length = 0;
			close_fd(&s->streams->in);
			return;
		}
		s->input_at += (size_t)n;
		s->input_length -= (size_t)n;
	}
	if (s->client < 0 && s->close_input && !s->streams->tty)
		close_fd(&s->streams->in);
}

static void take_packet(struct session *s)
{
	char packet[SOCK_PACKET_MAX];
	struct err e;
	ssize_t n = sock_recv(s->client, packet, sizeof(packet), NULL, NULL, 0, &e);

	if (n < 0 && e.sys == EAGAIN)
		return;
	if (n <= 0) {
		drop_client(s);
		return;
	}
	const unsigned char *byte = (unsigned char *)packet;

	switch (packet[0]) {
	case '0':
		if (n == 1) {
			if (!s->streams->tty)
				close_fd(&s->streams->in);
			break;
		}
		memcpy(s->input, packet + 1, (size_t)n - 1);
		s->input_at = 0;
		s->input_length = (size_t)n - 1;
		give_input(s);
		break;
	case 'R':
		if (n == 5)
			streams_resize(s->streams, byte[1] | byte[2] << 8, byte[3] | byte[4] << 8);
		break;
	case 'S':
		if (n == 2 && byte[1] >= 1 && byte[1] <= 64)
			sys_pidfd_send_signal(s->pidfd, byte[1]);
		break;
	case 'D':
		s->left = true;
		drop_client(s);
		break;
	default:
		drop_client(s);
	}
}

void session_handle(struct session *s, const struct pollfd *fds)
{
	if (fds[CLIENT].revents & POLLOUT)
		send_output(s);
	if (s->client >= 0 && fds[CLIENT].revents & (POLLIN | POLLHUP | POLLERR)) {
		if (s->input_length == 0)
			take_packet(s);
		else if (fds[CLIENT].revents & (POLLHUP | POLLERR))
			drop_client(s);
	}
	if (fds[INPUT].revents)
		give_input(s);
	if (fds[OUTPUT].revents && s->output_length == 0)
		take_output(s, &s->streams->out, '1');
	if (fds[ERROR].revents && s->output_length == 0)
		take_output(s, &s->streams->err, '2');
}

void session_drain(struct session *s, int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		while (s->output_length) {
			if (s->client >= 0 && wait_fd(s->client, POLLOUT, deadline) < 0)
				drop_client(s);
			send_output(s);
		}
		/* Bounded by the deadline too: something outside may hold the pipe and write for ever. */
		if (now_ms() > deadline || (!take_output(s, &s->streams->out, '1') && !take_output(s, &s->streams->err, '2')))
			return;
	}
}

void session_json(struct session *s, const char *json)
{
	size_t length = strlen(json);
	char *packet = s->client < 0 ? NULL : malloc(1 + length);

	if (!packet)
		return;
	packet[0] = 'J';
	memcpy(packet + 1, json, length);
	if (sock_send(s->client, packet, 1 + length, NULL, 0, CLIENT_TIMEOUT_MS, NULL) < 0)
		drop_client(s);
	free(packet);
}

void session_error(struct session *s, const struct err *e, const char *kind)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_object(&w, "error");
	jsonw_int(&w, "code", e->code);
	jsonw_string(&w, "message", e->msg);
	if (kind)
		jsonw_string(&w, "kind", kind);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	if (!w.failed)
		session_json(s, w.data);
	jsonw_free(&w);
}

void session_exit(struct session *s, int code)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_int(&w, "code", code);
	jsonw_end_object(&w);
	if (s->client >= 0 && !w.failed) {
		char packet[64];
		int n = snprintf(packet, sizeof(packet), "X%s", w.data);

		sock_send(s->client, packet, (size_t)n, NULL, 0, CLIENT_TIMEOUT_MS, NULL);
	}
	jsonw_free(&w);
	drop_client(s);
}
