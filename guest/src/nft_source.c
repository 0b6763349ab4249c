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
#include <arpa/inet.h>
#include "io.h"
#include "nft_rule.h"
#include "nft_source.h"

#define CHAIN "source"
#define TAKEN "taken"
#define OWN "own"

enum { FAMILY_BRIDGE = 7, HOOK_PREROUTING = 0, PRIORITY = -300, TYPE_ADDR = 7 };
enum { GROUP = NFT_KEY, ADDRESS };

/* The rule for frames that are `protocol` (0: all); where their address is. */
static void source_rule(struct batch *b, uint16_t protocol, uint32_t base, uint32_t offset)
{
	const uint16_t first = htons(protocol ? protocol : 0x0242);
	struct rule r = rule_open(b, CHAIN);

	if (protocol)
		rule_meta(&r, GROUP, NFT_META_PROTOCOL);
	else
		rule_payload(&r, GROUP, base, offset - 2, 2);
	rule_compare(&r, NFT_CMP_EQ, &first, sizeof(first));
	rule_payload(&r, ADDRESS, base, offset, 4);
	rule_in_set(&r, TAKEN, ADDRESS, 0);
	rule_meta(&r, GROUP, NFT_META_IIFGROUP);
	rule_in_set(&r, OWN, GROUP, NFT_LOOKUP_F_INV);
	rule_drop(&r);
	rule_close(&r);
}

static void set(struct batch *b, const char *name, uint32_t id, uint32_t size)
{
	batch_command(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	batch_text(b, NFTA_SET_TABLE, NFT_TABLE);
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
	batch_text(&b, NFTA_TABLE_NAME, NFT_TABLE);
	set(&b, TAKEN, 1, 4);
	set(&b, OWN, 2, 8);
	chain_add(&b, CHAIN, "filter", HOOK_PREROUTING, PRIORITY);
	source_rule(&b, 0, NFT_PAYLOAD_LL_HEADER, 8);
	source_rule(&b, ETH_P_IP, NFT_PAYLOAD_NETWORK_HEADER, 12);
	source_rule(&b, ETH_P_ARP, NFT_PAYLOAD_NETWORK_HEADER, 14);
	/* Another was faster. */
	return batch_commit(&b) < 0 && errno != EEXIST ? -1 : 0;
}

static void elements(struct batch *b, unsigned type, const char *name, const uint32_t *keys, size_t count, size_t size)
{
	batch_command(b, type, type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0);
	batch_text(b, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
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
