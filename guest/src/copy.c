#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "copy.h"
#include "io.h"
#include "path.h"

enum { LINKS_MAX = 10 };

struct cleaned {
	char text[PATH_MAX]; /* without ".", ".." and slashes at the end */
	bool dot, slash;     /* it ended with "/." or with "/" */
};

/* By the words alone, as docker does: "/a/link/.." is "/a". */
static int clean(const char *path, struct cleaned *to, struct err *e)
{
	size_t used = 0, whole = strlen(path);

	if (!whole || whole >= PATH_MAX - 1)
		return err_set(e, 1, "%.200s: not a usable path", path);
	to->slash = path[whole - 1] == '/';
	to->dot = strcmp(path, ".") == 0 || (whole > 1 && strcmp(path + whole - 2, "/.") == 0);
	while (*path) {
		path += strspn(path, "/");
		size_t length = strcspn(path, "/");

		if (length == 2 && strncmp(path, "..", 2) == 0) {
			while (used && to->text[--used] != '/')
				;
		} else if (length && !(length == 1 && *path == '.')) {
			to->text[used++] = '/';
			memcpy(to->text + used, path, length);
			used += length;
		}
		path += length;
	}
	if (!used)
		to->text[used++] = '/';
	to->text[used] = 0;
	return 0;
}

int copy_source(int root, const char *path, bool follow, struct copy_source *source, struct err *e)
{
	struct cleaned at;
	struct stat st;

	if (clean(path, &at, e) < 0)
		return -1;
	const char *name = strrchr(at.text, '/') + 1;
	int flags = follow || at.dot || at.slash ? 0 : O_NOFOLLOW;
	_cleanup_fd_ int fd = root_get(root, at.text, O_PATH | flags, e);

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return err_errno(e, 1, "%s", path);
	*source = (struct copy_source){.directory = S_ISDIR(st.st_mode), .content = at.dot || !*name};
	snprintf(source->name, sizeof(source->name), "%s", name);
	if (!source->directory && (at.dot || at.slash))
		return err_set(e, 1, "not a directory");
	if (source->directory)
		source->fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	else if (S_ISREG(st.st_mode))
		source->fd = root_get(root, at.text, O_RDONLY | O_NONBLOCK | O_NOCTTY | flags, e);
	else if (S_ISLNK(st.st_mode))
		source->fd = take_fd(&fd);
	else
		return err_set(e, 1, "%.200s: only files, directories and symlinks can be copied", path);
	/* Another one by now, maybe: pack looks again at what it has got. */
	return source->fd < 0 ? err_errno(e, 1, "%s", path) : 0;
}

/* The directory that `text` is in, with the last part in `name`; "" when `text` is a directory in any case. */
static int parent_of(int root, char *text, char name[NAME_MAX + 1], struct err *e)
{
	char *slash = strrchr(text, '/'), *last = slash + 1;

	*name = 0;
	if (!*last || strcmp(last, ".") == 0 || strcmp(last, "..") == 0)
		return root_get(root, text, O_PATH | O_DIRECTORY, e);
	if (strlen(last) > NAME_MAX)
		return err_set(e, 1, "a name is too long");
	strcpy(name, last);
	last[0] = 0;
	return root_get(root, text, O_PATH | O_DIRECTORY, e);
}

int copy_target(int root, const char *path, const struct copy_source *source, struct copy_target *target, struct err *e)
{
	struct cleaned at;
	struct stat st;
	char link[PATH_MAX];

	if (clean(path, &at, e) < 0)
		return -1;
	for (int links = 0; links <= LINKS_MAX; links++) {
		_cleanup_fd_ int parent = parent_of(root, at.text, target->rename, e);

		if (parent < 0 && e && e->sys == ENOENT) {
			size_t length = strlen(at.text);

			snprintf(e->msg, sizeof(e->msg), "%.*s", (int)(length > 1 ? length - 1 : 1), at.text);
		}
		if (parent < 0)
			return -1;
		if (!*target->rename) {
			target->root = take_fd(&parent);
			return 0;
		}
		bool there = fstatat(parent, target->rename, &st, AT_SYMLINK_NOFOLLOW) == 0;

		if (there && S_ISLNK(st.st_mode)) {
			ssize_t n = readlinkat(parent, target->rename, link, sizeof(link) - 1);
			/* What parent_of left of it ends with a slash. */
			size_t before = n > 0 && *link != '/' ? strlen(at.text) : 0;

			if (n <= 0 || before + (size_t)n + 2 > sizeof(at.text))
				return err_set(e, 1, "%.200s: a link that leads nowhere", path);
			link[n] = 0;
			while (n > 1 && link[n - 1] == '/')
				link[--n] = 0;
			strcpy(at.text + before, link);
			continue;
		}
		if (there && S_ISDIR(st.st_mode)) {
			target->root = root_get(parent, target->rename, O_PATH | O_DIRECTORY | O_NOFOLLOW, e);
			*target->rename = 0;
			return target->root < 0 ? -1 : 0;
		}
		if (there && source->directory)
			return err_set(e, 1, "cannot copy directory");
		if ((at.slash || at.dot) && (there || !source->directory))
			return err_set(e, 1, there ? "not a directory" : "no such directory");
		target->root = take_fd(&parent);
		return 0;
	}
	return err_set(e, 1, "%.200s: too many links", path);
}
