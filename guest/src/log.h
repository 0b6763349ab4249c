/* A container's output, kept as a ring of at most 1 MiB (less with max-size): two files that take turns (log, log.old). */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "err.h"
#include "json.h"

struct log {
	char id[65];
	int fd;
	size_t used, half; /* bytes in the file written to, and when the other one's turn comes */
};

/* --log-driver and --log-opt of a request: "logDriver", "logOptions" ("key=value"). */
int log_check(const struct json *request, struct err *e);
/* As the request says; without a log when its driver is "none". */
int log_open(struct log *log, const char *id, const struct json *request, struct err *e);
/* `stream`: '1' or '2'. A log that cannot be written is dropped, never waited for. */
void log_append(struct log *log, char stream, const void *data, size_t length);
void log_close(struct log *log);

struct log_view {
	bool follow, timestamps;
	long tail;            /* lines from the end, -1: all */
	int64_t since, until; /* unix ms; 0: no bound */
};

/* Sends what there is to `client` as '1'/'2' packets and, with `follow`, what comes until `pidfd` ends or the client goes. */
int log_send(const char *id, const struct log_view *view, int client, int pidfd, struct err *e);
