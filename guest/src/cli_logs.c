/* logs. */
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "client.h"
#include "units.h"

const struct flag cli_logs_flags[] = {
	{'f', "follow", FLAG_BOOL, "Follow log output"},
	{0, "since", FLAG_TEXT, "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\")"},
	{'n', "tail", FLAG_TEXT, "Number of lines to show from the end of the logs (default \"all\")"},
	{'t', "timestamps", FLAG_BOOL, "Show timestamps"},
	{0, "until", FLAG_TEXT, "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\")"},
	{0},
};

int cli_put_moment(struct jsonw *w, const struct arguments *a, const char *flag, struct err *e)
{
	const char *text = flag_text(a, flag);
	int64_t ms;

	if (!text || !*text)
		return 0;
	if (unit_moment(text, &ms) < 0)
		return err_set(e, 1, "invalid value for \"%s\": failed to parse value as time or duration: \"%.100s\"", flag,
			       text);
	jsonw_int(w, flag, ms);
	return 0;
}

int cli_logs(const struct cli_command *c, struct arguments *a)
{
	const char *tail = flag_text(a, "tail");
	struct jsonw w = {0};
	struct err e;
	char *end;
	long lines = -1;

	if (tail && strcmp(tail, "all") != 0) {
		lines = strtol(tail, &end, 10);
		if (!*tail || *end || lines < 0)
			lines = -1;
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", c->name);
	jsonw_string(&w, "container", a->rest[0]);
	jsonw_bool(&w, "follow", flag_on(a, "follow"));
	jsonw_bool(&w, "timestamps", flag_on(a, "timestamps"));
	jsonw_int(&w, "tail", lines);
	if (cli_put_moment(&w, a, "since", &e) < 0 || cli_put_moment(&w, a, "until", &e) < 0) {
		jsonw_free(&w);
		return cli_failed(&e);
	}
	jsonw_end_object(&w);
	int code = client_ask(&w, NULL, &e);

	return code < 0 ? cli_daemon_error(&e) : 0;
}
