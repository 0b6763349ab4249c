#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "cgroup.h"
#include "container.h"
#include "dev.h"
#include "device.h"
#include "endpoint.h"
#include "io.h"
#include "kernel.h"
#include "mountlist.h"
#include "mounts.h"
#include "ns.h"
#include "process.h"
#include "rootfs.h"
#include "sock.h"
#include "sysctl.h"
#include "ulimit.h"
#include "volume_store.h"

/* In the place of state.json: it is being removed, and its volumes without a name are not. */
#define VOLUMES_STAY "volumes-stay"

enum { CLAIM_MS = 10000, START_TIMEOUT_MS = 30000, REMOVE_TIMEOUT_MS = 5000 };

void container_path(char path[200], const char *id, const char *tail)
{
	snprintf(path, 200, CONTAINERS "/%s/%s", id, tail);
}

static void nothing_yet(struct container *c)
{
	static const struct streams none = STREAMS_NONE;

	memset(c, 0, offsetof(struct container, networks.list));
	c->cgroup = c->pidfd = c->relay = c->ask = c->dev = c->shm = c->hold = c->claim = c->networks.dns = -1;
	c->streams = none;
}

int container_init(struct container *c, const char *id, const char *name, const struct json *request, const struct json *networks,
		   struct err *e)
{
	nothing_yet(c);
	c->request = request;
	c->root = ID_SHIFT;
	snprintf(c->id, sizeof(c->id), "%s", id);
	snprintf(c->name, sizeof(c->name), "%s", name);
	if (level_load(&c->level, e) < 0 || spec_parse(request, &c->spec, e) < 0 ||
	    devices_check(c->spec.tuning.devices, c->level.number, e) < 0 || ulimits_raise(c->spec.tuning.ulimits, e) < 0)
		return -1;
	int64_t ids = level_child_ids(&c->level, c->spec.profile != PROFILE_PLAIN, e);

	if (ids < 0)
		return -1;
	c->ids = (uint32_t)ids;
	if (c->spec.sharing.host & CLONE_NEWUSER) {
		/* Deeper, the layers are not mapped for it. */
		if (c->level.number > 0)
			return err_set(e, 125, "--userns=host: only on the outermost level");
		c->root = 0;
	}
	if (*c->spec.hostname)
		snprintf(c->hostname, sizeof(c->hostname), "%s", c->spec.hostname);
	else if (!sharing_hostname(&c->spec.sharing, c->hostname, sizeof(c->hostname)))
		snprintf(c->hostname, sizeof(c->hostname), "%.12s", c->id);
	return attachments_of(c, networks, e);
}

/* --- steps */

/* Early, so that the page answers while the guest goes on. */
static int do_ask(struct container *c, struct err *e)
{
	c->ask = image_ask(c->spec.image, e);
	return c->ask < 0 ? -1 : 0;
}

static int undo_ask(struct container *c, struct err *e)
{
	(void)e;
	close_fd(&c->ask);
	return 0;
}

static int do_image(struct container *c, struct err *e)
{
	/* Already known when a container starts in the process that made it. */
	if (c->image.document)
		return 0;
	if (c->ask < 0 && do_ask(c, e) < 0)
		return -1;
	int ret = image_answer(take_fd(&c->ask), c->spec.image, &c->image, e);

	if (ret < 0)
		return -1;
	return process_of(&c->spec, c->image.config, c->hostname, &c->process, e);
}

/* An engine started anew tells by this what is being made, or ends, from what nobody looks after. */
static int hold(struct container *c, struct err *e)
{
	char path[200];

	container_path(path, c->id, "");
	c->hold = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return c->hold < 0 || flock(c->hold, LOCK_EX) < 0 ? err_errno(e, 125, "lock %s", path) : 0;
}

