/*
 * The level's volumes, as files below /run/nest/volumes (guest/ENGINE.md). Any process of the engine's may call these: one lock
 * orders taking and removing, so that nobody gets a volume that is just going.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "err.h"
#include "json.h"
#include "level.h"

#define VOLUME_LIMIT 1024
#define VOLUME_ANONYMOUS "com.docker.volume.anonymous" /* the label of those nobody named */

/* Docker's words for a name that cannot be one. */
int volume_name_ok(const char *name, struct err *e);
/* Makes it unless it is there; `name` "" makes up a random one for an anonymous volume. `labels`: array of "key=value", or NULL. */
int volume_create(char name[129], const struct json *labels, struct err *e);
/* The same, and marks it as used by the container `user`; `anonymous`: it goes with it. */
int volume_take(char name[129], const char *user, bool anonymous, struct err *e);
/* Of all volumes; with `remove` those it took as anonymous ones and that nobody else uses are gone then. */
void volume_give_back(const char *user, bool remove);
/* volume.json, with "users" added: the ids of the containers; NULL when there is no such volume. */
struct json *volume_document(const char *name);
/* Every name, in order of the alphabet; returns their number. */
size_t volume_list(char names[VOLUME_LIMIT][129]);
/* Refused while a container uses it. What was in it is freed by a process of its own, or by the next volume_sweep. */
int volume_remove(const char *name, struct err *e);
void volume_sweep_later(void);
/* Frees what removed volumes held; how many bytes. */
int64_t volume_sweep(void);
