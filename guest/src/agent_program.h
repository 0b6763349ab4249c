/* Starting and signalling one program of the guest host: what an OPEN asks for, until it is the parent's to read and reap. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "err.h"

struct program {
	pid_t pid; /* also its session and process group */
	bool terminal;
	pid_t foreground; /* last known foreground group, once the terminal is closed */
	int failure;      /* reports a start that failed, see program_failure */
	char name[64];
};

/* Our ends, non-blocking: with a terminal `input` and `output` are its master and `errors` is -1. */
struct program_pipes {
	int input, output, errors;
};

/* `request` is the JSON of OPEN. `timeout_ms` gets its timeoutMs. e->code is 125 … 127. */
int program_start(struct program *p, struct program_pipes *pipes, const char *request, size_t length, int cgroup,
		  int64_t *timeout_ms, struct err *e);
/* After the end: whether it never started, and why. */
bool program_failure(struct program *p, struct err *e);
/* To the process group, with a terminal (`master` ≥ 0) to the foreground one; SIGKILL and SIGHUP to both. */
void program_signal(struct program *p, int master, int number);
pid_t program_foreground(int master);
void program_resize(struct program *p, int master, uint16_t columns, uint16_t rows);
