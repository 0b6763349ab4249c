#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include "io.h"
#include "kernel.h"
#include "level.h"
#include "path.h"
#include "volumes.h"

/* The source is opened once and never by name again. Symlinks are refused: a container may have put them there. */
static int open_source(const char *path, struct err *e)
{
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (root < 0)
		return err_errno(e, 125, "open /");
	fd = root_open_plain(root, path, e);
	if (fd < 0 && errno == ENOENT) {
		_cleanup_fd_ int made = root_mkdirs(root, path, 0755, e);

		fd = made < 0 ? -1 : root_open_plain(root, path, e);
	}
	if (fd < 0)
		return err_context(e, "bind source (symlinks on the way are refused)");
	return fd;
}

int volume_open(const struct bind *bind, int user_ns, struct err *e)
{
	const struct mount_attr map = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)user_ns};
	const struct mount_attr safe = {
		/* A volume becomes read-only in the container, after what the image has there was copied (rootfs.c). */
		.attr_set = MOUNT_ATTR_NODEV | (bind->read_only && !bind->volume ? MOUNT_ATTR_RDONLY : 0),
		.propagation = MS_PRIVATE,
	};
	char path[4096 + 32];

	if (bind->volume)
		snprintf(path, sizeof(path), VOLUMES "/%.128s/_data", bind->source);
	else
		snprintf(path, sizeof(path), "%s", bind->source);
	_cleanup_fd_ int source = open_source(path, e);
	if (source < 0)
		return -1;
	if (*bind->subpath) {
		/* Containers write in there: a link leads at worst elsewhere in the same volume (CVE-2021-25741). */
		int below = root_open(source, bind->subpath, e);

		if (below < 0)
			return err_context(e, "volume %s, subpath %.200s", bind->source, bind->subpath);
		close(source);
		source = below;
	}
	_cleanup_fd_ int tree = sys_open_tree(source, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);

	if (tree < 0)
		return err_errno(e, 125, "bind %s", path);
	/*
	 * File systems that cannot be id-mapped (overlay, so everything but volumes and tmpfs inside a container; 9P) are bound
	 * as they are: readable as far as their modes allow, owned by nobody.
	 */
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH, &map) < 0 && errno != EINVAL && errno != EPERM)
		return err_errno(e, 125, "map the ids of %s", path);
	if (sys_mount_setattr(tree, "", AT_EMPTY_PATH, &safe) < 0)
		return err_errno(e, 125, "bind %s", path);
	return take_fd(&tree);
}
