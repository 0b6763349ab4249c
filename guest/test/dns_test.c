/* The DNS answers byte by byte, and a real question over a socket when this kernel lets us have a network namespace. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "check.h"
#include "dns.h"
#include "io.h"
#include "netlink.h"
#include "ns.h"

static uint8_t out[DNS_PACKET_MAX];
static char asked[DNS_NAME_MAX];
static size_t known, asked_times;

/* Knows "web" with `known` addresses 10.0.0.1, 10.0.0.2 … */
static size_t lookup(void *context, const char *name, uint32_t *addresses, size_t max)
{
	asked_times++;
	snprintf(asked, sizeof(asked), "%s", name);
	if (strcmp(name, "web") != 0)
		return 0;
	for (size_t i = 0; i < known && i < max; i++)
		addresses[i] = htonl(0x0a000001 + (uint32_t)i);
	return known;
}

/* Answers a copy of exactly this size, so that reading a byte too far is seen. */
static size_t answer(const void *query, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	memcpy(copy, query, length);
	memset(out, 0xee, sizeof(out));
	asked_times = 0;
	*asked = '\0';
	size_t n = dns_answer(copy, length, out, lookup, NULL);

	free(copy);
	return n;
}

#define ANSWER(literal) answer(literal, sizeof(literal) - 1)
#define CHECK_BYTES(length, literal) CHECK((length) == sizeof(literal) - 1 && memcmp(out, literal, sizeof(literal) - 1) == 0)
#define ONE_QUESTION "\0\1\0\0\0\0\0\0"
#define WEB "\3web\0"

static void test_address(void)
{
	known = 1;
	CHECK_BYTES(ANSWER("\x12\x34\1\0" ONE_QUESTION WEB "\0\1\0\1"), "\x12\x34\x81\x80\0\1\0\1\0\0\0\0" WEB "\0\1\0\1"
									"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\0\0\1");
	CHECK_TEXT(asked, "web");
	/* Without recursion desired, and with an OPT record behind the question. */
	CHECK_BYTES(ANSWER("\xab\xcd\0\x20\0\1\0\0\0\0\0\1" WEB "\0\1\0\1\0\0\x29\4\xd0\0\0\0\0\0\0"),
		    "\xab\xcd\x80\x80\0\1\0\1\0\0\0\0" WEB "\0\1\0\1"
		    "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\0\0\1");
	/* ANY gets the same. */
	CHECK_BYTES(ANSWER("\0\0\1\0" ONE_QUESTION WEB "\0\xff\0\1"), "\0\0\x81\x80\0\1\0\1\0\0\0\0" WEB "\0\xff\0\1"
								      "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\0\0\1");
}

static void test_case(void)
{
	known = 1;
	/* Asked in lower case, answered in the question's own. */
	CHECK_BYTES(ANSWER("\0\1\1\0" ONE_QUESTION "\3WeB\0\0\1\0\1"), "\0\1\x81\x80\0\1\0\1\0\0\0\0\3WeB\0\0\1\0\1"
								       "\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\0\0\1");
	CHECK_TEXT(asked, "web");
	ANSWER("\0\1\1\0" ONE_QUESTION "\3Db1\3NET\7example\0\0\1\0\1");
	CHECK_TEXT(asked, "db1.net.example");
}

static void test_other_types(void)
{
	static const char *const types[] = {"\0\x1c", "\0\x0f", "\0\x10", "\0\x21", "\0\x0c", "\xff\xfe"};
	char query[] = "\0\7\1\0" ONE_QUESTION WEB "\0\0\0\1", wanted[] = "\0\7\x81\x80" ONE_QUESTION WEB "\0\0\0\1";

	known = 3;
	for (size_t i = 0; i < array_size(types); i++) {
		memcpy(query + 17, types[i], 2);
		memcpy(wanted + 17, types[i], 2);
		CHECK(answer(query, sizeof(query) - 1) == sizeof(wanted) - 1);
		CHECK(memcmp(out, wanted, sizeof(wanted) - 1) == 0);
	}
}

