/* What programs and connections write, on its way to the host. */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "agent_channel.h"
#include "io.h"

enum { CHUNK = 32768 };

/*
 * Programs write to terminals line by line, and each line passed on at once costs a frame and two switches. So a few small
 * reads go at once (a key's echo, a short answer, the prompt); after BURST of them without a PAUSE_MS of quiet, output is
 * gathered for GATHER_MS before it is read again, unless reads are big already.
 */
enum { BURST = 4, SMALL = 2048, PAUSE_MS = 30, GATHER_MS = 8 };

void channel_pause(struct channel *c, struct watch *w)
{
	agent_watch(c->agent, c->agent->sources, w, 0);
}

/* Reads once and sends. True when there may be more. */
static bool pump(struct channel *c, struct watch *w)
{
	static uint8_t chunk[CHUNK];
	size_t *left = w == &c->errors ? &c->errors_left : &c->output_left;
	size_t most = c->may_send < CHUNK ? c->may_send : CHUNK;

	if (c->ended && !c->program.terminal && *left < most)
		most = *left;
	if (w->fd < 0 || most == 0 || port_full(c->agent)) {
		if (!c->may_send)
			channel_pause(c, w);
		return false;
	}
	ssize_t n = read(w->fd, chunk, most);

	if (n < 0 && errno == EINTR)
		return true;
	if (n < 0 && errno == EAGAIN) {
		*left = 0;
		return false;
	}
	/* A terminal says EIO when the last program has let go of it. */
	if (n <= 0) {
		*left = 0;
		if (n < 0)
			c->failure = errno;
		agent_close(c->agent, c->agent->sources, w);
		return false;
	}
	c->may_send -= (uint32_t)n;
	c->last_read = (size_t)n;
	if (c->ended && !c->program.terminal)
		*left -= (size_t)n;
	port_send(c->agent, w == &c->errors ? FRAME_DATA_ERR : FRAME_DATA, c->id, chunk, (size_t)n);
	return true;
}

void channel_output(struct agent *a, struct watch *w, uint32_t events)
{
	struct channel *c = w->owner;

	if (!c->program.terminal) {
		pump(c, w);
		if (c->is_connection && w->fd < 0)
			channel_finish(c);
		return;
	}
	int64_t now = now_ms();

	if (now - c->read_at >= PAUSE_MS)
		c->burst = 0;
	if (c->burst >= BURST && c->last_read < SMALL && now - c->read_at < GATHER_MS) {
		c->gather_until = c->read_at + GATHER_MS;
		channel_pause(c, w);
		return;
	}
	pump(c, w);
	c->read_at = now;
	if (c->last_read < SMALL)
		c->burst++;
}

void channel_gathered(struct channel *c, int64_t now)
{
	c->gather_until = 0;
	if (c->output.fd < 0)
		return;
	pump(c, &c->output);
	c->read_at = now;
	if (c->output.fd >= 0 && c->may_send)
		agent_watch(c->agent, c->agent->sources, &c->output, EPOLLIN);
}

void channel_drain(struct channel *c)
{
	while (pump(c, &c->output))
		;
	while (pump(c, &c->errors))
		;
	if ((c->output.fd < 0 || !c->output_left) && (c->errors.fd < 0 || !c->errors_left))
		channel_finish(c);
}

size_t channel_in_pipe(int fd)
{
	int count = 0;

	return fd >= 0 && ioctl(fd, FIONREAD, &count) == 0 && count > 0 ? (size_t)count : 0;
}
