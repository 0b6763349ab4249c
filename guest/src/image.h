/* An image as the page describes it (PROTOCOL.md). */
#pragma once
#include "err.h"
#include "json.h"

struct image {
	struct json *document;     /* owns everything below */
	const char *id;            /* "sha256:…" */
	const struct json *config; /* may be NULL */
	const struct json *layers; /* array of {"diffId","size"}, lowest first */
};

/* Asks the level above without waiting; the descriptor is for image_answer, or closed to forget it. */
int image_ask(const char *reference, struct err *e);
/* Closes `ask`. e->sys is ENOENT when there is no such image here. */
int image_answer(int ask, const char *reference, struct image *image, struct err *e);
void image_free(struct image *image);
/* Has the outermost engine mount the layers for containers of this level; they appear under /run/nest/layers/<level>. */
int image_attach(const struct image *image, int level, struct err *e);
