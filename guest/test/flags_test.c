/* Values of run's flags, and system call filters compiled from profiles. */
#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include "bpf.h"
#include "check.h"
#include "device.h"
#include "keyvalue.h"
#include "mountflag.h"
#include "seccomp_profile.h"
#include "spec.h"
#include "sysctl.h"
#include "tmpfs.h"
#include "ulimit.h"
#include "user.h"

static struct err e;

static void test_ulimits(void)
{
	struct ulimit l;

	CHECK(ulimit_parse("nofile=10", &l, &e) == 0 && l.limit.rlim_cur == 10 && l.limit.rlim_max == 10);
	CHECK(ulimit_parse("core=0:-1", &l, &e) == 0 && l.limit.rlim_cur == 0 && l.limit.rlim_max == RLIM_INFINITY);
	CHECK(ulimit_parse("core=-1:5", &l, &e) < 0 && ulimit_parse("core=6:5", &l, &e) < 0);
	CHECK(ulimit_parse("core=1e3", &l, &e) < 0 && ulimit_parse("core= 1", &l, &e) < 0 && ulimit_parse("core=", &l, &e) < 0);
	CHECK(ulimit_parse("core=99999999999999999999", &l, &e) < 0 && strstr(e.msg, "out of range"));
}

static void test_sysctls(void)
{
	static const char *const refused[] = {
		"kernel.hostname=x", "kernel.shmmax",           "kernel.shmmaxx=1", "kernel.shmmax.x=1", "net.=1", "net=1",
		"fs.mqueue=1",       "net/ipv4/ip_forward=1",   "net.a..b=1",       "net.a/../x=1",      "=1",     "net.x=",
		"net.x=a\nb",        "kernel.core_pattern=|/x", " net.x=1",         "vm.overcommit=1",
	};

	CHECK(sysctl_check("net.ipv4.conf.eth0-1.rp_filter=0 1\t2", &e) == 0);
	CHECK(sysctl_check("kernel.shm_rmid_forced=1", &e) == 0 && sysctl_check("fs.mqueue.msg_max=1", &e) == 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
		CHECK(sysctl_check(refused[i], &e) < 0);
		CHECK(strstr(e.msg, refused[i]));
	}
	/* OCI's, which may have slashes; a dot is part of a name then. */
	CHECK(sysctl_namespace("net/ipv4/conf/eth0.1/rp_filter", 30) == CLONE_NEWNET);
	CHECK(sysctl_namespace("net.ipv4.conf.eth0/1.rp_filter", 31) == 0);
	CHECK(sysctl_namespace("net.ipv4.conf.eth0/1.rp_filter", 30) == CLONE_NEWNET);
	CHECK(sysctl_namespace("kernel/hostname", 15) == CLONE_NEWUTS && sysctl_namespace("kernel.semx", 10) == CLONE_NEWIPC);
	CHECK(!sysctl_namespace("net/../kernel/sem", 17) && !sysctl_namespace("net/./x", 7) && !sysctl_namespace("net/", 4));
	CHECK(!sysctl_namespace("net.a/../b", 10) && !sysctl_namespace("/net/x", 6) && !sysctl_namespace("net//x", 6));
	CHECK(time_offset_check("boottime=-10", &e) == 0 && time_offset_check("boottime=--10", &e) < 0);
	CHECK(time_offset_check("boottime=315360001", &e) < 0 && time_offset_check("boottime 1", &e) < 0);
}

static void test_devices(void)
{
	struct device d;

	CHECK(device_parse("/dev/fuse", &d, &e) == 0 && d.read && d.write);
	CHECK_TEXT(d.name, "fuse");
	CHECK(device_parse("/dev/fuse:r", &d, &e) == 0 && d.read && !d.write);
	CHECK(device_parse("/dev/net/tun:/dev/a/b:w", &d, &e) == 0 && !d.read && d.write);
	CHECK_TEXT(d.source, "/dev/net/tun");
	CHECK_TEXT(d.name, "a/b");
	CHECK(device_parse("/dev/x:/etc/x", &d, &e) < 0 && device_parse("/dev/../x", &d, &e) < 0);
	CHECK(device_parse("/dev//x", &d, &e) < 0 && device_parse("/dev/", &d, &e) < 0 && device_parse("/dev/x/", &d, &e) < 0);
	CHECK(device_parse("/dev/x:/dev/y:rr", &d, &e) < 0 && device_parse("/dev/x:/dev/y:", &d, &e) < 0);
}

