#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "caps.h"
#include "io.h"

#define BIT(capability) (1ull << (capability))

/* Docker's fourteen. */
#define PLAIN                                                                                                                    \
	(BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FSETID) | BIT(CAP_FOWNER) | BIT(CAP_MKNOD) | BIT(CAP_NET_RAW) |        \
	 BIT(CAP_SETGID) | BIT(CAP_SETUID) | BIT(CAP_SETFCAP) | BIT(CAP_SETPCAP) | BIT(CAP_NET_BIND_SERVICE) |                   \
	 BIT(CAP_SYS_CHROOT) | BIT(CAP_KILL) | BIT(CAP_AUDIT_WRITE))
/* Mounts and namespaces, links of its containers, and reading their /proc/<pid>/ns. */
#define NEST (PLAIN | BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_PTRACE))

static const char *const names[] = {
	"chown",
	"dac_override",
	"dac_read_search",
	"fowner",
	"fsetid",
	"kill",
	"setgid",
	"setuid",
	"setpcap",
	"linux_immutable",
	"net_bind_service",
	"net_broadcast",
	"net_admin",
	"net_raw",
	"ipc_lock",
	"ipc_owner",
	"sys_module",
	"sys_rawio",
	"sys_chroot",
	"sys_ptrace",
	"sys_pacct",
	"sys_admin",
	"sys_boot",
	"sys_nice",
	"sys_resource",
	"sys_time",
	"sys_tty_config",
	"mknod",
	"lease",
	"audit_write",
	"audit_control",
	"setfcap",
	"mac_override",
	"mac_admin",
	"syslog",
	"wake_alarm",
	"block_suspend",
	"audit_read",
	"perfmon",
	"bpf",
	"checkpoint_restore",
};

uint64_t caps_of(enum profile profile)
{
	static const uint64_t sets[] = {
		[PROFILE_PLAIN] = PLAIN,
		[PROFILE_NEST] = NEST,
		[PROFILE_PRIVILEGED] = BIT(array_size(names)) - 1,
	};

	return sets[profile];
}

uint64_t caps_by_name(const char *name)
{
	if (strcasecmp(name, "all") == 0)
		return ~0ull;
	if (strncasecmp(name, "cap_", 4) == 0)
		name += 4;
	for (size_t i = 0; i < array_size(names); i++)
		if (strcasecmp(name, names[i]) == 0)
			return BIT(i);
	return 0;
}

int caps_bound(uint64_t keep, struct err *e)
{
	for (unsigned i = 0; i < 64; i++) {
		if (keep & BIT(i))
			continue;
		if (prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
			if (errno == EINVAL)
				break; /* past the last capability this kernel has */
			return err_errno(e, 125, "drop capability %u", i);
		}
	}
	return 0;
}

int caps_set(const struct cap_sets *sets, struct err *e)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {
		{(uint32_t)sets->effective, (uint32_t)sets->permitted, (uint32_t)sets->inheritable},
		{(uint32_t)(sets->effective >> 32), (uint32_t)(sets->permitted >> 32), (uint32_t)(sets->inheritable >> 32)},
	};

	if (syscall(SYS_capset, &header, data) < 0)
		return err_errno(e, 125, "set capabilities");
	return 0;
}

int caps_become(uid_t uid, gid_t gid, const gid_t *groups, size_t group_count, const struct cap_sets *sets, struct err *e)
{
	if (setgroups(group_count, groups) < 0)
		return err_errno(e, 125, "set groups");
	if (syscall(SYS_setresgid32, gid, gid, gid) < 0)
		return err_errno(e, 125, "become group %u", gid);
	/* From root to another user the kernel clears permitted, effective and ambient by itself, unless told not to. */
	if (prctl(PR_SET_KEEPCAPS, sets->permitted != 0, 0, 0, 0) < 0 || syscall(SYS_setresuid32, uid, uid, uid) < 0)
		return err_errno(e, 125, "become user %u", uid);

	if (caps_set(sets, e) < 0)
		return -1;
	if (prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_errno(e, 125, "clear ambient capabilities");
	for (unsigned i = 0; i < 64; i++)
		if (sets->ambient & BIT(i) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, i, 0, 0) < 0)
			return err_errno(e, 125, "ambient capability %u (it must be permitted and inheritable)", i);
	return 0;
}
