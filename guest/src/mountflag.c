#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "io.h"
#include "mountflag.h"

enum { FIELD_MAX = 2048 };

/* The next field of a CSV line, quotes taken off; the position behind it, or NULL when a quote is not closed or it is too long. */
static const char *next_field(const char *at, char field[FIELD_MAX])
{
	bool quoted = *at == '"';
	size_t length = 0;

	for (at += quoted; *at && (quoted || *at != ','); at++) {
		if (*at == '"' && quoted && *++at != '"') {
			quoted = false;
			break;
		}
		if (length + 1 == FIELD_MAX || (*at == '"' && !quoted))
			return NULL;
		field[length++] = *at;
	}
	field[length] = 0;
	return quoted || (*at && *at != ',') ? NULL : at;
}

enum key {
	KEY_TYPE,
	KEY_SOURCE,
	KEY_TARGET,
	KEY_READONLY,
	KEY_PROPAGATION,
	KEY_RECURSIVE,
	KEY_CONSISTENCY,
	KEY_SIZE,
	KEY_MODE,
	KEY_NOCOPY,
	KEY_DRIVER,
	KEY_SUBPATH,
	KEYS
};

static const struct {
	const char *name;
	enum key key;
	const char *of; /* the only type that has it */
} keys[] = {
	{"bind-propagation", KEY_PROPAGATION, "bind"},
	{"bind-recursive", KEY_RECURSIVE, "bind"},
	{"consistency", KEY_CONSISTENCY, NULL},
	{"destination", KEY_TARGET, NULL},
	{"dst", KEY_TARGET, NULL},
	{"readonly", KEY_READONLY, NULL},
	{"ro", KEY_READONLY, NULL},
	{"source", KEY_SOURCE, NULL},
	{"src", KEY_SOURCE, NULL},
	{"target", KEY_TARGET, NULL},
	{"tmpfs-mode", KEY_MODE, "tmpfs"},
	{"tmpfs-size", KEY_SIZE, "tmpfs"},
	{"type", KEY_TYPE, NULL},
	{"volume-driver", KEY_DRIVER, "volume"},
	{"volume-nocopy", KEY_NOCOPY, "volume"},
	{"volume-subpath", KEY_SUBPATH, "volume"},
};

/* 1, 0, or -1 for what is neither; as Go's ParseBool. */
static int boolean(const char *text)
{
	static const char *const words[] = {"0", "1", "f", "t", "false", "true"};

	for (size_t i = 0; i < array_size(words); i++)
		if (strcasecmp(text, words[i]) == 0)
			return (int)(i & 1);
	return -1;
}

struct fields {
	char value[KEYS][FIELD_MAX];
	bool given[KEYS];
	const char *of; /* the type that a special key wants */
	bool read_only, no_copy;
};

static int read_field(const char *text, const char *field, struct fields *f, struct err *e)
{
	const char *equals = strchr(field, '=');
	size_t length = equals ? (size_t)(equals - field) : strlen(field), i = 0;

	while (i < array_size(keys) && (strlen(keys[i].name) != length || strncasecmp(keys[i].name, field, length) != 0))
		i++;
	bool plain = i < array_size(keys) && (keys[i].key == KEY_READONLY || keys[i].key == KEY_NOCOPY);

	if (!equals && !plain)
		return err_set(e, 125, "invalid field '%.80s' must be a key=value pair", field);
	if (i == array_size(keys))
		return err_set(e, 125, "unknown option '%.*s' in '%.80s'", (int)(length > 80 ? 80 : length), field, text);
	enum key key = keys[i].key;

	if (plain) {
		int on = equals ? boolean(equals + 1) : 1;

		if (on < 0)
			return err_set(e, 125, "invalid value for %s: %.80s", keys[i].name, equals + 1);
		*(key == KEY_NOCOPY ? &f->no_copy : &f->read_only) = on;
	}
	if (keys[i].of)
		f->of = keys[i].of;
	f->given[key] = true;
	snprintf(f->value[key], FIELD_MAX, "%s", equals ? equals + 1 : "");
	return 0;
}

