#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <termios.h>
#include "client.h"
#include "detach.h"
#include "engine.h"
#include "io.h"
#include "level.h"
#include "sock.h"

enum { START_MS = 10000, DETACHED = -2 };

static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};

static int connect_engine(struct err *e)
{
	int64_t deadline = now_ms() + START_MS;
	int fd = sock_connect(ENGINE_SOCKET, 5000, e);

	if (fd >= 0)
		return fd;
	if (e->sys == EACCES)
		return err_set(e, 125, "permission denied while trying to connect to the engine at " ENGINE_SOCKET);
	struct level level;

	/* The guest host's is init's to start: this one's would have the cgroup of our shell. */
	if (level_load(&level, e) < 0 || (level.number > 0 && engine_spawn(e) < 0))
		return -1;
	while ((fd = sock_connect(ENGINE_SOCKET, 5000, e)) < 0 && now_ms() < deadline)
		poll(NULL, 0, 20);
	return fd < 0 ? err_context(e, "Cannot connect to the engine") : fd;
}

int client_open(struct jsonw *request, struct err *e)
{
	_cleanup_fd_ int fd = connect_engine(e);
	int ret = -1;

	if (fd >= 0 && request->failed)
		err_set(e, 125, "out of memory");
	else if (fd >= 0 && request->length > SOCK_PACKET_MAX)
		err_set(e, 125, "the command line is too long (%zu bytes)", request->length);
	else if (fd >= 0)
		ret = sock_send(fd, request->data, request->length, NULL, 0, 5000, e);
	jsonw_free(request);
	return ret < 0 ? -1 : take_fd(&fd);
}

struct reading {
	const struct client_answer *answer;
	char *kind;
	char packet[SOCK_PACKET_MAX];
	bool started; /* the program runs: what is typed is for it */
	int code;     /* -1: more to come */
};

static int take_json(struct reading *r, const char *text, size_t length, struct err *e)
{
	struct json *json = json_parse(text, length, e);
	const struct json *failed = json_get(json, "error");
	int ret = 0;

	if (!json)
		return -1;
	r->started |= json_bool(json, "started", false);
	if (failed) {
		if (r->kind)
			snprintf(r->kind, 16, "%s", json_string(failed, "kind", ""));
		ret = err_set(e, (int)json_whole(failed, "code", 125), "%s", json_string(failed, "message", "unknown error"));
	} else if (json_get(json, "warnings")) {
		/* A request may be repeated, when its image was not there. */
		static bool warned;

		json_each(warning, json_get(json, "warnings"))
			if (!warned && warning->kind == JSON_STRING)
				fprintf(stderr, "WARNING: %s\n", warning->string);
		warned = true;
	} else if (r->answer && r->answer->json && r->answer->json(json, r->answer->context)) {
		r->code = 0;
	}
	json_free(json);
	return ret;
}

/* One packet from the engine. 0, or -1 with the error. */
static int take_packet(struct reading *r, int fd, struct err *e)
{
	ssize_t n = sock_recv(fd, r->packet, sizeof(r->packet), NULL, NULL, -1, e);

	if (n < 0)
		return -1;
	if (n == 0)
		return err_set(e, 125, "the engine ended the connection");
	switch (r->packet[0]) {
	case '1':
	case '2':
		/* A reader that is gone (`| head`) ends us as it would any program. */
		if (write_all(r->packet[0] - '0', r->packet + 1, (size_t)n - 1) < 0)
			return err_errno(e, 125, "write output");
		return 0;
	case 'J':
		return take_json(r, r->packet + 1, (size_t)n - 1, e);
	case 'X': {
		struct json *json = json_parse(r->packet + 1, (size_t)n - 1, e);

		if (!json)
			return -1;
		r->code = (int)json_whole(json, "code", 125);
		json_free(json);
		return 0;
	}
	default:
		return err_set(e, 125, "the engine sent a packet of kind %d", r->packet[0]);
	}
}

int client_wait(int fd, const struct client_answer *answer, char kind[16], struct err *e)
{
	static struct reading r;

	r.answer = answer;
	r.kind = kind;
	r.code = -1;
	while (r.code < 0)
		if (take_packet(&r, fd, e) < 0)
			return -1;
	return r.code;
}

