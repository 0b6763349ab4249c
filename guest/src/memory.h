/*
 * malloc for all of the runtime, in place of the C library's: dense, so that a process forked to stay with one container has few
 * pages of its own, and able to let go of what it inherited.
 */
#pragma once
#include <stddef.h>

/* Static memory that a monitor has no use for once its container runs: the engine's own, and what only starts need. */
#define _scratch_ __attribute__((section(".bss.scratch")))

/* In a process just forked: allocates in memory of its own from now on. What it inherited can be read, and freeing it does nothing. */
void memory_fresh(void);
/* The inherited memory is gone. */
void memory_forget(void);
/* Of what malloc gave: it is as small as this now, and has not moved. */
void memory_shrink(void *data, size_t size);
/* Gives what is free, and what is `_scratch_`, back to the kernel. */
void memory_trim(void);
