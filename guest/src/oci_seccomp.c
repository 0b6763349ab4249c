#include <linux/seccomp.h>
#include <string.h>
#include "io.h"
#include "oci.h"
#include "seccomp_profile.h"

/* All that libseccomp knows; whichever are named, here only calls of i386 can come. */
static const char arches[] =
	"AARCH64\0ARM\0LOONGARCH64\0M68K\0MIPS\0MIPS64\0MIPS64N32\0MIPSEL\0MIPSEL64\0MIPSEL64N32\0PARISC\0PARISC64\0PPC\0PPC64\0"
	"PPC64LE\0RISCV64\0S390\0S390X\0SH\0SHEB\0X32\0X86\0X86_64\0";

static bool known_arch(const char *name)
{
	if (strncmp(name, "SCMP_ARCH_", 10) != 0 || !name[10])
		return false;
	for (const char *at = arches; *at; at += strlen(at) + 1)
		if (strcmp(at, name + 10) == 0)
			return true;
	return false;
}

static int read_flag(const char *name, unsigned *flags, struct err *e)
{
	static const struct {
		const char *name;
		unsigned flag;
	} known[] = {
		{"LOG", SECCOMP_FILTER_FLAG_LOG},
		{"SPEC_ALLOW", SECCOMP_FILTER_FLAG_SPEC_ALLOW},
		{"TSYNC", SECCOMP_FILTER_FLAG_TSYNC},
	};
	bool ours = strncmp(name, "SECCOMP_FILTER_FLAG_", 20) == 0;

	for (size_t i = 0; ours && i < array_size(known); i++) {
		if (strcmp(name + 20, known[i].name) == 0) {
			*flags |= known[i].flag;
			return 0;
		}
	}
	if (ours && strcmp(name + 20, "WAIT_KILLABLE_RECV") == 0)
		return err_set(e, 1, "config: linux.seccomp.flags: %s is about SCMP_ACT_NOTIFY, which is not supported", name);
	return err_set(e, 1, "config: linux.seccomp.flags: unknown flag \"%.60s\"", name);
}

/* The specification wants a number that would go nowhere refused. */
static int check_errno(const struct json *rule, const char *action, const char *number, struct err *e)
{
	const char *name = json_string(rule, action, "");

	if (json_number(rule, number, -1) < 0 || strcmp(name, "SCMP_ACT_ERRNO") == 0 || strcmp(name, "SCMP_ACT_TRACE") == 0)
		return 0;
	return err_set(e, 1, "config: linux.seccomp: %s: %.60s returns no error number", number, name);
}

int oci_seccomp(const struct json *config, struct process *p, struct err *e)
{
	static struct seccomp_program program;
	const struct json *seccomp = oci_get(config, "linux.seccomp");
	unsigned flags = 0;

	if (!seccomp)
		return 0;
	json_each(arch, oci_get(seccomp, "architectures"))
		if (!known_arch(arch->string))
			return err_set(e, 1, "config: linux.seccomp.architectures: unknown \"%.60s\"", arch->string);
	json_each(flag, oci_get(seccomp, "flags"))
		if (read_flag(flag->string, &flags, e) < 0)
			return -1;
	if (*json_string(seccomp, "listenerMetadata", "") && !*json_string(seccomp, "listenerPath", ""))
		return err_set(e, 1, "config: linux.seccomp.listenerMetadata: needs listenerPath");
	if (check_errno(seccomp, "defaultAction", "defaultErrnoRet", e) < 0)
		return -1;
	json_each(rule, oci_get(seccomp, "syscalls")) {
		const struct json *names = oci_get(rule, "names");

		if (!names || !names->length)
			return err_set(e, 1, "config: linux.seccomp.syscalls: names: is empty");
		if (check_errno(rule, "action", "errnoRet", e) < 0)
			return -1;
	}
	if (seccomp_profile_check(seccomp, e) < 0 || seccomp_compile(seccomp, 0, &program, e) < 0)
		return err_context(e, "config: linux.seccomp");
	program.flags = flags;
	p->filter = &program;
	p->no_seccomp = false;
	return 0;
}
