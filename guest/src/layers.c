#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "io.h"
#include "kernel.h"
#include "layers.h"
#include "ns.h"

#define FILES RUN_NEST "/9p/layers"
#define EROFS_MAGIC 0xe0f5e1e2u

int layer_hex(const char *diff_id, char hex[65], struct err *e)
{
	if (!diff_id || strncmp(diff_id, "sha256:", 7) != 0 || strlen(diff_id) != 7 + 64 ||
	    strspn(diff_id + 7, "0123456789abcdef") != 64)
		return err_set(e, 125, "\"%.80s\" is not a layer's digest", diff_id ? diff_id : "");
	strcpy(hex, diff_id + 7);
	return 0;
}

int layers_prepare(struct err *e)
{
	if (mkdir(LAYERS_BASE, 0700) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make " LAYERS_BASE);
	return 0;
}

static bool mounted(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (uint32_t)fs.f_type == EROFS_MAGIC;
}

/* The erofs image as a mount of its own; the file is the backing store, no loop device (busybox mount would make one). */
static int mount_base(const char *hex, struct err *e)
{
	char path[128], source[128];

	snprintf(path, sizeof(path), LAYERS_BASE "/%s", hex);
	snprintf(source, sizeof(source), FILES "/%s.erofs", hex);
	if (mounted(path))
		return 0;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make %s", path);
	_cleanup_fd_ int fs = sys_fsopen("erofs");

	if (fs < 0)
		return err_errno(e, 125, "erofs");
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(e, 125, "layer %.12s", hex);
	_cleanup_fd_ int mount_fd = sys_fsmount(fs, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV);

	if (mount_fd < 0 || sys_move_mount(mount_fd, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(e, 125, "mount layer %.12s", hex);
	return 0;
}

static int mount_mapped(const char *hex, int level, int user_ns, struct err *e)
{
	const struct mount_attr map = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_ns};
	char base[128], path[128];

	snprintf(base, sizeof(base), LAYERS_BASE "/%s", hex);
	snprintf(path, sizeof(path), LAYERS "/%d/%s", level, hex);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make %s", path);
	_cleanup_fd_ int tree = sys_open_tree(AT_FDCWD, base, OPEN_TREE_CLONE);

	if (tree < 0 || sys_mount_setattr(tree, "", AT_EMPTY_PATH, &map) < 0 ||
	    sys_move_mount(tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(e, 125, "map layer %.12s for level %d", hex, level + 1);
	return 0;
}

int layers_mount(const struct json *diff_ids, int level, struct err *e)
{
	char dir[64], path[128], hex[65];
	_cleanup_fd_ int lock = -1, user_ns = -1;
	size_t count = 0;

	if (level < 0 || level > LEVEL_MAX)
		return err_set(e, 125, "level %d is out of range", level);
	if (!diff_ids || diff_ids->kind != JSON_ARRAY || diff_ids->length > LAYERS_MAX)
		return err_set(e, 125, "a list of at most %d layers is wanted", LAYERS_MAX);
	snprintf(dir, sizeof(dir), LAYERS "/%d", level);
	json_each(item, diff_ids) {
		if (item->kind != JSON_STRING || layer_hex(item->string, hex, e) < 0)
			return err_set(e, 125, "a layer is not named by its digest");
		snprintf(path, sizeof(path), "%s/%s", dir, hex);
		count += !mounted(path);
	}
	if (count == 0)
		return 0;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make %s", dir);
	/* Monitors of several containers may want the same layer at once. */
	lock = open(LAYERS_BASE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_errno(e, 125, "lock " LAYERS_BASE);
	json_each(item, diff_ids) {
		if (layer_hex(item->string, hex, e) < 0)
			return -1;
		snprintf(path, sizeof(path), "%s/%s", dir, hex);
		if (mounted(path))
			continue;
		if (mount_base(hex, e) < 0)
			return -1;
		if (user_ns < 0 && (user_ns = ns_user((uint32_t)(level + 1) * ID_SHIFT, ID_SHIFT, e)) < 0)
			return -1;
		if (mount_mapped(hex, level, user_ns, e) < 0)
			return -1;
	}
	return 0;
}

static bool listed(const struct json *keep, const char *hex)
{
	json_each(item, keep)
		if (item->kind == JSON_STRING && strncmp(item->string, "sha256:", 7) == 0 && strcmp(item->string + 7, hex) == 0)
			return true;
	return false;
}

int layers_forget(const struct json *keep, struct err *e)
{
	_cleanup_fd_ int lock = open(LAYERS_BASE, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[400];

	if (lock < 0 || flock(lock, LOCK_EX) < 0)
		return err_errno(e, 125, "lock " LAYERS_BASE);
	DIR *list = opendir(LAYERS_BASE);
	struct dirent *entry;

	if (!list)
		return err_errno(e, 125, "open " LAYERS_BASE);
	while ((entry = readdir(list))) {
		if (entry->d_name[0] == '.' || listed(keep, entry->d_name))
			continue;
		/* Lazily: a container of a deeper level that still runs on the layer keeps it until it ends. */
		for (int level = 0; level <= LEVEL_MAX; level++) {
			snprintf(path, sizeof(path), LAYERS "/%d/%s", level, entry->d_name);
			if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
				rmdir(path);
		}
		snprintf(path, sizeof(path), LAYERS_BASE "/%s", entry->d_name);
		if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
			rmdir(path);
	}
	closedir(list);
	return 0;
}
