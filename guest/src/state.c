#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "commands.h"
#include "container.h"
#include "io.h"
#include "restart.h"
#include "sock.h"
#include "state.h"

enum { STATE_MAX = 256 * 1024, MONITOR_MS = 1000 };

void state_save(const struct entry *entry)
{
	struct jsonw w = {0};
	char path[200];

	if (entry->state == ENTRY_RUNNING || json_bool(entry->request, "rm", false))
		return;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "name", entry->name);
	jsonw_bool(&w, "ran", entry->state == ENTRY_EXITED);
	jsonw_int(&w, "created", entry->created);
	jsonw_int(&w, "started", entry->started);
	jsonw_int(&w, "finished", entry->finished);
	jsonw_int(&w, "exitCode", entry->exit_code);
	jsonw_int(&w, "restarts", entry->restarts);
	jsonw_bool(&w, "restarting", entry->restarting);
	jsonw_bool(&w, "oom", entry->oom);
	jsonw_value(&w, "request", entry->request);
	jsonw_value(&w, "message", entry->message);
	if (entry->live)
		jsonw_value(&w, "live", entry->live);
	jsonw_end_object(&w);
	container_path(path, entry->id, "state.json");
	if (!w.failed)
		replace_file_at(AT_FDCWD, path, w.data, w.length, 0600, NULL);
	jsonw_free(&w);
}

void state_forget(const struct entry *entry)
{
	char path[200];

	container_path(path, entry->id, "state.json");
	unlink(path);
}

static struct json *copy(const struct json *value)
{
	struct jsonw w = {0};
	struct json *document = NULL;

	jsonw_value(&w, NULL, value);
	if (!w.failed)
		document = json_parse(w.data, w.length, NULL);
	jsonw_free(&w);
	return document;
}

/* A container that does not run: all there is to know is in its file. */
static int load_file(const char *id)
{
	char path[200];
	size_t length;

	container_path(path, id, "state.json");
	_cleanup_free_ char *text = read_file(path, STATE_MAX, &length, NULL);
	struct json *state = text ? json_parse(text, length, NULL) : NULL;
	struct entry *entry = state ? table_adopt(id, json_string(state, "name", "")) : NULL;

	if (entry) {
		entry->state = json_bool(state, "ran", false) ? ENTRY_EXITED : ENTRY_CREATED;
		entry->created = (int64_t)json_number(state, "created", 0);
		entry->started = (int64_t)json_number(state, "started", 0);
		entry->finished = (int64_t)json_number(state, "finished", 0);
		entry->exit_code = (int)json_number(state, "exitCode", 0);
		entry->request = copy(json_get(state, "request"));
		entry->message = copy(json_get(state, "message"));
		entry->restarts = (int)json_number(state, "restarts", 0);
		entry->oom = json_bool(state, "oom", false);
		restart_resume(entry, json_bool(state, "restarting", false));
		if (json_get(state, "live"))
			entry->live = copy(json_get(state, "live"));
	}
	json_free(state);
	return entry ? 0 : -1;
}

/* One that runs: its monitor listens since it lost the old engine, and tells everything again (command_monitor_event). */
static int find_monitor(const char *id)
{
	char path[200];
	int64_t deadline = now_ms() + MONITOR_MS;
	int fd;

	container_path(path, id, "monitor.sock");
	/* It may be busy for a moment; one that died has left no socket, or one that refuses. */
	while ((fd = sock_connect(path, MONITOR_MS, NULL)) < 0 && now_ms() < deadline)
		usleep(20000);
	struct entry *entry = fd < 0 || set_nonblock(fd, true) < 0 ? NULL : table_adopt(id, "");

	if (!entry) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	entry->control = fd;
	/* Until all is known: the first command to come may be about it. */
	while ((entry = table_by_id(id)) && entry->state != ENTRY_RUNNING && wait_fd(entry->control, POLLIN, deadline) == 0)
		command_monitor_event(entry);
	return 0;
}

void state_load(void)
{
	DIR *list = opendir(CONTAINERS);
	struct dirent *file;

	while (list && (file = readdir(list))) {
		const char *id = file->d_name;

		if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64)
			continue;
		if (load_file(id) == 0 || find_monitor(id) == 0)
			continue;
		struct container c;
		struct err e;

		container_adopt(&c, id);
		if (container_remove(&c, &e) < 0)
			fprintf(stderr, "engine: what is left of container %.12s cannot be removed: %s\n", id, e.msg);
	}
	if (list)
		closedir(list);
}
