#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "template_functions.h"

enum { NOTES_MAX = 4 << 20 };

struct note {
	struct note *next;
	char data[] __attribute__((aligned(16)));
};

void *notes_take(struct notes *n, size_t size, struct err *e)
{
	struct note *note = n->bytes + size > NOTES_MAX ? NULL : malloc(sizeof(*note) + size);

	if (!note) {
		err_set(e, 1, "out of memory");
		return NULL;
	}
	n->bytes += size + sizeof(*note);
	note->next = n->first;
	n->first = note;
	return note->data;
}

void notes_free(struct notes *n)
{
	for (struct note *next; n->first; n->first = next) {
		next = n->first->next;
		free(n->first);
	}
}

const struct json *template_next(const struct json *container, const struct json *before)
{
	const struct json *found = NULL;

	if (container->kind == JSON_ARRAY)
		return before ? before->next : container->first;
	json_each(member, container->kind == JSON_OBJECT ? container : NULL)
		if ((!before || strcmp(member->key, before->key) > 0) && (!found || strcmp(member->key, found->key) < 0))
			found = member;
	return found;
}

bool template_truth(const struct json *value)
{
	switch (value->kind) {
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		return value->boolean;
	case JSON_NUMBER:
		return value->number != 0;
	case JSON_STRING:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return value->length > 0;
}

static void put(struct jsonw *out, const char *text)
{
	jsonw_text(out, text, strlen(text));
}

void template_text(struct jsonw *out, const struct json *value)
{
	bool object = value->kind == JSON_OBJECT;
	char number[40];

	if (value->kind == JSON_STRING) {
		jsonw_text(out, value->string, value->length);
	} else if (value->kind == JSON_NULL) {
		put(out, "<no value>");
	} else if (value->kind == JSON_BOOL) {
		put(out, value->boolean ? "true" : "false");
	} else if (value->kind == JSON_NUMBER) {
		snprintf(number, sizeof(number), "%.15g", value->number);
		put(out, number);
	} else {
		put(out, object ? "map[" : "[");
		for (const struct json *item = NULL, *last = NULL; (item = template_next(value, item)); last = item) {
			if (last)
				put(out, " ");
			if (object) {
				put(out, item->key);
				put(out, ":");
			}
			template_text(out, item);
		}
		put(out, "]");
	}
}
