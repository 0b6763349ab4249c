#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include "caps.h"
#include "io.h"
#include "seccomp_profile.h"
#include "syscall_hash.h"
#include "syscall_tables.h"

enum { CHAINS_MAX = 1024, ARGUMENTS = 6, SOCKETCALL = 102, IPC = 117 };

enum op { OP_EQ, OP_GE, OP_GT, OP_LE, OP_LT, OP_MASKED_EQ, OP_NE };

struct condition {
	unsigned index, op;
	uint32_t value, second; /* a mask and the value of the rest with OP_MASKED_EQ */
};

/* What is done when all conditions hold. */
struct chain {
	struct condition conditions[ARGUMENTS];
	unsigned count, action;
	short next; /* of the same call, -1: none */
};

struct compiler {
	uint64_t caps;
	struct utsname kernel;
	unsigned fallback; /* of calls not named */
	int highest;       /* named */
	bool always[SYSCALL_LAST + 1];
	unsigned action[SYSCALL_LAST + 1]; /* of those */
	short first[SYSCALL_LAST + 1];
	struct seccomp_program *program;
	unsigned chain_count;
	struct chain chains[CHAINS_MAX]; /* last: most of it is never touched */
};

static int syscall_number(const char *name)
{
	uint32_t hash = syscall_hash(name);

	for (int i = 0; *name && i <= SYSCALL_LAST; i++)
		if (syscall_hashes[i] == hash)
			return i;
	return -1;
}

/* Calls that i386 also, or only, has behind one number: with which first argument. 0: none. */
static unsigned behind(const char *name, int *number)
{
	static const char sockets[] =
		"socket\0bind\0connect\0listen\0accept\0getsockname\0getpeername\0socketpair\0send\0recv\0sendto\0"
		"recvfrom\0shutdown\0setsockopt\0getsockopt\0sendmsg\0recvmsg\0accept4\0recvmmsg\0sendmmsg\0";
	static const char ipcs[] =
		"semop\0semget\0semctl\0semtimedop\0-\0-\0-\0-\0-\0-\0msgsnd\0msgrcv\0msgget\0msgctl\0-\0-\0-\0-\0-\0-\0"
		"shmat\0shmdt\0shmget\0shmctl\0";

	for (int list = 0; list < 2; list++) {
		unsigned i = 1;

		*number = list ? IPC : SOCKETCALL;
		for (const char *at = list ? ipcs : sockets; *at; at += strlen(at) + 1, i++)
			if (strcmp(at, name) == 0 && *name != '-')
				return i;
	}
	return 0;
}

/* --- reading */

