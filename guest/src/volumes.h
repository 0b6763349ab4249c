/* -v: directories and files of this level, and named volumes, as detached mounts with the container's ids. */
#pragma once
#include "err.h"
#include "spec.h"

/* `user_ns`: the container's. The detached mount, or -1. A missing directory is made, as docker does. */
int volume_open(const struct bind *bind, int user_ns, struct err *e);
