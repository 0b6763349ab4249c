/* By paths and descriptors: other roots, climbing, what was left open, the runtime's own program. */
#include "probe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RUNTIME "/run/nest/bin/nest"

/* Of every process that can be seen. */
static void roots_of_processes(enum kind kind)
{
	static const char *const below[] = {"root/canary", "cwd/canary", "root/../../canary", "cwd/../../../../canary"};
	char path[64];

	for (int pid = 1; pid < 2000; pid++)
		for (size_t i = 0; i < 4; i++) {
			snprintf(path, sizeof(path), "/proc/%d/%s", pid, below[i]);
			look_for_canary(AT_FDCWD, path, "a process's root");
		}
}

static void climb(const char *how)
{
	for (int i = 0; i < 100 && chdir("..") == 0; i++)
		look_for_canary(AT_FDCWD, "canary", how);
	if (chroot(".") == 0)
		look_for_canary(AT_FDCWD, "/canary", how);
}

static void chroot_and_climb(enum kind kind)
{
	int outside = open("/", O_RDONLY | O_DIRECTORY);

	mkdir("/tmp/jail", 0755);
	if (chroot("/tmp/jail") < 0 || fchdir(outside) < 0)
		return;
	climb("chroot and climb");
}

static void pivot_and_climb(enum kind kind)
{
	mkdir("/tmp/new", 0755);
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/tmp/new", "tmpfs", 0, NULL) < 0 || mkdir("/tmp/new/old", 0755) < 0 ||
	    syscall(SYS_pivot_root, "/tmp/new", "/tmp/new/old") < 0)
		return;
	look_for_canary(AT_FDCWD, "/old/canary", "pivot_root");
	look_for_canary(AT_FDCWD, "/old/../canary", "pivot_root");
	/* What lay below the old root, when everything on it is gone. */
	umount2("/old", MNT_DETACH);
	look_for_canary(AT_FDCWD, "/old/canary", "pivot_root");
	climb("pivot_root and climb");
}

/* A handle names an inode whatever tree it is seen in ("Shocker"). */
static void open_by_handle(enum kind kind)
{
	struct {
		struct file_handle handle;
		unsigned char bytes[128];
	} h = {.handle.handle_bytes = 128};
	int mount_id, fd;

	h.handle.handle_type = 1;
	if (syscall(SYS_name_to_handle_at, AT_FDCWD, "/", &h, &mount_id, 0) < 0)
		h.handle.handle_bytes = 8;
	for (unsigned inode = 1; inode < 64; inode++) {
		memcpy(h.bytes, &inode, sizeof(inode));
		fd = (int)syscall(SYS_open_by_handle_at, AT_FDCWD, &h, O_RDONLY);
		if (fd >= 0)
			escaped("open_by_handle_at opened inode %u", inode);
	}
}

/* Only standard input, output and error are ours, here and in the container's first process (CVE-2024-21626). */
static void descriptors(enum kind kind)
{
	static const char *const directories[] = {"/proc/self/fd", "/proc/1/fd"};
	char path[64], target[256];

	for (size_t i = 0; i < 2; i++) {
		DIR *list = opendir(directories[i]);
		struct dirent *entry;

		while (list && (entry = readdir(list))) {
			int number = atoi(entry->d_name);

			if (entry->d_name[0] == '.' || (i == 0 && number == dirfd(list)))
				continue;
			snprintf(path, sizeof(path), "%s/%d", directories[i], number);
			ssize_t n = readlink(path, target, sizeof(target) - 1);

			target[n > 0 ? n : 0] = 0;
			if (number > 2)
				escaped("%s is %s", path, target);
			for (int up = 0; up < 6; up++) {
				static const char climbs[] = "../../../../../canary";

				look_for_canary(open(path, O_PATH), climbs + 3 * up, path);
			}
		}
	}
	if (syscall(SYS_getcwd, target, sizeof(target)) < 0 || target[0] != '/')
		escaped("the working directory is %s", target);
}

/* What runs as /proc/<pid>/exe, through every path there is (CVE-2019-5736). */
static void runtime_program(enum kind kind)
{
	static const char *const paths[] = {RUNTIME, "/usr/local/bin/nest", "/usr/local/bin/docker", "/proc/self/exe",
					    "/proc/1/exe"};
	char path[64], target[256];

	/* Brings up the engine of this level, whose program is the runtime. */
	if (kind != DEFAULT)
		(void)!system(RUNTIME " ps >/dev/null 2>&1");
	for (size_t i = 0; i < 3; i++)
		if (writable(paths[i]))
			escaped("%s can be opened for writing", paths[i]);
	for (int pid = 1; pid < 2000; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/exe", pid);
		ssize_t n = readlink(path, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = 0;
		if (strstr(target, "nest") && writable(path))
			escaped("%s (%s) can be opened for writing", path, target);
	}
	if (unlink(RUNTIME) == 0 || rename(RUNTIME, "/tmp/nest") == 0)
		escaped("the runtime can be taken away");
	if (kind != DEFAULT) {
		mount(NULL, "/run/nest/bin", NULL, MS_REMOUNT, NULL);
		mount(NULL, "/run/nest/bin", NULL, MS_REMOUNT | MS_BIND, NULL);
		if (writable(RUNTIME))
			escaped("the runtime's mount can be made writable");
	}
}

/* Layers are everybody's, and read only. */
static void layers(enum kind kind)
{
	mount(NULL, "/run/nest/layers", NULL, MS_REMOUNT | MS_BIND, NULL);
	DIR *levels = opendir("/run/nest/layers");
	struct dirent *level;
	char path[512];

	while (levels && (level = readdir(levels))) {
		if (level->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/run/nest/layers/%s", level->d_name);
		DIR *list = opendir(path);
		struct dirent *layer;

		while (list && (layer = readdir(list))) {
			if (layer->d_name[0] == '.')
				continue;
			snprintf(path, sizeof(path), "/run/nest/layers/%.16s/%.200s", level->d_name, layer->d_name);
			mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL);
			strcat(path, "/planted");
			if (open(path, O_CREAT | O_WRONLY, 0644) >= 0)
				escaped("%s could be made", path);
		}
		if (list)
			closedir(list);
	}
}

const struct attempt file_attempts[] = {
	{"roots and directories of all processes", ANY, roots_of_processes},
	{"chroot and climb", ANY, chroot_and_climb},
	{"pivot_root and climb", ANY, pivot_and_climb},
	{"open by handle", ANY, open_by_handle},
	{"descriptors left open", ANY, descriptors},
	{"write the runtime's program", ANY, runtime_program},
	{"write an image's layer", NEST | PRIVILEGED, layers},
	{0},
};
