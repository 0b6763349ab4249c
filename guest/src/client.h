/* The command line's side of engine.sock: one request, its answers, and the streams of a program. */
#pragma once
#include <stdbool.h>
#include "err.h"
#include "json.h"

/* Connects, starting the level's engine when there is none, and sends the request (freed). The descriptor or -1. */
int client_open(struct jsonw *request, struct err *e);

struct client_answer {
	/* Each JSON packet but errors. May be NULL. Non-zero stops waiting. */
	int (*json)(const struct json *answer, void *context);
	void *context;
};

/*
 * Waits until the last packet: its code, or -1 with the engine's error (e->code is what to exit with; `kind` gets its "kind").
 * '1' and '2' packets are written to our standard output and error.
 */
int client_wait(int fd, const struct client_answer *answer, char kind[16], struct err *e);
/* client_open and client_wait. */
int client_ask(struct jsonw *request, const struct client_answer *answer, struct err *e);
/*
 * As client_wait, and our standard input, signals and terminal size go the other way. With `tty` the terminal is raw meanwhile,
 * and `detach_keys` (NULL: the usual ones) end it.
 */
int client_stream(int fd, bool tty, bool input, const char *detach_keys, const struct client_answer *answer, char kind[16],
		  struct err *e);
/* {"columns","rows"} of our terminal, if we have one. */
void client_put_size(struct jsonw *w);
