/*
 * The whole agent over a socket pair instead of the port, under sanitizers: programs, credits, requests, garbage. What a
 * HELLO does to the machine is left out; that is tested in the VM.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "agent.h"
#include "check.h"
#include "io.h"
#include "sock.h"

enum { WAIT_MS = 5000 };

static char socket_path[64];
static int port = -1;
static pid_t agent_pid;
static uint8_t input[1 << 20];
static size_t input_length;

static void greet_nobody(const struct json *hello)
{
}

static void send_bytes(const void *data, size_t length)
{
	if (write_all(port, data, length) < 0)
		perror("write to the agent");
}

static void send_frame(enum frame_type type, uint16_t channel, const void *payload, size_t length)
{
	uint8_t header[FRAME_HEADER];

	frame_header(header, type, channel, (uint32_t)length);
	send_bytes(header, sizeof(header));
	send_bytes(payload, length);
}

static void send_text(enum frame_type type, uint16_t channel, const char *text)
{
	send_frame(type, channel, text, strlen(text));
}

/* One frame of the agent; its payload is valid until the next call. False after WAIT_MS. */
static bool receive(struct frame *f)
{
	static size_t used;
	int64_t deadline = now_ms() + WAIT_MS;

	memmove(input, input + used, input_length - used);
	input_length -= used;
	used = 0;
	for (;;) {
		if (input_length >= FRAME_HEADER && input_length >= FRAME_HEADER + frame_u32(input)) {
			uint8_t header[FRAME_HEADER];

			*f = (struct frame){input[6], frame_u16(input + 4), frame_u32(input), input + FRAME_HEADER};
			frame_header(header, f->type, f->channel, f->length);
			CHECK(memcmp(header, input, FRAME_HEADER) == 0 && f->length <= FRAME_PAYLOAD_MAX);
			used = FRAME_HEADER + f->length;
			return true;
		}
		if (wait_fd(port, POLLIN, deadline) < 0)
			return false;
		ssize_t n = read(port, input + input_length, sizeof(input) - input_length);

		if (n <= 0)
			return false;
		input_length += (size_t)n;
	}
}

/* The next frame of a channel that is not CREDIT, as text; "" when none comes. */
static const char *next_text(enum frame_type *type, uint16_t channel)
{
	static char text[FRAME_PAYLOAD_MAX + 1];
	struct frame f;

	while (receive(&f)) {
		if (f.channel != channel || f.type == FRAME_CREDIT)
			continue;
		*type = f.type;
		memcpy(text, f.payload, f.length);
		text[f.length] = 0;
		return text;
	}
	*type = 0;
	return "";
}

static void expect(uint16_t channel, enum frame_type type, const char *wanted)
{
	enum frame_type got;
	const char *text = next_text(&got, channel);

	CHECK_TEXT(text, wanted);
	CHECK(got == type);
}

static void hello(int session, bool wanted_session)
{
	char text[100], wanted[40];
	enum frame_type type;

	if (session) {
		snprintf(text, sizeof(text), FRAME_MAGIC "{\"protocol\":1,\"session\":%d}", session);
		send_text(FRAME_HELLO, 0, text);
	}
	snprintf(wanted, sizeof(wanted), "\"session\":%d,", session);
	for (int i = 0; i < 100; i++) {
		const char *answer = next_text(&type, 0);

		if (type != FRAME_HELLO && type)
			continue;
		CHECK(strncmp(answer, FRAME_MAGIC, FRAME_MAGIC_LENGTH) == 0);
		CHECK((strstr(answer, "\"session\"") != NULL) == wanted_session);
		CHECK(!wanted_session || strstr(answer, wanted));
		return;
	}
	CHECK(!"a HELLO came");
}

static void begin(void)
{
	static struct agent agent;
	int pair[2];
	struct err e;

	snprintf(socket_path, sizeof(socket_path), "/tmp/nest-agent-test-%d.sock", getpid());
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	agent_pid = fork();
	if (agent_pid == 0) {
		close(pair[0]);
		set_nonblock(pair[1], true);
		int listener = sock_listen(socket_path, 0600, &e);

		if (agent_open(&agent, &e) < 0 || listener < 0)
			exit(9);
		agent.greet = greet_nobody;
		request_listen(&agent, listener);
		agent_run(&agent, pair[1]);
		exit(0); /* with the leak check */
	}
	close(pair[1]);
	port = pair[0];
	input_length = 0;
	hello(0, false);
	hello(1, true);
}

