#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "path.h"
#include "unpack.h"

static char buffer[65536];

/* "./a//b/" → "a/b"; "" for the directory itself. With `rename` in place of the first part. */
static int clean_name(const char *name, const char *rename, char to[PATH_MAX], struct err *e)
{
	size_t used = 0;
	bool first = true;

	if (*name == '/')
		return err_set(e, 1, "%.200s: absolute names are refused", name);
	if (!*name)
		return err_set(e, 1, "the archive has an entry without a name");
	while (*name) {
		size_t length = strcspn(name, "/");
		const char *part = name;

		name += length + (name[length] == '/');
		if (length == 2 && strncmp(part, "..", 2) == 0)
			return err_set(e, 1, "%.200s: \"..\" in names is refused", part);
		if (first && rename) {
			part = rename;
			length = strlen(rename);
		} else if (length == 1 && *part == '.') {
			length = 0;
		}
		first = false;
		if (used + length + 2 > PATH_MAX || length > NAME_MAX)
			return err_set(e, 1, "%.200s: the name is too long", part);
		if (length && used)
			to[used++] = '/';
		memcpy(to + used, part, length);
		used += length;
	}
	to[used] = 0;
	return 0;
}

struct place {
	int parent;
	char name[NAME_MAX + 1];
};

/* Owner and mode of what was just made; through a descriptor or, of a symlink, by its name. */
static int dress(const struct unpacking *how, const struct tar_entry *entry, const struct place *at, int fd, struct err *e)
{
	uid_t uid = how->owners ? entry->uid : 0, gid = how->owners ? entry->gid : 0;
	struct timespec times[2] = {{.tv_sec = (time_t)entry->mtime}, {.tv_sec = (time_t)entry->mtime}};
	mode_t mode = entry->mode & (how->set_ids ? 07777 : S_ISVTX | 0777);

	if (fd < 0) {
		if (fchownat(at->parent, at->name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0)
			return err_errno(e, 1, "%s: owner %u:%u", entry->name, uid, gid);
		utimensat(at->parent, at->name, times, AT_SYMLINK_NOFOLLOW);
		return 0;
	}
	if (fchown(fd, uid, gid) < 0)
		return err_errno(e, 1, "%s: owner %u:%u", entry->name, uid, gid);
	if (fchmod(fd, mode) < 0 || (entry->type == '0' && futimens(fd, times) < 0))
		return err_errno(e, 1, "%s", entry->name);
	return 0;
}

static int make_directory(const struct unpacking *how, const struct tar_entry *entry, const struct place *at, struct err *e)
{
	bool there = mkdirat(at->parent, at->name, 0700) < 0;
	_cleanup_fd_ int fd = -1;

	if (there && errno != EEXIST)
		return err_errno(e, 1, "%s", entry->name);
	fd = openat(at->parent, at->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(e, 1, "cannot overwrite non-directory \"%s\" with directory", entry->name);
	if (fd < 0)
		return err_errno(e, 1, "%s", entry->name);
	/* One that was there stays as it is. */
	return there ? 0 : dress(how, entry, at, fd, e);
}

static int make_file(const struct unpacking *how, struct tar_in *in, const struct tar_entry *entry, const struct place *at,
		     struct err *e)
{
	_cleanup_fd_ int fd = openat(at->parent, at->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ssize_t n = 0;

	if (fd < 0)
		return err_errno(e, 1, "%s", entry->name);
	while ((n = tar_read(in, buffer, sizeof(buffer), e)) > 0) {
		if (write_all(fd, buffer, (size_t)n) < 0) {
			n = err_errno(e, 1, "%s", entry->name);
			break;
		}
	}
	if (n == 0)
		n = dress(how, entry, at, fd, e);
	/* Half a file is worse than none. */
	if (n < 0)
		unlinkat(at->parent, at->name, 0);
	return (int)n;
}

/* Only to a file inside, and not by way of a symlink. */
static int make_link(const struct unpacking *how, const struct tar_entry *entry, const struct place *at, struct err *e)
{
	char target[PATH_MAX];
	struct place to;
	struct stat st;

	if (clean_name(entry->link, how->rename, target, e) < 0 ||
	    (to.parent = root_place(how->root, target, false, to.name, e)) < 0)
		return err_context(e, "%s: hard link", entry->name);
	_cleanup_fd_ int parent = to.parent;

	if (fstatat(parent, to.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(e, 1, "%s: hard link to %s", entry->name, target);
	if (!S_ISREG(st.st_mode))
		return err_set(e, 1, "%s: a hard link to what is no file is refused", entry->name);
	return linkat(parent, to.name, at->parent, at->name, 0) < 0 ? err_errno(e, 1, "%s", entry->name) : 0;
}

static int make_other(const struct unpacking *how, struct tar_in *in, const struct tar_entry *entry, const struct place *at,
		      struct err *e)
{
	struct stat st;

	if (fstatat(at->parent, at->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (S_ISDIR(st.st_mode))
			return err_set(e, 1, "cannot overwrite directory \"%s\" with non-directory", entry->name);
		if (unlinkat(at->parent, at->name, 0) < 0)
			return err_errno(e, 1, "%s", entry->name);
	}
	if (entry->type == '0')
		return make_file(how, in, entry, at, e);
	if (entry->type == '1')
		return make_link(how, entry, at, e);
	if (entry->type == '2' ? symlinkat(entry->link, at->parent, at->name) < 0
			       : mkfifoat(at->parent, at->name, entry->mode & 0777) < 0)
		return err_errno(e, 1, "%s", entry->name);
	return dress(how, entry, at, -1, e);
}

static int make(const struct unpacking *how, struct tar_in *in, const struct tar_entry *entry, struct err *e)
{
	char name[PATH_MAX];
	struct place at;

	if ((entry->type == '3' || entry->type == '4') && how->skip_devices)
		return 0;
	if (entry->type == '3' || entry->type == '4')
		return err_set(e, 1, "%s: devices are refused", entry->name);
	if (clean_name(entry->name, how->rename, name, e) < 0)
		return -1;
	if (!*name) {
		if (entry->type != '5')
			return err_set(e, 1, "%s: cannot overwrite directory with non-directory", entry->name);
		return how->top ? dress(how, entry, NULL, how->root, e) : 0;
	}
	at.parent = root_place(how->root, name, true, at.name, e);
	if (at.parent < 0)
		return -1;
	int ret = entry->type == '5' ? make_directory(how, entry, &at, e) : make_other(how, in, entry, &at, e);

	close(at.parent);
	return ret;
}

int unpack(struct tar_in *in, const struct unpacking *how, struct err *e)
{
	static struct tar_entry entry;
	int more;

	while ((more = tar_next(in, &entry, e)) > 0)
		if (make(how, in, &entry, e) < 0)
			return -1;
	return more;
}
