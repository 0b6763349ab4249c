/*
 * What an engine started anew has to know of the containers of the one before: of those that do not run from
 * /run/nest/c/<id>/state.json, of those that do from their monitors.
 */
#pragma once
#include "table.h"

/*
 * Of a container that does not run; counts for nothing while it has a monitor. What cannot be written is tried again (state_due). The
 * monitor, which may wait for it, hears that it is done.
 */
void state_save(struct entry *entry);
/* Fills the table from what is there, and takes down what nobody looks after. */
void state_load(void);
/* Monitors that were too busy then: gives them a moment more, before a command that may be about theirs. */
void state_settle(void);
/* Asks them again, and writes again what could not be. Milliseconds until the next time, -1: all are known and written. */
int state_due(void);
