/* What the engine does for the command line: one function per request, none of which waits. */
#pragma once
#include "monitor.h"
#include "table.h"

/* One request of a command line. */
struct request {
	size_t length;
	struct json *json;   /* freed by command_run unless taken (NULL) */
	int client;          /* closed by command_run unless taken (-1) */
	struct entry *entry; /* for commands on one container */
};

/* The first packet of a connection, which is the callee's from here on. */
void command_run(char *packet, size_t length, int client);
/* A container's monitor said something, or is gone. */
void command_monitor_event(struct entry *entry);
/* Forks; in the child everything of the engine's is closed but `keep` (moved to 3, 4, …) and 0, 1, 2. 0 in the child. */
pid_t command_fork(int *keep[], size_t count, struct err *e);
/* Starts the monitor of a container, which answers `client` (-1: none); that stays the caller's. `e` may be NULL. */
int command_spawn_monitor(enum monitor_task task, struct entry *entry, bool attach, int client, struct err *e);
/* Starts one that does not run; `client` (-1: none) is answered by its monitor and stays the caller's. */
int command_start(struct entry *entry, int client, struct err *e);
/* Docker's words when it does not. */
int command_need_running(const struct entry *entry, struct err *e);
