#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "cgroup.h"
#include "command_files.h"
#include "command_life.h"
#include "command_network.h"
#include "command_volume.h"
#include "commands.h"
#include "container.h"
#include "events.h"
#include "exec.h"
#include "health.h"
#include "history.h"
#include "io.h"
#include "kernel.h"
#include "layers.h"
#include "log.h"
#include "memory.h"
#include "monitor.h"
#include "network.h"
#include "process.h"
#include "reply.h"
#include "sock.h"
#include "spec.h"
#include "state.h"
#include "usage.h"
#include "waiters.h"

pid_t command_fork(int *keep[], size_t count, struct err *e)
{
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, 125, "fork");
	if (pid > 0)
		return pid;
	signal(SIGCHLD, SIG_DFL);
	/* Before the engine, but after everything else: with nobody left to end, the kernel would give up. */
	process_score(getpid(), -999, NULL);
	/* Up first, then down to 3, 4, …: none can be overwritten by another on its way. */
	for (size_t i = 0; i < count; i++)
		if (*keep[i] >= 0)
			*keep[i] = fcntl(*keep[i], F_DUPFD_CLOEXEC, 64 + (int)i);
	sys_close_range(3, 63, 0);
	for (size_t i = 0; i < count; i++)
		if (*keep[i] >= 0)
			*keep[i] = dup3(*keep[i], 3 + (int)i, O_CLOEXEC);
	sys_close_range(3 + (unsigned)count, ~0u, 0);
	return 0;
}

/* --- monitors */

static int spawn_monitor(enum monitor_task task, struct entry *entry, bool attach, int client, struct err *e)
{
	struct err unheard;
	int pair[2];

	if (!e)
		e = &unheard;
	if (sock_pair(pair, e) < 0)
		return -1;
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
		monitor_main(task, entry->id, entry->name, entry->request, entry_networks(entry), entry->restarts, attach,
			     pair[1], client);
	close(pair[1]);
	if (pid < 0 || set_nonblock(pair[0], true) < 0) {
		close(pair[0]);
		return -1;
	}
	close_fd(&entry->control);
	entry->control = pair[0];
	return 0;
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
	/* It was to start it again, and did not come that far: another try, if there is one left. */
	if (entry->state == ENTRY_EXITED && entry->restarting && !entry->restart_at) {
		container_adopt(&c, entry->id);
		container_stop(&c, NULL);
		restart_consider(entry);
		state_save(entry);
		waiters_wake(entry->id);
	}
	if (entry->state == ENTRY_RUNNING || entry->state == ENTRY_RESERVED) {
		bool keep = entry->state == ENTRY_RUNNING && !json_bool(entry->request, "rm", false);

		container_adopt(&c, entry->id);
		if (keep) {
			container_stop(&c, NULL);
			ended(entry, 137, false);
			waiters_wake(entry->id);
		} else {
			c.remove_volumes = true;
			container_remove(&c, NULL);
			gone(entry);
		}
	}
}

/* A monitor that outlived an engine introduces its container to the next one. */
static void resumed(struct entry *entry, const struct json *message)
{
	snprintf(entry->name, sizeof(entry->name), "%s", json_string(message, "name", ""));
	entry->created = (int64_t)json_number(message, "created", 0);
	entry->restarts = (int)json_number(message, "restarts", 0);
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

	if (n < 0 && e.sys == EAGAIN)
		return;
	if (n <= 0) {
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
		if (strcmp(json_string(entry->request, "cmd", ""), "create") == 0)
			state_save(entry);
		if (!entry->known)
			history_entry(entry, "create", NULL, NULL);
		events_send("create", entry);
	} else if (strcmp(type, "started") == 0 && count == 1) {
		entry->pid = (pid_t)json_number(message, "pid", 0);
		close_fd(&entry->pidfd);
		entry->pidfd = take_fd(&pidfd);
		if (entry->started || strcmp(json_string(entry->request, "cmd", ""), "create") == 0)
			state_forget(entry);
		entry->state = ENTRY_RUNNING;
		entry->started = (int64_t)json_number(message, "time", 0);
		json_free(entry->live);
		entry->live = take_ptr(message);
		entry->restarting = false;
		entry->oom = false;
		/* Known to an engine before us, and perhaps frozen since. */
		entry->paused = entry->known && cgroup_read(entry->id, "cgroup.freeze") == 1;
		if (!entry->known)
			history_entry(entry, "start", NULL, NULL);
		if (entry->restarted)
			history_entry(entry, "restart", NULL, NULL);
		entry->known = entry->restarted = false;
		events_send("start", entry);
		/* Stopped while it was on its way up. */
		if (entry->stopped)
			cgroup_kill(entry->id, NULL);
	} else if (strcmp(type, "oom") == 0) {
		entry->oom = true;
		history_entry(entry, "oom", NULL, NULL);
	} else if (strcmp(type, "health") == 0) {
		health_heard(entry, take_ptr(message));
	} else if (strcmp(type, "updated") == 0) {
		command_updated(entry, json_get(message, "set"));
	} else if (strcmp(type, "networks") == 0) {
		json_free(entry->live);
		entry->live = take_ptr(message);
		events_send("start", entry);
	} else if (strcmp(type, "exited") == 0) {
		ended(entry, (int)json_number(message, "code", 255), json_bool(message, "oom", false));
		waiters_wake(entry->id);
	} else if (strcmp(type, "failed") == 0) {
		if (entry->state == ENTRY_RUNNING)
			ended(entry, (int)json_number(message, "code", 255), false);
		entry->restarting = entry->restarted = false;
		entry->exit_code = (int)json_number(message, "code", 255);
		state_save(entry);
		waiters_wake(entry->id);
	} else if (strcmp(type, "gone") == 0) {
		gone(entry);
	}
	json_free(message);
	if (pidfd >= 0)
		close(pidfd);
}

