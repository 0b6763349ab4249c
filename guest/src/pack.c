#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include "io.h"
#include "unpack.h"

enum { DEPTH_MAX = 400, LINKS_MAX = 4096 };

struct packing {
	const struct tar_out *out;
	struct tar_entry entry; /* its name is where we are */
	struct {
		dev_t device;
		ino_t inode;
		char *name;
	} links[LINKS_MAX]; /* files with several names, as first seen */
	size_t link_count;
};

static void describe(struct tar_entry *entry, const struct stat *st, char type)
{
	entry->type = type;
	entry->mode = st->st_mode & 07777;
	entry->uid = st->st_uid;
	entry->gid = st->st_gid;
	entry->mtime = st->st_mtime;
	entry->size = type == '0' ? st->st_size : 0;
	entry->link[0] = 0;
}

/* A second name of a file already packed. */
static bool known(struct packing *p, const struct stat *st)
{
	if (st->st_nlink < 2)
		return false;
	for (size_t i = 0; i < p->link_count; i++) {
		if (p->links[i].device != st->st_dev || p->links[i].inode != st->st_ino)
			continue;
		strcpy(p->entry.link, p->links[i].name);
		p->entry.type = '1';
		return true;
	}
	if (p->link_count < LINKS_MAX && (p->links[p->link_count].name = strdup(p->entry.name))) {
		p->links[p->link_count].device = st->st_dev;
		p->links[p->link_count++].inode = st->st_ino;
	}
	return false;
}

static int put_file(struct packing *p, int fd, const struct stat *st, struct err *e)
{
	static char buffer[65536];
	int64_t left = st->st_size;

	describe(&p->entry, st, '0');
	if (known(p, st))
		return tar_put(p->out, &p->entry, e);
	if (tar_put(p->out, &p->entry, e) < 0)
		return -1;
	while (left > 0) {
		size_t size = left < (int64_t)sizeof(buffer) ? (size_t)left : sizeof(buffer);
		ssize_t n = read(fd, buffer, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, 1, "%s", p->entry.name);
		/* It became shorter; the header has promised otherwise. */
		if (n == 0)
			memset(buffer, 0, (size_t)(n = (ssize_t)size));
		if (tar_data(p->out, buffer, (size_t)n, e) < 0)
			return -1;
		left -= n;
	}
	return tar_pad(p->out, st->st_size, e);
}

static int put_symlink(struct packing *p, int dir, const char *name, const struct stat *st, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_errno(e, 1, "%s", p->entry.name);
	target[n] = 0;
	describe(&p->entry, st, '2');
	strcpy(p->entry.link, target);
	return tar_put(p->out, &p->entry, e);
}

/* What the kernel makes up is nobody's file, and some of it never ends. */
static bool made_up(int fd)
{
	static const uint32_t types[] = {PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC, 0x19800202};
	struct statfs fs;

	for (size_t i = 0; fstatfs(fd, &fs) == 0 && i < array_size(types); i++)
		if ((uint32_t)fs.f_type == types[i])
			return true;
	return false;
}

static int put_directory(struct packing *p, int fd, const struct stat *st, unsigned depth, struct err *e);

static int put_child(struct packing *p, int dir, const char *name, unsigned depth, struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_errno(e, 1, "%s", p->entry.name);
	if (S_ISLNK(st.st_mode))
		return put_symlink(p, dir, name, &st, e);
	if (S_ISFIFO(st.st_mode)) {
		describe(&p->entry, &st, '6');
		return tar_put(p->out, &p->entry, e);
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	_cleanup_fd_ int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, 1, "%s", p->entry.name);
	if (S_ISDIR(st.st_mode))
		return put_directory(p, fd, &st, depth + 1, e);
	return S_ISREG(st.st_mode) ? put_file(p, fd, &st, e) : 0;
}

static int put_directory(struct packing *p, int fd, const struct stat *st, unsigned depth, struct err *e)
{
	size_t length = strlen(p->entry.name);
	struct dirent *file;
	int ret = 0;

	if (depth > DEPTH_MAX)
		return err_set(e, 1, "directories are nested more than %d deep", DEPTH_MAX);
	if (length + 2 > PATH_MAX)
		return err_set(e, 1, "a path is too long");
	if (length) {
		strcpy(p->entry.name + length, "/");
		describe(&p->entry, st, '5');
		if (tar_put(p->out, &p->entry, e) < 0)
			return -1;
		length++;
	}
	int copy = made_up(fd) ? -1 : openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);

	while (ret == 0 && list && (file = readdir(list))) {
		if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
			continue;
		if (length + 2 + strlen(file->d_name) > PATH_MAX)
			ret = err_set(e, 1, "a path is too long");
		strcpy(p->entry.name + length, ret == 0 ? file->d_name : "");
		if (ret == 0)
			ret = put_child(p, fd, file->d_name, depth, e);
	}
	if (list)
		closedir(list);
	p->entry.name[length] = 0;
	return ret;
}

int pack(const struct tar_out *out, int fd, const char *name, struct err *e)
{
	struct packing *p = calloc(1, sizeof(*p));
	struct stat st;
	int ret;

	if (!p)
		return err_set(e, 1, "out of memory");
	p->out = out;
	snprintf(p->entry.name, PATH_MAX, "%s", name);
	if (fstat(fd, &st) < 0)
		ret = err_errno(e, 1, "%s", name);
	else if (S_ISDIR(st.st_mode))
		ret = put_directory(p, fd, &st, 0, e);
	else if (S_ISLNK(st.st_mode))
		ret = put_symlink(p, fd, "", &st, e);
	else if (S_ISREG(st.st_mode))
		ret = put_file(p, fd, &st, e);
	else
		ret = err_set(e, 1, "%s: only files, directories and symlinks can be copied", name);
	for (size_t i = 0; i < p->link_count; i++)
		free(p->links[i].name);
	free(p);
	return ret < 0 ? -1 : tar_end(out, e);
}
