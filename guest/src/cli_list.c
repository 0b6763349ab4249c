/* ps, rm, stop, kill, wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <time.h>
#include "cli.h"
#include "client.h"
#include "container.h"
#include "filter.h"
#include "io.h"
#include "listing.h"
#include "quote.h"
#include "units.h"
#include "upstream.h"

/* In the order of names, which is that of --format json. */
enum {
	PS_COMMAND,
	PS_CREATED_AT,
	PS_ID,
	PS_IMAGE,
	PS_LABELS,
	PS_LOCAL_VOLUMES,
	PS_MOUNTS,
	PS_NAMES,
	PS_NETWORKS,
	PS_PORTS,
	PS_RUNNING_FOR,
	PS_SIZE,
	PS_STATE,
	PS_STATUS,
	PS_FIELDS,
};
static const struct field fields[] = {
	{"Command", "COMMAND"}, {"CreatedAt", "CREATED AT"}, {"ID", "CONTAINER ID"},
	{"Image", "IMAGE"},     {"Labels", "LABELS"},        {"LocalVolumes", "LOCAL VOLUMES"},
	{"Mounts", "MOUNTS"},   {"Names", "NAMES"},          {"Networks", "NETWORKS"},
	{"Ports", "PORTS"},     {"RunningFor", "CREATED"},   {"Size", "SIZE"},
	{"State", "STATE"},     {"Status", "STATUS"},        {0},
};

struct containers {
	const struct arguments *arguments;
	struct listing listing;
	bool size;
	long left;                 /* rows still wanted, -1: all */
	const struct json *images; /* for their sizes */
	double before, since;      /* unix ms, of the containers so named */
};

static void status_text(const struct json *c, char *text, size_t size)
{
	const char *state = json_string(c, "state", "");
	int64_t now = time(NULL), started = (int64_t)(json_number(c, "started", 0) / 1000);
	const char *health = json_string(c, "health", ""), *open = *health ? " (" : "", *close = *health ? ")" : "";
	bool paused = strcmp(state, "paused") == 0, restarting = strcmp(state, "restarting") == 0;
	char duration[32];

	if (strcmp(state, "running") == 0 || paused) {
		unit_duration(duration, sizeof(duration), now - started);
		snprintf(text, size, "Up %s%s%s%.20s%s", duration, open, strcmp(health, "starting") == 0 ? "health: " : "",
			 health, close);
		if (paused)
			snprintf(text, size, "Up %s (Paused)", duration);
	} else if (strcmp(state, "exited") == 0 || restarting) {
		unit_ago(duration, sizeof(duration), (int64_t)(json_number(c, "finished", 0) / 1000));
		snprintf(text, size, "%s (%d) %s", restarting ? "Restarting" : "Exited", (int)json_whole(c, "exitCode", 0),
			 duration);
	} else {
		snprintf(text, size, "Created");
	}
}

/* "0.0.0.0:8080->80/tcp, …" */
static void ports_text(const struct json *c, char *text, size_t size)
{
	size_t used = 0;

	*text = 0;
	json_each(item, json_get(c, "ports")) {
		const char *last = item->kind == JSON_STRING ? strrchr(item->string, ':') : NULL;

		if (!last || used + 64 > size)
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s%.*s->%.16s", used ? ", " : "",
					 (int)(last - item->string > 24 ? 24 : last - item->string), item->string, last + 1);
	}
}

/* "a,b" of the networks it is in. */
static void names_of(const struct json *networks, char *text, size_t size)
{
	size_t used = 0;

	*text = 0;
	json_each(item, networks)
		if (used + 1 < size)
			used += (size_t)snprintf(text + used, size - used, "%s%.128s", used ? "," : "",
						 json_string(item, "network", ""));
}

void cli_labels(const struct json *labels, char *text, size_t size)
{
	size_t used = 0;

	*text = 0;
	json_each(label, labels && labels->kind >= JSON_ARRAY ? labels : NULL)
		if (label->kind == JSON_STRING && used + 1 < size)
			used += (size_t)snprintf(text + used, size - used, "%s%.500s%s%.500s", used ? "," : "",
						 labels->kind == JSON_OBJECT ? label->key : "",
						 labels->kind == JSON_OBJECT ? "=" : "", label->string);
}

/* Sources of its volumes, and how many are named ones. */
static unsigned mounts_text(const struct json *binds, int most, char *text, size_t size)
{
	unsigned volumes = 0;
	size_t used = 0;

	*text = 0;
	json_each(item, binds && binds->kind == JSON_ARRAY ? binds : NULL) {
		const char *bind = item->kind == JSON_STRING ? item->string : "";
		int length = (int)strcspn(bind, ":");

		volumes += *bind != '/';
		if (used + 1 < size)
			used += (size_t)snprintf(text + used, size - used, "%s%.*s%s", used ? "," : "",
						 length > most ? most - 1 : length, bind, length > most ? "…" : "");
	}
	return volumes;
}

double cli_container_size(const char *id)
{
	static const char *const ours[] = {"rw/hostname", "rw/hosts", "rw/resolv.conf"};
	char path[200];
	struct statfs fs;
	struct stat st;
	double bytes = 0;

	/* All of that file system but the files of /etc we keep there. */
	container_path(path, id, "rw");
	if (statfs(path, &fs) == 0 && fs.f_blocks)
		bytes = (double)(fs.f_blocks - fs.f_bfree) * (double)fs.f_bsize;
	for (size_t i = 0; i < array_size(ours); i++) {
		container_path(path, id, ours[i]);
		if (stat(path, &st) == 0)
			bytes -= (double)st.st_blocks * 512;
	}
	return bytes > 0 ? bytes : 0;
}