static void test_tmpfs(void)
{
	struct tmpfs t;

	CHECK(tmpfs_parse("/a/b:size=10%,mode=1777,exec,ro", &t, &e) == 0);
	CHECK_TEXT(t.target, "/a/b");
	CHECK_TEXT(t.options[0][1], "10%");
	CHECK(tmpfs_parse("/", &t, &e) < 0 && tmpfs_parse("/a/../b", &t, &e) < 0 && tmpfs_parse("/./proc", &t, &e) < 0);
	CHECK(tmpfs_parse("/a:size", &t, &e) < 0 && tmpfs_parse("/a:size=1kk", &t, &e) < 0 &&
	      tmpfs_parse("/a:mode=8", &t, &e) < 0);
	CHECK(tmpfs_parse("/a:size=1,size=1,size=1,size=1,size=1,size=1,size=1,size=1", &t, &e) < 0);
}

static void test_mounts(void)
{
	static struct mountflag m;

	CHECK(mountflag_parse("type=bind,source=/a,target=/b,readonly", &m, &e) == 0 && m.bind);
	CHECK_TEXT(m.text, "/a:/b:ro");
	CHECK(mountflag_parse("src=v,\"dst=/b,c\",ro=false", &m, &e) == 0 && !m.bind && !m.tmpfs);
	CHECK_TEXT(m.text, "v:/b,c");
	CHECK(mountflag_parse("type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700", &m, &e) == 0 && m.tmpfs);
	CHECK_TEXT(m.text, "/t:rw,size=1m,mode=700");
	CHECK(mountflag_parse("src=v,dst=/b,volume-nocopy,volume-subpath=a/b,readonly=1", &m, &e) == 0);
	CHECK_TEXT(m.text, "v:/b:ro,nocopy,subpath=a/b");
	CHECK(mountflag_parse("dst=/b", &m, &e) == 0);
	CHECK_TEXT(m.text, "/b");
	CHECK(mountflag_parse("src=v,dst=/b,volume-subpath=a:b", &m, &e) < 0 && mountflag_parse("dst=/b,ro", &m, &e) < 0);
	CHECK(mountflag_parse("src=v,dst=/b,volume-driver=nfs", &m, &e) < 0);
	CHECK(mountflag_parse("type=bind,src=/a,dst=/b,bind-propagation=rshared", &m, &e) < 0);
	CHECK(mountflag_parse("type=bind,src=/a,dst=\"/b", &m, &e) < 0 && mountflag_parse("", &m, &e) < 0);
	CHECK(mountflag_parse("type=bind,src=/a:/etc,dst=/b", &m, &e) < 0);
}

/* The lines' array as JSON. */
static const char *line(bool label, const char *text)
{
	static struct jsonw w;

	jsonw_free(&w);
	w = (struct jsonw){0};
	jsonw_array(&w, NULL);
	int ret = keyvalue_line(&w, label, "f", 3, text, &e);

	jsonw_end_array(&w);
	return ret < 0 ? NULL : w.data;
}

static void test_lines(void)
{
	CHECK_TEXT(line(false, "  A=b c "), "[\"A=b c \"]");
	CHECK_TEXT(line(false, " # A=b"), "[]");
	CHECK_TEXT(line(false, ""), "[]");
	CHECK_TEXT(line(true, "a"), "[\"a\"]");
	unsetenv("NOT_SET");
	CHECK_TEXT(line(false, "NOT_SET"), "[]");
	setenv("IS_SET", "1", 1);
	CHECK_TEXT(line(false, "IS_SET"), "[\"IS_SET=1\"]");
	CHECK(!line(false, "=b") && !line(false, "A b=c") && !line(false, "A=\xff"));
	CHECK(strstr(e.msg, "line 3"));
}

static void test_groups(void)
{
	static const char group[] = "root:x:0:\nvideo:x:44:\n";
	struct user u;

	CHECK(user_parse("", group, "1000", &u, &e) == 0);
	CHECK(user_join(group, "video", &u, &e) == 0 && user_join(group, "44", &u, &e) == 0 &&
	      user_join(group, "7", &u, &e) == 0);
	CHECK(u.group_count == 2 && u.groups[0] == 44 && u.groups[1] == 7);
	CHECK(user_join(group, "nosuch", &u, &e) < 0 && user_join(group, "-1", &u, &e) < 0);
}

