/* By system calls that a container never gets, whatever it is started as. Arguments are such that success would harm little. */
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static union bpf_attr map = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
static struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE, .size = sizeof(event)};
static struct timex timex = {.modes = ADJ_TICK, .tick = 10000};
static struct timespec noon = {.tv_sec = 1000000000};
static struct timeval noon_tv = {.tv_sec = 1000000000};
static char zeros[512];

#define P(pointer) ((long)(pointer))

static const struct {
	const char *name;
	long number, arguments[5];
} never[] = {
	{"acct", SYS_acct, {P("/tmp/acct")}},
	{"add_key", SYS_add_key, {P("user"), P("x"), P("y"), 1, -3}},
	{"adjtimex", SYS_adjtimex, {P(&timex)}},
	{"bdflush", SYS_bdflush, {1}},
	{"bpf", SYS_bpf, {BPF_MAP_CREATE, P(&map), sizeof(map)}},
	{"clock_adjtime", SYS_clock_adjtime, {0, P(&timex)}},
	{"clock_settime", SYS_clock_settime32, {0, P(&noon)}},
	{"clock_settime64", SYS_clock_settime64, {0, P(zeros)}},
	{"delete_module", SYS_delete_module, {P("x"), 0}},
	{"fanotify_init", SYS_fanotify_init, {0x0c, O_RDONLY}},
	{"finit_module", SYS_finit_module, {0, P(""), 0}},
	{"get_mempolicy", SYS_get_mempolicy, {0, 0, 0, 0, 0}},
	{"init_module", SYS_init_module, {P(zeros), 512, P("")}},
	{"io_uring_setup", SYS_io_uring_setup, {4, P(zeros)}},
	{"ioperm", SYS_ioperm, {0x3f8, 1, 1}},
	{"iopl", SYS_iopl, {3}},
	{"kexec_load", SYS_kexec_load, {0, 0, 0, 0}},
	{"lookup_dcookie", SYS_lookup_dcookie, {0, 0, P(zeros), 512}},
	{"mbind", SYS_mbind, {0x10000, 4096, 0, 0, 0}},
	{"migrate_pages", SYS_migrate_pages, {0, 1, P(zeros), P(zeros)}},
	{"modify_ldt", SYS_modify_ldt, {0, P(zeros), 512}},
	{"move_pages", SYS_move_pages, {0, 0, 0, 0, 0}},
	{"nfsservctl", SYS_nfsservctl, {0, 0, 0}},
	{"open_by_handle_at", SYS_open_by_handle_at, {AT_FDCWD, P(zeros), O_RDONLY}},
	{"perf_event_open", SYS_perf_event_open, {P(&event), -1, 0, -1, 0}},
	{"quotactl", SYS_quotactl, {0x800002 << 8, P("/dev/null"), 0, P(zeros)}},
	{"reboot", SYS_reboot, {0xfee1dead, 672274793, 0 /* CAD_OFF */}},
	{"request_key", SYS_request_key, {P("user"), P("x"), P(""), 0}},
	{"settimeofday", 79, {P(&noon_tv), 0}},
	{"stime", SYS_stime, {P(&noon)}},
	{"swapoff", SYS_swapoff, {P("/tmp/swap")}},
	{"swapon", SYS_swapon, {P("/tmp/swap"), 0}},
	{"sysfs", SYS_sysfs, {3}},
	{"syslog", SYS_syslog, {3, P(zeros), 512}},
	{"uselib", SYS_uselib, {P("/bin/busybox")}},
	{"userfaultfd", SYS_userfaultfd, {0}},
	{"ustat", SYS_ustat, {0x801, P(zeros)}},
	{"vhangup", SYS_vhangup, {0}},
	{"vm86", SYS_vm86, {0, 0}},
	{"vm86old", SYS_vm86old, {0}},
};

static void try_never(enum kind kind)
{
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		const long *a = never[i].arguments;

		/* In its own user namespace and its own mounts it may watch files. */
		if (never[i].number == SYS_fanotify_init && kind != DEFAULT)
			continue;
		long ret = syscall(never[i].number, a[0], a[1], a[2], a[3], a[4]);

		if (ret >= 0)
			escaped("%s gave %ld", never[i].name, ret);
	}
}

/* A number that was not known when the filters were written must not exist. */
static void unknown(enum kind kind)
{
	for (long number = 463; number < 1024; number++)
		if (syscall(number, 0, 0, 0, 0, 0) >= 0 || errno != ENOSYS)
			escaped("system call %ld exists", number);
}

/* Keyrings are by user and session: the host's root has a key of this name in each of its own. */
static void keyrings(enum kind kind)
{
	char text[256];

	for (long special = -1; special > -8; special--)
		if (syscall(SYS_keyctl, 10 /* SEARCH */, special, "user", CANARY, 0) >= 0)
			escaped("the host's key is in keyring %ld", special);
	/* And by number, as far as they are listed. */
	for (const char *line = text_of("/dev/.nest/proc/keys"); line && *line;
	     line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
		if (syscall(SYS_keyctl, 11 /* READ */, strtol(line, NULL, 16), text, sizeof(text)) > 0 && strstr(text, CANARY))
			escaped("the host's key can be read");
	if (strstr(text_of("/proc/keys"), CANARY))
		escaped("the host's key is listed");
}

static void personalities(enum kind kind)
{
	static const unsigned long others[] = {READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE, MMAP_PAGE_ZERO, PER_BSD};

	for (size_t i = 0; i < 4; i++)
		if (personality(others[i]) >= 0)
			escaped("personality 0x%lx", others[i]);
}

static void host_name(enum kind kind)
{
	if (sethostname("escaped", 7) == 0 && kind == DEFAULT)
		escaped("the host name can be set");
}

const struct attempt syscall_attempts[] = {
	{"system calls of the machine", ANY, try_never}, {"unknown system calls", ANY, unknown}, {"keyrings", ANY, keyrings},
	{"personalities", ANY, personalities},           {"host name", ANY, host_name},          {0},
};
