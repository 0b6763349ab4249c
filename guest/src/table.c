#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "io.h"
#include "memory.h"
#include "names.h"
#include "table.h"

static struct entry *first _scratch_;
static size_t count _scratch_;

struct entry *table_first(void)
{
	return first;
}

int64_t unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct entry *table_by_name(const char *name)
{
	for (struct entry *e = first; e; e = e->next)
		if (strcmp(e->name, name) == 0)
			return e;
	return NULL;
}

struct entry *table_by_id(const char *id)
{
	for (struct entry *e = first; e; e = e->next)
		if (strcmp(e->id, id) == 0)
			return e;
	return NULL;
}

static struct entry *insert(struct entry *entry)
{
	entry->pidfd = entry->control = -1;
	entry->next = first;
	first = entry;
	count++;
	return entry;
}

int table_conflict(const struct entry *taken, struct err *e)
{
	return err_set(
		e, 125,
		"Conflict. The container name \"/%s\" is already in use by container \"%s\". You have to remove (or rename) "
		"that container to be able to reuse that name.",
		taken->name, taken->id);
}

struct entry *table_add(const char *name, struct json *request, struct err *e)
{
	struct entry *taken = *name ? table_by_name(name) : NULL;

	if (taken) {
		table_conflict(taken, e);
		return NULL;
	}
	if (count >= TABLE_MAX) {
		err_set(e, 125, "there are %d containers already; remove some", TABLE_MAX);
		return NULL;
	}
	struct entry *entry = calloc(1, sizeof(*entry));

	if (!entry || random_hex(entry->id, e) < 0) {
		free(entry);
		return NULL;
	}
	if (*name) {
		snprintf(entry->name, sizeof(entry->name), "%s", name);
	} else {
		unsigned seed = (unsigned)strtoul(entry->id + 56, NULL, 16), attempt = 0;

		do
			name_make(entry->name, sizeof(entry->name), seed, attempt++);
		while (table_by_name(entry->name));
	}
	entry->request = request;
	entry->created = unix_ms();
	return insert(entry);
}

struct entry *table_adopt(const char *id, const char *name)
{
	struct entry *entry = count < TABLE_MAX ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry)
		return NULL;
	snprintf(entry->id, sizeof(entry->id), "%s", id);
	snprintf(entry->name, sizeof(entry->name), "%s", name);
	return insert(entry);
}

void table_sort(void)
{
	struct entry *sorted = NULL, *entry;

	while ((entry = first)) {
		struct entry **at = &sorted;

		first = entry->next;
		while (*at && (*at)->created >= entry->created)
			at = &(*at)->next;
		entry->next = *at;
		*at = entry;
	}
	first = sorted;
}

void table_remove(struct entry *entry)
{
	for (struct entry **at = &first; *at; at = &(*at)->next) {
		if (*at != entry)
			continue;
		*at = entry->next;
		count--;
		close_fd(&entry->pidfd);
		close_fd(&entry->control);
		json_free(entry->request);
		json_free(entry->message);
		json_free(entry->live);
		json_free(entry->health);
		free(entry);
		return;
	}
}

struct entry *table_find(const char *reference, struct err *e)
{
	struct entry *found = NULL;
	size_t length = strlen(reference);

	for (struct entry *at = first; at; at = at->next)
		if (at->state != ENTRY_RESERVED &&
		    (strcmp(at->name, reference + (*reference == '/')) == 0 || strcmp(at->id, reference) == 0))
			return at;
	for (struct entry *at = first; at && length; at = at->next) {
		if (at->state == ENTRY_RESERVED || strncmp(at->id, reference, length) != 0)
			continue;
		if (found) {
			err_set(e, 1, "multiple IDs found with provided prefix: %.64s", reference);
			return NULL;
		}
		found = at;
	}
	if (!found)
		err_set(e, 1, "No such container: %.128s", reference);
	return found;
}

const char *entry_state_name(const struct entry *entry)
{
	static const char *const names[] = {"created", "created", "running", "exited"};

	return names[entry->state];
}

const char *entry_status_name(const struct entry *entry)
{
	return entry->state != ENTRY_RUNNING && entry->restarting ? "restarting"
	       : entry->state == ENTRY_RUNNING && entry->paused   ? "paused"
								  : entry_state_name(entry);
}

const struct json *entry_summary(const struct entry *entry)
{
	return json_get(entry->message, "summary");
}

const struct json *entry_networks(const struct entry *entry)
{
	const struct json *live = json_get(entry->live, "networks");

	return live ? live : json_get(entry->message, "networks");
}

const struct json *entry_ports(const struct entry *entry)
{
	return entry->state == ENTRY_RUNNING ? json_get(entry->live, "ports") : NULL;
}

void entry_command(const struct entry *entry, char *text, size_t size)
{
	size_t used = 0;

	text[0] = 0;
	json_each(argument, json_get(entry_summary(entry), "argv")) {
		if (used + 1 >= size)
			return;
		/* The program's own name never, as with docker. */
		const char *mark = used && strchr(argument->string, ' ') ? "'" : "";

		used += (size_t)snprintf(text + used, size - used, "%s%s%s%s", used ? " " : "", mark, argument->string, mark);
	}
}
