#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include "cgroup.h"
#include "io.h"
#include "reply.h"
#include "usage.h"

enum { PART = 48000, FILE_MAX = 1 << 20, DEPTH_MAX = 64, DIRECTORIES_MAX = 1000, COMMAND_MAX = 2048, WAIT_MS = 5000 };

/* Numbers with blanks between them. Fewer than `count`: false. */
static bool numbers(const char *text, int64_t *out, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char *end;

		out[i] = strtoll(text, &end, 10);
		if (end == text)
			return false;
		text = end;
	}
	return true;
}

/* All interfaces but lo, as the container's first process sees them. */
static void network(pid_t pid, int64_t *received, int64_t *sent)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/net/dev", pid);
	_cleanup_free_ char *text = read_file(path, FILE_MAX, NULL, NULL);
	char *save = NULL;

	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line; line = strtok_r(NULL, "\n", &save)) {
		/* Received bytes come first, sent ones ninth. */
		int64_t counters[9];
		char *colon = strchr(line, ':');

		line += strspn(line, " ");
		if (colon && strncmp(line, "lo:", 3) != 0 && numbers(colon + 1, counters, array_size(counters))) {
			*received += counters[0];
			*sent += counters[8];
		}
	}
}

/* "8:0 rbytes=1 wbytes=2 …" of every device. */
static unsigned long long bytes_of(const char *text, const char *key)
{
	unsigned long long sum = 0;

	while (text && (text = strstr(text, key))) {
		text += strlen(key);
		sum += strtoull(text, NULL, 10);
	}
	return sum;
}

static void put_usage(struct jsonw *w, const struct entry *entry, int64_t total)
{
	int64_t received = 0, sent = 0;
	int64_t memory = 0, limit, cache;

	jsonw_object(w, NULL);
	jsonw_string(w, "id", entry->id);
	jsonw_string(w, "name", entry->name);
	if (entry->state == ENTRY_RUNNING) {
		memory = cgroup_read(entry->id, "memory.current");
		limit = cgroup_read(entry->id, "memory.max");
		/* As docker: pages of files that can go at any moment are not counted. */
		cache = cgroup_read_key(entry->id, "memory.stat", "inactive_file");
		network(entry->pid, &received, &sent);
		_cleanup_fd_ int io = cgroup_open(entry->id, "io.stat", O_RDONLY);
		_cleanup_free_ char *devices = io < 0 ? NULL : read_fd(io, FILE_MAX, NULL, NULL);

		jsonw_int(w, "cpu", cgroup_read_key(entry->id, "cpu.stat", "usage_usec"));
		jsonw_int(w, "memory", cache > 0 && cache < memory ? memory - cache : memory);
		jsonw_int(w, "limit", limit > 0 && limit < total ? limit : total);
		jsonw_int(w, "pids", cgroup_read(entry->id, "pids.current"));
		jsonw_int(w, "received", received);
		jsonw_int(w, "sent", sent);
		jsonw_int(w, "read", (int64_t)bytes_of(devices, "rbytes="));
		jsonw_int(w, "written", (int64_t)bytes_of(devices, "wbytes="));
	}
	jsonw_end_object(w);
}

void usage_stats(struct request *r)
{
	const struct json *names = json_get(r->json, "containers");
	bool all = json_bool(r->json, "all", false), named = names && names->kind == JSON_ARRAY && names->length;
	const struct json *name = named ? names->first : NULL;
	const struct entry *entry = named ? NULL : table_first();
	struct sysinfo system;
	struct err e = {0};
	int64_t total = sysinfo(&system) == 0 ? (int64_t)system.totalram * system.mem_unit : 0;

	do {
		struct jsonw w = {0};

		jsonw_object(&w, NULL);
		jsonw_array(&w, "stats");
		while ((named ? name != NULL : entry != NULL) && w.length < PART) {
			if (named) {
				entry = name->kind == JSON_STRING ? table_find(name->string, &e) : NULL;
				name = name->next;
				if (!entry) {
					jsonw_free(&w);
					reply_error(r->client, &e);
					return;
				}
			}
			if (entry->state != ENTRY_RESERVED && (named || all || entry->state == ENTRY_RUNNING))
				put_usage(&w, entry, total);
			entry = named ? NULL : entry->next;
		}
		jsonw_end_array(&w);
		jsonw_end_object(&w);
		if (reply_json(r->client, &w, WAIT_MS, NULL) < 0)
			return;
	} while (named ? name != NULL : entry != NULL);
	reply_code(r->client, 0);
}

