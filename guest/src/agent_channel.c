/*
 * What the host opened: programs with three pipes or a terminal, and connections; with credits in both directions, until
 * their EXIT.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "agent_channel.h"
#include "agent_spare.h"
#include "io.h"

enum { WINDOW = 65536, GRANT_AT = WINDOW / 4, HANGUP_MS = 2000, SIGNAL_MAX = 64 };

static struct channel *find(struct agent *a, uint16_t id)
{
	for (struct channel *c = a->channels; c; c = c->next)
		if (c->id == id && !c->muted)
			return c;
	return NULL;
}

static void close_input(struct channel *c)
{
	agent_close(c->agent, c->agent->epoll, &c->input);
	c->waiting_length = 0;
}

static void close_all(struct channel *c)
{
	close_input(c);
	agent_close(c->agent, c->agent->sources, &c->output);
	agent_close(c->agent, c->agent->sources, &c->errors);
}

static void signal_program(struct channel *c, int number)
{
	/* Ended: its number may be somebody else's now. */
	if (c->ended || c->is_connection)
		return;
	program_signal(&c->program, c->output.fd, number);
}

/* --- the end of a channel */

static void exit_of_program(struct channel *c, struct jsonw *w)
{
	struct err failure;
	bool never_started = program_failure(&c->program, &failure);
	int signal = !never_started && WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0;

	jsonw_int(w, "code", never_started ? failure.code : signal ? 128 + signal : WEXITSTATUS(c->status));
	if (signal)
		jsonw_int(w, "signal", signal);
	if (c->timed_out)
		jsonw_bool(w, "timedOut", true);
	if (never_started)
		jsonw_string(w, "error", failure.msg);
}

static void send_exit(struct channel *c)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	if (c->is_connection)
		connect_exit(c, &w);
	else
		exit_of_program(c, &w);
	jsonw_end_object(&w);
	port_send_json(c->agent, FRAME_EXIT, c->id, &w);
}

void channel_finish(struct channel *c)
{
	struct agent *a = c->agent;
	struct channel **link = &a->channels;

	if (!c->muted)
		send_exit(c);
	close_all(c);
	if (!c->is_connection)
		close_fd(&c->program.failure);
	while (*link != c)
		link = &(*link)->next;
	*link = c->next;
	a->channel_count--;
	free(c->waiting);
	agent_bury(a, c);
}

/* What never started still owes the host an EXIT. */
static void refuse(struct agent *a, uint16_t id, const struct err *e)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_int(&w, "code", e->code);
	jsonw_string(&w, "error", e->msg);
	jsonw_end_object(&w);
	port_send_json(a, FRAME_EXIT, id, &w);
}

/* --- the end of a program */

void channel_reap(struct agent *a)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		struct channel *c = a->channels;

		if (spare_ended(pid))
			continue;
		while (c && (c->ended || c->program.pid != pid))
			c = c->next;
		if (!c)
			continue;
		c->ended = true;
		c->status = status;
		close_input(c);
		/*
		 * Programs left behind in the background may hold the pipes open and write on for ever: only what is in there
		 * at this moment belongs to the program. A terminal is hung up by the end of its session, and reading it
		 * without waiting flushes what is under way in it.
		 */
		c->errors_left = channel_in_pipe(c->errors.fd);
		c->output_left = c->program.terminal ? 1 : channel_in_pipe(c->output.fd);
		channel_pause(c, &c->output);
		channel_pause(c, &c->errors);
		channel_drain(c);
	}
}

/* --- input */

static void end_input(struct channel *c)
{
	if (!c->program.terminal) {
		if (c->is_connection)
			shutdown(c->input.fd, SHUT_WR);
		close_input(c);
		c->end_input = false;
	} else if (write(c->input.fd, "\004", 1) == 1 || errno != EAGAIN) {
		/* A terminal has no other end of file than this character; typing may go on after it. */
		c->end_input = false;
	}
}

