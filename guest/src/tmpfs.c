#include <stdbool.h>
#include <string.h>
#include "io.h"
#include "kernel.h"
#include "mounts.h"
#include "spec.h"
#include "tmpfs.h"

/* Device nodes never work in a user namespace's tmpfs, so "dev" changes nothing. */
static const struct {
	const char *name;
	unsigned set, clear;
} words[] = {
	{"async", 0, 0},
	{"atime", 0, MOUNT_ATTR_NOATIME},
	{"dev", 0, 0},
	{"exec", 0, MOUNT_ATTR_NOEXEC},
	{"noatime", MOUNT_ATTR_NOATIME, 0},
	{"nodev", MOUNT_ATTR_NODEV, 0},
	{"noexec", MOUNT_ATTR_NOEXEC, 0},
	{"nosuid", MOUNT_ATTR_NOSUID, 0},
	{"private", 0, 0},
	{"relatime", 0, MOUNT_ATTR_NOATIME},
	{"ro", MOUNT_ATTR_RDONLY, 0},
	{"rprivate", 0, 0},
	{"rw", 0, MOUNT_ATTR_RDONLY},
	{"suid", 0, MOUNT_ATTR_NOSUID},
	{"sync", 0, 0},
};

static const struct {
	const char *name, *digits, *units; /* at most one unit behind the digits */
} values[] = {
	{"gid", "0123456789", ""},
	{"mode", "01234567", ""},
	{"nr_blocks", "0123456789", "kKmMgG"},
	{"nr_inodes", "0123456789", "kKmMgG"},
	{"size", "0123456789", "kKmMgG%"},
	{"uid", "0123456789", ""},
};

static bool value_ok(const char *value, const char *digits, const char *units)
{
	size_t length = strspn(value, digits);

	return length > 0 && length <= 12 && (!value[length] || (strchr(units, value[length]) && !value[length + 1]));
}

/* One option, or -1 when there is no such. `value`: NULL for a word. */
static int option(struct tmpfs *t, const char *text, char *value, size_t *used)
{
	for (size_t i = 0; !value && i < array_size(words); i++)
		if (strcmp(words[i].name, text) == 0) {
			t->attributes = (t->attributes & ~words[i].clear) | words[i].set;
			return 0;
		}
	for (size_t i = 0; value && i < array_size(values); i++)
		if (strcmp(values[i].name, text) == 0 && value_ok(value, values[i].digits, values[i].units)) {
			if (*used + 1 == TMPFS_OPTIONS_MAX)
				return -1;
			t->options[*used][0] = values[i].name;
			t->options[(*used)++][1] = value;
			return 0;
		}
	return -1;
}

int tmpfs_parse(const char *text, struct tmpfs *t, struct err *e)
{
	size_t used = 0;

	*t = (struct tmpfs){.attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC};
	if (strlen(text) >= sizeof(t->text))
		return err_set(e, 125, "invalid mount config for type \"tmpfs\": more than %d characters", TMPFS_TEXT_MAX - 1);
	strcpy(t->text, text);
	t->target = t->text;
	char *next = strchr(t->text, ':');

	if (next)
		*next++ = 0;
	if (spec_target(t->target, e) < 0)
		return err_context(e, "invalid mount config for type \"tmpfs\"");
	while (next && *next) {
		char *one = next, *value;

		next = strchr(one, ',');
		if (next)
			*next++ = 0;
		if ((value = strchr(one, '=')))
			*value++ = 0;
		if (option(t, one, value, &used) < 0)
			return err_set(e, 125, "invalid tmpfs option \"%.80s%s%.80s\"", one, value ? "=" : "",
				       value ? value : "");
	}
	return 0;
}

int tmpfs_check(const char *text, struct err *e)
{
	struct tmpfs tmpfs;

	return tmpfs_parse(text, &tmpfs, e);
}

int tmpfs_make(const struct tmpfs *t, struct err *e)
{
	return mount_new("tmpfs", t->options, t->attributes, e);
}
