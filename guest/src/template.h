/* The part of Go templates that --format is used with: {{.A.B}}, {{json .A}}, {{range .A}}…{{end}} is not in it. */
#pragma once
#include "err.h"
#include "json.h"

/* Prints `format` filled with `value` and a newline. */
int template_print(const char *format, const struct json *value, struct err *e);
/* The same for one row of a list, freeing `row`; "json" prints it whole. Errors go to standard error. */
int template_print_row(const char *format, struct jsonw *row);
/* JSON with an indentation of four, as inspect prints it. */
void json_print(const struct json *value, unsigned depth);
