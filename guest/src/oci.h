/*
 * nest-oci: the runtime on OCI bundles (runtime-spec 1.2), without the engine. It shares the last steps of a container's process,
 * mounts, devices and cgroups with the engine's containers; the order and the list come from config.json instead of docker's.
 * A container is a directory below --root (guest/ENGINE.md).
 */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>
#include "caps.h"
#include "err.h"
#include "json.h"
#include "spec.h"
#include "user.h"

#define OCI_ROOT "/run/nest-oci"
#define OCI_VERSION "1.2.0"

enum { OCI_TIMEOUT_MS = 60000, OCI_PATH_MAX = 512, OCI_TEXT_MAX = 1 << 20, OCI_MOUNTS_MAX = 128 };

struct oci {
	const char *id;
	char dir[OCI_PATH_MAX]; /* "<root>/<id>" */
	char bundle[PATH_MAX];
	char cgroup[OCI_PATH_MAX]; /* below the hierarchy's root: "/nest-oci/<id>" */
	struct json *config;       /* as it was when the container was made */
	pid_t pid;                 /* of its first process, in our namespace */
	int64_t started;           /* of that process, as the kernel counts it: another with its number has another */
	int64_t created;           /* unix ms */
	int console;               /* socket for its terminal, or -1 */
	bool foreground;           /* that is ours: our own terminal adds the carriage returns */
};

/* A program as config.json or `exec` describe it. Points into its JSON. */
struct oci_process {
	struct process process;
	struct user user;
	struct cap_sets caps;
	const struct json *limits; /* process.rlimits */
	unsigned columns, rows;
	bool terminal;
};

/* --- config.json */

struct oci_namespace {
	const char *name, *file; /* "network", "net" below /proc/<pid>/ns */
	int flag;                /* CLONE_NEW… */
};
#define OCI_NAMESPACES 8
extern const struct oci_namespace oci_namespaces[OCI_NAMESPACES];

/* Reads and checks the file. Free with json_free. */
struct json *oci_config_read(const char *path, struct err *e);
/* `json` may be NULL: then there is no program, and only `start` minds. */
int oci_process_parse(const struct json *json, struct oci_process *p, struct err *e);
void oci_process_free(struct oci_process *p);
/* The flags of the namespaces to be made; those with a path are opened, checked and put into `join`, a user namespace last. */
int oci_namespaces_parse(const struct json *config, int join[OCI_NAMESPACES], size_t *join_count, unsigned *flags, struct err *e);
/* A list or object of config.json along the dots ("linux.resources"); NULL when it is not there. */
const struct json *oci_get(const struct json *config, const char *path);

/* --- state */

int oci_id_check(const char *id, struct err *e);
/* Makes <root>/<id>, with the config in it. */
int oci_state_make(struct oci *c, const char *root, struct err *e);
int oci_state_save(const struct oci *c, struct err *e);
int oci_state_load(struct oci *c, const char *root, const char *id, struct err *e);
void oci_state_remove(const struct oci *c);
void oci_free(struct oci *c);
/* "created", "running", "paused", "stopped" */
const char *oci_status(const struct oci *c);
/* The state as the specification has it, for `state` and hooks; with `more` also rootfs and created. */
void oci_state_put(struct jsonw *w, const struct oci *c, const char *status, bool more);
/* When the process of that number began, 0: there is none (or a dead one). */
int64_t oci_started(pid_t pid);

/* --- the rest, one file each */

/* Runs the hooks of that name in order; the first failure ends it. */
int oci_hooks(const struct oci *c, const char *name, const char *status, pid_t pid, struct err *e);
/* Makes the container's cgroup with linux.resources. Its descriptor. */
int oci_cgroup_make(struct oci *c, struct err *e);
int oci_cgroup_path(struct oci *c, struct err *e);
/* linux.resources, or what `update` gives. */
int oci_cgroup_set(int dir, const struct json *resources, struct err *e);
/* linux.resources.devices (NULL: those every container has, and no other). */
int oci_devices(int cgroup, const struct json *list, struct err *e);
/* Signals everything in it. */
int oci_cgroup_signal(const struct oci *c, int signal, struct err *e);

/* The file tree, in the container's mount namespace. */
struct oci_rootfs {
	const struct oci *c;
	bool user_ns, cgroup_ns, mount_ns;
	int root;                    /* O_PATH, the root itself mounted */
	int sources[OCI_MOUNTS_MAX]; /* of bind mounts, else -1 */
	int late[OCI_MOUNTS_MAX];    /* mounts that become read-only when all is in them */
	size_t mount_count, late_count;
};
/* As the user who called us: propagation, and what only that user may reach. */
int oci_rootfs_begin(struct oci_rootfs *r, struct err *e);
/* As the container's root: mounts, devices, what is hidden. */
int oci_rootfs_fill(struct oci_rootfs *r, struct err *e);
int oci_rootfs_enter(struct oci_rootfs *r, struct err *e);

void oci_rootfs_path(const struct oci *c, char path[PATH_MAX]);
/* A container in our own mount namespace leaves its mounts there: takes them down. */
void oci_rootfs_leave(const struct oci *c);

/* linux.seccomp, if it is there, compiled as the program's filter; kept by the process that asks. */
int oci_seccomp(const struct json *config, struct process *p, struct err *e);

/* linux.sysctl and linux.personality, in the container's namespaces, of which `own` are not ours. */
int oci_settings(const struct oci *c, unsigned own, struct err *e);
/* linux.timeOffsets of the time namespace that process `pid` has made for its program. */
int oci_time_offsets(const struct oci *c, pid_t pid, struct err *e);
/* process.rlimits of the calling process. */
int oci_limits(const struct json *list, struct err *e);

/* To what the calling process has: the specification wants no failure for what cannot be granted. */
void oci_caps_clip(struct cap_sets *caps);

/* Makes a container up to "created"; undoes everything on failure. */
int oci_create(struct oci *c, const char *root, struct err *e);
int oci_start(struct oci *c, struct err *e);
/* A program more in it. Its pid. */
pid_t oci_exec(struct oci *c, struct oci_process *p, struct err *e);
/* Removes what a stopped container has left, and runs the poststop hooks. */
int oci_delete(struct oci *c, struct err *e);

/* In the program, inside: a terminal of the container's own devpts as standard streams; its master goes to the console socket. */
int oci_terminal_adopt(const struct oci *c, const struct oci_process *p, bool bind_console, struct err *e);
/* Connects to --console-socket. */
int oci_terminal_connect(const char *path, struct err *e);
/* Stays with a program in the foreground: signals on, its terminal (`socket` gives its master; -1: none) to ours. Its exit code. */
int oci_foreground(pid_t pid, int socket, struct err *e);
