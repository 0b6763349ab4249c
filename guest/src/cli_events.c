#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "client.h"
#include "filter.h"
#include "template.h"
#include "units.h"

const struct flag cli_events_flags[] = {
	{'f', "filter", FLAG_LIST, "Filter output based on conditions provided"},
	{0, "format", FLAG_TEXT, CLI_FORMAT_HELP},
	{0, "since", FLAG_TEXT, "Show all events created since timestamp"},
	{0, "until", FLAG_TEXT, "Stream events until this timestamp"},
	{0},
};

/* An id's beginning, or the whole name. */
static bool same_object(const char *value, const void *event)
{
	return strcmp(json_string(json_get(event, "attributes"), "name", ""), value) == 0 ||
	       strncmp(json_string(event, "id", ""), value, strlen(value)) == 0;
}

/* "health_status" is wanted for "health_status: healthy" too. */
static bool same_action(const char *value, const void *action)
{
	size_t length = strlen(value);

	return strncmp(action, value, length) == 0 && (!((const char *)action)[length] || ((const char *)action)[length] == ':');
}

static bool wanted(const struct arguments *a, const struct json *event)
{
	const struct json *attributes = json_get(event, "attributes");

	return filter_any(a, "container", same_object, event) &&
	       filter_any(a, "event", same_action, json_string(event, "action", "")) &&
	       filter_any(a, "image", filter_equal, json_string(attributes, "image", "")) && filter_labels(a, attributes) &&
	       filter_any(a, "network", same_object, event) && filter_any(a, "volume", same_object, event) &&
	       filter_any(a, "type", filter_equal, json_string(event, "type", ""));
}

/* As docker's interface has it, for --format. */
static void put_event(struct jsonw *w, const struct json *event)
{
	int64_t time = json_whole(event, "time", 0);

	jsonw_object(w, NULL);
	jsonw_string(w, "status", json_string(event, "action", ""));
	jsonw_string(w, "id", json_string(event, "id", ""));
	jsonw_string(w, "from", json_string(json_get(event, "attributes"), "image", ""));
	jsonw_string(w, "Type", json_string(event, "type", ""));
	jsonw_string(w, "Action", json_string(event, "action", ""));
	jsonw_object(w, "Actor");
	jsonw_string(w, "ID", json_string(event, "id", ""));
	jsonw_value(w, "Attributes", json_get(event, "attributes"));
	jsonw_end_object(w);
	jsonw_string(w, "scope", "local");
	jsonw_int(w, "time", time / 1000);
	jsonw_int(w, "timeNano", time * 1000000);
	jsonw_end_object(w);
}

static int print_by(const char *format, const struct json *event)
{
	struct jsonw w = {0};
	struct err e = {0};

	put_event(&w, event);
	struct json *whole = w.failed ? NULL : json_parse(w.data, w.length, &e);
	int ret = whole ? template_print(strcmp(format, "json") == 0 ? "{{json .}}" : format, whole, &e) : -1;

	if (ret < 0)
		fprintf(stderr, "%s\n", e.msg);
	json_free(whole);
	jsonw_free(&w);
	return ret;
}

static int print(const struct json *answer, void *context)
{
	const char *format = flag_text(context, "format");

	json_each(event, json_get(answer, "events")) {
		const struct json *attributes = json_get(event, "attributes");
		char when[64];

		if (!wanted(context, event))
			continue;
		if (format && *format) {
			if (print_by(format, event) < 0)
				return 1;
			continue;
		}
		unit_time(when, sizeof(when), json_whole(event, "time", 0));
		printf("%s %s %s %s (", when, json_string(event, "type", ""), json_string(event, "action", ""),
		       json_string(event, "id", ""));
		for (const struct json *a = attributes ? attributes->first : NULL; a; a = a->next)
			printf("%s%s=%s", a == attributes->first ? "" : ", ", a->key, a->kind == JSON_STRING ? a->string : "");
		printf(")\n");
	}
	fflush(stdout);
	return 0;
}

int cli_events(const struct cli_command *c, struct arguments *a)
{
	static const char *const known[] = {"container", "event", "image", "label", "network", "type", "volume", NULL};
	const char *format = flag_text(a, "format");
	struct client_answer answer = {print, a};
	struct jsonw w = {0};
	struct err e;

	if (filters_check(a, known, &e) < 0)
		return e.code == 125 ? cli_usage_error(c, e.msg) : cli_daemon_error(&e);
	if (format && template_check(format, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", c->name);
	if (cli_put_moment(&w, a, "since", &e) < 0 || cli_put_moment(&w, a, "until", &e) < 0) {
		jsonw_free(&w);
		return cli_daemon_error(&e);
	}
	jsonw_end_object(&w);
	return client_ask(&w, &answer, &e) < 0 ? cli_daemon_error(&e) : 0;
}
