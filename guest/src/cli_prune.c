/* container, image, network, system prune. */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "client.h"
#include "filter.h"
#include "io.h"
#include "units.h"
#include "upstream.h"

const struct flag cli_prune_flags[] = {
	{0, "filter", FLAG_LIST, "Provide filter values (e.g. \"until=<timestamp>\")"},
	{'f', "force", FLAG_BOOL, "Do not prompt for confirmation"},
	{0},
};
const struct flag cli_image_prune_flags[] = {
	{'a', "all", FLAG_BOOL, "Remove all unused images, not just dangling ones"},
	{0, "filter", FLAG_LIST, "Provide filter values (e.g. \"until=<timestamp>\")"},
	{'f', "force", FLAG_BOOL, "Do not prompt for confirmation"},
	{0},
};
const struct flag cli_system_prune_flags[] = {
	{'a', "all", FLAG_BOOL, "Remove all unused images not just dangling ones"},
	{0, "filter", FLAG_LIST, "Provide filter values (e.g. \"label=<key>=<value>\")"},
	{'f', "force", FLAG_BOOL, "Do not prompt for confirmation"},
	{0, "volumes", FLAG_BOOL, "Prune anonymous volumes"},
	{0},
};

struct pruning {
	const struct arguments *arguments;
	struct jsonw names; /* a JSON array of what goes */
	struct jsonw used;  /* of image ids */
	double space;
};

/* A request for the engine, {"cmd":…} and at most one more. */
static int ask(const char *cmd, const char *key, const char *value, const struct client_answer *answer, struct err *e)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", cmd);
	if (strcmp(cmd, "ps") == 0) {
		jsonw_bool(&w, "all", true);
		jsonw_bool(&w, "details", true);
	}
	if (value && *key == '[')
		jsonw_raw(&w, key + 1, value);
	else if (value)
		jsonw_string(&w, key, value);
	jsonw_end_object(&w);
	return client_ask(&w, answer, e);
}

static bool goes(const struct arguments *a, const struct json *labels, double created)
{
	return filter_labels(a, labels) && filter_until(a, (int64_t)created);
}

static int note_containers(const struct json *answer, void *context)
{
	struct pruning *p = context;

	json_each(c, json_get(answer, "containers")) {
		const char *state = json_string(c, "state", "");

		jsonw_string(&p->used, NULL, json_string(c, "imageId", ""));
		if ((strcmp(state, "exited") == 0 || strcmp(state, "created") == 0 || strcmp(state, "dead") == 0) &&
		    goes(p->arguments, json_get(c, "labels"), json_number(c, "created", 0)))
			jsonw_string(&p->names, NULL, json_string(c, "id", ""));
	}
	return 0;
}

static int note_network(const struct json *answer, void *context)
{
	const struct pruning *p = context;
	const struct json *n = json_get(answer, "network");

	if (n && goes(p->arguments, json_get(n, "labels"), json_number(n, "created", 0)))
		jsonw_string(&((struct pruning *)context)->names, NULL, json_string(n, "name", ""));
	return 0;
}

/* Asks for a list and reads what was noted of it. NULL: error. */
static struct json *noted(struct pruning *p, const char *cmd, int (*note)(const struct json *answer, void *context),
			  struct err *e)
{
	struct client_answer answer = {note, p};

	jsonw_free(&p->names);
	jsonw_free(&p->used);
	jsonw_array(&p->names, NULL);
	jsonw_array(&p->used, NULL);
	if (ask(cmd, NULL, NULL, &answer, e) < 0)
		return NULL;
	jsonw_end_array(&p->names);
	jsonw_end_array(&p->used);
	return p->names.failed ? NULL : json_parse(p->names.data, p->names.length, e);
}

static int prune_containers(struct pruning *p, struct err *e)
{
	struct json *ids = noted(p, "ps", note_containers, e);
	const char *head = "Deleted Containers:\n";

	if (!ids)
		return -1;
	json_each(id, ids) {
		double size = cli_container_size(id->string);

		/* Started again or removed meanwhile: not ours any more. */
		if (ask("rm", "container", id->string, NULL, NULL) < 0)
			continue;
		printf("%s%s\n", head, id->string);
		head = "";
		p->space += size;
	}
	if (!*head)
		putchar('\n');
	json_free(ids);
	return 0;
}

/* The names of what the engine has removed, volumes with their bytes. */
static int print_deleted(const struct json *answer, void *context)
{
	const struct json *deleted = json_get(answer, "deleted"), *bytes = json_get(answer, "bytes");
	struct pruning *p = context;

	if (!deleted || !deleted->length)
		return 0;
	printf("Deleted %s:\n", bytes ? "Volumes" : "Networks");
	json_each(name, deleted)
		printf("%s\n", name->string);
	putchar('\n');
	p->space += json_number(answer, "bytes", 0);
	return 0;
}

