/*
 * Host tool: writes the system call filters as C tables. Each filter is a tree over ranges of numbers, balanced by how many numbers
 * are in them, because at load time the kernel runs it once per system call number, and a linear list costs twice as much there.
 * What all ranges come to is at its end, once: every container keeps a copy of the filter.
 * The effect is that of docker's default profile on i386, written as what is refused instead of what is allowed: everything up to
 * LAST is known and judged here, everything after it does not exist (ENOSYS), so nothing new gets in unseen.
 */
#include <asm/unistd_32.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Newer than the oldest headers this is built with. */
#ifndef __NR_statmount
#define __NR_statmount 457
#define __NR_listmount 458
#endif
#define LAST 462 /* mseal: the last one of Linux 6.12 */

enum action { ALLOW, REFUSE, MISSING, CLONE, PERSONALITY, SOCKET, ACTIONS };

struct rule {
	int number;
	enum action plain, nest;
};

#define NEVER(name)                                                                                                              \
	{                                                                                                                        \
		__NR_##name, REFUSE, REFUSE                                                                                      \
	}
/* What an engine in its own user namespace needs; the kernel checks its capabilities there. */
#define NEST(name)                                                                                                               \
	{                                                                                                                        \
		__NR_##name, REFUSE, ALLOW                                                                                       \
	}

static const struct rule rules[] = {
	/* mounts and namespaces */
	NEST(mount),
	NEST(umount),
	NEST(umount2),
	NEST(pivot_root),
	NEST(unshare),
	NEST(setns),
	NEST(open_tree),
	NEST(move_mount),
	NEST(fsopen),
	NEST(fsconfig),
	NEST(fsmount),
	NEST(fspick),
	NEST(mount_setattr),
	NEST(sethostname),
	NEST(setdomainname),
	NEST(statmount),
	NEST(listmount),
	NEST(fanotify_init),
	NEST(keyctl),
	NEST(kcmp),
	NEST(pidfd_getfd),
	NEST(process_madvise),
	/* Namespace flags of clone are an argument, those of clone3 lie in memory, where a filter cannot look. */
	{__NR_clone, CLONE, ALLOW},
	{__NR_clone3, MISSING, ALLOW},
	/* Another personality means other kernel paths: only the usual values. */
	{__NR_personality, PERSONALITY, PERSONALITY},
	/* AF_ALG and AF_VSOCK are not in our kernel either, which also covers socketcall(2). */
	{__NR_socket, SOCKET, SOCKET},
	/* the clock, the machine, the kernel */
	NEVER(stime),
	NEVER(settimeofday),
	NEVER(clock_settime),
	NEVER(clock_settime64),
	NEVER(reboot),
	NEVER(swapon),
	NEVER(swapoff),
	NEVER(acct),
	NEVER(syslog),
	NEVER(vhangup),
	NEVER(kexec_load),
	NEVER(create_module),
	NEVER(init_module),
	NEVER(finit_module),
	NEVER(delete_module),
	NEVER(get_kernel_syms),
	NEVER(query_module),
	NEVER(iopl),
	NEVER(ioperm),
	NEVER(vm86),
	NEVER(vm86old),
	NEVER(quotactl),
	NEVER(quotactl_fd),
	NEVER(nfsservctl),
	NEVER(bdflush),
	NEVER(sysfs),
	NEVER(_sysctl),
	NEVER(uselib),
	NEVER(ustat),
	/* not namespaced, or a history of holes */
	NEVER(add_key),
	NEVER(request_key),
	NEVER(bpf),
	NEVER(perf_event_open),
	NEVER(userfaultfd),
	NEVER(io_uring_setup),
	NEVER(io_uring_enter),
	NEVER(io_uring_register),
	NEVER(open_by_handle_at),
	NEVER(lookup_dcookie),
	NEVER(mbind),
	NEVER(get_mempolicy),
	NEVER(set_mempolicy),
	NEVER(set_mempolicy_home_node),
	NEVER(migrate_pages),
	NEVER(move_pages),
};

static struct sock_filter program[1024];
static size_t length;

static void emit(struct sock_filter instruction)
{
	if (length == sizeof(program) / sizeof(*program)) {
		fprintf(stderr, "seccomp_gen: the filter is too long\n");
		exit(1);
	}
	program[length++] = instruction;
}

static void leave(unsigned value)
{
	emit((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, value));
}

