#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "dev.h"
#include "io.h"
#include "kernel.h"
#include "mounts.h"
#include "oci.h"
#include "path.h"
#include "rootfs.h"

enum option_kind { SET, CLEAR, PROPAGATION, BIND, SUPER, NOTHING };

static const struct option {
	const char *name;
	enum option_kind kind;
	unsigned value;
} options[] = {
	{"async", NOTHING, 0},
	{"atime", SET, MOUNT_ATTR_RELATIME},
	{"bind", BIND, 0},
	{"defaults", NOTHING, 0},
	{"dev", CLEAR, MOUNT_ATTR_NODEV},
	{"diratime", CLEAR, MOUNT_ATTR_NODIRATIME},
	{"dirsync", SUPER, 0},
	{"exec", CLEAR, MOUNT_ATTR_NOEXEC},
	{"lazytime", SUPER, 0},
	{"loud", NOTHING, 0},
	{"mand", NOTHING, 0},
	{"noatime", SET, MOUNT_ATTR_NOATIME},
	{"nodev", SET, MOUNT_ATTR_NODEV},
	{"nodiratime", SET, MOUNT_ATTR_NODIRATIME},
	{"noexec", SET, MOUNT_ATTR_NOEXEC},
	{"nomand", NOTHING, 0},
	{"norelatime", SET, MOUNT_ATTR_STRICTATIME},
	{"nostrictatime", SET, MOUNT_ATTR_RELATIME},
	{"nosuid", SET, MOUNT_ATTR_NOSUID},
	{"nosymfollow", SET, MOUNT_ATTR_NOSYMFOLLOW},
	{"private", PROPAGATION, MS_PRIVATE},
	{"rbind", BIND, AT_RECURSIVE},
	{"relatime", SET, MOUNT_ATTR_RELATIME},
	{"ro", SET, MOUNT_ATTR_RDONLY},
	{"rprivate", PROPAGATION, MS_PRIVATE | MS_REC},
	{"rshared", PROPAGATION, MS_SHARED | MS_REC},
	{"rslave", PROPAGATION, MS_SLAVE | MS_REC},
	{"runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC},
	{"rw", CLEAR, MOUNT_ATTR_RDONLY},
	{"shared", PROPAGATION, MS_SHARED},
	{"silent", NOTHING, 0},
	{"slave", PROPAGATION, MS_SLAVE},
	{"strictatime", SET, MOUNT_ATTR_STRICTATIME},
	{"suid", CLEAR, MOUNT_ATTR_NOSUID},
	{"symfollow", CLEAR, MOUNT_ATTR_NOSYMFOLLOW},
	{"sync", SUPER, 0},
	{"unbindable", PROPAGATION, MS_UNBINDABLE},
};

/* One entry of "mounts", its options sorted out. */
struct mounting {
	const char *type, *target;
	size_t index;
	bool bind, remount;
	unsigned bind_flags;                /* AT_RECURSIVE */
	unsigned propagation;               /* MS_…, 0: none asked for */
	struct mount_attr plain, recursive; /* what is set and cleared: of the mount; of all below it, too */
};

static const struct option *find_option(const char *name)
{
	for (size_t i = 0; i < array_size(options); i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

static void change(struct mount_attr *attr, const struct option *option)
{
	uint64_t *to = option->kind == SET ? &attr->attr_set : &attr->attr_clr,
		 *from = option->kind == SET ? &attr->attr_clr : &attr->attr_set;
	bool atime = strstr(option->name, "atime") && !strstr(option->name, "dir");

	if (atime) {
		attr->attr_set &= ~(uint64_t)MOUNT_ATTR__ATIME;
		attr->attr_clr |= MOUNT_ATTR__ATIME;
	}
	*from &= ~(uint64_t)(atime ? 0 : option->value);
	*to |= option->value;
}

/* Sorts the options; those for the file system go to `fs` (fsopen's), if there is one. */
static int sort_options(const struct json *json, struct mounting *m, int fs, struct err *e)
{
	json_each(text, oci_get(json, "options")) {
		const char *name = text->string, *equals = strchr(name, '=');
		const struct option *option = find_option(name), *below = *name == 'r' ? find_option(name + 1) : NULL;
		char key[64];

		if (option && option->kind <= CLEAR) {
			change(&m->plain, option);
		} else if (option && option->kind == PROPAGATION) {
			m->propagation = option->value;
		} else if (option && option->kind == BIND) {
			m->bind = true;
			m->bind_flags |= option->value;
		} else if (strcmp(name, "remount") == 0) {
			m->remount = true;
		} else if (!option && below && below->kind <= CLEAR) {
			change(&m->recursive, below);
		} else if (option && option->kind == NOTHING) {
			continue;
		} else if (fs < 0) {
			/* The first time round, or a bind mount, whose file system is there already. */
			continue;
		} else if (!equals) {
			if (sys_fsconfig(fs, FSCONFIG_SET_FLAG, name, NULL, 0) < 0)
				return err_errno(e, 1, "config: mounts[%zu].options: \"%.60s\"", m->index, name);
		} else {
			snprintf(key, sizeof(key), "%.*s", (int)(equals - name), name);
			if (sys_fsconfig(fs, FSCONFIG_SET_STRING, key, equals + 1, 0) < 0)
				return err_errno(e, 1, "config: mounts[%zu].options: \"%.60s\"", m->index, name);
		}
	}
	return 0;
}

static int mounting(const struct oci_rootfs *r, const struct json *json, size_t index, struct mounting *m, struct err *e)
{
	*m = (struct mounting){
		.type = json_string(json, "type", ""), .target = json_string(json, "destination", ""), .index = index};
	if (sort_options(json, m, -1, e) < 0)
		return -1;
	if (strcmp(m->type, "bind") == 0)
		m->bind = true;
	if (strcmp(m->type, "cgroup") == 0 && !m->bind) {
		m->type = "cgroup2";
		/* Without a namespace of its own a mount would show everybody's. */
		m->bind = !r->cgroup_ns;
	}
	if (!*m->target || strstr(m->target, "/../"))
		return err_set(e, 1, "config: mounts[%zu].destination: \"%.120s\" is not usable", index, m->target);
	return 0;
}

static void source_path(const struct oci_rootfs *r, const struct json *json, const struct mounting *m, char path[PATH_MAX + 64])
{
	const char *source = json_string(json, "source", "");

	if (strcmp(m->type, "cgroup2") == 0)
		snprintf(path, PATH_MAX + 64, "/sys/fs/cgroup%s", r->c->cgroup);
	else
		snprintf(path, PATH_MAX + 64, "%s%s%s", *source == '/' ? "" : r->c->bundle, *source == '/' ? "" : "/", source);
}

/* As who called us, because a path may lead through directories that the container's root may not enter. */
static int open_sources(struct oci_rootfs *r, struct err *e)
{
	const struct json *mounts = oci_get(r->c->config, "mounts");
	char path[PATH_MAX + 64];

	if (mounts && mounts->length > OCI_MOUNTS_MAX)
		return err_set(e, 1, "config: mounts: more than %d", OCI_MOUNTS_MAX);
	json_each(json, mounts) {
		size_t i = r->mount_count++;
		struct mounting m;

		r->sources[i] = -1;
		if (mounting(r, json, i, &m, e) < 0)
			return -1;
		if (!m.bind || m.remount)
			continue;
		source_path(r, json, &m, path);
		r->sources[i] = open(path, O_PATH | O_CLOEXEC);
	}
	return 0;
}

static unsigned propagation_of(const struct json *config)
{
	const struct option *option = find_option(json_string(oci_get(config, "linux"), "rootfsPropagation", ""));

	return option && option->kind == PROPAGATION ? option->value : 0;
}

static int propagate(int fd, const char *path, unsigned value, struct err *e)
{
	const struct mount_attr attr = {.propagation = value & ~(unsigned)MS_REC};

	if (sys_mount_setattr(fd, path, AT_EMPTY_PATH | (value & MS_REC ? AT_RECURSIVE : 0), &attr) < 0)
		return err_errno(e, 1, "propagation of mounts");
	return 0;
}

void oci_rootfs_path(const struct oci *c, char path[PATH_MAX])
{
	const char *root = json_string(oci_get(c->config, "root"), "path", "");

	snprintf(path, PATH_MAX, "%s%s%s", *root == '/' ? "" : c->bundle, *root == '/' ? "" : "/", root);
}

void oci_rootfs_leave(const struct oci *c)
{
	char path[PATH_MAX];

	json_each(ns, oci_get(c->config, "linux.namespaces"))
		if (strcmp(json_string(ns, "type", ""), "mount") == 0)
			return;
	oci_rootfs_path(c, path);
	umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
}

int oci_rootfs_begin(struct oci_rootfs *r, struct err *e)
{
	const char *given = json_string(oci_get(r->c->config, "linux"), "rootfsPropagation", "");
	char path[PATH_MAX];

	if (*given && !propagation_of(r->c->config))
		return err_set(e, 1, "config: linux.rootfsPropagation: \"%.40s\" is no propagation", given);
	/* What the level mounts later may come in, nothing goes out. */
	if (r->mount_ns &&
	    propagate(AT_FDCWD, "/", (propagation_of(r->c->config) & MS_PRIVATE ? MS_PRIVATE : MS_SLAVE) | MS_REC, e) < 0)
		return -1;
	oci_rootfs_path(r->c, path);
	_cleanup_fd_ int place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (place < 0)
		return err_errno(e, 1, "config: root.path: %s", path);
	/* A mount of its own: pivot_root wants one, and without a mount namespace everything in it can be taken away with it. */
	r->root = sys_open_tree(place, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE);
	if (r->root < 0)
		return err_errno(e, 1, "bind %s", path);
	if (!r->mount_ns && propagate(r->root, "", MS_PRIVATE | MS_REC, e) < 0)
		return -1;
	return mount_attach(r->root, place, path, e) < 0 ? -1 : open_sources(r, e);
}

static int attributes(int fd, const struct mounting *m, struct err *e)
{
	if (((m->plain.attr_set | m->plain.attr_clr) && sys_mount_setattr(fd, "", AT_EMPTY_PATH, &m->plain) < 0) ||
	    ((m->recursive.attr_set | m->recursive.attr_clr) &&
	     sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &m->recursive) < 0))
		return err_errno(e, 1, "config: mounts[%zu].options", m->index);
	return 0;
}

static int make_mount(const struct json *json, struct mounting *m, int source, struct err *e)
{
	if (m->bind) {
		int tree = sys_open_tree(source, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | m->bind_flags);

		return tree < 0 ? err_errno(e, 1, "config: mounts[%zu].source", m->index) : tree;
	}
	_cleanup_fd_ int fs = sys_fsopen(m->type);
	const char *name = json_string(json, "source", m->type);
	struct mounting again = *m;

	if (fs < 0)
		return err_errno(e, 1, "config: mounts[%zu].type: \"%.40s\"", m->index, m->type);
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", *name ? name : m->type, 0) < 0)
		return err_errno(e, 1, "config: mounts[%zu].source", m->index);
	if (sort_options(json, &again, fs, e) < 0)
		return -1;
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(e, 1, "config: mounts[%zu]: %s", m->index, m->type);
	int fd = sys_fsmount(fs, 0);

	return fd < 0 ? err_errno(e, 1, "config: mounts[%zu]: %s", m->index, m->type) : fd;
}

static int mount_one(struct oci_rootfs *r, const struct json *json, size_t i, struct err *e)
{
	struct mounting m;
	struct stat st = {.st_mode = S_IFDIR};

	char path[PATH_MAX + 64];
	_cleanup_fd_ int source = -1;

	if (mounting(r, json, i, &m, e) < 0)
		return -1;
	if (m.bind && !m.remount) {
		/* Once more: it may be on a mount that came before. */
		source_path(r, json, &m, path);
		source = open(path, O_PATH | O_CLOEXEC);
		if (source < 0)
			source = take_fd(&r->sources[i]);
		if (source < 0 || fstat(source, &st) < 0)
			return err_errno(e, 1, "config: mounts[%zu].source: %s", i, path);
	}
	_cleanup_fd_ int at = root_mountpoint(r->root, m.target, S_ISDIR(st.st_mode), e);

	if (at < 0)
		return err_context(e, "config: mounts[%zu].destination", i);
	if (m.remount)
		return attributes(at, &m, e);
	/* Writes to /proc must reach a procfs: nowhere on its way may the image have put a link (CVE-2019-19921). */
	if (strcmp(m.type, "proc") == 0 || strcmp(m.type, "sysfs") == 0) {
		_cleanup_fd_ int plain = root_open_plain(r->root, m.target, e);

		if (plain < 0)
			return err_context(e, "config: mounts[%zu].destination", i);
	}
	_cleanup_fd_ int fd = make_mount(json, &m, source, e);

	if (fd < 0)
		return -1;
	/* A new file system is filled before nobody may write to it. */
	if (!m.bind && strcmp(m.type, "tmpfs") == 0 && m.plain.attr_set & MOUNT_ATTR_RDONLY) {
		m.plain.attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
		r->late[r->late_count++] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	}
	if (attributes(fd, &m, e) < 0 || mount_attach(fd, at, m.target, e) < 0)
		return -1;
	return m.propagation ? propagate(fd, "", m.propagation, e) : 0;
}

/* A device node; where the kernel refuses one (user namespaces), the level's own of that name as a bind mount. */
static int make_node(const struct oci_rootfs *r, const char *path, mode_t mode, dev_t device, uid_t uid, gid_t gid, struct err *e)
{
	char name[NAME_MAX + 1];
	struct stat st;
	_cleanup_fd_ int parent = root_parent(r->root, path, name, e);

	if (parent < 0)
		return -1;
	if (!r->user_ns && mknodat(parent, name, mode, device) == 0) {
		if (fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(e, 1, "owner of %s", path);
		return 0;
	}
	if (!r->user_ns && errno == EEXIST) {
		if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || (st.st_mode & S_IFMT) != (mode & S_IFMT) ||
		    st.st_rdev != device)
			return err_set(e, 1, "%s is there already and is not the device it should be", path);
		return 0;
	}
	if (!r->user_ns && errno != EPERM)
		return err_errno(e, 1, "make %s", path);
	if (S_ISFIFO(mode))
		return mknodat(parent, name, mode, 0) < 0 && errno != EEXIST ? err_errno(e, 1, "make %s", path) : 0;
	return dev_bind_node(parent, name, path, device, e);
}

static int devices(const struct oci_rootfs *r, struct err *e)
{
	char path[64];

	for (size_t i = 0; i < DEV_NODES; i++) {
		snprintf(path, sizeof(path), "/dev/%s", dev_nodes[i].name);
		if (make_node(r, path, S_IFCHR | 0666, makedev(dev_nodes[i].major, dev_nodes[i].minor), 0, 0, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < DEV_LINKS; i++) {
		snprintf(path, sizeof(path), "/dev/%s", dev_links[i][0]);
		if (root_symlink(r->root, path, dev_links[i][1], e) < 0)
			return -1;
	}
	if (json_bool(oci_get(r->c->config, "process"), "terminal", false)) {
		_cleanup_fd_ int console = root_mountpoint(r->root, "/dev/console", false, e);

		if (console < 0)
			return -1;
	}
	json_each(device, oci_get(r->c->config, "linux.devices")) {
		const char *type = json_string(device, "type", ""), *at = json_string(device, "path", "");
		mode_t kind = strcmp(type, "c") == 0 || strcmp(type, "u") == 0 ? S_IFCHR
			      : strcmp(type, "b") == 0                         ? S_IFBLK
									       : S_IFIFO;
		double major = json_number(device, "major", -1), minor = json_number(device, "minor", -1);

		/* The link to devpts is one already. */
		if (strcmp(at, "/dev/ptmx") == 0)
			continue;
		if (!*type || !strchr("cubp", *type) || type[1])
			return err_set(e, 1, "config: linux.devices: %.80s: type \"%.20s\" is none of b, c, p, u", at, type);
		if (kind != S_IFIFO && (major < 0 || minor < 0 || major > 4095 || minor > 1048575))
			return err_set(e, 1, "config: linux.devices: %.80s: major and minor are wanted", at);
		dev_t number = kind == S_IFIFO ? 0 : makedev((unsigned)major, (unsigned)minor);

		if (make_node(r, at, kind | ((mode_t)json_whole(device, "fileMode", 0666) & 07777), number,
			      (uid_t)json_whole(device, "uid", 0), (gid_t)json_whole(device, "gid", 0), e) < 0)
			return err_context(e, "config: linux.devices");
	}
	return 0;
}

static int hide(const struct oci_rootfs *r, const char *path, struct err *e)
{
	static const char *const empty[][2] = {{"nr_inodes", "2"}, {"mode", "555"}, {NULL, NULL}};
	struct stat st;
	_cleanup_fd_ int at = root_open(r->root, path, e), mount = -1;

	if (at < 0)
		return e->sys == ENOENT || e->sys == ENOTDIR ? 0 : -1;
	if (fstat(at, &st) < 0)
		return err_errno(e, 1, "%s", path);
	if (S_ISDIR(st.st_mode)) {
		mount = mount_new("tmpfs", empty, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
				  e);
	} else {
		/* The level's own, not one that the image has under that name (CVE-2025-31133). */
		mount = sys_open_tree(AT_FDCWD, "/dev/null", OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);
		if (mount < 0 || fstat(mount, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
			return err_set(e, 1, "/dev/null is not what it should be");
	}
	return mount < 0 ? -1 : mount_attach(mount, at, path, e);
}

static int protect(const struct oci_rootfs *r, const char *path, struct err *e)
{
	const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	_cleanup_fd_ int at = root_open(r->root, path, e);

	if (at < 0)
		return e->sys == ENOENT || e->sys == ENOTDIR ? 0 : -1;
	_cleanup_fd_ int tree = sys_open_tree(at, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE);

	if (tree < 0 || sys_mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only) < 0)
		return err_errno(e, 1, "make %s read-only", path);
	return mount_attach(tree, at, path, e);
}

/* /dev bound from outside is as its owner wants it. */
static bool own_dev(const struct oci_rootfs *r, struct err *e)
{
	size_t i = 0;

	json_each(json, oci_get(r->c->config, "mounts")) {
		struct mounting m;

		if (mounting(r, json, i++, &m, e) == 0 && m.bind && strcmp(m.target, "/dev") == 0)
			return false;
	}
	return true;
}

int oci_rootfs_fill(struct oci_rootfs *r, struct err *e)
{
	size_t i = 0;

	json_each(json, oci_get(r->c->config, "mounts"))
		if (mount_one(r, json, i++, e) < 0)
			return -1;
	return own_dev(r, e) ? devices(r, e) : 0;
}

int oci_rootfs_enter(struct oci_rootfs *r, struct err *e)
{
	const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	unsigned propagation = propagation_of(r->c->config);

	json_each(path, oci_get(r->c->config, "linux.readonlyPaths"))
		if (protect(r, path->string, e) < 0)
			return err_context(e, "config: linux.readonlyPaths");
	json_each(path, oci_get(r->c->config, "linux.maskedPaths"))
		if (hide(r, path->string, e) < 0)
			return err_context(e, "config: linux.maskedPaths");
	while (r->late_count)
		if (sys_mount_setattr(r->late[--r->late_count], "", AT_EMPTY_PATH, &read_only) < 0)
			return err_errno(e, 1, "make a tmpfs read-only");
	if (!r->mount_ns)
		return fchdir(r->root) < 0 || chroot(".") < 0 || chdir("/") < 0 ? err_errno(e, 1, "enter the root") : 0;
	if (rootfs_pivot(r->root, e) < 0)
		return -1;
	if (json_bool(oci_get(r->c->config, "root"), "readonly", false) && sys_mount_setattr(AT_FDCWD, "/", 0, &read_only) < 0)
		return err_errno(e, 1, "config: root.readonly");
	return propagation ? propagate(AT_FDCWD, "/", propagation, e) : 0;
}