static void finish(void)
{
	int status = -1;

	kill(agent_pid, SIGTERM);
	CHECK(waitpid(agent_pid, &status, 0) == agent_pid && status == 0);
	close(port);
	unlink(socket_path);
}

static void programs(void)
{
	send_text(FRAME_OPEN, 1,
		  "{\"argv\":[\"sh\",\"-c\",\"cat; echo \\\"$X\\\" >&2; exit 4\"],\"cwd\":\"/\",\"env\":{\"X\":\"a b\"}}");
	send_text(FRAME_DATA, 1, "hello");
	expect(1, FRAME_DATA, "hello");
	send_frame(FRAME_EOF, 1, NULL, 0);
	expect(1, FRAME_DATA_ERR, "a b\n");
	expect(1, FRAME_EXIT, "{\"code\":4}");
	send_text(FRAME_DATA, 1, "late frames are dropped");
	send_text(FRAME_OPEN, 2, "{\"argv\":[\"/no/such\"],\"cwd\":\"/\"}");
	expect(2, FRAME_EXIT, "{\"code\":127,\"error\":\"/no/such: no such file or directory\"}");
	send_text(FRAME_OPEN, 3, "{\"argv\":[\"/\"],\"cwd\":\"/\"}");
	expect(3, FRAME_EXIT, "{\"code\":126,\"error\":\"/: Permission denied\"}");
	send_text(FRAME_OPEN, 4, "{\"argv\":[\"sleep\",\"60\"],\"cwd\":\"/\",\"timeoutMs\":100}");
	expect(4, FRAME_EXIT, "{\"code\":137,\"signal\":9,\"timedOut\":true}");
	send_text(FRAME_OPEN, 5, "{\"argv\":[\"sleep\",\"60\"],\"cwd\":\"/\"}");
	send_frame(FRAME_SIGNAL, 5, "\x0f", 1);
	expect(5, FRAME_EXIT, "{\"code\":143,\"signal\":15}");
	send_text(FRAME_OPEN, 6, "{\"argv\":[\"sleep\",\"60\"],\"cwd\":\"/\"}");
	send_frame(FRAME_CLOSE, 6, NULL, 0);
	expect(6, FRAME_EXIT, "{\"code\":129,\"signal\":1}");
}

static void bad_opens(void)
{
	static const char *const bad[] = {
		"",
		"{",
		"[]",
		"{}",
		"{\"argv\":[]}",
		"{\"argv\":\"sh\"}",
		"{\"argv\":[1]}",
		"{\"argv\":[\"sh\"],\"env\":[]}",
		"{\"argv\":[\"sh\"],\"env\":{\"a=b\":\"c\"}}",
		"{\"argv\":[\"sh\"],\"env\":{\"a\":1}}",
		"{\"argv\":[\"sh\"],\"timeoutMs\":-1}",
		"{\"argv\":[\"sh\"],\"timeoutMs\":1e300}",
		"{\"argv\":[\"sh\"],\"pty\":{\"cols\":70000}}",
		"{\"argv\":[\"sh\"],\"cwd\":\"/no/such\"}",
		"{\"argv\":[\"a\\u0000b\"]}",
	};
	enum frame_type type;

	for (size_t i = 0; i < array_size(bad); i++) {
		send_text(FRAME_OPEN, (uint16_t)(100 + i), bad[i]);
		const char *text = next_text(&type, (uint16_t)(100 + i));

		CHECK(type == FRAME_EXIT && strncmp(text, "{\"code\":125,\"error\":\"", 21) == 0);
	}
}