static int read_action(const char *name, double number, unsigned *action, struct err *e)
{
	static const struct {
		const char *name;
		unsigned value;
	} actions[] = {
		{"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
		{"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
		{"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
		{"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
		{"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
		{"SCMP_ACT_LOG", SECCOMP_RET_LOG},
		{"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
		{"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
	};

	for (size_t i = 0; i < array_size(actions); i++) {
		bool data = actions[i].value == SECCOMP_RET_ERRNO || actions[i].value == SECCOMP_RET_TRACE;

		if (strcmp(name, actions[i].name) != 0)
			continue;
		if (data && !(number >= 0 && number <= 4095))
			return err_set(e, 125, "seccomp profile: %s: errnoRet is none", name);
		*action = actions[i].value | (data ? (unsigned)number : 0);
		return 0;
	}
	if (strcmp(name, "SCMP_ACT_NOTIFY") == 0)
		return err_set(e, 125, "seccomp profile: %s: nobody stays beside the program who could answer for it", name);
	return err_set(e, 125, "seccomp profile: invalid action \"%.60s\"", name);
}

static bool has_text(const struct json *list, const char *text)
{
	json_each(item, list && list->kind == JSON_ARRAY ? list : NULL)
		if (item->kind == JSON_STRING && strcmp(item->string, text) == 0)
			return true;
	return false;
}

static bool kernel_at_least(const struct compiler *c, const char *wanted)
{
	char *have_end, *want_end;
	long have = strtol(c->kernel.release, &have_end, 10), want = strtol(wanted, &want_end, 10);

	if (have != want || *have_end != '.' || *want_end != '.')
		return have >= want;
	return strtol(have_end + 1, NULL, 10) >= strtol(want_end + 1, NULL, 10);
}

/* Whether an "includes" or "excludes" leaves an entry in. */
static bool counts(const struct compiler *c, const struct json *rules, bool include)
{
	const struct json *arches = json_get(rules, "arches"), *caps = json_get(rules, "caps");
	const char *kernel = json_string(rules, "minKernel", "");

	if (arches && arches->kind == JSON_ARRAY && arches->length &&
	    (has_text(arches, "x86") || has_text(arches, "386")) != include)
		return false;
	if (*kernel && kernel_at_least(c, kernel) != include)
		return false;
	json_each(cap, caps && caps->kind == JSON_ARRAY ? caps : NULL) {
		uint64_t bit = cap->kind == JSON_STRING ? caps_by_name(cap->string) : 0;

		if ((bit && (c->caps & bit) == bit) != include)
			return false;
	}
	return true;
}

/* Registers here have 32 bits; what is above them in a profile made for wider ones is dropped, as libseccomp does it. */
static uint32_t register_value(double value)
{
	return value >= 18446744073709551615.0 ? ~0u : value > 0 ? (uint32_t)(uint64_t)value : 0;
}

static int read_condition(const struct json *arg, struct condition *to, struct err *e)
{
	static const char *const ops[] = {"EQ", "GE", "GT", "LE", "LT", "MASKED_EQ", "NE"};
	const char *op = json_string(arg, "op", "");
	double index = json_number(arg, "index", -1);
	unsigned i = 0;

	while (i < array_size(ops) && (strncmp(op, "SCMP_CMP_", 9) != 0 || strcmp(op + 9, ops[i]) != 0))
		i++;
	if (i == array_size(ops))
		return err_set(e, 125, "seccomp profile: invalid operator \"%.60s\"", op);
	if (!(index >= 0 && index < ARGUMENTS))
		return err_set(e, 125, "seccomp profile: a system call has arguments 0 to %d", ARGUMENTS - 1);
	*to = (struct condition){(unsigned)index, i, register_value(json_number(arg, "value", 0)),
				 register_value(json_number(arg, "valueTwo", 0))};
	return 0;
}

static int add_chain(struct compiler *c, int number, const struct condition *conditions, unsigned count, unsigned action,
		     struct err *e)
{
	short *end = &c->first[number];

	if (c->chain_count == CHAINS_MAX)
		return err_set(e, 125, "seccomp profile: more than %d entries with conditions", CHAINS_MAX);
	while (*end >= 0)
		end = &c->chains[*end].next;
	*end = (short)c->chain_count;
	struct chain *chain = &c->chains[c->chain_count++];

	*chain = (struct chain){.count = count, .action = action, .next = -1};
	memcpy(chain->conditions, conditions, count * sizeof(*conditions));
	return 0;
}

static int add_name(struct compiler *c, const char *name, const struct condition *conditions, unsigned count, bool any,
		    unsigned action, struct err *e)
{
	int number = syscall_number(name), family = 0;

	if (number >= 0) {
		if (number > c->highest)
			c->highest = number;
		if (count == 0 && !c->always[number]) {
			c->always[number] = true;
			c->action[number] = action;
		}
		for (unsigned i = 0; any && i < count; i++)
			if (add_chain(c, number, conditions + i, 1, action, e) < 0)
				return -1;
		if (!any && count && add_chain(c, number, conditions, count, action, e) < 0)
			return -1;
	}
	unsigned call = count ? 0 : behind(name, &family);
	/* Above the low 16 bits of ipc's is a version, which changes nothing. Arguments of these lie in memory, unseen. */
	const struct condition one = {0, OP_MASKED_EQ, family == IPC ? 0xffff : ~0u, call};

	return call ? add_chain(c, family, &one, 1, action, e) : 0;
}

static int read_entry(struct compiler *c, const struct json *entry, struct err *e)
{
	const struct json *args = json_get(entry, "args"), *names = json_get(entry, "names");
	struct condition conditions[ARGUMENTS * 2];
	unsigned count = 0, action, seen = 0;
	bool any = false;

	if (read_action(json_string(entry, "action", ""), json_number(entry, "errnoRet", EPERM), &action, e) < 0)
		return -1;
	json_each(arg, args && args->kind == JSON_ARRAY ? args : NULL) {
		if (count == array_size(conditions))
			return err_set(e, 125, "seccomp profile: more than %zu conditions", array_size(conditions));
		if (read_condition(arg, &conditions[count], e) < 0)
			return -1;
		/* Two of the same argument: docker takes any one of them for enough. */
		any |= seen >> conditions[count].index & 1;
		seen |= 1u << conditions[count++].index;
	}
	if (!counts(c, json_get(entry, "includes"), true) || !counts(c, json_get(entry, "excludes"), false))
		return 0;
	if (*json_string(entry, "name", "") && add_name(c, json_string(entry, "name", ""), conditions, count, any, action, e) < 0)
		return -1;
	json_each(name, names && names->kind == JSON_ARRAY ? names : NULL)
		if (name->kind != JSON_STRING)
			return err_set(e, 125, "seccomp profile: a name is no text");
		else if (add_name(c, name->string, conditions, count, any, action, e) < 0)
			return -1;
	return 0;
}

/* --- writing */

static void emit(struct seccomp_program *p, struct sock_filter instruction)
{
	if (p->length < SECCOMP_PROGRAM_MAX)
		p->code[p->length] = instruction;
	p->length++;
}

static void statement(struct seccomp_program *p, unsigned code, unsigned k)
{
	emit(p, (struct sock_filter)BPF_STMT((uint16_t)code, k));
}

/* Jumps to the end of the chain where it does not hold: `left` instructions behind this condition. */
static void condition(struct seccomp_program *p, const struct condition *c, unsigned left)
{
	static const struct {
		unsigned char code;
		bool negated;
	} jumps[] = {[OP_EQ] = {BPF_JEQ, false}, [OP_GE] = {BPF_JGE, false}, [OP_GT] = {BPF_JGT, false},
		     [OP_LE] = {BPF_JGT, true},  [OP_LT] = {BPF_JGE, true},  [OP_MASKED_EQ] = {BPF_JEQ, false},
		     [OP_NE] = {BPF_JEQ, true}};
	bool masked = c->op == OP_MASKED_EQ, negated = jumps[c->op].negated;

	/* The lower half: the machine is little-endian. */
	statement(p, BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, args) + 8 * c->index);
	if (masked)
		statement(p, BPF_ALU | BPF_AND | BPF_K, c->value);
	emit(p, (struct sock_filter)BPF_JUMP((uint16_t)(BPF_JMP | BPF_K | jumps[c->op].code), masked ? c->second : c->value,
					     (uint8_t)(negated ? left : 0), (uint8_t)(negated ? 0 : left)));
}

static void leaf(const struct compiler *c, int number)
{
	struct seccomp_program *p = c->program;
	bool known = number <= SYSCALL_LAST;

	for (short at = known && !c->always[number] ? c->first[number] : -1; at >= 0; at = c->chains[at].next) {
		const struct chain *chain = &c->chains[at];
		unsigned left = 1;

		for (unsigned i = 1; i < chain->count; i++)
			left += chain->conditions[i].op == OP_MASKED_EQ ? 3 : 2;
		for (unsigned i = 0; i < chain->count; i++) {
			condition(p, &chain->conditions[i], left);
			if (i + 1 < chain->count)
				left -= chain->conditions[i + 1].op == OP_MASKED_EQ ? 3 : 2;
		}
		statement(p, BPF_RET | BPF_K, chain->action);
	}
	if (known && c->always[number])
		statement(p, BPF_RET | BPF_K, c->action[number]);
	else if (number > c->highest && (c->fallback & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
		/* Newer than whoever wrote the profile knew: programs have a way around what does not exist, not around EPERM. */
		statement(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	else
		statement(p, BPF_RET | BPF_K, c->fallback);
}

/* Numbers that the same single instruction answers as the one before. */
static bool same_as_before(const struct compiler *c, int number)
{
	for (int i = number - 1; i <= number; i++)
		if (i <= SYSCALL_LAST && !c->always[i] && c->first[i] >= 0)
			return false;
	bool now = number <= SYSCALL_LAST && c->always[number], before = c->always[number - 1];

	return now == before &&
	       (now ? c->action[number] == c->action[number - 1] : (number > c->highest) == (number - 1 > c->highest));
}

static void tree(const struct compiler *c, const short *starts, size_t count)
{
	struct seccomp_program *p = c->program;
	size_t half = count / 2, at = p->length;

	if (count == 1) {
		leaf(c, *starts);
		return;
	}
	emit(p, (struct sock_filter){0});
	tree(c, starts, half);
	size_t skip = p->length - at - 1;
	struct sock_filter jump = BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, (unsigned)starts[half], (uint8_t)skip, 0);

	/* Too far for eight bits: a jump of its own behind it. */
	if (skip > 255) {
		jump.jt = 0;
		jump.jf = 1;
		emit(p, (struct sock_filter){0});
		if (p->length <= SECCOMP_PROGRAM_MAX) {
			memmove(p->code + at + 2, p->code + at + 1, skip * sizeof(*p->code));
			p->code[at + 1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (unsigned)skip);
		}
	}
	if (p->length <= SECCOMP_PROGRAM_MAX)
		p->code[at] = jump;
	tree(c, starts + half, count - half);
}

static struct compiler compiler;

int seccomp_compile(const struct json *profile, uint64_t caps, struct seccomp_program *program, struct err *e)
{
	struct compiler *c = &compiler;
	const struct json *entries = json_get(profile, "syscalls");
	short starts[SYSCALL_LAST + 2];
	size_t count = 0;

	program->flags = 0;
	memset(c, 0, offsetof(struct compiler, chains));
	memset(c->first, -1, sizeof(c->first));
	c->caps = caps;
	c->program = program;
	program->length = 0;
	if (!profile || profile->kind != JSON_OBJECT)
		return err_set(e, 125, "seccomp profile: an object is wanted");
	if (uname(&c->kernel) < 0)
		return err_errno(e, 125, "uname");
	if (read_action(json_string(profile, "defaultAction", ""), json_number(profile, "defaultErrnoRet", EPERM), &c->fallback,
			e) < 0)
		return -1;
	json_each(entry, entries && entries->kind == JSON_ARRAY ? entries : NULL)
		if (read_entry(c, entry, e) < 0)
			return -1;
	for (short i = 0; i <= SYSCALL_LAST + 1; i++)
		if (i == 0 || !same_as_before(c, i))
			starts[count++] = i;
	statement(program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 1, 0));
	statement(program, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	statement(program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	tree(c, starts, count);
	if (program->length > SECCOMP_PROGRAM_MAX)
		return err_set(e, 125, "seccomp profile: it takes more than %d instructions", SECCOMP_PROGRAM_MAX);
	return 0;
}

int seccomp_profile_check(const struct json *profile, struct err *e)
{
	static struct seccomp_program program;
	static const unsigned needed[] = {SYS_execve, SYS_exit_group};

	if (seccomp_compile(profile, ~0ull, &program, e) < 0)
		return -1;
	/* Nothing could start, nor end without; the latter for ever, as libc tries again. */
	for (size_t i = 0; i < array_size(needed); i++)
		if (compiler.always[needed[i]] ? compiler.action[needed[i]] < SECCOMP_RET_LOG
					       : compiler.first[needed[i]] < 0 && compiler.fallback < SECCOMP_RET_LOG)
			return err_set(e, 125, "seccomp profile: no program can run without %s", i ? "exit_group" : "execve");
	return 0;
}
