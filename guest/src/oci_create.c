#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include "cgroup.h"
#include "io.h"
#include "kernel.h"
#include "level.h"
#include "netlink.h"
#include "oci.h"
#include "oci_launch.h"
#include "process.h"
#include "sock.h"
#include "table.h"

enum { REMOVE_TIMEOUT_MS = 5000 };

/* What the first process gets from us. */
struct making {
	struct oci *c;
	struct oci_process process;
	struct launch launch;
	unsigned joined; /* kinds of namespaces (CLONE_NEW…) that are not ours, made or joined */
	int sync[2];     /* ours, its */
	bool offsets;    /* its program gets a time namespace with offsets */
};

static int word(int sync, char expected, struct err *e)
{
	char got;
	ssize_t n = sock_recv(sync, &got, 1, NULL, NULL, OCI_TIMEOUT_MS, e);

	if (n > 0 && got == expected)
		return 0;
	return n < 0 ? -1 : err_set(e, 1, "the other side is gone");
}

/* In the container, when all is done but its program: `create` is over, and `start` is waited for. */
static int gate(const struct process *p, struct err *e)
{
	char go;

	/* From now on errors are `start`'s; that the old pipe closes says "created". */
	if (dup3(5, 3, O_CLOEXEC) < 0)
		return err_errno(e, 1, "report descriptor");
	close(5);
	while (read(4, &go, 1) < 0)
		if (errno != EINTR)
			return err_errno(e, 1, "wait for the start");
	if (!p->argv[0])
		return err_set(e, 1, "config: process: is missing, so there is nothing to start");
	close(4);
	return 0;
}

static int last(const struct process *p, struct err *e)
{
	const struct making *m = p->gate_data;

	/* What these hooks inherit is the program's, not the level's. */
	environ = (char **)p->env;
	return oci_hooks(m->c, "startContainer", "created", getpid(), e);
}

static int names(const struct making *m, struct err *e)
{
	const char *host = json_string(m->c->config, "hostname", ""), *domain = json_string(m->c->config, "domainname", "");

	if ((*host || *domain) && !(m->joined & CLONE_NEWUTS))
		return err_set(e, 1, "config: hostname: needs a uts namespace");
	if (*host && sethostname(host, strlen(host)) < 0)
		return err_errno(e, 1, "config: hostname");
	if (*domain && setdomainname(domain, strlen(domain)) < 0)
		return err_errno(e, 1, "config: domainname");
	if (m->launch.flags & CLONE_NEWNET) {
		_cleanup_fd_ int netlink = netlink_open(e);

		return netlink < 0 ? -1 : netlink_configure(netlink, true, NULL, 0, e);
	}
	return 0;
}

static int begin(struct making *m, struct oci_rootfs *rootfs, struct err *e)
{
	int sync = m->sync[1];

	close(m->sync[0]);
	umask(0);
	if (oci_rootfs_begin(rootfs, e) < 0 || word(sync, 'm', e) < 0)
		return -1;
	syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL);
	if (m->joined & CLONE_NEWUSER && (syscall(SYS_setresgid32, 0, 0, 0) < 0 || syscall(SYS_setresuid32, 0, 0, 0) < 0))
		return err_errno(e, 1, "become the container's root");
	setsid();
	if (m->offsets && unshare(CLONE_NEWTIME) < 0)
		return err_errno(e, 1, "time namespace");
	if (names(m, e) < 0 || oci_settings(m->c, m->joined, e) < 0 || oci_rootfs_fill(rootfs, e) < 0)
		return -1;
	/* Mounted and not yet entered: the time for hooks. */
	if (sock_send(sync, "h", 1, NULL, 0, OCI_TIMEOUT_MS, e) < 0 || word(sync, 'g', e) < 0 ||
	    oci_hooks(m->c, "createContainer", "created", getpid(), e) < 0 || oci_rootfs_enter(rootfs, e) < 0)
		return -1;
	if (m->process.terminal && oci_terminal_adopt(m->c, &m->process, true, e) < 0)
		return -1;
	return 0;
}

static void init(void *data) __attribute__((noreturn));

