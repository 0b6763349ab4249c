#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include "io.h"

/* proc and sysfs files say st_size 0 or 4096 whatever they hold, so read until the end. */
char *read_fd(int fd, size_t limit, size_t *length, struct err *e)
{
	_cleanup_free_ char *data = NULL;
	size_t used = 0, size = 0;

	for (;;) {
		if (used + 1 >= size) {
			size_t wanted = size ? size * 2 : 1024;
			char *grown = realloc(data, wanted);

			if (!grown) {
				err_errno(e, 125, "read");
				return NULL;
			}
			data = grown;
			size = wanted;
		}
		ssize_t n = read(fd, data + used, size - used - 1);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			err_errno(e, 125, "read");
			return NULL;
		}
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > limit) {
			err_set(e, 125, "larger than %zu bytes", limit);
			return NULL;
		}
	}
	data[used] = 0;
	if (length)
		*length = used;
	return take_ptr(data);
}

char *read_file_at(int dir, const char *path, size_t limit, size_t *length, struct err *e)
{
	_cleanup_fd_ int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		err_errno(e, 125, "open %s", path);
		return NULL;
	}
	char *data = read_fd(fd, limit, length, e);

	if (!data)
		err_context(e, "%s", path);
	return data;
}

char *read_file(const char *path, size_t limit, size_t *length, struct err *e)
{
	return read_file_at(AT_FDCWD, path, limit, length, e);
}

int write_file_at(int dir, const char *path, const char *text, struct err *e)
{
	_cleanup_fd_ int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);
	size_t length = strlen(text);

	if (fd < 0)
		return err_errno(e, 125, "open %s", path);
	ssize_t n = write(fd, text, length);

	if (n < 0)
		return err_errno(e, 125, "write %s", path);
	if ((size_t)n != length)
		return err_set(e, 125, "write %s: only %zd of %zu bytes taken", path, n, length);
	return 0;
}

int write_file(const char *path, const char *text, struct err *e)
{
	return write_file_at(AT_FDCWD, path, text, e);
}

int replace_file_at(int dir, const char *path, const void *data, size_t length, unsigned mode, struct err *e)
{
	char temporary[512];

	if (snprintf(temporary, sizeof(temporary), "%s.new", path) >= (int)sizeof(temporary))
		return err_set(e, 125, "write %s: name too long", path);
	/* A left-over of a crash may have another mode or be a link: never write through it. */
	if (unlinkat(dir, temporary, 0) < 0 && errno != ENOENT)
		return err_errno(e, 125, "remove %s", temporary);
	_cleanup_fd_ int fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);

	if (fd < 0)
		return err_errno(e, 125, "create %s", temporary);
	if (fchmod(fd, mode) < 0 || write_all(fd, data, length) < 0 || renameat(dir, temporary, dir, path) < 0) {
		err_errno(e, 125, "write %s", path);
		unlinkat(dir, temporary, 0);
		return -1;
	}
	return 0;
}

int write_all(int fd, const void *data, size_t length)
{
	const char *at = data;

	while (length) {
		ssize_t n = write(fd, at, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		length -= (size_t)n;
	}
	return 0;
}

int set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return -1;
	return fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int wait_fd(int fd, short events, int64_t deadline)
{
	struct pollfd watch = {.fd = fd, .events = events};

	for (;;) {
		int64_t left = deadline < 0 ? -1 : deadline - now_ms();

		if (deadline >= 0 && left < 0)
			left = 0;
		if (left > 1000000)
			left = 1000000;
		int n = poll(&watch, 1, (int)left);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -1;
		if (n == 0 && deadline >= 0 && now_ms() >= deadline) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
}

int reap(pid_t pid)
{
	int status = 0;

	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int random_hex(char text[65], struct err *e)
{
	unsigned char bytes[32];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		return err_errno(e, 125, "random bytes");
	for (size_t i = 0; i < sizeof(bytes); i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	return 0;
}