static void test_hosts(void)
{
	const char *address;

	CHECK(spec_add_host("a:1.2.3.4", &address, &e) == 1 && strcmp(address, "1.2.3.4") == 0);
	CHECK(spec_add_host("ab=host-gateway", &address, &e) == 2 && strcmp(address, "host-gateway") == 0);
	CHECK(spec_add_host("a b:1.2.3.4", NULL, &e) < 0 && spec_add_host("a:", NULL, &e) < 0 &&
	      spec_add_host("a", NULL, &e) < 0);
	CHECK(spec_depth("/a//b/./c/") == 3 && spec_depth("/") == 0);
	CHECK(spec_target("/a/proc", &e) == 0 && spec_target("/./proc/x", &e) < 0 && spec_target("//sys", &e) < 0);
	CHECK(spec_target("/run/nest/x", &e) < 0 && spec_target("/run", &e) == 0 && spec_target("/devices", &e) == 0);
}

/* --- filters */

static struct seccomp_program program;

static int compile(const char *text, uint64_t caps)
{
	struct json *profile = json_parse(text, strlen(text), &e);
	int ret = profile ? seccomp_compile(profile, caps, &program, &e) : -1;

	json_free(profile);
	if (ret == 0)
		bpf_check(program.code, program.length);
	return ret;
}

static uint32_t answer(uint32_t nr, uint32_t first, uint32_t second)
{
	const uint32_t args[6] = {first, second};

	return bpf_run(program.code, program.length, nr, args);
}

#define REFUSED(code) (SECCOMP_RET_ERRNO | (code))

static void test_filter_names(void)
{
	/* read 3, write 4, mkdir 39, mseal 462 */
	CHECK(compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mkdir\",\"breakpoint\"],\"action\":"
		      "\"SCMP_ACT_ERRNO\",\"errnoRet\":28},{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_KILL_PROCESS\"}]}",
		      0) == 0);
	CHECK(answer(39, 0, 0) == REFUSED(28) && answer(38, 0, 0) == SECCOMP_RET_ALLOW && answer(40, 0, 0) == SECCOMP_RET_ALLOW);
	CHECK(answer(463, 0, 0) == SECCOMP_RET_ALLOW);
	CHECK(compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"read\",\"mkdir\"],\"action\":"
		      "\"SCMP_ACT_ALLOW\"}]}",
		      0) == 0);
	CHECK(answer(3, 0, 0) == SECCOMP_RET_ALLOW && answer(4, 0, 0) == REFUSED(EPERM) && answer(38, 0, 0) == REFUSED(EPERM));
	/* Newer than the newest one named: what does not exist. */
	CHECK(answer(40, 0, 0) == REFUSED(ENOSYS) && answer(462, 0, 0) == REFUSED(ENOSYS) &&
	      answer(~0u, 0, 0) == REFUSED(ENOSYS));
	CHECK(compile("{\"defaultAction\":\"SCMP_ACT_KILL\"}", 0) == 0 && answer(1000, 0, 0) == SECCOMP_RET_KILL_THREAD);
	CHECK(compile("{}", 0) < 0 && compile("[]", 0) < 0);
}

static void test_filter_conditions(void)
{
	static const struct {
		const char *op;
		uint32_t value, two, with, without;
	} ops[] = {
		{"EQ", 5, 0, 5, 6},
		{"NE", 5, 0, 6, 5},
		{"LT", 5, 0, 4, 5},
		{"LE", 5, 0, 5, 6},
		{"GT", 5, 0, 0xfffffff0, 5},
		{"GE", 5, 0, 5, 4},
		{"MASKED_EQ", 0xf0, 0x20, 0x2f, 0x3f},
	};
	char text[400];

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++) {
		snprintf(
			text, sizeof(text),
			"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ERRNO\","
			"\"args\":[{\"index\":1,\"value\":%u,\"valueTwo\":%u,\"op\":\"SCMP_CMP_%s\"},"
			"{\"index\":0,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]}]}",
			ops[i].value, ops[i].two, ops[i].op);
		CHECK(compile(text, 0) == 0);
		CHECK(answer(37, 7, ops[i].with) == REFUSED(EPERM));
		CHECK(answer(37, 7, ops[i].without) == SECCOMP_RET_ALLOW && answer(37, 8, ops[i].with) == SECCOMP_RET_ALLOW);
	}
	/* The same argument twice: either is enough. An entry without conditions counts before those with. */
	CHECK(compile("{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ALLOW\","
		      "\"args\":["
		      "{\"index\":1,\"value\":1,\"op\":\"SCMP_CMP_EQ\"},{\"index\":1,\"value\":2,\"op\":\"SCMP_CMP_EQ\"}]},"
		      "{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_TRAP\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_"
		      "EQ\"}]},"
		      "{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
		      0) == 0);
	CHECK(answer(37, 0, 1) == SECCOMP_RET_ALLOW && answer(37, 0, 2) == SECCOMP_RET_ALLOW &&
	      answer(37, 0, 3) == REFUSED(EPERM));
	CHECK(answer(39, 1, 0) == SECCOMP_RET_ALLOW);
}

