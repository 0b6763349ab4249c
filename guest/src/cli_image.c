/* images, history, tag: what the level above has. Asked directly; no engine is needed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "filter.h"
#include "io.h"
#include "listing.h"
#include "units.h"
#include "upstream.h"

const struct flag cli_images_flags[] = {
	{'a', "all", FLAG_BOOL, "Show all images (default hides intermediate images)"},
	{0, "digests", FLAG_BOOL, "Show digests"},
	{'f', "filter", FLAG_LIST, "Filter output based on conditions provided"},
	{0, "format", FLAG_TEXT, CLI_FORMAT_HELP},
	{0, "no-trunc", FLAG_BOOL, "Don't truncate output"},
	{'q', "quiet", FLAG_BOOL, "Only show image IDs"},
	{0},
};
const struct flag cli_history_flags[] = {
	{0, "format", FLAG_TEXT, CLI_FORMAT_HELP},
	{'H', "human", FLAG_BOOL, "Print sizes and dates in human readable format (default true)"},
	{0, "no-trunc", FLAG_BOOL, "Don't truncate output"},
	{'q', "quiet", FLAG_BOOL, "Only show image IDs"},
	{0},
};

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

/* When the image that --filter before= or since= names was made, unix ms. */
static int other_created(const struct arguments *a, const char *key, int64_t *ms, struct err *e)
{
	const char *name = filter_value(a, key);
	struct json *document = NULL;

	if (!name)
		return 0;
	const struct json *image = cli_image_get("image.get", name, &document, e);

	*ms = unit_parse_time(json_string(image, "created", "")) * 1000;
	json_free(document);
	return image ? 0 : -1;
}

int cli_images(const struct cli_command *c, struct arguments *a)
{
	static const char *const known[] = {"before", "dangling", "label", "label!", "reference", "since", "until", NULL};
	struct json *document = NULL;
	struct listing listing;
	struct err e;
	int64_t before = INT64_MAX, since = INT64_MIN;
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
			  flag_on(a, "quiet") ? "ID" : NULL, &e) < 0)
		return cli_failed(&e);
	if (other_created(a, "before", &before, &e) < 0 || other_created(a, "since", &since, &e) < 0) {
		listing_end(&listing, 0);
		return cli_daemon_error(&e);
	}
	const struct json *found = upstream_ask("image.list", "{}", &upstream_patience, &document, NULL, &e);

	json_each(image, json_get(found, "images")) {
		const struct json *references = json_get(image, "refs");
		bool tagged = references && references->length > 0;
		char repository[256], tag[130];

		int64_t created = unit_parse_time(json_string(image, "created", "")) * 1000;

		if (!filter_any(a, "dangling", filter_equal, tagged ? "false" : "true") ||
		    !filter_labels(a, json_get(json_get(image, "config"), "Labels")) || !filter_until(a, created) ||
		    created >= before || created <= since)
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

/* --- history */

enum {
	HISTORY_COMMENT,
	HISTORY_CREATED_AT,
	HISTORY_CREATED_BY,
	HISTORY_CREATED_SINCE,
	HISTORY_ID,
	HISTORY_SIZE,
	HISTORY_FIELDS,
};
static const struct field history_fields[] = {
	{"Comment", "COMMENT"},
	{"CreatedAt", "CREATED AT"},
	{"CreatedBy", "CREATED BY"},
	{"CreatedSince", "CREATED"},
	{"ID", "IMAGE"},
	{"Size", "SIZE"},
	{0},
};

static void history_row(struct listing *l, const struct arguments *a, const struct json *step, const char *id)
{
	bool whole = flag_on(a, "no-trunc"), human = !flag_text(a, "human") || flag_on(a, "human");
	const char *date = json_string(step, "created", ""), *by = json_string(step, "createdBy", "");
	char text[4096], since[48], size[24], shown[80];
	double bytes = json_number(step, "size", 0);
	int64_t when = unit_parse_time(date);

	unit_ago(since, sizeof(since), when);
	if (human)
		unit_size(size, sizeof(size), bytes, 3);
	else
		snprintf(size, sizeof(size), "%.0f", bytes);
	/* Docker's width; a cell has no tabs. */
	snprintf(text, sizeof(text), !whole && strlen(by) > 45 ? "%.44s…" : "%s", by);
	for (char *c = text; *c; c++)
		if (*c == '\t' || *c == '\n')
			*c = ' ';
	snprintf(shown, sizeof(shown), whole || !strchr(id, ':') ? "%s" : "%.12s", whole || !strchr(id, ':') ? id : id + 7);
	listing_row(l, (const char *[HISTORY_FIELDS]){
			       [HISTORY_COMMENT] = json_string(step, "comment", ""),
			       [HISTORY_CREATED_AT] = date,
			       [HISTORY_CREATED_BY] = text,
			       [HISTORY_CREATED_SINCE] = human ? since : date,
			       [HISTORY_ID] = shown,
			       [HISTORY_SIZE] = size,
		       });
}

int cli_history(const struct cli_command *c, struct arguments *a)
{
	struct json *document = NULL;
	struct listing listing;
	struct err e;

	(void)c;
	if (listing_begin(&listing, history_fields, flag_text(a, "format"),
			  "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
			  flag_on(a, "quiet") ? "ID" : NULL, &e) < 0)
		return cli_failed(&e);
	const struct json *found = cli_image_get("image.history", a->rest[0], &document, &e);
	const char *id = json_string(found, "id", "");

	/* The newest first: it alone is still known as an image. */
	json_each(step, json_get(found, "history")) {
		history_row(&listing, a, step, id);
		id = "<missing>";
	}
	json_free(document);
	return listing_end(&listing, found ? 0 : cli_daemon_error(&e));
}

/* --- tag */

const struct json *cli_image_get(const char *method, const char *reference, struct json **document, struct err *e)
{
	char code[32];
	_cleanup_free_ char *params = cli_reference_params(reference, false);
	const struct json *image = params ? upstream_ask(method, params, &upstream_patience, document, code, e) : NULL;

	if (!params)
		err_set(e, 1, "out of memory");
	else if (!image && strcmp(code, "not-found") == 0)
		err_set(e, 1, "No such image: %s", reference);
	return image;
}

int cli_tag(const struct cli_command *c, struct arguments *a)
{
	struct json *document = NULL;
	struct jsonw w = {0};
	char code[32];
	struct err e;

	(void)c;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "ref", a->rest[0]);
	jsonw_string(&w, "name", a->rest[1]);
	jsonw_end_object(&w);
	const struct json *image = w.failed ? NULL : upstream_ask("image.tag", w.data, &upstream_patience, &document, code, &e);

	jsonw_free(&w);
	json_free(document);
	if (image)
		return 0;
	if (strcmp(code, "not-found") == 0)
		err_set(&e, 1, "No such image: %s", a->rest[0]);
	if (strcmp(code, "bad-image") != 0)
		return cli_daemon_error(&e);
	err_context(&e, "Error parsing reference: \"%.100s\" is not a valid repository/tag", a->rest[1]);
	return cli_failed(&e);
}
