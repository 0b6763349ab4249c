#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "device_filter.h"
#include "io.h"

/* What every container has in /dev. To make a node is no harm: it is opened that counts. */
static const struct device_rule always[] = {
	{'a', true, DEVICE_MAKE, DEVICE_ANY, DEVICE_ANY}, /* mknod */
	{'c', true, DEVICE_ALL, 1, 3},                    /* null */
	{'c', true, DEVICE_ALL, 1, 5},                    /* zero */
	{'c', true, DEVICE_ALL, 1, 7},                    /* full */
	{'c', true, DEVICE_ALL, 1, 8},                    /* random */
	{'c', true, DEVICE_ALL, 1, 9},                    /* urandom */
	{'c', true, DEVICE_ALL, 5, 0},                    /* tty */
	{'c', true, DEVICE_ALL, 5, 2},                    /* ptmx */
	{'c', true, DEVICE_ALL, 136, DEVICE_ANY},         /* pts */
};

enum { PER_RULE = 8, AROUND = 9, LENGTH_MAX = (DEVICE_RULES_MAX + array_size(always)) * PER_RULE + AROUND };

/* r2: type, r3: what of the access is still undecided, r4: major, r5: minor, r6: scratch */
struct filter {
	struct bpf_insn code[LENGTH_MAX];
	size_t length;
};

static void emit(struct filter *f, unsigned code, unsigned to, unsigned from, int offset, uint32_t value)
{
	f->code[f->length++] =
		(struct bpf_insn){(uint8_t)code, (uint8_t)to & 15, (uint8_t)from & 15, (int16_t)offset, (int)value};
}

static void answer(struct filter *f, bool allow)
{
	emit(f, BPF_ALU | BPF_MOV | BPF_K, 0, 0, 0, allow);
	emit(f, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void add(struct filter *f, const struct device_rule *r)
{
	const struct {
		unsigned wanted;
		uint32_t is;
	} fields[] = {[2] = {r->type != 'a', r->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR},
		      [4] = {r->major != DEVICE_ANY, r->major},
		      [5] = {r->minor != DEVICE_ANY, r->minor}};
	size_t end = f->length + 4;

	for (unsigned i = 2; i < array_size(fields); i++)
		end += fields[i].wanted;
	end += !r->allow;
	for (unsigned i = 2; i < array_size(fields); i++)
		if (fields[i].wanted)
			emit(f, BPF_JMP32 | BPF_JNE | BPF_K, i, 0, (int)(end - f->length - 1), fields[i].is);
	if (r->allow) {
		emit(f, BPF_ALU | BPF_AND | BPF_K, 3, 0, 0, ~r->access);
		emit(f, BPF_JMP32 | BPF_JNE | BPF_K, 3, 0, 2, 0);
	} else {
		emit(f, BPF_ALU | BPF_MOV | BPF_X, 6, 3, 0, 0);
		emit(f, BPF_ALU | BPF_AND | BPF_K, 6, 0, 0, r->access);
		emit(f, BPF_JMP32 | BPF_JEQ | BPF_K, 6, 0, 2, 0);
	}
	answer(f, r->allow);
}

/* From the last rule to the first: each decides what those behind it have left. */
static void compile(struct filter *f, const struct device_rule *rules, size_t count)
{
	f->length = 0;
	emit(f, BPF_LDX | BPF_MEM | BPF_W, 2, 1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
	emit(f, BPF_ALU | BPF_MOV | BPF_X, 3, 2, 0, 0);
	emit(f, BPF_ALU | BPF_AND | BPF_K, 2, 0, 0, 0xffff);
	emit(f, BPF_ALU | BPF_RSH | BPF_K, 3, 0, 0, 16);
	emit(f, BPF_LDX | BPF_MEM | BPF_W, 4, 1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
	emit(f, BPF_LDX | BPF_MEM | BPF_W, 5, 1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
	for (size_t i = array_size(always); i--;)
		add(f, &always[i]);
	while (count--)
		add(f, &rules[count]);
	answer(f, false);
}

unsigned device_access(const char *letters)
{
	unsigned access = 0;

	for (; *letters; letters++) {
		const char *at = strchr("mrw", *letters);

		if (!at)
			return 0;
		access |= *at == 'm' ? DEVICE_MAKE : *at == 'r' ? DEVICE_READ : DEVICE_WRITE;
	}
	return access;
}

static int bpf(int command, union bpf_attr *attr)
{
	return (int)syscall(SYS_bpf, command, attr, sizeof(*attr));
}

int device_filter(int cgroup, const struct device_rule *rules, size_t count, struct err *e)
{
	static struct filter filter;
	uint32_t id = 0;

	compile(&filter, rules, count);
	union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
			       .insn_cnt = (uint32_t)filter.length,
			       .insns = (uintptr_t)filter.code,
			       .license = (uintptr_t) ""};
	_cleanup_fd_ int program = bpf(BPF_PROG_LOAD, &load);

	if (program < 0)
		return err_errno(e, 125, "load the filter of devices");
	union bpf_attr query = {.query = {.target_fd = (uint32_t)cgroup,
					  .attach_type = BPF_CGROUP_DEVICE,
					  .prog_ids = (uintptr_t)&id,
					  .prog_cnt = 1}};

	if (bpf(BPF_PROG_QUERY, &query) < 0)
		return err_errno(e, 125, "look for a filter of devices");
	union bpf_attr get = {.prog_id = id};
	_cleanup_fd_ int earlier = id ? bpf(BPF_PROG_GET_FD_BY_ID, &get) : -1;
	/* Others below may have their own besides; then both must agree. */
	union bpf_attr attach = {.target_fd = (uint32_t)cgroup,
				 .attach_bpf_fd = (uint32_t)program,
				 .attach_type = BPF_CGROUP_DEVICE,
				 .attach_flags = BPF_F_ALLOW_MULTI | (earlier < 0 ? 0 : BPF_F_REPLACE),
				 .replace_bpf_fd = earlier < 0 ? 0 : (uint32_t)earlier};

	if (bpf(BPF_PROG_ATTACH, &attach) < 0)
		return err_errno(e, 125, "attach the filter of devices");
	return 0;
}
