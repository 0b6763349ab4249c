#include "command_network.h"
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "attachment.h"
#include "container.h"
#include "endpoint.h"
#include "events.h"
#include "history.h"
#include "io.h"
#include "network.h"
#include "reply.h"
#include "sock.h"
#include "spec.h"
#include "state.h"

enum { PART = 48000, MONITOR_MS = 1000 };

/* `none` is no directory, but has a place in the list. */
#define NONE_DOCUMENT                                                                                                            \
	"{\"id\":\"6e6f6e650000000000000000000000000000000000000000000000000000f00d\",\"name\":\"none\",\"driver\":\"null\","    \
	"\"created\":0,\"internal\":false,\"labels\":{}}"

int command_network_exists(const char *name, struct err *e)
{
	/* Of another container or the level (sharing.h). */
	if (strcmp(name, "host") == 0 || strncmp(name, "container:", 10) == 0)
		return 0;
	if (strcmp(name, NETWORK_NONE) == 0 || strcmp(name, NETWORK_DEFAULT) == 0)
		return 0;
	struct json *document = network_document(name);

	json_free(document);
	return document ? 0 : err_set(e, 125, "network %.128s not found", name);
}

bool command_network_uses_default(const struct entry *entry)
{
	const struct json *networks = entry_networks(entry);

	if (!networks)
		return strcmp(network_canonical(json_string(entry->request, "network", "")), NETWORK_DEFAULT) == 0;
	json_each(network, networks)
		if (strcmp(json_string(network, "network", ""), NETWORK_DEFAULT) == 0)
			return true;
	return false;
}

static int answer(struct request *r, struct jsonw *w, struct err *e)
{
	if (w->failed)
		err_set(e, 125, "out of memory");
	else
		reply_text(r->client, w->data);
	int ret = w->failed ? -1 : 0;

	jsonw_free(w);
	return ret;
}

int command_network_create(struct request *r, struct err *e)
{
	const struct json *labels = json_get(r->json, "labels");
	const struct network_wish wish = {
		.name = json_string(r->json, "name", ""),
		.subnet = json_string(r->json, "subnet", ""),
		.gateway = json_string(r->json, "gateway", ""),
		.internal = json_bool(r->json, "internal", false),
		.labels = labels && labels->kind == JSON_ARRAY ? labels : NULL,
	};
	const char *driver = json_string(r->json, "driver", "bridge");
	struct network n;
	struct jsonw w = {0};

	json_each(label, wish.labels)
		if (label->kind != JSON_STRING)
			return err_set(e, 1, "labels: a list of texts is wanted");
	if (strcmp(driver, "bridge") != 0)
		return err_set(e, 1, "plugin \"%.64s\" not found: networks of the driver \"bridge\" can be made here", driver);
	if (network_create(&wish, &n, e) < 0)
		return -1;
	const char *attributes[][2] = {{"name", wish.name}, {"type", "bridge"}, {NULL, NULL}};

	history_add("network", "create", n.id, (const char *const(*)[2])attributes);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", n.id);
	jsonw_end_object(&w);
	if (answer(r, &w, e) < 0)
		return -1;
	reply_code(r->client, 0);
	return 0;
}

static void put_document(struct jsonw *w, const char *key, const char *name)
{
	struct json *document =
		strcmp(name, NETWORK_NONE) == 0 ? json_parse(NONE_DOCUMENT, strlen(NONE_DOCUMENT), NULL) : network_document(name);

	jsonw_value(w, key, document);
	json_free(document);
}

int command_network_list(struct request *r, struct err *e)
{
	static char names[NETWORK_LIMIT][129];

	if (network_default(e) < 0)
		return -1;
	size_t count = network_list(names);

	/* One packet each: labels may be long. "none" is among them by its name. */
	for (size_t i = 0, none = 0; i < count + 1; i++) {
		struct jsonw w = {0};
		bool its_turn = !none && (i == count || strcmp(names[i], NETWORK_NONE) > 0);

		none += its_turn;
		jsonw_object(&w, NULL);
		put_document(&w, "network", its_turn ? NETWORK_NONE : names[i - none]);
		jsonw_end_object(&w);
		if (answer(r, &w, e) < 0)
			return -1;
	}
	reply_code(r->client, 0);
	return 0;
}

struct endpoints {
	struct request *request;
	struct jsonw w;
	bool open;
};

static void flush_endpoints(struct endpoints *all)
{
	if (!all->open)
		return;
	jsonw_end_array(&all->w);
	jsonw_end_object(&all->w);
	answer(all->request, &all->w, NULL);
	all->open = false;
}

static int put_endpoint(uint32_t address, const struct json *endpoint, void *context)
{
	struct endpoints *all = context;
	char text[16];

	if (!all->open) {
		all->w = (struct jsonw){0};
		jsonw_object(&all->w, NULL);
		jsonw_array(&all->w, "endpoints");
		all->open = true;
	}
	jsonw_object(&all->w, NULL);
	jsonw_string(&all->w, "address", network_text(address, text));
	jsonw_string(&all->w, "container", json_string(endpoint, "container", ""));
	jsonw_string(&all->w, "name", json_string(endpoint, "name", ""));
	jsonw_string(&all->w, "mac", json_string(endpoint, "mac", ""));
	jsonw_end_object(&all->w);
	if (all->w.length > PART)
		flush_endpoints(all);
	return 0;
}

