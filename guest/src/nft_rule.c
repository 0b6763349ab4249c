#include "nft_rule.h"

enum { VERDICT_DROP = 0 };

void chain_add(struct batch *b, const char *name, const char *type, uint32_t hook, int priority)
{
	batch_command(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);
	batch_text(b, NFTA_CHAIN_TABLE, NFT_TABLE);
	batch_text(b, NFTA_CHAIN_NAME, name);
	size_t nest = batch_open(b, NFTA_CHAIN_HOOK);

	batch_u32(b, NFTA_HOOK_HOOKNUM, hook);
	batch_u32(b, NFTA_HOOK_PRIORITY, (uint32_t)priority);
	batch_close(b, nest);
	batch_text(b, NFTA_CHAIN_TYPE, type);
}

struct rule rule_open(struct batch *b, const char *chain)
{
	batch_command(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
	batch_text(b, NFTA_RULE_TABLE, NFT_TABLE);
	batch_text(b, NFTA_RULE_CHAIN, chain);
	return (struct rule){.batch = b, .list = batch_open(b, NFTA_RULE_EXPRESSIONS)};
}

void rule_close(const struct rule *r)
{
	batch_close(r->batch, r->list);
}

void rule_expression(struct rule *r, const char *name)
{
	r->item = batch_open(r->batch, NFTA_LIST_ELEM);
	batch_text(r->batch, NFTA_EXPR_NAME, name);
	r->data = batch_open(r->batch, NFTA_EXPR_DATA);
}

void rule_end(const struct rule *r)
{
	batch_close(r->batch, r->data);
	batch_close(r->batch, r->item);
}

void rule_meta(struct rule *r, uint32_t to, uint32_t key)
{
	rule_expression(r, "meta");
	batch_u32(r->batch, NFTA_META_DREG, to);
	batch_u32(r->batch, NFTA_META_KEY, key);
	rule_end(r);
}

void rule_payload(struct rule *r, uint32_t to, uint32_t base, uint32_t offset, uint32_t size)
{
	rule_expression(r, "payload");
	batch_u32(r->batch, NFTA_PAYLOAD_DREG, to);
	batch_u32(r->batch, NFTA_PAYLOAD_BASE, base);
	batch_u32(r->batch, NFTA_PAYLOAD_OFFSET, offset);
	batch_u32(r->batch, NFTA_PAYLOAD_LEN, size);
	rule_end(r);
}

void rule_compare(struct rule *r, uint32_t op, const void *data, size_t size)
{
	rule_expression(r, "cmp");
	batch_u32(r->batch, NFTA_CMP_SREG, NFT_KEY);
	batch_u32(r->batch, NFTA_CMP_OP, op);
	batch_data(r->batch, NFTA_CMP_DATA, data, size);
	rule_end(r);
}

void rule_mask(struct rule *r, uint32_t mask)
{
	static const uint32_t none;

	rule_expression(r, "bitwise");
	batch_u32(r->batch, NFTA_BITWISE_SREG, NFT_KEY);
	batch_u32(r->batch, NFTA_BITWISE_DREG, NFT_KEY);
	batch_u32(r->batch, NFTA_BITWISE_LEN, sizeof(mask));
	batch_data(r->batch, NFTA_BITWISE_MASK, &mask, sizeof(mask));
	batch_data(r->batch, NFTA_BITWISE_XOR, &none, sizeof(none));
	rule_end(r);
}

void rule_connection(struct rule *r)
{
	rule_expression(r, "ct");
	batch_u32(r->batch, NFTA_CT_DREG, NFT_KEY);
	batch_u32(r->batch, NFTA_CT_KEY, NFT_CT_STATUS);
	rule_end(r);
}

void rule_in_set(struct rule *r, const char *set, uint32_t from, uint32_t flags)
{
	rule_expression(r, "lookup");
	batch_text(r->batch, NFTA_LOOKUP_SET, set);
	batch_u32(r->batch, NFTA_LOOKUP_SREG, from);
	batch_u32(r->batch, NFTA_LOOKUP_FLAGS, flags);
	rule_end(r);
}

void rule_drop(struct rule *r)
{
	rule_expression(r, "immediate");
	batch_u32(r->batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = batch_open(r->batch, NFTA_IMMEDIATE_DATA), verdict = batch_open(r->batch, NFTA_DATA_VERDICT);

	batch_u32(r->batch, NFTA_VERDICT_CODE, VERDICT_DROP);
	batch_close(r->batch, verdict);
	batch_close(r->batch, data);
	rule_end(r);
}
