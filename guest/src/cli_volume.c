/* volume create, ls, inspect, rm, prune. */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "client.h"
#include "filter.h"
#include "level.h"
#include "listing.h"
#include "units.h"

const struct flag cli_volume_create_flags[] = {
	{'d', "driver", FLAG_TEXT, "Specify volume driver name (only \"local\")"},
	{0, "label", FLAG_LIST, "Set metadata for a volume"},
	{0},
};
const struct flag cli_volume_list_flags[] = {
	{'f', "filter", FLAG_LIST, "Provide filter values (e.g. \"dangling=true\")"},
	{0, "format", FLAG_TEXT, CLI_FORMAT_HELP},
	{'q', "quiet", FLAG_BOOL, "Only display volume names"},
	{0},
};
const struct flag cli_volume_remove_flags[] = {{'f', "force", FLAG_BOOL, "Force the removal of one or more volumes"}, {0}};
const struct flag cli_volume_prune_flags[] = {
	{'a', "all", FLAG_BOOL, "Remove all unused volumes, not just anonymous ones"},
	{0, "filter", FLAG_LIST, "Provide filter values (e.g. \"label=<label>\")"},
	{'f', "force", FLAG_BOOL, "Do not prompt for confirmation"},
	{0},
};

/* {"cmd":…,"volume":…}; `name` may be NULL. */
static int ask(const char *cmd, const char *name, const struct client_answer *answer, struct err *e)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", cmd);
	if (name)
		jsonw_string(&w, "volume", name);
	jsonw_end_object(&w);
	return client_ask(&w, answer, e);
}

static int print_name(const struct json *answer, void *context)
{
	(void)context;
	printf("%s\n", json_string(answer, "name", ""));
	return 0;
}

int cli_volume_create(const struct cli_command *c, struct arguments *a)
{
	struct client_answer answer = {print_name, NULL};
	struct jsonw w = {0};
	struct err e;

	(void)c;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "volume.create");
	jsonw_string(&w, "name", a->rest_count ? a->rest[0] : "");
	if (flag_text(a, "driver"))
		jsonw_string(&w, "driver", flag_text(a, "driver"));
	jsonw_array(&w, "labels");
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i].flag->name, "label") == 0)
			jsonw_string(&w, NULL, a->values[i].text);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	int code = client_ask(&w, &answer, &e);

	return code < 0 ? cli_daemon_error(&e) : code;
}

/* --- ls */

static void mountpoint(const char *name, char path[200])
{
	snprintf(path, 200, VOLUMES "/%.128s/_data", name);
}

enum { VOLUME_DRIVER, VOLUME_LABELS, VOLUME_LINKS, VOLUME_MOUNTPOINT, VOLUME_NAME, VOLUME_SCOPE, VOLUME_SIZE, VOLUME_FIELDS };
static const struct field fields[] = {
	{"Driver", "DRIVER"},    {"Labels", "LABELS"}, {"Links", "LINKS"}, {"Mountpoint", "MOUNTPOINT"},
	{"Name", "VOLUME NAME"}, {"Scope", "SCOPE"},   {"Size", "SIZE"},   {0},
};

struct volumes {
	const struct arguments *arguments;
	struct listing listing;
};

/* dangling=true|1|false|0 */
static bool is_truth(const char *value, const void *dangling)
{
	return (strcmp(value, "true") == 0 || strcmp(value, "1") == 0) == *(const bool *)dangling;
}

static bool wanted(const struct arguments *a, const struct json *v)
{
	const struct json *users = json_get(v, "users");
	bool dangling = !users || !users->length;

	return filter_any(a, "dangling", is_truth, &dangling) && filter_any(a, "driver", filter_equal, "local") &&
	       filter_labels(a, json_get(v, "labels")) && filter_any(a, "name", filter_in_text, json_string(v, "name", ""));
}

static int list_one(const struct json *answer, void *context)
{
	struct volumes *l = context;
	const struct json *v = json_get(answer, "volume");
	char path[200], labels[2048] = "";
	size_t used = 0;

	if (!v || !wanted(l->arguments, v))
		return 0;
	json_each(label, json_get(v, "labels"))
		if (label->kind == JSON_STRING && used + 1 < sizeof(labels))
			used += (size_t)snprintf(labels + used, sizeof(labels) - used, "%s%.500s=%.500s", used ? "," : "",
						 label->key, label->string);
	mountpoint(json_string(v, "name", ""), path);
	listing_row(&l->listing, (const char *[VOLUME_FIELDS]){
					 [VOLUME_DRIVER] = "local",
					 [VOLUME_LABELS] = labels,
					 [VOLUME_LINKS] = "N/A",
					 [VOLUME_MOUNTPOINT] = path,
					 [VOLUME_NAME] = json_string(v, "name", ""),
					 [VOLUME_SCOPE] = "local",
					 [VOLUME_SIZE] = "N/A",
				 });
	return 0;
}

