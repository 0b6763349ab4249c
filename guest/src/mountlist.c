#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include "container.h"
#include "history.h"
#include "io.h"
#include "mountlist.h"
#include "sock.h"
#include "table.h"
#include "volume_store.h"
#include "volumes.h"

/* Fits a packet of `inspect` with all around it. */
enum { TEXT_MAX = 48000, SEND_MS = 30000 };

/* One container is made per process, so there is one list, and its strings go with the process. */
static struct item {
	char *source, *target, *subpath;
	bool volume, read_only, no_copy, given, anonymous;
} items[SPEC_BINDS_MAX];
static size_t count;

static int put(const struct bind *bind, bool given, bool anonymous, struct err *e)
{
	size_t i = 0;

	while (i < count && strcmp(items[i].target, bind->target) != 0)
		i++;
	if (i == SPEC_BINDS_MAX)
		return err_set(e, 125, "more than %d volumes", SPEC_BINDS_MAX);
	if (i < count && given && items[i].given)
		return err_set(e, 125, "Duplicate mount point: %.200s", bind->target);
	items[i] = (struct item){.source = strdup(bind->source),
				 .target = strdup(bind->target),
				 .subpath = strdup(bind->subpath),
				 .volume = bind->volume,
				 .read_only = bind->read_only,
				 .no_copy = bind->no_copy,
				 .given = given,
				 .anonymous = anonymous || (bind->volume && !*bind->source)};
	count += i == count;
	return items[i].source && items[i].target && items[i].subpath ? 0 : err_set(e, 125, "out of memory");
}

/* "container[:ro|rw]" */
static int put_from(const char *text, struct err *e)
{
	char name[160];
	const char *colon = strchr(text, ':');
	struct bind bind;
	int ret = 0;

	if (colon && strcmp(colon, ":ro") != 0 && strcmp(colon, ":rw") != 0)
		return err_set(e, 125, "invalid mode: %.80s", colon + 1);
	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
	/* We were forked from the engine just now, so its table is ours too. */
	const struct entry *entry = table_find(name, e);

	if (!entry) {
		e->code = 125;
		return -1;
	}
	struct json *list = mountlist_load(entry->id);

	json_each(item, list) {
		mountlist_bind(item, &bind);
		bind.read_only |= colon && strcmp(colon, ":ro") == 0;
		if (ret == 0)
			ret = put(&bind, false, json_bool(item, "anonymous", false), e);
	}
	json_free(list);
	return ret;
}

static int put_image(const struct json *volumes, struct err *e)
{
	json_each(volume, volumes && volumes->kind == JSON_OBJECT ? volumes : NULL) {
		struct bind bind;
		size_t i = 0;

		if (strchr(volume->key, ':') || spec_bind(volume->key, &bind, e) < 0)
			return err_set(e, 125, "the image's volume '%.200s' cannot be mounted", volume->key);
		while (i < count && strcmp(items[i].target, bind.target) != 0)
			i++;
		if (i == count && put(&bind, false, false, e) < 0)
			return -1;
	}
	return 0;
}

static unsigned depth(const char *path)
{
	unsigned slashes = 0;

	for (; *path; path++)
		slashes += *path == '/';
	return slashes;
}

static void sort(void)
{
	for (size_t i = 1; i < count; i++)
		for (size_t at = i; at > 0 && depth(items[at].target) < depth(items[at - 1].target); at--) {
			struct item other = items[at];

			items[at] = items[at - 1];
			items[at - 1] = other;
		}
}

static int write_list(const char *id, struct err *e)
{
	struct jsonw w = {0};
	char path[200];
	int ret;

	jsonw_array(&w, NULL);
	for (size_t i = 0; i < count; i++) {
		jsonw_object(&w, NULL);
		jsonw_string(&w, "type", items[i].volume ? "volume" : "bind");
		jsonw_string(&w, "source", items[i].source);
		jsonw_string(&w, "target", items[i].target);
		jsonw_string(&w, "subpath", items[i].subpath);
		jsonw_bool(&w, "readOnly", items[i].read_only);
		jsonw_bool(&w, "noCopy", items[i].no_copy);
		jsonw_bool(&w, "anonymous", items[i].anonymous);
		jsonw_end_object(&w);
	}
	jsonw_end_array(&w);
	container_path(path, id, "mounts.json");
	if (w.failed || w.length > TEXT_MAX)
		ret = err_set(e, 125, "the volumes' names and paths are too long");
	else
		ret = replace_file_at(AT_FDCWD, path, w.data, w.length, 0600, e);
	jsonw_free(&w);
	return ret;
}

