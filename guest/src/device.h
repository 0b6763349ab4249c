/* --device: device files of the level in a container's /dev. */
#pragma once
#include <sys/types.h>
#include "err.h"
#include "json.h"

struct device {
	char source[128]; /* "/dev/net/tun" of the level */
	char name[128];   /* "net/tun" below the container's /dev */
	bool read, write;
	char permissions[4]; /* as given, "rwm" without */
};

/* "SOURCE[:TARGET][:rwm]" */
int device_parse(const char *text, struct device *device, struct err *e);
int device_check(const char *text, struct err *e);
/* Whether the level has them all, before anything is made. `level`: its number. */
int devices_check(const struct json *list, int level, struct err *e);
/*
 * Into `dev`, a /dev of our own. At level 0 as nodes: the guest host's root owns them, so that the container cannot change their
 * modes, and `group`, the container's root, has the permissions asked for. Deeper as binds of the level's own nodes.
 */
int devices_make(int dev, const struct json *list, int level, gid_t group, struct err *e);
/* For a container without a user namespace: its cgroup may use no others than these and what every container has. */
int devices_filter(int cgroup, const struct json *list, struct err *e);
