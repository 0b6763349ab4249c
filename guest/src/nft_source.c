/*
 * table bridge nest
 *   set taken { type ipv4_addr }                  addresses of endpoints and gateways
 *   set own { type devgroup . ipv4_addr }         an endpoint's port is in the group that has its address as number
 *   chain source { type filter hook prerouting priority -300
 *           ether saddr 02:42:<A> A in @taken, iifgroup . A not in @own drop
 *           meta protocol ip, A = ip saddr in @taken, iifgroup . A not in @own drop
 *           meta protocol arp, A = arp saddr ip in @taken, iifgroup . A not in @own drop }
 *
 * What is nobody's may be used by anyone, as docker has it: so that a container with NET_ADMIN can have a second address.
 */
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>
#include <arpa/inet.h>
#include "io.h"
#include "nft_batch.h"
#include "nft_source.h"

#define TABLE "nest"
#define CHAIN "source"
#define TAKEN "taken"
#define OWN "own"

enum { FAMILY_BRIDGE = 7, HOOK_PREROUTING = 0, PRIORITY = -300, VERDICT_DROP = 0, TYPE_ADDR = 7 };
enum { GROUP = NFT_REG32_00, ADDRESS = NFT_REG32_01 };

struct expression {
	size_t item, data;
};

static struct expression begin(struct batch *b, const char *name)
{
	struct expression x = {.item = batch_open(b, NFTA_LIST_ELEM)};

	batch_text(b, NFTA_EXPR_NAME, name);
	x.data = batch_open(b, NFTA_EXPR_DATA);
	return x;
}

static void end(struct batch *b, struct expression x)
{
	batch_close(b, x.data);
	batch_close(b, x.item);
}

static void meta(struct batch *b, uint32_t key)
{
	struct expression x = begin(b, "meta");

	batch_u32(b, NFTA_META_DREG, GROUP);
	batch_u32(b, NFTA_META_KEY, key);
	end(b, x);
}

static void payload(struct batch *b, uint32_t to, uint32_t base, uint32_t offset, uint32_t size)
{
	struct expression x = begin(b, "payload");

	batch_u32(b, NFTA_PAYLOAD_DREG, to);
	batch_u32(b, NFTA_PAYLOAD_BASE, base);
	batch_u32(b, NFTA_PAYLOAD_OFFSET, offset);
	batch_u32(b, NFTA_PAYLOAD_LEN, size);
	end(b, x);
}

static void equals(struct batch *b, uint16_t value)
{
	const uint16_t big = htons(value);
	struct expression x = begin(b, "cmp");

	batch_u32(b, NFTA_CMP_SREG, GROUP);
	batch_u32(b, NFTA_CMP_OP, NFT_CMP_EQ);
	batch_data(b, NFTA_CMP_DATA, &big, sizeof(big));
	end(b, x);
}

static void lookup(struct batch *b, const char *set, uint32_t from, uint32_t flags)
{
	struct expression x = begin(b, "lookup");

	batch_text(b, NFTA_LOOKUP_SET, set);
	batch_u32(b, NFTA_LOOKUP_SREG, from);
	batch_u32(b, NFTA_LOOKUP_FLAGS, flags);
	end(b, x);
}

