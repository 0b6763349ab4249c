/*
 * Nobody is above this server: what it does not know does not exist (NXDOMAIN). Answers live 0 seconds, so that nothing
 * that is gone is remembered. Nobody listens on TCP, so the flag for a cut answer is never set: what does not fit is left out,
 * and the rotation brings it to the front of a later answer.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include "dns.h"
#include "io.h"

#define HEADER 12
#define LABEL_MAX 63
#define WIRE_NAME_MAX 255
#define ANSWER 16 /* pointer, type, class, TTL, length, address */
/* As many as fit behind the shortest question. */
#define ADDRESSES_MAX ((DNS_PACKET_MAX - HEADER) / ANSWER)
/* Queries at once: the owner's event loop has other work. */
#define BURST 32

enum { FLAG_ANSWER = 0x80, FLAG_RECURSION_DESIRED = 0x01, FLAG_RECURSION_AVAILABLE = 0x80 };
enum { RCODE_OK = 0, RCODE_FORMAT = 1, RCODE_UNKNOWN = 3, RCODE_NOT_IMPLEMENTED = 4, RCODE_REFUSED = 5 };
enum { TYPE_A = 1, TYPE_ANY = 255, CLASS_IN = 1 };

static unsigned get16(const uint8_t *at)
{
	return (unsigned)at[0] << 8 | at[1];
}

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/*
 * Reads the name at `data` in lower case. Returns its length there, 0 when it is none (cut off, compressed, too long).
 * `name` is empty for the root and for names that no container can have (other than letters, digits, '-' and '_' between dots):
 * the lookup may use it as a file's name.
 */
static size_t read_name(const uint8_t *data, size_t length, char name[DNS_NAME_MAX])
{
	size_t at = 0, out = 0;
	bool plain = true;

	for (;;) {
		size_t label;

		if (at >= length || at >= WIRE_NAME_MAX)
			return 0;
		label = data[at++];
		if (!label)
			break;
		/* Within this bound and with the end, the text and its NUL fit: one byte less than on the wire. */
		if (label > LABEL_MAX || label > length - at || at + label >= WIRE_NAME_MAX)
			return 0;
		if (out)
			name[out++] = '.';
		for (; label; label--) {
			uint8_t c = data[at++];

			if (c >= 'A' && c <= 'Z')
				c += 'a' - 'A';
			plain = plain && ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_');
			name[out++] = (char)c;
		}
	}
	name[plain ? out : 0] = '\0';
	return at;
}

/* The bare header with `rcode` and without any question. */
static size_t refuse(uint8_t *out, unsigned rcode)
{
	out[3] = (uint8_t)(FLAG_RECURSION_AVAILABLE | rcode);
	return HEADER;
}

/* The addresses from `first` on, round, as many as fit. Returns the new length. */
static size_t put_addresses(uint8_t *out, size_t length, const uint32_t *addresses, size_t count, size_t first)
{
	size_t room = (DNS_PACKET_MAX - length) / ANSWER, fit = count < room ? count : room;

	for (size_t i = 0; i < fit; i++) {
		uint8_t *record = out + length;

		put16(record, 0xc000 | HEADER); /* the name of the question */
		put16(record + 2, TYPE_A);
		put16(record + 4, CLASS_IN);
		memset(record + 6, 0, 4); /* TTL */
		put16(record + 10, sizeof(*addresses));
		memcpy(record + 12, &addresses[(first + i) % count], sizeof(*addresses));
		length += ANSWER;
	}
	put16(out + 6, (unsigned)fit);
	return length;
}

size_t dns_answer(const uint8_t *query, size_t length, uint8_t out[DNS_PACKET_MAX], dns_lookup lookup, void *context)
{
	static size_t turn;
	uint32_t addresses[ADDRESSES_MAX];
	char name[DNS_NAME_MAX];
	size_t question, count;
	unsigned type;

	if (length < HEADER || query[2] & FLAG_ANSWER)
		return 0;
	memset(out, 0, HEADER);
	memcpy(out, query, 2);
	out[2] = (uint8_t)(FLAG_ANSWER | (query[2] & (0x78 | FLAG_RECURSION_DESIRED)));
	if (query[2] & 0x78)
		return refuse(out, RCODE_NOT_IMPLEMENTED);
	if (get16(query + 4) != 1)
		return refuse(out, RCODE_FORMAT);
	question = read_name(query + HEADER, length - HEADER, name);
	if (!question || length - HEADER - question < 4)
		return refuse(out, RCODE_FORMAT);
	/* With its case as it came: some resolvers compare it byte by byte. */
	memcpy(out + HEADER, query + HEADER, question + 4);
	put16(out + 4, 1);
	type = get16(query + HEADER + question);
	length = HEADER + question + 4;
	if (get16(query + length - 2) != CLASS_IN) {
		refuse(out, RCODE_REFUSED);
		return length;
	}
	count = *name ? lookup(context, name, addresses, ADDRESSES_MAX) : 0;
	refuse(out, count ? RCODE_OK : RCODE_UNKNOWN);
	if (!count || (type != TYPE_A && type != TYPE_ANY))
		return length;
	if (count > ADDRESSES_MAX)
		count = ADDRESSES_MAX;
	return put_addresses(out, length, addresses, count, turn++ % count);
}

/* 127.0.0.11 */
#define SERVER 0x7f00000b

static int bound_socket(struct err *e)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr = {htonl(SERVER)}};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int on = 1;

	/* FREEBIND: "lo" of a new container may not be up yet. */
	if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return err_errno(e, 125, "listen on 127.0.0.11:53 of the container");
	return take_fd(&fd);
}

/*
 * From 127.0.0.11, said once more: bound while "lo" was down, the kernel took that for a broadcast address and would send from
 * 127.0.0.1. What cannot be sent is asked for again.
 */
static void reply(int fd, const uint8_t *answer, size_t length, struct sockaddr_in *to)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
		struct cmsghdr align;
	} control = {0};
	struct iovec part = {(void *)answer, length};
	struct msghdr message = {.msg_name = to,
				 .msg_namelen = sizeof(*to),
				 .msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&message);

	c->cmsg_level = IPPROTO_IP;
	c->cmsg_type = IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
	*(struct in_pktinfo *)CMSG_DATA(c) = (struct in_pktinfo){.ipi_spec_dst = {htonl(SERVER)}};
	sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int dns_socket(int net_ns, struct err *e)
{
	_cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd = -1;

	if (own < 0)
		return err_errno(e, 125, "open /proc/self/ns/net");
	if (setns(net_ns, CLONE_NEWNET) < 0)
		return err_errno(e, 125, "enter the container's network");
	fd = bound_socket(e);
	if (setns(own, CLONE_NEWNET) < 0)
		return err_errno(e, 125, "come back from the container's network");
	return take_fd(&fd);
}

void dns_serve(int fd, dns_lookup lookup, void *context)
{
	uint8_t query[DNS_PACKET_MAX], answer[DNS_PACKET_MAX];
	struct sockaddr_in from;

	for (int i = 0; i < BURST; i++) {
		socklen_t size = sizeof(from);
		/* A longer packet comes cut off; its question is in front. */
		ssize_t n = recvfrom(fd, query, sizeof(query), MSG_DONTWAIT, (struct sockaddr *)&from, &size);

		if (n < 0 && (errno == EAGAIN || errno == EBADF || errno == ENOTSOCK))
			return;
		if (n < 0)
			continue;
		size_t length = dns_answer(query, (size_t)n, answer, lookup, context);

		if (length)
			reply(fd, answer, length, &from);
	}
}
