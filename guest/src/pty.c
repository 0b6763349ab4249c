#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include "io.h"
#include "pty.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

int pty_open(uint16_t columns, uint16_t rows, int *master, int *slave, struct err *e)
{
	int unlock = 0;
	_cleanup_fd_ int m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (m < 0)
		return err_errno(e, 125, "open /dev/ptmx");
	if (ioctl(m, TIOCSPTLCK, &unlock) < 0)
		return err_errno(e, 125, "unlock a terminal");
	_cleanup_fd_ int s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (s < 0)
		return err_errno(e, 125, "open the other end of a terminal");
	if (pty_resize(m, columns, rows) < 0)
		return err_errno(e, 125, "size of a terminal");
	*master = take_fd(&m);
	*slave = take_fd(&s);
	return 0;
}

int pty_resize(int master, uint16_t columns, uint16_t rows)
{
	struct winsize size = {.ws_col = columns, .ws_row = rows};

	return ioctl(master, TIOCSWINSZ, &size);
}

int pty_control(int slave)
{
	return ioctl(slave, TIOCSCTTY, 0);
}

pid_t pty_foreground(int master)
{
	pid_t group = tcgetpgrp(master);

	return group > 0 ? group : 0;
}
