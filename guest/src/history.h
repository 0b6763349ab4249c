/* What happened to this level's objects, for `events`: the last ones kept, and told to who watches. */
#pragma once
#include <poll.h>
#include "table.h"

#define HISTORY_WATCHERS 8

/* "container", "start", its id, and attributes ({name, value} in order of their names, ending with a NULL name). */
void history_add(const char *type, const char *action, const char *id, const char *const (*attributes)[2]);
/* Of a container; `key` with `value` is one more attribute, NULL: none. */
void history_entry(const struct entry *entry, const char *action, const char *key, const char *value);
void history_signal(const struct entry *entry, int signal);
/* Sends those since "since" and up to "until" (unix ms), then ends, or goes on when "until" is not over. Takes `client` over. */
int history_watch(int client, const struct json *request, struct err *e);
/* Ends those whose time is over; milliseconds until the next, -1: none. */
int history_due(void);
/* Fills HISTORY_WATCHERS entries, to notice who goes. */
void history_poll(struct pollfd *fds);
void history_handle(const struct pollfd *fds);