/* --- top */

struct listing {
	struct jsonw w;
	int64_t root, boot; /* the container's root in our ids; unix seconds */
	int client, left;   /* left: how many directories it may still look into */
};

static void open_list(struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_array(w, "processes");
}

static int close_list(struct listing *l)
{
	jsonw_end_array(&l->w);
	jsonw_end_object(&l->w);
	int ret = reply_json(l->client, &l->w, WAIT_MS, NULL);

	l->w = (struct jsonw){0};
	return ret;
}

static void put_process(struct listing *l, int pid)
{
	/* Of /proc/<pid>/stat, behind the state. */
	enum { PARENT, TTY = 3, USER = 10, SYSTEM, START = 18, SIZE, RESIDENT, FIELDS };
	char path[40], command[COMMAND_MAX + 1] = "";
	int64_t uid = 0, fields[FIELDS];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	_cleanup_free_ char *stat = read_file(path, 4096, NULL, NULL);
	char *name = stat ? strchr(stat, '(') : NULL, *end = stat ? strrchr(stat, ')') : NULL;

	/* It may have ended since. A name may hold anything, so the last parenthesis counts. */
	if (!name || !end || !end[1] || !end[2] || !numbers(end + 3, fields, FIELDS))
		return;
	*end = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	_cleanup_free_ char *status = read_file(path, 16384, NULL, NULL);
	const char *line = status ? strstr(status, "\nUid:") : NULL;

	if (line)
		uid = strtoll(line + 5, NULL, 10) - l->root;
	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, command, COMMAND_MAX);

	while (n > 0 && !command[n - 1])
		n--;
	/* Both are the program's own choice, and go to a terminal. */
	for (ssize_t i = 0; i < n; i++)
		if (iscntrl((unsigned char)command[i]))
			command[i] = ' ';
	for (char *c = name; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = '?';
	jsonw_object(&l->w, NULL);
	jsonw_int(&l->w, "pid", pid);
	jsonw_int(&l->w, "ppid", fields[PARENT]);
	jsonw_int(&l->w, "uid", uid);
	jsonw_int(&l->w, "tty", fields[TTY]);
	jsonw_int(&l->w, "ticks", fields[USER] + fields[SYSTEM]);
	jsonw_int(&l->w, "start", l->boot + fields[START] / 100);
	jsonw_int(&l->w, "size", fields[SIZE] / 1024);
	jsonw_int(&l->w, "resident", fields[RESIDENT] * 4);
	jsonw_string(&l->w, "state", (char[]){end[2], 0});
	jsonw_string(&l->w, "name", name + 1);
	if (n > 0)
		jsonw_string(&l->w, "command", command);
	jsonw_end_object(&l->w);
}

/* Its cgroup and those it has made itself, or its own containers. Takes `dir` over. */
static void walk(struct listing *l, int dir, int depth)
{
	_cleanup_free_ char *pids = read_file_at(dir, "cgroup.procs", FILE_MAX, NULL, NULL);
	DIR *list = fdopendir(dir);
	struct dirent *file;
	char *save = NULL;

	for (char *pid = pids ? strtok_r(pids, "\n", &save) : NULL; pid; pid = strtok_r(NULL, "\n", &save)) {
		put_process(l, (int)strtol(pid, NULL, 10));
		if (l->w.length > PART) {
			close_list(l);
			open_list(&l->w);
		}
	}
	while (list && depth > 0 && l->left > 0 && (file = readdir(list))) {
		int below = file->d_type != DT_DIR || file->d_name[0] == '.'
				    ? -1
				    : openat(dirfd(list), file->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		l->left -= below >= 0;
		if (below >= 0)
			walk(l, below, depth - 1);
	}
	if (list)
		closedir(list);
	else
		close(dir);
}

void usage_top(struct request *r)
{
	struct sysinfo system = {0};
	int dir = cgroup_open(r->entry->id, ".", O_RDONLY | O_DIRECTORY);

	sysinfo(&system);
	struct listing l = {.root = json_whole(entry_summary(r->entry), "root", 0),
			    .boot = unix_ms() / 1000 - system.uptime,
			    .client = r->client,
			    .left = DIRECTORIES_MAX};

	open_list(&l.w);
	if (dir >= 0)
		walk(&l, dir, DEPTH_MAX);
	if (close_list(&l) == 0)
		reply_code(r->client, 0);
}
