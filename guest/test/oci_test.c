/* config.json of OCI bundles: types of fields, with the field's name in every refusal; processes and ids. */
#include <string.h>
#include "check.h"
#include "oci.h"
#include "oci_schema.h"
#include "seccomp_profile.h"

static char said[512];

/* What the check says of that text, "" when it is good. */
static const char *verdict(const char *text, int (*checker)(const struct json *, struct err *))
{
	struct err e = {0};
	struct json *json = json_parse(text, strlen(text), &e);

	if (!json)
		return "no JSON";
	said[0] = 0;
	if (checker(json, &e) < 0)
		strcpy(said, e.msg);
	json_free(json);
	return said;
}

static void test_schema(void)
{
	static const struct {
		const char *text, *wrong;
	} cases[] = {
		{"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"unknown\":[1]}", ""},
		{"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"r\"},\"mounts\":null,\"linux\":{\"devices\":null}}", ""},
		{"{}", "config: ociVersion: is missing"},
		{"[]", "config: the whole: an object is wanted"},
		{"{\"ociVersion\":1}", "config: ociVersion: a text is wanted"},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"mounts\":{}}", "config: mounts: a list is wanted"},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"mounts\":[{\"destination\":\"/a\"},{}]}",
		 "config: mounts[1].destination: is missing"},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"mounts\":[{\"destination\":\"/a\",\"options\":[\"ro\",2]}]}",
		 "config: mounts[0].options[1]: a text is wanted"},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"annotations\":{\"a\":\"b\",\"c\":3}}",
		 "config: annotations.c: a text is wanted"},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"hooks\":{\"poststop\":[{\"path\":\"x\"}]}}",
		 "config: hooks.poststop[0].path: an absolute path is wanted"},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"linux\":{\"uidMappings\":[{\"containerID\":0,\"hostID\":1.5,"
		 "\"size\":1}]}}",
		 "config: linux.uidMappings[0].hostID: a whole number from 0 to 4294967295 is wanted"},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"linux\":{\"mountLabel\":\"\"}}", ""},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"linux\":{\"mountLabel\":\"x\"}}",
		 "config: linux.mountLabel: is not supported"},
		{"{\"ociVersion\":\"1\",\"root\":{\"path\":\"r\"},\"linux\":{\"timeOffsets\":{\"monotonic\":{\"secs\":-1,"
		 "\"nanosecs\":-1}}}}",
		 "config: linux.timeOffsets.monotonic.nanosecs: a whole number from 0 to 4294967295 is wanted"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK_TEXT(verdict(cases[i].text, oci_check_config), cases[i].wrong);
	CHECK_TEXT(verdict("{\"cwd\":\"x\"}", oci_check_process), "config: process.cwd: an absolute path is wanted");
	CHECK_TEXT(verdict("{\"cwd\":\"/\",\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":18446744073709551615,\"soft\":-1}]}",
			   oci_check_process),
		   "config: process.rlimits[0].soft: a whole number from 0 is wanted");
	CHECK_TEXT(verdict("{\"pids\":{\"limit\":5},\"unified\":{\"a\":1}}", oci_check_resources),
		   "config: linux.resources.unified.a: a text is wanted");
}

/* What is said of a bundle with that linux.seccomp; NULL: compiled. */
static const char *filter_verdict(const char *seccomp)
{
	static char text[1024];
	struct err e = {0};
	struct process p = {.no_seccomp = true};

	snprintf(text, sizeof(text), "{\"linux\":{\"seccomp\":%s}}", seccomp);
	struct json *json = json_parse(text, strlen(text), &e);
	int ret = json ? oci_seccomp(json, &p, &e) : -1;

	json_free(json);
	said[0] = 0;
	if (ret < 0)
		strcpy(said, e.msg);
	else if (p.no_seccomp || !p.filter || !p.filter->length)
		strcpy(said, "no filter");
	else if (p.filter->flags)
		snprintf(said, sizeof(said), "flags %u", p.filter->flags);
	return said;
}

static void test_seccomp(void)
{
	static const struct {
		const char *text, *wrong;
	} cases[] = {
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", ""},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":null,\"syscalls\":null}", ""},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\","
		 "\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\"]}",
		 "flags 6"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"defaultErrnoRet\":1}",
		 "config: linux.seccomp: defaultErrnoRet: SCMP_ACT_ALLOW returns no error number"},
		{"{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", "config: linux.seccomp: seccomp profile: SCMP_ACT_NOTIFY: nobody "
							    "stays beside the program who could answer for it"},
		{"{\"defaultAction\":\"SCMP_ACT_ERRNO\"}",
		 "config: linux.seccomp: seccomp profile: no program can run without execve"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_\"]}",
		 "config: linux.seccomp.architectures: unknown \"SCMP_ARCH_\""},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[],\"action\":\"SCMP_ACT_LOG\"}]}",
		 "config: linux.seccomp.syscalls: names: is empty"},
		{"{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerMetadata\":\"x\"}",
		 "config: linux.seccomp.listenerMetadata: needs listenerPath"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		CHECK_TEXT(filter_verdict(cases[i].text), cases[i].wrong);
}

static void test_process(void)
{
	static const char text[] =
		"{\"cwd\":\"/\",\"args\":[\"a\",\"b\"],\"env\":[\"A=1\",\"B=2\",\"A=3\"],\"user\":{\"uid\":4,\"umask\":63,"
		"\"additionalGids\":[5]},\"capabilities\":{\"bounding\":[\"CAP_CHOWN\",\"CAP_NOPE\",\"KILL\"]}}";
	struct err e = {0};
	struct json *json = json_parse(text, strlen(text), &e);
	struct oci_process p;

	CHECK(json && oci_process_parse(json, &p, &e) == 0);
	CHECK_TEXT(p.process.argv[1], "b");
	CHECK(!p.process.argv[2]);
	CHECK_TEXT(p.process.env[0], "A=3");
	CHECK(!p.process.env[2]);
	CHECK(p.user.uid == 4 && p.user.gid == 0 && p.user.group_count == 1 && p.user.groups[0] == 5);
	CHECK(p.process.mask == 077);
	/* Names are the specification's; others are said and ignored. */
	CHECK(p.caps.bounding == 1 && p.caps.effective == 0);
	oci_process_free(&p);
	json_free(json);
	CHECK(oci_id_check("a.b_c-1+", NULL) == 0);
	CHECK(oci_id_check("", NULL) < 0 && oci_id_check("..", NULL) < 0 && oci_id_check("a/b", NULL) < 0 &&
	      oci_id_check("a b", NULL) < 0);
}

int main(void)
{
	static const struct test tests[] = {TEST(test_schema), TEST(test_process), TEST(test_seccomp)};

	return RUN(tests);
}
