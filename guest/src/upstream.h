/* Requests to the level above through /run/nest/host.sock: the agent for the guest host, the parent's engine for a nested one. */
#pragma once
#include "err.h"
#include "json.h"

struct upstream_wait {
	/* Called for every progress packet; NULL: dropped. Non-zero gives up. */
	int (*progress)(const struct json *progress, void *context);
	void *context;
	int quiet_ms; /* longest silence before giving up */
};

/* For answers that come at once. */
extern const struct upstream_wait upstream_patience;

/*
 * Asks and waits. `params` is JSON text. The "ok" value's document (json_free the result of json_get's owner: `*document`), or NULL.
 * An {"error"} reply becomes e->msg, with its code copied to `code` (32 bytes; may be NULL).
 */
const struct json *upstream_ask(const char *method, const char *params, const struct upstream_wait *wait, struct json **document,
				char code[32], struct err *e);
/* The two halves, for who has something to do meanwhile: a descriptor; and the answer to it, which closes it. */
int upstream_send(const char *method, const char *params, struct err *e);
const struct json *upstream_receive(int request, const char *method, const struct upstream_wait *wait, struct json **document,
				    char code[32], struct err *e);
