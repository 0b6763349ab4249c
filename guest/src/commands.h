/* What the engine does for the command line: one function per request, none of which waits. */
#pragma once
#include <poll.h>
#include "table.h"

#define WAITERS_MAX 64

/* The first packet of a connection, which is the callee's from here on. */
void command_run(char *packet, size_t length, int client);
/* A container's monitor said something, or is gone. */
void command_monitor_event(struct entry *entry);
/* Fills WAITERS_MAX entries: clients that wait for a container to end. */
void command_poll_waiters(struct pollfd *fds);
void command_handle_waiters(const struct pollfd *fds);
/* Kills what had its time; milliseconds until the next deadline, -1: none. */
int command_waiters_due(void);
/* Forks; in the child everything of the engine's is closed but `keep` (moved to 3, 4, …) and 0, 1, 2. 0 in the child. */
pid_t command_fork(int *keep[], size_t count, struct err *e);
