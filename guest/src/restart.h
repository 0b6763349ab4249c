/* --restart: whether and when a container that ended is started again. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "err.h"
#include "json.h"

struct entry;

enum restart_policy { RESTART_NO, RESTART_ON_FAILURE, RESTART_ALWAYS, RESTART_UNLESS_STOPPED };

struct restart {
	enum restart_policy policy;
	int retries; /* of on-failure; 0: no limit */
};

/* "restart" of a request: "no", "on-failure[:n]", "always", "unless-stopped". Docker's words on failure. */
int restart_parse(const struct json *request, struct restart *restart, struct err *e);
/* It ended: decides, and sets when. */
void restart_consider(struct entry *entry);
/* Somebody wants it to stay ended; or to be as new. */
void restart_cancel(struct entry *entry);
void restart_reset(struct entry *entry);
/* Found by an engine that was started again. */
void restart_resume(struct entry *entry, bool pending);
/* Starts what is due; milliseconds until the next, -1: none. */
int restart_due(void);
