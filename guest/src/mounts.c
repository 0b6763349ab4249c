#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "io.h"
#include "kernel.h"
#include "mounts.h"
#include "path.h"

#define NOSUID MOUNT_ATTR_NOSUID
#define NODEV MOUNT_ATTR_NODEV
#define NOEXEC MOUNT_ATTR_NOEXEC
#define RDONLY MOUNT_ATTR_RDONLY

static const char *const no_options[][2] = {{NULL, NULL}};
static const char *const dev_options[][2] = {{"mode", "755"}, {"size", "65536k"}, {NULL, NULL}};
static const char *const pts_options[][2] = {{"ptmxmode", "0666"}, {"mode", "0620"}, {"gid", "5"}, {NULL, NULL}};
static const char *const shm_options[][2] = {{"mode", "1777"}, {"size", "67108864"}, {NULL, NULL}};

static const struct {
	const char *type, *at;
	const char *const (*options)[2];
	unsigned attributes, nest_attributes;
} systems[] = {
	/* order matters: a mount's place must be there */
	{"proc", "/proc", no_options, NOSUID | NODEV | NOEXEC, NOSUID | NODEV | NOEXEC},
	{"sysfs", "/sys", no_options, NOSUID | NODEV | NOEXEC | RDONLY, NOSUID | NODEV | NOEXEC | RDONLY},
	{"cgroup2", "/sys/fs/cgroup", no_options, NOSUID | NODEV | NOEXEC | RDONLY, NOSUID | NODEV | NOEXEC},
	{"tmpfs", "/dev", dev_options, NOSUID, NOSUID},
	{"devpts", "/dev/pts", pts_options, NOSUID | NOEXEC, NOSUID | NOEXEC},
	{"tmpfs", "/dev/shm", shm_options, NOSUID | NODEV | NOEXEC, NOSUID | NODEV | NOEXEC},
	{"mqueue", "/dev/mqueue", no_options, NOSUID | NODEV | NOEXEC, NOSUID | NODEV | NOEXEC},
};

static const struct {
	const char *name;
	unsigned major, minor;
} nodes[] = {
	{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};

static const struct {
	const char *name, *target;
} links[] = {
	{"ptmx", "pts/ptmx"},          {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}, {"core", "/proc/kcore"},
};

/* moby's list of 2026, as far as our kernel has any of it; relative to /proc and /sys. */
static const char *const proc_masked[] = {"acpi",        "asound", "interrupts", "kcore",       "keys",     "latency_stats",
					  "sched_debug", "scsi",   "timer_list", "timer_stats", "config.gz"};
static const char *const sys_masked[] = {"firmware", "devices/virtual/powercap"};
static const char *const proc_read_only[] = {"bus", "fs", "irq", "sys", "sysrq-trigger"};

int mount_new(const char *type, const char *const options[][2], unsigned attributes, struct err *e)
{
	_cleanup_fd_ int fs = sys_fsopen(type);

	if (fs < 0)
		return err_errno(e, 125, "%s", type);
	/* What `mount` and `df` show in front. */
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0) < 0)
		return err_errno(e, 125, "%s source", type);
	for (; (*options)[0]; options++) {
		unsigned command = (*options)[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		if (sys_fsconfig(fs, command, (*options)[0], (*options)[1], 0) < 0)
			return err_errno(e, 125, "%s option %s", type, (*options)[0]);
	}
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(e, 125, "%s", type);
	int fd = sys_fsmount(fs, attributes);

	return fd < 0 ? err_errno(e, 125, "%s", type) : fd;
}

int mount_attach(int mount, int at, const char *what, struct err *e)
{
	if (sys_move_mount(mount, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_errno(e, 125, "mount %s", what);
	return 0;
}

/*
 * A place for one of ours: a real directory reached without any symlink. An image whose /dev is a link would otherwise choose
 * where our nodes go (CVE-2026-41579, CVE-2019-19921).
 */
static int system_place(int root, const char *path, struct err *e)
{
	int fd = root_open_plain(root, path, e);

	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? err_context(e, "the image's %s is unusable", path) : fd;
	_cleanup_fd_ int made = root_mkdirs(root, path, 0755, e);

	return made < 0 ? -1 : root_open_plain(root, path, e);
}

/* A bind mount of a device file of the level above, once it is known to be what its name says. */
static int device_clone(const char *path, dev_t device, struct err *e)
{
	_cleanup_fd_ int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, 125, "open %s", path);
	if (!S_ISCHR(st.st_mode) || st.st_rdev != device)
		return err_set(e, 125, "%s is not the device it should be", path);
	int tree = sys_open_tree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);

	return tree < 0 ? err_errno(e, 125, "clone %s", path) : tree;
}

