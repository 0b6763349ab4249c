/* `exec`: one more program in a running container. */
#pragma once
#include "container.h"
#include "table.h"

/*
 * In a process just forked from the engine; never returns. `request`: {"argv","env","user","workdir","tty","stdin",…}; `id`: by which
 * events know it.
 */
void exec_main(const struct entry *entry, const struct json *request, int client, const char *id) __attribute__((noreturn));

/* What a check of health.c says: one packet, as long as its output. */
struct exec_report {
	int code; /* -1: it did not run, or not to its end in time */
	char output[4096];
};

/* In a process just forked from the container's monitor: runs `argv` in it as its own program would be and reports. */
void exec_check(const struct container *c, const char *const *argv, int pidfd, int timeout_ms, int report)
	__attribute__((noreturn));
