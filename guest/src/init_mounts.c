/* What pid 1 mounts, and how the runtime gets onto a superblock that nobody can write to. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include "init.h"
#include "io.h"

enum { OPTIONAL = 1, SHARED = 2 };

/* In this order. Missing directories are made with `mode`. */
static const struct {
	const char *type, *at;
	mode_t mode;
	unsigned long flags;
	const char *options;
	int how;
} mounts[] = {
	{"devtmpfs", "/dev", 0755, MS_NOSUID, "mode=0755,size=64k", 0},
	{"proc", "/proc", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0},
	{"sysfs", "/sys", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0},
	{"cgroup2", "/sys/fs/cgroup", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate,memory_recursiveprot", 0},
	{"devpts", "/dev/pts", 0755, MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666", 0},
	{"tmpfs", "/dev/shm", 01777, MS_NOSUID | MS_NODEV, "mode=1777", 0},
	{"mqueue", "/dev/mqueue", 01777, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, OPTIONAL},
	/*
	 * A procfs without anything mounted over it: the agent covers /proc/…/boot_id, and the kernel lets a user namespace
	 * mount procfs only where it already sees one uncovered (mount_too_revealing). Same path as in --nest containers.
	 */
	{"tmpfs", "/dev/.nest", 0700, MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700,size=4k", 0},
	{"proc", "/dev/.nest/proc", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0},
	{"sysfs", "/dev/.nest/sys", 0555, MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, 0},
	{"tmpfs", "/tmp", 01777, MS_NOSUID | MS_NODEV, "mode=1777", 0},
	{"tmpfs", "/run", 0755, MS_NOSUID | MS_NODEV, "mode=0755", 0},
	{"tmpfs", "/run/nest", 0755, MS_NOSUID, "mode=0755", 0},
	{"tmpfs", "/run/nest/bin", 0755, MS_NOSUID | MS_NODEV, "mode=0755,size=4m", 0},
	{"tmpfs", "/run/nest/layers", 0755, MS_NOSUID | MS_NODEV, "mode=0755,size=4m", SHARED},
	/* Apart: full volumes leave the engine room for what it writes of its containers. */
	{"tmpfs", "/run/nest/volumes", 0700, MS_NOSUID | MS_NODEV, "mode=0700", 0},
	/*
	 * cache=none: share/ and outbox/ change under us. Layers lose nothing by it, for erofs keeps what it read in its own
	 * page cache.
	 */
	{"9p", "/run/nest/9p", 0700, MS_NOSUID | MS_NODEV, "trans=virtio,version=9p2000.L,msize=131072,access=any,cache=none",
	 OPTIONAL},
};

static const struct {
	const char *from, *to;
} links[] = {
	{"/dev/fd", "/proc/self/fd"},
	{"/dev/stdin", "/proc/self/fd/0"},
	{"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"},
};

/*
 * pivot_root is EINVAL as long as the root is the kernel's own rootfs, because that mount has no parent. A bind mount of
 * it moved over it has one, and costs neither a copy nor memory.
 */
static int leave_rootfs(void)
{
	if (mkdir("/mnt", 0755) < 0 && errno != EEXIST)
		return -1;
	if (mount("/", "/mnt", NULL, MS_BIND, NULL) < 0 || chdir("/mnt") < 0)
		return -1;
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
		return -1;
	return chdir("/");
}

void init_mount_all(void)
{
	umask(0);
	int left = leave_rootfs();
	int left_errno = errno;

	for (size_t i = 0; i < array_size(mounts); i++) {
		const char *source = strcmp(mounts[i].type, "9p") == 0 ? "host9p" : mounts[i].type;

		if (mkdir(mounts[i].at, mounts[i].mode) < 0 && errno != EEXIST)
			init_log(3, "mkdir %s: %s", mounts[i].at, strerror(errno));
		if (mount(source, mounts[i].at, mounts[i].type, mounts[i].flags, mounts[i].options) < 0)
			init_log(mounts[i].how & OPTIONAL ? 6 : 3, "mount %s on %s: %s", mounts[i].type, mounts[i].at,
				 strerror(errno));
		else if (mounts[i].how & SHARED && mount(NULL, mounts[i].at, NULL, MS_SHARED, NULL) < 0)
			init_log(3, "share %s: %s", mounts[i].at, strerror(errno));
	}
	for (size_t i = 0; i < array_size(links); i++)
		if (symlink(links[i].to, links[i].from) < 0 && errno != EEXIST)
			init_log(3, "link %s: %s", links[i].from, strerror(errno));
	if (left < 0)
		init_log(3, "leave the initramfs: %s; containers will not start", strerror(left_errno));
	umask(022);
}

int init_install_binary(struct err *e)
{
	_cleanup_free_ char *binary = NULL;
	size_t length;

	binary = read_file("/proc/self/exe", 16 << 20, &length, e);
	if (!binary)
		return -1;
	_cleanup_fd_ int fd = open(INIT_BINARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);

	if (fd < 0)
		return err_errno(e, 125, "create %s", INIT_BINARY);
	if (write_all(fd, binary, length) < 0)
		return err_errno(e, 125, "write %s", INIT_BINARY);
	close_fd(&fd);
	/* What containers see in the place of directories hidden from them. */
	if (mkdir("/run/nest/bin/empty", 0555) < 0)
		return err_errno(e, 125, "make /run/nest/bin/empty");
	/*
	 * Read-only as a superblock, not as a mount: a container's root that gets hold of /proc/<pid>/exe of the runtime can
	 * then not reopen it for writing by any path (CVE-2019-5736).
	 */
	if (mount(NULL, "/run/nest/bin", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, "mode=0755,size=4m") < 0)
		return err_errno(e, 125, "make /run/nest/bin read-only");
	unlink("/init"); /* the initramfs' copy is only memory now */
	return 0;
}
