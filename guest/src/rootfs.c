#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "io.h"
#include "kernel.h"
#include "layers.h"
#include "mountlist.h"
#include "mounts.h"
#include "path.h"
#include "populate.h"
#include "rootfs.h"
#include "tmpfs.h"

#define BELOW RUN_NEST "/below"

/* Files of /etc that are the container's, not the image's; written by the "writable layer" step. */
static const char *const etc_files[] = {"hostname", "hosts", "resolv.conf"};

/* Otherwise each start of an image without them would copy /etc up and make three files there. */
int rootfs_prepare(struct err *e)
{
	static const char *const directories[] = {"", "/dev", "/etc", "/proc", "/sys"};
	char path[64];

	for (size_t i = 0; i < array_size(directories); i++) {
		snprintf(path, sizeof(path), BELOW "%s", directories[i]);
		if ((mkdir(path, 0755) < 0 && errno != EEXIST) || chown(path, ID_SHIFT, ID_SHIFT) < 0)
			return err_errno(e, 125, "make %s", path);
	}
	for (size_t i = 0; i < array_size(etc_files); i++) {
		snprintf(path, sizeof(path), BELOW "/etc/%s", etc_files[i]);
		if ((mknod(path, S_IFREG | 0644, 0) < 0 && errno != EEXIST) || chown(path, ID_SHIFT, ID_SHIFT) < 0)
			return err_errno(e, 125, "make %s", path);
	}
	return 0;
}

/* Of the level's own, while we may still reach them; there is nothing mounted below these. */
static int open_given(struct rootfs *r, struct err *e)
{
	static const struct {
		uint64_t flag;
		int given;
		const char *path;
	} places[] = {
		{CLONE_NEWPID, GIVEN_PROC, "/dev/.nest/proc"},
		{CLONE_NEWNET, GIVEN_SYS, "/dev/.nest/sys"},
		{CLONE_NEWCGROUP, GIVEN_CGROUP, "/sys/fs/cgroup"},
		{CLONE_NEWIPC, GIVEN_MQUEUE, "/dev/mqueue"},
		{CLONE_NEWIPC, GIVEN_SHM, "/dev/shm"},
	};
	const struct sharing *sharing = &r->container->spec.sharing;
	const char *partner = sharing_etc(sharing);
	char path[200];

	for (size_t i = 0; i < GIVEN_COUNT; i++)
		r->given[i] = -1;
	r->given[GIVEN_SHM] = r->container->shm;
	for (size_t i = 0; i < array_size(places); i++) {
		if (!(sharing->host & places[i].flag))
			continue;
		r->given[places[i].given] = sys_open_tree(AT_FDCWD, places[i].path, OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);
		if (r->given[places[i].given] < 0)
			return err_errno(e, 125, "clone %s", places[i].path);
	}
	r->etc = r->rw;
	if (!*partner)
		return 0;
	container_path(path, partner, "rw");
	r->etc = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return r->etc < 0 ? err_errno(e, 125, "open %s", path) : 0;
}

int rootfs_begin(struct rootfs *r, struct err *e)
{
	bool nest = r->container->spec.profile != PROFILE_PLAIN;
	/*
	 * Nothing mounted here may show outside. A --nest container stays a slave, because later layers are to appear in it;
	 * private would cut its copy of /run/nest/layers off for ever.
	 */
	const struct mount_attr propagation = {.propagation = nest ? MS_SLAVE : MS_PRIVATE};
	char path[200];

	if (sys_mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &propagation) < 0)
		return err_errno(e, 125, "stop mount propagation");
	container_path(path, r->container->id, "rw");
	r->rw = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r->rw < 0)
		return err_errno(e, 125, "open %s", path);
	container_path(path, r->container->id, "host.sock");
	r->relay = nest && !r->files_only ? open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	if (nest && !r->files_only && r->relay < 0)
		return err_errno(e, 125, "open %s", path);
	return r->files_only ? 0 : open_given(r, e);
}

