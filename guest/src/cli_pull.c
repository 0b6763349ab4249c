/* pull, images, rmi: what the level above has. Asked directly; no engine is needed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli.h"
#include "client.h"
#include "filter.h"
#include "io.h"
#include "listing.h"
#include "units.h"
#include "upstream.h"

enum { LINES_MAX = 128, QUIET_MS = 120000 };

/* Docker's picture: one line per layer, redrawn in place on a terminal, one line per change elsewhere. */
struct progress {
	int out;
	bool terminal, quiet;
	int columns;
	size_t count;
	bool fetched;
	bool summed_up; /* the level above said "Status: …" itself */
	char ids[LINES_MAX][16], statuses[LINES_MAX][24];
};

static void draw(const struct progress *p, size_t line, const char *text)
{
	size_t up = p->count - line;

	/* Up to the line, clear it, write, and back down below the last. */
	dprintf(p->out, "\033[%zuA\033[2K\r%.*s\033[%zuB\r", up, p->columns > 8 ? p->columns - 1 : 79, text, up);
}

static int show(const struct json *update, void *context)
{
	struct progress *p = context;
	const char *id = json_string(update, "id", ""), *status = json_string(update, "status", "");
	double current = json_number(update, "current", 0), total = json_number(update, "total", 0);
	char text[200], bar[60] = "", now[16], all[16];
	size_t line = 0;

	if (strcmp(status, "Pull complete") == 0)
		p->fetched = true;
	if (strncmp(status, "Status: ", 8) == 0)
		p->summed_up = true;
	if (p->quiet)
		return 0;
	if (!*id) {
		/* On a terminal a plain line goes below the picture, which ends there. */
		dprintf(p->out, "%s\n", status);
		p->count = 0;
		return 0;
	}
	while (line < p->count && strcmp(p->ids[line], id) != 0)
		line++;
	bool news = line == p->count || strcmp(p->statuses[line], status) != 0;

	if (line == LINES_MAX)
		return 0;
	if (line == p->count) {
		snprintf(p->ids[line], sizeof(p->ids[line]), "%s", id);
		p->count++;
		if (p->terminal)
			dprintf(p->out, "\n");
	}
	snprintf(p->statuses[line], sizeof(p->statuses[line]), "%s", status);
	if (!p->terminal) {
		if (news)
			dprintf(p->out, "%s: %s\n", id, status);
		return 0;
	}
	bool moving = strcmp(status, "Downloading") == 0 || strcmp(status, "Extracting") == 0;

	if (moving && total > 0) {
		int done = (int)(current / total * 50);

		done = done < 0 ? 0 : done > 50 ? 50 : done;
		memset(bar, ' ', 50);
		memset(bar, '=', (size_t)done);
		if (done < 50)
			bar[done] = '>';
		unit_size(now, sizeof(now), current, 4);
		unit_size(all, sizeof(all), total, 4);
		snprintf(text, sizeof(text), "%s: %s [%s]  %s/%s", id, status, bar, now, all);
	} else {
		snprintf(text, sizeof(text), "%s: %s", id, status);
	}
	draw(p, line, text);
	return 0;
}

static char *reference_params(const char *reference, bool quiet)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "ref", reference);
	if (quiet)
		jsonw_bool(&w, "quiet", true);
	jsonw_end_object(&w);
	if (!w.failed)
		return w.data;
	jsonw_free(&w);
	return NULL;
}

/* "name" → "name:latest" */
static const char *with_tag(const char *reference, char *text, size_t size)
{
	const char *slash = strrchr(reference, '/');

	snprintf(text, size, "%s%s", reference, strpbrk(slash ? slash : reference, ":@") ? "" : ":latest");
	return text;
}

int cli_pull_image(const char *reference, bool quiet, int out, struct err *e)
{
	struct winsize size = {.ws_col = 80};
	struct json *document = NULL;
	char code[32], full[300];
	_cleanup_free_ char *params = reference_params(reference, quiet);
	_cleanup_free_ struct progress *p = calloc(1, sizeof(*p));

	if (!params || !p)
		return err_set(e, 125, "out of memory");
	p->out = out;
	p->quiet = quiet;
	p->terminal = isatty(out);
	ioctl(out, TIOCGWINSZ, &size);
	p->columns = size.ws_col;
	const struct upstream_wait wait = {show, p, QUIET_MS};
	const struct json *image = upstream_ask("image.pull", params, &wait, &document, code, e);

	if (!image) {
		/* Docker's words for a name nobody knows. */
		if (strcmp(code, "not-found") == 0 && !strstr(e->msg, reference))
			err_set(e, 125, "pull access denied for %s, repository does not exist", reference);
		return -1;
	}
	if (!quiet && !p->summed_up)
		dprintf(out, "Digest: %s\nStatus: %s for %s\n", json_string(image, "digest", ""),
			p->fetched ? "Downloaded newer image" : "Image is up to date", with_tag(reference, full, sizeof(full)));
	json_free(document);
	return 0;
}

