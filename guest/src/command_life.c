#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "cgroup.h"
#include "command_life.h"
#include "events.h"
#include "history.h"
#include "io.h"
#include "kernel.h"
#include "reply.h"
#include "sock.h"
#include "spec.h"
#include "state.h"
#include "waiters.h"

enum { MONITOR_MS = 1000 };

static int freeze(struct entry *entry, bool on, struct err *e)
{
	_cleanup_fd_ int fd = cgroup_open(entry->id, "cgroup.freeze", O_WRONLY);

	if (fd < 0 || write(fd, on ? "1" : "0", 1) != 1)
		return err_errno(e, 1, "%s container %s", on ? "pause" : "unpause", entry->id);
	entry->paused = on;
	return 0;
}

/* Ends a wait for its next start. True when there is nothing left to stop. */
static bool stopped_already(struct entry *entry)
{
	bool waited = entry->restarting;

	restart_cancel(entry);
	if (entry->state == ENTRY_RUNNING || entry->restarting)
		return false;
	if (waited) {
		state_save(entry);
		waiters_wake(entry->id);
	}
	return true;
}

/* Its stop signal; then it is waited for, and killed when its time is over. The client is taken over. */
static int end(struct request *r, enum waiter_kind kind, struct err *e)
{
	struct entry *entry = r->entry;
	struct spec spec;
	int signal = (int)json_whole(entry_summary(entry), "stopSignal", SIGTERM);

	if (spec_parse(entry->request, &spec, e) < 0)
		return -1;
	double timeout = json_number(r->json, "timeout", spec.stop_timeout);

	if (json_get(r->json, "signal") && !(signal = spec_signal(json_string(r->json, "signal", ""))))
		return err_set(e, 1, "Invalid signal: %.40s", json_string(r->json, "signal", ""));
	if (entry->pidfd >= 0) {
		if (sys_pidfd_send_signal(entry->pidfd, signal) < 0 && errno != ESRCH)
			return err_errno(e, 125, "signal %d", signal);
		history_signal(entry, signal);
		/* It is to hear the signal. */
		if (entry->paused)
			freeze(entry, false, NULL);
	}
	waiters_add(entry, r->client, kind, timeout < 0 ? -1 : now_ms() + (int64_t)(timeout * 1000));
	r->client = -1;
	return 0;
}

int command_stop(struct request *r, struct err *e)
{
	if (stopped_already(r->entry)) {
		reply_code(r->client, 0);
		return 0;
	}
	return end(r, WAIT_STOP, e);
}

int command_restart(struct request *r, struct err *e)
{
	if (!stopped_already(r->entry))
		return end(r, WAIT_RESTART, e);
	restart_reset(r->entry);
	r->entry->restarted = true;
	return command_start(r->entry, r->client, e);
}

int command_kill(struct request *r, struct err *e)
{
	int signal = spec_signal(json_string(r->json, "signal", "KILL"));
	struct entry *entry = r->entry;

	if (!signal)
		return err_set(e, 1, "Invalid signal: %.40s", json_string(r->json, "signal", ""));
	if (entry->restarting && entry->state != ENTRY_RUNNING) {
		stopped_already(entry);
		reply_code(r->client, 0);
		return 0;
	}
	if (entry->state != ENTRY_RUNNING)
		return err_set(e, 1, "cannot kill container: %s: container %s is not running",
			       json_string(r->json, "container", ""), entry->id);
	if (sys_pidfd_send_signal(entry->pidfd, signal) < 0)
		return err_errno(e, 1, "cannot kill container");
	history_signal(entry, signal);
	/* What is meant to end it ends it for good, and now; other signals wait until a paused one goes on. */
	if (signal == SIGKILL || signal == (int)json_whole(entry_summary(entry), "stopSignal", SIGTERM)) {
		entry->stopped = true;
		if (entry->paused)
			freeze(entry, false, NULL);
	}
	if (signal == SIGKILL) {
		waiters_add(entry, r->client, WAIT_EXIT, -1);
		r->client = -1;
	} else {
		reply_code(r->client, 0);
	}
	return 0;
}

