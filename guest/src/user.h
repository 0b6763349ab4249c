/* Users of an image: USER and --user looked up in its own /etc/passwd and /etc/group, without NSS (CVE-2019-14271). */
#pragma once
#include <sys/types.h>
#include "err.h"
#include "json.h"

#define USER_GROUPS_MAX 64

struct user {
	uid_t uid;
	gid_t gid;
	gid_t groups[USER_GROUPS_MAX];
	size_t group_count;
	char home[256];
};

/*
 * "", "name", "uid", each with ":group" or ":gid". `root` is a descriptor of the container's root. `join`: names or numbers of
 * groups besides, or NULL.
 */
int user_find(int root, const char *text, const struct json *join, struct user *user, struct err *e);
/* The same on the files' text (NULL: file missing). */
int user_parse(const char *passwd, const char *group, const char *text, struct user *user, struct err *e);
/* One group more. */
int user_join(const char *group, const char *name, struct user *user, struct err *e);
