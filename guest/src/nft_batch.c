#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "io.h"
#include "nft_batch.h"

#define WAIT_MS 2000

static void *take(struct batch *b, size_t size)
{
	size_t aligned = NLMSG_ALIGN(size);
	uint8_t *room = b->data + b->length;

	/* The start again: what is written there is never sent. */
	if (b->full || aligned > sizeof(b->data) - b->length) {
		b->full = true;
		return size <= sizeof(b->data) ? b->data : NULL;
	}
	memset(room, 0, aligned);
	b->length += aligned;
	if (b->last)
		b->last->nlmsg_len += aligned;
	return room;
}

static void message(struct batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	b->last = NULL;
	struct nlmsghdr *header = take(b, sizeof(*header));

	*header = (struct nlmsghdr){sizeof(*header), type, NLM_F_REQUEST | flags, ++b->sequence, 0};
	b->last = header;
	*(struct nfgenmsg *)take(b, sizeof(struct nfgenmsg)) = (struct nfgenmsg){family, NFNETLINK_V0, htons(resource)};
}

void batch_command(struct batch *b, unsigned type, uint16_t flags)
{
	message(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, b->family, 0);
}

static void put(struct batch *b, uint16_t type, const void *data, size_t size)
{
	struct nlattr *a = take(b, NLA_HDRLEN + size);

	if (!a)
		return;
	*a = (struct nlattr){(uint16_t)(NLA_HDRLEN + size), type};
	if (size)
		memcpy((uint8_t *)a + NLA_HDRLEN, data, size);
}

void batch_text(struct batch *b, uint16_t type, const char *text)
{
	put(b, type, text, strlen(text) + 1);
}

void batch_u32(struct batch *b, uint16_t type, uint32_t value)
{
	uint32_t big = htonl(value);

	put(b, type, &big, sizeof(big));
}

/* Offsets, not pointers: both ends of a nest stay right when the batch is full. */
size_t batch_open(struct batch *b, uint16_t type)
{
	size_t at = b->length;

	put(b, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void batch_close(struct batch *b, size_t at)
{
	if (!b->full)
		((struct nlattr *)(b->data + at))->nla_len = (uint16_t)(b->length - at);
}

void batch_data(struct batch *b, uint16_t type, const void *data, size_t size)
{
	size_t nest = batch_open(b, type);

	put(b, NFTA_DATA_VALUE, data, size);
	batch_close(b, nest);
}

void batch_clear(struct batch *b)
{
	b->length = 0;
	b->last = NULL;
	b->sequence = 0;
	b->full = false;
	b->family = NFT_FAMILY_IPV4;
}

void batch_begin(struct batch *b)
{
	batch_clear(b);
	message(b, NFNL_MSG_BATCH_BEGIN, 0, 0, NFNL_SUBSYS_NFTABLES);
}

/*
 * The kernel answers within sendto: errors in the order of the messages, then what the last one asked to have acknowledged. So
 * the first answer tells all. That of a question is what was asked for, or an error.
 */
static int exchange(const struct batch *b)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK}, from;
	union {
		struct nlmsghdr header;
		uint8_t bytes[sizeof(struct nlmsghdr) + sizeof(struct nlmsgerr) + 128];
	} answer;
	_cleanup_fd_ int fd = -1;
	int64_t deadline = -1;

	if (b->full) {
		errno = EMSGSIZE;
		return -1;
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0)
		return -1;
	while (sendto(fd, b->data, b->length, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		if (errno != EINTR)
			return -1;
	for (;;) {
		socklen_t size = sizeof(from);
		ssize_t n = recvfrom(fd, &answer, sizeof(answer), MSG_DONTWAIT, (struct sockaddr *)&from, &size);

		if (n < 0 && errno == EAGAIN) {
			if (deadline < 0)
				deadline = now_ms() + WAIT_MS;
			if (wait_fd(fd, POLLIN, deadline) < 0)
				return -1;
			continue;
		}
		if (n < 0 && errno != EINTR)
			return -1;
		/* A longer answer, which repeats our message, comes cut off; what counts is in front. */
		if (n < (ssize_t)NLMSG_LENGTH(sizeof(int)) || from.nl_pid != 0)
			continue;
		if (answer.header.nlmsg_type != NLMSG_ERROR)
			return 0;
		errno = -((struct nlmsgerr *)NLMSG_DATA(&answer.header))->error;
		return errno ? -1 : 0;
	}
}

int batch_ask(struct batch *b)
{
	return exchange(b);
}

int batch_commit(struct batch *b)
{
	b->last->nlmsg_flags |= NLM_F_ACK;
	message(b, NFNL_MSG_BATCH_END, 0, 0, NFNL_SUBSYS_NFTABLES);
	return exchange(b);
}
