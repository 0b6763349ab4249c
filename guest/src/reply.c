#include <stdio.h>
#include <string.h>
#include "io.h"
#include "mountlist.h"
#include "reply.h"
#include "resources.h"
#include "sock.h"

enum { PART = 60000 };

static int send_kind(int client, char kind, const char *text, size_t length, int timeout_ms, struct err *e)
{
	_cleanup_free_ char *packet = malloc(length + 1);

	if (!packet)
		return err_set(e, 125, "out of memory");
	packet[0] = kind;
	memcpy(packet + 1, text, length);
	return sock_send(client, packet, length + 1, NULL, 0, timeout_ms, e);
}

int reply_json(int client, struct jsonw *w, int timeout_ms, struct err *e)
{
	int ret = w->failed ? err_set(e, 125, "out of memory") : send_kind(client, 'J', w->data, w->length, timeout_ms, e);

	jsonw_free(w);
	return ret;
}

void reply_text(int client, const char *json)
{
	send_kind(client, 'J', json, strlen(json), REPLY_MS, NULL);
}

void reply_warnings(int client, const struct json *request)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	resources_warn(request, &w);
	jsonw_end_object(&w);
	/* Mostly there are none. */
	if (!w.failed && strstr(w.data, "[\""))
		send_kind(client, 'J', w.data, w.length, REPLY_MS, NULL);
	jsonw_free(&w);
}

void reply_error(int client, const struct err *e)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_object(&w, "error");
	jsonw_int(&w, "code", e->code);
	jsonw_string(&w, "message", e->msg);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	reply_json(client, &w, REPLY_MS, NULL);
}

void reply_code(int client, int code)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_int(&w, "code", code);
	jsonw_end_object(&w);
	if (!w.failed)
		send_kind(client, 'X', w.data, w.length, REPLY_MS, NULL);
	jsonw_free(&w);
}

/* `details`: also what is large and rarely asked for. */
static void put_entry(struct jsonw *w, const char *key, const struct entry *entry, bool details)
{
	char command[512];

	entry_command(entry, command, sizeof(command));
	jsonw_object(w, key);
	jsonw_string(w, "id", entry->id);
	jsonw_string(w, "name", entry->name);
	jsonw_string(w, "image", json_string(entry->request, "image", ""));
	jsonw_string(w, "imageId", json_string(entry_summary(entry), "imageId", ""));
	jsonw_string(w, "command", command);
	jsonw_string(w, "state", entry_status_name(entry));
	if (entry->health)
		jsonw_string(w, "health", json_string(entry->health, "status", ""));
	if (entry->restarts)
		jsonw_int(w, "restarts", entry->restarts);
	if (entry->oom)
		jsonw_bool(w, "oom", true);
	jsonw_int(w, "created", entry->created);
	jsonw_int(w, "started", entry->started);
	if (entry->finished)
		jsonw_int(w, "finished", entry->finished);
	if (entry->exit_code)
		jsonw_int(w, "exitCode", entry->exit_code);
	if (entry->pid)
		jsonw_int(w, "pid", entry->pid);
	if (json_bool(entry->request, "tty", false))
		jsonw_bool(w, "tty", true);
	if (json_bool(entry->request, "stdin", false))
		jsonw_bool(w, "stdin", true);
	if (entry_ports(entry))
		jsonw_value(w, "ports", entry_ports(entry));
	if (details) {
		jsonw_value(w, "binds", json_get(entry->request, "binds"));
		/* The summary has the image's too. */
		const struct json *labels = json_get(entry_summary(entry), "labels");

		jsonw_value(w, "labels", labels ? labels : json_get(entry->request, "labels"));
		jsonw_value(w, "networks", entry_networks(entry));
	}
	jsonw_end_object(w);
}

int reply_entry(int client, const struct entry *entry, struct err *e)
{
	static const char *const parts[] = {"container", "request", "summary", "networks", "health", "mounts"};
	struct json *mounts = mountlist_load(entry->id);
	const struct json *values[] = {NULL, entry->request, entry_summary(entry), entry_networks(entry), entry->health, mounts};
	int ret = 0;

	/* One packet each: together they may be larger than one. */
	for (size_t i = 0; i < array_size(parts) && ret == 0; i++) {
		struct jsonw w = {0};

		jsonw_object(&w, NULL);
		if (i == 0)
			put_entry(&w, parts[0], entry, false);
		else
			jsonw_value(&w, parts[i], values[i]);
		jsonw_end_object(&w);
		ret = reply_json(client, &w, REPLY_MS, e);
	}
	json_free(mounts);
	if (ret == 0)
		reply_code(client, 0);
	return ret;
}

int reply_list(int client, bool all, bool details, struct err *e)
{
	const struct entry *entry = table_first();
	struct jsonw one = {0};
	int ret = 0;

	do {
		struct jsonw w = {0};

		jsonw_object(&w, NULL);
		jsonw_array(&w, "containers");
		for (; entry; entry = entry->next) {
			if (entry->state != ENTRY_RUNNING && !entry->restarting && (!all || entry->state == ENTRY_RESERVED))
				continue;
			for (int brief = !details; brief < 2; brief++) {
				one.length = 0;
				one.comma = false;
				put_entry(&one, NULL, entry, !brief);
				if (one.length < PART)
					break;
			}
			if (w.length + one.length > PART)
				break;
			if (!one.failed)
				jsonw_raw(&w, NULL, one.data);
		}
		jsonw_end_array(&w);
		jsonw_end_object(&w);
		ret = reply_json(client, &w, REPLY_MS, e);
	} while (ret == 0 && entry);
	jsonw_free(&one);
	if (ret == 0)
		reply_code(client, 0);
	return ret;
}
