#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include "cgroup.h"
#include "commands.h"
#include "container.h"
#include "io.h"
#include "restart.h"
#include "sock.h"
#include "state.h"

enum { STATE_MAX = 256 * 1024, MONITOR_MS = 1000 };

static int64_t save_at; /* now_ms; 0: all is saved */

static void kept(struct entry *entry)
{
	entry->kept = true;
	if (entry->control >= 0)
		sock_send(entry->control, "k", 1, NULL, 0, 0, NULL);
}

void state_save(struct entry *entry)
{
	struct jsonw w = {0};
	struct err e = {0};
	char path[200];

	entry->unsaved = false;
	if (entry->state == ENTRY_RUNNING)
		return;
	/* It goes with the engine that made it. */
	if (json_bool(entry->request, "rm", false)) {
		kept(entry);
		return;
	}
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
	/* For want of memory, say, or of room: its monitor, and who waits for it, wait for a later try. */
	entry->unsaved = w.failed || (replace_file_at(AT_FDCWD, path, w.data, w.length, 0600, &e) < 0 && e.sys != ENOENT);
	if (entry->unsaved)
		save_at = now_ms() + MONITOR_MS;
	else
		kept(entry);
	jsonw_free(&w);
}

/* A container that does not run: all there is to know is in its file. 1 when it has none. */
static int load_file(const char *id)
{
	char path[200];
	size_t length;

	container_path(path, id, "state.json");
	struct err e = {0};
	_cleanup_free_ char *text = read_file(path, STATE_MAX, &length, &e);

	if (!text)
		return e.sys == ENOENT ? 1 : -1;
	struct json *state = json_parse(text, length, NULL);
	struct entry *entry = state ? table_adopt(id, json_string(state, "name", "")) : NULL;

	if (entry) {
		entry->state = json_bool(state, "ran", false) ? ENTRY_EXITED : ENTRY_CREATED;
		entry->created = json_whole(state, "created", 0);
		entry->started = json_whole(state, "started", 0);
		entry->finished = json_whole(state, "finished", 0);
		entry->exit_code = (int)json_whole(state, "exitCode", 0);
		entry->request = json_copy(json_get(state, "request"));
		entry->message = json_copy(json_get(state, "message"));
		entry->restarts = (int)json_whole(state, "restarts", 0);
		entry->oom = json_bool(state, "oom", false);
		restart_resume(entry, json_bool(state, "restarting", false));
		if (json_get(state, "live"))
			entry->live = json_copy(json_get(state, "live"));
	}
	json_free(state);
	return entry ? 0 : -1;
}

/* One whose monitor listens since it lost the old engine, and tells everything again (command_monitor_event). */
static int find_monitor(const char *id, int64_t deadline)
{
	char path[200];
	int fd;

	container_path(path, id, "monitor.sock");
	/* It may be in the middle of something. */
	while ((fd = sock_connect(path, MONITOR_MS, NULL)) < 0 && now_ms() < deadline && container_held(id))
		usleep(20000);
	struct entry *entry = fd < 0 || set_nonblock(fd, true) < 0 ? NULL : table_adopt(id, "");

	if (!entry) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	entry->control = fd;
	/* Until all is known: the first command to come may be about it. */
	deadline = now_ms() + MONITOR_MS;
	while ((entry = table_by_id(id)) && entry->state != ENTRY_RUNNING && !entry->kept &&
	       wait_fd(entry->control, POLLIN, deadline) == 0)
		command_monitor_event(entry);
	return 0;
}

static int64_t ask_at; /* now_ms; 0: there is nobody to ask */

static void load(int64_t deadline)
{
	DIR *list = opendir(CONTAINERS);
	struct dirent *file;

	ask_at = 0;
	while (list && (file = readdir(list))) {
		const char *id = file->d_name;
		struct container c;
		struct err e;

		if (strlen(id) != 64 || strspn(id, "0123456789abcdef") != 64 || table_by_id(id))
			continue;
		if (container_held(id)) {
			/* It may also have ended by now; the next look will show. */
			if (find_monitor(id, deadline) < 0)
				ask_at = now_ms() + MONITOR_MS;
			continue;
		}
		int ret = load_file(id);

		if (ret < 0) {
			/* For want of memory, say: it is not lost for that. */
			ask_at = now_ms() + MONITOR_MS;
			continue;
		}
		if (ret == 1) {
			ret = container_remove_rest(id, &e);
		} else if (cgroup_read_key(id, "cgroup.events", "populated") >= 0) {
			/* Its monitor went without a word, as the engine did. */
			container_adopt(&c, id);
			ret = container_stop(&c, &e);
		}
		if (ret < 0)
			fprintf(stderr, "engine: what is left of container %.12s cannot be removed: %s\n", id, e.msg);
	}
	if (list)
		closedir(list);
	else if (errno != ENOENT)
		ask_at = now_ms() + MONITOR_MS;
	table_sort();
}

void state_load(void)
{
	load(now_ms() + MONITOR_MS);
}

void state_settle(void)
{
	if (ask_at)
		state_load();
}

int state_due(void)
{
	if (ask_at && ask_at <= now_ms())
		load(0);
	if (save_at && save_at <= now_ms()) {
		save_at = 0;
		for (struct entry *entry = table_first(); entry; entry = entry->next)
			if (entry->unsaved)
				state_save(entry);
	}
	return ask_at || save_at ? MONITOR_MS : -1;
}
