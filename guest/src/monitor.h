/* The process that stays with one container for one run: makes it, holds its streams and log, knows its exit code. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "json.h"

enum monitor_task { MONITOR_CREATE, MONITOR_RUN, MONITOR_START };

/*
 * In a process just forked from the engine; never returns. `control` is a packet socket to the engine, on which it says, each as
 * JSON with "type": "created" (with "summary"), "started" ("pid", "networks", "ports", and the pidfd as a descriptor), "networks"
 * (the same two, when they have changed), "health" (health.h), "oom", "updated" ("set"), "exited" ("code", "oom"), "failed"
 * ("code"; it exists but does not run), "exists" (to an engine that is new to it: it does not run), "gone" (nothing of it is left).
 * The engine says "k" when it has written down how one stands that does not run; with a command line's descriptor "a" (it watches
 * from now on) or JSON that the monitor answers ("network.connect", "network.disconnect" with "network" …, "update" with "set"),
 * and without one "rename" with "name". `networks`: those it is in, NULL: as the request says. `created`: unix ms. `restarts`: how
 * often it was started again. `client`: the command line's connection; with `attach` it keeps the program's streams, otherwise it is
 * let go once the program runs.
 */
void monitor_main(enum monitor_task task, const char *id, const char *name, const struct json *request,
		  const struct json *networks, int64_t created, int restarts, bool attach, int control, int client)
	__attribute__((noreturn));
