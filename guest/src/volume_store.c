#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include "history.h"
#include "io.h"
#include "kernel.h"
#include "spec.h"
#include "table.h"
#include "volume_store.h"

#define REMOVED ".removed"

int volume_name_ok(const char *name, struct err *e)
{
	if (name[0] && !name[1])
		return err_set(e, 125, "volume name is too short, names should be at least two alphanumeric characters");
	if (!spec_name_ok(name))
		return err_set(e, 125,
			       "\"%.80s\" includes invalid characters for a local volume name, only "
			       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. "
			       "If you intended to pass a host directory, use absolute path",
			       name);
	return 0;
}

/* The directory of all, locked until it is closed. */
static int open_store(struct err *e)
{
	if (mkdir(VOLUMES, 0700) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make " VOLUMES);
	_cleanup_fd_ int store = open(VOLUMES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (store < 0 || flock(store, LOCK_EX) < 0)
		return err_errno(e, 125, "lock " VOLUMES);
	return take_fd(&store);
}

static int write_document(int store, const char *name, bool anonymous, const struct json *labels, struct err *e)
{
	struct jsonw w = {0};
	char path[160];

	jsonw_object(&w, NULL);
	jsonw_string(&w, "name", name);
	jsonw_int(&w, "created", unix_ms());
	jsonw_object(&w, "labels");
	if (anonymous)
		jsonw_string(&w, VOLUME_ANONYMOUS, "");
	json_each(label, labels) {
		char key[256];
		size_t length = strcspn(label->string, "=");

		snprintf(key, sizeof(key), "%.*s", (int)length, label->string);
		jsonw_string(&w, key, label->string + length + (label->string[length] == '='));
	}
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	snprintf(path, sizeof(path), "%s/volume.json", name);
	int ret = w.failed ? err_set(e, 125, "out of memory") : replace_file_at(store, path, w.data, w.length, 0600, e);

	jsonw_free(&w);
	return ret;
}

static const char *const driver[][2] = {{"driver", "local"}, {NULL, NULL}};

static int create(int store, char name[129], const struct json *labels, struct err *e)
{
	bool anonymous = !*name;
	char path[160];

	if (anonymous ? random_hex(name, e) < 0 : volume_name_ok(name, e) < 0)
		return -1;
	if (mkdirat(store, name, 0700) < 0)
		return errno == EEXIST ? 0 : err_errno(e, 125, "make volume %s", name);
	snprintf(path, sizeof(path), "%s/_data", name);
	if (mkdirat(store, path, 0755) < 0)
		return err_errno(e, 125, "make volume %s", name);
	if (write_document(store, name, anonymous, labels, e) < 0)
		return -1;
	history_add("volume", "create", name, driver);
	return 0;
}

int volume_create(char name[129], const struct json *labels, struct err *e)
{
	_cleanup_fd_ int store = open_store(e);

	return store < 0 ? -1 : create(store, name, labels, e);
}

int volume_take(char name[129], const char *user, bool anonymous, struct err *e)
{
	_cleanup_fd_ int store = open_store(e);
	char path[200];

	if (store < 0 || create(store, name, NULL, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/%s", name, user);
	/* Mounted twice, and once by its name: it stays. */
	int flags = anonymous ? O_EXCL : O_TRUNC;
	_cleanup_fd_ int mark = openat(store, path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);

	if (mark < 0 && errno == EEXIST)
		return 0;
	if (mark < 0 || (anonymous && write_all(mark, "a", 1) < 0))
		return err_errno(e, 125, "take volume %s", name);
	return 0;
}

/* Calls `each` for every volume's name while it says 0. */
static void every(int store, int (*each)(int store, const char *name, void *context), void *context)
{
	int copy = openat(store, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *file;

	while (list && (file = readdir(list)))
		if (spec_name_ok(file->d_name) && each(store, file->d_name, context))
			break;
	if (list)
		closedir(list);
}

/* The ids of the containers that use it, into `w` unless NULL; how many. */
static unsigned users(int store, const char *name, struct jsonw *w)
{
	int fd = openat(store, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *file;
	unsigned count = 0;

	while (list && (file = readdir(list))) {
		if (strlen(file->d_name) != 64)
			continue;
		count++;
		if (w)
			jsonw_string(w, NULL, file->d_name);
	}
	if (list)
		closedir(list);
	return count;
}

static struct json *document(int store, const char *name)
{
	char path[160];
	size_t length;

	snprintf(path, sizeof(path), "%s/volume.json", name);
	_cleanup_free_ char *text = read_file_at(store, path, 1 << 18, &length, NULL);

	return text ? json_parse(text, length, NULL) : NULL;
}

struct json *volume_document(const char *name)
{
	_cleanup_fd_ int store = open_store(NULL);
	struct json *stored = store < 0 || !spec_name_ok(name) ? NULL : document(store, name), *whole = NULL;
	struct jsonw w = {0};

	if (!stored)
		return NULL;
	jsonw_object(&w, NULL);
	json_each(part, stored)
		jsonw_value(&w, part->key, part);
	jsonw_array(&w, "users");
	users(store, name, &w);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	if (!w.failed)
		whole = json_parse(w.data, w.length, NULL);
	jsonw_free(&w);
	json_free(stored);
	return whole;
}

struct names {
	char (*at)[129];
	size_t count;
};

static int add_name(int store, const char *name, void *context)
{
	struct names *names = context;
	size_t i = names->count++;

	(void)store;
	for (; i > 0 && strcmp(names->at[i - 1], name) > 0; i--)
		strcpy(names->at[i], names->at[i - 1]);
	snprintf(names->at[i], sizeof(*names->at), "%s", name);
	return names->count == VOLUME_LIMIT;
}

size_t volume_list(char at[VOLUME_LIMIT][129])
{
	_cleanup_fd_ int store = open_store(NULL);
	struct names names = {at, 0};

	if (store >= 0)
		every(store, add_name, &names);
	return names.count;
}

/* Out of sight first; what is in it may take long to free. */
static int hide(int store, const char *name)
{
	char path[64 + 129];

	if (mkdirat(store, REMOVED, 0700) < 0 && errno != EEXIST)
		return -1;
	snprintf(path, sizeof(path), REMOVED "/%s.%d.%lld", name, getpid(), (long long)now_ms());
	if (renameat(store, name, store, path) < 0)
		return -1;
	history_add("volume", "destroy", name, driver);
	return 0;
}

int volume_remove(const char *name, struct err *e)
{
	_cleanup_fd_ int store = open_store(e);
	struct jsonw w = {0};

	if (store < 0)
		return -1;
	if (!spec_name_ok(name) || faccessat(store, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		return err_set(e, 1, "get %.128s: no such volume", name);
	jsonw_array(&w, NULL);
	unsigned count = users(store, name, &w);

	jsonw_end_array(&w);
	if (count)
		err_set(e, 1, "remove %s: volume is in use - [%.*s]", name, 64, w.failed ? "" : w.data + 2);
	jsonw_free(&w);
	if (count)
		return -1;
	return hide(store, name) < 0 ? err_errno(e, 1, "remove %s", name) : 0;
}

struct giving {
	const char *user;
	bool remove, removed;
};

static int give_back(int store, const char *name, void *context)
{
	struct giving *g = context;
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", name, g->user);
	if (fstatat(store, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	/* With its mark, so that whoever goes on after an interruption finds it still to be done. */
	if (g->remove && st.st_size && users(store, name, NULL) == 1 && hide(store, name) == 0)
		g->removed = true;
	else
		unlinkat(store, path, 0);
	return 0;
}

void volume_give_back(const char *user, bool remove)
{
	struct giving giving = {user, remove, false};

	/* Most levels never have one; then there is nothing to lock or to make. */
	if (access(VOLUMES, F_OK) == 0) {
		_cleanup_fd_ int store = open_store(NULL);

		if (store >= 0)
			every(store, give_back, &giving);
	}
	if (giving.removed)
		volume_sweep_later();
}

/* Directories that are not empty move up to `top`, so that no depth of a hostile tree costs descriptors or stack. */
static int64_t empty(int dir, int top, unsigned *number)
{
	DIR *list = fdopendir(dir);
	struct dirent *file;
	struct stat st;
	int64_t bytes = 0;
	char to[48];

	if (!list) {
		close(dir);
		return 0;
	}
	while ((file = readdir(list))) {
		if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
			continue;
		if (fstatat(dir, file->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 1)
			bytes += (int64_t)st.st_blocks * 512;
		if (unlinkat(dir, file->d_name, 0) == 0 || unlinkat(dir, file->d_name, AT_REMOVEDIR) == 0)
			continue;
		snprintf(to, sizeof(to), "%d.%u", getpid(), (*number)++);
		renameat(dir, file->d_name, top, to);
	}
	closedir(list);
	return bytes;
}

int64_t volume_sweep(void)
{
	_cleanup_fd_ int top = open(VOLUMES "/" REMOVED, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool progress = top >= 0;
	unsigned number = 0;
	int64_t bytes = 0;

	while (progress) {
		int copy = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		DIR *list = copy < 0 ? NULL : fdopendir(copy);
		struct dirent *file;

		progress = false;
		while (list && (file = readdir(list))) {
			if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
				continue;
			int dir = openat(top, file->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (dir >= 0)
				bytes += empty(dir, top, &number);
			progress |= unlinkat(top, file->d_name, AT_REMOVEDIR) == 0;
		}
		if (list)
			closedir(list);
	}
	return bytes;
}

void volume_sweep_later(void)
{
	if (fork() == 0) {
		sys_close_range(3, ~0u, 0);
		volume_sweep();
		_exit(0);
	}
}
