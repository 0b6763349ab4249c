/* By mounting: file systems that see the machine, masks taken off, read-only taken away. */
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AT "/tmp/mnt"

static int new_mount_api(const char *type)
{
	int fs = (int)syscall(SYS_fsopen, type, 0);

	if (fs < 0)
		return -1;
	syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", "none", 0);
	if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -1;
	return (int)syscall(SYS_fsmount, fs, 0, 0);
}

/* None of these is for user namespaces; most this kernel has not. */
static void machine_file_systems(enum kind kind)
{
	static const struct {
		const char *type, *source, *options;
	} types[] = {
		{"9p", "host9p", "trans=virtio,version=9p2000.L"},
		{"cgroup", "none", "memory"},
		{"cgroup", "none", "none,name=x"},
		{"configfs", "none", NULL},
		{"debugfs", "none", NULL},
		{"devtmpfs", "none", NULL},
		{"efivarfs", "none", NULL},
		{"erofs", "/canary", NULL},
		{"ext4", "/dev/loop0", NULL},
		{"hugetlbfs", "none", NULL},
		{"nfs", "127.0.0.1:/", NULL},
		{"nfsd", "none", NULL},
		{"pstore", "none", NULL},
		{"rpc_pipefs", "none", NULL},
		{"securityfs", "none", NULL},
		{"squashfs", "/dev/loop0", NULL},
		{"tracefs", "none", NULL},
	};

	mkdir(AT, 0755);
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (mount(types[i].source, AT, types[i].type, 0, types[i].options) == 0)
			escaped("%s mounted", types[i].type);
		if (new_mount_api(types[i].type) >= 0)
			escaped("%s made with fsopen", types[i].type);
	}
}

/* Plain containers may not mount at all. */
static void any_mount(enum kind kind)
{
	mkdir(AT, 0755);
	if (mount("none", AT, "tmpfs", 0, NULL) == 0)
		escaped("tmpfs mounted");
	if (mount("none", AT, "proc", 0, NULL) == 0)
		escaped("proc mounted");
	if (mount("/", AT, NULL, MS_BIND | MS_REC, NULL) == 0)
		escaped("bind mounted");
	if (mount("/proc/sys", AT, NULL, MS_MOVE, NULL) == 0)
		escaped("mount moved");
	if (syscall(SYS_fsopen, "tmpfs", 0) >= 0)
		escaped("fsopen");
	if (syscall(SYS_fspick, AT_FDCWD, "/", 0) >= 0)
		escaped("fspick");
	if (syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE) >= 0)
		escaped("open_tree");
	if (syscall(SYS_move_mount, AT_FDCWD, "/proc/sys", AT_FDCWD, AT, 0) == 0)
		escaped("move_mount");
	if (syscall(SYS_pivot_root, "/tmp", "/tmp") == 0)
		escaped("pivot_root");
	struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};

	if (syscall(SYS_mount_setattr, AT_FDCWD, "/proc/sys", 0, &attr, sizeof(attr)) == 0)
		escaped("mount_setattr");
	if (mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL) == 0)
		escaped("remount");
}

/* For plain containers: what a mask hides stays hidden. */
static void masks(enum kind kind)
{
	static const char *const hidden[] = {"/proc/acpi",
					     "/proc/asound",
					     "/proc/interrupts",
					     "/proc/kcore",
					     "/proc/keys",
					     "/proc/latency_stats",
					     "/proc/sched_debug",
					     "/proc/scsi",
					     "/proc/timer_list",
					     "/proc/timer_stats",
					     "/proc/config.gz",
					     "/sys/firmware",
					     "/sys/devices/virtual/powercap"};
	struct stat st;

	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
		umount2(hidden[i], MNT_DETACH);
		umount2(hidden[i], UMOUNT_NOFOLLOW);
		/* A null device or an empty directory; two links are a directory with nothing in it. */
		if (stat(hidden[i], &st) == 0 && (S_ISREG(st.st_mode) || (S_ISDIR(st.st_mode) && st.st_nlink > 2)))
			escaped("%s shows", hidden[i]);
	}
}

/*
 * Others may take them off: the kernel lets them mount a procfs for their own containers only where they see one without masks.
 * So there must be nothing behind them: what is the machine's alone belongs to a root that they are not.
 */
static void behind_masks(enum kind kind)
{
	static const char *const places[] = {"/proc", "/dev/.nest/proc", AT};
	static const char *const files[] = {"kcore", "timer_list", "latency_stats", "sched_debug", "kallsyms",
					    "kmsg",  "slabinfo",   "vmallocinfo",   "kpagecount",  "kpageflags"};
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(path, sizeof(path), "/proc/%s", files[i]);
		umount2(path, MNT_DETACH);
	}
	mkdir(AT, 0755);
	if (unshare(CLONE_NEWNS) == 0)
		mount("none", AT, "proc", 0, NULL);
	for (size_t place = 0; place < 3; place++)
		for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
			struct stat st;

			snprintf(path, sizeof(path), "%s/%s", places[place], files[i]);
			if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && *text_of(path))
				escaped("%s can be read", path);
		}
}

