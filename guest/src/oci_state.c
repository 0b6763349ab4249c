#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "oci.h"
#include "units.h"

int oci_id_check(const char *id, struct err *e)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.";

	if (!*id || strlen(id) > 128 || id[strspn(id, good)] || strcmp(id, ".") == 0 || strcmp(id, "..") == 0)
		return err_set(e, 1, "invalid container id: \"%.140s\"", id);
	return 0;
}

static int place(struct oci *c, const char *root, struct err *e)
{
	if (oci_id_check(c->id, e) < 0)
		return -1;
	if (snprintf(c->dir, sizeof(c->dir), "%s/%s", root, c->id) >= (int)sizeof(c->dir) - 32)
		return err_set(e, 1, "--root %.80s: too long", root);
	return 0;
}

static void file(char path[OCI_PATH_MAX], const struct oci *c, const char *name)
{
	snprintf(path, OCI_PATH_MAX, "%.470s/%s", c->dir, name);
}

int oci_state_make(struct oci *c, const char *root, struct err *e)
{
	static const char *const fifos[] = {"go", "report"};
	char path[OCI_PATH_MAX];
	struct jsonw w = {0};

	if (place(c, root, e) < 0)
		return -1;
	/* Only its last part is made, and its parent if that is /run's. */
	if (mkdir(root, 0700) < 0 && errno != EEXIST)
		return err_errno(e, 1, "make %s", root);
	if (mkdir(c->dir, 0700) < 0) {
		if (errno == EEXIST)
			return err_set(e, 1, "container with id %s exists already", c->id);
		return err_errno(e, 1, "make %s", c->dir);
	}
	/* What is changed in the bundle afterwards has no effect. */
	jsonw_value(&w, NULL, c->config);
	file(path, c, "config.json");
	int ret = w.failed ? err_set(e, 1, "out of memory") : replace_file_at(AT_FDCWD, path, w.data, w.length, 0600, e);

	jsonw_free(&w);
	for (size_t i = 0; ret == 0 && i < array_size(fifos); i++) {
		file(path, c, fifos[i]);
		if (mkfifo(path, 0600) < 0)
			ret = err_errno(e, 1, "make %s", path);
	}
	if (ret < 0)
		oci_state_remove(c);
	return ret;
}

int oci_state_save(const struct oci *c, struct err *e)
{
	char path[OCI_PATH_MAX];
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "bundle", c->bundle);
	jsonw_string(&w, "cgroup", c->cgroup);
	jsonw_int(&w, "created", c->created);
	jsonw_int(&w, "pid", c->pid);
	jsonw_int(&w, "started", c->started);
	jsonw_end_object(&w);
	file(path, c, "state.json");
	int ret = w.failed ? err_set(e, 1, "out of memory") : replace_file_at(AT_FDCWD, path, w.data, w.length, 0600, e);

	jsonw_free(&w);
	return ret;
}

int oci_state_load(struct oci *c, const char *root, const char *id, struct err *e)
{
	char path[OCI_PATH_MAX];
	size_t length;

	*c = (struct oci){.id = id, .console = -1};
	if (place(c, root, e) < 0)
		return -1;
	file(path, c, "state.json");
	_cleanup_free_ char *text = read_file(path, OCI_TEXT_MAX, &length, e);
	struct json *state = text ? json_parse(text, length, e) : NULL;

	if (!text && access(c->dir, F_OK) < 0) {
		err_set(e, 1, "container %s does not exist", id);
		e->sys = ENOENT;
		return -1;
	}
	if (!state)
		return -1;
	snprintf(c->bundle, sizeof(c->bundle), "%s", json_string(state, "bundle", ""));
	snprintf(c->cgroup, sizeof(c->cgroup), "%s", json_string(state, "cgroup", ""));
	c->created = json_whole(state, "created", 0);
	c->pid = (pid_t)json_whole(state, "pid", 0);
	c->started = json_whole(state, "started", 0);
	json_free(state);
	file(path, c, "config.json");
	free(take_ptr(text));
	text = read_file(path, OCI_TEXT_MAX, &length, e);
	c->config = text ? json_parse(text, length, e) : NULL;
	return c->config ? 0 : -1;
}

void oci_state_remove(const struct oci *c)
{
	static const char *const files[] = {"config.json", "go", "report", "state.json", "state.json.new"};
	char path[OCI_PATH_MAX];

	for (size_t i = 0; i < array_size(files); i++) {
		file(path, c, files[i]);
		unlink(path);
	}
	rmdir(c->dir);
}

void oci_free(struct oci *c)
{
	json_free(c->config);
	c->config = NULL;
	close_fd(&c->console);
}

int64_t oci_started(pid_t pid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	_cleanup_free_ char *text = pid > 0 ? read_file(path, 4096, NULL, NULL) : NULL;
	/* The name in parentheses may hold anything. Behind it: the state, and 18 fields on when it began. */
	const char *at = text ? strrchr(text, ')') : NULL;

	if (!at || strlen(at) < 3 || at[2] == 'Z' || at[2] == 'X')
		return 0;
	at++;
	for (int fields = 0; at && fields < 19; fields++)
		at = strchr(at + 1, ' ');
	return at ? strtoll(at, NULL, 10) : 0;
}

const char *oci_status(const struct oci *c)
{
	char path[OCI_PATH_MAX];

	if (!c->pid || oci_started(c->pid) != c->started)
		return "stopped";
	file(path, c, "go");
	if (access(path, F_OK) == 0)
		return "created";
	snprintf(path, sizeof(path), "/sys/fs/cgroup%.400s/cgroup.freeze", c->cgroup);
	_cleanup_free_ char *frozen = read_file(path, 16, NULL, NULL);

	return frozen && *frozen == '1' ? "paused" : "running";
}

void oci_state_put(struct jsonw *w, const struct oci *c, const char *status, bool more)
{
	bool stopped = strcmp(status, "stopped") == 0;
	char created[40], rootfs[PATH_MAX];

	jsonw_object(w, NULL);
	jsonw_string(w, "ociVersion", OCI_VERSION);
	jsonw_string(w, "id", c->id);
	jsonw_string(w, "status", status);
	/* Of a dead process only in lists, where it is 0. */
	if (!stopped || more)
		jsonw_int(w, "pid", stopped ? 0 : c->pid);
	jsonw_string(w, "bundle", c->bundle);
	if (more) {
		unit_time(created, sizeof(created), c->created);
		oci_rootfs_path(c, rootfs);
		jsonw_string(w, "rootfs", rootfs);
		jsonw_string(w, "created", created);
	}
	if (oci_get(c->config, "annotations"))
		jsonw_value(w, "annotations", oci_get(c->config, "annotations"));
	jsonw_end_object(w);
}