static int pause_or_not(struct request *r, bool on, struct err *e)
{
	if (command_need_running(r->entry, e) < 0)
		return -1;
	if (r->entry->paused == on)
		return err_set(e, 1, on ? "Container %s is already paused" : "Container %s is not paused", r->entry->id);
	if (freeze(r->entry, on, e) < 0)
		return -1;
	history_entry(r->entry, on ? "pause" : "unpause", NULL, NULL);
	reply_code(r->client, 0);
	return 0;
}

int command_pause(struct request *r, struct err *e)
{
	return pause_or_not(r, true, e);
}

int command_unpause(struct request *r, struct err *e)
{
	return pause_or_not(r, false, e);
}

/* An order of ours to a running container's monitor, with the command line's descriptor when it is to answer. */
static int order(const struct entry *entry, const char *cmd, const char *name, const struct json *set, int client, struct err *e)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", cmd);
	if (name)
		jsonw_string(&w, "name", name);
	if (set)
		jsonw_value(&w, "set", set);
	jsonw_end_object(&w);
	int ret = w.failed ? err_set(e, 125, "out of memory")
			   : sock_send(entry->control, w.data, w.length, &client, client >= 0, MONITOR_MS, e);

	jsonw_free(&w);
	return ret;
}

int command_rename(struct request *r, struct err *e)
{
	const char *name = json_string(r->json, "name", "");
	struct entry *entry = r->entry, *taken;
	char before[129];

	name += *name == '/';
	if (!*name)
		return err_set(e, 1, "Neither old nor new names may be empty");
	if (strcmp(name, entry->name) == 0)
		return err_set(e, 1, "Renaming a container with the same name as its current name");
	if (!spec_name_ok(name))
		return err_set(
			e, 1,
			"Error when allocating new name: Invalid container name (%.140s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are "
			"allowed",
			name);
	if ((taken = table_by_name(name))) {
		table_conflict(taken, e);
		return err_context(e, "Error when allocating new name");
	}
	strcpy(before, entry->name);
	strcpy(entry->name, name);
	/* For its name server, and for the next engine. */
	if (entry->state == ENTRY_RUNNING)
		order(entry, "rename", name, NULL, -1, NULL);
	else
		state_save(entry);
	history_entry(entry, "rename", "oldName", before);
	events_send("start", entry);
	reply_code(r->client, 0);
	return 0;
}

void command_updated(struct entry *entry, const struct json *set)
{
	struct json *merged = limits_merge(entry->request, set);

	if (!merged)
		return;
	json_free(entry->request);
	entry->request = merged;
	history_entry(entry, "update", NULL, NULL);
}

int command_update(struct request *r, struct err *e)
{
	static const char *const keys[] = {"blkioWeight", "cpuPeriod",  "cpuQuota", "cpuShares",
					   "cpusetCpus",  "cpusetMems", "memory",   "memoryReservation",
					   "memorySwap",  "pids",       "restart"};
	struct entry *entry = r->entry;
	struct jsonw w = {0};
	struct spec spec;

	jsonw_object(&w, NULL);
	for (size_t i = 0; i < array_size(keys); i++)
		if (json_get(r->json, keys[i]))
			jsonw_value(&w, keys[i], json_get(r->json, keys[i]));
	jsonw_end_object(&w);
	struct json *set = w.failed ? NULL : json_parse(w.data, w.length, e);
	struct json *merged = set ? limits_merge(entry->request, set) : NULL;
	int ret = !merged ? err_set(e, 1, "out of memory") : spec_parse(merged, &spec, e);

	jsonw_free(&w);
	json_free(merged);
	if (ret < 0) {
		json_free(set);
		e->code = 1;
		return err_context(e, "Cannot update container %s", entry->id);
	}
	reply_warnings(r->client, set);
	/* Less memory than it has now may take the kernel a while: that is for the monitor, which answers. */
	if (entry->state == ENTRY_RUNNING) {
		ret = order(entry, "update", NULL, set, r->client, e);
	} else {
		command_updated(entry, set);
		state_save(entry);
		reply_code(r->client, 0);
	}
	json_free(set);
	return ret;
}
