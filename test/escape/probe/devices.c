/* By devices: nodes made here, nodes found here, and what terminals can be told. */
#include "probe.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

static void try_node(const char *path, mode_t kind, dev_t device)
{
	unlink(path);
	if (mknod(path, kind | 0666, device) < 0)
		return;
	int fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY);

	/* ENXIO: no such device behind it, but it was let through to the driver. */
	if (fd >= 0 || errno == ENXIO || errno == ENODEV)
		escaped("%s device %u:%u made and opened", S_ISCHR(kind) ? "character" : "block", major(device), minor(device));
	unlink(path);
}

/* memory, port, kernel messages, serial lines, console, loop, hvc and the agent's port wherever it is */
static void make_nodes(enum kind kind)
{
	static const struct {
		mode_t kind;
		unsigned major, minor;
	} nodes[] = {
		{S_IFCHR, 1, 1},  {S_IFCHR, 1, 2}, {S_IFCHR, 1, 3},    {S_IFCHR, 1, 4},   {S_IFCHR, 1, 11},
		{S_IFCHR, 4, 64}, {S_IFCHR, 5, 1}, {S_IFCHR, 10, 237}, {S_IFCHR, 229, 0}, {S_IFCHR, 10, 200},
		{S_IFBLK, 7, 0},  {S_IFBLK, 8, 0}, {S_IFBLK, 254, 0},
	};
	static const char *const places[] = {"/tmp/node", "/dev/node", "/dev/shm/node", "/tmp/own/node"};

	mkdir("/tmp/own", 0755);
	mount("none", "/tmp/own", "tmpfs", 0, NULL); /* a super block of our own, without nodev */
	for (size_t place = 0; place < 4; place++) {
		for (size_t i = 0; i < sizeof(nodes) / sizeof(*nodes); i++)
			try_node(places[place], nodes[i].kind, makedev(nodes[i].major, nodes[i].minor));
		for (unsigned number = 230; number < 256; number++)
			try_node(places[place], S_IFCHR, makedev(number, 1));
	}
}

static bool harmless(dev_t device)
{
	unsigned number = major(device), which = minor(device);

	return (number == 1 && (which == 3 || which == 5 || which == 7 || which == 8 || which == 9)) ||
	       (number == 5 && (which == 0 || which == 2)) || (number >= 136 && number <= 143);
}

static int look_at(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	if ((S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) && !harmless(st->st_rdev))
		escaped("%s is device %u:%u", path, major(st->st_rdev), minor(st->st_rdev));
	return 0;
}

static void find_nodes(enum kind kind)
{
	nftw("/dev", look_at, 16, FTW_PHYS);
	nftw("/run", look_at, 16, FTW_PHYS);
}

/* They are the guest host's: whoever changes their modes changes them for everybody. */
static void change_nodes(enum kind kind)
{
	static const char *const nodes[] = {"/dev/null", "/dev/zero", "/dev/tty", "/dev/urandom"};

	for (size_t i = 0; i < 4; i++) {
		if (chmod(nodes[i], 0600) == 0 || chown(nodes[i], 0, 0) == 0)
			escaped("%s belongs to us", nodes[i]);
	}
}

const struct attempt device_attempts[] = {
	{"make device nodes", ANY, make_nodes},
	{"find device nodes", ANY, find_nodes},
	{"change device nodes", ANY, change_nodes},
	{0},
};

/* --- the terminal it was given */

static void type_into(enum kind kind)
{
	if (!isatty(0)) {
		escaped("there is no terminal, so this tells nothing");
		return;
	}
	if (ioctl(0, TIOCSTI, "x") == 0)
		escaped("TIOCSTI");
	char linux_command = 3;

	if (ioctl(0, TIOCLINUX, &linux_command) == 0)
		escaped("TIOCLINUX");
	if (ioctl(0, TIOCCONS, 0) == 0)
		escaped("the machine's console is ours");
}

static void line_disciplines(enum kind kind)
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0, number, slave;
	char path[32];

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
		return;
	snprintf(path, sizeof(path), "/dev/pts/%d", number);
	slave = open(path, O_RDWR | O_NOCTTY);
	if (slave >= 0 && ioctl(slave, TIOCSTI, "x") == 0)
		escaped("TIOCSTI on a terminal of our own");
	/* 0 is the ordinary one, 27 does nothing; the others drive network links and have a history. */
	for (int discipline = 1; slave >= 0 && discipline < 31; discipline++)
		if (discipline != 27 && ioctl(slave, TIOCSETD, &discipline) == 0)
			escaped("line discipline %d", discipline);
}

/* Of terminals only the own one: /dev/pts is this container's. */
static void other_terminals(enum kind kind)
{
	DIR *list = opendir("/dev/pts");
	struct dirent *entry;

	while (list && (entry = readdir(list)))
		if (entry->d_name[0] >= '0' && entry->d_name[0] <= '9')
			escaped("/dev/pts/%s is here", entry->d_name);
}

const struct attempt terminal_attempts[] = {
	{"type into the terminal", ANY, type_into},
	{"line disciplines", ANY, line_disciplines},
	{"other terminals", ANY, other_terminals},
	{0},
};