int mountlist_make(const char *id, const struct spec *spec, const struct json *config, struct err *e)
{
	struct bind bind;

	json_each(text, spec->volumes_from)
		if (put_from(text->string, e) < 0)
			return -1;
	json_each(text, spec->binds)
		if (spec_bind(text->string, &bind, e) < 0 || put(&bind, true, false, e) < 0)
			return -1;
	if (put_image(json_get(config, "Volumes"), e) < 0)
		return -1;
	if (count == 0)
		return 0;
	sort();
	for (size_t i = 0; i < count; i++) {
		char name[129];

		if (!items[i].volume)
			continue;
		snprintf(name, sizeof(name), "%s", items[i].source);
		if (volume_take(name, id, items[i].anonymous, e) < 0 || !(items[i].source = strdup(name)))
			return -1;
	}
	return write_list(id, e);
}

struct json *mountlist_load(const char *id)
{
	char path[200];
	size_t length;

	container_path(path, id, "mounts.json");
	_cleanup_free_ char *text = read_file(path, TEXT_MAX, &length, NULL);

	return text ? json_parse(text, length, NULL) : NULL;
}

void mountlist_bind(const struct json *item, struct bind *bind)
{
	*bind = (struct bind){
		.volume = strcmp(json_string(item, "type", ""), "volume") == 0,
		.read_only = json_bool(item, "readOnly", false),
		.no_copy = json_bool(item, "noCopy", false),
	};
	snprintf(bind->source, sizeof(bind->source), "%s", json_string(item, "source", ""));
	snprintf(bind->target, sizeof(bind->target), "%s", json_string(item, "target", ""));
	snprintf(bind->subpath, sizeof(bind->subpath), "%s", json_string(item, "subpath", ""));
}

int mountlist_send(const struct json *list, pid_t pid, int sync, struct err *e)
{
	char path[64];
	struct bind bind;

	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	_cleanup_fd_ int user_ns = list ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (list && user_ns < 0)
		return err_errno(e, 125, "open %s", path);
	json_each(item, list) {
		mountlist_bind(item, &bind);
		_cleanup_fd_ int mount = volume_open(&bind, user_ns, e);

		if (mount < 0 || sock_send(sync, "v", 1, &mount, 1, SEND_MS, e) < 0)
			return -1;
	}
	return sock_send(sync, "g", 1, NULL, 0, SEND_MS, e);
}

int mountlist_receive(int sync, int *binds, size_t *bind_count, struct err *e)
{
	for (;;) {
		int fds[SOCK_FDS_MAX];
		size_t got = SOCK_FDS_MAX;
		char word;
		ssize_t n = sock_recv(sync, &word, 1, fds, &got, SEND_MS, e);

		if (n <= 0)
			return n == 0 ? err_set(e, 125, "the monitor is gone") : -1;
		for (size_t i = 0; i < got && *bind_count < SPEC_BINDS_MAX; i++)
			binds[(*bind_count)++] = fds[i];
		if (word == 'g')
			return 0;
	}
}

void mountlist_tell(const struct json *list, const char *id, const char *action)
{
	bool mount = strcmp(action, "mount") == 0;

	json_each(item, list) {
		const char *all[][2] = {{"container", id},
					{"destination", json_string(item, "target", "")},
					{"driver", "local"},
					{"propagation", ""},
					{"read/write", json_bool(item, "readOnly", false) ? "false" : "true"},
					{NULL, NULL}};
		const char *few[][2] = {{"container", id}, {"driver", "local"}, {NULL, NULL}};

		if (strcmp(json_string(item, "type", ""), "volume") == 0)
			history_add("volume", action, json_string(item, "source", ""),
				    (const char *const(*)[2])(mount ? all : few));
	}
}