/* The rule for frames that are `protocol` (0: all); where their address is. */
static void rule(struct batch *b, uint16_t protocol, uint32_t base, uint32_t offset)
{
	batch_command(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	batch_text(b, NFTA_RULE_TABLE, TABLE);
	batch_text(b, NFTA_RULE_CHAIN, CHAIN);
	size_t list = batch_open(b, NFTA_RULE_EXPRESSIONS);

	if (protocol)
		meta(b, NFT_META_PROTOCOL);
	else
		payload(b, GROUP, base, offset - 2, 2);
	equals(b, protocol ? protocol : 0x0242);
	payload(b, ADDRESS, base, offset, 4);
	lookup(b, TAKEN, ADDRESS, 0);
	meta(b, NFT_META_IIFGROUP);
	lookup(b, OWN, GROUP, NFT_LOOKUP_F_INV);
	struct expression x = begin(b, "immediate");

	batch_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = batch_open(b, NFTA_IMMEDIATE_DATA), verdict = batch_open(b, NFTA_DATA_VERDICT);

	batch_u32(b, NFTA_VERDICT_CODE, VERDICT_DROP);
	batch_close(b, verdict);
	batch_close(b, data);
	end(b, x);
	batch_close(b, list);
}

static void set(struct batch *b, const char *name, uint32_t id, uint32_t size)
{
	batch_command(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	batch_text(b, NFTA_SET_TABLE, TABLE);
	batch_text(b, NFTA_SET_NAME, name);
	batch_u32(b, NFTA_SET_FLAGS, 0);
	batch_u32(b, NFTA_SET_KEY_TYPE, TYPE_ADDR);
	batch_u32(b, NFTA_SET_KEY_LEN, size);
	batch_u32(b, NFTA_SET_ID, id);
}

static int prepare(void)
{
	struct batch b;

	batch_begin(&b);
	b.family = FAMILY_BRIDGE;
	batch_command(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	batch_text(&b, NFTA_TABLE_NAME, TABLE);
	set(&b, TAKEN, 1, 4);
	set(&b, OWN, 2, 8);
	batch_command(&b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	batch_text(&b, NFTA_CHAIN_TABLE, TABLE);
	batch_text(&b, NFTA_CHAIN_NAME, CHAIN);
	size_t hook = batch_open(&b, NFTA_CHAIN_HOOK);

	batch_u32(&b, NFTA_HOOK_HOOKNUM, HOOK_PREROUTING);
	batch_u32(&b, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
	batch_close(&b, hook);
	batch_text(&b, NFTA_CHAIN_TYPE, "filter");
	rule(&b, 0, NFT_PAYLOAD_LL_HEADER, 8);
	rule(&b, ETH_P_IP, NFT_PAYLOAD_NETWORK_HEADER, 12);
	rule(&b, ETH_P_ARP, NFT_PAYLOAD_NETWORK_HEADER, 14);
	/* Another was faster. */
	return batch_commit(&b) < 0 && errno != EEXIST ? -1 : 0;
}

static void elements(struct batch *b, unsigned type, const char *name, const uint32_t *keys, size_t count, size_t size)
{
	batch_command(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	batch_text(b, NFTA_SET_ELEM_LIST_TABLE, TABLE);
	batch_text(b, NFTA_SET_ELEM_LIST_SET, name);
	size_t list = batch_open(b, NFTA_SET_ELEM_LIST_ELEMENTS);

	for (size_t i = 0; i < count; i++) {
		size_t item = batch_open(b, NFTA_LIST_ELEM);

		batch_data(b, NFTA_SET_ELEM_KEY, keys + i * size, size * sizeof(*keys));
		batch_close(b, item);
	}
	batch_close(b, list);
}

/* `gateway` 0: without. */
static int change(unsigned type, uint32_t address, uint32_t gateway)
{
	/* A gateway has no port, so its own group is nobody's. */
	const uint32_t own[] = {address, address, gateway, gateway}, taken[] = {address, gateway};
	size_t count = gateway ? 2 : 1;
	struct batch b;

	batch_begin(&b);
	b.family = FAMILY_BRIDGE;
	elements(&b, type, OWN, own, count, 2);
	elements(&b, type, TAKEN, taken, count, 1);
	return batch_commit(&b);
}

int nft_own(uint32_t address, uint32_t gateway, struct err *e)
{
	/* Before the first, or taken away by somebody. */
	if (change(NFT_MSG_NEWSETELEM, address, gateway) < 0 &&
	    (errno != ENOENT || prepare() < 0 || change(NFT_MSG_NEWSETELEM, address, gateway) < 0))
		return err_errno(e, 125, "keep an address to its container");
	return 0;
}

void nft_disown(uint32_t address)
{
	(void)change(NFT_MSG_DELSETELEM, address, 0);
}
