/* Inside a template: what stands between "{{" and "}}" (template_parse.c), for who carries blocks out (template.c). */
#pragma once
#include "template_functions.h"

enum { TEMPLATE_DEPTH_MAX = 32, TEMPLATE_VARIABLES_MAX = 16 };

struct template
{
	const char *start, *at;
	const struct json *root;
	struct jsonw *out;
	struct notes notes;
	struct err *e;
	bool live;    /* what is read now is also carried out */
	bool lenient; /* in a condition: what is not there is false */
	bool titles;
	unsigned depth, steps;
	unsigned variable_count;
	struct {
		const char *name;
		size_t length;
		struct json value;
	} variables[TEMPLATE_VARIABLES_MAX];
};

extern const struct json template_nothing;

/* It cannot be parsed. A quote that `what` opens is closed; "unexpected" things are so in an operand, as Go says it. */
int template_bad(struct template *t, const char *what, const char *text, size_t length);
/* Something went wrong with what stands from `from` to where we are: Go's "executing". */
int template_failed(struct template *t, const char *from, const char *at, const char *why);
void template_skip(struct template *t);
/* Takes the keyword, if it is what comes next. */
bool template_word(struct template *t, const char *wanted);
/* Takes "}}", or "-}}" and the space behind it. */
int template_close(struct template *t);
/* Takes "$v :=" or "$k, $v :="; how many, their values yet to be set. */
int template_declare(struct template *t, unsigned most);
int template_pipeline(struct template *t, const struct json *dot, struct json *value);
