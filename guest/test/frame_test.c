#include <stdlib.h>
#include "check.h"
#include "frame.h"

static struct frame_parser parser;

static void reset(void)
{
	memset(&parser, 0, sizeof(parser));
}

static size_t build(uint8_t *to, enum frame_type type, uint16_t channel, const void *payload, uint32_t length)
{
	frame_header(to, type, channel, length);
	if (length)
		memcpy(to + FRAME_HEADER, payload, length);
	return FRAME_HEADER + length;
}

static void feed(const void *data, size_t length)
{
	size_t room;
	uint8_t *to = frame_room(&parser, &room);

	CHECK(room >= length);
	memcpy(to, data, length);
	frame_put(&parser, length);
}

#define HELLO FRAME_MAGIC "{}"

static void feed_hello(void)
{
	uint8_t bytes[64];

	feed(bytes, build(bytes, FRAME_HELLO, 0, HELLO, sizeof(HELLO) - 1));
}

static void expect_hello(void)
{
	struct frame f;

	CHECK(frame_next(&parser, &f) == FRAME_READY && f.type == FRAME_HELLO && f.length == sizeof(HELLO) - 1);
}

static void byte_by_byte(void)
{
	uint8_t bytes[200];
	size_t n = build(bytes, FRAME_HELLO, 0, HELLO, sizeof(HELLO) - 1);
	struct frame f;
	int got = 0;

	reset();
	n += build(bytes + n, FRAME_DATA, 3, "abc", 3);
	n += build(bytes + n, FRAME_EOF, 3, NULL, 0);
	for (size_t i = 0; i < n; i++) {
		feed(bytes + i, 1);
		while (frame_next(&parser, &f) == FRAME_READY) {
			got++;
			if (got == 2)
				CHECK(f.type == FRAME_DATA && f.channel == 3 && f.length == 3 &&
				      memcmp(f.payload, "abc", 3) == 0);
		}
	}
	CHECK(got == 3);
}

static void nothing_before_hello(void)
{
	uint8_t bytes[100];
	struct frame f;

	reset();
	feed(bytes, build(bytes, FRAME_DATA, 3, "abc", 3));
	feed("garbage " FRAME_MAGIC " without a header", 8 + 16 + 17);
	CHECK(frame_next(&parser, &f) == FRAME_MORE);
	feed_hello();
	expect_hello();
	CHECK(frame_next(&parser, &f) == FRAME_MORE);
}

static void garbage_of_every_length(void)
{
	struct frame f;

	for (size_t length = 0; length < 100; length++) {
		reset();
		for (size_t i = 0; i < length; i++) {
			uint8_t byte = (uint8_t)(i * 37 + length);

			feed(&byte, 1);
			CHECK(frame_next(&parser, &f) == FRAME_MORE);
		}
		feed_hello();
		expect_hello();
	}
}

static void broken(const char *what, const uint8_t *bytes, size_t length)
{
	struct frame f;

	reset();
	feed_hello();
	expect_hello();
	feed(bytes, length);
	enum frame_result result = frame_next(&parser, &f);
	if (result != FRAME_BROKEN)
		printf("not broken: %s\n", what);
	CHECK(result == FRAME_BROKEN);
	CHECK(frame_next(&parser, &f) == FRAME_MORE); /* said once */
	feed_hello();
	expect_hello();
}

static void what_the_host_may_not_send(void)
{
	static const struct {
		const char *what;
		enum frame_type type;
		uint16_t channel;
		uint32_t length;
	} bad[] = {
		{"type 0", 0, 1, 0},
		{"type 18", 18, 1, 0},
		{"type 255", 255, 1, 0},
		{"EXIT", FRAME_EXIT, 1, 2},
		{"EVENT", FRAME_EVENT, 0, 2},
		{"REQUEST", FRAME_REQUEST, 0x8000, 2},
		{"RESULT", FRAME_RESULT, 1, 2},
		{"DATA_ERR", FRAME_DATA_ERR, 1, 2},
		{"CANCEL", FRAME_CANCEL, 0x8000, 0},
		{"DATA on 0", FRAME_DATA, 0, 2},
		{"OPEN on ours", FRAME_OPEN, 0x8000, 2},
		{"REPLY on theirs", FRAME_REPLY, 1, 2},
		{"HELLO on 1", FRAME_HELLO, 1, 20},
		{"short HELLO", FRAME_HELLO, 0, 15},
		{"HELLO without magic", FRAME_HELLO, 0, 20},
		{"CREDIT of 3", FRAME_CREDIT, 1, 3},
		{"CREDIT of 5", FRAME_CREDIT, 1, 5},
		{"RESIZE of 2", FRAME_RESIZE, 1, 2},
		{"SIGNAL of 0", FRAME_SIGNAL, 1, 0},
		{"EOF of 1", FRAME_EOF, 1, 1},
		{"CLOSE of 1", FRAME_CLOSE, 1, 1},
		{"too long", FRAME_DATA, 1, 65537},
		{"far too long", FRAME_DATA, 1, 0xffffffff},
	};
	uint8_t bytes[64], payload[32] = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		frame_header(bytes, bad[i].type, bad[i].channel, bad[i].length);
		memcpy(bytes + FRAME_HEADER, payload, sizeof(payload));
		broken(bad[i].what, bytes, FRAME_HEADER + (bad[i].length < 32 ? bad[i].length : 32));
	}
	for (int bit = 0; bit < 64; bit++) {
		frame_header(bytes, FRAME_DATA, 1, 0);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		broken("a flipped bit", bytes, FRAME_HEADER);
	}
}

static void largest(void)
{
	uint8_t *bytes = calloc(1, FRAME_HEADER + FRAME_PAYLOAD_MAX), *copy;
	struct frame f;
	size_t n;

	for (size_t i = 0; i < FRAME_PAYLOAD_MAX; i++)
		bytes[FRAME_HEADER + i] = (uint8_t)(i * 7);
	copy = malloc(FRAME_PAYLOAD_MAX);
	memcpy(copy, bytes + FRAME_HEADER, FRAME_PAYLOAD_MAX);
	n = build(bytes, FRAME_DATA, 1, copy, FRAME_PAYLOAD_MAX);
	reset();
	feed_hello();
	expect_hello();
	for (int round = 0; round < 5; round++) {
		feed(bytes, n / 2);
		CHECK(frame_next(&parser, &f) == FRAME_MORE);
		feed(bytes + n / 2, n - n / 2);
		CHECK(frame_next(&parser, &f) == FRAME_READY && f.length == FRAME_PAYLOAD_MAX);
		CHECK(memcmp(f.payload, copy, FRAME_PAYLOAD_MAX) == 0);
	}
	free(bytes);
	free(copy);
}

int main(void)
{
	static const struct test tests[] = {TEST(byte_by_byte), TEST(nothing_before_hello), TEST(garbage_of_every_length),
					    TEST(what_the_host_may_not_send), TEST(largest)};

	return RUN(tests);
}
