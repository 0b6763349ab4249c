/* err, io, sock, pty. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include "check.h"
#include "io.h"
#include "pty.h"
#include "quote.h"
#include "sock.h"

static char directory[] = "/tmp/nest-core-test-XXXXXX";

static const char *in_directory(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void errors(void)
{
	struct err e;
	char long_text[1000];

	CHECK(err_set(&e, 126, "no %d", 5) == -1 && e.code == 126 && e.sys == 0);
	CHECK_TEXT(e.msg, "no 5");
	errno = ENOENT;
	CHECK(err_errno(&e, 127, "open %s", "x") == -1 && e.code == 127 && e.sys == ENOENT);
	CHECK_TEXT(e.msg, "open x: No such file or directory");
	CHECK(err_context(&e, "start %s", "web") == -1 && e.code == 127);
	CHECK_TEXT(e.msg, "start web: open x: No such file or directory");
	memset(long_text, 'y', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = 0;
	err_context(&e, "%s", long_text);
	CHECK(strlen(e.msg) < sizeof(e.msg) && strstr(e.msg, ": start web: open x"));
	err_set(&e, 125, "%s", long_text);
	err_context(&e, "front");
	CHECK(strncmp(e.msg, "front: yyy", 10) == 0);
	CHECK(err_set(NULL, 1, "x") == -1 && err_errno(NULL, 1, "x") == -1 && err_context(NULL, "x") == -1);
}

static void files(void)
{
	struct err e;
	struct stat st;
	size_t length;
	_cleanup_free_ char *text = NULL, *proc = NULL;

	CHECK(replace_file_at(AT_FDCWD, in_directory("f"), "hello", 5, 0600, &e) == 0);
	CHECK(stat(in_directory("f"), &st) == 0 && (st.st_mode & 07777) == 0600);
	CHECK(replace_file_at(AT_FDCWD, in_directory("f"), "bye", 3, 0644, &e) == 0);
	text = read_file(in_directory("f"), 100, &length, &e);
	CHECK(length == 3);
	CHECK_TEXT(text, "bye");
	CHECK(read_file(in_directory("f"), 2, NULL, &e) == NULL && strstr(e.msg, "larger than 2 bytes"));
	CHECK(read_file(in_directory("none"), 2, NULL, &e) == NULL && e.sys == ENOENT);
	CHECK(write_file(in_directory("none"), "x", &e) == -1 && e.sys == ENOENT);
	CHECK(write_file(in_directory("f"), "wow", &e) == 0);
	proc = read_file("/proc/self/status", 65536, &length, &e);
	CHECK(proc && length > 100);
	/* A file larger than the first buffer. */
	char *big = malloc(100000), *back;
	memset(big, 'b', 100000);
	CHECK(replace_file_at(AT_FDCWD, in_directory("big"), big, 100000, 0600, &e) == 0);
	back = read_file(in_directory("big"), 100000, &length, &e);
	CHECK(back && length == 100000 && memcmp(big, back, length) == 0);
	free(big);
	free(back);
}

