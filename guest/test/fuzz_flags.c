/* Values of flags as anybody may type them, and lines of files that come with images and lessons: what is taken keeps its promise. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "device.h"
#include "keyvalue.h"
#include "mountflag.h"
#include "spec.h"
#include "sysctl.h"
#include "tmpfs.h"
#include "ulimit.h"

static void try_mount(const char *text)
{
	static struct mountflag mount;
	static struct bind bind;
	struct tmpfs tmpfs;

	if (mountflag_parse(text, &mount, NULL) < 0)
		return;
	must(!mount.bind || *mount.source == '/');
	if (mount.tmpfs)
		(void)tmpfs_parse(mount.text, &tmpfs, NULL);
	else if (spec_bind(mount.text, &bind, NULL) == 0)
		must(*bind.target == '/' && !strstr(bind.target, ".."));
}

static void try_device(const char *text)
{
	struct device device;

	if (device_parse(text, &device, NULL) < 0)
		return;
	must(strncmp(device.source, "/dev/", 5) == 0 && *device.name && *device.name != '/');
	must(!strstr(device.source, "/.") && !strstr(device.name, "/.") && *device.name != '.');
	must(device.permissions[strspn(device.permissions, "rwm")] == 0);
}

static void try_sysctl(const char *text)
{
	static const char *const trees[] = {"net.", "kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue."};
	size_t key = strcspn(text, "="), i = 0;

	(void)time_offset_check(text, NULL);
	if (sysctl_check(text, NULL) < 0)
		return;
	while (i < 5 && strncmp(text, trees[i], strlen(trees[i])) != 0)
		i++;
	must(i < 5 && memchr(text, '/', key) == NULL);
	for (size_t at = 0; at + 1 < key; at++)
		must(text[at] != '.' || text[at + 1] != '.');
}

static void try_line(const char *text)
{
	struct jsonw w = {0};

	jsonw_array(&w, NULL);
	(void)keyvalue_line(&w, strlen(text) & 1, "file", 1, text, NULL);
	jsonw_end_array(&w);
	struct json *list = json_parse(w.data, w.length, NULL);

	must(list && list->kind == JSON_ARRAY && list->length <= 1);
	json_free(list);
	jsonw_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tmpfs tmpfs;
	struct ulimit limit;
	const char *address;

	if (!size)
		return 0;
	char *text = strndup((const char *)data + 1, size - 1);

	switch (data[0] % 7) {
	case 0:
		try_mount(text);
		break;
	case 1:
		try_device(text);
		break;
	case 2:
		try_sysctl(text);
		break;
	case 3:
		try_line(text);
		break;
	case 4:
		if (tmpfs_parse(text, &tmpfs, NULL) == 0)
			must(*tmpfs.target == '/' && !strstr(tmpfs.target, ".."));
		break;
	case 5:
		if (ulimit_parse(text, &limit, NULL) == 0)
			must(limit.limit.rlim_cur <= limit.limit.rlim_max);
		break;
	case 6:
		if (spec_add_host(text, &address, NULL) > 0)
			must(*address && address > text);
		(void)label_check(text, NULL);
		break;
	}
	free(text);
	return 0;
}
