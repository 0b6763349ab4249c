/* system df. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "cli.h"
#include "client.h"
#include "io.h"
#include "level.h"
#include "listing.h"
#include "units.h"
#include "upstream.h"

static const struct field fields[] = {
	{"Active", "ACTIVE"}, {"Reclaimable", "RECLAIMABLE"}, {"Size", "SIZE"}, {"TotalCount", "TOTAL"}, {"Type", "TYPE"}, {0}};

enum { DEPTH_MAX = 64 };

struct sum {
	int total, active;
	double size, unused;
};

struct sums {
	struct sum containers, volumes;
	struct jsonw images; /* ids of images that containers have */
};

/* What lies below a directory, which is closed. Who writes there is not trusted: no links, no end of depth. */
static double tree_size(int fd, unsigned depth)
{
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	double bytes = 0;
	struct stat st;

	if (!directory) {
		close_fd(&fd);
		return 0;
	}
	for (const struct dirent *entry; (entry = readdir(directory));) {
		const char *name = entry->d_name;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    fstatat(dirfd(directory), name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			bytes += tree_size(openat(dirfd(directory), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
					   depth + 1);
		else if (S_ISREG(st.st_mode))
			bytes += (double)st.st_size / (double)(st.st_nlink ? st.st_nlink : 1);
	}
	closedir(directory);
	return bytes;
}

static void add(struct sum *s, double size, bool active)
{
	s->total++;
	s->active += active;
	s->size += size;
	s->unused += active ? 0 : size;
}

static int add_containers(const struct json *answer, void *context)
{
	struct sums *s = context;

	json_each(c, json_get(answer, "containers")) {
		const char *state = json_string(c, "state", "");

		jsonw_string(&s->images, NULL, json_string(c, "imageId", ""));
		add(&s->containers, cli_container_size(json_string(c, "id", "")),
		    strcmp(state, "running") == 0 || strcmp(state, "paused") == 0 || strcmp(state, "restarting") == 0);
	}
	return 0;
}

static int add_volume(const struct json *answer, void *context)
{
	const struct json *v = json_get(answer, "volume"), *users = json_get(v, "users");
	struct sums *s = context;
	char path[300];

	if (!v)
		return 0;
	snprintf(path, sizeof(path), VOLUMES "/%.128s/_data", json_string(v, "name", ""));
	add(&s->volumes, tree_size(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0), users && users->length > 0);
	return 0;
}

static int ask(const char *cmd, int (*note)(const struct json *answer, void *context), struct sums *s, struct err *e)
{
	struct client_answer answer = {note, s};
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", cmd);
	jsonw_bool(&w, "all", true);
	jsonw_end_object(&w);
	return client_ask(&w, &answer, e);
}

/* Whether an image before `end` has this layer; `used`: only those count. */
static bool has_layer(const struct json *images, const struct json *end, const char *diff_id, const struct json *used)
{
	json_each(image, images) {
		if (image == end)
			break;
		if (used && !json_holds(used, json_string(image, "id", "")))
			continue;
		json_each(layer, json_get(image, "layers"))
			if (strcmp(json_string(layer, "diffId", ""), diff_id) == 0)
				return true;
	}
	return false;
}

/* A layer that several images have is there once, and needed while one of them is. */
static void add_images(const struct json *images, const struct json *used, struct sum *s)
{
	json_each(image, images) {
		add(s, 0, json_holds(used, json_string(image, "id", "")));
		json_each(layer, json_get(image, "layers")) {
			const char *diff_id = json_string(layer, "diffId", "");

			if (has_layer(images, image, diff_id, NULL))
				continue;
			s->size += json_number(layer, "size", 0);
			s->unused += has_layer(images, NULL, diff_id, used) ? 0 : json_number(layer, "size", 0);
		}
	}
}

static void row(struct listing *l, const char *type, const struct sum *s)
{
	char total[16], active[16], size[24], unused[48];
	size_t length;

	snprintf(total, sizeof(total), "%d", s->total);
	snprintf(active, sizeof(active), "%d", s->active);
	unit_size(size, sizeof(size), s->size, 4);
	unit_size(unused, sizeof(unused), s->unused, 4);
	length = strlen(unused);
	if (s->size > 0)
		snprintf(unused + length, sizeof(unused) - length, " (%d%%)", (int)(s->unused / s->size * 100));
	listing_row(l, (const char *[]){active, unused, size, total, type});
}

int cli_df(const struct cli_command *c, struct arguments *a)
{
	struct json *document = NULL, *used = NULL;
	struct sums sums = {0};
	struct sum images = {0};
	struct listing listing;
	struct err e;

	(void)c;
	if (listing_begin(&listing, fields, flag_text(a, "format"),
			  "table {{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}", NULL, &e) < 0)
		return cli_failed(&e);
	jsonw_array(&sums.images, NULL);
	int ret = ask("ps", add_containers, &sums, &e);

	jsonw_end_array(&sums.images);
	if (ret >= 0)
		ret = ask("volume.ls", add_volume, &sums, &e);
	if (ret >= 0)
		used = json_parse(sums.images.data, sums.images.length, &e);
	const struct json *list = used ? upstream_ask("image.list", "{}", &upstream_patience, &document, NULL, &e) : NULL;

	if (list) {
		add_images(json_get(list, "images"), used, &images);
		row(&listing, "Images", &images);
		row(&listing, "Containers", &sums.containers);
		row(&listing, "Local Volumes", &sums.volumes);
	}
	jsonw_free(&sums.images);
	json_free(used);
	json_free(document);
	return listing_end(&listing, list ? 0 : cli_daemon_error(&e));
}
