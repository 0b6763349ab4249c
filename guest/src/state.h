/*
 * What an engine started anew has to know of the containers of the one before: of those that do not run from
 * /run/nest/c/<id>/state.json, of those that do from their monitors.
 */
#pragma once
#include "table.h"

/* Of a container that does not run. Failure is not the container's: it only makes a restart of the engine forget. */
void state_save(const struct entry *entry);
/* It runs now. */
void state_forget(const struct entry *entry);
/* Fills the table from what is there, and takes down what nobody looks after. */
void state_load(void);