static void test_unknown(void)
{
	CHECK_BYTES(ANSWER("\0\2\1\0" ONE_QUESTION "\2no\0\0\1\0\1"), "\0\2\x81\x83" ONE_QUESTION "\2no\0\0\1\0\1");
	CHECK_BYTES(ANSWER("\0\2\1\0" ONE_QUESTION "\2no\0\0\x1c\0\1"), "\0\2\x81\x83" ONE_QUESTION "\2no\0\0\x1c\0\1");
	CHECK(asked_times == 1);
	/* Never asked for: the root, and names that only look like one with a dot, a NUL, a slash, a space, a byte beyond ASCII. */
	CHECK_BYTES(ANSWER("\0\2\1\0" ONE_QUESTION "\0\0\1\0\1"), "\0\2\x81\x83" ONE_QUESTION "\0\0\1\0\1");
	CHECK(asked_times == 0);
	CHECK_BYTES(ANSWER("\0\2\1\0" ONE_QUESTION "\3w.b\0\0\1\0\1"), "\0\2\x81\x83" ONE_QUESTION "\3w.b\0\0\1\0\1");
	CHECK(asked_times == 0);
	CHECK_BYTES(ANSWER("\0\2\1\0" ONE_QUESTION "\4web\0\0\0\1\0\1"), "\0\2\x81\x83" ONE_QUESTION "\4web\0\0\0\1\0\1");
	CHECK(asked_times == 0);
	CHECK_BYTES(ANSWER("\0\2\1\0" ONE_QUESTION "\3../\0\0\1\0\1"), "\0\2\x81\x83" ONE_QUESTION "\3../\0\0\1\0\1");
	CHECK(asked_times == 0);
	CHECK_BYTES(ANSWER("\0\2\1\0" ONE_QUESTION "\3w b\0\0\1\0\1"), "\0\2\x81\x83" ONE_QUESTION "\3w b\0\0\1\0\1");
	CHECK(asked_times == 0);
	CHECK_BYTES(ANSWER("\0\2\1\0" ONE_QUESTION "\3w\xffz\0\0\1\0\1"), "\0\2\x81\x83" ONE_QUESTION "\3w\xffz\0\0\1\0\1");
	CHECK(asked_times == 0);
}

static void test_refused(void)
{
	known = 1;
	/* No query, or too short to have an id and flags. */
	CHECK(ANSWER("\0\1\x81\x80" ONE_QUESTION WEB "\0\1\0\1") == 0);
	CHECK(ANSWER("\0\1\1\0\0\1\0\0\0\0\0") == 0);
	CHECK(answer("", 0) == 0);
	/* Opcodes 2 (STATUS) and 5 (UPDATE): NOTIMP. */
	CHECK_BYTES(ANSWER("\0\1\x11\0" ONE_QUESTION WEB "\0\1\0\1"), "\0\1\x91\x84\0\0\0\0\0\0\0\0");
	CHECK_BYTES(ANSWER("\0\1\x28\0" ONE_QUESTION WEB "\0\1\0\1"), "\0\1\xa8\x84\0\0\0\0\0\0\0\0");
	/* No question, two, 65535: FORMERR. */
	CHECK_BYTES(ANSWER("\0\1\1\0\0\0\0\0\0\0\0\0"), "\0\1\x81\x81\0\0\0\0\0\0\0\0");
	CHECK_BYTES(ANSWER("\0\1\1\0\0\2\0\0\0\0\0\0" WEB "\0\1\0\1" WEB "\0\1\0\1"), "\0\1\x81\x81\0\0\0\0\0\0\0\0");
	CHECK_BYTES(ANSWER("\0\1\1\0\xff\xff\0\0\0\0\0\0" WEB "\0\1\0\1"), "\0\1\x81\x81\0\0\0\0\0\0\0\0");
	/* Classes CHAOS and ANY: REFUSED. */
	CHECK_BYTES(ANSWER("\0\1\1\0" ONE_QUESTION WEB "\0\1\0\3"), "\0\1\x81\x85" ONE_QUESTION WEB "\0\1\0\3");
	CHECK_BYTES(ANSWER("\0\1\1\0" ONE_QUESTION WEB "\0\1\0\xff"), "\0\1\x81\x85" ONE_QUESTION WEB "\0\1\0\xff");
	CHECK(asked_times == 0);
}

