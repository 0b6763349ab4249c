/*
 * One container and the list of steps that makes it. Failure, stop and removal run the same list backwards, so whatever was made
 * is taken down, in the order opposite to the making.
 */
#pragma once
#include <sys/types.h>
#include "attachment.h"
#include "err.h"
#include "image.h"
#include "json.h"
#include "level.h"
#include "spec.h"
#include "streams.h"

struct container {
	char id[65];
	char name[129];
	char hostname[64];
	struct level level;
	const struct json *request; /* the caller's; outlives the container */
	struct spec spec;
	struct image image;
	struct process process;
	uint32_t ids;             /* how many user ids it has */
	uid_t root;               /* its root, in our ids */
	int cgroup, pidfd, relay; /* descriptors or -1; relay: the listener for its --nest engine */
	int ask, dev, shm;        /* descriptors or -1, while it is made: the question for its image, its /dev and /dev/shm */
	int claim;                /* its writable layer, while it runs (container_claim); or -1 */
	int hold;                 /* its directory, locked for as long as it has a monitor; or -1 */
	pid_t pid;
	struct streams streams;
	struct json *mounts; /* mountlist.h; loaded when it starts */
	bool remove_volumes; /* its anonymous ones go with it */
	unsigned done;       /* steps that are in effect */
	struct attachments networks;
};

/*
 * `request` as in ENGINE.md; checks it and fills the rest in with "nothing yet". `networks`: those it is in, as attachments_put
 * writes them; NULL: as the request says.
 */
int container_init(struct container *c, const char *id, const char *name, const struct json *request, const struct json *networks,
		   struct err *e);
/* The steps up to "exists", and from there to "runs". On failure what this call did is undone again. */
int container_create(struct container *c, struct err *e);
int container_start(struct container *c, struct err *e);
/*
 * A descriptor; until it is closed nobody else mounts the writable layer of that container, which the kernel wants in one overlay at
 * a time. Waits ten seconds at most.
 */
int container_claim(const char *id, struct err *e);
/* What its file tree is made of: the image and its layers, for who wants to see it and not to run it. */
int container_files(struct container *c, struct err *e);
/* Marks the steps up to "exists" as done: they were, by another process, whose end this waits for. */
int container_exists(struct container *c, struct err *e);
/* Whether a monitor looks after it, whatever else is known of it. */
bool container_held(const char *id);
/* Back to "exists"; to nothing. They go on after a failed undo and report the first. */
int container_stop(struct container *c, struct err *e);
int container_remove(struct container *c, struct err *e);
/* What a creation or a removal that did not come to its end left. */
int container_remove_rest(const char *id, struct err *e);
/* For containers whose monitor is gone: marks everything as in effect that may be, so that remove takes it down. */
void container_adopt(struct container *c, const char *id);
/* "/run/nest/c/<id>/<tail>" */
void container_path(char path[200], const char *id, const char *tail);
