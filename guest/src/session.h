/* Bytes between a program and the command line that watches it (packets of ENGINE.md), with back-pressure both ways. */
#pragma once
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include "log.h"
#include "streams.h"

#define SESSION_CHUNK 16384
#define SESSION_FDS 4

/* The buffers first: what is always used lies beside what comes after it, on few pages. */
struct session {
	char input[65536];              /* what the program had no room for */
	char output[1 + SESSION_CHUNK]; /* a packet the client had no room for */
	int client;                     /* -1: nobody watches */
	int pidfd;                      /* gets the client's signals */
	struct streams *streams;
	struct log *log;  /* NULL: none is kept */
	bool close_input; /* standard input ends when the client goes */
	bool left;        /* it went by its detach keys: the program is to go on */
	size_t output_length, input_at, input_length;
	int64_t read_at; /* now_ms: output is left in its pipes until then */
};

/* Of one that is all zero: its buffers are left alone, since each page touched is one more a container costs. */
void session_init(struct session *s, int client, struct streams *streams);
/* Fills up to SESSION_FDS entries (fd -1: not waited for); the longest poll may take, in ms or -1. */
int session_poll(const struct session *s, struct pollfd *fds);
void session_handle(struct session *s, const struct pollfd *fds);
/* After the program's end: what is left in its pipes, waiting for the client at most `timeout_ms`. */
void session_drain(struct session *s, int timeout_ms);
/* The last packet: {"code":n}. Closes the client. */
void session_exit(struct session *s, int code);
/* Sends JSON as a 'J' packet; a client that does not take it is dropped. */
void session_json(struct session *s, const char *json);
/* {"error":{"code","message"}} */
void session_error(struct session *s, const struct err *e, const char *kind);
