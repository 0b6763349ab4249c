/* What containers use and what runs in them: `stats` and `top`, answered in a process of their own. */
#pragma once
#include "commands.h"

/* Of "containers" (names), or of all that run ("all": of all). */
void usage_stats(struct request *r);
void usage_top(struct request *r);
