/*
 * Table "nest" as nft(8) would show it:
 *
 *   map one { type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service }   published at one address
 *   map any { type inet_proto . inet_service : ipv4_addr . inet_service }               published at every address
 *   chain guard { type filter hook prerouting priority raw
 *           iif != lo ip daddr 127.0.0.0/8 drop }
 *   chain prerouting { type nat hook prerouting priority dstnat           (and "output", the same at hook output)
 *           fib daddr type local dnat to ip daddr . meta l4proto . th dport map @one
 *           fib daddr type local dnat to meta l4proto . th dport map @any }
 *   chain loopback { type nat hook postrouting priority srcnat
 *           oif != lo ip saddr 127.0.0.0/8 masquerade }
 *   chain <bridge>_<subnet> { type nat hook postrouting priority srcnat   (one per masqueraded bridge)
 *           ip saddr <subnet> oifname != <bridge> masquerade
 *           ip saddr <subnet> ct status dnat masquerade }
 *
 * "guard": route_localnet, which 127.0.0.1:port needs, would let containers send to the level's own loopback
 * (CVE-2020-8558). Answers to a masqueraded connection do not carry a loopback address that early.
 * The second rule of a bridge: a container that reaches itself or a neighbour through a published port must get its
 * answer by the way it asked, not directly.
 * A base chain per bridge, because its name makes adding twice an EEXIST and removing one message: no rules to dump.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "nft.h"
#include "nft_rule.h"

#define MAP_ONE "one"
#define MAP_ANY "any"
#define LOOPBACK 0x7f000000u
/* The first interface of every network namespace. */
#define LO_INDEX 1

/* <linux/netfilter.h> does not go with musl's <netinet/in.h>. */
enum { HOOK_PREROUTING = 0, HOOK_OUTPUT = 3, HOOK_POSTROUTING = 4 };
enum { PRIORITY_RAW = -300, PRIORITY_DSTNAT = -100, PRIORITY_SRCNAT = 100 };
/* nft(8)'s numbers of types, six bits each in a concatenation; the kernel only keeps them. */
enum { TYPE_ADDR = 7, TYPE_PROTO = 12, TYPE_SERVICE = 13, TYPE_BITS = 6 };
/* Registers of 4 bytes: a key of up to three, then the result of a map. */
enum { RESULT = NFT_REG32_04 };

enum { SOURCE = 12, DESTINATION = 16 }; /* offsets in the IPv4 header */

static void match_subnet(struct rule *r, uint32_t offset, uint32_t subnet, uint32_t mask)
{
	rule_payload(r, NFT_KEY, NFT_PAYLOAD_NETWORK_HEADER, offset, sizeof(subnet));
	rule_mask(r, mask);
	rule_compare(r, NFT_CMP_EQ, &subnet, sizeof(subnet));
}

/* `meta` is NFT_META_IIF or NFT_META_OIF. */
static void match_not_lo(struct rule *r, uint32_t meta)
{
	static const uint32_t lo = LO_INDEX;

	rule_meta(r, NFT_KEY, meta);
	rule_compare(r, NFT_CMP_NEQ, &lo, sizeof(lo));
}

static void masquerade(struct rule *r)
{
	rule_expression(r, "masq");
	rule_end(r);
}

