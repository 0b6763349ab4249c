/* The last steps of a container's or exec's process: from "inside the namespaces" to the program itself. */
#pragma once
#include <sys/types.h>
#include "err.h"
#include "spec.h"

/*
 * Never returns when all goes well. `report` is the close-on-exec descriptor a failure goes to (process_fail);
 * standard input, output and error are in place. `lifeline`: die with the parent.
 */
int process_exec(struct process *process, int report, bool lifeline, struct err *e);
/*
 * How soon the kernel ends it for want of memory: -999 (a runtime's: after all else) … 1000. Written by who has the level's
 * capabilities, or the process itself could lower it again. Nested, where the kernel refuses to lower it, it stays.
 */
int process_score(pid_t pid, int score, struct err *e);
/* Writes the error where process_wait_started reads it, and ends. */
void process_fail(int report, const struct err *e) __attribute__((noreturn));
/* Waits until the program runs (0) or failed to (-1, the child's error). `timeout_ms` bounds it. */
int process_wait_started(int report, int timeout_ms, struct err *e);
