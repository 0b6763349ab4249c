#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "dev.h"
#include "io.h"
#include "kernel.h"
#include "mounts.h"

const struct dev_node dev_nodes[DEV_NODES] = {
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

const char *const dev_links[DEV_LINKS][2] = {
	{"ptmx", "pts/ptmx"},          {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},
};

int dev_make(int level, uid_t owner, int64_t size, struct err *e)
{
	char id[16], bytes[24];

	snprintf(id, sizeof(id), "%u", owner);
	snprintf(bytes, sizeof(bytes), "%lld", (long long)size);
	const char *const options[][2] = {{"mode", "755"}, {"size", bytes}, {"uid", id}, {"gid", id}, {NULL, NULL}};
	_cleanup_fd_ int dev = mount_new("tmpfs", options, MOUNT_ATTR_NOSUID, e);

	if (dev < 0)
		return -1;
	/* They stay the guest host's root's, so the container cannot change their modes. */
	for (size_t i = 0; level == 0 && i < DEV_NODES; i++)
		if (mknodat(dev, dev_nodes[i].name, S_IFCHR | 0666, makedev(dev_nodes[i].major, dev_nodes[i].minor)) < 0)
			return err_errno(e, 125, "make /dev/%s", dev_nodes[i].name);
	return take_fd(&dev);
}

int dev_bind_node(int dev, const char *name, const char *source, dev_t device, struct err *e)
{
	_cleanup_fd_ int tree = sys_open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);
	struct stat st;

	if (tree < 0 || fstat(tree, &st) < 0)
		return err_errno(e, 125, "clone %s", source);
	if ((!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode)) || st.st_rdev != device)
		return err_set(e, 125, "%s is not the device it should be", source);
	if (mknodat(dev, name, S_IFREG | 0666, 0) < 0 && errno != EEXIST)
		return err_errno(e, 125, "create /dev/%s", name);
	if (sys_move_mount(tree, "", dev, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(e, 125, "mount /dev/%s", name);
	return 0;
}

int dev_fill(int dev, int level, int console, struct err *e)
{
	static const char *const directories[] = {"pts", "mqueue"};
	char path[32];

	for (size_t i = 0; i < array_size(directories); i++)
		if (mkdirat(dev, directories[i], 0755) < 0)
			return err_errno(e, 125, "make /dev/%s", directories[i]);
	if (mkdirat(dev, "shm", 01777) < 0)
		return err_errno(e, 125, "make /dev/shm");
	for (size_t i = 0; i < DEV_LINKS; i++)
		if (symlinkat(dev_links[i][1], dev, dev_links[i][0]) < 0)
			return err_errno(e, 125, "link /dev/%s", dev_links[i][0]);
	/* mknod is refused in a user namespace, so there nodes are bind mounts on empty files. */
	for (size_t i = 0; level > 0 && i < DEV_NODES; i++) {
		snprintf(path, sizeof(path), "/dev/%s", dev_nodes[i].name);
		if (dev_bind_node(dev, dev_nodes[i].name, path, makedev(dev_nodes[i].major, dev_nodes[i].minor), e) < 0)
			return -1;
	}
	if (console >= 0) {
		struct stat st;

		/* The level's own /dev/pts, which no container can write; dev_bind_node checks that it is our slave all the same. */
		if (fstat(console, &st) < 0)
			return err_errno(e, 125, "terminal");
		snprintf(path, sizeof(path), "/dev/pts/%u", minor(st.st_rdev));
		if (dev_bind_node(dev, "console", path, st.st_rdev, e) < 0)
			return -1;
	}
	return 0;
}
