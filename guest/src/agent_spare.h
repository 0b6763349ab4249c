/* One program on a terminal, started ahead of time for the next OPEN that is like the last one that asked for a spare. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "agent_program.h"

/* True when `request` is like the spare's but for its terminal's size: the program is the caller's from now on. */
bool spare_take(const char *request, size_t length, struct program *p, struct program_pipes *pipes);
/* Remembers `request` when it says "spare":true. */
void spare_learn(const char *request, size_t length, int64_t now);
/* Starts the spare when it is time; milliseconds until then, -1 when nothing is to be started. */
int64_t spare_tick(int cgroup, int64_t now);
/* A child has ended; true when it was the spare. */
bool spare_ended(pid_t pid);
/* Ends the spare, for it shows something that has changed since; another follows. */
void spare_renew(int64_t now);