/* Writes what waits; grants new credit for what the program took. */
static void feed(struct channel *c)
{
	if (c->connect_by)
		return; /* it is listened to until it can be written to */
	while (c->waiting_length && c->input.fd >= 0) {
		size_t run = WINDOW - c->waiting_start;
		ssize_t n = write(c->input.fd, c->waiting + c->waiting_start, run < c->waiting_length ? run : c->waiting_length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		/*
		 * The program closed its input: what is left goes nowhere, and the host may as well send on. A server may
		 * answer without reading everything; that its connection broke shows only here.
		 */
		if (n < 0) {
			if (c->is_connection && errno != EPIPE)
				c->failure = errno;
			c->consumed += (uint32_t)c->waiting_length;
			close_input(c);
			break;
		}
		c->waiting_start = (c->waiting_start + (size_t)n) % WINDOW;
		c->waiting_length -= (size_t)n;
		c->consumed += (uint32_t)n;
	}
	if (!c->waiting_length && c->end_input && c->input.fd >= 0)
		end_input(c);
	if (c->input.fd >= 0)
		agent_watch(c->agent, c->agent->epoll, &c->input, c->waiting_length || c->end_input ? EPOLLOUT : 0);
	if (c->consumed >= GRANT_AT || (c->consumed && !c->waiting_length)) {
		uint8_t grant[4];

		for (int i = 0; i < 4; i++)
			grant[i] = (uint8_t)(c->consumed >> 8 * i);
		c->may_receive += c->consumed;
		c->consumed = 0;
		if (!c->muted)
			port_send(c->agent, FRAME_CREDIT, c->id, grant, sizeof(grant));
	}
}

/* Output is listened to from now on; what came ahead of the connection is sent. */
static void listen_to_output(struct channel *c)
{
	agent_watch(c->agent, c->agent->sources, &c->output, EPOLLIN);
	if (c->errors.fd >= 0)
		agent_watch(c->agent, c->agent->sources, &c->errors, EPOLLIN);
}

static void input_ready(struct agent *a, struct watch *w, uint32_t events)
{
	struct channel *c = w->owner;

	if (c->connect_by) {
		if (!connect_established(c)) {
			channel_finish(c);
			return;
		}
		listen_to_output(c);
	}
	feed(c);
}

static int take_input(struct channel *c, const struct frame *f)
{
	if (f->length > c->may_receive)
		return -1;
	c->may_receive -= f->length;
	if (c->input.fd < 0 || c->end_input) {
		c->consumed += f->length;
		feed(c);
		return 0;
	}
	if (!c->waiting)
		c->waiting = malloc(WINDOW);
	if (!c->waiting) { /* nothing to do but to tell the program that its input ended */
		close_input(c);
		return 0;
	}
	for (size_t done = 0; done < f->length;) {
		size_t at = (c->waiting_start + c->waiting_length) % WINDOW, run = WINDOW - at;

		if (run > f->length - done)
			run = f->length - done;
		memcpy(c->waiting + at, f->payload + done, run);
		c->waiting_length += run;
		done += run;
	}
	feed(c);
	return 0;
}

/* --- frames */

static int start(struct channel *c, const char *request, size_t length, int64_t *timeout, struct err *e)
{
	struct program_pipes pipes;

	if (connect_asked(request, length))
		return connect_start(c, request, length, timeout, e);
	if (!spare_take(request, length, &c->program, &pipes) &&
	    program_start(&c->program, &pipes, request, length, c->agent->cgroup, timeout, e) < 0)
		return -1;
	spare_learn(request, length, now_ms());
	c->input.fd = pipes.input;
	c->output.fd = pipes.output;
	c->errors.fd = pipes.errors;
	return 0;
}

int channel_open(struct agent *a, const struct frame *f)
{
	struct err e = {.code = 125};

	if (find(a, f->channel))
		return -1;
	agent_set_seen(a, f->channel);
	struct channel *c = a->channel_count < CHANNELS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		err_set(&e, 125, a->channel_count < CHANNELS_MAX ? "out of memory" : "too many programs at once");
		refuse(a, f->channel, &e);
		return 0;
	}
	int64_t timeout = 0;

	c->agent = a;
	if (start(c, (const char *)f->payload, f->length, &timeout, &e) < 0) {
		refuse(a, f->channel, &e);
		free(c);
		return 0;
	}
	c->id = f->channel;
	c->may_send = c->may_receive = WINDOW;
	c->timeout = timeout ? now_ms() + timeout : 0;
	c->input = (struct watch){.fd = c->input.fd, .ready = input_ready, .owner = c};
	c->output = (struct watch){.fd = c->output.fd, .ready = channel_output, .owner = c};
	c->errors = (struct watch){.fd = c->errors.fd, .ready = channel_output, .owner = c};
	if (c->connect_by)
		agent_watch(a, a->epoll, &c->input, EPOLLOUT);
	else
		listen_to_output(c);
	c->next = a->channels;
	a->channels = c;
	a->channel_count++;
	return 0;
}

