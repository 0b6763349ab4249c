/* What a container changed in its image's files: its writable layer, read as overlayfs wrote it. */
#pragma once
#include "err.h"

/* `upper`: the writable layer, `image`: the tree of the image; directories. `line` gets "A /path" and so on, in order; -1 stops. */
int diff_layer(int upper, int image, int (*line)(void *context, char kind, const char *path), void *context, struct err *e);
