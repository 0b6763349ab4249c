#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <termios.h>
#include "io.h"
#include "kernel.h"
#include "oci.h"
#include "sock.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif
#define DEVPTS_MAGIC 0x1cd1

int oci_terminal_connect(const char *path, struct err *e)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(address.sun_path))
		return err_set(e, 1, "--console-socket %.120s: too long", path);
	strcpy(address.sun_path, path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_errno(e, 1, "--console-socket %s", path);
	return take_fd(&fd);
}

int oci_terminal_adopt(const struct oci *c, const struct oci_process *p, bool bind_console, struct err *e)
{
	static const char name[] = "/dev/ptmx";
	struct winsize size = {.ws_row = (unsigned short)p->rows, .ws_col = (unsigned short)p->columns};
	struct statfs fs;
	struct stat st;
	int unlock = 0;
	_cleanup_fd_ int master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NOFOLLOW | O_CLOEXEC);

	/* It goes to somebody outside, so it must be what it seems (CVE-2025-52565). */
	if (master < 0 || fstat(master, &st) < 0 || fstatfs(master, &fs) < 0)
		return err_errno(e, 1, "open a terminal (/dev/pts/ptmx)");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2) || fs.f_type != DEVPTS_MAGIC)
		return err_set(e, 1, "/dev/pts/ptmx in the container is no terminal");
	_cleanup_fd_ int slave =
		ioctl(master, TIOCSPTLCK, &unlock) < 0 ? -1 : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (slave < 0)
		return err_errno(e, 1, "open the terminal's other end");
	struct termios settings;

	if (c->foreground && tcgetattr(slave, &settings) == 0) {
		settings.c_oflag &= ~(tcflag_t)ONLCR;
		tcsetattr(slave, TCSANOW, &settings);
	}
	if (size.ws_col && size.ws_row)
		ioctl(master, TIOCSWINSZ, &size);
	if (fchown(slave, p->user.uid, (gid_t)-1) < 0)
		return err_errno(e, 1, "give the terminal to the user");
	if (bind_console) {
		_cleanup_fd_ int tree = sys_open_tree(slave, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);

		/* The last part is not followed. */
		if (tree < 0 || (mknod("/dev/console", S_IFREG | 0600, 0) < 0 && errno != EEXIST && errno != EROFS) ||
		    sys_move_mount(tree, "", AT_FDCWD, "/dev/console", MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return err_errno(e, 1, "mount /dev/console");
	}
	if (sock_send(c->console, name, sizeof(name) - 1, &master, 1, OCI_TIMEOUT_MS, e) < 0)
		return err_context(e, "hand the terminal over");
	for (int fd = 0; fd < 3; fd++)
		if (dup2(slave, fd) < 0)
			return err_errno(e, 1, "standard descriptors");
	return ioctl(0, TIOCSCTTY, 0) < 0 ? err_errno(e, 1, "controlling terminal") : 0;
}

/* What there is at the moment, to where it belongs. False at its end. */
static bool copy(int from, int to)
{
	char buffer[4096];
	ssize_t n = read(from, buffer, sizeof(buffer));

	return n > 0 ? write_all(to, buffer, (size_t)n) == 0 : n < 0 && errno == EINTR;
}

static void resize(int master)
{
	struct winsize size;

	if (ioctl(0, TIOCGWINSZ, &size) == 0)
		ioctl(master, TIOCSWINSZ, &size);
}

int oci_foreground(pid_t pid, int from, struct err *e)
{
	_cleanup_fd_ int pidfd = sys_pidfd_open(pid), signals = -1, master = -1;
	struct termios before, raw;
	bool is_raw = false;
	sigset_t all;

	sigfillset(&all);
	sigdelset(&all, SIGCHLD);
	sigprocmask(SIG_BLOCK, &all, NULL);
	signals = signalfd(-1, &all, SFD_CLOEXEC);
	if (pidfd < 0 || signals < 0)
		return err_errno(e, 1, "wait for process %d", pid);
	if (from >= 0) {
		size_t count = 1;
		char name[64];

		if (sock_recv(from, name, sizeof(name), &master, &count, OCI_TIMEOUT_MS, e) <= 0 || count != 1)
			return err_set(e, 1, "no terminal came");
		if (tcgetattr(0, &before) == 0) {
			raw = before;
			cfmakeraw(&raw);
			is_raw = tcsetattr(0, TCSANOW, &raw) == 0;
		}
		resize(master);
	}
	struct pollfd fds[] = {{pidfd, POLLIN, 0}, {signals, POLLIN, 0}, {master, POLLIN, 0}, {master >= 0 ? 0 : -1, POLLIN, 0}};

	/* A terminal is read to its end, which is a bit later than its program's. */
	while (!fds[0].revents || fds[2].revents & POLLIN) {
		struct signalfd_siginfo info;

		if (poll(fds, array_size(fds), -1) < 0)
			continue;
		if (fds[1].revents && read(signals, &info, sizeof(info)) == sizeof(info)) {
			if (info.ssi_signo == SIGWINCH && master >= 0)
				resize(master);
			else if (info.ssi_signo != SIGPIPE && info.ssi_signo != SIGURG)
				sys_pidfd_send_signal(pidfd, (int)info.ssi_signo);
		}
		if (fds[2].revents && !copy(master, 1))
			fds[2] = (struct pollfd){.fd = -1};
		if (fds[3].revents && !copy(0, master))
			fds[3].fd = -1;
	}
	if (is_raw)
		tcsetattr(0, TCSADRAIN, &before);
	return reap(pid);
}
