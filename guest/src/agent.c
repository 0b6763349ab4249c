/* The agent's loop, and what it does with each frame of the host. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include "agent.h"
#include "io.h"
#include "main.h"
#include "sock.h"

#define HOST_SOCKET "/run/nest/host.sock"
#define HOST_CGROUP "/sys/fs/cgroup/host"

enum { STALL_TICK_MS = 1000, STALL_TICKS = 3 };

/* --- what is listened to */

void agent_watch(struct agent *a, int set, struct watch *w, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = w};

	if (w->fd < 0 || (!events && !w->listed))
		return;
	/* Taken out rather than asked for nothing: epoll reports EPOLLHUP unasked, again and again. */
	if (epoll_ctl(set, !events ? EPOLL_CTL_DEL : w->listed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &event) == 0)
		w->listed = events != 0;
	else
		fprintf(stderr, "agent: epoll: %s\n", strerror(errno));
}

void agent_close(struct agent *a, int set, struct watch *w)
{
	agent_watch(a, set, w, 0);
	close_fd(&w->fd);
}

void agent_bury(struct agent *a, void *memory)
{
	struct corpse *corpse = malloc(sizeof(*corpse));

	if (!corpse)
		return; /* leaks, and is never touched again */
	*corpse = (struct corpse){a->corpses, memory};
	a->corpses = corpse;
}

static void free_buried(struct agent *a)
{
	for (struct corpse *corpse = a->corpses, *next; corpse; corpse = next) {
		next = corpse->next;
		free(corpse->memory);
		free(corpse);
	}
	a->corpses = NULL;
}

bool agent_seen(const struct agent *a, uint16_t id)
{
	return a->seen[id / 8] >> id % 8 & 1;
}

void agent_set_seen(struct agent *a, uint16_t id)
{
	a->seen[id / 8] |= (uint8_t)(1 << id % 8);
}

/* --- frames */

static void forget_session(struct agent *a)
{
	channel_end_all(a);
	request_end_all(a);
	port_drop_queue(a);
	memset(a->seen, 0, sizeof(a->seen));
	a->connected = false;
}

void agent_broken(struct agent *a, const char *why)
{
	fprintf(stderr, "agent: stream broken: %s\n", why);
	frame_break(&a->parser);
	forget_session(a);
	hello_send(a, -1);
}

static int hello(struct agent *a, const struct frame *f)
{
	struct json *document = json_parse((const char *)f->payload + FRAME_MAGIC_LENGTH, f->length - FRAME_MAGIC_LENGTH, NULL);
	double session = json_number(document, "session", 0);

	if (!document || document->kind != JSON_OBJECT || session < 0 || session > INT32_MAX) {
		json_free(document);
		return -1;
	}
	forget_session(a);
	a->greet(document);
	a->connected = true;
	hello_send(a, (int64_t)session);
	json_free(document);
	return 0;
}

static int answer_ping(const struct json *params, struct jsonw *w, struct err *e)
{
	jsonw_int(w, "uptimeMs", now_ms());
	return 0;
}

static int answer_clock(const struct json *params, struct jsonw *w, struct err *e)
{
	return hello_set_clock(json_string(params, "time", ""), e);
}

static const struct {
	const char *method;
	int (*answer)(const struct json *params, struct jsonw *w, struct err *e);
} calls[] = {
	{"ping", answer_ping},
	{"clock.set", answer_clock},
};

static int call(struct agent *a, const struct frame *f)
{
	struct err e = {.code = 0};
	struct jsonw w = {0};
	struct json *document = json_parse((const char *)f->payload, f->length, &e);
	const char *method = json_string(document, "method", ""), *code = "internal";
	int done = -1;
	size_t i = 0;

	agent_set_seen(a, f->channel);
	jsonw_object(&w, NULL);
	jsonw_object(&w, "ok");
	while (i < array_size(calls) && strcmp(calls[i].method, method) != 0)
		i++;
	if (document && i < array_size(calls)) {
		done = calls[i].answer(json_get(document, "params"), &w, &e);
	} else if (document) {
		code = "unsupported";
		err_set(&e, 125, "no such call: \"%.64s\"", method);
	}
	json_free(document);
	if (done < 0) {
		jsonw_free(&w);
		jsonw_object(&w, NULL);
		jsonw_object(&w, "error");
		jsonw_string(&w, "code", code);
		jsonw_string(&w, "message", e.msg);
	}
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	port_send_json(a, FRAME_RESULT, f->channel, &w);
	return 0;
}

static int frame(struct agent *a, const struct frame *f)
{
	switch (f->type) {
	case FRAME_HELLO:
		return hello(a, f);
	case FRAME_OPEN:
		return channel_open(a, f);
	case FRAME_CALL:
		return call(a, f);
	case FRAME_PROGRESS:
	case FRAME_REPLY:
		return request_frame(a, f);
	default:
		return channel_frame(a, f);
	}
}

