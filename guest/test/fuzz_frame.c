/* Any bytes in any pieces: the parser keeps its bounds, and a HELLO after them is always understood in the end. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "frame.h"

static struct frame_parser parser;

static bool take_all(void)
{
	struct frame f;
	bool hello = false;
	enum frame_result result;

	while ((result = frame_next(&parser, &f)) != FRAME_MORE) {
		if (result == FRAME_BROKEN)
			continue;
		if (f.length > FRAME_PAYLOAD_MAX || f.payload < parser.data ||
		    f.payload + f.length > parser.data + sizeof(parser.data))
			abort();
		hello = hello || (f.type == FRAME_HELLO && f.length == FRAME_MAGIC_LENGTH + 2);
	}
	return hello;
}

static bool feed(const uint8_t *data, size_t size, size_t piece)
{
	bool hello = false;

	while (size) {
		size_t room, n;
		uint8_t *to = frame_room(&parser, &room);

		n = size < piece ? size : piece;
		if (n > room)
			n = room;
		if (!n)
			abort();
		memcpy(to, data, n);
		frame_put(&parser, n);
		data += n;
		size -= n;
		hello = take_all() || hello;
	}
	return hello;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t hello[FRAME_HEADER + FRAME_MAGIC_LENGTH + 2];

	parser.start = parser.end = 0;
	parser.in_step = size && data[0] & 1;
	frame_header(hello, FRAME_HELLO, 0, FRAME_MAGIC_LENGTH + 2);
	memcpy(hello + FRAME_HEADER, FRAME_MAGIC "{}", FRAME_MAGIC_LENGTH + 2);
	feed(data, size, size ? data[0] / 2 + 1 : 1);
	/* A frame that pretended to be long may swallow the first ones. */
	for (int i = 0; i < (FRAME_PAYLOAD_MAX + FRAME_HEADER) / (int)sizeof(hello) + 3; i++)
		if (feed(hello, sizeof(hello), sizeof(hello)))
			return 0;
	abort();
}