static void init(void *data)
{
	static struct oci_rootfs rootfs; /* too large for a stack */
	struct making *m = data;
	struct err e = {0};

	rootfs = (struct oci_rootfs){.c = m->c,
				     .user_ns = m->joined & CLONE_NEWUSER,
				     .cgroup_ns = m->joined & CLONE_NEWCGROUP,
				     .mount_ns = m->joined & CLONE_NEWNS};
	if (begin(m, &rootfs, &e) == 0) {
		oci_caps_clip(&m->process.caps);
		process_exec(&m->process.process, m->launch.report[1], false, &e);
	}
	process_fail(m->launch.report[1], &e);
}

static int map(pid_t pid, const struct json *list, const char *file, struct err *e)
{
	char path[64], text[4096];
	size_t length = 0;

	json_each(range, list) {
		length += (size_t)snprintf(text + length, sizeof(text) - length, "%.0f %.0f %.0f\n",
					   json_number(range, "containerID", 0), json_number(range, "hostID", 0),
					   json_number(range, "size", 0));
		if (length >= sizeof(text))
			return err_set(e, 1, "config: linux.uidMappings: too many");
	}
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	return length && write_file(path, text, e) < 0 ? err_context(e, "config: linux.uidMappings") : 0;
}

/* What takes the level's own rights, while the first process waits. */
static int from_outside(const struct making *m, struct err *e)
{
	const struct json *linux_part = oci_get(m->c->config, "linux");
	const struct json *score = json_get(oci_get(m->c->config, "process"), "oomScoreAdj");
	char path[64], value[16];

	if (m->launch.flags & CLONE_NEWUSER && (map(m->launch.pid, oci_get(linux_part, "uidMappings"), "uid_map", e) < 0 ||
						map(m->launch.pid, oci_get(linux_part, "gidMappings"), "gid_map", e) < 0))
		return -1;
	if (score && score->kind == JSON_NUMBER) {
		snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", m->launch.pid);
		snprintf(value, sizeof(value), "%.0f", score->number);
		if (write_file(path, value, e) < 0)
			return err_context(e, "config: process.oomScoreAdj");
	}
	return sock_send(m->sync[0], "m", 1, NULL, 0, OCI_TIMEOUT_MS, e);
}

/* The child's own error says more than that it is gone. */
static int or_its_own(const struct making *m, struct err *e)
{
	struct err child = {0};

	if (process_wait_started(m->launch.report[0], 100, &child) < 0 && child.code && *child.msg)
		*e = child;
	return -1;
}

static int make(struct making *m, struct err *e)
{
	struct oci *c = m->c;
	if (launch(&m->launch, e) < 0)
		return -1;
	close_fd(&m->sync[1]);
	c->pid = m->launch.pid;
	c->started = oci_started(c->pid);
	if (from_outside(m, e) < 0 || word(m->sync[0], 'h', e) < 0)
		return or_its_own(m, e);
	if ((m->offsets && oci_time_offsets(c, c->pid, e) < 0) || oci_hooks(c, "prestart", "created", c->pid, e) < 0 ||
	    oci_hooks(c, "createRuntime", "created", c->pid, e) < 0)
		return -1;
	if (sock_send(m->sync[0], "g", 1, NULL, 0, OCI_TIMEOUT_MS, e) < 0)
		return or_its_own(m, e);
	return process_wait_started(m->launch.report[0], OCI_TIMEOUT_MS, e) < 0 ? -1 : oci_state_save(c, e);
}

static int open_fifo(const struct oci *c, const char *name, int flags, struct err *e)
{
	char path[OCI_PATH_MAX];

	snprintf(path, sizeof(path), "%.480s/%s", c->dir, name);
	int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? err_errno(e, 1, "open %s", path) : fd;
}

