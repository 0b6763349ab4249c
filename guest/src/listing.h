/* What a list command prints, as docker does: a table, each row by --format, or ids alone. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "err.h"
#include "json.h"

#define LISTING_FIELDS_MAX 24

struct field {
	const char *name;  /* {{.Name}} */
	const char *title; /* its column's head */
};

struct listing {
	const struct field *fields; /* sorted by name, which is the order of --format json */
	size_t count;
	char *format;
	unsigned char columns[LISTING_FIELDS_MAX]; /* when it is nothing but fields apart by tabs: which */
	size_t column_count;
	bool table;
	struct jsonw text; /* the table's lines, cells apart by tabs */
	struct err e;      /* the first row that failed */
	bool failed;
};

/*
 * `fields` ends with a NULL name. `format`: what --format says or NULL; `standard`: the usual table, "table {{.ID}}\t…";
 * `quiet`: the field for -q, NULL without it. -1 when the template cannot be parsed.
 */
int listing_begin(struct listing *l, const struct field *fields, const char *format, const char *standard, const char *quiet,
		  struct err *e);
/* One row: a text for every field, in their order; NULL is "". Without a table it is printed at once. */
void listing_row(struct listing *l, const char *const *values);
/* Prints the table, unless `code` is of a failure, and frees everything. `code`, or 1 when a row failed, which is told on standard error. */
int listing_end(struct listing *l, int code);
