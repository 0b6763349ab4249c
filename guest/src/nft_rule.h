/* Chains and rules in the tables "nest", as messages of a batch (nft_batch.h). */
#pragma once
#include <linux/netfilter/nf_tables.h>
#include "nft_batch.h"

#define NFT_TABLE "nest"

/* Registers of 4 bytes: what rules load first and compare. */
enum { NFT_KEY = NFT_REG32_00 };

/* A base chain of ours; fails the batch with EEXIST when it is there. `hook` of NF_INET_* or NF_BR_*, the same numbers. */
void chain_add(struct batch *b, const char *name, const char *type, uint32_t hook, int priority);

/* A rule is rule_open, expressions, rule_close; an expression rule_expression, its attributes into `batch`, rule_end. */
struct rule {
	struct batch *batch;
	size_t list, item, data;
};

struct rule rule_open(struct batch *b, const char *chain);
void rule_close(const struct rule *r);
void rule_expression(struct rule *r, const char *name);
void rule_end(const struct rule *r);

/* Register `to` becomes what `key` (NFT_META_*) says. */
void rule_meta(struct rule *r, uint32_t to, uint32_t key);
/* Register `to` becomes bytes of the packet; `base` is NFT_PAYLOAD_*. */
void rule_payload(struct rule *r, uint32_t to, uint32_t base, uint32_t offset, uint32_t size);
/* The rule goes on when NFT_KEY compares so (NFT_CMP_*) with `data`. */
void rule_compare(struct rule *r, uint32_t op, const void *data, size_t size);
/* NFT_KEY &= mask. */
void rule_mask(struct rule *r, uint32_t mask);
/* NFT_KEY is the connection's state bits (IPS_*). */
void rule_connection(struct rule *r);
/* Goes on when what is in `from` is in the set, or with NFT_LOOKUP_F_INV is not. */
void rule_in_set(struct rule *r, const char *set, uint32_t from, uint32_t flags);
void rule_drop(struct rule *r);
