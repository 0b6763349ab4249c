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
#include <linux/netfilter/nf_tables.h>
#include "nft_batch.h"
#include "nft_isolate.h"

#define TABLE "nest"
#define CHAIN "isolate"

enum { HOOK_FORWARD = 2, PRIORITY_FILTER = 0, VERDICT_DROP = 0 };

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

static void equals(struct batch *b, uint32_t value)
{
	struct expression x = begin(b, "cmp");

	batch_u32(b, NFTA_CMP_SREG, NFT_REG32_00);
	batch_u32(b, NFTA_CMP_OP, NFT_CMP_EQ);
	batch_data(b, NFTA_CMP_DATA, &value, sizeof(value));
	end(b, x);
}

static void group(struct batch *b, uint32_t key, uint32_t value)
{
	struct expression x = begin(b, "meta");

	batch_u32(b, NFTA_META_DREG, NFT_REG32_00);
	batch_u32(b, NFTA_META_KEY, key);
	end(b, x);
	equals(b, value);
}

static void not_translated(struct batch *b)
{
	static const uint32_t mask = IPS_DST_NAT, none;
	struct expression x = begin(b, "ct");

	batch_u32(b, NFTA_CT_DREG, NFT_REG32_00);
	batch_u32(b, NFTA_CT_KEY, NFT_CT_STATUS);
	end(b, x);
	x = begin(b, "bitwise");
	batch_u32(b, NFTA_BITWISE_SREG, NFT_REG32_00);
	batch_u32(b, NFTA_BITWISE_DREG, NFT_REG32_00);
	batch_u32(b, NFTA_BITWISE_LEN, sizeof(mask));
	batch_data(b, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	batch_data(b, NFTA_BITWISE_XOR, &none, sizeof(none));
	end(b, x);
	equals(b, 0);
}

static void drop(struct batch *b)
{
	struct expression x = begin(b, "immediate");

	batch_u32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = batch_open(b, NFTA_IMMEDIATE_DATA), verdict = batch_open(b, NFTA_DATA_VERDICT);

	batch_u32(b, NFTA_VERDICT_CODE, VERDICT_DROP);
	batch_close(b, verdict);
	batch_close(b, data);
	end(b, x);
}

static size_t rule(struct batch *b)
{
	batch_command(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	batch_text(b, NFTA_RULE_TABLE, TABLE);
	batch_text(b, NFTA_RULE_CHAIN, CHAIN);
	return batch_open(b, NFTA_RULE_EXPRESSIONS);
}

int nft_isolate(struct err *e)
{
	static const uint32_t directions[] = {NFT_META_IIFGROUP, NFT_META_OIFGROUP};
	struct batch b;
	size_t list;

	batch_begin(&b);
	batch_command(&b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	batch_text(&b, NFTA_CHAIN_TABLE, TABLE);
	batch_text(&b, NFTA_CHAIN_NAME, CHAIN);
	list = batch_open(&b, NFTA_CHAIN_HOOK);
	batch_u32(&b, NFTA_HOOK_HOOKNUM, HOOK_FORWARD);
	batch_u32(&b, NFTA_HOOK_PRIORITY, PRIORITY_FILTER);
	batch_close(&b, list);
	batch_text(&b, NFTA_CHAIN_TYPE, "filter");
	for (size_t i = 0; i < 2; i++) {
		list = rule(&b);
		group(&b, directions[i], GROUP_INTERNAL);
		drop(&b);
		batch_close(&b, list);
	}
	list = rule(&b);
	group(&b, NFT_META_IIFGROUP, GROUP_BRIDGES);
	group(&b, NFT_META_OIFGROUP, GROUP_BRIDGES);
	not_translated(&b);
	drop(&b);
	batch_close(&b, list);
	if (batch_commit(&b) < 0 && errno != EEXIST)
		return err_errno(e, 125, "keep networks apart");
	return 0;
}