int cli_volume_list(const struct cli_command *c, struct arguments *a)
{
	static const char *const known[] = {"dangling", "driver", "label", "label!", "name", NULL};
	struct volumes l = {.arguments = a};
	struct client_answer answer = {list_one, &l};
	struct err e;

	if (filters_check(a, known, &e) < 0)
		return e.code == 125 ? cli_usage_error(c, e.msg) : cli_daemon_error(&e);
	if (listing_begin(&l.listing, fields, flag_text(a, "format"), "table {{.Driver}}\t{{.Name}}",
			  flag_on(a, "quiet") ? "Name" : NULL, &e) < 0)
		return cli_failed(&e);
	int code = ask("volume.ls", NULL, &answer, &e);

	return listing_end(&l.listing, code < 0 ? cli_daemon_error(&e) : code);
}

/* --- inspect, rm, prune */

static int inspect_one(const struct json *answer, void *context)
{
	struct jsonw *w = context;
	const struct json *v = json_get(answer, "volume");
	char text[200];

	jsonw_object(w, NULL);
	unit_time(text, sizeof(text), json_whole(v, "created", 0));
	jsonw_string(w, "CreatedAt", text);
	jsonw_string(w, "Driver", "local");
	jsonw_value(w, "Labels", json_get(v, "labels"));
	mountpoint(json_string(v, "name", ""), text);
	jsonw_string(w, "Mountpoint", text);
	jsonw_string(w, "Name", json_string(v, "name", ""));
	jsonw_object(w, "Options");
	jsonw_end_object(w);
	jsonw_string(w, "Scope", "local");
	jsonw_end_object(w);
	return 0;
}

int cli_volume_get(const char *name, struct jsonw *out, struct err *e)
{
	struct client_answer answer = {inspect_one, out};

	return ask("volume.inspect", name, &answer, e);
}

int cli_volume_remove(const struct cli_command *c, struct arguments *a)
{
	int worst = 0;

	(void)c;
	for (size_t i = 0; i < a->rest_count; i++) {
		struct err e;

		if (ask("volume.rm", a->rest[i], NULL, &e) < 0 && !(flag_on(a, "force") && strstr(e.msg, "no such volume")))
			worst = cli_daemon_error(&e);
		else
			printf("%s\n", a->rest[i]);
		fflush(stdout);
	}
	return worst;
}

struct noting {
	const struct arguments *arguments;
	struct jsonw names;
};

static int note_name(const struct json *answer, void *context)
{
	struct noting *n = context;
	const struct json *v = json_get(answer, "volume");

	if (v && filter_labels(n->arguments, json_get(v, "labels")))
		jsonw_string(&n->names, NULL, json_string(v, "name", ""));
	return 0;
}

static int print_deleted(const struct json *answer, void *context)
{
	const struct json *deleted = json_get(answer, "deleted");
	char size[32];

	(void)context;
	if (deleted && deleted->length)
		printf("Deleted Volumes:\n");
	json_each(name, deleted)
		printf("%s\n", name->string);
	if (deleted && deleted->length)
		putchar('\n');
	unit_size(size, sizeof(size), json_number(answer, "bytes", 0), 4);
	printf("Total reclaimed space: %s\n", size);
	return 0;
}

int cli_volume_prune(const struct cli_command *c, struct arguments *a)
{
	static const char *const known[] = {"all", "label", "label!", NULL};
	struct noting noting = {.arguments = a};
	struct client_answer answer = {print_deleted, NULL}, note = {note_name, &noting};
	struct jsonw w = {0};
	struct err e;
	bool all = flag_on(a, "all"), yes = true;

	if (filters_check(a, known, &e) < 0)
		return e.code == 125 ? cli_usage_error(c, e.msg) : cli_daemon_error(&e);
	if (!cli_confirmed(a, all ? " all local volumes not used by at least one container."
				  : " anonymous local volumes not used by at least one container."))
		return 0;
	all |= filter_given(a, "all") && filter_any(a, "all", is_truth, &yes);
	jsonw_array(&noting.names, NULL);
	int code = ask("volume.ls", NULL, &note, &e);

	jsonw_end_array(&noting.names);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "volume.prune");
	jsonw_bool(&w, "all", all);
	jsonw_raw(&w, "only", noting.names.data);
	jsonw_end_object(&w);
	if (code >= 0)
		code = client_ask(&w, &answer, &e);
	jsonw_free(&noting.names);
	return code < 0 ? cli_daemon_error(&e) : code;
}