/* mknod is refused in a user namespace, so nodes are bind mounts on empty files of our own tmpfs. */
static int bind_node(int dev, const char *name, const char *source, dev_t device, struct err *e)
{
	_cleanup_fd_ int file = openat(dev, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
	_cleanup_fd_ int tree = device_clone(source, device, e);

	if (file < 0)
		return err_errno(e, 125, "create /dev/%s", name);
	if (tree < 0)
		return -1;
	if (sys_move_mount(tree, "", dev, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(e, 125, "mount /dev/%s", name);
	return 0;
}

static int fill_dev(int dev, int console, struct err *e)
{
	static const char *const directories[] = {"pts", "shm", "mqueue"};
	char path[32];

	for (size_t i = 0; i < array_size(directories); i++)
		if (mkdirat(dev, directories[i], 0755) < 0)
			return err_errno(e, 125, "make /dev/%s", directories[i]);
	for (size_t i = 0; i < array_size(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0)
			return err_errno(e, 125, "link /dev/%s", links[i].name);
	for (size_t i = 0; i < array_size(nodes); i++) {
		snprintf(path, sizeof(path), "/dev/%s", nodes[i].name);
		if (bind_node(dev, nodes[i].name, path, makedev(nodes[i].major, nodes[i].minor), e) < 0)
			return -1;
	}
	if (console >= 0) {
		struct stat st;

		/* The level's own /dev/pts, which no container can write; device_clone checks that it is our slave all the same. */
		if (fstat(console, &st) < 0)
			return err_errno(e, 125, "terminal");
		snprintf(path, sizeof(path), "/dev/pts/%u", minor(st.st_rdev));
		if (bind_node(dev, "console", path, st.st_rdev, e) < 0)
			return -1;
	}
	return 0;
}

/* Hides files under /dev/null and directories under one shared empty tmpfs. What the kernel does not have needs no hiding. */
static int mask(int base, const char *const *names, size_t count, int dev, int *empty, struct err *e)
{
	static const char *const empty_options[][2] = {{"nr_inodes", "2"}, {"mode", "555"}, {NULL, NULL}};

	for (size_t i = 0; i < count; i++) {
		_cleanup_fd_ int at = sys_openat2(base, names[i], O_PATH | O_NOFOLLOW, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
		_cleanup_fd_ int over = -1;
		struct stat st;

		if (at < 0 && errno == ENOENT)
			continue;
		if (at < 0 || fstat(at, &st) < 0)
			return err_errno(e, 125, "hide %s", names[i]);
		if (!S_ISDIR(st.st_mode)) {
			over = sys_open_tree(dev, "null", OPEN_TREE_CLONE);
		} else if (*empty < 0) {
			*empty = mount_new("tmpfs", empty_options, NOSUID | NODEV | NOEXEC | RDONLY, e);
			if (*empty < 0 || mount_attach(*empty, at, names[i], e) < 0)
				return -1;
			continue;
		} else {
			over = sys_open_tree(*empty, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
		}
		if (over < 0)
			return err_errno(e, 125, "hide %s", names[i]);
		if (mount_attach(over, at, names[i], e) < 0)
			return -1;
	}
	return 0;
}

static int make_read_only(int proc, struct err *e)
{
	const struct mount_attr read_only = {.attr_set = RDONLY | NOSUID | NODEV | NOEXEC};

	for (size_t i = 0; i < array_size(proc_read_only); i++) {
		_cleanup_fd_ int tree = sys_open_tree(proc, proc_read_only[i], OPEN_TREE_CLONE | AT_RECURSIVE);

		if (tree < 0 && errno == ENOENT)
			continue;
		if (tree < 0 || sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only) < 0 ||
		    sys_move_mount(tree, "", proc, proc_read_only[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return err_errno(e, 125, "make /proc/%s read-only", proc_read_only[i]);
	}
	return 0;
}

/*
 * Instances with nothing hidden: the kernel lets a nested container mount its own proc and sysfs only where such ones are
 * visible (mount_too_revealing). They show this container's own namespaces and give nothing away.
 */
static int unmasked(int dev, struct err *e)
{
	static const char *const types[] = {"proc", "sysfs"}, *const places[] = {".nest/proc", ".nest/sys"};

	if (mkdirat(dev, ".nest", 0700) < 0)
		return err_errno(e, 125, "make /dev/.nest");
	for (size_t i = 0; i < array_size(types); i++) {
		_cleanup_fd_ int mount = mount_new(types[i], no_options, NOSUID | NODEV | NOEXEC, e);

		if (mount < 0)
			return -1;
		if (mkdirat(dev, places[i], 0555) < 0 || sys_move_mount(mount, "", dev, places[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return err_errno(e, 125, "mount /dev/%s", places[i]);
	}
	return 0;
}

int mounts_system(int root, enum profile profile, int console, struct err *e)
{
	int made[array_size(systems)];
	_cleanup_fd_ int proc = -1, sys = -1, dev = -1, empty = -1;

	for (size_t i = 0; i < array_size(systems); i++) {
		bool privileged_sys = profile == PROFILE_PRIVILEGED && strcmp(systems[i].type, "sysfs") == 0;
		unsigned attributes = profile == PROFILE_PLAIN ? systems[i].attributes : systems[i].nest_attributes;
		_cleanup_fd_ int at = system_place(root, systems[i].at, e);

		if (at < 0)
			return -1;
		made[i] = mount_new(systems[i].type, systems[i].options,
				    privileged_sys ? attributes & ~(unsigned)RDONLY : attributes, e);
		if (made[i] < 0 || mount_attach(made[i], at, systems[i].at, e) < 0)
			return -1;
		if (strcmp(systems[i].at, "/proc") == 0)
			proc = made[i];
		else if (strcmp(systems[i].at, "/sys") == 0)
			sys = made[i];
		else if (strcmp(systems[i].at, "/dev") == 0 && fill_dev(dev = made[i], console, e) < 0)
			return -1;
		if (proc != made[i] && sys != made[i] && dev != made[i])
			close(made[i]);
	}
	if (profile != PROFILE_PLAIN && unmasked(dev, e) < 0)
		return -1;
	if (profile == PROFILE_PRIVILEGED)
		return 0;
	if (mask(proc, proc_masked, array_size(proc_masked), dev, &empty, e) < 0 ||
	    mask(sys, sys_masked, array_size(sys_masked), dev, &empty, e) < 0)
		return -1;
	return make_read_only(proc, e);
}
