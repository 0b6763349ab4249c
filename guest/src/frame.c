#include <string.h>
#include "frame.h"

enum channel_sort { NONE, CONTROL, HOST_OPENED, AGENT_OPENED };

/* What the host may send: on which sort of channel, with how long a payload. Types not named are the agent's own. */
static const struct {
	enum channel_sort sort;
	uint32_t least, most;
} allowed[] = {
	[FRAME_HELLO] = {CONTROL, FRAME_MAGIC_LENGTH, FRAME_PAYLOAD_MAX},
	[FRAME_OPEN] = {HOST_OPENED, 0, FRAME_PAYLOAD_MAX},
	[FRAME_DATA] = {HOST_OPENED, 0, FRAME_PAYLOAD_MAX},
	[FRAME_EOF] = {HOST_OPENED, 0, 0},
	[FRAME_CREDIT] = {HOST_OPENED, 4, 4},
	[FRAME_RESIZE] = {HOST_OPENED, 4, 4},
	[FRAME_SIGNAL] = {HOST_OPENED, 1, 1},
	[FRAME_CLOSE] = {HOST_OPENED, 0, 0},
	[FRAME_PROGRESS] = {AGENT_OPENED, 0, FRAME_PAYLOAD_MAX},
	[FRAME_REPLY] = {AGENT_OPENED, 0, FRAME_PAYLOAD_MAX},
	[FRAME_CALL] = {HOST_OPENED, 0, FRAME_PAYLOAD_MAX},
};

static enum channel_sort sort_of(uint16_t channel)
{
	return channel == 0 ? CONTROL : channel < 0x8000 ? HOST_OPENED : AGENT_OPENED;
}

uint16_t frame_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

uint32_t frame_u32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint8_t check_of(const uint8_t *header)
{
	uint8_t check = 0xa5;

	for (int i = 0; i < 7; i++)
		check ^= header[i];
	return check;
}

void frame_header(uint8_t header[FRAME_HEADER], enum frame_type type, uint16_t channel, uint32_t length)
{
	for (int i = 0; i < 4; i++)
		header[i] = (uint8_t)(length >> 8 * i);
	header[4] = (uint8_t)channel;
	header[5] = (uint8_t)(channel >> 8);
	header[6] = (uint8_t)type;
	header[7] = check_of(header);
}

static bool read_header(const uint8_t *at, struct frame *f)
{
	unsigned type = at[6];

	*f = (struct frame){type, frame_u16(at + 4), frame_u32(at), at + FRAME_HEADER};
	return at[7] == check_of(at) && type < sizeof(allowed) / sizeof(*allowed) && allowed[type].sort != NONE &&
	       allowed[type].sort == sort_of(f->channel) && f->length >= allowed[type].least && f->length <= allowed[type].most;
}

uint8_t *frame_room(struct frame_parser *p, size_t *room)
{
	if (p->start > 0) {
		memmove(p->data, p->data + p->start, p->end - p->start);
		p->end -= p->start;
		p->start = 0;
	}
	*room = sizeof(p->data) - p->end;
	return p->data + p->end;
}

void frame_put(struct frame_parser *p, size_t length)
{
	p->end += length;
}

void frame_break(struct frame_parser *p)
{
	p->in_step = false;
}

/*
 * Finds the next HELLO. The magic alone does not say where its frame ends, so the header before it must be there and valid
 * too; what could be the beginning of both stays.
 */
static void get_in_step(struct frame_parser *p)
{
	while (p->end - p->start >= FRAME_HEADER + FRAME_MAGIC_LENGTH) {
		const uint8_t *from = p->data + p->start + FRAME_HEADER;
		const uint8_t *magic = memmem(from, p->end - p->start - FRAME_HEADER, FRAME_MAGIC, FRAME_MAGIC_LENGTH);
		struct frame f;

		if (!magic) {
			p->start = p->end - (FRAME_HEADER + FRAME_MAGIC_LENGTH - 1);
			return;
		}
		p->start = (size_t)(magic - FRAME_HEADER - p->data);
		if (read_header(p->data + p->start, &f) && f.type == FRAME_HELLO) {
			p->in_step = true;
			return;
		}
		p->start++;
	}
}

enum frame_result frame_next(struct frame_parser *p, struct frame *f)
{
	if (!p->in_step)
		get_in_step(p);
	if (!p->in_step || p->end - p->start < FRAME_HEADER)
		return FRAME_MORE;
	if (!read_header(p->data + p->start, f)) {
		p->in_step = false;
		return FRAME_BROKEN;
	}
	if (p->end - p->start < FRAME_HEADER + f->length)
		return FRAME_MORE;
	if (f->type == FRAME_HELLO && memcmp(f->payload, FRAME_MAGIC, FRAME_MAGIC_LENGTH) != 0) {
		p->start += 1;
		p->in_step = false;
		return FRAME_BROKEN;
	}
	p->start += FRAME_HEADER + f->length;
	return FRAME_READY;
}