bool container_held(const char *id)
{
	char path[200];

	container_path(path, id, "");
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	/* Without descriptors to look, it may be. */
	return fd < 0 ? errno != ENOENT : flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static int do_directory(struct container *c, struct err *e)
{
	char path[200];

	if (mkdir(CONTAINERS, 0711) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make " CONTAINERS);
	container_path(path, c->id, "");
	return mkdir(path, 0700) < 0 ? err_errno(e, 125, "make %s", path) : hold(c, e);
}

static int undo_directory(struct container *c, struct err *e)
{
	char path[200];

	container_path(path, c->id, "");
	DIR *list = opendir(path);
	struct dirent *file;
	int ret = 0;

	while (ret == 0 && list && (file = readdir(list)))
		if (strcmp(file->d_name, ".") != 0 && strcmp(file->d_name, "..") != 0 &&
		    unlinkat(dirfd(list), file->d_name, 0) < 0)
			ret = err_errno(e, 125, "remove %s%s", path, file->d_name);
	if (list)
		closedir(list);
	if (ret < 0)
		return -1;
	if (rmdir(path) < 0 && errno != ENOENT)
		return err_errno(e, 125, "remove %s", path);
	close_fd(&c->hold);
	return 0;
}

/* A tmpfs of the container's own, whose owner is its root; it outlives the container's runs until `rm`. */
static int do_writable(struct container *c, struct err *e)
{
	static const char *const directories[] = {"upper", "work", "root"};
	char path[200], options[64];

	container_path(path, c->id, "rw");
	/* Nobody but us has a say in this path; one call instead of eight. */
	snprintf(options, sizeof(options), "mode=755,uid=%u,gid=%u", c->root, c->root);
	if (mkdir(path, 0700) < 0)
		return err_errno(e, 125, "make %s", path);
	if (mount("tmpfs", path, "tmpfs", MS_NODEV, options) < 0) {
		err_errno(e, 125, "mount %s", path);
		rmdir(path);
		return -1;
	}
	_cleanup_fd_ int rw = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (rw < 0)
		return err_errno(e, 125, "open %s", path);
	for (size_t i = 0; i < array_size(directories); i++)
		if (mkdirat(rw, directories[i], 0755) < 0 || fchownat(rw, directories[i], c->root, c->root, 0) < 0)
			return err_errno(e, 125, "make %s/%s", path, directories[i]);
	return 0;
}

static int undo_writable(struct container *c, struct err *e)
{
	char path[200];

	container_path(path, c->id, "rw");
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL && errno != ENOENT)
		return err_errno(e, 125, "unmount %s", path);
	return rmdir(path) < 0 && errno != ENOENT ? err_errno(e, 125, "remove %s", path) : 0;
}

static int do_volumes(struct container *c, struct err *e)
{
	return mountlist_make(c->id, &c->spec, c->image.config, e);
}

static int undo_volumes(struct container *c, struct err *e)
{
	(void)e;
	volume_give_back(c->id, c->remove_volumes);
	return 0;
}

static int do_layers(struct container *c, struct err *e)
{
	return image_attach(&c->image, c->level.number, e);
}

static int do_cgroup(struct container *c, struct err *e)
{
	bool delegate = c->spec.profile != PROFILE_PLAIN;

	c->cgroup = cgroup_make(c->id, &c->spec.limits, delegate ? c->root : 0, e);
	if (c->cgroup < 0)
		return -1;
	return c->spec.sharing.host & CLONE_NEWUSER ? devices_filter(c->cgroup, c->spec.tuning.devices, e) : 0;
}

static int undo_cgroup(struct container *c, struct err *e)
{
	close_fd(&c->cgroup);
	return cgroup_destroy(c->id, REMOVE_TIMEOUT_MS, e);
}

static int do_networks(struct container *c, struct err *e)
{
	return attachments_take(c, e);
}

static int undo_networks(struct container *c, struct err *e)
{
	(void)e;
	/* One whose monitor is gone: nobody knows its networks any more. */
	if (!c->request)
		endpoint_forget(c->id);
	return attachments_give_back(c);
}

/* The socket its --nest engine will find as /run/nest/host.sock; the monitor answers it. */
static int do_relay(struct container *c, struct err *e)
{
	char path[200];

	if (c->spec.profile == PROFILE_PLAIN)
		return 0;
	container_path(path, c->id, "host.sock");
	c->relay = sock_listen(path, 0600, e);
	if (c->relay < 0)
		return -1;
	return chown(path, c->root, c->root) < 0 ? err_errno(e, 125, "give %s to the container", path) : 0;
}

static int undo_relay(struct container *c, struct err *e)
{
	char path[200];

	/* A look for nothing costs as much as one for something. */
	if (c->request && c->spec.profile == PROFILE_PLAIN)
		return 0;
	close_fd(&c->relay);
	container_path(path, c->id, "host.sock");
	return unlink(path) < 0 && errno != ENOENT ? err_errno(e, 125, "remove %s", path) : 0;
}

static int do_streams(struct container *c, struct err *e)
{
	if (streams_make(&c->streams, c->spec.tty, c->spec.open_stdin, c->root, e) < 0)
		return -1;
	streams_resize(&c->streams, c->spec.columns, c->spec.rows);
	return 0;
}

static int undo_streams(struct container *c, struct err *e)
{
	(void)e;
	streams_close(&c->streams);
	return 0;
}

/* Executed by descriptor from its read-only file system: no copy of it is in the container (CVE-2019-5736). */
static int open_init(struct container *c, struct err *e)
{
	if (!c->spec.tuning.init)
		return 0;
	c->process.init = open(RUN_NEST "/bin/nest", O_PATH | O_CLOEXEC);
	return c->process.init < 0 ? err_errno(e, 125, "open " RUN_NEST "/bin/nest") : 0;
}

static void child(struct container *c, int sync, int report) __attribute__((noreturn));

/* The container's first process, from the clone to its program. */
static void child(struct container *c, int sync, int report)
{
	struct err e = {0};
	int binds[SPEC_BINDS_MAX];
	struct rootfs rootfs = {.container = c, .binds = binds};

	/* Only while it is dumpable. Nobody but it is in its user namespace yet; "self" is found through the level's own procfs. */
	if (time_offsets_write(c->spec.tuning.time_offsets, &e) < 0)
		process_fail(report, &e);
	/* No one may look into this process while it still has anything of the level above (CVE-2016-9962). */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		err_errno(&e, 125, "prctl");
	else if (open_init(c, &e) == 0 && rootfs_begin(&rootfs, &e) == 0 &&
		 mountlist_receive(sync, binds, &rootfs.bind_count, &e) == 0) {
		/* Keyrings are not namespaced. Inside a nested container the filter refuses this and the keyring is fresh anyway. */
		syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL);
		if (streams_adopt(&c->streams, &e) == 0 && syscall(SYS_setresgid32, 0, 0, 0) == 0 &&
		    syscall(SYS_setresuid32, 0, 0, 0) == 0) {
			const uint64_t shared = c->spec.sharing.host | c->spec.sharing.joined;

			if (!(shared & CLONE_NEWUTS) &&
			    (sethostname(c->hostname, strlen(c->hostname)) < 0 ||
			     (*c->spec.domainname && setdomainname(c->spec.domainname, strlen(c->spec.domainname)) < 0)))
				err_errno(&e, 125, "set the host name");
			else if ((shared & CLONE_NEWNET || attachments_configure(c, &e) == 0) && rootfs_enter(&rootfs, &e) == 0) {
				/* No directory to name by its descriptor (CVE-2024-21626). */
				close_fd(&c->dev);
				close_fd(&c->shm);
				process_exec(&c->process, report, true, &e);
			}
		} else if (!e.code) {
			err_errno(&e, 125, "become the container's root");
		}
	}
	process_fail(report, &e);
}