static void load(size_t offset)
{
	emit((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void leaf(enum action action)
{
	static const unsigned personalities[] = {0, 8, 0x20000, 0x20008, 0xffffffff};
	static const unsigned families[] = {38, 40};
	const size_t argument = offsetof(struct seccomp_data, args[0]);

	switch (action) {
	case ALLOW:
		leave(SECCOMP_RET_ALLOW);
		break;
	case REFUSE:
		leave(SECCOMP_RET_ERRNO | EPERM);
		break;
	case MISSING:
		leave(SECCOMP_RET_ERRNO | ENOSYS);
		break;
	case CLONE:
		load(argument);
		emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x7E020000, 0, 1));
		leave(SECCOMP_RET_ERRNO | EPERM);
		leave(SECCOMP_RET_ALLOW);
		break;
	case PERSONALITY:
		load(argument);
		for (size_t i = 0; i < 5; i++)
			emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, personalities[i], (unsigned char)(5 - i),
							  0));
		leave(SECCOMP_RET_ERRNO | EPERM);
		leave(SECCOMP_RET_ALLOW);
		break;
	case SOCKET:
		load(argument);
		for (size_t i = 0; i < 2; i++)
			emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, families[i], (unsigned char)(2 - i), 0));
		leave(SECCOMP_RET_ALLOW);
		leave(SECCOMP_RET_ERRNO | EPERM);
		break;
	case ACTIONS:
		break;
	}
}

struct range {
	unsigned first, numbers;
	enum action action;
};

/* Where a jump to what a range comes to is still to be written. */
static struct {
	size_t at;
	bool taken;
	enum action action;
} later[LAST];
static size_t later_count;

static void jump(size_t at, bool taken, size_t to)
{
	size_t skip = to - at - 1;

	if (skip > 255) {
		fprintf(stderr, "seccomp_gen: a branch is too long for its jump\n");
		exit(1);
	}
	*(taken ? &program[at].jt : &program[at].jf) = (unsigned char)skip;
}

/* The first range of the upper half. */
static size_t middle(const struct range *ranges, size_t count)
{
	unsigned all = 0, below = ranges[0].numbers;
	size_t i = 1;

	for (size_t j = 0; j < count; j++)
		all += ranges[j].numbers;
	for (; i + 1 < count && 2 * below + ranges[i].numbers < all; i++)
		below += ranges[i].numbers;
	return i;
}

static void tree(const struct range *ranges, size_t count);

static void branch(size_t at, bool taken, const struct range *ranges, size_t count)
{
	if (count == 1) {
		later[later_count].at = at;
		later[later_count].taken = taken;
		later[later_count++].action = ranges->action;
	} else {
		jump(at, taken, length);
		tree(ranges, count);
	}
}

static void tree(const struct range *ranges, size_t count)
{
	size_t half = middle(ranges, count), at = length;

	emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, 0, 0));
	branch(at, false, ranges, half);
	branch(at, true, ranges + half, count - half);
}

static void filter(FILE *out, const char *name, bool nest)
{
	enum action actions[LAST + 2];
	struct range ranges[LAST + 2];
	size_t count = 0;

	for (size_t i = 0; i <= LAST; i++)
		actions[i] = ALLOW;
	actions[LAST + 1] = MISSING;
	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++)
		actions[rules[i].number] = nest ? rules[i].nest : rules[i].plain;
	for (size_t i = 0; i <= LAST + 1; i++)
		if (i == 0 || actions[i] != actions[i - 1])
			ranges[count++] = (struct range){(unsigned)i, 1, actions[i]};
		else
			ranges[count - 1].numbers++;
	length = later_count = 0;
	load(offsetof(struct seccomp_data, arch));
	emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 1, 0));
	leave(SECCOMP_RET_KILL_PROCESS);
	load(offsetof(struct seccomp_data, nr));
	tree(ranges, count);
	for (enum action action = ALLOW; action < ACTIONS; action++) {
		size_t at = length;

		for (size_t i = 0; i < later_count; i++)
			if (later[i].action == action)
				jump(later[i].at, later[i].taken, at);
		leaf(action);
	}

	fprintf(out, "static const struct sock_filter %s[] = {\n", name);
	for (size_t i = 0; i < length; i++)
		fprintf(out, "\t{0x%02x, %u, %u, 0x%08x},\n", program[i].code, program[i].jt, program[i].jf, program[i].k);
	fprintf(out, "};\n");
}

int main(int argc, char **argv)
{
	FILE *out = argc == 2 ? fopen(argv[1], "w") : NULL;

	if (!out) {
		fprintf(stderr, "usage: seccomp_gen OUTPUT\n");
		return 2;
	}
	fprintf(out, "/* Written by gen/seccomp_gen.c. */\n");
	filter(out, "seccomp_plain", false);
	filter(out, "seccomp_nest", true);
	if (fclose(out) != 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