static void test_filter_multiplexed(void)
{
	/* socketcall 102: socket is 1, connect 3; ipc 117: shmget is 23, whatever version is above it */
	CHECK(compile("{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"socket\",\"shmget\"],\"action\":"
		      "\"SCMP_ACT_ERRNO\"}]}",
		      0) == 0);
	CHECK(answer(102, 1, 0) == REFUSED(EPERM) && answer(102, 3, 0) == SECCOMP_RET_ALLOW &&
	      answer(359, 1, 0) == REFUSED(EPERM));
	CHECK(answer(117, 23, 0) == REFUSED(EPERM) && answer(117, 0x10017, 0) == REFUSED(EPERM) &&
	      answer(117, 24, 0) == SECCOMP_RET_ALLOW);
}

static void test_filter_depends(void)
{
	static const char text[] =
		"{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"mount\"],\"action\":\"SCMP_ACT_ALLOW\","
		"\"includes\":"
		"{\"caps\":[\"CAP_SYS_ADMIN\"]}},{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_ALLOW\",\"excludes\":{\"caps\":"
		"[\"CAP_SYS_ADMIN\"]}},{\"names\":[\"rmdir\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"amd64\"]}"
		"},"
		"{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"arches\":[\"x86\"],\"minKernel\":\"2.6\"}},"
		"{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\",\"includes\":{\"minKernel\":\"99.0\"}}]}";

	CHECK(compile(text, 0) == 0);
	CHECK(answer(39, 0, 0) == SECCOMP_RET_ALLOW && answer(40, 0, 0) != SECCOMP_RET_ALLOW &&
	      answer(21, 0, 0) == REFUSED(EPERM));
	CHECK(answer(3, 0, 0) == SECCOMP_RET_ALLOW && answer(4, 0, 0) == REFUSED(EPERM));
	CHECK(compile(text, caps_by_name("SYS_ADMIN")) == 0);
	CHECK(answer(21, 0, 0) == SECCOMP_RET_ALLOW && answer(39, 0, 0) != SECCOMP_RET_ALLOW);
}

/* Branches longer than a jump of eight bits reaches. */
static void test_filter_large(void)
{
	static char text[65536];
	size_t used = (size_t)snprintf(text, sizeof(text), "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[");

	for (unsigned i = 0; i < 300; i++)
		used += (size_t)snprintf(
			text + used, sizeof(text) - used,
			"%s{\"names\":[\"%s\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":1,\"value\":%u,"
			"\"op\":\"SCMP_CMP_EQ\"}]}",
			i ? "," : "", (const char *const[]){"read", "mkdir", "getcwd"}[i % 3], i);
	snprintf(text + used, sizeof(text) - used, "]}");
	CHECK(compile(text, 0) == 0 && program.length > 900);
	for (uint32_t i = 0; i < 300; i++) {
		CHECK(answer((const uint32_t[]){3, 39, 183}[i % 3], 0, i) == SECCOMP_RET_ALLOW);
		CHECK(answer((const uint32_t[]){39, 183, 3}[i % 3], 0, i) == REFUSED(EPERM));
	}
	CHECK(answer(4, 0, 0) == REFUSED(EPERM) && answer(184, 0, 0) == REFUSED(ENOSYS));
}

int main(void)
{
	static const struct test tests[] = {
		TEST(test_ulimits),
		TEST(test_sysctls),
		TEST(test_devices),
		TEST(test_tmpfs),
		TEST(test_mounts),
		TEST(test_lines),
		TEST(test_groups),
		TEST(test_hosts),
		TEST(test_filter_names),
		TEST(test_filter_conditions),
		TEST(test_filter_multiplexed),
		TEST(test_filter_depends),
		TEST(test_filter_large),
	};

	return RUN(tests);
}
