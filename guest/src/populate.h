/* The first use of a volume: what the image has where it is mounted goes into it, as docker does. */
#pragma once
#include "err.h"

/*
 * `from`: the image's directory, `to`: the volume's root, both O_PATH. Only when the volume is empty. For a container's first process,
 * as its root, before it is anything else's.
 */
int populate(int from, int to, struct err *e);