static void packets(void)
{
	struct err e;
	char path[128], data[100];
	struct stat st;
	int fds[2], pipe_ends[2];
	size_t count = 2;
	pid_t pid;
	uid_t uid;
	gid_t gid;

	snprintf(path, sizeof(path), "%s", in_directory("s.sock"));
	_cleanup_fd_ int listener = sock_listen(path, 0600, &e);
	CHECK(listener >= 0);
	CHECK(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
	CHECK(sock_accept(listener, &e) == -1 && e.sys == EAGAIN);
	_cleanup_fd_ int client = sock_connect(path, 1000, &e);
	_cleanup_fd_ int server = sock_accept(listener, &e);
	CHECK(client >= 0 && server >= 0);
	CHECK(sock_peer(server, &pid, &uid, &gid, &e) == 0 && pid == getpid() && uid == getuid());
	CHECK(sock_recv(server, data, sizeof(data), NULL, NULL, 0, &e) == -1 && e.sys == EAGAIN);
	int64_t before = now_ms();
	CHECK(sock_recv(server, data, sizeof(data), NULL, NULL, 50, &e) == -1 && e.sys == ETIMEDOUT);
	CHECK(now_ms() - before >= 50);

	CHECK(pipe(pipe_ends) == 0);
	CHECK(sock_send(client, "take", 4, pipe_ends, 2, 1000, &e) == 0);
	CHECK(sock_recv(server, data, sizeof(data), fds, &count, 1000, &e) == 4 && count == 2);
	CHECK((fcntl(fds[0], F_GETFD) & FD_CLOEXEC) && (fcntl(fds[1], F_GETFD) & FD_CLOEXEC));
	close(fds[0]);
	close(fds[1]);
	/* Not wanted: they are closed, not leaked. */
	int lowest = dup(0);
	close(lowest);
	CHECK(sock_send(client, "take", 4, pipe_ends, 2, 1000, &e) == 0);
	CHECK(sock_recv(server, data, sizeof(data), NULL, NULL, 1000, &e) == 4);
	count = 1;
	CHECK(sock_send(client, "take", 4, pipe_ends, 2, 1000, &e) == 0);
	CHECK(sock_recv(server, data, sizeof(data), fds, &count, 1000, &e) == 4 && count == 1);
	close(fds[0]);
	int after = dup(0);
	CHECK(after == lowest);
	close(after);
	close(pipe_ends[0]);
	close(pipe_ends[1]);

	CHECK(sock_send(client, "x", 0, NULL, 0, 0, &e) == -1);
	CHECK(sock_send(client, "0123456789", 10, NULL, 0, 0, &e) == 0);
	CHECK(sock_recv(server, data, 5, NULL, NULL, 0, &e) == -1 && e.sys == EMSGSIZE);
	char *large = calloc(1, SOCK_PACKET_MAX + 1);
	CHECK(sock_send(client, large, SOCK_PACKET_MAX + 1, NULL, 0, 0, &e) == -1);
	CHECK(sock_send(client, large, SOCK_PACKET_MAX, NULL, 0, 0, &e) == 0);
	CHECK(sock_recv(server, large, SOCK_PACKET_MAX, NULL, NULL, 0, &e) == SOCK_PACKET_MAX);
	int sent = 0;
	while (sent < 1000 && sock_send(client, large, SOCK_PACKET_MAX, NULL, 0, 0, &e) == 0)
		sent++;
	CHECK(sent < 1000 && e.sys == EAGAIN);
	before = now_ms();
	CHECK(sock_send(client, large, SOCK_PACKET_MAX, NULL, 0, 50, &e) == -1 && e.sys == ETIMEDOUT && now_ms() - before >= 50);
	free(large);
	close_fd(&server);
	CHECK(sock_recv(client, data, sizeof(data), NULL, NULL, 100, &e) == 0);
	CHECK(sock_send(client, "x", 1, NULL, 0, 0, &e) == -1 && e.sys == EPIPE);
	CHECK(sock_connect(in_directory("none.sock"), 0, &e) == -1 && e.sys == ENOENT);
	CHECK(sock_listen("/tmp/0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
			  "12345678901234567890",
			  0600, &e) == -1);
}

static void terminals(void)
{
	struct err e;
	int master, slave, status;
	char text[64] = {0};

	if (pty_open(91, 17, &master, &slave, &e) < 0) {
		CHECK_TEXT(e.msg, "");
		return;
	}
	pid_t pid = fork();
	if (pid == 0) {
		setsid();
		if (pty_control(slave) < 0)
			_exit(1);
		dup2(slave, 0);
		dup2(slave, 1);
		execlp("stty", "stty", "size", NULL);
		_exit(2);
	}
	close(slave);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(read(master, text, sizeof(text) - 1) > 0);
	CHECK_TEXT(text, "17 91\r\n");
	close(master);
}

static const char *quoted(const char *text, size_t width)
{
	static char out[200];

	quote(text, width, out, sizeof(out));
	return out;
}

static void quotes(void)
{
	char small[12];

	CHECK_TEXT(quoted("sh -c 'trap \"echo bye; exit 3\" TERM'", 20), "\"sh -c 'trap \\\"echo b…\"");
	CHECK_TEXT(quoted("12345678901234567890", 20), "\"12345678901234567890\"");
	CHECK_TEXT(quoted("123456789012345678901", 20), "\"1234567890123456789…\"");
	/* Characters count, not bytes. */
	CHECK_TEXT(quoted("äöüßäöüßäöüßäöüßäöüß", 20), "\"äöüßäöüßäöüßäöüßäöüß\"");
	CHECK_TEXT(quoted("äöüß", 3), "\"äö…\"");
	CHECK_TEXT(quoted("", 20), "\"\"");
	CHECK_TEXT(quoted("a\tb\nc\x1b[0m\x7f\\\xff\xc2\x9b", 0), "\"a\\tb\\nc\\x1b[0m\\x7f\\\\\\xff\\u009b\"");
	quote("123456789012345", 0, small, sizeof(small));
	CHECK_TEXT(small, "\"123456789\"");
	quote("\x01\x01\x01", 0, small, sizeof(small));
	CHECK_TEXT(small, "\"\\x01\\x01\"");
}

int main(void)
{
	static const struct test tests[] = {TEST(errors), TEST(files), TEST(packets), TEST(terminals), TEST(quotes)};

	if (!mkdtemp(directory))
		return 1;
	int status = RUN(tests);
	static const char *const left[] = {"f", "big", "s.sock"};
	for (size_t i = 0; i < array_size(left); i++)
		unlink(in_directory(left[i]));
	rmdir(directory);
	return status;
}
