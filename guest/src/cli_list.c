/* ps, rm, stop, kill, wait, logs, version, info. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include "cli.h"
#include "client.h"
#include "columns.h"
#include "level.h"
#include "quote.h"
#include "template.h"
#include "units.h"

#define VERSION "0.1.0"

struct listing {
	const struct arguments *arguments;
	struct columns table;
	long left; /* rows still wanted, -1: all */
};

static void status_text(const struct json *c, char *text, size_t size)
{
	const char *state = json_string(c, "state", "");
	int64_t now = time(NULL), started = (int64_t)(json_number(c, "started", 0) / 1000);
	char duration[32];

	if (strcmp(state, "running") == 0 || strcmp(state, "paused") == 0) {
		const char *health = json_string(c, "health", "");

		unit_duration(duration, sizeof(duration), now - started);
		snprintf(text, size, "Up %s%s%s%s", duration,
			 *state == 'p'    ? " (Paused)"
			 : !*health       ? ""
			 : *health == 's' ? " (health: "
					  : " (",
			 *state == 'p' ? "" : health, *state == 'p' || !*health ? "" : ")");
	} else if (strcmp(state, "restarting") == 0) {
		unit_ago(duration, sizeof(duration), (int64_t)(json_number(c, "finished", 0) / 1000));
		snprintf(text, size, "Restarting (%d) %s", (int)json_number(c, "exitCode", 0), duration);
	} else if (strcmp(state, "exited") == 0) {
		unit_ago(duration, sizeof(duration), (int64_t)(json_number(c, "finished", 0) / 1000));
		snprintf(text, size, "Exited (%d) %s", (int)json_number(c, "exitCode", 0), duration);
	} else {
		snprintf(text, size, "Created");
	}
}

/* "0.0.0.0:8080->80/tcp, …" */
static void ports_text(const struct json *c, char *text, size_t size)
{
	size_t used = 0;

	*text = 0;
	json_each(item, json_get(c, "ports")) {
		const char *last = item->kind == JSON_STRING ? strrchr(item->string, ':') : NULL;

		if (!last || used + 64 > size)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%.*s->%.16s", used ? ", " : "",
					 (int)(last - item->string > 24 ? 24 : last - item->string), item->string, last + 1);
	}
}

static int list_some(const struct json *answer, void *context)
{
	struct listing *l = context;
	bool whole = flag_on(l->arguments, "no-trunc");
	const char *format = flag_text(l->arguments, "format");

	json_each(c, json_get(answer, "containers")) {
		char id[80], command[2200], created[48], status[96], ports[2048];

		if (l->left == 0)
			break;
		l->left -= l->left > 0;
		snprintf(id, sizeof(id), whole ? "%s" : "%.12s", json_string(c, "id", ""));
		quote(json_string(c, "command", ""), whole ? 0 : 20, command, sizeof(command));
		unit_ago(created, sizeof(created), (int64_t)(json_number(c, "created", 0) / 1000));
		status_text(c, status, sizeof(status));
		ports_text(c, ports, sizeof(ports));
		if (format) {
			struct jsonw w = {0};

			jsonw_object(&w, NULL);
			jsonw_string(&w, "ID", id);
			jsonw_string(&w, "Image", json_string(c, "image", ""));
			jsonw_string(&w, "Command", command);
			jsonw_string(&w, "RunningFor", created);
			jsonw_string(&w, "Status", status);
			jsonw_string(&w, "State", json_string(c, "state", ""));
			jsonw_string(&w, "Ports", ports);
			jsonw_string(&w, "Names", json_string(c, "name", ""));
			jsonw_end_object(&w);
			template_print_row(format, &w);
		} else if (flag_on(l->arguments, "quiet")) {
			printf("%s\n", id);
		} else {
			columns_row(&l->table, (const char *[]){id, json_string(c, "image", ""), command, created, status, ports,
								json_string(c, "name", "")});
		}
	}
	return 0;
}

