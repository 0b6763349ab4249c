/* linux.resources.devices as a filter of the container's cgroup. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "device_filter.h"
#include "level.h"
#include "oci.h"

static uint32_t number(const struct json *rule, const char *name)
{
	double value = json_number(rule, name, -1);

	return value < 0 ? DEVICE_ANY : (uint32_t)value;
}

static int parse(const struct json *json, struct device_rule *rule, struct err *e)
{
	const char *type = json_string(json, "type", "a"), *access = json_string(json, "access", "rwm");

	*rule = (struct device_rule){.type = *type,
				     .allow = json_bool(json, "allow", false),
				     .access = device_access(access),
				     .major = number(json, "major"),
				     .minor = number(json, "minor")};
	if (!*type || type[1] || !strchr("abc", *type))
		return err_set(e, 1, "config: linux.resources.devices: type \"%.20s\" is none of a, b and c", type);
	if (!rule->access)
		return err_set(e, 1, "config: linux.resources.devices: access \"%.20s\" is not of the letters r, w and m",
			       access);
	if (json_number(json, "major", 0) > UINT32_MAX || json_number(json, "minor", 0) > UINT32_MAX)
		return err_set(e, 1, "config: linux.resources.devices: no device has such a number");
	/* "a" is all of them, whatever else is said. */
	if (rule->type == 'a')
		rule->major = rule->minor = DEVICE_ANY;
	return 0;
}

int oci_devices(int cgroup, const struct json *list, struct err *e)
{
	static struct device_rule rules[DEVICE_RULES_MAX];
	bool narrow = false;
	struct level level;
	size_t count = 0;

	json_each(item, list) {
		if (count == DEVICE_RULES_MAX)
			return err_set(e, 1, "config: linux.resources.devices: more than %d", DEVICE_RULES_MAX);
		if (parse(item, &rules[count], e) < 0)
			return -1;
		narrow |= !rules[count].allow && (rules[count].type != 'a' || rules[count].access != DEVICE_ALL);
		count++;
	}
	if (device_filter(cgroup, rules, count, e) == 0)
		return 0;
	/*
	 * The kernel lets nobody in a user namespace load one. Nobody there can make devices either, so only those the level has
	 * itself can be in reach: a list that merely opens some of them changes nothing.
	 */
	if (e->sys == EPERM && !narrow && level_load(&level, NULL) == 0 && level.number > 0) {
		*e = (struct err){0};
		return 0;
	}
	return err_context(e, "config: linux.resources.devices");
}
