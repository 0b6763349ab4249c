#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include "caps.h"
#include "container.h"
#include "io.h"
#include "kernel.h"
#include "ns.h"
#include "sharing.h"
#include "sock.h"
#include "spec.h"
#include "sysctl.h"
#include "table.h"

enum { JOIN_MS = 10000 };

/* A process is the monitor of one container, so there is one partner. The pidfd is its first process whatever becomes of the pid. */
static struct {
	int pidfd;
	char id[65];
} partner = {.pidfd = -1};

/* In the order docker checks them. */
static const struct mode {
	const char *key, *invalid;
	uint64_t flag;
	bool container;
	const char *also[3];
} modes[] = {
	{"pidMode", "--pid: invalid PID mode", CLONE_NEWPID, true, {NULL}},
	{"utsMode", "--uts: invalid UTS mode", CLONE_NEWUTS, false, {NULL}},
	{"usernsMode", "--userns: invalid USER mode", CLONE_NEWUSER, false, {NULL}},
	{"cgroupnsMode", "--cgroupns: invalid CGROUP mode", CLONE_NEWCGROUP, false, {"private"}},
	{"ipcMode", "--ipc: invalid IPC mode", CLONE_NEWIPC, true, {"private", "shareable", "none"}},
	{"network", "invalid network mode", CLONE_NEWNET, true, {NULL}},
};

static int parse_mode(const struct mode *mode, const char *text, struct sharing *s, struct err *e)
{
	if (strcmp(text, "host") == 0) {
		s->host |= mode->flag;
		return 0;
	}
	if (mode->container && strncmp(text, "container:", 10) == 0) {
		const char *name = text + 10;

		if (!*name && mode->flag == CLONE_NEWNET)
			return err_set(e, 125, "invalid network mode: invalid container format container:<name|id>");
		if (!spec_name_ok(name))
			return err_set(e, 125, "%s: %.140s", mode->invalid, text);
		if (*s->partner && strcmp(s->partner, name) != 0)
			return err_set(
				e, 125,
				"cannot join the namespaces of both %.64s and %.64s: each is in a user namespace of its own",
				s->partner, name);
		s->partner = name;
		s->joined |= mode->flag | CLONE_NEWUSER;
		return 0;
	}
	/* Any other name is a network's. */
	if (!*text || mode->flag == CLONE_NEWNET)
		return 0;
	for (size_t i = 0; i < array_size(mode->also) && mode->also[i]; i++)
		if (strcmp(text, mode->also[i]) == 0)
			return 0;
	return err_set(e, 125, "%s: %.140s", mode->invalid, text);
}

static int conflicts(const struct json *request, const struct spec *spec, struct err *e)
{
	const struct sharing *s = &spec->sharing;
	const struct json *aliases = json_get(request, "aliases");
	const char *other = NULL;

	if (s->host & CLONE_NEWUTS && *spec->hostname)
		return err_set(e, 125, "conflicting options: hostname and the UTS mode");
	if ((s->host | s->joined) & CLONE_NEWNET &&
	    (*json_string(request, "ip", "") || (aliases && aliases->kind == JSON_ARRAY && aliases->length)))
		return err_set(e, 125, "conflicting options: network address or alias and the network mode");
	if (s->joined & CLONE_NEWNET) {
		if (*spec->hostname)
			other = "hostname and the network mode";
		else if (spec->dns && spec->dns->length)
			other = "dns and the network mode";
		else if (spec->add_hosts && spec->add_hosts->length)
			other = "custom host-to-IP mapping and the network mode";
		else if ((spec->ports && spec->ports->length) || spec->publish_all)
			other = "port publishing and the container type network mode";
	}
	if (other)
		return err_set(e, 125, "conflicting options: %s", other);
	json_each(text, json_get(request, "sysctls"))
		if (text->kind == JSON_STRING && s->host & sysctl_namespace(text->string, strcspn(text->string, "=")))
			return err_set(e, 125, "sysctl \"%.*s\" not allowed in a namespace of the host",
				       (int)strcspn(text->string, "="), text->string);
	/* Its engine could make no network, procfs or cgroup there, whose owner it would not be. */
	if (spec->profile != PROFILE_PLAIN && s->host & (CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWCGROUP))
		return err_set(
			e, 125,
			"conflicting options: --nest and --privileged need a network, processes and control groups of their own");
	if (!(s->host & CLONE_NEWUSER))
		return 0;
	/*
	 * Root there is the level's own root, so all that keeps it is what it may not do. It makes no device nodes: its cgroup's
	 * filter stops it from opening them, but they would be there for others.
	 */
	if (spec->profile != PROFILE_PLAIN || spec->caps & ~caps_of(PROFILE_PLAIN))
		return err_set(
			e, 125,
			"conflicting options: --userns=host and more capabilities than a container has by default: it would "
			"not be one any more");
	if (s->host & CLONE_NEWPID)
		return err_set(e, 125, "conflicting options: --userns=host and --pid=host: it could end the engine");
	return 0;
}