int cli_ps(const struct cli_command *c, struct arguments *a)
{
	const char *last = flag_text(a, "last");
	struct listing listing = {.arguments = a, .left = flag_on(a, "latest") ? 1 : last ? atol(last) : -1};
	struct client_answer answer = {list_some, &listing};
	struct jsonw w = {0};
	struct err e;

	(void)c;
	columns_head(&listing.table, 7,
		     (const char *[]){"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"});
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "ps");
	jsonw_bool(&w, "all", flag_on(a, "all") || listing.left >= 0);
	jsonw_end_object(&w);
	int code = client_ask(&w, &answer, &e);

	if (code < 0)
		code = cli_daemon_error(&e);
	else if (!flag_on(a, "quiet") && !flag_text(a, "format"))
		columns_print(&listing.table);
	columns_free(&listing.table);
	return code;
}

/* One request for each container named; docker goes on after a failure and ends with 1. */
int cli_each(const struct cli_command *c, struct arguments *a)
{
	const char *timeout = flag_text(a, "timeout") ? flag_text(a, "timeout") : flag_text(a, "time");
	int worst = 0;

	for (size_t i = 0; i < a->rest_count; i++) {
		struct jsonw w = {0};
		struct err e;

		jsonw_object(&w, NULL);
		jsonw_string(&w, "cmd", c->name);
		jsonw_string(&w, "container", a->rest[i]);
		if (flag_on(a, "force"))
			jsonw_bool(&w, "force", true);
		if (timeout)
			jsonw_int(&w, "timeout", atol(timeout));
		if (flag_text(a, "signal"))
			jsonw_string(&w, "signal", flag_text(a, "signal"));
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
	jsonw_end_object(&w);
	int code = client_ask(&w, NULL, &e);

	return code < 0 ? cli_daemon_error(&e) : 0;
}

static void print_kernel(const char *format)
{
	struct utsname name;

	if (uname(&name) == 0)
		printf(format, name.release);
}

int cli_version(const struct cli_command *c, struct arguments *a)
{
	(void)c;
	(void)a;
	printf("Nestbox version " VERSION "\n OS/Arch:  linux/386\n");
	print_kernel(" Kernel:   %s\n");
	return 0;
}

struct counts {
	int running, stopped;
};

static int count_some(const struct json *answer, void *context)
{
	struct counts *n = context;

	json_each(c, json_get(answer, "containers")) {
		if (strcmp(json_string(c, "state", ""), "running") == 0)
			n->running++;
		else
			n->stopped++;
	}
	return 0;
}

int cli_info(const struct cli_command *c, struct arguments *a)
{
	struct counts counts = {0};
	struct client_answer answer = {count_some, &counts};
	struct jsonw w = {0};
	struct level level;
	struct sysinfo system;
	struct err e;

	(void)c;
	(void)a;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "ps");
	jsonw_bool(&w, "all", true);
	jsonw_end_object(&w);
	if (client_ask(&w, &answer, &e) < 0 || level_load(&level, &e) < 0)
		return cli_daemon_error(&e);
	printf("Server:\n Containers: %d\n  Running: %d\n  Paused: 0\n  Stopped: %d\n Server Version: " VERSION
	       "\n Storage Driver: overlay\n",
	       counts.running + counts.stopped, counts.running, counts.stopped);
	printf(" Cgroup Driver: cgroupfs\n Cgroup Version: 2\n Security Options:\n  seccomp\n   Profile: builtin\n  userns\n");
	print_kernel(" Kernel Version: %s\n");
	printf(" OSType: linux\n Architecture: i386\n CPUs: 1\n");
	if (sysinfo(&system) == 0)
		printf(" Total Memory: %.4gMiB\n", (double)system.totalram * system.mem_unit / (1024 * 1024));
	printf(" Nesting Level: %d\n User IDs: %u\n", level.number, level.ids);
	return 0;
}
