#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "cgroup.h"
#include "command_life.h"
#include "command_network.h"
#include "commands.h"
#include "container.h"
#include "events.h"
#include "health.h"
#include "history.h"
#include "io.h"
#include "memory.h"
#include "monitor.h"
#include "network.h"
#include "sock.h"
#include "spec.h"
#include "state.h"
#include "waiters.h"

int command_spawn_monitor(enum monitor_task task, struct entry *entry, bool attach, int client, struct err *e)
{
	struct err unheard;
	int pair[2];

	if (!e)
		e = &unheard;
	if (sock_pair(pair, e) < 0)
		return -1;
	/* Harmless without: what reads it waits for nothing. */
	set_nonblock(pair[0], true);
	/* Here, so that the next need not look for it. What keeps it from working is told by the monitor. */
	if (command_network_uses_default(entry))
		network_default(NULL);
	int shared = sharing_find(entry, e);

	if (shared < 0 && e->code) {
		close(pair[0]);
		close(pair[1]);
		return -1;
	}
	int *keep[] = {&pair[1], &client, &shared};
	pid_t pid = command_fork(keep, array_size(keep), e);

	sharing_keep(pid == 0 ? shared : -1);
	if (pid == 0)
		monitor_main(task, entry->id, entry->name, entry->request, entry_networks(entry), entry->created, entry->restarts,
			     attach, pair[1], client);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return -1;
	}
	close_fd(&entry->control);
	entry->control = pair[0];
	entry->kept = false;
	return 0;
}

/* Of those in `list` and not in `other`, as monitors tell them. */
static void networks_event(const struct entry *entry, const char *action, const struct json *list, const struct json *other)
{
	json_each(network, list) {
		const char *id = json_string(network, "networkId", ""), *name = json_string(network, "network", "");
		const char *attributes[][2] = {{"container", entry->id}, {"name", name}, {"type", "bridge"}, {NULL, NULL}};
		bool there = false;

		json_each(one, other)
			there |= strcmp(json_string(one, "networkId", ""), id) == 0;
		if (!there)
			history_add("network", action, id, (const char *const(*)[2])attributes);
	}
}

static void ended(struct entry *entry, int code, bool oom)
{
	char text[16];

	entry->state = ENTRY_EXITED;
	entry->exit_code = code;
	entry->oom |= oom;
	entry->paused = false;
	entry->finished = unix_ms();
	restart_consider(entry);
	entry->pid = 0;
	entry->pids = entry->memory = 0;
	close_fd(&entry->pidfd);
	state_save(entry);
	snprintf(text, sizeof(text), "%d", code);
	history_entry(entry, "die", "exitCode", text);
	networks_event(entry, "disconnect", json_get(entry->live, "networks"), NULL);
	events_send("die", entry);
}

static void gone(struct entry *entry)
{
	char id[65];

	strcpy(id, entry->id);
	if (entry->state == ENTRY_RUNNING)
		ended(entry, entry->exit_code, false);
	if (entry->state != ENTRY_RESERVED) {
		history_entry(entry, "destroy", NULL, NULL);
		events_send("destroy", entry);
	}
	table_remove(entry);
	waiters_wake(id);
}

/* The monitor died without a word (killed): whatever it left is taken down here. */
static void orphaned(struct entry *entry)
{
	struct container c;

	close_fd(&entry->control);
	if (entry->state != ENTRY_RUNNING && entry->state != ENTRY_RESERVED && entry->kept)
		return;
	container_adopt(&c, entry->id);
	if (entry->state == ENTRY_RESERVED || json_bool(entry->request, "rm", false)) {
		c.remove_volumes = true;
		container_remove(&c, NULL);
		gone(entry);
		return;
	}
	container_stop(&c, NULL);
	if (entry->state == ENTRY_RUNNING) {
		ended(entry, 137, false);
	} else {
		/* It was to start it, and did not come that far. If that was by the policy, another try, if there is one left. */
		if (entry->restarting && !entry->restart_at)
			restart_consider(entry);
		state_save(entry);
	}
	waiters_wake(entry->id);
}