/* Frames wait in the parser while their answers could not leave. */
static void take_frames(struct agent *a)
{
	while (!port_full(a)) {
		struct frame f;
		enum frame_result result = frame_next(&a->parser, &f);

		if (result == FRAME_MORE)
			return;
		a->stall_due = 0;
		if (result == FRAME_BROKEN)
			agent_broken(a, "not a frame");
		else if (frame(a, &f) < 0)
			agent_broken(a, "a frame out of place");
	}
}

/*
 * A snapshot may be taken in the middle of a frame. Restored, the host's HELLOs would vanish in what the agent takes for the
 * rest of it, so a frame that is not finished over a few ticks breaks the stream; the HELLO is then found in what was
 * swallowed. Ticks and no deadline, for time jumps when a frozen page goes on.
 */
static int64_t watch_stall(struct agent *a, int64_t now)
{
	if (!a->parser.in_step || a->parser.start == a->parser.end || port_full(a)) {
		a->stall_due = 0;
		return -1;
	}
	if (!a->stall_due) {
		a->stall_ticks = 0;
		a->stall_due = now + STALL_TICK_MS;
	} else if (a->stall_due <= now) {
		a->stall_due = now + STALL_TICK_MS;
		if (++a->stall_ticks == STALL_TICKS) {
			agent_broken(a, "a frame was not finished");
			return 0;
		}
	}
	return a->stall_due - now;
}

/* --- the loop */

static void children_ready(struct agent *a, struct watch *w, uint32_t events)
{
	struct signalfd_siginfo info;

	while (read(w->fd, &info, sizeof(info)) == sizeof(info))
		if (info.ssi_signo == SIGTERM)
			a->stop = true;
	channel_reap(a);
}

static void sources_ready(struct agent *a)
{
	struct epoll_event events[16];
	int n = epoll_wait(a->sources, events, array_size(events), 0);

	for (int i = 0; i < n && !port_full(a); i++) {
		struct watch *w = events[i].data.ptr;

		if (w->fd >= 0 && w->listed)
			w->ready(a, w, events[i].events);
	}
}

static void listen_to_sources(struct agent *a, bool on)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	if (on == a->sources_listed)
		return;
	if (epoll_ctl(a->epoll, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, a->sources, &event) == 0)
		a->sources_listed = on;
}

static int64_t soonest(int64_t x, int64_t y)
{
	return x < 0 ? y : y < 0 || x < y ? x : y;
}

static void round_of_events(struct agent *a)
{
	struct epoll_event events[16];
	int64_t now = now_ms();
	int64_t wait =
		soonest(soonest(port_retry(a, now), watch_stall(a, now)), soonest(channel_tick(a, now), request_tick(a, now)));

	/* What the ticks sent goes out before anything is waited for. */
	port_flush(a);
	listen_to_sources(a, !port_full(a));
	int n = epoll_wait(a->epoll, events, array_size(events), wait > 60000 ? 60000 : (int)wait);

	for (int i = 0; i < n; i++) {
		struct watch *w = events[i].data.ptr;

		if (!w)
			sources_ready(a);
		else if (w->fd >= 0 && w->listed)
			w->ready(a, w, events[i].events);
	}
	take_frames(a);
	port_flush(a);
	/* Answers have left: what waited for that in the parser can go on. */
	take_frames(a);
	free_buried(a);
}

int agent_open(struct agent *a, struct err *e)
{
	sigset_t signals;

	a->port.watch.fd = a->listener.fd = a->cgroup = -1;
	a->greet = hello_apply;
	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	a->sources = epoll_create1(EPOLL_CLOEXEC);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	a->children = (struct watch){.fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK), .ready = children_ready};
	if (a->epoll < 0 || a->sources < 0 || a->children.fd < 0)
		return err_errno(e, 125, "agent: set up");
	agent_watch(a, a->epoll, &a->children, EPOLLIN);
	return 0;
}

void agent_run(struct agent *a, int port_fd)
{
	if (port_fd >= 0)
		port_open(a, port_fd);
	else
		a->port.retry = 1; /* long due */
	while (!a->stop)
		round_of_events(a);
	forget_session(a);
}

int agent_main(int argc, char **argv)
{
	static struct agent agent;
	static const struct rlimit files = {4096, 524288};
	struct err e;
	int null;

	/* 0 to 2 must be taken, or the ends of a program's pipes could be among them. */
	do
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (null >= 0 && null <= 2);
	if (null > 2)
		close(null);
	setrlimit(RLIMIT_NOFILE, &files);
	if (agent_open(&agent, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	agent.cgroup = open(HOST_CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int listener = sock_listen(HOST_SOCKET, 0600, &e);

	if (listener < 0)
		fprintf(stderr, "agent: %s\n", e.msg);
	else
		request_listen(&agent, listener);
	agent_run(&agent, -1);
	return 0;
}
