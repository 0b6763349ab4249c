/* Between template.c and template_functions.c: values and what functions make of them. */
#pragma once
#include "err.h"
#include "json.h"

enum { TEMPLATE_ARGUMENTS_MAX = 16 };

/* Memory made on the way; freed when the template is done. */
struct notes {
	struct note *first;
	size_t bytes;
};

/* NULL and err when out of memory or beyond the bound. */
void *notes_take(struct notes *n, size_t size, struct err *e);
void notes_free(struct notes *n);

/* As Go prints it: "a", "5", "[a b]", "map[k:v]". */
void template_text(struct jsonw *out, const struct json *value);
/* As `if` takes it: false, 0, "", empty, null are not. */
bool template_truth(const struct json *value);
/* The member behind `before` (NULL: the first) in the order of keys, or item in the list's; NULL: no more. */
const struct json *template_next(const struct json *container, const struct json *before);

struct function;
/* NULL: no such function. */
const struct function *template_function(const char *name, size_t length);
/* e->msg is why not: "error calling index: …". With `titles` functions that only change a text give it as it is. */
int template_call(const struct function *f, struct json *arguments, unsigned count, bool titles, struct notes *n,
		  struct json *result, struct err *e);
