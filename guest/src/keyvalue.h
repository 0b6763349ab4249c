/* --env, --env-file, --label, --label-file: NAME=value from the command line and from files, as docker reads them. */
#pragma once
#include "err.h"
#include "flags.h"
#include "json.h"

enum { KEYVALUE_MAX = 16384 }; /* bytes of one */

/*
 * One line of such a file (of the kind `label` or environment) into the open array: blank lines and comments give nothing, a name
 * alone means our own environment's value for a variable and an empty one for a label. `number` counts from 1.
 */
int keyvalue_line(struct jsonw *w, bool label, const char *path, unsigned number, const char *line, struct err *e);
/* Everything of --FLAG-file and then of --FLAG ("env", "label") as the array `key`. */
int keyvalue_put(struct jsonw *w, const struct arguments *a, const char *flag, const char *key, struct err *e);
