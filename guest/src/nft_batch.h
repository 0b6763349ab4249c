/* Transactions of nftables: messages with attributes, sent as one, done all or not at all. Numbers are big-endian there. */
#pragma once
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NFPROTO_IPV4; <linux/netfilter.h> does not go with musl's <netinet/in.h>. */
#define NFT_FAMILY_IPV4 2

/* What does not fit sets `full` and fails the commit; sizes are ours, not a caller's: the largest batch takes two thirds. */
struct batch {
	_Alignas(struct nlmsghdr) uint8_t data[4096];
	size_t length;
	struct nlmsghdr *last;
	uint32_t sequence;
	bool full;
	uint8_t family; /* of the tables meant, NFT_FAMILY_IPV4 unless changed after batch_begin */
};

void batch_begin(struct batch *b);
/* Instead of batch_begin, for one question, a NFT_MSG_GET*, sent with batch_ask. */
void batch_clear(struct batch *b);
/* The next message, of NFT_MSG_*; the attributes put next are its. */
void batch_command(struct batch *b, unsigned type, uint16_t flags);
void batch_text(struct batch *b, uint16_t type, const char *text);
void batch_u32(struct batch *b, uint16_t type, uint32_t value);
/* A nest with one NFTA_DATA_VALUE. */
void batch_data(struct batch *b, uint16_t type, const void *data, size_t size);
/* Attributes until batch_close, which wants the result, are inside. */
size_t batch_open(struct batch *b, uint16_t type);
void batch_close(struct batch *b, size_t at);
/*
 * Sends it all in the network namespace we are in: 0, or -1 with errno of the first message that failed (ETIMEDOUT: no answer in
 * two seconds); nothing has been done then.
 */
int batch_commit(struct batch *b);
/* 0: what was asked for is there; -1 with errno, ENOENT when it is not. */
int batch_ask(struct batch *b);
