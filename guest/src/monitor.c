#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include "cgroup.h"
#include "container.h"
#include "health.h"
#include "io.h"
#include "memory.h"
#include "monitor.h"
#include "mountlist.h"
#include "relay.h"
#include "reply.h"
#include "session.h"
#include "sock.h"
#include "table.h"

enum { DRAIN_MS = 10000, ENGINE_MS = 60000, SUMMARY_MAX = 48000, TELL_TRIES = 5, LISTEN_TRIES = 250, ORDER_MAX = 16384 };

struct monitor {
	enum monitor_task task;
	struct session session;
	struct log log;
	struct relay *relay;
	struct health health;
	int oom_events; /* memory.events, -1: not watched */
	int64_t ooms;
	struct json *merged; /* the request as updated, NULL: it never was */
	int restarts;
	int control;                /* the engine, -1 while there is none */
	int listener;               /* for the next engine, while there is none */
	int64_t created, started;   /* unix ms */
	struct container container; /* last: most of its lists is never touched */
};

/* -1 when it could not even be said. */
static int tell(struct monitor *m, struct jsonw *w, int fd)
{
	struct err e;
	int ret = w->failed ? -1 : 0;

	/* An engine that is gone is started again, and hears everything then. */
	for (int tries = 0; !w->failed && tries < TELL_TRIES; tries++) {
		if (sock_send(m->control, w->data, w->length, &fd, fd >= 0, 5000, &e) == 0 || e.sys == EPIPE || e.sys == EBADF)
			break;
		usleep(20000);
	}
	jsonw_free(w);
	return ret;
}

static void tell_type(struct monitor *m, const char *type, const char *key, int64_t value)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", type);
	if (key)
		jsonw_int(&w, key, value);
	jsonw_end_object(&w);
	tell(m, &w, -1);
}

static void put_list(struct jsonw *w, const char *key, const char *const *list)
{
	jsonw_array(w, key);
	for (; *list && w->length < SUMMARY_MAX; list++)
		jsonw_string(w, NULL, *list);
	jsonw_end_array(w);
}

static int tell_created(struct monitor *m)
{
	const struct container *c = &m->container;
	struct jsonw w = {0};
	int signal = c->spec.stop_signal ? c->spec.stop_signal : spec_signal(json_string(c->image.config, "StopSignal", "TERM"));

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "created");
	jsonw_object(&w, "summary");
	jsonw_string(&w, "imageId", c->image.id);
	jsonw_string(&w, "hostname", c->hostname);
	jsonw_string(&w, "cwd", c->process.cwd);
	jsonw_string(&w, "user", c->process.user);
	jsonw_int(&w, "stopSignal", signal ? signal : SIGTERM);
	jsonw_int(&w, "root", c->root);
	if (w.length < SUMMARY_MAX)
		labels_put(&w, "labels", c->image.config, c->spec.tuning.labels);
	put_list(&w, "argv", c->process.argv);
	put_list(&w, "env", c->process.env);
	jsonw_end_object(&w);
	/* One that runs tells with "started". */
	if (!c->pid)
		attachments_put(&w, "networks", &c->networks, false);
	jsonw_end_object(&w);
	return tell(m, &w, -1);
}

static void tell_client(struct monitor *m, bool started)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", m->container.id);
	jsonw_string(&w, "name", m->container.name);
	if (started)
		jsonw_bool(&w, "started", true);
	jsonw_end_object(&w);
	if (!w.failed)
		session_json(&m->session, w.data);
	jsonw_free(&w);
}

static void tell_ended(struct monitor *m, int code, bool oom)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "exited");
	jsonw_int(&w, "code", code);
	jsonw_bool(&w, "oom", oom);
	jsonw_end_object(&w);
	tell(m, &w, -1);
}

/* Removes everything, tells of it at once and ends. */
static void finish(struct monitor *m, int code, bool oom) __attribute__((noreturn));

static void finish(struct monitor *m, int code, bool oom)
{
	bool removed = container_remove(&m->container, NULL) == 0;

	tell_ended(m, code, oom);
	if (removed)
		tell_type(m, "gone", NULL, 0);
	else
		tell_type(m, "failed", "code", code);
	if (m->session.client >= 0)
		session_exit(&m->session, code);
	_exit(0);
}