static void credits(void)
{
	struct frame f;
	size_t got = 0;

	send_text(FRAME_OPEN, 10, "{\"argv\":[\"yes\"],\"cwd\":\"/\"}");
	while (got < 65536 && receive(&f))
		if (f.channel == 10 && f.type == FRAME_DATA)
			got += f.length;
	CHECK(got == 65536);
	send_text(FRAME_CALL, 11, "{\"method\":\"ping\"}");
	while (receive(&f) && f.type != FRAME_RESULT)
		CHECK(f.type != FRAME_DATA); /* not a byte over the credit */
	send_frame(FRAME_CREDIT, 10, "\x07\0\0\0", 4);
	CHECK(receive(&f) && f.type == FRAME_DATA && f.length == 7);
	send_frame(FRAME_CLOSE, 10, NULL, 0);
	CHECK(receive(&f) && f.type == FRAME_EXIT);
}

static void terminal(void)
{
	enum frame_type type = FRAME_DATA;
	char all[1000] = "";

	send_text(FRAME_OPEN, 20,
		  "{\"argv\":[\"sh\",\"-c\",\"stty size; read x; stty size; exit "
		  "3\"],\"cwd\":\"/\",\"pty\":{\"cols\":70,\"rows\":20}}");
	const char *text = next_text(&type, 20);
	CHECK_TEXT(text, "20 70\r\n");
	send_frame(FRAME_RESIZE, 20, "\x50\0\x19\0", 4);
	send_text(FRAME_DATA, 20, "go\n");
	while (type == FRAME_DATA && strlen(all) < 900) {
		text = next_text(&type, 20);
		strcat(all, text);
	}
	CHECK_TEXT(all, "go\r\n25 80\r\n{\"code\":3}");
}

static void requests(void)
{
	char text[200];
	struct err e;
	struct frame f;
	int fd = sock_connect(socket_path, 1000, &e);
	static const char pull[] = "{\"method\":\"image.pull\",\"params\":{\"ref\":\"x\"}}";

	CHECK(sock_send(fd, pull, sizeof(pull) - 1, NULL, 0, 1000, &e) == 0);
	CHECK(receive(&f) && f.type == FRAME_REQUEST && f.channel >= 0x8000 && f.length == sizeof(pull) - 1);
	uint16_t id = f.channel;
	send_text(FRAME_PROGRESS, id, "{\"current\":1}");
	memset(text, 0, sizeof(text));
	CHECK(sock_recv(fd, text, sizeof(text) - 1, NULL, NULL, WAIT_MS, &e) > 0);
	CHECK_TEXT(text, "{\"progress\":{\"current\":1}}");
	send_text(FRAME_REPLY, id, "{\"ok\":{}}");
	memset(text, 0, sizeof(text));
	CHECK(sock_recv(fd, text, sizeof(text) - 1, NULL, NULL, WAIT_MS, &e) > 0);
	CHECK_TEXT(text, "{\"ok\":{}}");
	CHECK(sock_recv(fd, text, sizeof(text) - 1, NULL, NULL, WAIT_MS, &e) == 0);
	close(fd);

	/* Whoever goes away cancels; the late reply is dropped. */
	fd = sock_connect(socket_path, 1000, &e);
	CHECK(sock_send(fd, pull, sizeof(pull) - 1, NULL, 0, 1000, &e) == 0);
	CHECK(receive(&f) && f.type == FRAME_REQUEST);
	id = f.channel;
	close(fd);
	CHECK(receive(&f) && f.type == FRAME_CANCEL && f.channel == id && f.length == 0);
	send_text(FRAME_REPLY, id, "{\"error\":{}}");

	/* What is no request is answered, and never reaches the page. */
	fd = sock_connect(socket_path, 1000, &e);
	CHECK(sock_send(fd, "{\"methud\":1}", 12, NULL, 0, 1000, &e) == 0);
	memset(text, 0, sizeof(text));
	CHECK(sock_recv(fd, text, sizeof(text) - 1, NULL, NULL, WAIT_MS, &e) > 0 && strstr(text, "\"error\""));
	close(fd);

	fd = sock_connect(socket_path, 1000, &e);
	CHECK(sock_send(fd, "{\"method\":\"events\"}", 19, NULL, 0, 1000, &e) == 0);
	CHECK(sock_send(fd, "{\"type\":\"sync\"}", 15, NULL, 0, 1000, &e) == 0);
	CHECK(receive(&f) && f.type == FRAME_EVENT && f.channel == 0 && f.length == 15);
	CHECK(sock_send(fd, "{oops", 5, NULL, 0, 1000, &e) == 0);
	CHECK(sock_recv(fd, text, sizeof(text) - 1, NULL, NULL, WAIT_MS, &e) == 0);
	close(fd);

	/* A new HELLO hangs up on everybody. */
	fd = sock_connect(socket_path, 1000, &e);
	CHECK(sock_send(fd, pull, sizeof(pull) - 1, NULL, 0, 1000, &e) == 0);
	CHECK(receive(&f) && f.type == FRAME_REQUEST);
	hello(2, true);
	CHECK(sock_recv(fd, text, sizeof(text) - 1, NULL, NULL, WAIT_MS, &e) == 0);
	close(fd);
}