/* "5B (virtual 2.22MB)" */
static void size_text(const struct containers *l, const struct json *c, char *text, size_t size)
{
	double own = cli_container_size(json_string(c, "id", "")), all = own;
	char virtual[24];

	json_each(image, l->images)
		if (strcmp(json_string(image, "id", ""), json_string(c, "imageId", "")) == 0)
			all += json_number(image, "size", 0);
	unit_size(text, size, own, 3);
	unit_size(virtual, sizeof(virtual), all, 3);
	snprintf(text + strlen(text), size - strlen(text), " (virtual %s)", virtual);
}

static int note_created(const struct json *answer, void *context)
{
	if (json_get(answer, "container"))
		*(double *)context = json_number(json_get(answer, "container"), "created", 0);
	return 0;
}

/* When the container that --filter before= or since= names was made. */
static int other_created(const struct arguments *a, const char *key, double *created, struct err *e)
{
	struct client_answer answer = {note_created, created};
	struct jsonw w = {0};

	if (!filter_given(a, key))
		return 0;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "inspect");
	jsonw_string(&w, "container", filter_value(a, key));
	jsonw_end_object(&w);
	return client_ask(&w, &answer, e);
}

static bool wanted(const struct containers *l, const struct json *c)
{
	double created = json_number(c, "created", 0);

	return created < l->before && created > l->since && cli_ps_wanted(l->arguments, c);
}

static int list_some(const struct json *answer, void *context)
{
	struct containers *l = context;
	bool whole = flag_on(l->arguments, "no-trunc"), standard = !flag_text(l->arguments, "format");

	json_each(c, json_get(answer, "containers")) {
		char id[80], command[2200], created[48], created_at[48] = "", status[96], ports[2048], labels[4096], mounts[1024],
							 volumes[16], networks[1024], size[64] = "0B";

		if (l->left == 0)
			break;
		if (!wanted(l, c))
			continue;
		l->left -= l->left > 0;
		snprintf(id, sizeof(id), whole ? "%s" : "%.12s", json_string(c, "id", ""));
		quote(json_string(c, "command", ""), whole ? 0 : 20, command, sizeof(command));
		unit_ago(created, sizeof(created), (int64_t)(json_number(c, "created", 0) / 1000));
		if (!standard)
			unit_date(created_at, sizeof(created_at), (int64_t)(json_number(c, "created", 0) / 1000));
		status_text(c, status, sizeof(status));
		ports_text(c, ports, sizeof(ports));
		cli_labels(json_get(c, "labels"), labels, sizeof(labels));
		names_of(json_get(c, "networks"), networks, sizeof(networks));
		snprintf(volumes, sizeof(volumes), "%u",
			 mounts_text(json_get(c, "binds"), whole ? 1000 : 15, mounts, sizeof(mounts)));
		if (l->size)
			size_text(l, c, size, sizeof(size));
		listing_row(&l->listing, (const char *[PS_FIELDS]){
						 [PS_COMMAND] = command,
						 [PS_CREATED_AT] = created_at,
						 [PS_ID] = id,
						 [PS_IMAGE] = json_string(c, "image", ""),
						 [PS_LABELS] = labels,
						 [PS_LOCAL_VOLUMES] = volumes,
						 [PS_MOUNTS] = mounts,
						 [PS_NAMES] = json_string(c, "name", ""),
						 [PS_NETWORKS] = networks,
						 [PS_PORTS] = ports,
						 [PS_RUNNING_FOR] = created,
						 [PS_SIZE] = size,
						 [PS_STATE] = json_string(c, "state", ""),
						 [PS_STATUS] = status,
					 });
	}
	return 0;
}

int cli_ps(const struct cli_command *c, struct arguments *a)
{
	const char *last = flag_text(a, "last"), *format = flag_text(a, "format");
	long left = last ? atol(last) : -1;
	/* Docker takes 0 and less as "not given". */
	struct containers l = {.arguments = a,
			       .size = flag_on(a, "size"),
			       .left = flag_on(a, "latest") ? 1
				       : left > 0           ? left
							    : -1,
			       .before = 1e18,
			       .since = -1};
	struct client_answer answer = {list_some, &l};
	struct jsonw w = {0};
	struct err e;

	if (cli_ps_check(a, &e) < 0)
		return e.code == 125 ? cli_usage_error(c, e.msg) : cli_daemon_error(&e);
	if (other_created(a, "before", &l.before, &e) < 0 || other_created(a, "since", &l.since, &e) < 0)
		return cli_daemon_error(&e);
	if (listing_begin(
		    &l.listing, fields, format,
		    l.size ? "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"
			     "\t{{.Size}}"
			   : "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
		    flag_on(a, "quiet") ? "ID" : NULL, &e) < 0)
		return cli_failed(&e);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "ps");
	jsonw_bool(&w, "all", flag_on(a, "all") || l.left >= 0 || filter_given(a, "status"));
	jsonw_bool(&w, "details", (format && *format) || flag_text(a, "filter"));
	jsonw_end_object(&w);
	l.size |= format && strstr(format, ".Size");
	struct json *document = NULL;

	if (l.size)
		l.images = json_get(upstream_ask("image.list", "{}", &upstream_patience, &document, NULL, NULL), "images");
	int code = client_ask(&w, &answer, &e);

	json_free(document);
	return listing_end(&l.listing, code < 0 ? cli_daemon_error(&e) : code);
}