static bool is_kept(struct monitor *m);
static bool meet_again(struct monitor *m);

static void fail(struct monitor *m, const struct err *e, bool exists)
{
	bool unknown_image = e->sys == ENOENT && !exists;
	bool remove = !exists || m->container.spec.remove, removed = remove && container_remove(&m->container, NULL) == 0;

	if (!remove)
		container_stop(&m->container, NULL);

	tell_type(m, removed ? "gone" : "failed", "code", e->code);
	session_error(&m->session, e, unknown_image ? "no-image" : NULL);
	/* What was there before it was to start is written down. */
	while (m->task != MONITOR_START && !removed && !is_kept(m) && meet_again(m))
		tell_type(m, "failed", "code", e->code);
	_exit(0);
}

static void put_networks(const struct monitor *m, struct jsonw *w)
{
	attachments_put(w, "networks", &m->container.networks, true);
	attachments_put_ports(w, "ports", &m->container.networks);
}

/* `network connect` and `disconnect`, handed over by the engine. */
static void change_networks(struct monitor *m, const struct json *request, int client)
{
	struct err e = {.code = 125};
	bool connect = strcmp(json_string(request, "cmd", ""), "network.connect") == 0;
	int ret = connect ? attachments_connect(&m->container, request, &e) : attachments_disconnect(&m->container, request, &e);
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "networks");
	put_networks(m, &w);
	jsonw_end_object(&w);
	tell(m, &w, -1);
	if (ret < 0)
		reply_error(client, &e);
	else
		reply_code(client, 0);
}

static void tell_health(struct monitor *m)
{
	struct jsonw w = {0};

	if (!m->health.argv[0])
		return;
	health_put(&w, &m->health);
	tell(m, &w, -1);
}

/* Only where there is a limit: without one the machine itself would be at its end. */
static void watch_memory(struct monitor *m)
{
	if (m->oom_events < 0)
		m->oom_events = cgroup_open(m->container.id, "memory.events", O_RDONLY);
}

static void take_oom(struct monitor *m)
{
	char text[512];
	ssize_t n = pread(m->oom_events, text, sizeof(text) - 1, 0);
	char *at = n < 0 ? NULL : (text[n] = 0, strstr(text, "\noom_kill "));
	int64_t ooms = at ? strtoll(at + 10, NULL, 10) : 0;

	if (ooms > m->ooms)
		tell_type(m, "oom", NULL, 0);
	m->ooms = ooms;
}

/* New limits into the cgroup, and into what a later engine hears. */
static int update(struct monitor *m, const struct json *set, struct err *e)
{
	struct json *merged = limits_merge(m->container.request, set);
	struct limits limits;
	struct jsonw w = {0};

	if (!merged || limits_parse(merged, &limits, e) < 0 || limits_apply(m->container.cgroup, &limits, true, e) < 0) {
		json_free(merged);
		return merged ? -1 : err_set(e, 1, "out of memory");
	}
	if (limits.memory)
		watch_memory(m);
	m->container.request = merged;
	/* The first one stays: the container's spec points into it. */
	json_free(m->merged);
	m->merged = merged;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "updated");
	jsonw_value(&w, "set", set);
	jsonw_end_object(&w);
	tell(m, &w, -1);
	return 0;
}

/* `update` (with the command line that waits for it) and `rename`. */
static void change_self(struct monitor *m, const struct json *order, int client)
{
	struct err e = {0};
	const char *name = json_string(order, "name", NULL);

	if (name) {
		snprintf(m->container.name, sizeof(m->container.name), "%s", name);
		attachments_rename(&m->container);
	} else if (update(m, json_get(order, "set"), &e) < 0) {
		reply_error(client, &e);
	} else {
		reply_code(client, 0);
	}
}

static int tell_started(struct monitor *m)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "started");
	jsonw_int(&w, "pid", m->container.pid);
	jsonw_int(&w, "time", m->started);
	put_networks(m, &w);
	jsonw_end_object(&w);
	return tell(m, &w, m->container.pidfd);
}

