/*
 * The part of Go templates that --format is used with: fields, variables, pipelines with parentheses, if, with, range (else), and
 * the functions of template_functions.c. Bounded in depth, steps and memory; fuzzed.
 */
#pragma once
#include "err.h"
#include "json.h"

/* Whether it can be parsed; e->msg as docker says it. */
int template_check(const char *format, struct err *e);
/* Appends `format` filled with `value` to `out`. `titles`: a table's head is being made, functions leave its words alone. */
int template_execute(const char *format, const struct json *value, bool titles, struct jsonw *out, struct err *e);
/* Prints `format` filled with `value` and a newline. */
int template_print(const char *format, const struct json *value, struct err *e);
/* JSON with an indentation of four, as inspect prints it. */
void json_print(const struct json *value, unsigned depth);
