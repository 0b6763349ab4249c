/* What happens to this engine's containers, told upward (PROTOCOL.md EVENT) without ever waiting for the listener. */
#pragma once
#include <poll.h>
#include "table.h"

/* The descriptor to poll; fd -1 while there is no connection. */
struct pollfd events_poll(void);
/* After poll: notices a connection that ended. */
void events_handle(const struct pollfd *fd);
/* Connects again when it is time, and tells everything. Milliseconds until the next try, -1 when connected. */
int events_connect(void);
/* "create", "start", "die", "destroy" */
void events_send(const char *action, const struct entry *entry);
/* Reads the running containers' pids and memory and sends what changed. */
void events_sample(void);
