/* Layers of images as read-only erofs mounts, id-mapped for the containers of one level (guest/ENGINE.md). */
#pragma once
#include <stddef.h>
#include "err.h"
#include "json.h"
#include "level.h"

#define LAYERS_MAX 128
#define LAYERS_BASE RUN_NEST "/erofs" /* outermost only: unshifted */

/* 64 hex digits of "sha256:<hex>" into `hex`; -1 for anything else. */
int layer_hex(const char *diff_id, char hex[65], struct err *e);
/* Outermost engine: mounts what is missing of `diff_ids` (array of strings) for containers of the engine at `level`. */
int layers_mount(const struct json *diff_ids, int level, struct err *e);
/* Outermost engine: takes down the mounts of every layer that is not in `keep` (array of strings). */
int layers_forget(const struct json *keep, struct err *e);
/* Outermost, at start: the directory of the unshifted mounts (init has made /run/nest/layers a shared mount). */
int layers_prepare(struct err *e);
