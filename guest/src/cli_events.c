#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cli.h"
#include "client.h"
#include "units.h"

const struct flag cli_events_flags[] = {
	{0, "since", FLAG_TEXT, "Show all events created since timestamp"},
	{0, "until", FLAG_TEXT, "Stream events until this timestamp"},
	{0},
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* "10m" (ago), "1700000000.5", "2026-11-21T10:00:00Z", "2026-11-21" → unix ms; -1 when it is none. */
static int64_t moment(const char *text)
{
	long long ago = flag_time(text);
	char whole[64], *end;

	if (strcmp(text, "0") != 0 && ago >= 0)
		return now() - ago / 1000000;
	double seconds = strtod(text, &end);

	if (end != text && !*end)
		return seconds >= 0 && seconds < 1e12 ? (int64_t)(seconds * 1000) : -1;
	snprintf(whole, sizeof(whole), "%.40s%s", text, strchr(text, 'T') ? "" : "T00:00:00Z");
	int64_t parsed = unit_parse_time(whole);
	const char *fraction = strchr(whole, '.');

	return parsed <= 0 ? -1 : parsed * 1000 + (fraction ? (int64_t)(strtod(fraction, NULL) * 1000) : 0);
}

static int print(const struct json *answer, void *context)
{
	(void)context;
	json_each(event, json_get(answer, "events")) {
		const struct json *attributes = json_get(event, "attributes");
		char when[64];

		unit_time(when, sizeof(when), (int64_t)json_number(event, "time", 0));
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
	static const char *const names[] = {"since", "until"};
	struct client_answer answer = {print, NULL};
	struct jsonw w = {0};
	struct err e;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", c->name);
	for (size_t i = 0; i < 2; i++) {
		const char *text = flag_text(a, names[i]);
		int64_t time = text ? moment(text) : 0;

		if (time < 0) {
			jsonw_free(&w);
			err_set(&e, 1, "invalid value for \"%s\": failed to parse value as time or duration: \"%.60s\"", names[i],
				text);
			return cli_daemon_error(&e);
		}
		if (text)
			jsonw_int(&w, names[i], time);
	}
	jsonw_end_object(&w);
	return client_ask(&w, &answer, &e) < 0 ? cli_daemon_error(&e) : 0;
}
