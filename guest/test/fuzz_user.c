/* /etc/passwd and /etc/group as hostile images have them, and what --user and --group-add say: "USER\n" "NAME\n" passwd "\f" group. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text;
	const char *user = strsep(&rest, "\n"), *join = strsep(&rest, "\n"), *passwd = strsep(&rest, "\f"), *group = rest;
	struct user found = {0};
	struct err e = {0};

	if (user_parse(passwd, group, user, &found, &e) < 0) {
		must(e.code && *e.msg);
	} else {
		must(found.group_count <= USER_GROUPS_MAX && memchr(found.home, 0, sizeof(found.home)) && *found.home == '/');
		must(found.uid != (uid_t)-1 && found.gid != (gid_t)-1);
		if (join && user_join(group, join, &found, &e) == 0)
			must(found.group_count <= USER_GROUPS_MAX);
	}
	free(text);
	return 0;
}