static void calls(void)
{
	enum frame_type type;

	send_text(FRAME_CALL, 30, "{\"method\":\"ping\",\"params\":{}}");
	CHECK(strncmp(next_text(&type, 30), "{\"ok\":{\"uptimeMs\":", 18) == 0 && type == FRAME_RESULT);
	send_text(FRAME_CALL, 31, "{\"method\":\"nope\"}");
	expect(31, FRAME_RESULT, "{\"error\":{\"code\":\"unsupported\",\"message\":\"no such call: \\\"nope\\\"\"}}");
	send_text(FRAME_CALL, 32, "{");
	CHECK(strstr(next_text(&type, 32), "bad JSON"));
	send_text(FRAME_CALL, 33, "{\"method\":\"clock.set\",\"params\":{\"time\":\"12x\"}}");
	CHECK(strstr(next_text(&type, 33), "\"error\""));
}

static void broken_streams(void)
{
	struct {
		const char *bytes;
		size_t length;
	} garbage[] = {{"\xff\xff\xff\xff garbage", 12}, {"\0\0\0\0\0\0\0\0", 8}};

	for (size_t i = 0; i < array_size(garbage); i++) {
		send_text(FRAME_OPEN, 40, "{\"argv\":[\"sleep\",\"60\"],\"cwd\":\"/\"}");
		send_bytes(garbage[i].bytes, garbage[i].length);
		hello(0, false);
		hello(3 + (int)i, true);
	}
	send_text(FRAME_DATA, 41, "never opened");
	hello(0, false);
	hello(5, true);
	send_text(FRAME_REPLY, 0x9000, "{}");
	hello(0, false);
	hello(6, true);
	/* Over the credit: a program that reads nothing lets us send 65536 bytes and what its pipe holds, no more. */
	static char zeros[65536];
	send_text(FRAME_OPEN, 42, "{\"argv\":[\"sleep\",\"60\"],\"cwd\":\"/\"}");
	for (int i = 0; i < 4; i++)
		send_frame(FRAME_DATA, 42, zeros, sizeof(zeros));
	hello(0, false);
	hello(7, true);
	send_text(FRAME_OPEN, 43, "{\"argv\":[\"echo\",\"fine\"],\"cwd\":\"/\"}");
	expect(43, FRAME_DATA, "fine\n");
	expect(43, FRAME_EXIT, "{\"code\":0}");
}

/* As after a restore of a snapshot taken in the middle of a frame. */
static void unfinished_frame(void)
{
	enum frame_type type;
	uint8_t header[FRAME_HEADER];

	frame_header(header, FRAME_DATA, 43, 60000);
	send_bytes(header, sizeof(header));
	send_text(FRAME_HELLO, 0, FRAME_MAGIC "{\"protocol\":1,\"session\":8}");
	hello(0, false);
	CHECK(strstr(next_text(&type, 0), "\"session\":8,") && type == FRAME_HELLO);
}

/* A host that calls on and on without reading must neither grow the agent nor lose an answer. */
static void host_that_does_not_read(void)
{
	enum { CALLS = 20000 };
	struct frame f;
	int answers = 0;
	pid_t writer = fork();

	if (writer == 0) {
		for (int i = 0; i < CALLS; i++)
			send_text(FRAME_CALL, (uint16_t)(1000 + i % 100), "{\"method\":\"no such method at all\"}");
		_exit(0);
	}
	usleep(300000);
	while (answers < CALLS && receive(&f))
		answers += f.type == FRAME_RESULT;
	CHECK(answers == CALLS);
	waitpid(writer, NULL, 0);
}

