/* One channel the host opened: a program (agent_channel.c) or a TCP connection (agent_connect.c). */
#pragma once
#include "agent.h"
#include "agent_program.h"

struct channel {
	struct channel *next;
	struct agent *agent;
	uint16_t id;
	bool muted; /* the host forgot it with a HELLO: no more frames, the id is free */
	bool ended; /* reaped; EXIT follows when the output is out */
	bool timed_out, end_input;
	bool is_connection; /* `program`, `status`, `errors` are unused, input and output are one socket */
	int failure;        /* of a connection: the errno that broke it, 0: none */
	int64_t connect_by; /* of a connection that has not come about yet, 0: it has */
	struct program program;
	int status;
	struct watch input, output, errors; /* with a terminal: its master twice, no errors */
	uint8_t *waiting;                   /* input not yet taken: a ring of WINDOW bytes */
	size_t waiting_start, waiting_length;
	uint32_t may_send, may_receive, consumed; /* credits; consumed is not granted again yet */
	size_t output_left, errors_left;          /* after the end: what may still be in the pipes */
	int64_t timeout, kill_at;                 /* 0: none */
	unsigned burst;                           /* of a terminal: small reads since it was last quiet */
	size_t last_read;
	int64_t read_at, gather_until; /* gather_until 0: not gathering */
};

/* --- agent_connect.c */
/* Whether an OPEN asks for a connection. */
bool connect_asked(const char *request, size_t length);
/* Sets the channel's descriptors and connect_by. -1: e->code is 1 when there is no connection, 125 for a bad request. */
int connect_start(struct channel *c, const char *request, size_t length, int64_t *timeout_ms, struct err *e);
/* connect_by is set and the socket has become writable. False: c->failure says why there is no connection. */
bool connect_established(struct channel *c);
/* Whether its time is over, its own to come about or the one the host gave it; c->failure is set then. */
bool connect_over(struct channel *c, int64_t now);
/* The members of its EXIT. */
void connect_exit(const struct channel *c, struct jsonw *w);

/* --- agent_output.c */
void channel_output(struct agent *a, struct watch *w, uint32_t events);
void channel_pause(struct channel *c, struct watch *w);
/* Reads what was gathered, and listens again. */
void channel_gathered(struct channel *c, int64_t now);
/* After the end: what the program wrote is in the pipes now, so it can be had without waiting. */
void channel_drain(struct channel *c);
size_t channel_in_pipe(int fd);

/* --- agent_channel.c */
/* Sends EXIT and frees it. */
void channel_finish(struct channel *c);