static void add_map(struct batch *b, const char *name, uint32_t id, uint32_t key_type, uint32_t key_size)
{
	batch_command(b, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	batch_text(b, NFTA_SET_TABLE, NFT_TABLE);
	batch_text(b, NFTA_SET_NAME, name);
	batch_u32(b, NFTA_SET_FLAGS, NFT_SET_MAP);
	batch_u32(b, NFTA_SET_KEY_TYPE, key_type);
	batch_u32(b, NFTA_SET_KEY_LEN, key_size);
	batch_u32(b, NFTA_SET_DATA_TYPE, TYPE_ADDR << TYPE_BITS | TYPE_SERVICE);
	batch_u32(b, NFTA_SET_DATA_LEN, 2 * sizeof(uint32_t));
	batch_u32(b, NFTA_SET_ID, id);
}

static void add_dnat(struct batch *b, const char *chain, const char *map, bool with_address)
{
	static const uint32_t local = RTN_LOCAL;
	struct rule r = rule_open(b, chain);
	uint32_t key = NFT_KEY;

	rule_expression(&r, "fib");
	batch_u32(b, NFTA_FIB_DREG, NFT_KEY);
	batch_u32(b, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	batch_u32(b, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	rule_end(&r);
	rule_compare(&r, NFT_CMP_EQ, &local, sizeof(local));
	if (with_address)
		rule_payload(&r, key++, NFT_PAYLOAD_NETWORK_HEADER, DESTINATION, sizeof(uint32_t));
	rule_meta(&r, key++, NFT_META_L4PROTO);
	/* The destination port, where TCP and UDP have it; no other protocol is in the map. */
	rule_payload(&r, key, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t));
	rule_expression(&r, "lookup");
	batch_text(b, NFTA_LOOKUP_SET, map);
	batch_u32(b, NFTA_LOOKUP_SREG, NFT_KEY);
	batch_u32(b, NFTA_LOOKUP_DREG, RESULT);
	rule_end(&r);
	rule_expression(&r, "nat");
	batch_u32(b, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	batch_u32(b, NFTA_NAT_FAMILY, NFT_FAMILY_IPV4);
	batch_u32(b, NFTA_NAT_REG_ADDR_MIN, RESULT);
	batch_u32(b, NFTA_NAT_REG_PROTO_MIN, RESULT + 1);
	rule_end(&r);
	rule_close(&r);
}

int nft_prepare(struct err *e)
{
	static const struct {
		const char *name;
		uint32_t hook;
	} dnat[] = {{"prerouting", HOOK_PREROUTING}, {"output", HOOK_OUTPUT}};
	struct batch b;
	struct rule r;

	/* The usual case, and much cheaper than a batch that fails at each of its messages. */
	batch_clear(&b);
	batch_command(&b, NFT_MSG_GETTABLE, 0);
	batch_text(&b, NFTA_TABLE_NAME, NFT_TABLE);
	if (batch_ask(&b) == 0)
		return 0;
	batch_begin(&b);
	batch_command(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL);
	batch_text(&b, NFTA_TABLE_NAME, NFT_TABLE);
	add_map(&b, MAP_ONE, 1, (TYPE_ADDR << TYPE_BITS | TYPE_PROTO) << TYPE_BITS | TYPE_SERVICE, 3 * sizeof(uint32_t));
	add_map(&b, MAP_ANY, 2, TYPE_PROTO << TYPE_BITS | TYPE_SERVICE, 2 * sizeof(uint32_t));
	for (size_t i = 0; i < array_size(dnat); i++) {
		chain_add(&b, dnat[i].name, "nat", dnat[i].hook, PRIORITY_DSTNAT);
		add_dnat(&b, dnat[i].name, MAP_ONE, true);
		add_dnat(&b, dnat[i].name, MAP_ANY, false);
	}
	chain_add(&b, "guard", "filter", HOOK_PREROUTING, PRIORITY_RAW);
	r = rule_open(&b, "guard");
	match_not_lo(&r, NFT_META_IIF);
	match_subnet(&r, DESTINATION, htonl(LOOPBACK), htonl(0xff000000));
	rule_drop(&r);
	rule_close(&r);
	chain_add(&b, "loopback", "nat", HOOK_POSTROUTING, PRIORITY_SRCNAT);
	r = rule_open(&b, "loopback");
	match_not_lo(&r, NFT_META_OIF);
	match_subnet(&r, SOURCE, htonl(LOOPBACK), htonl(0xff000000));
	masquerade(&r);
	rule_close(&r);
	if (batch_commit(&b) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make the nftables table \"%s\"", NFT_TABLE);
	return 0;
}

/* A bridge's chain by name: also nft(8) takes it without quotes. */
#define CHAIN_SIZE (IFNAMSIZ + sizeof("_255.255.255.255/32"))

/* Checks the subnet, clears its host bits, names the chain. */
static int bridge_chain(uint32_t *subnet, unsigned prefix, const char *bridge, uint32_t *mask, char name[CHAIN_SIZE],
			struct err *e)
{
	char text[INET_ADDRSTRLEN];

	if (!*bridge || strlen(bridge) >= IFNAMSIZ)
		return err_set(e, 125, "masquerade: \"%.64s\" is no name of an interface: 1 to %d characters", bridge,
			       IFNAMSIZ - 1);
	if (prefix < 1 || prefix > 32)
		return err_set(e, 125, "masquerade %s: a prefix of %u bits: 1 to 32 are possible", bridge, prefix);
	*mask = htonl(UINT32_MAX << (32 - prefix));
	*subnet &= *mask;
	snprintf(name, CHAIN_SIZE, "%s_%s/%u", bridge, inet_ntop(AF_INET, subnet, text, sizeof(text)), prefix);
	return 0;
}

int nft_masquerade(uint32_t subnet, unsigned prefix, const char *bridge, struct err *e)
{
	static const uint32_t none, translated = IPS_DST_NAT;
	char chain[CHAIN_SIZE], interface[IFNAMSIZ] = "";
	uint32_t mask;
	struct batch b;
	struct rule r;

	if (bridge_chain(&subnet, prefix, bridge, &mask, chain, e) < 0)
		return -1;
	memcpy(interface, bridge, strlen(bridge));
	batch_begin(&b);
	chain_add(&b, chain, "nat", HOOK_POSTROUTING, PRIORITY_SRCNAT);
	r = rule_open(&b, chain);
	match_subnet(&r, SOURCE, subnet, mask);
	rule_meta(&r, NFT_KEY, NFT_META_OIFNAME);
	rule_compare(&r, NFT_CMP_NEQ, interface, sizeof(interface));
	masquerade(&r);
	rule_close(&r);
	r = rule_open(&b, chain);
	match_subnet(&r, SOURCE, subnet, mask);
	rule_connection(&r);
	rule_mask(&r, translated);
	rule_compare(&r, NFT_CMP_NEQ, &none, sizeof(none));
	masquerade(&r);
	rule_close(&r);
	if (batch_commit(&b) < 0 && errno != EEXIST)
		return err_errno(e, 125, "masquerade %s", chain);
	return 0;
}

int nft_unmasquerade(uint32_t subnet, unsigned prefix, const char *bridge, struct err *e)
{
	char chain[CHAIN_SIZE];
	uint32_t mask;
	struct batch b;

	if (bridge_chain(&subnet, prefix, bridge, &mask, chain, e) < 0)
		return -1;
	batch_begin(&b);
	batch_command(&b, NFT_MSG_DELCHAIN, 0);
	batch_text(&b, NFTA_CHAIN_TABLE, NFT_TABLE);
	batch_text(&b, NFTA_CHAIN_NAME, chain);
	if (batch_commit(&b) < 0 && errno != ENOENT)
		return err_errno(e, 125, "stop masquerading %s", chain);
	return 0;
}

/* One message for one element; errno of the kernel. */
static int element(const struct publish *p, unsigned type, uint16_t flags)
{
	/* Fields of a key are padded to 4 bytes at their end. */
	const struct {
		uint32_t address;
		uint8_t protocol, pad[3];
		uint16_t port, pad2;
	} key = {.address = p->host_ip, .protocol = p->protocol, .port = htons(p->host_port)};
	const struct {
		uint32_t address;
		uint16_t port, pad;
	} data = {.address = p->to_ip, .port = htons(p->to_port)};
	size_t skip = p->host_ip ? 0 : sizeof(key.address), list, item;
	struct batch b;

	batch_begin(&b);
	batch_command(&b, type, flags);
	batch_text(&b, NFTA_SET_ELEM_LIST_TABLE, NFT_TABLE);
	batch_text(&b, NFTA_SET_ELEM_LIST_SET, p->host_ip ? MAP_ONE : MAP_ANY);
	list = batch_open(&b, NFTA_SET_ELEM_LIST_ELEMENTS);
	item = batch_open(&b, NFTA_LIST_ELEM);
	batch_data(&b, NFTA_SET_ELEM_KEY, (const uint8_t *)&key + skip, sizeof(key) - skip);
	if (type == NFT_MSG_NEWSETELEM)
		batch_data(&b, NFTA_SET_ELEM_DATA, &data, sizeof(data));
	batch_close(&b, item);
	batch_close(&b, list);
	return batch_commit(&b);
}

static int fail(const struct publish *p, const char *what, struct err *e)
{
	int sys = errno;
	char text[INET_ADDRSTRLEN];
	const char *protocol = p->protocol == IPPROTO_TCP ? "tcp" : p->protocol == IPPROTO_UDP ? "udp" : "?";

	inet_ntop(AF_INET, &p->host_ip, text, sizeof(text));
	errno = sys;
	return err_errno(e, 125, "%s port %s:%u/%s", what, text, p->host_port, protocol);
}

int nft_publish(const struct publish *p, struct err *e)
{
	bool known = p->protocol == IPPROTO_TCP || p->protocol == IPPROTO_UDP;

	errno = EINVAL;
	if (!known || !p->host_port || !p->to_port || !p->to_ip)
		return fail(p, "publish", e);
	if (element(p, NFT_MSG_NEWSETELEM, NLM_F_CREATE | NLM_F_EXCL) == 0)
		return 0;
	/* The same key with another target. */
	if (errno == EBUSY)
		errno = EEXIST;
	return fail(p, "publish", e);
}

int nft_unpublish(const struct publish *p, struct err *e)
{
	if (element(p, NFT_MSG_DELSETELEM, 0) == 0 || errno == ENOENT)
		return 0;
	return fail(p, "unpublish", e);
}
