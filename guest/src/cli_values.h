/* Values of the flags of `run`, `create` and `exec`: what the command line looks at itself, and which flag an error is about. */
#pragma once
#include "flags.h"
#include "json.h"

/* In docker's words, naming flag and value. */
int values_check(const struct arguments *a, struct err *e);
/* "binds" and "tmpfs" from -v, --tmpfs and --mount. */
int values_put_mounts(struct jsonw *w, const struct arguments *a, struct err *e);
/* --security-opt. */
int values_put_security(struct jsonw *w, const struct arguments *a, struct err *e);
/*
 * The engine's errors are about values, not flags. Asks of each flag alone whether spec_parse says the same of it; its position in
 * `a`, or -1.
 */
int values_blame(const struct arguments *a, const struct err *e);
