/* By capabilities: more than given, and any after root is left. */
#include "probe.h"
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PLAIN 0xa80425fbull                           /* docker's fourteen */
#define NESTING (PLAIN | 1 << 21 | 1 << 12 | 1 << 19) /* and sys_admin, net_admin, sys_ptrace */

static unsigned long long field(const char *name)
{
	const char *line = strstr(text_of("/proc/self/status"), name);

	return line ? strtoull(line + strlen(name), NULL, 16) : ~0ull;
}

static void as_given(enum kind kind)
{
	unsigned long long bounding = field("CapBnd:\t");

	if (kind == DEFAULT && bounding != PLAIN)
		escaped("bounding set %llx", bounding);
	if (kind == NEST && bounding != NESTING)
		escaped("bounding set %llx", bounding);
	if (field("CapInh:\t") != 0 || field("CapAmb:\t") != 0)
		escaped("inheritable or ambient capabilities (CVE-2022-24769)");
	if (field("Seccomp:\t") != 2)
		escaped("no filter of system calls");
}

static void take(enum kind kind)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct all[2] = {{~0u, ~0u, ~0u}, {0x1ff, 0x1ff, 0x1ff}};

	if (kind != PRIVILEGED && syscall(SYS_capset, &header, all) == 0)
		escaped("all capabilities taken");
	if (kind != PRIVILEGED && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SYS_RAWIO, 0, 0) == 0)
		escaped("ambient capability raised");
}

static void after_root(enum kind kind)
{
	if (syscall(SYS_setresgid32, 1000, 1000, 1000) < 0 || syscall(SYS_setresuid32, 1000, 1000, 1000) < 0)
		return;
	if (field("CapPrm:\t") || field("CapEff:\t") || field("CapInh:\t") || field("CapAmb:\t"))
		escaped("capabilities stay with user 1000");
	if (syscall(SYS_setresuid32, 0, 0, 0) == 0)
		escaped("root again");
	if (access("/root", W_OK) == 0 || chmod("/", 0777) == 0)
		escaped("root's files");
}

/* A file may give capabilities within this user namespace only: the kernel writes whose they are into it. */
static void file_capabilities(enum kind kind)
{
	/* version 2, effective, all permitted and inheritable: "everywhere" */
	unsigned char everywhere[20] = {1, 0, 0, 2};
	unsigned char back[24];
	FILE *file = fopen("/tmp/capable", "w");

	if (!file)
		return;
	fclose(file);
	memset(everywhere + 4, 0xff, 16);
	if (setxattr("/tmp/capable", "security.capability", everywhere, sizeof(everywhere), 0) < 0)
		return;
	/*
	 * From inside it reads as version 2 again, unless it would hold elsewhere; * the judge on the host reads it as version 3.
	 */
	if (getxattr("/tmp/capable", "security.capability", back, sizeof(back)) < 0)
		escaped("capabilities that do not belong to this user namespace");
}

const struct attempt capability_attempts[] = {
	{"capabilities as given", ANY, as_given},
	{"take capabilities", ANY, take},
	{"capabilities without root", ANY, after_root},
	{"capabilities of files", ANY, file_capabilities},
	{0},
};