/* Where the container's own settings are. Everything else below /proc/sys is the machine's. */
static bool own_setting(const char *file)
{
	static const char *const own[] = {
		"/net/",
		"/user/",
		"/fs/mqueue/",
		"/fs/inotify/",
		"/kernel/msg",
		"/kernel/sem",
		"/kernel/shm",
		"/kernel/auto_msgmni",
		"/kernel/hostname",
		"/kernel/domainname",
		"/kernel/ns_last_pid",
		"/kernel/cap_last_cap",
	};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (strstr(file, own[i]))
			return true;
	return false;
}

static void try_setting(const char *file)
{
	if (!own_setting(file) && writable(file))
		escaped("%s can be written", file);
}

static void settings(enum kind kind)
{
	walk("/proc/sys", try_setting);
	/* A new procfs has nothing mounted over it. */
	mkdir(AT, 0755);
	if (unshare(CLONE_NEWNS) == 0 && mount("none", AT, "proc", 0, NULL) == 0)
		walk(AT "/sys", try_setting);
	mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND, NULL);
	umount2("/proc/sys", MNT_DETACH);
	try_setting("/proc/sys/kernel/core_pattern");
	try_setting("/dev/.nest/proc/sys/kernel/core_pattern");
}

static void machine_switches(enum kind kind)
{
	static const char *const files[] = {
		"sysrq-trigger", "irq/default_smp_affinity",
		"kcore",         "kallsyms",
		"kmsg",          "mtrr",
		"kpagecount",    "kpageflags",
		"vmallocinfo",   "iomem",
		"scsi/scsi",
	};
	static const char *const places[] = {"/proc", "/dev/.nest/proc", AT};
	char path[128];

	mkdir(AT, 0755);
	if (unshare(CLONE_NEWNS) == 0)
		mount("none", AT, "proc", 0, NULL);
	for (size_t place = 0; place < 3; place++)
		for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
			struct stat st;

			snprintf(path, sizeof(path), "%s/%s", places[place], files[i]);
			if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && writable(path))
				escaped("%s can be written", path);
		}
}

/* Devices of the container's own network are its own to set. */
static void try_sysfs(const char *file)
{
	if (strstr(file, "/net/") || strstr(file, "/cgroup/"))
		return;
	if (writable(file))
		escaped("%s can be written", file);
}

static void sysfs(enum kind kind)
{
	walk("/sys", try_sysfs);
	mkdir(AT, 0755);
	if (unshare(CLONE_NEWNS) == 0 && mount("none", AT, "sysfs", 0, NULL) == 0)
		walk(AT, try_sysfs);
}

/* A mount of ours that shows outside would be seen there; /canary.d is a directory of the host. */
static void propagation(enum kind kind)
{
	static const char *const places[] = {"/run/nest/layers", "/run/nest/layers/1", "/dev/shm", "/tmp", "/mnt"};

	for (size_t i = 0; i < 5; i++) {
		mount(NULL, places[i], NULL, MS_SHARED | MS_REC, NULL);
		mkdir(places[i], 0755);
		mount("escapee", places[i], "tmpfs", 0, NULL);
	}
}

/* An id-mapped mount could make the host's root of ours. Only who owns the file system's super block may. */
static void map_ids(enum kind kind)
{
	static const char *const trees[] = {"/", "/run/nest/bin", "/run/nest/layers", "/proc", "/sys", "/dev/null"};
	int own = open("/proc/self/ns/user", O_RDONLY);
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)own};

	for (size_t i = 0; i < 6; i++) {
		int tree = (int)syscall(SYS_open_tree, AT_FDCWD, trees[i], OPEN_TREE_CLONE);

		if (tree >= 0 && syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
			escaped("ids of %s mapped", trees[i]);
	}
}

const struct attempt mount_attempts[] = {
	{"mount what sees the machine", ANY, machine_file_systems},
	{"mount at all", DEFAULT, any_mount},
	{"take off the masks", DEFAULT, masks},
	{"look behind the masks", NEST | PRIVILEGED, behind_masks},
	{"write settings of the machine", ANY, settings},
	{"switches and memory of the machine", ANY, machine_switches},
	{"write to sysfs", ANY, sysfs},
	{"mounts that show outside", NEST | PRIVILEGED, propagation},
	{"map the host's ids", ANY, map_ids},
	{0},
};
