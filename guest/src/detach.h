/* --detach-keys: the keys that leave a program running, found in what is typed. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "err.h"

#define DETACH_MAX 16

struct detach {
	unsigned char keys[DETACH_MAX];
	size_t count, held; /* held: as many of them were typed and are kept back */
};

/* "ctrl-p,ctrl-q", "a", …; NULL or "": the usual two. Docker's words on failure. */
int detach_parse(const char *text, struct detach *d, struct err *e);
/*
 * Takes what was typed and puts what is the program's into `out` (room for length + DETACH_MAX), its length into `*used`. True:
 * all keys came; the rest is nobody's.
 */
bool detach_filter(struct detach *d, const char *typed, size_t length, char *out, size_t *used);