int client_ask(struct jsonw *request, const struct client_answer *answer, struct err *e)
{
	_cleanup_fd_ int fd = client_open(request, e);

	return fd < 0 ? -1 : client_wait(fd, answer, NULL, e);
}

void client_put_size(struct jsonw *w)
{
	struct winsize size;

	if (ioctl(1, TIOCGWINSZ, &size) < 0 && ioctl(0, TIOCGWINSZ, &size) < 0)
		return;
	jsonw_int(w, "columns", size.ws_col);
	jsonw_int(w, "rows", size.ws_row);
}

/* --- streams */

static void send_size(int fd)
{
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) < 0)
		return;
	const unsigned char packet[] = {'R', size.ws_col & 0xff, size.ws_col >> 8, size.ws_row & 0xff, size.ws_row >> 8};

	sock_send(fd, packet, sizeof(packet), NULL, 0, 5000, NULL);
}

static int send_input(int fd, struct detach *detach, struct err *e)
{
	char typed[4096], packet[1 + sizeof(typed) + DETACH_MAX] = "0";
	ssize_t n = read(0, typed, sizeof(typed));
	size_t length;

	if (n < 0 && errno == EINTR)
		return 1;
	if (n <= 0) {
		memcpy(packet + 1, detach->keys, detach->held);
		if (detach->held)
			sock_send(fd, packet, 1 + detach->held, NULL, 0, -1, NULL);
		sock_send(fd, packet, 1, NULL, 0, -1, NULL);
		return 0;
	}
	bool over = detach_filter(detach, typed, (size_t)n, packet + 1, &length);

	if (length && sock_send(fd, packet, 1 + length, NULL, 0, -1, e) < 0)
		return -1;
	if (!over)
		return 1;
	sock_send(fd, "D", 1, NULL, 0, -1, NULL);
	return DETACHED;
}

static int take_signal(int signals, int fd, bool tty)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return 0;
	if (info.ssi_signo == SIGWINCH) {
		if (tty)
			send_size(fd);
		return 0;
	}
	/* A raw terminal sends its keys as bytes; signals then are meant for us. */
	if (tty)
		return (int)info.ssi_signo;
	const char packet[] = {'S', (char)info.ssi_signo};

	sock_send(fd, packet, sizeof(packet), NULL, 0, 5000, NULL);
	return 0;
}

static int pump(int fd, int signals, bool tty, bool input, struct detach *detach, struct reading *r, struct err *e)
{
	while (r->code < 0) {
		struct pollfd fds[3] = {{.fd = fd, .events = POLLIN},
					{.fd = signals, .events = POLLIN},
					/* Typed ahead of the start it waits: a refusal may be followed by a second try. */
					{.fd = input && r->started ? 0 : -1, .events = POLLIN}};

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents) {
			if (take_packet(r, fd, e) < 0)
				return -1;
			continue;
		}
		if (fds[1].revents) {
			int signal = take_signal(signals, fd, tty);

			if (signal)
				return 128 + signal;
		}
		if (fds[2].revents) {
			int more = send_input(fd, detach, e);

			if (more == DETACHED) {
				fprintf(stderr, "\r\nread escape sequence\r\n");
				return 0;
			}
			/* The engine's last words are still to be read. */
			if (more <= 0)
				input = false;
		}
	}
	return r->code;
}

int client_stream(int fd, bool tty, bool input, const char *detach_keys, const struct client_answer *answer, char kind[16],
		  struct err *e)
{
	static struct reading r;
	struct termios before, raw;
	sigset_t set, old;
	bool changed = false;
	struct detach detach = {0};

	/* Without a terminal nothing is a key. */
	if (tty && detach_parse(detach_keys, &detach, e) < 0)
		return -1;
	r.answer = answer;
	r.kind = kind;
	r.started = false;
	r.code = -1;
	sigemptyset(&set);
	for (size_t i = 0; i < array_size(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	sigprocmask(SIG_BLOCK, &set, &old);
	_cleanup_fd_ int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);

	if (signals < 0)
		return err_errno(e, 125, "signalfd");
	if (tty && input && tcgetattr(0, &before) == 0) {
		raw = before;
		cfmakeraw(&raw);
		changed = tcsetattr(0, TCSANOW, &raw) == 0;
	}
	int code = pump(fd, signals, tty, input, &detach, &r, e);

	if (changed)
		tcsetattr(0, TCSANOW, &before);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return code;
}