/* --- commands */

enum { REQUEST_MAX = 60000 };

typedef int (*command)(struct request *r, struct err *e);

static int run(struct request *r, struct err *e)
{
	struct spec spec;
	bool create = strcmp(json_string(r->json, "cmd", ""), "create") == 0;

	/* A monitor must be able to repeat it to a later engine, with a little around it, in one packet. */
	if (r->length > REQUEST_MAX)
		return err_set(e, 125, "the command line is too long (%zu bytes)", r->length);
	/* Here already, so that a bad request never becomes an entry. */
	if (spec_parse(r->json, &spec, e) < 0 || log_check(r->json, e) < 0 || health_check(r->json, e) < 0 ||
	    command_network_exists(spec.network, e) < 0)
		return -1;
	struct entry *entry = table_add(spec.name, r->json, e);

	if (!entry)
		return -1;
	reply_warnings(r->client, r->json);
	r->json = NULL;
	if (spawn_monitor(create ? MONITOR_CREATE : MONITOR_RUN, entry, !spec.detach, r->client, e) < 0) {
		table_remove(entry);
		return -1;
	}
	return 0;
}

static int start(struct request *r, struct err *e)
{
	if (r->entry->paused)
		return err_set(e, 1, "cannot start a paused container, try unpause instead");
	/* Its monitor is about to start it: a second one would be in its way. */
	if (r->entry->state == ENTRY_RUNNING || (r->entry->restarting && !r->entry->restart_at)) {
		reply_code(r->client, 0);
		return 0;
	}
	restart_reset(r->entry);
	return spawn_monitor(MONITOR_START, r->entry, json_bool(r->json, "attach", false), r->client, e);
}

int command_start(struct entry *entry, int client, struct err *e)
{
	return spawn_monitor(MONITOR_START, entry, false, client, e);
}

int command_need_running(const struct entry *entry, struct err *e)
{
	if (entry->state == ENTRY_RUNNING)
		return 0;
	if (entry->restarting)
		return err_set(e, 1, "Container %s is restarting, wait until the container is running", entry->id);
	return err_set(e, 1, "container %s is not running", entry->id);
}

static int attach(struct request *r, struct err *e)
{
	if (r->entry->state != ENTRY_RUNNING)
		return err_set(e, 1, "cannot attach to a stopped container, start it first");
	if (r->entry->paused)
		return err_set(e, 1, "cannot attach to a paused container, unpause it first");
	reply_text(r->client, "{\"started\":true}");
	return sock_send(r->entry->control, "a", 1, &r->client, 1, 0, e);
}

static int exec(struct request *r, struct err *e)
{
	if (command_need_running(r->entry, e) < 0)
		return -1;
	if (r->entry->paused)
		return err_set(e, 1, "container %s is paused, unpause the container before exec", r->entry->id);
	int *keep[] = {&r->entry->pidfd, &r->client};
	int pidfd = r->entry->pidfd, client = r->client;
	pid_t pid = command_fork(keep, array_size(keep), e);

	if (pid == 0)
		exec_main(r->entry, r->json, r->client);
	r->entry->pidfd = pidfd;
	r->client = client;
	return pid < 0 ? -1 : 0;
}

static int logs(struct request *r, struct err *e)
{
	struct log_view view = {
		.follow = json_bool(r->json, "follow", false),
		.timestamps = json_bool(r->json, "timestamps", false),
		.tail = (long)json_number(r->json, "tail", -1),
		.since = (int64_t)json_number(r->json, "since", 0),
		.until = (int64_t)json_number(r->json, "until", 0),
	};

	if (strcmp(json_string(r->entry->request, "logDriver", ""), "none") == 0)
		return err_set(e, 1, "configured logging driver does not support reading");
	int pidfd = r->entry->state == ENTRY_RUNNING ? r->entry->pidfd : -1, client = r->client;
	int *keep[] = {&pidfd, &client};
	pid_t pid = command_fork(keep, array_size(keep), e);

	if (pid != 0)
		return pid < 0 ? -1 : 0;
	struct err failed;

	if (log_send(r->entry->id, &view, client, pidfd, &failed) < 0)
		reply_error(client, &failed);
	else
		reply_code(client, 0);
	_exit(0);
}

