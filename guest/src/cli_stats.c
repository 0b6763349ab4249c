#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "cli.h"
#include "client.h"
#include "io.h"
#include "listing.h"
#include "units.h"

enum { SAMPLE_MS = 1000, SEEN_MAX = 256 };

const struct flag cli_stats_flags[] = {
	{'a', "all", FLAG_BOOL, "Show all containers (default shows just running)"},
	{0, "format", FLAG_TEXT, CLI_FORMAT_HELP},
	{0, "no-stream", FLAG_BOOL, "Disable streaming stats and only pull the first result"},
	{0, "no-trunc", FLAG_BOOL, "Do not truncate output"},
	{0},
};

static const struct field fields[] = {
	{"BlockIO", "BLOCK I/O"},   {"CPUPerc", "CPU %"},
	{"Container", "CONTAINER"}, {"ID", "CONTAINER ID"},
	{"MemPerc", "MEM %"},       {"MemUsage", "MEM USAGE / LIMIT"},
	{"Name", "NAME"},           {"NetIO", "NET I/O"},
	{"PIDs", "PIDS"},           {0},
};
static const char standard[] =
	"table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

struct sampling {
	bool whole;
	struct listing *list; /* NULL: the first look, for what is to be measured against */
	struct {
		char id[65];
		double cpu, at;
	} seen[SEEN_MAX];
	size_t count;
};

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Percent of the processor since it was last asked. */
static double percent(struct sampling *s, const char *id, double cpu)
{
	double now = seconds(), used = 0;
	size_t i = 0;

	while (i < s->count && strcmp(s->seen[i].id, id) != 0)
		i++;
	if (i == SEEN_MAX)
		return 0;
	if (i < s->count && cpu >= s->seen[i].cpu && now > s->seen[i].at)
		used = (cpu - s->seen[i].cpu) / 1e6 / (now - s->seen[i].at) * 100;
	snprintf(s->seen[i].id, sizeof(s->seen[i].id), "%s", id);
	s->seen[i].cpu = cpu;
	s->seen[i].at = now;
	s->count += i == s->count;
	return used;
}

/* "1.5MiB": of 1024, as docker has memory. */
static void binary(char *text, size_t size, double bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	size_t unit = 0;

	for (; bytes >= 1024 && unit + 1 < array_size(units); unit++)
		bytes /= 1024;
	snprintf(text, size, "%.4g%s", bytes, units[unit]);
}

static void pair(char *text, size_t size, void (*put)(char *, size_t, double), double a, double b)
{
	char first[32], second[32];

	put(first, sizeof(first), a);
	put(second, sizeof(second), b);
	snprintf(text, size, "%s / %s", first, second);
}

static void decimal(char *text, size_t size, double bytes)
{
	unit_size(text, size, bytes, 3);
}

static int take(const struct json *answer, void *context)
{
	struct sampling *s = context;

	json_each(one, json_get(answer, "stats")) {
		const char *id = json_string(one, "id", "");
		double used = percent(s, id, json_number(one, "cpu", 0)), memory = json_number(one, "memory", 0),
		       limit = json_number(one, "limit", 0);
		char shown[66], cpu[16], usage[80], part[16], net[80], block[80], pids[16];

		if (!s->list)
			continue;
		snprintf(shown, sizeof(shown), s->whole ? "%s" : "%.12s", id);
		snprintf(cpu, sizeof(cpu), "%.2f%%", used);
		pair(usage, sizeof(usage), binary, memory, limit);
		snprintf(part, sizeof(part), "%.2f%%", limit > 0 ? memory / limit * 100 : 0);
		pair(net, sizeof(net), decimal, json_number(one, "received", 0), json_number(one, "sent", 0));
		pair(block, sizeof(block), decimal, json_number(one, "read", 0), json_number(one, "written", 0));
		snprintf(pids, sizeof(pids), "%d", (int)json_whole(one, "pids", 0));
		listing_row(s->list,
			    (const char *[]){block, cpu, shown, shown, part, usage, json_string(one, "name", ""), net, pids});
	}
	return 0;
}

static int look(struct sampling *s, const struct arguments *a, struct err *e)
{
	struct client_answer answer = {take, s};
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "stats");
	jsonw_bool(&w, "all", flag_on(a, "all"));
	jsonw_array(&w, "containers");
	for (size_t i = 0; i < a->rest_count; i++)
		jsonw_string(&w, NULL, a->rest[i]);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	return client_ask(&w, &answer, e);
}

int cli_stats(const struct cli_command *c, struct arguments *a)
{
	static struct sampling s;
	bool live = !flag_on(a, "no-stream");
	struct err e;

	(void)c;
	s.whole = flag_on(a, "no-trunc");
	if (look(&s, a, &e) < 0)
		return cli_daemon_error(&e);
	do {
		struct listing list;

		usleep(SAMPLE_MS * 1000);
		if (listing_begin(&list, fields, flag_text(a, "format"), standard, NULL, &e) < 0)
			return cli_failed(&e);
		s.list = &list;
		/* Home, and what was there before goes away with the next line: nothing flickers. */
		if (live && isatty(1))
			printf("\033[H\033[J");
		int code = look(&s, a, &e);

		code = listing_end(&list, code < 0 ? cli_daemon_error(&e) : code);
		fflush(stdout);
		if (code)
			return code;
	} while (live);
	return 0;
}