/* What there is of Docker's, but not here. */
static int check_special(const struct fields *f, struct err *e)
{
	const char *propagation = f->value[KEY_PROPAGATION], *recursive = f->value[KEY_RECURSIVE];
	const char *mode = f->value[KEY_MODE];

	if (*propagation && strcmp(propagation, "private") != 0 && strcmp(propagation, "rprivate") != 0)
		return err_set(e, 125, "bind-propagation=%.40s: mounts are private to a container here", propagation);
	if (*recursive && strcmp(recursive, "disabled") != 0 && strcmp(recursive, "enabled") != 0)
		return err_set(e, 125, "invalid value for bind-recursive: %.40s", recursive);
	if (f->given[KEY_DRIVER] && strcmp(f->value[KEY_DRIVER], "local") != 0)
		return err_set(e, 125, "error looking up volume plugin %.40s: plugin \"%.40s\" not found", f->value[KEY_DRIVER],
			       f->value[KEY_DRIVER]);
	if (f->given[KEY_MODE] && (!*mode || mode[strspn(mode, "01234567")]))
		return err_set(e, 125, "invalid value for tmpfs-mode: %.40s", mode);
	return 0;
}

static int fits(int length, size_t room, struct err *e)
{
	return length >= 0 && (size_t)length < room ? 0 : err_set(e, 125, "path too long");
}

int mountflag_parse(const char *text, struct mountflag *m, struct err *e)
{
	static struct fields f;
	char field[FIELD_MAX];
	const char *at = text;

	memset(&f, 0, sizeof(f));
	memset(m, 0, sizeof(*m));
	for (bool more = true; more;) {
		at = next_field(at, field);
		if (!at)
			return err_set(e, 125, "parse error in '%.80s'", text);
		more = *at++ == ',';
		if (read_field(text, field, &f, e) < 0)
			return -1;
	}
	const char *type = f.given[KEY_TYPE] ? f.value[KEY_TYPE] : "volume", *source = f.value[KEY_SOURCE];
	const char *target = f.value[KEY_TARGET];

	m->bind = strcasecmp(type, "bind") == 0;
	m->tmpfs = strcasecmp(type, "tmpfs") == 0;
	if (!*type)
		return err_set(e, 125, "type is required");
	if (!*target)
		return err_set(e, 125, "target is required");
	if (!m->bind && !m->tmpfs && strcasecmp(type, "volume") != 0)
		return err_set(e, 125, "invalid mount config for type \"%.40s\": mount type unknown", type);
	if (f.of && strcasecmp(f.of, type) != 0)
		return err_set(e, 125, "cannot mix '%s-*' options with mount type '%.40s'", f.of, type);
	if (check_special(&f, e) < 0)
		return -1;
	if (m->tmpfs ? *source : m->bind && !*source)
		return err_set(e, 125, "invalid mount config for type \"%.40s\": field Source must %s", type,
			       m->tmpfs ? "not be specified" : "not be empty");
	if (strchr(source, ':') || strchr(target, ':') || strpbrk(f.value[KEY_SUBPATH], ":,"))
		return err_set(e, 125, "a path with a colon cannot be mounted");
	if ((m->bind && *source != '/') || (!m->bind && *source == '/'))
		return err_set(e, 125,
			       "invalid mount config for type \"%.40s\": invalid mount path: '%.80s' mount path must be %s", type,
			       source, m->bind ? "absolute" : "a volume's name");
	snprintf(m->source, sizeof(m->source), "%s", source);
	if (m->tmpfs)
		return fits(snprintf(m->text, sizeof(m->text), "%s:%s%s%s%s%s", target, f.read_only ? "ro" : "rw",
				     f.given[KEY_SIZE] ? ",size=" : "", f.value[KEY_SIZE], f.given[KEY_MODE] ? ",mode=" : "",
				     f.value[KEY_MODE]),
			    sizeof(m->text), e);
	/* A volume without a name is its target alone, if there is no more to say of it. */
	char modes[FIELD_MAX + 32];

	snprintf(modes, sizeof(modes), "%s%s%s%s", f.read_only ? ",ro" : "", f.no_copy ? ",nocopy" : "",
		 *f.value[KEY_SUBPATH] ? ",subpath=" : "", f.value[KEY_SUBPATH]);
	if (*modes)
		*modes = ':';
	if (!*source && *modes)
		return err_set(e, 125, "a volume without a name can only be mounted whole and writable");
	return fits(snprintf(m->text, sizeof(m->text), "%s%s%s%s", source, *source ? ":" : "", target, modes), sizeof(m->text),
		    e);
}

int mountflag_check(const char *text, struct err *e)
{
	struct mountflag mount;

	return mountflag_parse(text, &mount, e);
}