static void obey(struct monitor *m, const char *text, size_t length, int client)
{
	struct json *order = json_parse(text, length, NULL);

	if (strncmp(json_string(order, "cmd", ""), "network.", 8) == 0)
		change_networks(m, order, client);
	else if (order)
		change_self(m, order, client);
	json_free(order);
	if (client >= 0)
		close(client);
}

/* The engine ended: the container goes on, and the next engine finds us here. */
static void lose_engine(struct monitor *m)
{
	char path[200];
	struct err e;

	close_fd(&m->control);
	container_path(path, m->container.id, "monitor.sock");
	/* Nobody else knows of the container now: not for want of a moment's memory. */
	for (int tries = 0; (m->listener = sock_listen(path, 0600, &e)) < 0 && e.sys != ENOENT && tries < LISTEN_TRIES; tries++)
		usleep(20000);
}

static void meet_engine(struct monitor *m)
{
	const struct container *c = &m->container;
	struct jsonw w = {0};

	m->control = sock_accept(m->listener, NULL);
	if (m->control < 0)
		return;
	close_fd(&m->listener);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "resumed");
	jsonw_string(&w, "name", c->name);
	jsonw_int(&w, "created", m->created);
	jsonw_int(&w, "restarts", m->restarts);
	jsonw_value(&w, "request", c->request);
	jsonw_end_object(&w);
	tell(m, &w, -1);
	tell_created(m);
	if (m->started) {
		tell_started(m);
		tell_health(m);
	} else {
		tell_type(m, "exists", NULL, 0);
	}
}

/*
 * Whether the engine has written down how it stands with the container, which nobody else could tell once we are gone. False: the
 * engine is, and may not even have read what we said.
 */
static bool is_kept(struct monitor *m)
{
	char word[8];
	ssize_t n;

	while ((n = sock_recv(m->control, word, sizeof(word), NULL, NULL, ENGINE_MS, NULL)) > 0)
		if (*word == 'k')
			return true;
	return false;
}

/* Waits for an engine that is being started again. */
static bool meet_again(struct monitor *m)
{
	if (m->listener < 0)
		lose_engine(m);
	if (m->listener < 0 || wait_fd(m->listener, POLLIN, now_ms() + ENGINE_MS) < 0)
		return false;
	meet_engine(m);
	return true;
}

/* What only the start needed of the stack goes back to the kernel: it is a tenth of what a waiting monitor has. */
static void release_stack(void)
{
	enum { PAGE = 4096, DEEP = 16 * PAGE };
	char here;
	char *page = (char *)((uintptr_t)&here & -(uintptr_t)PAGE);

	madvise(page - DEEP, DEEP - PAGE, MADV_DONTNEED);
}

/* Until the container's first process, and with it everything in its pid namespace, has ended. Its exit code. */
static int watch(struct monitor *m)
{
	enum { ENDED = SESSION_FDS, CONTROL, NAMES, HEALTH, MEMORY, RELAY, COUNT = RELAY + RELAY_FDS };
	struct pollfd fds[COUNT];
	struct container *c = &m->container;

	release_stack();
	memory_trim();
	for (;;) {
		int timeout = session_poll(&m->session, fds), check = health_poll(&m->health, c, &fds[HEALTH]);

		if (timeout < 0 || (check >= 0 && check < timeout))
			timeout = check;
		fds[ENDED] = (struct pollfd){.fd = c->pidfd, .events = POLLIN};
		fds[CONTROL] = (struct pollfd){.fd = m->control >= 0 ? m->control : m->listener, .events = POLLIN};
		fds[MEMORY] = (struct pollfd){.fd = m->oom_events, .events = POLLPRI};
		fds[NAMES] = (struct pollfd){.fd = c->networks.dns, .events = POLLIN};
		if (m->relay)
			relay_poll(m->relay, &fds[RELAY]);
		if (poll(fds, m->relay ? COUNT : RELAY, timeout) < 0)
			continue;
		session_handle(&m->session, fds);
		if (m->relay)
			relay_handle(m->relay, &fds[RELAY]);
		if (health_handle(&m->health, &fds[HEALTH]))
			tell_health(m);
		if (fds[MEMORY].revents)
			take_oom(m);
		if (fds[NAMES].revents)
			attachments_serve(c);
		if (fds[CONTROL].revents && m->control < 0) {
			meet_engine(m);
		} else if (fds[CONTROL].revents) {
			/* The engine hands over another watcher or a change of networks, or is gone. */
			int client = -1;
			size_t count = 1;
			static char word[ORDER_MAX];
			ssize_t n = sock_recv(m->control, word, sizeof(word), &client, &count, 0, NULL);

			if (n == 0)
				lose_engine(m);
			else if (n > 0 && *word == '{')
				obey(m, word, (size_t)n, client);
			else if (n > 0 && count == 1 && m->session.client < 0)
				m->session.client = client;
			else if (n > 0 && count == 1)
				close(client);
		}
		if (fds[ENDED].revents) {
			int code = reap(c->pid);

			c->pid = 0;
			return code;
		}
	}
}