static int undo_process(struct container *c, struct err *e)
{
	(void)e;
	if (c->pid > 0) {
		sys_pidfd_send_signal(c->pidfd, SIGKILL);
		reap(c->pid);
		c->pid = 0;
	}
	close_fd(&c->pidfd);
	close_fd(&c->dev);
	close_fd(&c->shm);
	return 0;
}

static int do_process(struct container *c, struct err *e)
{
	struct sharing *sharing = &c->spec.sharing;
	int sync[2], report[2];

	if (sharing_settle(sharing, e) < 0 || ((c->shm = sharing_shm(sharing, e)) < 0 && e->code))
		return -1;
	/* Only the guest host may make device nodes; it makes them before, and the process finds the mount by its descriptor. */
	if (c->level.number == 0 && ((c->dev = dev_make(0, c->root, c->spec.tuning.shm_size, e)) < 0 ||
				     devices_make(c->dev, c->spec.tuning.devices, 0, c->root, e) < 0))
		return -1;
	if (sock_pair(sync, e) < 0)
		return -1;
	if (pipe2(report, O_CLOEXEC) < 0) {
		close(sync[0]);
		close(sync[1]);
		return err_errno(e, 125, "pipe");
	}
	_cleanup_fd_ int sync_ours = sync[0], sync_theirs = sync[1], report_ours = report[0], report_theirs = report[1];

	if (!c->mounts)
		c->mounts = mountlist_load(c->id);
	c->pid = sharing_clone(sharing, NS_ALL, c->cgroup, &c->pidfd, e);
	if (c->pid < 0) {
		c->pid = 0;
		return -1;
	}
	if (c->pid == 0) {
		close_fd(&sync_ours);
		close_fd(&report_ours);
		child(c, sync_theirs, report_theirs);
	}
	close_fd(&sync_theirs);
	close_fd(&report_theirs);
	close_fd(&c->dev);
	close_fd(&c->shm);
	int ret = process_score(c->pid, c->spec.tuning.oom_score_adj, e);

	if (ret == 0 && !((sharing->host | sharing->joined) & CLONE_NEWUSER))
		ret = ns_map(c->pid, c->root, c->ids, e);
	if (ret == 0)
		ret = attachments_link(c, e);
	if (ret == 0)
		ret = mountlist_send(c->mounts, c->pid, sync_ours, e);
	if (ret == 0)
		ret = process_wait_started(report_ours, START_TIMEOUT_MS, e);
	streams_close_child(&c->streams);
	return ret;
}

