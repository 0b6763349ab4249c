#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "io.h"
#include "sock.h"

static int address(struct sockaddr_un *a, const char *path, struct err *e)
{
	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(a->sun_path))
		return err_set(e, 125, "socket %s: path too long", path);
	strcpy(a->sun_path, path);
	return 0;
}

int sock_listen(const char *path, mode_t mode, struct err *e)
{
	struct sockaddr_un a;
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return err_errno(e, 125, "socket %s", path);
	if (address(&a, path, e) < 0)
		return -1;
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(e, 125, "remove old socket %s", path);
	/* The socket's own mode decides the mode of the file bind makes, so nobody can connect in between. */
	if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return err_errno(e, 125, "bind %s", path);
	if (chmod(path, mode) < 0 || listen(fd, 64) < 0)
		return err_errno(e, 125, "listen on %s", path);
	return take_fd(&fd);
}

int sock_accept(int listener, struct err *e)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			return fd;
		if (errno != EINTR && errno != ECONNABORTED)
			return err_errno(e, 125, "accept");
	}
}

int sock_connect(const char *path, int timeout_ms, struct err *e)
{
	struct sockaddr_un a;
	_cleanup_fd_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return err_errno(e, 125, "socket %s", path);
	if (address(&a, path, e) < 0)
		return -1;
	/* A unix connect blocks only while the backlog is full, and for at most the send timeout. */
	if (timeout_ms >= 0) {
		struct timeval wait = {timeout_ms / 1000, timeout_ms % 1000 * 1000 + (timeout_ms == 0)};

		if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) < 0)
			return err_errno(e, 125, "socket %s", path);
	}
	while (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		if (errno != EINTR)
			return err_errno(e, 125, "connect to %s", path);
	struct timeval none = {0, 0};

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)) < 0)
		return err_errno(e, 125, "socket %s", path);
	return take_fd(&fd);
}

int sock_pair(int pair[2], struct err *e)
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(e, 125, "socketpair");
	return 0;
}

union control {
	char bytes[CMSG_SPACE(SOCK_FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int sock_send(int fd, const void *data, size_t length, const int *fds, size_t fd_count, int timeout_ms, struct err *e)
{
	struct iovec part = {(void *)data, length};
	union control control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;

	if (length == 0 || length > SOCK_PACKET_MAX || fd_count > SOCK_FDS_MAX)
		return err_set(e, 125, "send: a packet of %zu bytes and %zu descriptors", length, fd_count);
	if (fd_count) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&message);

		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
		memcpy(CMSG_DATA(c), fds, fd_count * sizeof(int));
	}
	for (;;) {
		ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0)
			return 0;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN || timeout_ms == 0 || wait_fd(fd, POLLOUT, deadline) < 0)
			return err_errno(e, 125, "send");
	}
}

ssize_t sock_recv(int fd, void *data, size_t size, int *fds, size_t *fd_count, int timeout_ms, struct err *e)
{
	struct iovec part = {data, size};
	union control control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	int64_t deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
	size_t room = fd_count ? *fd_count : 0, got = 0;
	ssize_t n;

	if (fd_count)
		*fd_count = 0;
	for (;;) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n >= 0)
			break;
		if (errno == EINTR)
			continue;
		/* Told before what the other end said last, which is still there to be read (af_unix: it left our words unread). */
		if (errno == ECONNRESET)
			continue;
		if (errno != EAGAIN || timeout_ms == 0 || wait_fd(fd, POLLIN, deadline) < 0)
			return err_errno(e, 125, "receive");
	}
	/* One SCM_RIGHTS at most: a unix socket puts all descriptors of a packet into one. */
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count; i++) {
			int received;

			memcpy(&received, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (got < room)
				fds[got++] = received;
			else
				close(received);
		}
	}
	if (message.msg_flags & MSG_TRUNC) {
		while (got)
			close(fds[--got]);
		errno = EMSGSIZE;
		return err_errno(e, 125, "receive");
	}
	if (fd_count)
		*fd_count = got;
	return n;
}

int sock_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid, struct err *e)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return err_errno(e, 125, "peer of socket");
	*pid = peer.pid;
	*uid = peer.uid;
	*gid = peer.gid;
	return 0;
}
