#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "path.h"
#include "user.h"

#define FILE_MAX (1 << 20)

/* Whole text, digits only, below 2^32 - 1: "1000 ", "0x0", "-1" are no numbers (CVE-2026-30892). */
static bool number(const char *text, size_t length, unsigned *value)
{
	unsigned long long n = 0;

	if (length == 0 || length > 10)
		return false;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		n = n * 10 + (unsigned)(text[i] - '0');
	}
	*value = (unsigned)n;
	return n < 0xffffffffull;
}

struct field {
	const char *at;
	size_t length;
};

/* Splits the line at *cursor at ':' and moves on; how many of `count` fields there are, 0 at the end. */
static size_t line_fields(const char **cursor, struct field *fields, size_t count)
{
	const char *at = *cursor;
	size_t length = strcspn(at, "\n"), used = 0;

	if (!*at)
		return 0;
	*cursor = at + length + (at[length] == '\n');
	for (const char *end = at + length; used < count; used++) {
		const char *colon = memchr(at, ':', (size_t)(end - at));

		fields[used] = (struct field){at, (size_t)((colon && used + 1 < count ? colon : end) - at)};
		if (!colon) {
			used++;
			break;
		}
		at = colon + 1;
	}
	/* Never 0 for a line that is there, even an empty one. */
	return used ? used : 1;
}

static bool same(const struct field *field, const char *text, size_t length)
{
	return field->length == length && memcmp(field->at, text, length) == 0;
}

static int find_passwd(const char *passwd, const char *name, size_t length, struct user *user, bool *found)
{
	unsigned wanted, uid, gid;
	bool numeric = number(name, length, &wanted);
	struct field f[7];
	size_t count;

	*found = false;
	while (passwd && (count = line_fields(&passwd, f, array_size(f)))) {
		if (count < 6 || !number(f[2].at, f[2].length, &uid) || !number(f[3].at, f[3].length, &gid))
			continue;
		if (!same(&f[0], name, length) && !(numeric && uid == wanted))
			continue;
		user->uid = uid;
		user->gid = gid;
		if (f[5].length && f[5].length < sizeof(user->home) && f[5].at[0] == '/') {
			memcpy(user->home, f[5].at, f[5].length);
			user->home[f[5].length] = 0;
		}
		*found = true;
		return 0;
	}
	if (!numeric)
		return -1;
	user->uid = wanted;
	return 0;
}

static int find_group(const char *group, const char *name, gid_t *id)
{
	unsigned wanted, gid;
	bool numeric = number(name, strlen(name), &wanted);
	struct field f[4];
	size_t count;

	while (group && (count = line_fields(&group, f, array_size(f)))) {
		if (count < 3 || !number(f[2].at, f[2].length, &gid))
			continue;
		if (same(&f[0], name, strlen(name)) || (numeric && gid == wanted)) {
			*id = gid;
			return 0;
		}
	}
	if (!numeric)
		return -1;
	*id = wanted;
	return 0;
}

static bool member(const struct field *list, const char *name, size_t length)
{
	const char *at = list->at, *end = list->at + list->length;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		struct field one = {at, (size_t)((comma ? comma : end) - at)};

		if (same(&one, name, length))
			return true;
		at += one.length + 1;
	}
	return false;
}

/* The groups that list this name; without an explicit group only, as docker does it. */
static void add_groups(const char *group, const char *name, size_t length, struct user *user)
{
	struct field f[4];
	unsigned gid;
	size_t count;

	while (group && (count = line_fields(&group, f, array_size(f)))) {
		if (count < 4 || !number(f[2].at, f[2].length, &gid) || !member(&f[3], name, length))
			continue;
		if (user->group_count < USER_GROUPS_MAX)
			user->groups[user->group_count++] = gid;
	}
}

/* The name that goes with a uid, for its groups. */
static struct field name_of(const char *passwd, unsigned uid)
{
	struct field f[7];
	unsigned have;
	size_t count;

	while (passwd && (count = line_fields(&passwd, f, array_size(f))))
		if (count >= 6 && number(f[2].at, f[2].length, &have) && have == uid)
			return f[0];
	return (struct field){"", 0};
}

int user_parse(const char *passwd, const char *group, const char *text, struct user *user, struct err *e)
{
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : strlen(text);
	bool found;

	*user = (struct user){.home = "/"};
	if (length == 0) {
		text = "0";
		length = 1;
	}
	if (find_passwd(passwd, text, length, user, &found) < 0)
		return err_set(e, 125, "unable to find user %.*s: no matching entries in passwd file",
			       (int)(length > 80 ? 80 : length), text);
	if (!found && user->uid == 0)
		strcpy(user->home, "/root");
	if (colon && colon[1]) {
		if (find_group(group, colon + 1, &user->gid) < 0)
			return err_set(e, 125, "unable to find group %.80s: no matching entries in group file", colon + 1);
		return 0;
	}
	struct field name = name_of(passwd, user->uid);

	if (name.length)
		add_groups(group, name.at, name.length, user);
	return 0;
}

int user_join(const char *group, const char *name, struct user *user, struct err *e)
{
	gid_t id;

	if (find_group(group, name, &id) < 0)
		return err_set(e, 125, "unable to find group %.80s: no matching entries in group file", name);
	for (size_t i = 0; i < user->group_count; i++)
		if (user->groups[i] == id)
			return 0;
	if (user->group_count == USER_GROUPS_MAX)
		return err_set(e, 125, "more than %d groups", USER_GROUPS_MAX);
	user->groups[user->group_count++] = id;
	return 0;
}

int user_find(int root, const char *text, const struct json *join, struct user *user, struct err *e)
{
	/* Missing or unusable files leave numbers as the only names, which the error then says. */
	_cleanup_free_ char *passwd = root_read(root, "/etc/passwd", FILE_MAX, NULL);
	_cleanup_free_ char *group = root_read(root, "/etc/group", FILE_MAX, NULL);

	if (user_parse(passwd, group, text, user, e) < 0)
		return -1;
	json_each(name, join)
		if (user_join(group, name->string, user, e) < 0)
			return -1;
	return 0;
}
