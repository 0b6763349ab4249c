#include <math.h>
#include <stdio.h>
#include <string.h>
#include "oci_schema.h"

enum { FIELD_MAX = 200 };

/*
 * A pattern is `s` a text, `P` an absolute path, `b` a boolean, `i` a whole number, `u` one from 0 to 2^32 - 1, `n` one from 0,
 * `x` something we cannot do, `[` what a list holds, or `{name:pattern …}` with `name!pattern` for what must be there and `*` for all names.
 */
#define HOOKS "[{path!Pargs:[senv:[stimeout:u}"
#define IDS "[{containerID!uhostID!usize!u}"
#define RATES "[{major!uminor!urate!n}"
#define PROCESS                                                                                                                  \
	"{args:[senv:[scwd!Pterminal:buser:{uid:ugid:uumask:uadditionalGids:[u}consoleSize:{height!uwidth!u}"                    \
	"capabilities:{bounding:[seffective:[sinheritable:[spermitted:[sambient:[s}rlimits:[{type!shard!nsoft!n}"                \
	"noNewPrivileges:boomScoreAdj:iapparmorProfile:xselinuxLabel:xscheduler:xioPriority:xexecCPUAffinity:x}"
#define RESOURCES                                                                                                                \
	"{devices:[{allow!btype:smajor:iminor:iaccess:s}memory:{limit:ireservation:iswap:i}"                                     \
	"cpu:{shares:nquota:iburst:nperiod:nidle:icpus:smems:s}pids:{limit!i}blockIO:{weight:uweightDevice:[{major!u"            \
	"minor!uweight:u}throttleReadBpsDevice:" RATES "throttleWriteBpsDevice:" RATES "throttleReadIOPSDevice:" RATES           \
	"throttleWriteIOPSDevice:" RATES "}hugepageLimits:[{pageSize!slimit!n}network:xrdma:xunified:{*:s}}"
#define SECCOMP                                                                                                                  \
	"{defaultAction!sdefaultErrnoRet:uarchitectures:[sflags:[slistenerPath:slistenerMetadata:s"                              \
	"syscalls:[{names![saction!serrnoRet:uargs:[{index!uvalue!nvalueTwo:nop!s}}}"
#define CONFIG                                                                                                                   \
	"{ociVersion!sprocess:" PROCESS "root!{path!sreadonly:b}hostname:sdomainname:s"                                          \
	"mounts:[{destination!stype:ssource:soptions:[suidMappings:xgidMappings:x}hooks:{prestart:" HOOKS "createRuntime:" HOOKS \
	"createContainer:" HOOKS "startContainer:" HOOKS "poststart:" HOOKS "poststop:" HOOKS                                    \
	"}annotations:{*:s}linux:{namespaces:[{type!spath:s}uidMappings:" IDS "gidMappings:" IDS                                 \
	"devices:[{type!spath!Pmajor:iminor:ifileMode:uuid:ugid:u}cgroupsPath:sresources:" RESOURCES                             \
	"maskedPaths:[PreadonlyPaths:[ProotfsPropagation:ssysctl:{*:s}seccomp:" SECCOMP "personality:{domain!s}"                 \
	"timeOffsets:{*:{secs:inanosecs:u}}mountLabel:xintelRdt:xnetDevices:xmemoryPolicy:x}}"

struct field {
	char name[FIELD_MAX];
	struct err *e;
};

static int wrong(const struct field *f, const char *what)
{
	return err_set(f->e, 1, "config: %s: %s", *f->name ? f->name : "the whole", what);
}

static int match(struct field *f, const char **pattern, const struct json *v);

static int match_in(struct field *f, const char **pattern, const struct json *v, const char *format, const char *name,
		    unsigned index)
{
	size_t before = strlen(f->name);
	char index_text[16];

	snprintf(index_text, sizeof(index_text), "%u", index);
	snprintf(f->name + before, sizeof(f->name) - before, format, name ? name : index_text);
	int ret = match(f, pattern, v);

	if (ret == 0)
		f->name[before] = 0;
	return ret;
}

