/* A container's output, kept as a ring of at most 1 MiB: two files that take turns (log, log.old). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "err.h"

struct log {
	char id[65];
	int fd;
	size_t used;
};

int log_open(struct log *log, const char *id, struct err *e);
/* `stream`: '1' or '2'. A log that cannot be written is dropped, never waited for. */
void log_append(struct log *log, char stream, const void *data, size_t length);
void log_close(struct log *log);

struct log_view {
	bool follow, timestamps;
	long tail; /* lines from the end, -1: all */
};

/* Sends what there is to `client` as '1'/'2' packets and, with `follow`, what comes until `pidfd` ends or the client goes. */
int log_send(const char *id, const struct log_view *view, int client, int pidfd, struct err *e);