static void many_programs(void)
{
	struct frame f;
	int exits = 0, refused = 0;

	for (int i = 0; i < 300; i++)
		send_text(FRAME_OPEN, (uint16_t)(2000 + i), "{\"argv\":[\"sleep\",\"60\"],\"cwd\":\"/\"}");
	while (refused < 300 - CHANNELS_MAX && receive(&f))
		refused += f.type == FRAME_EXIT;
	CHECK(refused == 300 - CHANNELS_MAX);
	for (int i = 0; i < CHANNELS_MAX; i++)
		send_frame(FRAME_CLOSE, (uint16_t)(2000 + i), NULL, 0);
	while (exits < CHANNELS_MAX && receive(&f))
		exits += f.type == FRAME_EXIT;
	CHECK(exits == CHANNELS_MAX);
}

/* A TCP server of the test's own; its port goes into `number`. */
static int listen_locally(int *number)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 8) == 0);
	CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
	*number = ntohs(address.sin_port);
	return fd;
}

/* Opens a connection to the server; the server's end of it. */
static int connect_channel(uint16_t channel, int listener, int number, const char *more)
{
	char open[100];

	snprintf(open, sizeof(open), "{\"connect\":{\"port\":%d}%s}", number, more);
	send_text(FRAME_OPEN, channel, open);
	CHECK(wait_fd(listener, POLLIN, now_ms() + WAIT_MS) == 0);
	return accept(listener, NULL, NULL);
}

static void connections(void)
{
	char text[32] = "";
	int number, listener = listen_locally(&number), peer = connect_channel(60, listener, number, "");
	struct linger reset = {1, 0};

	/* Both ways, half closed, to the peer's last byte. */
	send_text(FRAME_DATA, 60, "question");
	CHECK(read(peer, text, 8) == 8);
	CHECK_TEXT(text, "question");
	send_frame(FRAME_EOF, 60, NULL, 0);
	CHECK(read(peer, text, 8) == 0);
	CHECK(write(peer, "answer", 6) == 6);
	expect(60, FRAME_DATA, "answer");
	CHECK(write(peer, "!", 1) == 1);
	close(peer);
	expect(60, FRAME_DATA, "!");
	expect(60, FRAME_EXIT, "{\"code\":0}");

	/* The host hangs up. */
	peer = connect_channel(61, listener, number, "");
	send_frame(FRAME_CLOSE, 61, NULL, 0);
	expect(61, FRAME_EXIT, "{\"code\":1,\"error\":\"Operation canceled\"}");
	CHECK(read(peer, text, 8) == 0);
	close(peer);

	peer = connect_channel(62, listener, number, ",\"timeoutMs\":100");
	expect(62, FRAME_EXIT, "{\"code\":1,\"timedOut\":true,\"error\":\"Connection timed out\"}");
	close(peer);

	peer = connect_channel(63, listener, number, "");
	setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(peer);
	expect(63, FRAME_EXIT, "{\"code\":1,\"error\":\"Connection reset by peer\"}");

	/* What belongs to programs is ignored, whatever its number would mean to kill(2). */
	peer = connect_channel(64, listener, number, "");
	send_frame(FRAME_SIGNAL, 64, "\x09", 1);
	send_frame(FRAME_RESIZE, 64, "\x50\0\x19\0", 4);
	send_text(FRAME_DATA, 64, "alive");
	CHECK(read(peer, text, 8) == 5);
	close(peer);
	expect(64, FRAME_EXIT, "{\"code\":0}");

	close(listener);
	snprintf(text, sizeof(text), "{\"connect\":{\"port\":%d}}", number);
	send_text(FRAME_OPEN, 65, text);
	expect(65, FRAME_EXIT, "{\"code\":1,\"error\":\"Connection refused\"}");
}

