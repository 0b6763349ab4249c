/* /run/nest/c/<id>/state.json: what an engine started anew has to know of the containers of the one before. */
#pragma once
#include "table.h"

/* Failure is not the container's: it only makes a restart of the engine forget. */
void state_save(const struct entry *entry);
/* Fills the table from what is there, and connects to the monitors that still run. */
void state_load(void);
