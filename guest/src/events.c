#include <errno.h>
#include <string.h>
#include "cgroup.h"
#include "events.h"
#include "io.h"
#include "memory.h"
#include "level.h"
#include "sock.h"

enum { RETRY_MS = 1000, SYNC_MAX = 60000, MEMORY_STEP = 65536 };

static int upstream = -1;
static int64_t retry_at _scratch_;

static void put_container(struct jsonw *w, const char *key, const struct entry *e)
{
	const struct json *summary = entry_summary(e);
	char command[160];

	entry_command(e, command, sizeof(command));
	jsonw_object(w, key);
	jsonw_string(w, "id", e->id);
	jsonw_string(w, "name", e->name);
	jsonw_string(w, "image", json_string(e->request, "image", ""));
	jsonw_string(w, "command", command);
	jsonw_string(w, "state", entry_state_name(e));
	jsonw_int(w, "created", e->created);
	if (e->state == ENTRY_RUNNING) {
		jsonw_int(w, "pid", e->pid);
		if (e->pids > 0)
			jsonw_int(w, "pids", e->pids);
		if (e->memory > 0)
			jsonw_int(w, "memory", e->memory);
	}
	if (e->state == ENTRY_EXITED)
		jsonw_int(w, "exitCode", e->exit_code);
	jsonw_bool(w, "nest", json_bool(e->request, "nest", false) || json_bool(e->request, "privileged", false));
	jsonw_string(w, "hostname", json_string(summary, "hostname", ""));
	if (entry_ports(e) && entry_ports(e)->length)
		jsonw_value(w, "ports", entry_ports(e));
	jsonw_array(w, "networks");
	json_each(network, entry_networks(e))
		jsonw_string(w, NULL, json_string(network, "network", ""));
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static void lost(void)
{
	close_fd(&upstream);
	retry_at = now_ms() + RETRY_MS;
}

/* A listener that does not keep up is dropped; the sync after the next connect tells it everything. */
static void send_up(struct jsonw *w)
{
	if (upstream >= 0 && !w->failed && w->length <= 65536 && sock_send(upstream, w->data, w->length, NULL, 0, 0, NULL) < 0)
		lost();
	jsonw_free(w);
}

static void put_path(struct jsonw *w, const struct entry *e)
{
	jsonw_array(w, "path");
	if (e)
		jsonw_string(w, NULL, e->id);
	jsonw_end_array(w);
}

void events_send(const char *action, const struct entry *e)
{
	struct jsonw w = {0};

	if (upstream < 0)
		return;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "container");
	jsonw_string(&w, "action", action);
	put_path(&w, e);
	put_container(&w, "container", e);
	jsonw_end_object(&w);
	send_up(&w);
}

static void sync_all(void)
{
	struct jsonw w = {0};
	const struct entry *e = table_first();

	jsonw_object(&w, NULL);
	jsonw_string(&w, "type", "sync");
	put_path(&w, NULL);
	jsonw_array(&w, "containers");
	for (; e && w.length < SYNC_MAX; e = e->next)
		if (e->state != ENTRY_RESERVED)
			put_container(&w, NULL, e);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	send_up(&w);
	/* What did not fit into one packet follows one by one. */
	for (; e && upstream >= 0; e = e->next)
		if (e->state != ENTRY_RESERVED)
			events_send("create", e);
}

int events_connect(void)
{
	static const char hello[] = "{\"method\":\"events\"}";
	int64_t now = now_ms();

	if (upstream >= 0)
		return -1;
	if (now < retry_at)
		return (int)(retry_at - now);
	upstream = sock_connect(HOST_SOCKET, 0, NULL);
	if (upstream >= 0 && sock_send(upstream, hello, sizeof(hello) - 1, NULL, 0, 0, NULL) == 0) {
		sync_all();
		return upstream >= 0 ? -1 : RETRY_MS;
	}
	lost();
	return RETRY_MS;
}

struct pollfd events_poll(void)
{
	return (struct pollfd){.fd = upstream, .events = POLLIN};
}

void events_handle(const struct pollfd *fd)
{
	/* Nothing ever comes down here but the end. */
	if (fd->revents && upstream >= 0)
		lost();
}

void events_sample(void)
{
	for (struct entry *e = table_first(); e; e = e->next) {
		int64_t pids, memory;

		if (e->state != ENTRY_RUNNING)
			continue;
		pids = cgroup_read(e->id, "pids.current");
		memory = cgroup_read(e->id, "memory.current");
		if (memory > 0)
			memory -= memory % MEMORY_STEP;
		if (pids == e->pids && memory == e->memory)
			continue;
		e->pids = pids;
		e->memory = memory;
		if (upstream < 0)
			continue;
		struct jsonw w = {0};

		jsonw_object(&w, NULL);
		jsonw_string(&w, "type", "container");
		jsonw_string(&w, "action", "stats");
		put_path(&w, e);
		jsonw_object(&w, "container");
		jsonw_string(&w, "id", e->id);
		if (pids >= 0)
			jsonw_int(&w, "pids", pids);
		if (memory >= 0)
			jsonw_int(&w, "memory", memory);
		jsonw_end_object(&w);
		jsonw_end_object(&w);
		send_up(&w);
	}
}