static int add_credit(struct channel *c, const struct frame *f)
{
	uint32_t more = frame_u32(f->payload);

	if (more > UINT32_MAX - c->may_send)
		return -1;
	c->may_send += more;
	if (more && !c->ended && !c->connect_by) /* ended: channel_tick goes on with what is left */
		listen_to_output(c);
	return 0;
}

/* As when a terminal window is closed; whatever ignores that is killed after HANGUP_MS. */
static void hang_up(struct channel *c)
{
	if (c->kill_at)
		return;
	if (c->is_connection) {
		c->failure = c->failure ? c->failure : ECANCELED;
		channel_finish(c);
		return;
	}
	signal_program(c, SIGHUP);
	signal_program(c, SIGCONT);
	c->program.foreground = c->program.terminal && c->output.fd >= 0 ? program_foreground(c->output.fd) : 0;
	c->kill_at = now_ms() + HANGUP_MS;
	close_all(c);
}

int channel_frame(struct agent *a, const struct frame *f)
{
	struct channel *c = find(a, f->channel);

	if (!c)
		return agent_seen(a, f->channel) ? 0 : -1;
	switch (f->type) {
	case FRAME_DATA:
		return take_input(c, f);
	case FRAME_EOF:
		c->end_input = true;
		feed(c);
		return 0;
	case FRAME_CREDIT:
		return add_credit(c, f);
	case FRAME_RESIZE:
		program_resize(&c->program, c->output.fd, frame_u16(f->payload), frame_u16(f->payload + 2));
		return 0;
	case FRAME_SIGNAL:
		if (f->payload[0] >= 1 && f->payload[0] <= SIGNAL_MAX)
			signal_program(c, f->payload[0]);
		return 0;
	case FRAME_CLOSE:
		hang_up(c);
		return 0;
	default:
		return -1;
	}
}

void channel_end_all(struct agent *a)
{
	for (struct channel *c = a->channels, *next; c; c = next) {
		next = c->next;
		bool ended = c->ended;

		c->muted = true;
		hang_up(c);
		if (ended)
			channel_finish(c);
	}
}

static void earlier(int64_t *wait, int64_t then, int64_t now)
{
	int64_t left = then > now ? then - now : 0;

	if (*wait < 0 || left < *wait)
		*wait = left;
}

int64_t channel_tick(struct agent *a, int64_t now)
{
	int64_t wait = spare_tick(a->cgroup, now);

	for (struct channel *c = a->channels, *next; c; c = next) {
		next = c->next;
		if (c->ended) {
			channel_drain(c);
			continue;
		}
		if (c->is_connection && connect_over(c, now)) {
			channel_finish(c);
			continue;
		}
		if (c->connect_by)
			earlier(&wait, c->connect_by, now);
		if (c->timeout && c->timeout <= now) {
			c->timeout = 0;
			c->timed_out = true;
			signal_program(c, SIGKILL);
		}
		if (c->kill_at && c->kill_at <= now) {
			c->kill_at = now + HANGUP_MS;
			signal_program(c, SIGKILL);
		}
		if (c->gather_until && c->gather_until <= now)
			channel_gathered(c, now);
		if (c->gather_until)
			earlier(&wait, c->gather_until, now);
		if (c->timeout)
			earlier(&wait, c->timeout, now);
		if (c->kill_at)
			earlier(&wait, c->kill_at, now);
	}
	return wait;
}
