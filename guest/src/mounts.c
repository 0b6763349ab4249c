#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "dev.h"
#include "device.h"
#include "io.h"
#include "kernel.h"
#include "level.h"
#include "mounts.h"
#include "sysctl.h"

#define NOSUID MOUNT_ATTR_NOSUID
#define NODEV MOUNT_ATTR_NODEV
#define NOEXEC MOUNT_ATTR_NOEXEC
#define RDONLY MOUNT_ATTR_RDONLY
#define SAFE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const char *const no_options[][2] = {{NULL, NULL}};

/* Below mounts of our own, so no path of the image's is walked. */
static const struct {
	const char *type, *at, *options;
	unsigned long flags, nest_flags;
	int given;
} systems[] = {
	{"cgroup2", "sys/fs/cgroup", NULL, SAFE | MS_RDONLY, SAFE, GIVEN_CGROUP},
	{"devpts", "dev/pts", "ptmxmode=0666,mode=0620,gid=5", MS_NOSUID | MS_NOEXEC, MS_NOSUID | MS_NOEXEC, -1},
	/* A part of /dev: a file system of its own costs each container 6 KB. */
	{NULL, "dev/shm", NULL, SAFE, SAFE, GIVEN_SHM},
	{"mqueue", "dev/mqueue", NULL, SAFE, SAFE, GIVEN_MQUEUE},
};

/* moby's list of 2026, and the kernel's configuration. */
static const char *const masked[] = {"proc/acpi",
				     "proc/asound",
				     "proc/interrupts",
				     "proc/kcore",
				     "proc/keys",
				     "proc/latency_stats",
				     "proc/sched_debug",
				     "proc/scsi",
				     "proc/timer_list",
				     "proc/timer_stats",
				     "proc/config.gz",
				     "sys/firmware",
				     "sys/devices/virtual/powercap"};
static const char *const read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};

enum presence { ABSENT, OTHER, DIRECTORY };
static enum presence masked_is[array_size(masked)], read_only_is[array_size(read_only)];

static enum presence detect(const char *name)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/%s", name);
	return lstat(path, &st) < 0 ? ABSENT : S_ISDIR(st.st_mode) ? DIRECTORY : OTHER;
}

void mounts_detect(void)
{
	for (size_t i = 0; i < array_size(masked); i++)
		masked_is[i] = detect(masked[i]);
	for (size_t i = 0; i < array_size(read_only); i++)
		read_only_is[i] = detect(read_only[i]);
}

int mount_new(const char *type, const char *const options[][2], unsigned attributes, struct err *e)
{
	_cleanup_fd_ int fs = sys_fsopen(type);

	if (fs < 0)
		return err_errno(e, 125, "%s", type);
	/* What `mount` and `df` show in front. */
	if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0) < 0)
		return err_errno(e, 125, "%s source", type);
	for (; (*options)[0]; options++) {
		unsigned command = (*options)[1] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG;

		if (sys_fsconfig(fs, command, (*options)[0], (*options)[1], 0) < 0)
			return err_errno(e, 125, "%s option %s", type, (*options)[0]);
	}
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_errno(e, 125, "%s", type);
	int fd = sys_fsmount(fs, attributes);

	return fd < 0 ? err_errno(e, 125, "%s", type) : fd;
}

