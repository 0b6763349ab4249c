#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "kernel.h"
#include "path.h"

#define IN_ROOT (RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

static int resolve(int root, const char *path, uint64_t flags, uint64_t resolve_flags, struct err *e)
{
	/* EAGAIN: a rename raced with "..", which the kernel cannot then vouch for. Bounded, because a container can go on for ever. */
	for (int tries = 0; tries < 32; tries++) {
		int fd = sys_openat2(root, *path ? path : ".", flags, 0, resolve_flags);

		if (fd >= 0 || errno != EAGAIN)
			return fd >= 0 ? fd : err_errno(e, 125, "%s", path);
	}
	return err_errno(e, 125, "%s keeps changing", path);
}

int root_open(int root, const char *path, struct err *e)
{
	return resolve(root, path, O_PATH, IN_ROOT, e);
}

int root_open_plain(int root, const char *path, struct err *e)
{
	return resolve(root, path, O_PATH, IN_ROOT | RESOLVE_NO_SYMLINKS, e);
}

int root_get(int root, const char *path, int flags, struct err *e)
{
	return resolve(root, path, (uint64_t)flags, IN_ROOT, e);
}

char *root_read(int root, const char *path, size_t limit, struct err *e)
{
	_cleanup_fd_ int fd = resolve(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, IN_ROOT, e);
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		err_set(e, 125, "%s is not a regular file", path);
		return NULL;
	}
	return read_fd(fd, limit, NULL, e);
}

static int mkdirs(int root, const char *path, mode_t mode, uint64_t how, struct err *e)
{
	char done[PATH_MAX] = "", part[NAME_MAX + 1];
	_cleanup_fd_ int at = resolve(root, "/", O_PATH | O_DIRECTORY, IN_ROOT, e);

	if (at < 0)
		return -1;
	while (*path) {
		size_t length;

		path += strspn(path, "/");
		length = strcspn(path, "/");
		if (length == 0)
			break;
		if (length > NAME_MAX || strlen(done) + length + 2 > sizeof(done))
			return err_set(e, 125, "path too long");
		memcpy(part, path, length);
		part[length] = 0;
		path += length;
		if (strcmp(part, ".") == 0)
			continue;
		if (strcmp(part, "..") == 0)
			return err_set(e, 125, "path contains \"..\"");
		strcat(strcat(done, "/"), part);
		/* Always from the root, so that a symlink half-way resolves as it would for the container. */
		int next = resolve(root, done, O_PATH | O_DIRECTORY, how, e);

		if (next < 0 && errno == ENOENT) {
			if (mkdirat(at, part, mode) < 0 && errno != EEXIST)
				return err_errno(e, 125, "make directory %s", done);
			next = resolve(root, done, O_PATH | O_DIRECTORY, how, e);
		}
		if (next < 0)
			return -1;
		close(at);
		at = next;
	}
	return take_fd(&at);
}

int root_mkdirs(int root, const char *path, mode_t mode, struct err *e)
{
	return mkdirs(root, path, mode, IN_ROOT, e);
}

/* Splits the last part off into `name`; `parent` gets the rest. */
static int split(const char *path, char parent[PATH_MAX], char name[NAME_MAX + 1], struct err *e)
{
	size_t length = strlen(path);

	while (length > 1 && path[length - 1] == '/')
		length--;
	if (length == 0 || length >= PATH_MAX)
		return err_set(e, 125, "%.64s: not a usable path", path);
	memcpy(parent, path, length);
	parent[length] = 0;
	char *slash = strrchr(parent, '/');
	const char *last = slash ? slash + 1 : parent;

	if (!*last || strlen(last) > NAME_MAX || strcmp(last, "..") == 0 || strcmp(last, ".") == 0)
		return err_set(e, 125, "%.64s: not a usable path", path);
	strcpy(name, last);
	strcpy(slash ? slash : parent, slash && slash > parent ? "" : "/");
	return 0;
}

int root_parent(int root, const char *path, char name[NAME_MAX + 1], struct err *e)
{
	char parent[PATH_MAX];

	return split(path, parent, name, e) < 0 ? -1 : root_mkdirs(root, parent, 0755, e);
}

int root_place(int root, const char *path, bool make, char name[NAME_MAX + 1], struct err *e)
{
	const uint64_t how = IN_ROOT | RESOLVE_NO_SYMLINKS;
	char parent[PATH_MAX];

	if (split(path, parent, name, e) < 0)
		return -1;
	return make ? mkdirs(root, parent, 0755, how, e) : resolve(root, parent, O_PATH | O_DIRECTORY, how, e);
}

int root_mountpoint(int root, const char *path, bool directory, struct err *e)
{
	_cleanup_fd_ int fd = resolve(root, path, O_PATH, IN_ROOT, e);
	struct stat st;

	if (fd < 0 && errno != ENOENT)
		return -1;
	if (fd < 0 && directory) {
		fd = root_mkdirs(root, path, 0755, e);
	} else if (fd < 0) {
		char name[NAME_MAX + 1];
		_cleanup_fd_ int parent = root_parent(root, path, name, e);

		if (parent < 0)
			return -1;
		_cleanup_fd_ int file = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);

		if (file < 0)
			return err_errno(e, 125, "create %s", path);
		fd = resolve(root, path, O_PATH, IN_ROOT, e);
	}
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_errno(e, 125, "%s", path);
	if (!S_ISDIR(st.st_mode) == directory)
		return err_set(e, 125, "%s is %s directory in the container", path, directory ? "not a" : "a");
	return take_fd(&fd);
}

int root_symlink(int root, const char *path, const char *target, struct err *e)
{
	char name[NAME_MAX + 1];
	_cleanup_fd_ int parent = root_parent(root, path, name, e);

	if (parent < 0)
		return -1;
	if (symlinkat(target, parent, name) < 0 && errno != EEXIST)
		return err_errno(e, 125, "link %s", path);
	return 0;
}
