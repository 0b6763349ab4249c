#include "command_files.h"
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include "caps.h"
#include "cgroup.h"
#include "container.h"
#include "copy.h"
#include "diff.h"
#include "io.h"
#include "kernel.h"
#include "mountlist.h"
#include "ns.h"
#include "path.h"
#include "process.h"
#include "reply.h"
#include "rootfs.h"
#include "tarpipe.h"

/*
 * Two processes. The guard stops a running container and sees to it that it goes on, whatever becomes of the other: the worker is in
 * the container's own user and mount namespaces (of one that does not run: in new ones, with its tree mounted there), as its root,
 * with no more capabilities than files take. It meets what the container made and nothing else, so it has nothing to lose to it.
 */
enum { FREEZE_MS = 500 };

static const uint64_t file_caps = 1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_FOWNER | 1ull << CAP_FSETID;

struct work {
	const struct entry *entry;
	const struct json *request;
	const struct task *task;
	struct tarpipe pipe;
	struct container container;
	int root, upper; /* of the container; upper: its writable layer, for diff */
};

static int put(struct work *w, struct err *e)
{
	const struct json *r = w->request;
	bool stream = json_bool(r, "stream", false);
	const struct copy_source source = {.directory = json_bool(r, "directory", false)};
	const char *path = json_string(r, "path", "");
	struct copy_target to = {.root = -1};
	struct tar_in archive = {.read = tarpipe_read, .context = &w->pipe};

	if (copy_target(w->root, path, &source, &to, e) < 0) {
		char missing[256];

		snprintf(missing, sizeof(missing), "%s", e->msg);
		if (e->sys == ENOENT)
			err_set(e, 1, "Could not find the file %s in container %s", missing, json_string(r, "container", ""));
		return -1;
	}
	if (stream && *to.rename)
		return err_set(e, 1, "destination \"%s:%.200s\" must be a directory", json_string(r, "container", ""), path);
	const struct unpacking how = {.root = to.root,
				      .rename = *to.rename ? to.rename : NULL,
				      .owners = stream || json_bool(r, "owners", false),
				      .set_ids = true};

	return unpack(&archive, &how, e);
}

static int get(struct work *w, struct err *e)
{
	const char *path = json_string(w->request, "path", "");
	const struct tar_out out = {tarpipe_write, &w->pipe};
	struct copy_source source;
	struct jsonw j = {0};

	if (copy_source(w->root, path, json_bool(w->request, "follow", false), &source, e) < 0)
		return e->sys == ENOENT ? err_set(e, 1, "Could not find the file %.200s in container %s", path,
						  json_string(w->request, "container", ""))
					: -1;
	jsonw_object(&j, NULL);
	jsonw_bool(&j, "directory", source.directory);
	jsonw_end_object(&j);
	if (reply_json(w->pipe.sock, &j, -1, e) < 0)
		return -1;
	return pack(&out, source.fd, source.content ? "." : source.name, e);
}