int command_network_inspect(struct request *r, struct err *e)
{
	struct endpoints all = {.request = r};
	struct jsonw w = {0};
	char name[129];

	if (network_find(json_string(r->json, "network", ""), name, e) < 0)
		return -1;
	jsonw_object(&w, NULL);
	put_document(&w, "network", name);
	jsonw_end_object(&w);
	if (answer(r, &w, e) < 0)
		return -1;
	endpoint_each(name, put_endpoint, &all);
	flush_endpoints(&all);
	reply_code(r->client, 0);
	return 0;
}

static int remove_one(const char *name, struct err *e)
{
	struct json *document = network_document(name);
	const char *attributes[][2] = {{"name", name}, {"type", "bridge"}, {NULL, NULL}};
	int ret = network_remove(name, e);

	if (ret == 0)
		history_add("network", "destroy", json_string(document, "id", ""), (const char *const(*)[2])attributes);
	json_free(document);
	return ret;
}

int command_network_remove(struct request *r, struct err *e)
{
	char name[129];

	if (network_find(json_string(r->json, "network", ""), name, e) < 0 || remove_one(name, e) < 0)
		return -1;
	reply_code(r->client, 0);
	return 0;
}

int command_network_prune(struct request *r, struct err *e)
{
	static char names[NETWORK_LIMIT][129];
	const struct json *only = json_get(r->json, "only");
	size_t count = network_list(names);
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_array(&w, "deleted");
	for (size_t i = 0; i < count; i++)
		if ((!only || json_holds(only, names[i])) && endpoint_users(names[i], NULL, 0) == 0 &&
		    remove_one(names[i], NULL) == 0)
			jsonw_string(&w, NULL, names[i]);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	if (answer(r, &w, e) < 0)
		return -1;
	reply_code(r->client, 0);
	return 0;
}

/* --- connect and disconnect */

/* Of a container that does not run: only what its next start goes by. */
static int change_stopped(struct entry *entry, const struct json *change, bool connect, struct err *e)
{
	static struct container c;
	struct jsonw w = {0};
	int ret, index;

	c = (struct container){.request = entry->request};
	snprintf(c.name, sizeof(c.name), "%s", entry->name);
	ret = spec_parse(entry->request, &c.spec, e) < 0 ? -1 : attachments_of(&c, entry_networks(entry), e);
	if (ret == 0 && connect) {
		ret = attachments_add(&c.networks, entry->name, change, e);
	} else if (ret == 0) {
		index = attachments_find(&c.networks, json_string(change, "network", ""));
		if (index < 0)
			ret = err_set(e, 1, "container %s is not connected to network %s", entry->id,
				      json_string(change, "network", ""));
		else
			attachments_drop(&c.networks, (size_t)index);
	}
	if (ret == 0) {
		jsonw_object(&w, NULL);
		attachments_put(&w, "networks", &c.networks, false);
		jsonw_end_object(&w);
		struct json *live = w.failed ? NULL : json_parse(w.data, w.length, e);

		if (live) {
			json_free(entry->live);
			entry->live = live;
			state_save(entry);
			events_send("create", entry);
		}
		ret = live ? 0 : -1;
	}
	jsonw_free(&w);
	attachments_free(&c.networks);
	return ret;
}

int command_network_change(struct request *r, struct err *e)
{
	bool connect = strcmp(json_string(r->json, "cmd", ""), "network.connect") == 0;
	struct jsonw w = {0};
	char name[129];

	if (network_find(network_canonical(json_string(r->json, "network", "")), name, e) < 0)
		return -1;
	struct spec spec;

	if (connect && spec_parse(r->entry->request, &spec, NULL) == 0 &&
	    (spec.sharing.host | spec.sharing.joined) & CLONE_NEWNET)
		return err_set(
			e, 1,
			"container sharing network namespace with another container or host cannot be connected to any other "
			"network");
	if (strcmp(name, NETWORK_NONE) == 0 ||
	    (connect && strcmp(json_string(r->entry->request, "network", ""), NETWORK_NONE) == 0))
		return err_set(
			e, 1,
			"container cannot be connected to multiple networks with one of the networks in private (none) mode");
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", json_string(r->json, "cmd", ""));
	jsonw_string(&w, "network", name);
	jsonw_string(&w, "ip", json_string(r->json, "ip", ""));
	if (json_get(r->json, "aliases"))
		jsonw_value(&w, "aliases", json_get(r->json, "aliases"));
	jsonw_end_object(&w);
	int ret;

	if (w.failed || w.length > 16000) {
		ret = err_set(e, 1, "the aliases are too long");
	} else if (r->entry->state == ENTRY_RUNNING) {
		ret = sock_send(r->entry->control, w.data, w.length, &r->client, 1, MONITOR_MS, e);
	} else {
		struct json *change = json_parse(w.data, w.length, e);

		ret = change ? change_stopped(r->entry, change, connect, e) : -1;
		json_free(change);
		if (ret == 0)
			reply_code(r->client, 0);
	}
	jsonw_free(&w);
	return ret;
}