/* Everything between "the directory is there" and "it waits for its start". */
static int make_in(struct making *m, struct err *e)
{
	int join[OCI_NAMESPACES], ret = -1;
	struct level level;

	m->launch.join = join;
	if (oci_namespaces_parse(m->c->config, join, &m->launch.join_count, &m->launch.flags, e) < 0)
		return -1;
	m->joined = m->launch.flags;
	m->launch.limits = m->process.limits;
	/* Offsets are fixed for who is in such a namespace; so its program alone enters it. */
	const struct json *offsets = oci_get(m->c->config, "linux.timeOffsets");

	m->offsets = offsets && offsets->length && m->launch.flags & CLONE_NEWTIME;
	if (m->offsets)
		m->launch.flags &= ~(unsigned)CLONE_NEWTIME;
	json_each(ns, oci_get(m->c->config, "linux.namespaces"))
		for (size_t i = 0; i < OCI_NAMESPACES; i++)
			if (strcmp(json_string(ns, "type", ""), oci_namespaces[i].name) == 0)
				m->joined |= (unsigned)oci_namespaces[i].flag;
	/* Inside a container its processes must first make room for groups. */
	if (level_load(&level, e) == 0 && level.number > 0 && cgroup_prepare(level.number, e) < 0)
		return -1;
	*e = (struct err){0};
	m->launch.cgroup = oci_cgroup_make(m->c, e);
	if (m->launch.cgroup >= 0 && sock_pair(m->sync, e) == 0) {
		int go = open_fifo(m->c, "go", O_RDWR, e), report = open_fifo(m->c, "report", O_RDWR, e);

		m->process.process.gate = gate;
		m->process.process.last = last;
		m->process.process.gate_data = m;
		m->process.process.gate_fds[0] = go;
		m->process.process.gate_fds[1] = report;
		if (go >= 0 && report >= 0)
			ret = make(m, e);
		close_fd(&go);
		close_fd(&report);
	}
	while (m->launch.join_count)
		close(join[--m->launch.join_count]);
	return ret;
}

int oci_create(struct oci *c, const char *root, struct err *e)
{
	static struct making m;

	m = (struct making){
		.c = c, .launch = {.cgroup = -1, .pidfd = -1, .run = init, .data = &m, .report = {-1, -1}}, .sync = {-1, -1}};
	if (oci_process_parse(oci_get(c->config, "process"), &m.process, e) < 0 ||
	    oci_seccomp(c->config, &m.process.process, e) < 0 || oci_cgroup_path(c, e) < 0)
		return -1;
	m.process.process.as = &m.process.user;
	m.process.process.sets = &m.process.caps;
	if (m.process.terminal && c->console < 0)
		return err_set(e, 1, "config: process.terminal: somebody must take it: --console-socket is missing");
	if (!m.process.terminal && c->console >= 0)
		return err_set(e, 1, "config: process.terminal: is false, so --console-socket gets nothing");
	c->created = unix_ms();
	if (oci_state_make(c, root, e) < 0)
		return -1;
	int ret = make_in(&m, e);

	if (ret < 0) {
		if (m.launch.pid > 0) {
			kill(m.launch.pid, SIGKILL);
			reap(m.launch.pid);
		}
		close_fd(&m.launch.cgroup);
		cgroup_destroy(c->cgroup, REMOVE_TIMEOUT_MS, NULL);
		oci_rootfs_leave(c);
		/* The end of its life all the same, for whoever made something at its beginning. */
		c->pid = 0;
		struct err ignored;

		oci_hooks(c, "poststop", "stopped", 0, &ignored);
		oci_state_remove(c);
	}
	close_fd(&m.launch.cgroup);
	close_fd(&m.launch.pidfd);
	close_fd(&m.launch.report[0]);
	close_fd(&m.sync[0]);
	oci_process_free(&m.process);
	return ret;
}

int oci_start(struct oci *c, struct err *e)
{
	char path[OCI_PATH_MAX];
	const char *status = oci_status(c);

	if (strcmp(status, "created") != 0)
		return err_set(e, 1, "cannot start a container that is %s", status);
	_cleanup_fd_ int report = open_fifo(c, "report", O_RDONLY | O_NONBLOCK, e);
	_cleanup_fd_ int go = report < 0 ? -1 : open_fifo(c, "go", O_WRONLY | O_NONBLOCK, e);

	if (go < 0)
		return -1;
	/* Whose removal succeeds has the start. */
	snprintf(path, sizeof(path), "%.480s/go", c->dir);
	if (unlink(path) < 0 || write(go, "g", 1) != 1)
		return err_errno(e, 1, "start");
	if (process_wait_started(report, -1, e) < 0)
		return -1;
	return oci_hooks(c, "poststart", "running", c->pid, e);
}

