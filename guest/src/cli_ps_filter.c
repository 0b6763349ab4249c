/* ps --filter: which containers are wanted. */
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "filter.h"
#include "io.h"
#include "number.h"

static bool same_image(const char *wanted, const void *container)
{
	const char *image = json_string(container, "image", ""), *id = json_string(container, "imageId", "");
	size_t length = strlen(wanted);

	if (strncmp(image, wanted, length) == 0 && (!image[length] || strcmp(image + length, ":latest") == 0))
		return true;
	if (strncmp(wanted, "sha256:", 7) != 0)
		id += strlen(id) < 7 ? 0 : 7;
	if (length >= 4 && strncmp(id, wanted, length) == 0)
		return true;
	/* "busybox:latest" was run as "busybox". */
	size_t name = strlen(image);

	return strncmp(wanted, image, name) == 0 && strcmp(wanted + name, ":latest") == 0;
}

static bool in_network(const char *wanted, const void *container)
{
	json_each(n, json_get(container, "networks"))
		if (strcmp(json_string(n, "network", ""), wanted) == 0 || strcmp(json_string(n, "networkId", ""), wanted) == 0)
			return true;
	return false;
}

static bool has_volume(const char *wanted, const void *container)
{
	size_t length = strlen(wanted);

	json_each(bind, json_get(container, "binds")) {
		const char *text = bind->kind == JSON_STRING ? bind->string : "", *target = strchr(text, ':');

		if ((strncmp(text, wanted, length) == 0 && text[length] == ':') ||
		    (target && strncmp(target + 1, wanted, length) == 0 && strchr(":", target[1 + length])))
			return true;
	}
	return false;
}

static bool exited_with(const char *wanted, const void *container)
{
	return strcmp(json_string(container, "state", ""), "exited") == 0 &&
	       (int)json_whole(container, "exitCode", 0) == atoi(wanted);
}

/* "80", "80/tcp", "8080-8090/udp" against "ip:8080:80/tcp". */
static bool has_port(const char *wanted, const struct json *container, bool published)
{
	int64_t first = number_digits(&wanted, 5), last = first;

	if (*wanted == '-') {
		wanted++;
		last = number_digits(&wanted, 5);
	}
	const char *protocol = *wanted == '/' ? wanted : "/tcp";

	json_each(port, json_get(container, "ports")) {
		const char *text = port->kind == JSON_STRING ? port->string : "", *to = strrchr(text, ':');
		const char *at = published ? strchr(text, ':') : to;

		if (!to)
			continue;
		at++;
		int64_t number = number_digits(&at, 5);

		if (number >= first && number <= last && strcmp(to + 1 + strcspn(to + 1, "/"), protocol) == 0)
			return true;
	}
	return false;
}

static bool publishes(const char *wanted, const void *container)
{
	return has_port(wanted, container, true);
}

static bool exposes(const char *wanted, const void *container)
{
	return has_port(wanted, container, false);
}

static bool known_state(const char *value, const void *context)
{
	static const char *const states[] = {"created", "dead", "exited", "paused", "removing", "restarting", "running"};

	(void)context;
	for (size_t i = 0; i < array_size(states); i++)
		if (strcmp(value, states[i]) == 0)
			return false;
	return true;
}

int cli_ps_check(const struct arguments *a, struct err *e)
{
	static const char *const known[] = {"ancestor", "before",  "exited",  "expose", "health", "id",     "label", "label!",
					    "name",     "network", "publish", "since",  "status", "volume", NULL};

	if (filters_check(a, known, e) < 0)
		return -1;
	if (filter_given(a, "status") && filter_any(a, "status", known_state, NULL))
		return err_set(e, 1, "invalid filter 'status': created, dead, exited, paused, removing, restarting or running");
	return 0;
}

bool cli_ps_wanted(const struct arguments *a, const struct json *c)
{
	return filter_any(a, "ancestor", same_image, c) && filter_any(a, "exited", exited_with, c) &&
	       filter_any(a, "expose", exposes, c) && filter_any(a, "health", filter_equal, json_string(c, "health", "none")) &&
	       filter_any(a, "id", filter_begins, json_string(c, "id", "")) && filter_labels(a, json_get(c, "labels")) &&
	       filter_any(a, "name", filter_in_text, json_string(c, "name", "")) && filter_any(a, "network", in_network, c) &&
	       filter_any(a, "publish", publishes, c) && filter_any(a, "status", filter_equal, json_string(c, "state", "")) &&
	       filter_any(a, "volume", has_volume, c);
}