static int match_list(struct field *f, const char **pattern, const struct json *v)
{
	const char *start = *pattern;
	unsigned index = 0;

	if (v && v->kind != JSON_ARRAY)
		return wrong(f, "a list is wanted");
	json_each(item, v) {
		*pattern = start;
		if (match_in(f, pattern, item, "[%s]", NULL, index++) < 0)
			return -1;
	}
	return index ? 0 : match(f, pattern, NULL);
}

static int match_object(struct field *f, const char **pattern, const struct json *v)
{
	char name[32];

	if (v && v->kind != JSON_OBJECT)
		return wrong(f, "an object is wanted");
	while (**pattern != '}') {
		size_t length = strcspn(*pattern, ":!");
		bool required = (*pattern)[length] == '!';

		snprintf(name, sizeof(name), "%.*s", (int)length, *pattern);
		*pattern += length + 1;
		const char *start = *pattern;

		if (*name != '*') {
			const struct json *child = json_get(v, name);

			if (v && required && !child) {
				snprintf(f->name + strlen(f->name), sizeof(f->name) - strlen(f->name), "%s%s",
					 *f->name ? "." : "", name);
				return wrong(f, "is missing");
			}
			if (match_in(f, pattern, child, *f->name ? ".%s" : "%s", name, 0) < 0)
				return -1;
			continue;
		}
		json_each(child, v) {
			*pattern = start;
			if (match_in(f, pattern, child, ".%s", child->key, 0) < 0)
				return -1;
		}
		*pattern = start;
		if (match(f, pattern, NULL) < 0)
			return -1;
	}
	(*pattern)++;
	return 0;
}

static bool whole(const struct json *v, double from, double to)
{
	return v->kind == JSON_NUMBER && v->number == trunc(v->number) && v->number >= from && v->number <= to;
}

static int match(struct field *f, const char **pattern, const struct json *v)
{
	char kind = *(*pattern)++;

	/* Go programs write null for an empty list. */
	if (v && v->kind == JSON_NULL)
		v = NULL;
	if (kind == '[')
		return match_list(f, pattern, v);
	if (kind == '{')
		return match_object(f, pattern, v);
	if (!v)
		return 0;
	switch (kind) {
	case 's':
		return v->kind == JSON_STRING ? 0 : wrong(f, "a text is wanted");
	case 'P':
		return v->kind == JSON_STRING && v->string[0] == '/' ? 0 : wrong(f, "an absolute path is wanted");
	case 'b':
		return v->kind == JSON_BOOL ? 0 : wrong(f, "true or false is wanted");
	case 'i':
		return whole(v, -0x1p63, 0x1p63) ? 0 : wrong(f, "a whole number is wanted");
	case 'n':
		return whole(v, 0, 0x1p64) ? 0 : wrong(f, "a whole number from 0 is wanted");
	case 'u':
		return whole(v, 0, 4294967295.0) ? 0 : wrong(f, "a whole number from 0 to 4294967295 is wanted");
	default:
		if (v->kind == JSON_STRING || v->kind == JSON_ARRAY || v->kind == JSON_OBJECT)
			return v->length == 0 ? 0 : wrong(f, "is not supported");
		return 0;
	}
}

static int check(const struct json *v, const char *name, const char *pattern, struct err *e)
{
	struct field f = {.e = e};

	snprintf(f.name, sizeof(f.name), "%s", name);
	return match(&f, &pattern, v);
}

int oci_check_config(const struct json *config, struct err *e)
{
	return check(config, "", CONFIG, e);
}

int oci_check_process(const struct json *process, struct err *e)
{
	return check(process, "process", PROCESS, e);
}

int oci_check_resources(const struct json *resources, struct err *e)
{
	return check(resources, "linux.resources", RESOURCES, e);
}
