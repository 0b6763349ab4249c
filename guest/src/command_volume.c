#include "command_volume.h"
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "reply.h"
#include "volume_store.h"

static char names[VOLUME_LIMIT][129];

int command_volume_create(struct request *r, struct err *e)
{
	const struct json *labels = json_get(r->json, "labels");
	const char *wish = json_string(r->json, "name", ""), *driver = json_string(r->json, "driver", "local");
	struct jsonw w = {0};
	char name[129];

	e->code = 1;
	if (strcmp(driver, "local") != 0)
		return err_set(e, 1, "create %.128s: error looking up volume plugin %.64s: plugin \"%.64s\" not found", wish,
			       driver, driver);
	json_each(label, labels)
		if (label->kind != JSON_STRING || *label->string == '=' || strcspn(label->string, "=") > 255)
			return err_set(e, 1, "labels: a list of texts is wanted");
	if (*wish && volume_name_ok(wish, e) < 0)
		return err_context(e, "create %.128s", wish);
	snprintf(name, sizeof(name), "%s", wish);
	if (volume_create(name, labels && labels->kind == JSON_ARRAY ? labels : NULL, e) < 0)
		return -1;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "name", name);
	jsonw_end_object(&w);
	if (reply_json(r->client, &w, REPLY_MS, e) < 0)
		return -1;
	reply_code(r->client, 0);
	return 0;
}

int command_volume_list(struct request *r, struct err *e)
{
	const char *wanted = json_string(r->json, "volume", NULL);
	size_t count = wanted ? 1 : volume_list(names);

	/* One packet each: labels may be long. */
	for (size_t i = 0; i < count; i++) {
		struct json *document = volume_document(wanted ? wanted : names[i]);
		struct jsonw w = {0};

		if (!document && wanted)
			return err_set(e, 1, "get %.128s: no such volume", wanted);
		if (!document)
			continue;
		jsonw_object(&w, NULL);
		jsonw_value(&w, "volume", document);
		jsonw_end_object(&w);
		json_free(document);
		if (reply_json(r->client, &w, REPLY_MS, e) < 0)
			return -1;
	}
	reply_code(r->client, 0);
	return 0;
}

int command_volume_remove(struct request *r, struct err *e)
{
	if (volume_remove(json_string(r->json, "volume", ""), e) < 0)
		return -1;
	volume_sweep_later();
	reply_code(r->client, 0);
	return 0;
}

static bool prunable(const char *name, bool all)
{
	struct json *document = volume_document(name);
	const struct json *users = json_get(document, "users");
	bool is = users && users->length == 0 && (all || json_get(json_get(document, "labels"), VOLUME_ANONYMOUS));

	json_free(document);
	return is;
}

/* In a process of its own: how much was freed is only known when it is. */
int command_volume_prune(struct request *r, struct err *e)
{
	int *keep[] = {&r->client}, client = r->client;
	pid_t pid = command_fork(keep, array_size(keep), e);

	if (pid != 0) {
		r->client = client;
		return pid < 0 ? -1 : 0;
	}
	bool all = json_bool(r->json, "all", false);
	const struct json *only = json_get(r->json, "only");
	size_t count = volume_list(names);
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_array(&w, "deleted");
	for (size_t i = 0; i < count; i++)
		if ((!only || json_holds(only, names[i])) && prunable(names[i], all) && volume_remove(names[i], NULL) == 0)
			jsonw_string(&w, NULL, names[i]);
	jsonw_end_array(&w);
	jsonw_int(&w, "bytes", volume_sweep());
	jsonw_end_object(&w);
	reply_json(r->client, &w, REPLY_MS, NULL);
	reply_code(r->client, 0);
	_exit(0);
}