int cli_pull(const struct cli_command *c, struct arguments *a)
{
	char full[300];
	struct err e;

	(void)c;
	with_tag(a->rest[0], full, sizeof(full));
	if (!flag_on(a, "quiet") && full[strlen(a->rest[0])])
		dprintf(1, "Using default tag: latest\n");
	if (cli_pull_image(a->rest[0], flag_on(a, "quiet"), 1, &e) < 0) {
		cli_daemon_error(&e);
		return 1;
	}
	printf("%s\n", full);
	return 0;
}

/* --- images */

enum {
	IMAGE_CREATED_AT,
	IMAGE_CREATED_SINCE,
	IMAGE_DIGEST,
	IMAGE_ID,
	IMAGE_REPOSITORY,
	IMAGE_SIZE,
	IMAGE_TAG,
	IMAGE_FIELDS,
};
static const struct field fields[] = {
	{"CreatedAt", "CREATED AT"},
	{"CreatedSince", "CREATED"},
	{"Digest", "DIGEST"},
	{"ID", "IMAGE ID"},
	{"Repository", "REPOSITORY"},
	{"Size", "SIZE"},
	{"Tag", "TAG"},
	{0},
};

/* "*" and "?" stand for anything but "/". */
static bool glob(const char *pattern, const char *text)
{
	for (; *pattern; pattern++, text++) {
		if (*pattern == '*') {
			do
				if (glob(pattern + 1, text))
					return true;
			while (*text && *text++ != '/');
			return false;
		}
		if (!*text || (*pattern == '?' ? *text == '/' : *pattern != *text))
			return false;
	}
	return !*text;
}

/* "debian:13" → "debian" and "13". */
static void split(const char *reference, char repository[256], char tag[130])
{
	const char *slash = strrchr(reference, '/'), *colon = strchr(slash ? slash : reference, ':');

	snprintf(repository, 256, "%.*s", (int)(colon ? colon - reference : (int)strlen(reference)), reference);
	snprintf(tag, 130, "%s", colon ? colon + 1 : "<none>");
}

static bool matches(const char *pattern, const void *reference)
{
	char repository[256], tag[130];

	/* Each "*" multiplies the ways to try. */
	for (unsigned i = 0, stars = 0; pattern[i]; i++)
		if (i > 255 || (pattern[i] == '*' && ++stars > 4))
			return false;
	split(reference, repository, tag);
	return glob(pattern, reference) || glob(pattern, repository);
}

static void image_row(const struct json *image, const char *repository, const char *tag, const struct arguments *a,
		      struct listing *listing)
{
	char created[48], created_at[48], size[16], id[80];
	const char *full = json_string(image, "id", "");
	int64_t when = unit_parse_time(json_string(image, "created", ""));

	snprintf(id, sizeof(id), flag_on(a, "no-trunc") ? "%s" : "%.12s",
		 flag_on(a, "no-trunc") || strlen(full) < 7 ? full : full + 7);
	unit_ago(created, sizeof(created), when);
	unit_date(created_at, sizeof(created_at), when);
	unit_size(size, sizeof(size), json_number(image, "size", 0), 3);
	listing_row(listing, (const char *[IMAGE_FIELDS]){
				     [IMAGE_CREATED_AT] = created_at,
				     [IMAGE_CREATED_SINCE] = created,
				     [IMAGE_DIGEST] = json_string(image, "digest", "<none>"),
				     [IMAGE_ID] = id,
				     [IMAGE_REPOSITORY] = repository,
				     [IMAGE_SIZE] = size,
				     [IMAGE_TAG] = tag,
			     });
}

