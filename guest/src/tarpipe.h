/* A tar stream as packets of the engine's socket: bytes behind a kind, an empty packet of that kind at its end (guest/ENGINE.md). */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "sock.h"

struct tarpipe {
	int sock;
	char kind;   /* of the packets with bytes: '0' to the engine, '1' from it */
	bool heed;   /* writing ends (EPIPE) as soon as the other side says something */
	int freezer; /* descriptor of a cgroup.freeze, or -1: thawed when the other side makes us wait */
	int64_t total;
	size_t at, length;
	bool other; /* reading ended with a packet of another kind, which is in `packet` */
	char packet[SOCK_PACKET_MAX];
};

/* For struct tar_out and struct tar_in. */
int tarpipe_write(void *pipe, const void *data, size_t size);
int tarpipe_flush(struct tarpipe *pipe);
ssize_t tarpipe_read(void *pipe, void *data, size_t size);
/* Until the end of the stream, or of the connection. */
void tarpipe_drain(struct tarpipe *pipe);
