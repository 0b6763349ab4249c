#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include "io.h"
#include "streams.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

static int make_pty(struct streams *s, uid_t owner, struct err *e)
{
	int unlock = 0;

	s->in = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	if (s->in < 0 || ioctl(s->in, TIOCSPTLCK, &unlock) < 0)
		return err_errno(e, 125, "open a terminal (/dev/pts/ptmx)");
	s->out = fcntl(s->in, F_DUPFD_CLOEXEC, 3);
	/* From the master itself, so no path decides which slave it is (CVE-2025-52565). */
	s->child_in = ioctl(s->in, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (s->out < 0 || s->child_in < 0)
		return err_errno(e, 125, "open the terminal's other end");
	s->child_out = fcntl(s->child_in, F_DUPFD_CLOEXEC, 3);
	s->child_err = fcntl(s->child_in, F_DUPFD_CLOEXEC, 3);
	if (s->child_out < 0 || s->child_err < 0)
		return err_errno(e, 125, "duplicate a descriptor");
	if (fchown(s->child_in, owner, owner + 5) < 0)
		return err_errno(e, 125, "give the terminal to the container");
	return 0;
}

static int make_pipe(int *ours, int *theirs, bool input, struct err *e)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, 125, "pipe");
	*ours = ends[input ? 1 : 0];
	*theirs = ends[input ? 0 : 1];
	return set_nonblock(*ours, true) < 0 ? err_errno(e, 125, "pipe") : 0;
}

int streams_make(struct streams *s, bool tty, bool open_input, uid_t owner, struct err *e)
{
	*s = (struct streams)STREAMS_NONE;
	s->tty = tty;
	if (tty)
		return make_pty(s, owner, e);
	if (open_input) {
		if (make_pipe(&s->in, &s->child_in, true, e) < 0)
			return -1;
	} else if ((s->child_in = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) {
		return err_errno(e, 125, "open /dev/null");
	}
	if (make_pipe(&s->out, &s->child_out, false, e) < 0 || make_pipe(&s->err, &s->child_err, false, e) < 0)
		return -1;
	/* So that the program can open /dev/stdout again under its own user. */
	if (fchown(s->child_out, owner, owner) < 0 || fchown(s->child_err, owner, owner) < 0)
		return err_errno(e, 125, "give the pipes to the container");
	return 0;
}

int streams_adopt(const struct streams *s, struct err *e)
{
	const int ends[3] = {s->child_in, s->child_out, s->child_err};

	setsid();
	/* All are above 2 (0, 1, 2 are always taken in engine processes), so no dup2 overwrites one that is still needed. */
	for (int fd = 0; fd < 3; fd++)
		if (dup2(ends[fd], fd) < 0)
			return err_errno(e, 125, "standard descriptors");
	if (s->tty && ioctl(0, TIOCSCTTY, 0) < 0)
		return err_errno(e, 125, "controlling terminal");
	return 0;
}

void streams_close_child(struct streams *s)
{
	close_fd(&s->child_in);
	close_fd(&s->child_out);
	close_fd(&s->child_err);
}

void streams_close(struct streams *s)
{
	streams_close_child(s);
	close_fd(&s->in);
	close_fd(&s->out);
	close_fd(&s->err);
}

void streams_resize(struct streams *s, unsigned columns, unsigned rows)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

	if (s->tty && s->in >= 0 && columns && rows)
		ioctl(s->in, TIOCSWINSZ, &size);
}