static int wait_entry(struct request *r, struct err *e)
{
	(void)e;
	if (r->entry->state != ENTRY_RUNNING && !r->entry->restarting) {
		reply_code(r->client, r->entry->exit_code);
		return 0;
	}
	waiters_add(r->entry, r->client, WAIT_EXIT, -1);
	r->client = -1;
	return 0;
}

static int remove_entry(struct request *r, struct err *e)
{
	r->entry->remove_volumes = json_bool(r->json, "volumes", false);
	if (r->entry->state == ENTRY_RUNNING || r->entry->restarting) {
		if (!json_bool(r->json, "force", false))
			return err_set(e, 1,
				       "cannot remove container \"%s\": container is %s: %sstop the container before removing "
				       "or force remove",
				       json_string(r->json, "container", r->entry->name), entry_status_name(r->entry),
				       r->entry->paused ? "unpause and " : "");
		restart_cancel(r->entry);
	}
	if (r->entry->state == ENTRY_RUNNING || r->entry->restarting) {
		/* One on its way up has no cgroup yet; it is killed when it runs. */
		if (cgroup_kill(r->entry->id, e) < 0 && !r->entry->restarting)
			return -1;
		waiters_add(r->entry, r->client, WAIT_REMOVE, -1);
		r->client = -1;
		return 0;
	}
	struct err failed = {0};

	waiters_destroy(r->entry, &failed);
	if (failed.code) {
		*e = failed;
		return -1;
	}
	reply_code(r->client, 0);
	return 0;
}

/* What may take a while to read is read by a process of its own. */
static int read_apart(struct request *r, void (*answer)(struct request *r), struct err *e)
{
	int client = r->client, *keep[] = {&client};
	pid_t pid = command_fork(keep, array_size(keep), e);

	if (pid != 0)
		return pid < 0 ? -1 : 0;
	r->client = client;
	answer(r);
	_exit(0);
}

static int stats(struct request *r, struct err *e)
{
	return read_apart(r, usage_stats, e);
}

static int top(struct request *r, struct err *e)
{
	return command_need_running(r->entry, e) < 0 ? -1 : read_apart(r, usage_top, e);
}

static int events(struct request *r, struct err *e)
{
	if (history_watch(r->client, r->json, e) < 0)
		return -1;
	r->client = -1;
	return 0;
}

static int inspect(struct request *r, struct err *e)
{
	return reply_entry(r->client, r->entry, e);
}

static int list(struct request *r, struct err *e)
{
	return reply_list(r->client, json_bool(r->json, "all", false), json_bool(r->json, "details", false), e);
}

/* Takes the mounts of removed images down; who calls has asked for the list of all that remain. */
static int forget_layers(struct request *r, struct err *e)
{
	struct level level;

	if (level_load(&level, e) < 0)
		return -1;
	if (level.number == 0 && layers_forget(json_get(r->json, "keep"), e) < 0)
		return -1;
	reply_code(r->client, 0);
	return 0;
}

static const struct {
	const char *name;
	command run;
	bool container; /* wants one in "container" */
} commands[] = {
	{"run", run, false},
	{"create", run, false},
	{"start", start, true},
	{"attach", attach, true},
	{"exec", exec, true},
	{"logs", logs, true},
	{"stop", command_stop, true},
	{"restart", command_restart, true},
	{"kill", command_kill, true},
	{"pause", command_pause, true},
	{"unpause", command_unpause, true},
	{"rename", command_rename, true},
	{"update", command_update, true},
	{"stats", stats, false},
	{"top", top, true},
	{"events", events, false},
	{"wait", wait_entry, true},
	{"rm", remove_entry, true},
	{"inspect", inspect, true},
	{"ps", list, false},
	{"copy.in", command_files, true},
	{"copy.out", command_files, true},
	{"diff", command_files, true},
	{"export", command_files, true},
	{"layers.forget", forget_layers, false},
	{"network.create", command_network_create, false},
	{"network.ls", command_network_list, false},
	{"network.inspect", command_network_inspect, false},
	{"network.rm", command_network_remove, false},
	{"network.prune", command_network_prune, false},
	{"network.connect", command_network_change, true},
	{"network.disconnect", command_network_change, true},
	{"volume.create", command_volume_create, false},
	{"volume.inspect", command_volume_list, false},
	{"volume.ls", command_volume_list, false},
	{"volume.prune", command_volume_prune, false},
	{"volume.rm", command_volume_remove, false},
};

void command_run(char *packet, size_t length, int client)
{
	struct err e = {.code = 125};
	struct request r = {.length = length, .json = json_parse(packet, length, &e), .client = client};
	const char *name = json_string(r.json, "cmd", "");
	int ret = r.json ? err_set(&e, 125, "unknown request \"%.40s\"", name) : -1;

	for (size_t i = 0; r.json && i < array_size(commands); i++) {
		if (strcmp(name, commands[i].name) != 0)
			continue;
		if (commands[i].container && !(r.entry = table_find(json_string(r.json, "container", ""), &e)))
			break;
		ret = commands[i].run(&r, &e);
		break;
	}
	if (ret < 0 && r.client >= 0)
		reply_error(r.client, &e);
	json_free(r.json);
	if (r.client >= 0)
		close(r.client);
}