static void test_broken_questions(void)
{
	static const char whole[] = "\0\1\1\0" ONE_QUESTION WEB "\0\1\0\1";

	/* Cut off anywhere. */
	for (size_t length = 12; length < sizeof(whole) - 1; length++) {
		CHECK(answer(whole, length) == 12);
		CHECK(memcmp(out, "\0\1\x81\x81\0\0\0\0\0\0\0\0", 12) == 0);
	}
	/* A pointer to itself, to the header, behind a label; the two reserved kinds of label. */
	CHECK_BYTES(ANSWER("\0\1\1\0" ONE_QUESTION "\xc0\x0c\0\1\0\1"), "\0\1\x81\x81\0\0\0\0\0\0\0\0");
	CHECK_BYTES(ANSWER("\0\1\1\0" ONE_QUESTION "\xc0\0\0\1\0\1"), "\0\1\x81\x81\0\0\0\0\0\0\0\0");
	CHECK_BYTES(ANSWER("\0\1\1\0" ONE_QUESTION "\3web\xc0\x0c\0\1\0\1"), "\0\1\x81\x81\0\0\0\0\0\0\0\0");
	CHECK_BYTES(ANSWER("\0\1\1\0" ONE_QUESTION "\x40web\0\0\1\0\1"), "\0\1\x81\x81\0\0\0\0\0\0\0\0");
	CHECK_BYTES(ANSWER("\0\1\1\0" ONE_QUESTION "\x80web\0\0\1\0\1"), "\0\1\x81\x81\0\0\0\0\0\0\0\0");
	CHECK(asked_times == 0);
}

/* A question for labels of these lengths, "aaa.aaa"; the length of the packet. */
static size_t long_query(uint8_t query[DNS_PACKET_MAX], const uint8_t *labels, size_t count)
{
	size_t length = 12;

	memcpy(query, "\0\1\1\0" ONE_QUESTION, 12);
	for (size_t i = 0; i < count; i++) {
		query[length++] = labels[i];
		memset(query + length, 'a', labels[i]);
		length += labels[i];
	}
	memcpy(query + length, "\0\0\1\0\1", 5);
	return length + 5;
}

static void test_longest_name(void)
{
	static const uint8_t most[] = {63, 63, 63, 61}, more[] = {63, 63, 63, 62}, far[] = {63, 63, 63, 63, 63};
	uint8_t query[DNS_PACKET_MAX];
	size_t length = long_query(query, most, array_size(most));

	CHECK(answer(query, length) == length);
	CHECK(out[3] == 0x83 && strlen(asked) == DNS_NAME_MAX - 1);
	CHECK(answer(query, long_query(query, more, array_size(more))) == 12 && out[3] == 0x81);
	CHECK(answer(query, long_query(query, far, array_size(far))) == 12 && out[3] == 0x81);
	/* 127 labels of one byte are the most there can be. */
	uint8_t ones[128];

	memset(ones, 1, sizeof(ones));
	CHECK(answer(query, long_query(query, ones, 127)) == 12 + 255 + 4 && strlen(asked) == 253);
	CHECK(answer(query, long_query(query, ones, 128)) == 12 && out[3] == 0x81);
}

static void test_rotation(void)
{
	size_t seen[3] = {0};

	known = 3;
	for (int i = 0; i < 6; i++) {
		CHECK(ANSWER("\0\1\1\0" ONE_QUESTION WEB "\0\1\0\1") == 21 + 3 * 16);
		CHECK(out[7] == 3);
		unsigned first = out[21 + 15];

		CHECK(first >= 1 && first <= 3);
		if (first >= 1 && first <= 3)
			seen[first - 1]++;
		for (unsigned j = 1; j < 3; j++)
			CHECK(out[21 + 16 * j + 15] == (first - 1 + j) % 3 + 1);
		/* Asking for another type in between, as resolvers do, does not turn. */
		ANSWER("\0\1\1\0" ONE_QUESTION WEB "\0\x1c\0\1");
	}
	CHECK(seen[0] == 2 && seen[1] == 2 && seen[2] == 2);
}

