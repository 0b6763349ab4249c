/* What happened to this level's objects, for `events`: the last ones kept, and told to who watches. */
#pragma once
#include <poll.h>
#include "table.h"

#define HISTORY_WATCHERS 8
#define HISTORY_FDS (HISTORY_WATCHERS + 1)

/* In the engine, before any other. */
int history_open(struct err *e);
/* What processes forked from the engine must keep, so that history_add in them reaches it. */
int *history_outbox(void);
/* In such a process. */
void history_forked(void);

/* "container", "start", its id, and attributes ({name, value} in order of their names, ending with a NULL name). */
void history_add(const char *type, const char *action, const char *id, const char *const (*attributes)[2]);
/* Of a container; `key` with `value` is one more attribute, NULL: none. */
void history_entry(const struct entry *entry, const char *action, const char *key, const char *value);
void history_signal(const struct entry *entry, int signal);
/* Sends those since "since" and up to "until" (unix ms), then ends, or goes on when "until" is not over. Takes `client` over. */
int history_watch(int client, const struct json *request, struct err *e);
/* Ends those whose time is over; milliseconds until the next, -1: none. */
int history_due(void);
/* Fills HISTORY_FDS entries: who goes, and what processes of ours tell. */
void history_poll(struct pollfd *fds);
void history_handle(const struct pollfd *fds);