int sharing_parse(const struct json *request, struct spec *spec, struct err *e)
{
	struct sharing *s = &spec->sharing;

	*s = (struct sharing){.partner = "", .no_shm = strcmp(json_string(request, "ipcMode", ""), "none") == 0};
	for (size_t i = 0; i < array_size(modes); i++)
		if (parse_mode(&modes[i], json_string(request, modes[i].key, ""), s, e) < 0)
			return -1;
	if (conflicts(request, spec, e) < 0)
		return -1;
	if (s->host & CLONE_NEWUSER) {
		s->joined &= ~(uint64_t)CLONE_NEWUSER;
		spec->caps &= ~caps_by_name("mknod");
	}
	return 0;
}

int sharing_find(const struct entry *entry, struct err *e)
{
	struct spec spec, theirs;
	bool create = strcmp(json_string(entry->request, "cmd", ""), "create") == 0 && entry->state == ENTRY_RESERVED;

	if (spec_parse(entry->request, &spec, e) < 0)
		return -1;
	e->code = 0;
	partner.id[0] = 0;
	if (!*spec.sharing.partner)
		return -1;
	const struct entry *with = table_find(spec.sharing.partner, e);

	if (!with || spec_parse(with->request, &theirs, e) < 0) {
		e->code = create || entry->state == ENTRY_RESERVED ? 125 : 1;
		return -1;
	}
	if (with == entry)
		return err_set(e, 125, "cannot join own %s",
			       spec.sharing.joined & CLONE_NEWNET   ? "network"
			       : spec.sharing.joined & CLONE_NEWPID ? "PID namespace"
								    : "IPC namespace");
	if (spec.sharing.joined & CLONE_NEWIPC && !(theirs.sharing.host & CLONE_NEWIPC) && !*theirs.sharing.partner &&
	    strcmp(json_string(with->request, "ipcMode", ""), "shareable") != 0)
		return err_set(
			e, 125,
			"cannot join IPC namespace of container %.12s: non-shareable IPC (hint: use IpcMode:shareable for the "
			"donor container)",
			with->id);
	if ((theirs.sharing.host ^ spec.sharing.host) & CLONE_NEWUSER)
		return err_set(e, 125,
			       "cannot join the namespaces of container %.64s: one of the two has --userns=host, the other not",
			       with->name);
	if (create)
		return -1;
	if (with->state != ENTRY_RUNNING)
		return err_set(e, 125, "cannot join %s of a non running container: container %.64s is %s",
			       spec.sharing.joined & CLONE_NEWNET   ? "network namespace"
			       : spec.sharing.joined & CLONE_NEWPID ? "PID namespace"
								    : "IPC namespace",
			       with->name, entry_state_name(with));
	snprintf(partner.id, sizeof(partner.id), "%s", with->id);
	return with->pidfd;
}

void sharing_keep(int pidfd)
{
	/* Most have none: then its page stays the engine's. */
	if (partner.pidfd != pidfd)
		partner.pidfd = pidfd;
}

