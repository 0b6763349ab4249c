/* The frames of emulator/agent/PROTOCOL.md: codec and incremental parser for what the host sends. No I/O; fuzzed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { FRAME_HEADER = 8, FRAME_PAYLOAD_MAX = 65536, FRAME_MAGIC_LENGTH = 16 };
#define FRAME_MAGIC "NESTBOX-AGENT/1\n"

enum frame_type {
	FRAME_HELLO = 1,
	FRAME_OPEN,
	FRAME_DATA,
	FRAME_DATA_ERR,
	FRAME_EOF,
	FRAME_CREDIT,
	FRAME_RESIZE,
	FRAME_SIGNAL,
	FRAME_EXIT,
	FRAME_CLOSE,
	FRAME_EVENT,
	FRAME_REQUEST,
	FRAME_PROGRESS,
	FRAME_REPLY,
	FRAME_CANCEL,
	FRAME_CALL,
	FRAME_RESULT,
};

struct frame {
	enum frame_type type;
	uint16_t channel;
	uint32_t length;
	const uint8_t *payload;
};

void frame_header(uint8_t header[FRAME_HEADER], enum frame_type type, uint16_t channel, uint32_t length);

/* Starts out of step: everything before a whole HELLO is skipped, as after a broken frame. */
struct frame_parser {
	uint8_t data[2 * (FRAME_HEADER + FRAME_PAYLOAD_MAX)];
	size_t start, end;
	bool in_step;
};

enum frame_result { FRAME_MORE, FRAME_READY, FRAME_BROKEN };

/* Where to put input: at least one whole frame's room after frame_next said FRAME_MORE. */
uint8_t *frame_room(struct frame_parser *p, size_t *room);
/* `length` bytes were put there. */
void frame_put(struct frame_parser *p, size_t length);
/*
 * The next frame; its payload lives until the next call of frame_room. Types, lengths and the sort of channel are checked
 * for the host's direction. FRAME_BROKEN comes once a break, then input is skipped up to the next HELLO.
 */
enum frame_result frame_next(struct frame_parser *p, struct frame *f);
/* The stream broke for a reason above the parser's head. */
void frame_break(struct frame_parser *p);

uint32_t frame_u32(const uint8_t *p);
uint16_t frame_u16(const uint8_t *p);
