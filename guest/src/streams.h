/* Standard input, output and error of a program: a pty of this level or three pipes, and which end belongs to whom. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>
#include "err.h"

struct streams {
	bool tty;
	int in, out, err;                   /* ours: what the program reads and writes (tty: in = out = master, err = -1) */
	int child_in, child_out, child_err; /* the program's (tty: the slave, three times the same) */
};

#define STREAMS_NONE                                                                                                             \
	{                                                                                                                        \
		.in = -1, .out = -1, .err = -1, .child_in = -1, .child_out = -1, .child_err = -1                                 \
	}

/* `owner`: who may open the terminal (the container's root). Without `open_input` standard input is /dev/null. */
int streams_make(struct streams *s, bool tty, bool open_input, uid_t owner, struct err *e);
/* In the program: descriptors 0, 1, 2 and, with a tty, the controlling terminal of a new session. */
int streams_adopt(const struct streams *s, struct err *e);
/* In the parent, after the fork. */
void streams_close_child(struct streams *s);
void streams_close(struct streams *s);
/* The terminal's size; nothing without one. */
void streams_resize(struct streams *s, unsigned columns, unsigned rows);
