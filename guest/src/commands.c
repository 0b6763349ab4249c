#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "cgroup.h"
#include "command_files.h"
#include "command_life.h"
#include "command_network.h"
#include "command_volume.h"
#include "commands.h"
#include "exec.h"
#include "health.h"
#include "history.h"
#include "io.h"
#include "kernel.h"
#include "layers.h"
#include "log.h"
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
	for (size_t i = 0; i <= count; i++) {
		int *fd = i < count ? keep[i] : history_outbox();

		if (*fd >= 0 && (*fd = fcntl(*fd, F_DUPFD_CLOEXEC, 64 + (int)i)) < 0)
			_exit(1);
	}
	sys_close_range(3, 63, 0);
	for (size_t i = 0; i <= count; i++) {
		int *fd = i < count ? keep[i] : history_outbox();

		if (*fd >= 0 && (*fd = dup3(*fd, 3 + (int)i, O_CLOEXEC)) < 0)
			_exit(1);
	}
	sys_close_range(4 + (unsigned)count, ~0u, 0);
	history_forked();
	return 0;
}

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
	struct json *request = limits_default(r->json, cgroup_share());

	if (!request)
		return err_set(e, 125, "out of memory");
	struct entry *entry = table_add(spec.name, request, e);

	if (!entry) {
		json_free(request);
		return -1;
	}
	reply_warnings(r->client, r->json);
	if (command_spawn_monitor(create ? MONITOR_CREATE : MONITOR_RUN, entry, !spec.detach, r->client, e) < 0) {
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
	if (json_bool(r->json, "attach", false))
		history_entry(r->entry, "attach", NULL, NULL);
	return command_spawn_monitor(MONITOR_START, r->entry, json_bool(r->json, "attach", false), r->client, e);
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
	history_entry(r->entry, "attach", NULL, NULL);
	return sock_send(r->entry->control, "a", 1, &r->client, 1, 0, e);
}

/* "exec_create: sh -c ls" */
static void exec_event(const struct request *r, const char *action, const char *id)
{
	char text[512];
	int length = snprintf(text, sizeof(text), "%s:", action);

	json_each(argument, json_get(r->json, "argv"))
		if (argument->kind == JSON_STRING && length < (int)sizeof(text))
			length += snprintf(text + length, sizeof(text) - (size_t)length, " %s", argument->string);
	history_entry(r->entry, text, "execID", id);
}

static int exec(struct request *r, struct err *e)
{
	char id[65];

	if (command_need_running(r->entry, e) < 0)
		return -1;
	if (r->entry->paused)
		return err_set(e, 1, "container %s is paused, unpause the container before exec", r->entry->id);
	int *keep[] = {&r->entry->pidfd, &r->client};
	int pidfd = r->entry->pidfd, client = r->client;

	if (random_hex(id, e) < 0)
		return -1;
	exec_event(r, "exec_create", id);
	exec_event(r, "exec_start", id);
	pid_t pid = command_fork(keep, array_size(keep), e);

	if (pid == 0)
		exec_main(r->entry, r->json, r->client, id);
	r->entry->pidfd = pidfd;
	r->client = client;
	return pid < 0 ? -1 : 0;
}

static int logs(struct request *r, struct err *e)
{
	struct log_view view = {
		.follow = json_bool(r->json, "follow", false),
		.timestamps = json_bool(r->json, "timestamps", false),
		.tail = (long)json_whole(r->json, "tail", -1),
		.since = json_whole(r->json, "since", 0),
		.until = json_whole(r->json, "until", 0),
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

	state_settle();
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