int mount_attach(int mount, int at, const char *what, struct err *e)
{
	if (sys_move_mount(mount, "", at, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_errno(e, 125, "mount %s", what);
	return 0;
}

/*
 * Mounts one of ours on the image's real directory of that name. The name is one part and not followed, so an image whose /dev is
 * a link cannot choose where our nodes go (CVE-2026-41579, CVE-2019-19921): a directory does not go on a link.
 */
static int attach_top(int mount, int root, const char *name, struct err *e)
{
	for (int tries = 0; tries < 2; tries++) {
		if (sys_move_mount(mount, "", root, name, MOVE_MOUNT_F_EMPTY_PATH) == 0)
			return 0;
		if (errno != ENOENT || mkdirat(root, name, 0755) < 0)
			break;
	}
	return err_errno(e, 125, "the image's /%s is unusable", name);
}

static int bind_again(const char *from, const char *to, unsigned long flags)
{
	if (mount(from, to, NULL, MS_BIND, NULL) < 0)
		return -1;
	return mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | flags, NULL);
}

/* Hides files under /dev/null and directories under an empty one of the level's, on a file system nobody can write to. */
static int mask(struct err *e)
{
	for (size_t i = 0; i < array_size(masked); i++) {
		int ret = 0;

		if (masked_is[i] == OTHER)
			ret = mount("dev/null", masked[i], NULL, MS_BIND, NULL);
		else if (masked_is[i] == DIRECTORY)
			ret = bind_again(RUN_NEST "/bin/empty", masked[i], SAFE | MS_RDONLY);
		if (ret < 0)
			return err_errno(e, 125, "hide /%s", masked[i]);
	}
	return 0;
}

static int make_read_only(struct err *e)
{
	for (size_t i = 0; i < array_size(read_only); i++)
		if (read_only_is[i] != ABSENT && bind_again(read_only[i], read_only[i], SAFE | MS_RDONLY) < 0)
			return err_errno(e, 125, "make /%s read-only", read_only[i]);
	return 0;
}

/*
 * Instances with nothing hidden: the kernel lets a nested container mount its own proc and sysfs only where such ones are
 * visible (mount_too_revealing). They show this container's own namespaces and give nothing away.
 */
static int unmasked(int dev, struct err *e)
{
	static const char *const types[] = {"proc", "sysfs"}, *const places[] = {".nest/proc", ".nest/sys"};

	if (mkdirat(dev, ".nest", 0700) < 0)
		return err_errno(e, 125, "make /dev/.nest");
	for (size_t i = 0; i < array_size(types); i++) {
		_cleanup_fd_ int mount = mount_new(types[i], no_options, NOSUID | NODEV | NOEXEC, e);

		if (mount < 0)
			return -1;
		if (mkdirat(dev, places[i], 0555) < 0 || sys_move_mount(mount, "", dev, places[i], MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return err_errno(e, 125, "mount /dev/%s", places[i]);
	}
	return 0;
}

/* One of the level's, with no more rights than a mount of our own would have. */
static int restrict_given(int mount, unsigned attributes, struct err *e)
{
	const struct mount_attr attr = {.attr_set = attributes};

	return sys_mount_setattr(mount, "", AT_EMPTY_PATH, &attr) < 0 ? err_errno(e, 125, "restrict a mount of the level") : 0;
}

int mounts_system(int root, const struct spec *spec, int level, int dev, int console, const int given[GIVEN_COUNT], struct err *e)
{
	const struct tuning *tuning = &spec->tuning;
	enum profile profile = spec->profile;
	unsigned sys_attributes = NOSUID | NODEV | NOEXEC | (profile == PROFILE_PRIVILEGED ? 0 : RDONLY);
	_cleanup_fd_ int own_proc = given[GIVEN_PROC] >= 0 ? -1 : mount_new("proc", no_options, NOSUID | NODEV | NOEXEC, e);
	_cleanup_fd_ int own_sys = given[GIVEN_SYS] >= 0 ? -1 : mount_new("sysfs", no_options, sys_attributes, e);
	_cleanup_fd_ int own_dev = -1;
	const int proc = given[GIVEN_PROC] >= 0 ? given[GIVEN_PROC] : own_proc;
	const int sys = given[GIVEN_SYS] >= 0 ? given[GIVEN_SYS] : own_sys;

	if (proc < 0 || sys < 0 || (given[GIVEN_SYS] >= 0 && restrict_given(sys, sys_attributes, e) < 0) ||
	    (dev < 0 && (dev = own_dev = dev_make(level, 0, tuning->shm_size, e)) < 0))
		return -1;
	/* While nobody else has this procfs. */
	if (sysctls_write(proc, tuning->sysctls, e) < 0)
		return -1;
	if (attach_top(proc, root, "proc", e) < 0 || attach_top(sys, root, "sys", e) < 0 || attach_top(dev, root, "dev", e) < 0 ||
	    dev_fill(dev, level, console, e) < 0 || (level > 0 && devices_make(dev, tuning->devices, level, 0, e) < 0))
		return -1;
	if (fchdir(root) < 0)
		return err_errno(e, 125, "enter the root");
	for (size_t i = 0; i < array_size(systems); i++) {
		unsigned long flags = profile == PROFILE_PLAIN ? systems[i].flags : systems[i].nest_flags;

		const char *at = systems[i].at;
		int from = systems[i].given < 0 ? -1 : given[systems[i].given];

		if (systems[i].given == GIVEN_SHM && spec->sharing.no_shm)
			continue;
		if (from >= 0 && systems[i].given == GIVEN_CGROUP &&
		    restrict_given(from, NOSUID | NODEV | NOEXEC | RDONLY, e) < 0)
			return -1;
		if (from >= 0         ? sys_move_mount(from, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0
		    : systems[i].type ? mount(systems[i].type, at, systems[i].type, flags, systems[i].options) < 0
				      : bind_again(at, at, flags) < 0)
			return err_errno(e, 125, "mount /%s", at);
	}
	if (profile != PROFILE_PLAIN && unmasked(dev, e) < 0)
		return -1;
	if (profile == PROFILE_PRIVILEGED)
		return 0;
	return mask(e) < 0 ? -1 : make_read_only(e);
}