/* --- the list */

static const struct step {
	const char *name;
	int (*apply)(struct container *c, struct err *e);
	int (*undo)(struct container *c, struct err *e);
} steps[] = {
	{"image", do_ask, undo_ask},
	{"directory", do_directory, undo_directory},
	{"writable layer", do_writable, undo_writable},
	{"image", do_image, NULL},
	{"volumes", do_volumes, undo_volumes},
	/* up to here it exists, from here on it runs */
	{"image", do_image, NULL},
	{"layers", do_layers, NULL},
	{"cgroup", do_cgroup, undo_cgroup},
	{"networks", do_networks, undo_networks},
	{"relay", do_relay, undo_relay},
	{"streams", do_streams, undo_streams},
	{"process", do_process, undo_process},
};

enum { EXISTS = 5, ALL = array_size(steps) };

/* Down to `target` steps. Goes on after a failure and keeps the first one. */
static int undo_to(struct container *c, unsigned target, struct err *e)
{
	int ret = 0;

	while (c->done > target) {
		const struct step *step = &steps[--c->done];
		struct err failed;

		if (step->undo && step->undo(c, &failed) < 0 && ret == 0) {
			ret = -1;
			if (e)
				*e = failed;
			err_context(e, "%s", step->name);
		}
	}
	return ret;
}

static int apply_to(struct container *c, unsigned target, struct err *e)
{
	unsigned before = c->done;

	while (c->done < target) {
		const struct step *step = &steps[c->done++];

		if (step->apply(c, e) < 0) {
			/* Its own undo too: a step may fail half-way, and every undo takes "was never there" for done. */
			undo_to(c, before, NULL);
			return -1;
		}
	}
	return 0;
}

int container_create(struct container *c, struct err *e)
{
	/* What was made for a container that is not going to be helps nobody. */
	c->remove_volumes = true;
	int ret = apply_to(c, EXISTS, e);

	c->remove_volumes = c->spec.remove;
	return ret;
}

int container_claim(const char *id, struct err *e)
{
	int64_t deadline = now_ms() + CLAIM_MS;
	char path[200];

	container_path(path, id, "rw");
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(e, 1, "open %s", path);
	while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return err_errno(e, 1, "lock %s", path);
		if (now_ms() >= deadline)
			return err_set(e, 1, "container %.12s: its files are being copied, or it is starting; try again later",
				       id);
		poll(NULL, 0, 20);
	}
	return take_fd(&fd);
}

int container_start(struct container *c, struct err *e)
{
	if (c->claim < 0 && (c->claim = container_claim(c->id, e)) < 0)
		return -1;
	return apply_to(c, ALL, e);
}

int container_files(struct container *c, struct err *e)
{
	return do_image(c, e) < 0 ? -1 : do_layers(c, e);
}

int container_exists(struct container *c, struct err *e)
{
	c->done = EXISTS;
	c->remove_volumes = c->spec.remove;
	return hold(c, e);
}

int container_stop(struct container *c, struct err *e)
{
	int ret = c->done > EXISTS ? undo_to(c, EXISTS, e) : 0;

	close_fd(&c->claim);
	return ret;
}

int container_remove(struct container *c, struct err *e)
{
	char path[200], stay[200];

	/* First: if this is not brought to its end, the next engine does, and takes the rest for no container. */
	container_path(path, c->id, "state.json");
	container_path(stay, c->id, VOLUMES_STAY);
	if (c->remove_volumes)
		unlink(path);
	else
		rename(path, stay);
	int ret = container_stop(c, e);

	if (undo_to(c, 0, ret < 0 ? NULL : e) < 0)
		ret = -1;
	attachments_free(&c->networks);
	json_free(c->mounts);
	image_free(&c->image);
	process_free(&c->process);
	return ret;
}

int container_remove_rest(const char *id, struct err *e)
{
	struct container c;
	char path[200];

	container_adopt(&c, id);
	container_path(path, id, VOLUMES_STAY);
	c.remove_volumes = access(path, F_OK) < 0;
	return container_remove(&c, e);
}

void container_adopt(struct container *c, const char *id)
{
	nothing_yet(c);
	c->done = ALL;
	snprintf(c->id, sizeof(c->id), "%s", id);
}
