/* stat(2) and its kin by statx, the only one of the kernel's that has times of 64 bits. */
#include <linux/stat.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include "call.h"

static struct timespec when(struct statx_timestamp t)
{
	return (struct timespec){.tv_sec = t.tv_sec, .tv_nsec = (long)t.tv_nsec};
}

int fstatat(int dir, const char *restrict path, struct stat *restrict st, int flags)
{
	struct statx x;

	if (answer(call6(SYS_statx, dir, (long)path, flags | AT_NO_AUTOMOUNT, STATX_BASIC_STATS, (long)&x, 0)) < 0)
		return -1;
	*st = (struct stat){
		.st_dev = makedev(x.stx_dev_major, x.stx_dev_minor),
		.st_ino = x.stx_ino,
		.st_mode = x.stx_mode,
		.st_nlink = x.stx_nlink,
		.st_uid = x.stx_uid,
		.st_gid = x.stx_gid,
		.st_rdev = makedev(x.stx_rdev_major, x.stx_rdev_minor),
		.st_size = (off_t)x.stx_size,
		.st_blksize = (blksize_t)x.stx_blksize,
		.st_blocks = (blkcnt_t)x.stx_blocks,
		.st_atim = when(x.stx_atime),
		.st_mtim = when(x.stx_mtime),
		.st_ctim = when(x.stx_ctime),
	};
	return 0;
}

int fstat(int fd, struct stat *st)
{
	return fstatat(fd, "", st, AT_EMPTY_PATH);
}

int lstat(const char *restrict path, struct stat *restrict st)
{
	return fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

int stat(const char *restrict path, struct stat *restrict st)
{
	return fstatat(AT_FDCWD, path, st, 0);
}