static void test_too_many(void)
{
	/* 21 bytes and 30 records of 16 are 501; also a lookup that says it knows more than was asked for. */
	for (known = 30; known < 5000; known = known * 3 / 2) {
		CHECK(ANSWER("\0\1\1\0" ONE_QUESTION WEB "\0\1\0\1") == 501);
		CHECK(memcmp(out, "\0\1\x81\x80\0\1\0\x1e\0\0\0\0", 12) == 0);
	}
}

/* lo is up only after the socket is bound, as in a container that is being made. */
static int serve_in_namespace(void)
{
	static const char query[] = "\x42\x42\1\0" ONE_QUESTION WEB "\0\1\0\1";
	struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {htonl(0x7f00000b)}};
	struct err e = {0};
	uint8_t got[DNS_PACKET_MAX];
	char before[64] = "", after[64] = "";

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		return 77;
	int container = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (unshare(CLONE_NEWNET) < 0 || readlink("/proc/self/ns/net", before, sizeof(before) - 1) < 0)
		return 2;
	int netlink, fd = dns_socket(container, &e);

	if (fd < 0) {
		printf("dns_socket: %s\n", e.msg);
		return 3;
	}
	if (readlink("/proc/self/ns/net", after, sizeof(after) - 1) < 0 || strcmp(before, after) != 0)
		return 4;
	if (dns_socket(container, &e) >= 0 || e.sys != EADDRINUSE || dns_socket(-1, &e) >= 0 || e.sys != EBADF)
		return 5;
	if (fcntl(fd, F_GETFD) != FD_CLOEXEC || !(fcntl(fd, F_GETFL) & O_NONBLOCK))
		return 6;
	dns_serve(fd, lookup, NULL); /* nothing there: comes back */
	if (setns(container, CLONE_NEWNET) < 0 || (netlink = netlink_open(&e)) < 0 ||
	    netlink_configure(netlink, true, NULL, 0, &e) < 0)
		return 7;
	int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (connect(client, (struct sockaddr *)&server, sizeof(server)) < 0)
		return 8;
	/* Rubbish, nothing at all, and more than fits in front of two questions. */
	static uint8_t rubbish[5000];

	send(client, "x", 1, 0);
	send(client, "", 0, 0);
	memset(rubbish, 0xff, sizeof(rubbish));
	send(client, rubbish, sizeof(rubbish), 0);
	known = 2;
	for (int i = 0; i < 2; i++)
		if (send(client, query, sizeof(query) - 1, 0) != sizeof(query) - 1)
			return 9;
	if (wait_fd(fd, POLLIN, now_ms() + 2000) < 0)
		return 10;
	dns_serve(fd, lookup, NULL);
	for (int i = 0; i < 2; i++)
		if (wait_fd(client, POLLIN, now_ms() + 2000) < 0 || recv(client, got, sizeof(got), 0) != 21 + 32 ||
		    memcmp(got, "\x42\x42\x81\x80\0\1\0\2", 8) != 0)
			return 11;
	return recv(client, got, sizeof(got), MSG_DONTWAIT) < 0 ? 0 : 12;
}

static void test_socket(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int result = serve_in_namespace();

		fflush(stdout);
		_exit(result);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("skipped: no new user namespaces here, so no DNS socket was tried\n");
	else if (WEXITSTATUS(status) != 0) {
		printf("stopped at %d\n", WEXITSTATUS(status));
		CHECK(WEXITSTATUS(status) == 0);
	}
}

int main(void)
{
	static const struct test tests[] = {
		TEST(test_address),      TEST(test_case),     TEST(test_other_types),
		TEST(test_unknown),      TEST(test_refused),  TEST(test_broken_questions),
		TEST(test_longest_name), TEST(test_rotation), TEST(test_too_many),
		TEST(test_socket),
	};

	return RUN(tests);
}
