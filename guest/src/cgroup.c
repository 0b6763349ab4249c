#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include "cgroup.h"
#include "io.h"

#define ROOT "/sys/fs/cgroup"
#define OURS ROOT "/nest"

enum { PLACE_MAX = 600, STALE_MS = 1000 };

static const char *const controllers[] = {"cpu", "memory", "pids", "io"};

static void place(char path[PLACE_MAX], const char *id, const char *file)
{
	snprintf(path, PLACE_MAX, "%s%s%s%s", *id == '/' ? ROOT : OURS "/", id, *file ? "/" : "", file);
}

/* Moves every process of the (namespace's) root cgroup to /init; new ones may be forked meanwhile, so until none is left. */
static int move_to_init(struct err *e)
{
	if (mkdir(ROOT "/init", 0755) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make " ROOT "/init");
	for (int round = 0; round < 64; round++) {
		_cleanup_free_ char *pids = read_file(ROOT "/cgroup.procs", 1 << 20, NULL, e);
		bool moved = false;

		if (!pids)
			return -1;
		for (char *save = NULL, *pid = strtok_r(pids, "\n", &save); pid; pid = strtok_r(NULL, "\n", &save)) {
			/* A process that ended meanwhile is no failure. */
			if (strcmp(pid, "0") != 0 && write_file(ROOT "/init/cgroup.procs", pid, NULL) == 0)
				moved = true;
		}
		if (!moved)
			return 0;
	}
	return err_set(e, 125, ROOT ": processes appear faster than they can be moved to /init");
}

static int enable(const char *dir, struct err *e)
{
	char path[PLACE_MAX];
	snprintf(path, sizeof(path), "%s/cgroup.controllers", dir);
	_cleanup_free_ char *have = read_file(path, 1024, NULL, e);

	if (!have)
		return -1;
	char line[64] = "";

	for (size_t i = 0; i < array_size(controllers); i++) {
		const char *at = strstr(have, controllers[i]);
		size_t length = strlen(controllers[i]);

		if (at && (at == have || at[-1] == ' ') && strchr(" \n", at[length]))
			sprintf(line + strlen(line), "%s+%s", *line ? " " : "", controllers[i]);
	}
	if (!*line)
		return 0;
	snprintf(path, sizeof(path), "%s/cgroup.subtree_control", dir);
	return write_file(path, line, e);
}

/* Of the memory of the machine, or of the container that this level is in. */
static int keep_memory(struct err *e)
{
	char text[24];
	struct sysinfo machine = {0};
	int64_t limit = cgroup_read("/", "memory.max"), total;

	sysinfo(&machine);
	total = (int64_t)machine.totalram * machine.mem_unit;
	if (limit > 0 && limit < total)
		total = limit;
	snprintf(text, sizeof(text), "%lld", (long long)total / 8 * 7);
	return cgroup_read("/nest", "memory.max") > 0 ? 0 : write_file(OURS "/memory.max", text, e);
}

int64_t cgroup_share(void)
{
	return cgroup_read("/nest", "memory.max") / 4 * 3;
}

int cgroup_prepare(int level, struct err *e)
{
	if (access(OURS, F_OK) == 0)
		return keep_memory(e);
	/* In a container's cgroup namespace the root is an ordinary cgroup: processes and controllers exclude each other there. */
	if (level > 0 && move_to_init(e) < 0)
		return err_context(e, "cgroups");
	if (enable(ROOT, e) < 0)
		return err_context(e, "cgroups");
	if (mkdir(OURS, 0755) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make " OURS);
	return enable(OURS, e) < 0 ? -1 : keep_memory(e);
}

int cgroup_make(const char *id, const struct limits *limits, uid_t owner, struct err *e)
{
	static const char *const delegated[] = {".", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"};
	char path[128];

	snprintf(path, sizeof(path), OURS "/%s", id);
	/* One that is there is left from a start that did not come to its end. */
	if (mkdir(path, 0755) < 0 && (errno != EEXIST || cgroup_destroy(id, STALE_MS, e) < 0 || mkdir(path, 0755) < 0))
		return err_errno(e, 125, "make %s", path);
	_cleanup_fd_ int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0) {
		err_errno(e, 125, "open %s", path);
		goto fail;
	}
	if (limits_apply(dir, limits, false, e) < 0)
		goto fail;
	for (size_t i = 0; owner && i < array_size(delegated); i++) {
		if (fchownat(dir, delegated[i], owner, owner, AT_SYMLINK_NOFOLLOW) < 0) {
			err_errno(e, 125, "delegate %s/%s", path, delegated[i]);
			goto fail;
		}
	}
	return take_fd(&dir);
fail:
	rmdir(path);
	return -1;
}

int cgroup_make_at(const char *path, struct err *e)
{
	char full[PLACE_MAX];
	size_t length = 0;

	place(full, path, "");
	/* From the top: what is above may hold no process, or the kernel refuses to hand controllers down. */
	for (char *slash = full + strlen(ROOT); slash; slash = strchr(slash + 1, '/')) {
		char kept = *slash;

		*slash = 0;
		if (length && mkdir(full, 0755) < 0 && errno != EEXIST)
			return err_errno(e, 125, "make %s", full);
		if (enable(full, e) < 0)
			return err_context(e, "cgroup %s", path);
		length = strlen(full);
		*slash = kept;
	}
	if (mkdir(full, 0755) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make %s", full);
	int dir = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return dir < 0 ? err_errno(e, 125, "open %s", full) : dir;
}

int cgroup_kill(const char *id, struct err *e)
{
	char path[PLACE_MAX];

	place(path, id, "cgroup.kill");
	return write_file(path, "1", e);
}

/* Removes the directories below `dir`, deepest first. Depth is bounded: a container may nest cgroups as it likes. */
static void remove_below(int dir, int depth)
{
	DIR *list = fdopendir(dir);
	struct dirent *entry;

	if (!list) {
		close(dir);
		return;
	}
	while ((entry = readdir(list))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
			continue;
		if (unlinkat(dirfd(list), entry->d_name, AT_REMOVEDIR) == 0 || depth == 0)
			continue;
		int below = openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (below >= 0) {
			remove_below(below, depth - 1);
			unlinkat(dirfd(list), entry->d_name, AT_REMOVEDIR);
		}
	}
	closedir(list);
}

int cgroup_destroy(const char *id, int timeout_ms, struct err *e)
{
	char path[PLACE_MAX];
	int64_t deadline = now_ms() + timeout_ms;

	place(path, id, "");
	if (rmdir(path) == 0 || errno == ENOENT)
		return 0;
	if (cgroup_kill(id, e) < 0)
		return -1;
	/* Killed processes leave when they are reaped, which may take a moment. */
	for (int pause_ms = 1;; pause_ms = pause_ms < 50 ? pause_ms * 2 : 50) {
		int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (dir >= 0)
			remove_below(dir, 128);
		if (rmdir(path) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY || now_ms() >= deadline)
			return err_errno(e, 125, "remove %s", path);
		poll(NULL, 0, pause_ms);
	}
}

int cgroup_of(pid_t pid, struct err *e)
{
	char path[4300];
	snprintf(path, sizeof(path), "/proc/%d/cgroup", pid);
	_cleanup_free_ char *text = read_file(path, 4096, NULL, e);

	if (!text)
		return -1;
	/* The last line; in front of it those of the old hierarchies, where there are any. */
	char *at = strstr(text, "0::/");

	if (at)
		at[strcspn(at, "\n")] = 0;
	/* "/.." in front means outside of our namespace. */
	if (!at || (at != text && at[-1] != '\n') || strstr(at, "/..") || strstr(at, " (deleted)"))
		return err_set(e, 125, "process %d is in no cgroup of ours: %s", pid, text);
	snprintf(path, sizeof(path), ROOT "%s", at + 3);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_errno(e, 125, "open %s", path) : fd;
}

int cgroup_open(const char *id, const char *file, int flags)
{
	char path[PLACE_MAX];

	place(path, id, file);
	return open(path, flags | O_CLOEXEC);
}

int64_t cgroup_read_key(const char *id, const char *file, const char *key)
{
	char text[4096], *at = text;
	size_t length = key ? strlen(key) : 0;
	_cleanup_fd_ int fd = cgroup_open(id, file, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n <= 0)
		return -1;
	text[n] = 0;
	while (key && (strncmp(at, key, length) != 0 || at[length] != ' ')) {
		at = strchr(at, '\n');
		if (!at++)
			return -1;
	}
	return strtoll(at + length, NULL, 10);
}

int64_t cgroup_read(const char *id, const char *file)
{
	return cgroup_read_key(id, file, NULL);
}