/* Lowers from the top down. The current directory is rw, which the container's root owns, so relative names reach it. */
static int overlay(const struct container *c, bool writable, struct err *e)
{
	const struct json *layers[LAYERS_MAX];
	char path[128], hex[65];
	size_t count = 0;
	const bool shifted = !(c->spec.sharing.host & CLONE_NEWUSER);
	_cleanup_fd_ int fs = sys_fsopen("overlay");

	if (fs < 0)
		return err_errno(e, 125, "overlay");
	json_each(layer, c->image.layers)
		if (count < LAYERS_MAX)
			layers[count++] = layer;
	while (count--) {
		if (layer_hex(json_string(layers[count], "diffId", ""), hex, e) < 0)
			return -1;
		if (shifted)
			snprintf(path, sizeof(path), LAYERS "/%d/%s", c->level.number, hex);
		else
			snprintf(path, sizeof(path), LAYERS_BASE "/%s", hex);
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", path, 0) < 0)
			return err_errno(e, 125, "overlay: layer %.12s", hex);
	}
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", BELOW, 0) < 0)
		return err_errno(e, 125, "overlay: " BELOW);
	/* The rest is as the kernel is configured: xino, index, metacopy and redirect_dir are off. */
	static const char *const options[][2] = {{"source", "overlay"}, {"upperdir", "upper"}, {"workdir", "work"}};

	for (size_t i = 0; i < array_size(options) - (writable ? 0 : 2); i++)
		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, options[i][0], options[i][1], 0) < 0)
			return err_errno(e, 125, "overlay: %s", options[i][0]);
	/* trusted.* attributes are not for user namespaces. */
	if (sys_fsconfig(fs, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0 ||
	    sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(e, 125, "overlay");
	/* In a user namespace the kernel lets no device file of its be opened; without one, this. */
	int fd = sys_fsmount(fs, shifted ? 0 : MOUNT_ATTR_NODEV);

	return fd < 0 ? err_errno(e, 125, "overlay") : fd;
}

static bool is_target(const struct json *mounts, const char *path)
{
	json_each(item, mounts)
		if (strcmp(json_string(item, "target", ""), path) == 0)
			return true;
	return false;
}

/* After the volumes: one on /etc is to have them too, and one on such a file is to win. */
static int bind_etc(const struct rootfs *r, int root, struct err *e)
{
	char target[64];
	_cleanup_fd_ int etc = root_open(root, "/etc", NULL);

	for (size_t i = 0; i < array_size(etc_files); i++) {
		snprintf(target, sizeof(target), "/etc/%s", etc_files[i]);
		if (is_target(r->container->mounts, target))
			continue;
		_cleanup_fd_ int tree = sys_open_tree(r->etc, etc_files[i], OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);

		if (tree < 0)
			return err_errno(e, 125, "%s", target);
		/* The last part is not followed: a link is covered itself, and gives nothing to walk. */
		if (etc >= 0 && sys_move_mount(tree, "", etc, etc_files[i], MOVE_MOUNT_F_EMPTY_PATH) == 0)
			continue;
		/* An image that has a directory there keeps it. */
		_cleanup_fd_ int at = root_mountpoint(root, target, false, NULL);

		if (at >= 0 && mount_attach(tree, at, target, e) < 0)
			return -1;
	}
	return 0;
}

static int mount_volume(const struct bind *bind, int root, int tree, bool directory, struct err *e)
{
	const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
	/* Only what the image has: a place we make is nobody's content. */
	_cleanup_fd_ int from = bind->volume && !bind->no_copy && !*bind->subpath ? root_open(root, bind->target, NULL) : -1;
	_cleanup_fd_ int at = root_mountpoint(root, bind->target, directory, e);

	if (at < 0 || (from >= 0 && populate(from, tree, e) < 0) || mount_attach(tree, at, bind->target, e) < 0)
		return -1;
	if (bind->volume && bind->read_only && sys_mount_setattr(tree, "", AT_EMPTY_PATH, &read_only) < 0)
		return err_errno(e, 125, "read-only");
	return 0;
}

/* Volumes and tmpfs whose place is `depth` parts below the root; 1 when there are deeper ones. */
static int mount_at(const struct rootfs *r, int root, unsigned depth, struct err *e)
{
	const struct spec *spec = &r->container->spec;
	size_t i = 0;
	int more = 0;

	json_each(item, r->container->mounts) {
		struct bind bind;
		struct stat st;

		mountlist_bind(item, &bind);
		if (i == r->bind_count || fstat(r->binds[i], &st) < 0)
			return err_set(e, 125, "volume %zu did not arrive", i);
		unsigned own = spec_depth(bind.target);

		more |= own > depth;
		if (own == depth && mount_volume(&bind, root, r->binds[i], S_ISDIR(st.st_mode), e) < 0)
			return err_context(e, "volume %s", bind.target);
		i++;
	}
	json_each(text, r->files_only ? NULL : spec->tuning.tmpfs) {
		struct tmpfs tmpfs;

		if (tmpfs_parse(text->string, &tmpfs, e) < 0)
			return -1;
		unsigned own = spec_depth(tmpfs.target);

		more |= own > depth;
		if (own == depth) {
			_cleanup_fd_ int at = root_mountpoint(root, tmpfs.target, true, e);
			_cleanup_fd_ int mount = at < 0 ? -1 : tmpfs_make(&tmpfs, e);

			if (mount < 0 || mount_attach(mount, at, tmpfs.target, e) < 0)
				return err_context(e, "tmpfs %s", tmpfs.target);
		}
	}
	return more;
}

/* What a nested engine finds: its own /run/nest with the runtime, the layers and the relay (guest/ENGINE.md). */
static int nest_state(const struct rootfs *r, int root, struct err *e)
{
	static const char *const options[][2] = {{"mode", "755"}, {NULL, NULL}};
	static const char *const directories[] = {"bin", "layers", "c", "volumes"};
	const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
	char level[16];
	/* Our own level's are copied before anything is mounted over them. */
	_cleanup_fd_ int bin = sys_open_tree(AT_FDCWD, RUN_NEST "/bin", OPEN_TREE_CLONE | AT_RECURSIVE);
	_cleanup_fd_ int relay = sys_open_tree(r->relay, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);

	if (bin < 0 || relay < 0)
		return err_errno(e, 125, "bind the runtime");
	if (sys_mount_setattr(bin, "", AT_EMPTY_PATH | AT_RECURSIVE, &read_only) < 0)
		return err_errno(e, 125, "bind the runtime read-only");
	_cleanup_fd_ int at = root_mountpoint(root, RUN_NEST, true, e);
	_cleanup_fd_ int state = at < 0 ? -1 : mount_new("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, e);

	if (state < 0 || mount_attach(state, at, RUN_NEST, e) < 0)
		return -1;
	for (size_t i = 0; i < array_size(directories); i++)
		if (mkdirat(state, directories[i], 0755) < 0)
			return err_errno(e, 125, "make " RUN_NEST "/%s", directories[i]);
	_cleanup_fd_ int socket_file = openat(state, "host.sock", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	snprintf(level, sizeof(level), "%d\n", r->container->level.number + 1);
	if (socket_file < 0 || replace_file_at(state, "level", level, strlen(level), 0644, e) < 0)
		return err_context(e, "fill " RUN_NEST);
	if (sys_move_mount(bin, "", state, "bin", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
	    sys_move_mount(relay, "", state, "host.sock", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(e, 125, "mount into " RUN_NEST);
	/*
	 * One mount(2) and not open_tree + move_mount: a detached tree is skipped by propagation, so a layer attached in between
	 * would never appear. Relative to our own fresh tmpfs, so the path cannot be led astray.
	 */
	if (fchdir(state) < 0 || mount(LAYERS, "layers", NULL, MS_BIND | MS_REC, NULL) < 0 || fchdir(r->rw) < 0)
		return err_errno(e, 125, "bind the layers");
	if (root_symlink(root, "/usr/local/bin/nest", RUN_NEST "/bin/nest", e) < 0 ||
	    root_symlink(root, "/usr/local/bin/docker", RUN_NEST "/bin/nest", e) < 0)
		return -1;
	return 0;
}

int rootfs_pivot(int root, struct err *e)
{
	if (fchdir(root) < 0)
		return err_errno(e, 125, "enter the root");
	if (sys_pivot_root(".", ".") < 0)
		return err_errno(e, 125, "pivot_root");
	/* The old root is now mounted over the new one at the same place: "." is still the old one. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(e, 125, "leave the old root");
	return 0;
}

int rootfs_image(struct rootfs *r, struct err *e)
{
	return fchdir(r->rw) < 0 ? err_errno(e, 125, "enter the writable layer") : overlay(r->container, false, e);
}

int rootfs_enter(struct rootfs *r, struct err *e)
{
	const struct container *c = r->container;
	const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};

	if (fchdir(r->rw) < 0)
		return err_errno(e, 125, "enter the writable layer");
	_cleanup_fd_ int root = overlay(c, true, e);

	if (root < 0)
		return -1;
	if (sys_move_mount(root, "", r->rw, "root", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(e, 125, "mount the root");
	if (!r->files_only &&
	    mounts_system(root, &c->spec, c->level.number, c->dev, c->spec.tty ? c->streams.child_in : -1, r->given, e) < 0)
		return -1;
	/* From the top down, whatever the order they were given in: none covers another, nor /run what a nested engine needs. */
	int more = mount_at(r, root, 1, e);

	if (more < 0 || (!r->files_only && c->spec.profile != PROFILE_PLAIN && nest_state(r, root, e) < 0))
		return -1;
	for (unsigned depth = 2; more > 0; depth++)
		more = mount_at(r, root, depth, e);
	if (more < 0 || (!r->files_only && bind_etc(r, root, e) < 0))
		return -1;
	/* Missing ones are made, as docker does; what cannot be is refused when the process enters it. */
	_cleanup_fd_ int cwd = r->files_only ? -1 : root_mkdirs(root, c->process.cwd, 0755, NULL);

	(void)cwd;
	if (rootfs_pivot(root, e) < 0)
		return -1;
	if (c->spec.read_only && sys_mount_setattr(AT_FDCWD, "/", 0, &read_only) < 0)
		return err_errno(e, 125, "make the root read-only");
	return 0;
}