/* A monitor that outlived an engine introduces its container to the next one. */
static void resumed(struct entry *entry, const struct json *message)
{
	snprintf(entry->name, sizeof(entry->name), "%s", json_string(message, "name", ""));
	entry->created = json_whole(message, "created", 0);
	entry->restarts = (int)json_whole(message, "restarts", 0);
	entry->known = true;
	json_free(entry->request);
	entry->request = json_copy(json_get(message, "request"));
}

void command_monitor_event(struct entry *entry)
{
	static char packet[SOCK_PACKET_MAX] _scratch_;
	struct err e;
	int pidfd = -1;
	size_t count = 1;
	ssize_t n = sock_recv(entry->control, packet, sizeof(packet), &pidfd, &count, 0, &e);

	/* Want of memory, say, is ours and not the monitor's end. */
	if (n < 0)
		return;
	if (n == 0) {
		orphaned(entry);
		return;
	}
	struct json *message = json_parse(packet, (size_t)n, NULL);
	const char *type = json_string(message, "type", "");

	if (strcmp(type, "resumed") == 0) {
		resumed(entry, message);
	} else if (strcmp(type, "created") == 0) {
		json_free(entry->message);
		entry->message = message;
		message = NULL;
		entry->state = ENTRY_CREATED;
		if (!entry->known) {
			const char *command = json_string(entry->request, "cmd", "");

			if (strcmp(command, "create") == 0)
				state_save(entry);
			history_entry(entry, "create", NULL, NULL);
			if (strcmp(command, "run") == 0 && !json_bool(entry->request, "detach", false))
				history_entry(entry, "attach", NULL, NULL);
		}
		events_send("create", entry);
	} else if (strcmp(type, "started") == 0 && (count == 1 || entry->known)) {
		entry->pid = (pid_t)json_whole(message, "pid", 0);
		close_fd(&entry->pidfd);
		entry->pidfd = take_fd(&pidfd);
		/* Without the descriptor it has ended by now, and says so next. */
		if (count)
			entry->state = ENTRY_RUNNING;
		entry->started = json_whole(message, "time", 0);
		json_free(entry->live);
		entry->live = take_ptr(message);
		entry->restarting = false;
		entry->oom = false;
		/* Known to an engine before us, and perhaps frozen since. */
		entry->paused = entry->known && cgroup_read(entry->id, "cgroup.freeze") == 1;
		if (!entry->known) {
			networks_event(entry, "connect", json_get(entry->live, "networks"), NULL);
			history_entry(entry, "start", NULL, NULL);
		}
		if (entry->restarted)
			history_entry(entry, "restart", NULL, NULL);
		entry->known = entry->restarted = false;
		events_send("start", entry);
		/* Stopped while it was on its way up. */
		if (entry->stopped)
			cgroup_kill(entry->id, NULL);
	} else if (strcmp(type, "exists") == 0) {
		state_save(entry);
	} else if (strcmp(type, "oom") == 0) {
		entry->oom = true;
		history_entry(entry, "oom", NULL, NULL);
	} else if (strcmp(type, "health") == 0) {
		health_heard(entry, take_ptr(message));
	} else if (strcmp(type, "updated") == 0) {
		command_updated(entry, json_get(message, "set"));
	} else if (strcmp(type, "networks") == 0) {
		const struct json *before = json_get(entry->live, "networks"), *now = json_get(message, "networks");

		networks_event(entry, "disconnect", before, now);
		networks_event(entry, "connect", now, before);
		json_free(entry->live);
		entry->live = take_ptr(message);
		events_send("start", entry);
	} else if (strcmp(type, "exited") == 0) {
		ended(entry, (int)json_whole(message, "code", 255), json_bool(message, "oom", false));
		waiters_wake(entry->id);
	} else if (strcmp(type, "failed") == 0) {
		if (entry->state == ENTRY_RUNNING)
			ended(entry, (int)json_whole(message, "code", 255), false);
		entry->restarting = entry->restarted = false;
		entry->exit_code = (int)json_whole(message, "code", 255);
		state_save(entry);
		waiters_wake(entry->id);
	} else if (strcmp(type, "gone") == 0) {
		gone(entry);
	}
	json_free(message);
	if (pidfd >= 0)
		close(pidfd);
}

int command_start(struct entry *entry, int client, struct err *e)
{
	return command_spawn_monitor(MONITOR_START, entry, false, client, e);
}
