/* The resident engine of a level: one loop that never waits for anybody. */
#pragma once
#include "err.h"

/* Starts an engine for this level in the background unless one runs; when it returns, the socket takes connections. */
int engine_spawn(struct err *e);