static int prune_networks(struct pruning *p, struct err *e)
{
	struct client_answer answer = {print_deleted, p};
	struct json *names = noted(p, "network.ls", note_network, e);
	int ret = names ? ask("network.prune", "[only", p->names.data, &answer, e) : -1;

	json_free(names);
	return ret;
}

/* Its layers that went with it. */
static double freed(const struct json *image, const struct json *deleted)
{
	double space = 0;

	json_each(layer, json_get(image, "layers"))
		if (json_holds(deleted, json_string(layer, "diffId", "")))
			space += json_number(layer, "size", 0);
	return space;
}

static int remove_image(struct pruning *p, const struct json *image, const char **head, struct err *e)
{
	struct json *document;
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "ref", json_string(image, "id", ""));
	jsonw_end_object(&w);
	const struct json *removed =
		w.failed ? NULL : upstream_ask("image.remove", w.data, &upstream_patience, &document, NULL, e);

	jsonw_free(&w);
	if (!removed)
		return -1;
	fputs(*head, stdout);
	*head = "";
	json_each(text, json_get(removed, "untagged"))
		printf("untagged: %s\n", text->string);
	json_each(text, json_get(removed, "deleted"))
		printf("deleted: %s\n", text->string);
	p->space += freed(image, json_get(removed, "deleted"));
	json_free(document);
	return 0;
}

static int prune_images(struct pruning *p, bool all, struct err *e)
{
	struct json *containers = noted(p, "ps", note_containers, e), *document = NULL;
	struct json *used = containers ? json_parse(p->used.data, p->used.length, e) : NULL;
	const struct json *list = used ? upstream_ask("image.list", "{}", &upstream_patience, &document, NULL, e) : NULL;
	const char *head = "Deleted Images:\n";
	int ret = list ? 0 : -1;

	json_each(image, json_get(list, "images")) {
		const struct json *references = json_get(image, "refs");

		if (ret == 0 && (all || !references || !references->length) && !json_holds(used, json_string(image, "id", "")) &&
		    goes(p->arguments, json_get(json_get(image, "config"), "Labels"),
			 1000.0 * (double)unit_parse_time(json_string(image, "created", ""))))
			ret = remove_image(p, image, &head, e);
	}
	if (!*head) {
		putchar('\n');
		cli_forget_layers();
	}
	json_free(document);
	json_free(used);
	json_free(containers);
	return ret;
}

bool cli_confirmed(const struct arguments *a, const char *what)
{
	char line[256];

	if (flag_on(a, "force"))
		return true;
	printf("WARNING! This will remove%s\nAre you sure you want to continue? [y/N] ", what);
	fflush(stdout);
	return read(0, line, sizeof(line)) > 0 && (line[0] == 'y' || line[0] == 'Y');
}

int cli_prune(const struct cli_command *c, struct arguments *a)
{
	static const char *const known[] = {"label", "label!", "until", NULL}, *const known_images[] = {"dangling", "label",
													"label!", "until", NULL};
	struct pruning p = {.arguments = a};
	bool system = strcmp(c->name, "system prune") == 0, image = strcmp(c->name, "image prune") == 0;
	bool network = strcmp(c->name, "network prune") == 0, all = flag_on(a, "all");
	struct client_answer volumes = {print_deleted, &p};
	char warning[400];
	struct err e;
	int ret = 0;

	if (filters_check(a, image ? known_images : known, &e) < 0)
		return e.code == 125 ? cli_usage_error(c, e.msg) : cli_daemon_error(&e);
	all |= image && filter_given(a, "dangling") && filter_any(a, "dangling", filter_equal, "false");
	const char *images = all ? "all images without at least one container associated to them" : "all dangling images";

	snprintf(warning, sizeof(warning),
		 system    ? ":\n  - all stopped containers\n  - all networks not used by at least one container\n%s  - %s\n"
		 : image   ? " %s."
		 : network ? " all custom networks not used by at least one container."
			   : " all stopped containers.",
		 !system                 ? images
		 : flag_on(a, "volumes") ? "  - all anonymous volumes not used by at least one container\n"
					 : "",
		 images);
	if (!cli_confirmed(a, warning))
		return 0;
	if (system || !(image || network))
		ret = prune_containers(&p, &e);
	if (ret == 0 && (system || network))
		ret = prune_networks(&p, &e);
	if (ret == 0 && flag_on(a, "volumes"))
		ret = ask("volume.prune", NULL, NULL, &volumes, &e);
	if (ret == 0 && (system || image))
		ret = prune_images(&p, all, &e);
	jsonw_free(&p.names);
	jsonw_free(&p.used);
	if (ret < 0)
		return cli_daemon_error(&e);
	if (!network) {
		unit_size(warning, sizeof(warning), p.space, 4);
		printf("Total reclaimed space: %s\n", warning);
	}
	return 0;
}
