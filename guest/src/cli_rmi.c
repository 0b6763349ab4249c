/* rmi: names and images of the level above, unless a container here needs them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "client.h"
#include "io.h"
#include "upstream.h"

const struct flag cli_rmi_flags[] = {
	{'f', "force", FLAG_BOOL, "Force removal of the image"},
	{0, "no-prune", FLAG_BOOL, "Do not delete untagged parents"},
	{0},
};

struct user {
	const char *image;
	char container[65];
	bool running;
};

static int find_user(const struct json *answer, void *context)
{
	struct user *u = context;

	json_each(container, json_get(answer, "containers")) {
		if (u->running || strcmp(json_string(container, "imageId", ""), u->image) != 0)
			continue;
		snprintf(u->container, sizeof(u->container), "%s", json_string(container, "id", ""));
		u->running |= strcmp(json_string(container, "state", ""), "running") == 0;
	}
	return 0;
}

/* Docker's three conflicts: an id of many names, a container that runs, a container that does not. */
static int in_use(const struct json *image, const char *reference, bool force, struct err *e)
{
	struct user user = {.image = json_string(image, "id", "")};
	struct client_answer answer = {find_user, &user};
	const struct json *references = json_get(image, "refs");
	struct jsonw w = {0};
	char full[300];
	bool named = json_holds(references, cli_with_tag(reference, full, sizeof(full)));

	if (references && references->length > 1) {
		/* One name of several is only a name. */
		if (named || force)
			return 0;
		return err_set(e, 1,
			       "conflict: unable to delete %.12s (must be forced) - image is referenced in multiple repositories",
			       user.image + 7);
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "ps");
	jsonw_bool(&w, "all", true);
	jsonw_end_object(&w);
	if (client_ask(&w, &answer, e) < 0)
		return -1;
	if (!*user.container || (force && !user.running))
		return 0;
	const char *how = user.running ? "cannot be forced" : named ? "must force" : "must be forced";

	if (named)
		return err_set(e, 1,
			       "conflict: unable to remove repository reference \"%s\" (%s) - container %.12s is using its "
			       "referenced image %.12s",
			       reference, how, user.container, user.image + 7);
	return err_set(e, 1, "conflict: unable to delete %.12s (%s) - image is being used by %s container %.12s", user.image + 7,
		       how, user.running ? "running" : "stopped", user.container);
}

/* The layers of what is left stay mounted, the rest goes. */
void cli_forget_layers(void)
{
	struct json *document = NULL;
	const struct json *found = upstream_ask("image.list", "{}", &upstream_patience, &document, NULL, NULL);
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
	struct json *document = NULL;
	char digest[80], repository[300];
	const struct json *image = cli_image_get("image.get", reference, &document, e);
	int ret = image ? in_use(image, reference, force, e) : -1;

	snprintf(digest, sizeof(digest), "%s", json_string(image, "digest", ""));
	json_free(document);
	if (ret < 0)
		return -1;
	const struct json *removed = cli_image_get("image.remove", reference, &document, e);
	const struct json *untagged = json_get(removed, "untagged"), *deleted = json_get(removed, "deleted");

	if (!removed)
		return -1;
	json_each(text, untagged) {
		const char *slash = strrchr(text->string, '/');

		printf("Untagged: %s\n", text->string);
		/* With the last name goes the one by digest, which every pull gives. */
		snprintf(repository, sizeof(repository), "%.*s",
			 (int)(strcspn(slash ? slash : text->string, ":@") + (size_t)(slash ? slash - text->string : 0)),
			 text->string);
		if (!text->next && deleted && deleted->length && *digest && !strchr(text->string, '@'))
			printf("Untagged: %s@%s\n", repository, digest);
	}
	json_each(text, deleted)
		printf("Deleted: %s\n", text->string);
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
	cli_forget_layers();
	return worst;
}
