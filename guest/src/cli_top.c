#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include "cli.h"
#include "client.h"
#include "io.h"

enum { COLUMNS = 16, TICKS = 100 };

enum what { USER, PID, PPID, CPU, PERCENT_CPU, PERCENT_MEMORY, SIZE, RESIDENT, TTY, STATE, START, TIME, COMMAND, NAME };

/* ps's names for what we know. */
static const struct {
	const char *name, *title;
	enum what what;
} known[] = {
	{"args", "COMMAND", COMMAND},
	{"c", "C", CPU},
	{"cmd", "CMD", COMMAND},
	{"comm", "COMMAND", NAME},
	{"command", "COMMAND", COMMAND},
	{"pcpu", "%CPU", PERCENT_CPU},
	{"pid", "PID", PID},
	{"pmem", "%MEM", PERCENT_MEMORY},
	{"ppid", "PPID", PPID},
	{"rss", "RSS", RESIDENT},
	{"s", "S", STATE},
	{"start", "START", START},
	{"stat", "STAT", STATE},
	{"state", "S", STATE},
	{"stime", "STIME", START},
	{"time", "TIME", TIME},
	{"tname", "TTY", TTY},
	{"tty", "TTY", TTY},
	{"uid", "UID", USER},
	{"user", "USER", USER},
	{"vsz", "VSZ", SIZE},
};

struct view {
	size_t columns[COLUMNS], count; /* of `known` */
	time_t now;
	double memory; /* kB */
	bool begun;
};

static int add_columns(struct view *v, const char *list, struct err *e)
{
	while (*list) {
		size_t length = strcspn(list, ", "), i = 0;

		while (i < array_size(known) && (strlen(known[i].name) != length || strncmp(known[i].name, list, length) != 0))
			i++;
		if (i == array_size(known) || v->count == COLUMNS)
			return err_set(e, 1, "ps: unknown user-defined format specifier \"%.*s\"",
				       (int)(length > 40 ? 40 : length), list);
		v->columns[v->count++] = i;
		list += length;
		list += strspn(list, ", ");
	}
	return 0;
}

/* "-ef", "aux", "-o pid,cmd" … */
static int read_options(struct view *v, char **options, size_t count, struct err *e)
{
	static const char full[] = "uid,pid,ppid,c,stime,tty,time,cmd",
			  wide[] = "user,pid,pcpu,pmem,vsz,rss,tty,stat,start,time,command";

	for (size_t i = 0; i < count; i++) {
		const char *text = options[i] + (*options[i] == '-'), *o = strchr(text, 'o');

		if (o && strspn(text, "aAex") == (size_t)(o - text)) {
			if (!o[1] && i + 1 == count)
				return err_set(e, 1, "ps: option -o needs a list of columns");
			if (add_columns(v, o[1] ? o + 1 : options[++i], e) < 0)
				return -1;
		} else if (strspn(text, "aux") == strlen(text) && strchr(text, 'u')) {
			add_columns(v, wide, e);
		} else if (!*text || strspn(text, "aAefx") != strlen(text)) {
			return err_set(e, 1, "ps: unknown option \"%.40s\" (there are -ef, aux and -o)", options[i]);
		}
	}
	bool pid = v->count == 0;

	if (v->count == 0)
		add_columns(v, full, e);
	for (size_t i = 0; i < v->count; i++)
		pid |= known[v->columns[i]].what == PID;
	/* Docker needs it to know whose process it is. */
	return pid ? 0 : err_set(e, 1, "Couldn't find PID field in ps output");
}

static void put_cell(const struct view *v, const struct json *p, enum what what, char *text, size_t size)
{
	double ticks = json_number(p, "ticks", 0), seconds = ticks / TICKS;
	time_t start = (time_t)json_whole(p, "start", 0);
	double lived = v->now > start ? (double)(v->now - start) : 1, cpu = seconds / lived * 100;
	int number = (int)json_whole(p, "uid", 0), tty = (int)json_whole(p, "tty", 0), whole = (int)seconds;
	const char *name = json_string(p, "name", "");
	struct tm tm;

	switch (what) {
	case USER:
		snprintf(text, size, number ? "%d" : "root", number);
		break;
	case PID:
		snprintf(text, size, "%d", (int)json_whole(p, "pid", 0));
		break;
	case PPID:
		snprintf(text, size, "%d", (int)json_whole(p, "ppid", 0));
		break;
	case CPU:
		snprintf(text, size, "%d", cpu > 99 ? 99 : (int)cpu);
		break;
	case PERCENT_CPU:
		snprintf(text, size, "%.1f", cpu);
		break;
	case PERCENT_MEMORY:
		snprintf(text, size, "%.1f", v->memory > 0 ? json_number(p, "resident", 0) / v->memory * 100 : 0);
		break;
	case SIZE:
		snprintf(text, size, "%.0f", json_number(p, "size", 0));
		break;
	case RESIDENT:
		snprintf(text, size, "%.0f", json_number(p, "resident", 0));
		break;
	case TTY:
		/* Major 136 and on are pseudo terminals. */
		if (tty >> 8 >= 136 && tty >> 8 < 144)
			snprintf(text, size, "pts/%d", tty & 0xff);
		else
			snprintf(text, size, "?");
		break;
	case STATE:
		snprintf(text, size, "%s", json_string(p, "state", "?"));
		break;
	case START:
		if (!gmtime_r(&start, &tm))
			tm = (struct tm){0};
		if (v->now - start < 86400)
			snprintf(text, size, "%02d:%02d", tm.tm_hour, tm.tm_min);
		else
			snprintf(text, size, "%.3s%02d", &"JanFebMarAprMayJunJulAugSepOctNovDec"[tm.tm_mon * 3], tm.tm_mday);
		break;
	case TIME:
		snprintf(text, size, "%02d:%02d:%02d", whole / 3600, whole / 60 % 60, whole % 60);
		break;
	case COMMAND:
		if (json_get(p, "command"))
			snprintf(text, size, "%s", json_string(p, "command", ""));
		else
			snprintf(text, size, "[%s]", name);
		break;
	case NAME:
		snprintf(text, size, "%s", name);
	}
}

static void put_row(const struct view *v, const struct json *p)
{
	for (size_t i = 0; i < v->count; i++) {
		char text[4096];

		if (p)
			put_cell(v, p, known[v->columns[i]].what, text, sizeof(text));
		else
			snprintf(text, sizeof(text), "%s", known[v->columns[i]].title);
		/* Docker's cells are 20 wide. */
		printf(i + 1 < v->count ? "%-19s " : "%s\n", text);
	}
}

static int print(const struct json *answer, void *context)
{
	struct view *v = context;

	if (!v->begun)
		put_row(v, NULL);
	v->begun = true;
	json_each(process, json_get(answer, "processes"))
		put_row(v, process);
	return 0;
}

int cli_top(const struct cli_command *c, struct arguments *a)
{
	struct view v = {.now = time(NULL)};
	struct client_answer answer = {print, &v};
	struct sysinfo system;
	struct jsonw w = {0};
	struct err e;

	if (sysinfo(&system) == 0)
		v.memory = (double)system.totalram * system.mem_unit / 1024;
	if (read_options(&v, a->rest + 1, a->rest_count - 1, &e) < 0)
		return cli_daemon_error(&e);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", c->name);
	jsonw_string(&w, "container", a->rest[0]);
	jsonw_end_object(&w);
	return client_ask(&w, &answer, &e) < 0 ? cli_daemon_error(&e) : 0;
}