static int export(struct work *w, struct err *e)
{
	const struct tar_out out = {tarpipe_write, &w->pipe};
	_cleanup_fd_ int top = openat(w->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return top < 0 ? err_errno(e, 1, "/") : pack(&out, top, "", e);
}

static int diff_line(void *context, char kind, const char *path)
{
	const char head[] = {kind, ' '};

	return tarpipe_write(context, head, 2) < 0 || tarpipe_write(context, path, strlen(path)) < 0 ||
			       tarpipe_write(context, "\n", 1) < 0
		       ? -1
		       : 0;
}

static int diff(struct work *w, struct err *e)
{
	_cleanup_fd_ int upper = openat(w->upper, "upper", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return upper < 0 ? err_errno(e, 1, "the writable layer") : diff_layer(upper, w->root, diff_line, &w->pipe, e);
}

static const struct task {
	const char *name;
	int (*run)(struct work *w, struct err *e);
	enum { WHOLE, OWN, LAYER } view; /* with its volumes; without; the image's tree, to compare with its layer */
} tasks[] = {
	{"copy.in", put, WHOLE},
	{"copy.out", get, WHOLE},
	{"diff", diff, LAYER},
	{"export", export, OWN},
};

/* A descriptor to let it go on by; -1 when it is paused already, and is to stay so. */
static int freeze(const char *id)
{
	char path[160];
	int64_t deadline = now_ms() + FREEZE_MS;

	snprintf(path, sizeof(path), "/sys/fs/cgroup/nest/%s/cgroup.freeze", id);
	_cleanup_fd_ int fd = cgroup_read(id, "cgroup.freeze") == 0 ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (fd < 0 || write(fd, "1", 1) != 1)
		return -1;
	snprintf(path, sizeof(path), "/sys/fs/cgroup/nest/%s/cgroup.events", id);
	for (;;) {
		_cleanup_free_ char *events = read_file(path, 256, NULL, NULL);

		/* One that is busy in the kernel stops when it is done there; nothing here relies on it. */
		if (!events || strstr(events, "frozen 1") || now_ms() >= deadline)
			return take_fd(&fd);
		poll(NULL, 0, 1);
	}
}

static void worker(struct work *w, int sync) __attribute__((noreturn));

static void worker(struct work *w, int sync)
{
	bool running = sync < 0, image = w->task->view == LAYER;
	int binds[SPEC_BINDS_MAX], ret;
	struct rootfs rootfs = {.container = &w->container, .binds = binds, .rw = -1, .files_only = true};
	struct err e = {.code = 1};

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		ret = err_errno(&e, 1, "prctl");
	else if (running)
		ret = ns_join(w->entry->pidfd, CLONE_NEWUSER | CLONE_NEWNS) < 0 ? err_errno(&e, 1, "join the container") : 0;
	else
		ret = rootfs_begin(&rootfs, &e) < 0 ? -1 : mountlist_receive(sync, binds, &rootfs.bind_count, &e);
	if (ret == 0 && (syscall(SYS_setresgid32, 0, 0, 0) < 0 || syscall(SYS_setresuid32, 0, 0, 0) < 0))
		ret = err_errno(&e, 1, "become the container's root");
	w->upper = rootfs.rw;
	if (ret == 0 && !running && !image)
		ret = rootfs_enter(&rootfs, &e);
	if (ret == 0) {
		/* Without what is mounted in it, where that is asked for. */
		w->root = image                  ? rootfs_image(&rootfs, &e)
			  : w->task->view == OWN ? sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE)
						 : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (w->root < 0)
			ret = image ? -1 : err_errno(&e, 1, "/");
	}
	umask(0);
	if (ret == 0)
		ret = caps_become(0, 0, NULL, 0, &(struct cap_sets){.permitted = file_caps, .effective = file_caps}, &e);
	if (ret == 0)
		ret = w->task->run(w, &e);
	if (ret == 0 && w->pipe.kind == '1' && (ret = tarpipe_flush(&w->pipe)) < 0)
		err_errno(&e, 1, "send");
	/* Before the answer: what comes after it finds the container going on. */
	if (w->pipe.freezer >= 0 && write(w->pipe.freezer, "0", 1) == 1)
		close_fd(&w->pipe.freezer);
	/* docker's status of all of these; 125 is run's. */
	e.code = 1;
	if (ret < 0)
		reply_error(w->pipe.sock, &e);
	else if (w->pipe.kind == '1')
		reply_code(w->pipe.sock, 0);
	/* What is closed with something unread is a reset for the other side, and our answer lost. */
	tarpipe_drain(&w->pipe);
	if (ret == 0 && w->pipe.kind == '0')
		reply_code(w->pipe.sock, 0);
	_exit(0);
}

static pid_t start_running(struct work *w, struct err *e)
{
	w->pipe.freezer = freeze(w->entry->id);
	pid_t pid = fork();

	if (pid == 0)
		worker(w, -1);
	return pid < 0 ? err_errno(e, 1, "fork") : pid;
}

static pid_t start_stopped(struct work *w, struct err *e)
{
	struct container *c = &w->container;
	struct json *mounts = NULL;
	int sync[2];

	if (container_init(c, w->entry->id, w->entry->name, w->entry->request, entry_networks(w->entry), e) < 0 ||
	    container_files(c, e) < 0 || (w->task->view != LAYER && (c->claim = container_claim(c->id, e)) < 0) ||
	    sock_pair(sync, e) < 0)
		return -1;
	if (w->task->view == WHOLE)
		mounts = c->mounts = mountlist_load(c->id);
	/* With --userns=host its ids are the level's. */
	pid_t pid = ns_clone((c->root ? CLONE_NEWUSER : 0) | CLONE_NEWNS, -1, NULL, e);

	if (pid == 0) {
		close(sync[0]);
		worker(w, sync[1]);
	}
	close(sync[1]);
	/* What goes wrong here ends the worker's wait, and the guard tells of it. */
	if (pid > 0 && ((c->root && ns_map(pid, c->root, c->ids, e) < 0) || mountlist_send(mounts, pid, sync[0], e) < 0)) {
		kill(pid, SIGKILL);
		reap(pid);
		pid = -1;
	}
	close(sync[0]);
	return pid;
}

int command_files(struct request *r, struct err *e)
{
	static struct work w;
	struct entry *entry = r->entry;
	const char *name = json_string(r->json, "cmd", "");
	int pidfd = entry->pidfd, client = r->client;
	int *keep[] = {&entry->pidfd, &r->client};
	pid_t pid = command_fork(keep, array_size(keep), e);

	if (pid != 0) {
		entry->pidfd = pidfd;
		r->client = client;
		return pid < 0 ? -1 : 0;
	}
	prctl(PR_SET_NAME, "nest-files");
	w = (struct work){.entry = entry, .request = r->json, .root = -1, .upper = -1};
	w.task = tasks;
	while (strcmp(w.task->name, name) != 0)
		w.task++;
	w.pipe.sock = r->client;
	w.pipe.freezer = -1;
	w.pipe.kind = w.task->run == put ? '0' : '1';

	int status = 0;
	struct err failed = {.code = 1};

	pid = entry->state == ENTRY_RUNNING && w.task->view != LAYER ? start_running(&w, &failed) : start_stopped(&w, &failed);
	if (pid > 0) {
		/* It may fill the memory: then it is ended, and not all else. */
		process_score(pid, 0, NULL);
		status = reap(pid);
	}
	if (w.pipe.freezer >= 0 && (pid < 0 || status != 0) && write(w.pipe.freezer, "0", 1) < 0)
		_exit(1);
	failed.code = 1;
	if (pid < 0)
		reply_error(r->client, &failed);
	else if (status != 0 && err_set(&failed, 1, "the copying process ended unexpectedly"))
		reply_error(r->client, &failed);
	_exit(0);
}
