/* What is mounted into one container by its user's and its image's wish: settled when it is made, kept in c/<id>/mounts.json. */
#pragma once
#include <sys/types.h>
#include "err.h"
#include "json.h"
#include "spec.h"

/*
 * Joins --volumes-from, -v and the image's Volumes, takes the volumes for the container `id` and writes the file. `config`: the
 * image's. Parents come before what is mounted below them.
 */
int mountlist_make(const char *id, const struct spec *spec, const struct json *config, struct err *e);
/* An array of {"type","source","target","readOnly","noCopy","anonymous"}; "source" is a volume's name or a path. NULL: nothing is mounted. */
struct json *mountlist_load(const char *id);
void mountlist_bind(const struct json *item, struct bind *bind);
/* Tells of the volumes among them, for `events`: "mount" or "unmount". */
void mountlist_tell(const struct json *list, const char *id, const char *action);
/* Sends each as a detached mount with the ids of process `pid`, and then the word to go on. */
int mountlist_send(const struct json *list, pid_t pid, int sync, struct err *e);
/* Its other end, in that process: up to SPEC_BINDS_MAX descriptors in the same order. */
int mountlist_receive(int sync, int *binds, size_t *bind_count, struct err *e);
