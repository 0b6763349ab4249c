/*
 * Host tool: writes the system call filters as C tables. Each filter is a balanced tree over ranges of numbers, because at load
 * time the kernel runs it once per system call number, and a linear list costs twice as much there.
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

enum action { ALLOW, REFUSE, MISSING, CLONE, PERSONALITY, SOCKET };

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
	}
}

struct range {
	unsigned first;
	enum action action;
};

static void tree(const struct range *ranges, size_t count)
{
	if (count == 1) {
		leaf(ranges->action);
		return;
	}
	size_t half = count / 2, at = length;

	emit((struct sock_filter){0});
	tree(ranges, half);
	size_t skip = length - at - 1;

	if (skip > 255) {
		fprintf(stderr, "seccomp_gen: a branch is too long for its jump\n");
		exit(1);
	}
	program[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, ranges[half].first, (unsigned char)skip, 0);
	tree(ranges + half, count - half);
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
			ranges[count++] = (struct range){(unsigned)i, actions[i]};
	length = 0;
	load(offsetof(struct seccomp_data, arch));
	emit((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 1, 0));
	leave(SECCOMP_RET_KILL_PROCESS);
	load(offsetof(struct seccomp_data, nr));
	tree(ranges, count);

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
