/*
 * In table "nest":
 *   chain isolate { type filter hook forward priority filter
 *           iifgroup internal drop
 *           oifgroup internal drop
 *           iifgroup bridges oifgroup bridges ct status & dnat == 0 drop }
 * Published ports stay open to neighbours, as they are to everybody. Frames within one bridge do not come here.
 */
#include <errno.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include "nft_isolate.h"
#include "nft_rule.h"

#define CHAIN "isolate"

enum { HOOK_FORWARD = 2, PRIORITY_FILTER = 0 };

static void equals(struct rule *r, uint32_t value)
{
	rule_compare(r, NFT_CMP_EQ, &value, sizeof(value));
}

static void group(struct rule *r, uint32_t key, uint32_t value)
{
	rule_meta(r, NFT_KEY, key);
	equals(r, value);
}

int nft_isolate(struct err *e)
{
	static const uint32_t directions[] = {NFT_META_IIFGROUP, NFT_META_OIFGROUP};
	struct batch b;
	struct rule r;

	batch_begin(&b);
	chain_add(&b, CHAIN, "filter", HOOK_FORWARD, PRIORITY_FILTER);
	for (size_t i = 0; i < 2; i++) {
		r = rule_open(&b, CHAIN);
		group(&r, directions[i], GROUP_INTERNAL);
		rule_drop(&r);
		rule_close(&r);
	}
	r = rule_open(&b, CHAIN);
	group(&r, NFT_META_IIFGROUP, GROUP_BRIDGES);
	group(&r, NFT_META_OIFGROUP, GROUP_BRIDGES);
	rule_connection(&r);
	rule_mask(&r, IPS_DST_NAT);
	equals(&r, 0);
	rule_drop(&r);
	rule_close(&r);
	if (batch_commit(&b) < 0 && errno != EEXIST)
		return err_errno(e, 125, "keep networks apart");
	return 0;
}
