/* rm, stop, kill, pause …, update, rename. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "client.h"

const struct flag cli_update_flags[] = {
	{0, "blkio-weight", FLAG_INT, "Block IO (relative weight), between 10 and 1000, or 0 to disable"},
	{0, "cpu-period", FLAG_INT, "Limit CPU CFS (Completely Fair Scheduler) period"},
	{0, "cpu-quota", FLAG_INT, "Limit CPU CFS (Completely Fair Scheduler) quota"},
	{'c', "cpu-shares", FLAG_INT, "CPU shares (relative weight)"},
	{0, "cpus", FLAG_CPUS, "Number of CPUs"},
	{0, "cpuset-cpus", FLAG_TEXT, "CPUs in which to allow execution (0-3, 0,1)"},
	{0, "cpuset-mems", FLAG_TEXT, "MEMs in which to allow execution (0-3, 0,1)"},
	{'m', "memory", FLAG_SIZE, "Memory limit"},
	{0, "memory-reservation", FLAG_SIZE, "Memory soft limit"},
	{0, "memory-swap", FLAG_SWAP, "Swap limit equal to memory plus swap: -1 to enable unlimited swap"},
	{0, "pids-limit", FLAG_INT, "Tune container pids limit (set -1 for unlimited)"},
	{0, "restart", FLAG_TEXT, "Restart policy to apply when a container exits"},
	{0},
};

int cli_rename(const struct cli_command *c, struct arguments *a)
{
	struct jsonw w = {0};
	struct err e;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", c->name);
	jsonw_string(&w, "container", a->rest[0]);
	jsonw_string(&w, "name", a->rest[1]);
	jsonw_end_object(&w);
	return client_ask(&w, NULL, &e) < 0 ? cli_daemon_error(&e) : 0;
}

/* One request for each container named, with what `put` says of the flags; docker goes on after a failure and ends with 1. */
static int each(const struct cli_command *c, const struct arguments *a,
		int (*put)(struct jsonw *w, const struct arguments *a, struct err *e))
{
	int worst = 0;

	for (size_t i = 0; i < a->rest_count; i++) {
		struct jsonw w = {0};
		struct err e;

		jsonw_object(&w, NULL);
		jsonw_string(&w, "cmd", c->name);
		jsonw_string(&w, "container", a->rest[i]);
		if (put(&w, a, &e) < 0) {
			jsonw_free(&w);
			return cli_daemon_error(&e);
		}
		jsonw_end_object(&w);
		int code = client_ask(&w, NULL, &e);

		if (code < 0) {
			cli_daemon_error(&e);
			worst = 1;
		} else if (strcmp(c->name, "wait") == 0) {
			printf("%d\n", code);
		} else {
			printf("%s\n", a->rest[i]);
		}
		fflush(stdout);
	}
	return worst;
}

static int put_each(struct jsonw *w, const struct arguments *a, struct err *e)
{
	const char *timeout = flag_text(a, "timeout") ? flag_text(a, "timeout") : flag_text(a, "time");

	(void)e;
	if (flag_on(a, "force"))
		jsonw_bool(w, "force", true);
	if (flag_on(a, "volumes"))
		jsonw_bool(w, "volumes", true);
	if (timeout)
		jsonw_int(w, "timeout", atol(timeout));
	if (flag_text(a, "signal"))
		jsonw_string(w, "signal", flag_text(a, "signal"));
	return 0;
}

int cli_each(const struct cli_command *c, struct arguments *a)
{
	return each(c, a, put_each);
}

static int put_update(struct jsonw *w, const struct arguments *a, struct err *e)
{
	return cli_put_flags(w, cli_update_flags, a, e);
}

int cli_update(const struct cli_command *c, struct arguments *a)
{
	if (a->count == 0) {
		fprintf(stderr, "you must provide one or more flags when using this command\n");
		return 1;
	}
	return each(c, a, put_update);
}