int sharing_settle(struct sharing *s, struct err *e)
{
	if (!s->joined)
		return 0;
	if (partner.pidfd < 0)
		return err_set(e, 125, "container %.64s is gone", s->partner);
	const uint64_t foreign = ns_foreign(partner.pidfd, s->joined);

	if (!foreign)
		return err_set(e, 125, "cannot join the namespaces of a non running container: %.64s", s->partner);
	s->host |= s->joined & ~foreign;
	s->joined &= foreign;
	return 0;
}

/* What a process sends that had to go somewhere else for it: a pid or a descriptor. It ends there. */
static pid_t clone_from(const struct sharing *s, uint64_t flags, int cgroup, int answer, struct err *e)
{
	pid_t middle = ns_clone(0, cgroup, NULL, e), pid;

	if (middle != 0)
		return middle < 0 ? -1 : middle;
	/* Not to be looked into once it is inside (CVE-2016-9962). All at once: never half inside. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setns(partner.pidfd, (int)s->joined) < 0)
		_exit(1);
	pid = ns_clone(flags | CLONE_PARENT, -1, NULL, e);
	if (pid == 0)
		return 0;
	if (pid < 0 || write(answer, &pid, sizeof(pid)) != sizeof(pid))
		_exit(1);
	_exit(0);
}

pid_t sharing_clone(const struct sharing *s, uint64_t flags, int cgroup, int *pidfd, struct err *e)
{
	int answer[2];
	pid_t pid = 0;

	flags &= ~(s->host | s->joined);
	if (!s->joined)
		return ns_clone(flags, cgroup, pidfd, e);
	if (pipe2(answer, O_CLOEXEC) < 0)
		return err_errno(e, 125, "pipe");
	_cleanup_fd_ int ours = answer[0], theirs = answer[1];
	pid_t middle = clone_from(s, flags, cgroup, theirs, e);

	if (middle <= 0)
		return middle;
	close_fd(&theirs);
	if (wait_fd(ours, POLLIN, now_ms() + JOIN_MS) < 0 || read(ours, &pid, sizeof(pid)) != sizeof(pid))
		pid = 0;
	reap(middle);
	if (pid <= 0)
		return err_set(e, 125, "cannot join the namespaces of container %.64s", s->partner);
	/* It is our child and not yet reaped, so the number is its. */
	*pidfd = sys_pidfd_open(pid);
	return *pidfd < 0 ? err_errno(e, 125, "pidfd") : pid;
}

int sharing_shm(const struct sharing *s, struct err *e)
{
	int pair[2], tree = -1;
	size_t count = 1;
	char word;

	e->code = 0;
	if (!(s->joined & CLONE_NEWIPC))
		return -1;
	if (sock_pair(pair, e) < 0)
		return -1;
	pid_t pid = ns_clone(0, -1, NULL, e);

	if (pid == 0) {
		/* What its root may have put there is no more than it has anyway. */
		if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
		    setns(partner.pidfd, (int)(s->joined & CLONE_NEWUSER) | CLONE_NEWNS) == 0)
			tree = sys_open_tree(AT_FDCWD, "/dev/shm", OPEN_TREE_CLONE | AT_SYMLINK_NOFOLLOW);
		_exit(tree < 0 || sock_send(pair[1], "s", 1, &tree, 1, JOIN_MS, NULL) < 0);
	}
	close(pair[1]);
	if (pid < 0 || sock_recv(pair[0], &word, 1, &tree, &count, JOIN_MS, e) <= 0 || count != 1)
		err_set(e, 125, "cannot join IPC namespace of container %.64s: it has no /dev/shm", s->partner);
	close(pair[0]);
	if (pid > 0)
		reap(pid);
	return tree;
}

bool sharing_hostname(const struct sharing *s, char *name, size_t size)
{
	char path[200];

	if (s->host & (CLONE_NEWNET | CLONE_NEWUTS))
		return gethostname(name, size) == 0;
	if (!*sharing_etc(s))
		return false;
	container_path(path, partner.id, "rw/hostname");
	_cleanup_free_ char *text = read_file(path, 64, NULL, NULL);

	if (!text)
		return false;
	snprintf(name, size, "%.*s", (int)strcspn(text, "\n"), text);
	return true;
}

const char *sharing_etc(const struct sharing *s)
{
	return s->joined & CLONE_NEWNET ? partner.id : "";
}
