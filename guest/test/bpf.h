/* Just enough of the kernel's filter machine to try a compiled filter: aborts on what the kernel would refuse to load. */
#pragma once
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline uint32_t bpf_run(const struct sock_filter *code, size_t length, uint32_t nr, const uint32_t args[6])
{
	struct seccomp_data data = {.nr = (int)nr, .arch = AUDIT_ARCH_I386};
	uint32_t a = 0;

	for (int i = 0; i < 6; i++)
		data.args[i] = args[i];
	for (size_t at = 0; at < length; at++) {
		const struct sock_filter *f = &code[at];
		bool yes;

		switch (f->code) {
		case BPF_LD | BPF_W | BPF_ABS:
			if (f->k > sizeof(data) - 4 || f->k % 4)
				abort();
			memcpy(&a, (const char *)&data + f->k, 4);
			continue;
		case BPF_ALU | BPF_AND | BPF_K:
			a &= f->k;
			continue;
		case BPF_RET | BPF_K:
			return f->k;
		case BPF_JMP | BPF_JA:
			at += f->k;
			continue;
		case BPF_JMP | BPF_JEQ | BPF_K:
			yes = a == f->k;
			break;
		case BPF_JMP | BPF_JGE | BPF_K:
			yes = a >= f->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
			yes = a > f->k;
			break;
		default:
			abort();
		}
		at += yes ? f->jt : f->jf;
	}
	abort(); /* ran off the end */
}

/* What the kernel checks before it loads a filter: jumps stay inside, and the last instruction returns. */
static inline void bpf_check(const struct sock_filter *code, size_t length)
{
	if (length == 0 || length > 4096 || code[length - 1].code != (BPF_RET | BPF_K))
		abort();
	for (size_t at = 0; at < length; at++) {
		size_t left = length - at - 1;

		if (code[at].code == (BPF_JMP | BPF_JA)
			    ? code[at].k >= left
			    : BPF_CLASS(code[at].code) == BPF_JMP && (code[at].jt >= left || code[at].jf >= left))
			abort();
	}
}
