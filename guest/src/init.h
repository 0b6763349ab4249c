/* Parts of pid 1. */
#pragma once
#include "err.h"

/* Formats one line into the kernel log; `level` as in printk (3 error … 6 info). Errors also show on the console. */
void init_log(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* First stage, still running from the initramfs: a root that pivot_root accepts, every mount, the runtime at its place. */
void init_mount_all(void);
/* Moves the runtime onto its own read-only superblock at INIT_BINARY. */
int init_install_binary(struct err *e);
/* Cgroups, sysctls, loopback, limits, host name. Failures are logged: a machine with less is better than none. */
void init_settings(void);

#define INIT_BINARY "/run/nest/bin/nest"
