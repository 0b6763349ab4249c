/* Commands that wait for a container to end: stop, kill, wait, rm -f. */
#pragma once
#include <poll.h>
#include "table.h"

#define WAITERS_MAX 64

enum waiter_kind {
	WAIT_FREE,
	WAIT_EXIT,    /* answered with its exit code */
	WAIT_REMOVE,  /* and it is removed then */
	WAIT_RESTART, /* and it is started again */
	WAIT_STOP,    /* it was asked to */
};

/* Takes `client` over. At `kill_at` (now_ms units, -1: never) everything in the container is killed. */
void waiters_add(const struct entry *entry, int client, enum waiter_kind kind, int64_t kill_at);
/* The container of that id ended, or is no more. */
void waiters_wake(const char *id);
/* Takes down a container that does not run, and its entry. e->code stays 0 when that worked. */
void waiters_destroy(struct entry *entry, struct err *e);
/* Fills WAITERS_MAX entries, to notice command lines that were interrupted. */
void waiters_poll(struct pollfd *fds);
void waiters_handle(const struct pollfd *fds);
/* Kills what had its time; milliseconds until the next deadline, -1: none. */
int waiters_due(void);
