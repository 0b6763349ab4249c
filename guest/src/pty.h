/* Pseudo terminals of the guest host's devpts. Terminals are handled by descriptor, never by their path. */
#pragma once
#include <stdint.h>
#include <sys/types.h>
#include "err.h"

/* Both ends, close-on-exec, blocking. 0 or -1. */
int pty_open(uint16_t columns, uint16_t rows, int *master, int *slave, struct err *e);
int pty_resize(int master, uint16_t columns, uint16_t rows);
/* In a child after setsid: `slave` becomes the controlling terminal. -1 with errno. */
int pty_control(int slave);
/* The foreground process group, 0 when there is none. */
pid_t pty_foreground(int master);
