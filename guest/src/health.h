/* --health-cmd and the image's HEALTHCHECK: a program run in the container now and then by its monitor. */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include "container.h"
#include "table.h"

enum { HEALTH_LOG = 5, HEALTH_OUTPUT = 4096, HEALTH_WORDS = 64 };

struct health_result {
	int64_t begin, end; /* unix ms */
	int code;
	char output[HEALTH_OUTPUT + 1];
};

struct health {
	const char *argv[HEALTH_WORDS + 1];                      /* [0] NULL: there is no check */
	int64_t interval, timeout, start_period, start_interval; /* ms */
	int retries;
	const char *status; /* "starting", "healthy", "unhealthy" */
	int streak;
	int64_t started, next; /* now_ms */
	int fd;                /* the running check's report, or -1 */
	pid_t pid;
	struct health_result *log; /* HEALTH_LOG of them, from the first check on: most containers have none */
	unsigned count;            /* checks done */
};

/* The request's "health…", docker's words on failure. `config`: the image's, may be NULL. */
int health_parse(const struct json *request, const struct json *config, struct health *h, struct err *e);
/* Those of a request alone: before anything is made. */
int health_check(const struct json *request, struct err *e);
void health_start(struct health *h);
/* Starts a check that is due. Fills one entry; milliseconds until the next, -1: none. */
int health_poll(struct health *h, const struct container *c, struct pollfd *fd);
/* A check has ended. True: there is something to tell. */
bool health_handle(struct health *h, const struct pollfd *fd);
/* {"type":"health","status","streak","log":[{"start","end","code","output"}]} */
void health_put(struct jsonw *w, const struct health *h);

/* The engine's part: the monitor told it, which it takes over. */
void health_heard(struct entry *entry, struct json *message);
