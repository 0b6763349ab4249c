#include "diff.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include "io.h"

enum { DEPTH_MAX = 400 };

struct diff {
	int (*line)(void *context, char kind, const char *path);
	void *context;
	char path[PATH_MAX];
};

struct names {
	char **at;
	size_t count;
};

static int add_names(int dir, struct names *names, struct err *e)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *file;
	int ret = list ? 0 : err_errno(e, 1, "read a directory");

	while (ret == 0 && (file = readdir(list))) {
		if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
			continue;
		/* Doubled at each power of two. */
		if ((names->count & (names->count + 1)) == 0) {
			char **more = realloc(names->at, (names->count + 1) * 2 * sizeof(*more));

			if (!more) {
				ret = err_set(e, 1, "out of memory");
				break;
			}
			names->at = more;
		}
		if (!(names->at[names->count++] = strdup(file->d_name)))
			ret = err_set(e, 1, "out of memory");
	}
	if (list)
		closedir(list);
	return ret;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A directory that hides the image's of the same name. */
static bool opaque(int dir)
{
	char value;

	return fgetxattr(dir, "user.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static int walk(struct diff *d, int upper, int image, int depth, struct err *e);

static int one(struct diff *d, int upper, int image, const char *name, bool hides, int depth, struct err *e)
{
	struct stat now, before;
	bool is = fstatat(upper, name, &now, AT_SYMLINK_NOFOLLOW) == 0, whiteout = is && S_ISCHR(now.st_mode) && now.st_rdev == 0;
	bool was = image >= 0 && fstatat(image, name, &before, AT_SYMLINK_NOFOLLOW) == 0;

	if (whiteout || !is)
		return was && (whiteout || hides) ? d->line(d->context, 'D', d->path) : 0;
	if (d->line(d->context, was ? 'C' : 'A', d->path) < 0)
		return -1;
	if (!S_ISDIR(now.st_mode))
		return 0;
	_cleanup_fd_ int dir = openat(upper, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_fd_ int old =
		was && S_ISDIR(before.st_mode) ? openat(image, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;

	/* Gone meanwhile, in a container that goes on. */
	return dir < 0 ? 0 : walk(d, dir, old, depth + 1, e);
}

static int walk(struct diff *d, int upper, int image, int depth, struct err *e)
{
	size_t length = strlen(d->path);
	struct names names = {0};
	bool hides = image >= 0 && opaque(upper);
	int ret = depth > DEPTH_MAX ? err_set(e, 1, "directories are nested more than %d deep", DEPTH_MAX)
				    : add_names(upper, &names, e);

	if (ret == 0 && hides)
		ret = add_names(image, &names, e);
	if (names.count)
		qsort(names.at, names.count, sizeof(*names.at), by_name);
	for (size_t i = 0; i < names.count; i++) {
		if (ret == 0 && (i == 0 || strcmp(names.at[i - 1], names.at[i]) != 0)) {
			if (length + strlen(names.at[i]) + 2 > sizeof(d->path))
				ret = err_set(e, 1, "a path is too long");
			else
				sprintf(d->path + length, "/%s", names.at[i]);
			if (ret == 0)
				ret = one(d, upper, image, names.at[i], hides, depth, e);
		}
	}
	for (size_t i = 0; i < names.count; i++)
		free(names.at[i]);
	free(names.at);
	d->path[length] = 0;
	return ret;
}

int diff_layer(int upper, int image, int (*line)(void *context, char kind, const char *path), void *context, struct err *e)
{
	struct diff d = {line, context, ""};

	return walk(&d, upper, image, 0, e);
}