void monitor_main(enum monitor_task task, const char *id, const char *name, const struct json *request,
		  const struct json *networks, int64_t created, int restarts, bool attach, int control, int client)
{
	static struct monitor m __attribute__((aligned(4096))); /* too large for a stack */
	struct container *c = &m.container;
	struct err e = {0};
	char own_id[65], own_name[129];

	/* Nothing of the engine's memory stays: it would be kept as it was when this container was started. */
	id = strcpy(own_id, id);
	name = strcpy(own_name, name);
	memory_fresh();
	request = json_copy(request);
	networks = json_copy(networks);
	m.control = control;
	m.listener = m.oom_events = -1;
	m.created = created;
	m.task = task;
	m.restarts = restarts;
	m.log.fd = -1;
	session_init(&m.session, client, &c->streams);
	m.session.log = &m.log;
	prctl(PR_SET_NAME, "nest-monitor");
	if (container_init(c, id, name, request, networks, &e) < 0)
		fail(&m, &e, task == MONITOR_START);
	if (task == MONITOR_START ? container_exists(c, &e) < 0 : container_create(c, &e) < 0)
		fail(&m, &e, task == MONITOR_START);
	/* Not before: whose volumes it has too stands in the engine's table. */
	memory_forget();
	if (task == MONITOR_CREATE) {
		if (tell_created(&m) < 0) {
			err_set(&e, 125, "out of memory");
			fail(&m, &e, false);
		}
		while (!is_kept(&m) && meet_again(&m))
			;
		tell_client(&m, false);
		session_exit(&m.session, 0);
		_exit(0);
	}
	int started = log_open(&m.log, id, request, &e) < 0 ? -1 : container_start(c, &e);

	/* Not before: each word to the engine costs switches to it, to the agent and to the page. */
	if (task == MONITOR_RUN && tell_created(&m) < 0 && started == 0)
		started = err_set(&e, 125, "out of memory");
	if (started < 0 || health_parse(request, c->image.config, &m.health, &e) < 0)
		fail(&m, &e, true);
	if (c->spec.limits.memory)
		watch_memory(&m);
	m.session.pidfd = c->pidfd;
	m.session.close_input = c->spec.open_stdin;
	m.started = unix_ms();
	mountlist_tell(c->mounts, id, "mount");
	if (tell_started(&m) < 0) {
		err_set(&e, 125, "out of memory");
		fail(&m, &e, true);
	}
	if (!m.health.argv[0])
		process_seal(&c->process);
	health_start(&m.health);
	tell_health(&m);
	if (c->relay >= 0)
		m.relay = relay_new(c->relay, id, &c->level);
	tell_client(&m, attach);
	if (!attach)
		session_exit(&m.session, 0);

	int code = watch(&m);

	/* Where its first process is not the namespace's, the others do not end with it. */
	if ((c->spec.sharing.host | c->spec.sharing.joined) & CLONE_NEWPID)
		cgroup_kill(c->id, NULL);
	session_drain(&m.session, DRAIN_MS);
	relay_free(m.relay);
	log_close(&m.log);
	if (m.oom_events >= 0)
		take_oom(&m);
	bool oom = m.ooms > 0;

	container_stop(c, &e);
	mountlist_tell(c->mounts, id, "unmount");
	if (c->spec.remove)
		finish(&m, code, oom);
	tell_ended(&m, code, oom);
	session_exit(&m.session, code);
	while (!is_kept(&m) && meet_again(&m))
		tell_ended(&m, code, oom);
	_exit(0);
}
