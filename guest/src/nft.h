/* The level's packet filter over raw nfnetlink: one table "nest" with NAT for bridges and published ports. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "err.h"

/* A published port. Addresses in network byte order; host_ip 0: every address of the level. */
struct publish {
	uint32_t host_ip, to_ip;
	uint16_t host_port, to_port; /* host byte order */
	uint8_t protocol;            /* IPPROTO_TCP, IPPROTO_UDP */
};

/*
 * Makes table, chains and maps in the network namespace we are in; what is there already is left alone (a batch is all or
 * nothing, EEXIST of the table counts as success).
 */
int nft_prepare(struct err *e);
/* Traffic from `subnet`/`prefix` (network byte order) that leaves by another interface than `bridge` gets our address. */
int nft_masquerade(uint32_t subnet, unsigned prefix, const char *bridge, struct err *e);
/* Takes that rule away again; none there is fine. */
int nft_unmasquerade(uint32_t subnet, unsigned prefix, const char *bridge, struct err *e);
/* Adds, removes one element. Adding what is there fails with e->sys EEXIST; removing what is not there is fine. */
int nft_publish(const struct publish *p, struct err *e);
int nft_unpublish(const struct publish *p, struct err *e);