int oci_delete(struct oci *c, struct err *e)
{
	c->pid = 0;
	if (cgroup_destroy(c->cgroup, REMOVE_TIMEOUT_MS, e) < 0)
		return -1;
	oci_rootfs_leave(c);
	int ret = oci_hooks(c, "poststop", "stopped", 0, e);

	oci_state_remove(c);
	return ret;
}

/* --- exec */

struct joining {
	struct oci *c;
	struct oci_process *process;
	struct launch launch;
	bool user_ns, mount_ns;
	int root;
};

static void join(void *data) __attribute__((noreturn));

static void join(void *data)
{
	struct joining *j = data;
	struct err e = {0};

	syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL);
	setsid();
	oci_caps_clip(&j->process->caps);
	if (j->user_ns && (syscall(SYS_setresgid32, 0, 0, 0) < 0 || syscall(SYS_setresuid32, 0, 0, 0) < 0))
		err_errno(&e, 1, "become the container's root");
	else if (!j->mount_ns && (fchdir(j->root) < 0 || chroot(".") < 0))
		err_errno(&e, 1, "enter the root");
	else if (!j->process->terminal || oci_terminal_adopt(j->c, j->process, false, &e) == 0)
		process_exec(&j->process->process, j->launch.report[1], false, &e);
	process_fail(j->launch.report[1], &e);
}

pid_t oci_exec(struct oci *c, struct oci_process *p, struct err *e)
{
	static struct joining j;
	_cleanup_fd_ int pidfd = sys_pidfd_open(c->pid), cgroup = cgroup_of(c->pid, e), root = -1;
	char path[64];

	if (pidfd < 0 || cgroup < 0)
		return pidfd < 0 ? err_errno(e, 1, "process %d", c->pid) : -1;
	snprintf(path, sizeof(path), "/proc/%d/root", c->pid);
	root = open(path, O_PATH | O_CLOEXEC);
	j = (struct joining){.c = c, .process = p, .root = root};
	j.launch = (struct launch){
		.join = &pidfd, .join_count = 1, .cgroup = cgroup, .limits = p->limits, .pidfd = -1, .run = join, .data = &j};
	/* Only what is not ours anyway: to join one's own user namespace is refused. */
	for (size_t i = 0; i < OCI_NAMESPACES; i++) {
		struct stat ours, its;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", oci_namespaces[i].file);
		if (stat(path, &ours) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", c->pid, oci_namespaces[i].file);
		if (stat(path, &its) < 0)
			return err_errno(e, 1, "%s", path);
		if (ours.st_ino != its.st_ino || ours.st_dev != its.st_dev)
			j.launch.join_flags |= (unsigned)oci_namespaces[i].flag;
	}
	j.user_ns = j.launch.join_flags & CLONE_NEWUSER;
	j.mount_ns = j.launch.join_flags & CLONE_NEWNS;
	if (!j.launch.join_flags)
		j.launch.join_count = 0;
	/* The number was the container's until now, so the descriptor is, too. */
	if (oci_started(c->pid) != c->started)
		return err_set(e, 1, "cannot exec in a stopped container");
	if (oci_seccomp(c->config, &p->process, e) < 0)
		return -1;
	p->process.as = &p->user;
	p->process.sets = &p->caps;
	if (launch(&j.launch, e) == 0 && process_wait_started(j.launch.report[0], OCI_TIMEOUT_MS, e) == 0) {
		close_fd(&j.launch.report[0]);
		close_fd(&j.launch.pidfd);
		return j.launch.pid;
	}
	if (j.launch.pid > 0) {
		sys_pidfd_send_signal(j.launch.pidfd, SIGKILL);
		reap(j.launch.pid);
	}
	return -1;
}