static void connection_credits(void)
{
	static uint8_t zeros[65536];
	struct frame f;
	size_t got = 0, taken = 0;
	int number, listener = listen_locally(&number), peer = connect_channel(70, listener, number, "");

	/* A flood stops at the credit, and goes on with it. */
	set_nonblock(peer, true);
	while (write(peer, zeros, sizeof(zeros)) > 0)
		;
	while (got < 65536 && receive(&f))
		if (f.channel == 70 && f.type == FRAME_DATA)
			got += f.length;
	CHECK(got == 65536);
	send_text(FRAME_CALL, 71, "{\"method\":\"ping\"}");
	while (receive(&f) && f.type != FRAME_RESULT)
		CHECK(f.type != FRAME_DATA);
	send_frame(FRAME_CREDIT, 70, "\x07\0\0\0", 4);
	CHECK(receive(&f) && f.type == FRAME_DATA && f.length == 7);

	/* The other way: credit comes back as the peer's socket takes the bytes, and nothing is lost. */
	set_nonblock(peer, false);
	for (int i = 0; i < 40; i++) {
		size_t granted = 0;

		send_frame(FRAME_DATA, 70, zeros, sizeof(zeros));
		/* Reading makes room, whatever the socket's buffers hold. */
		while (granted < sizeof(zeros)) {
			struct pollfd ready = {port, POLLIN, 0};
			ssize_t n = recv(peer, input + sizeof(input) / 2, sizeof(input) / 2, MSG_DONTWAIT);

			taken += n > 0 ? (size_t)n : 0;
			if (poll(&ready, 1, 10) > 0 && receive(&f) && f.type == FRAME_CREDIT)
				granted += frame_u32(f.payload);
		}
	}
	send_frame(FRAME_EOF, 70, NULL, 0);
	for (ssize_t n; (n = read(peer, input + sizeof(input) / 2, sizeof(input) / 2)) > 0;)
		taken += (size_t)n;
	CHECK(taken == 40 * sizeof(zeros));
	/* A new HELLO hangs up. */
	hello(9, true);
	for (int i = 0; i < 100 && write(peer, zeros, 1) == 1; i++)
		usleep(1000);
	CHECK(write(peer, zeros, 1) < 0);
	close(peer);
	close(listener);
}

static void bad_connects(void)
{
	static const char *const bad[] = {
		"{\"connect\":null}",
		"{\"connect\":8080}",
		"{\"connect\":{}}",
		"{\"connect\":{\"port\":0}}",
		"{\"connect\":{\"port\":65536}}",
		"{\"connect\":{\"port\":80.5}}",
		"{\"connect\":{\"port\":\"80\"}}",
		"{\"connect\":{\"port\":80,\"host\":\"10.0.0.1\"}}",
		"{\"connect\":{\"port\":80,\"host\":\"localhost\"}}",
		"{\"connect\":{\"port\":80,\"host\":1}}",
		"{\"connect\":{\"port\":80},\"argv\":[\"sh\"]}",
		"{\"connect\":{\"port\":80},\"pty\":{}}",
		"{\"connect\":{\"port\":80},\"timeoutMs\":-1}",
	};
	enum frame_type type;

	for (size_t i = 0; i < array_size(bad); i++) {
		send_text(FRAME_OPEN, (uint16_t)(130 + i), bad[i]);
		const char *text = next_text(&type, (uint16_t)(130 + i));

		CHECK(type == FRAME_EXIT && strncmp(text, "{\"code\":125,\"error\":\"", 21) == 0);
	}
	send_text(FRAME_OPEN, 129, "{\"argv\":[\"echo\",\"connect\"],\"cwd\":\"/\"}");
	expect(129, FRAME_DATA, "connect\n");
	expect(129, FRAME_EXIT, "{\"code\":0}");
}

int main(void)
{
	static const struct test tests[] = {TEST(programs),
					    TEST(bad_opens),
					    TEST(credits),
					    TEST(terminal),
					    TEST(requests),
					    TEST(calls),
					    TEST(broken_streams),
					    TEST(unfinished_frame),
					    TEST(host_that_does_not_read),
					    TEST(many_programs),
					    TEST(connections),
					    TEST(connection_credits),
					    TEST(bad_connects),
					    TEST(finish)};

	signal(SIGPIPE, SIG_IGN);
	begin();
	return RUN(tests);
}
