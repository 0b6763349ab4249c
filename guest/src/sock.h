/* SOCK_SEQPACKET unix sockets with descriptor passing: how the processes of one level talk (guest/ENGINE.md). */
#pragma once
#include <sys/types.h>
#include "err.h"

/* One kind byte and 64 KiB of payload. */
#define SOCK_PACKET_MAX (65536 + 1)
#define SOCK_FDS_MAX 8

/* Listens at `path` (replacing what is there) with `mode` from the first moment on; non-blocking. The descriptor, or -1. */
int sock_listen(const char *path, mode_t mode, struct err *e);
/* The next connection, non-blocking; -1 with e->sys EAGAIN when there is none. */
int sock_accept(int listener, struct err *e);
/* Connects; `timeout_ms` bounds the wait for a full backlog (-1: none). The descriptor (blocking) or -1. */
int sock_connect(const char *path, int timeout_ms, struct err *e);
/* A connected pair. */
int sock_pair(int pair[2], struct err *e);

/*
 * One packet, never empty (an empty one reads as end of stream), with up to SOCK_FDS_MAX descriptors.
 * `timeout_ms`: 0 does not wait (e->sys EAGAIN), -1 waits for ever. The caller keeps the descriptors. No SIGPIPE.
 */
int sock_send(int fd, const void *data, size_t length, const int *fds, size_t fd_count, int timeout_ms, struct err *e);
/*
 * One packet. Its length; 0 when the peer is gone; -1 with e->sys EAGAIN (timeout 0), ETIMEDOUT, or EMSGSIZE when the packet did not fit.
 * `fds`/`fd_count`: room on entry, received on return; both NULL refuses descriptors (they are closed).
 */
ssize_t sock_recv(int fd, void *data, size_t size, int *fds, size_t *fd_count, int timeout_ms, struct err *e);
/* pid, uid and gid of the peer as they are in our namespaces. */
int sock_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid, struct err *e);