int cli_images(const struct cli_command *c, struct arguments *a)
{
	static const struct upstream_wait wait = {.quiet_ms = 30000};
	static const char *const known[] = {"dangling", "label", "reference", NULL};
	struct json *document = NULL;
	struct listing listing;
	struct err e;
	const char *pattern = a->rest_count ? a->rest[0] : NULL;

	if (filters_check(a, known, &e) < 0)
		return e.code == 125 ? cli_usage_error(c, e.msg) : cli_daemon_error(&e);
	if (!filter_any(a, "dangling", filter_equal, "true") && !filter_any(a, "dangling", filter_equal, "false")) {
		err_set(&e, 1, "invalid filter 'dangling': true or false");
		return cli_daemon_error(&e);
	}
	if (listing_begin(&listing, fields, flag_text(a, "format"),
			  flag_on(a, "digests")
				  ? "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}"
				  : "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
			  flag_on(a, "quiet") ? "ID" : NULL, &e) < 0) {
		fprintf(stderr, "%s\n", e.msg);
		return 1;
	}
	const struct json *found = upstream_ask("image.list", "{}", &wait, &document, NULL, &e);

	json_each(image, json_get(found, "images")) {
		const struct json *references = json_get(image, "refs");
		bool tagged = references && references->length > 0;
		char repository[256], tag[130];

		if (!filter_any(a, "dangling", filter_equal, tagged ? "false" : "true") ||
		    !filter_labels(a, json_get(json_get(image, "config"), "Labels")))
			continue;
		json_each(reference, references) {
			if (reference->kind != JSON_STRING || (pattern && !matches(pattern, reference->string)) ||
			    !filter_any(a, "reference", matches, reference->string))
				continue;
			split(reference->string, repository, tag);
			image_row(image, repository, tag, a, &listing);
			/* One id is enough of an image. */
			if (flag_on(a, "quiet"))
				break;
		}
		if (!tagged && !pattern && !filter_given(a, "reference"))
			image_row(image, "<none>", "<none>", a, &listing);
	}
	json_free(document);
	return listing_end(&listing, found ? 0 : cli_daemon_error(&e));
}

/* --- rmi */

struct user {
	const char *image;
	char container[65];
	bool running;
};

static int find_user(const struct json *answer, void *context)
{
	struct user *u = context;

	json_each(container, json_get(answer, "containers")) {
		if (strcmp(json_string(container, "imageId", ""), u->image) != 0)
			continue;
		snprintf(u->container, sizeof(u->container), "%s", json_string(container, "id", ""));
		u->running |= strcmp(json_string(container, "state", ""), "running") == 0;
	}
	return 0;
}

static int in_use(const struct json *image, const char *reference, bool force, struct err *e)
{
	struct user user = {.image = json_string(image, "id", "")};
	struct client_answer answer = {find_user, &user};
	const struct json *references = json_get(image, "refs");
	struct jsonw w = {0};

	/* One name of several is only a name. */
	if (references && references->length > 1)
		return 0;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "ps");
	jsonw_bool(&w, "all", true);
	jsonw_end_object(&w);
	if (client_ask(&w, &answer, e) < 0)
		return -1;
	if (user.running)
		return err_set(e, 1,
			       "conflict: unable to remove repository reference \"%s\" (cannot be forced) - container %.12s is "
			       "using its referenced image %.12s",
			       reference, user.container, user.image + 7);
	if (*user.container && !force)
		return err_set(e, 1,
			       "conflict: unable to remove repository reference \"%s\" (must force) - container %.12s is using "
			       "its referenced image %.12s",
			       reference, user.container, user.image + 7);
	return 0;
}

/* The layers of what is left stay mounted, the rest goes. */
static void forget_layers(void)
{
	static const struct upstream_wait wait = {.quiet_ms = 30000};
	struct json *document = NULL;
	const struct json *found = upstream_ask("image.list", "{}", &wait, &document, NULL, NULL);
	struct jsonw w = {0};

	if (!found)
		return;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "layers.forget");
	jsonw_array(&w, "keep");
	json_each(image, json_get(found, "images"))
		json_each(layer, json_get(image, "layers"))
			jsonw_string(&w, NULL, json_string(layer, "diffId", ""));
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	client_ask(&w, NULL, NULL);
	json_free(document);
}

static int remove_image(const char *reference, bool force, struct err *e)
{
	static const struct upstream_wait wait = {.quiet_ms = 30000};
	struct json *document = NULL;
	char code[32];
	_cleanup_free_ char *params = reference_params(reference, false);

	if (!params)
		return err_set(e, 1, "out of memory");
	const struct json *image = upstream_ask("image.get", params, &wait, &document, code, e);

	if (!image)
		return strcmp(code, "not-found") == 0 ? err_set(e, 1, "No such image: %s", reference) : -1;
	int ret = in_use(image, reference, force, e);

	json_free(document);
	if (ret < 0)
		return -1;
	const struct json *removed = upstream_ask("image.remove", params, &wait, &document, code, e);

	if (!removed)
		return -1;
	json_each(text, json_get(removed, "untagged"))
		printf("Untagged: %s\n", text->kind == JSON_STRING ? text->string : "");
	json_each(text, json_get(removed, "deleted"))
		printf("Deleted: %s\n", text->kind == JSON_STRING ? text->string : "");
	json_free(document);
	return 0;
}

int cli_rmi(const struct cli_command *c, struct arguments *a)
{
	int worst = 0;
	struct err e;

	(void)c;
	for (size_t i = 0; i < a->rest_count; i++) {
		if (remove_image(a->rest[i], flag_on(a, "force"), &e) < 0) {
			cli_daemon_error(&e);
			worst = 1;
		}
	}
	forget_layers();
	return worst;
}
