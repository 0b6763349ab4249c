#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include "io.h"
#include "oci.h"
#include "oci_schema.h"

#define NS_GET_NSTYPE 0xb703

const struct oci_namespace oci_namespaces[OCI_NAMESPACES] = {
	{"cgroup", "cgroup", CLONE_NEWCGROUP}, {"ipc", "ipc", CLONE_NEWIPC},    {"mount", "mnt", CLONE_NEWNS},
	{"network", "net", CLONE_NEWNET},      {"pid", "pid", CLONE_NEWPID},    {"time", "time", CLONE_NEWTIME},
	{"uts", "uts", CLONE_NEWUTS},          {"user", "user", CLONE_NEWUSER},
};

const struct json *oci_get(const struct json *config, const char *path)
{
	char name[32];

	while (config && *path) {
		size_t length = strcspn(path, ".");

		snprintf(name, sizeof(name), "%.*s", (int)length, path);
		config = json_get(config, name);
		path += length + (path[length] == '.');
	}
	return config && (config->kind == JSON_ARRAY || config->kind == JSON_OBJECT) ? config : NULL;
}

static int namespaces_check(const struct json *config, struct err *e)
{
	int join[OCI_NAMESPACES];
	size_t count = 0;
	unsigned flags;
	int ret = oci_namespaces_parse(config, join, &count, &flags, e);

	while (count)
		close(join[--count]);
	if (ret < 0)
		return -1;
	if (flags & CLONE_NEWUSER && (!oci_get(config, "linux.uidMappings") || !oci_get(config, "linux.gidMappings")))
		return err_set(e, 1, "config: linux.uidMappings and linux.gidMappings: a new user namespace needs them");
	return 0;
}

struct json *oci_config_read(const char *path, struct err *e)
{
	size_t length;
	_cleanup_free_ char *text = read_file(path, OCI_TEXT_MAX, &length, e);
	struct json *config = text ? json_parse(text, length, e) : NULL;
	struct oci_process p;

	if (!config) {
		err_context(e, "config");
		return NULL;
	}
	const char *version = json_string(config, "ociVersion", "");

	if (oci_check_config(config, e) < 0) {
	} else if (strncmp(version, "1.", 2) != 0 || !version[2]) {
		err_set(e, 1, "config: ociVersion: \"%.40s\" is no version 1.x", version);
	} else if (!oci_get(config, "root")) {
		err_set(e, 1, "config: root: is missing");
	} else if (namespaces_check(config, e) == 0 && oci_process_parse(oci_get(config, "process"), &p, e) == 0) {
		oci_process_free(&p);
		return config;
	}
	json_free(config);
	return NULL;
}

int oci_namespaces_parse(const struct json *config, int join[OCI_NAMESPACES], size_t *join_count, unsigned *flags, struct err *e)
{
	unsigned seen = 0;

	*join_count = 0;
	*flags = 0;
	for (size_t i = 0; i < OCI_NAMESPACES; i++) {
		json_each(ns, oci_get(config, "linux.namespaces")) {
			const char *type = json_string(ns, "type", ""), *path = json_string(ns, "path", "");
			unsigned flag = (unsigned)oci_namespaces[i].flag;

			if (strcmp(type, oci_namespaces[i].name) != 0) {
				size_t known = 0;

				while (known < OCI_NAMESPACES && strcmp(type, oci_namespaces[known].name) != 0)
					known++;
				if (known == OCI_NAMESPACES)
					return err_set(e, 1, "config: linux.namespaces: unknown type \"%.40s\"", type);
				continue;
			}
			if (seen & flag)
				return err_set(e, 1, "config: linux.namespaces: \"%s\" is there twice", type);
			seen |= flag;
			if (!*path) {
				*flags |= flag;
				continue;
			}
			if (*path != '/')
				return err_set(e, 1, "config: linux.namespaces: path \"%.80s\" is not absolute", path);
			int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

			if (fd < 0)
				return err_errno(e, 1, "config: linux.namespaces: open %s", path);
			join[(*join_count)++] = fd;
			if (ioctl(fd, NS_GET_NSTYPE) != oci_namespaces[i].flag)
				return err_set(e, 1, "config: linux.namespaces: %.200s is no %s namespace", path, type);
		}
	}
	return 0;
}

static int strings(const struct json *json, const char *key, const char **out, struct err *e)
{
	const struct json *list = oci_get(json, key);
	size_t count = 0;

	if (list && list->length >= SPEC_LIST_MAX)
		return err_set(e, 1, "config: process.%s: more than %d", key, SPEC_LIST_MAX - 1);
	json_each(item, list) {
		/* Of a variable that is there twice the last counts. */
		if (*key == 'a')
			out[count++] = item->string;
		else if (env_put(out, item->string, e) < 0)
			return -1;
	}
	return 0;
}

static uint64_t cap_set(const struct json *process, const char *path)
{
	uint64_t set = 0;

	json_each(name, oci_get(process, path)) {
		uint64_t bit = strncmp(name->string, "CAP_", 4) == 0 ? caps_by_name(name->string) : 0;

		/* As the specification has it: said, and no reason to fail. */
		if (!bit)
			fprintf(stderr, "nest-oci: process.%s: unknown capability %.40s ignored\n", path, name->string);
		set |= bit;
	}
	return set;
}

int oci_process_parse(const struct json *json, struct oci_process *p, struct err *e)
{
	const struct json *user = oci_get(json, "user"), *size = oci_get(json, "consoleSize");

	*p = (struct oci_process){
		.process = {.init = -1,
			    .argv = calloc(SPEC_LIST_MAX, sizeof(char *)),
			    .env = calloc(SPEC_LIST_MAX, sizeof(char *)),
			    .cwd = json_string(json, "cwd", "/"),
			    .user = "",
			    .no_new_privs = json_bool(json, "noNewPrivileges", false),
			    .no_seccomp = true},
		.user = {.uid = (uid_t)json_whole(user, "uid", 0), .gid = (gid_t)json_whole(user, "gid", 0), .home = "/"},
		.caps = {cap_set(json, "capabilities.bounding"), cap_set(json, "capabilities.effective"),
			 cap_set(json, "capabilities.permitted"), cap_set(json, "capabilities.inheritable"),
			 cap_set(json, "capabilities.ambient")},
		.limits = oci_get(json, "rlimits"),
		.terminal = json_bool(json, "terminal", false),
		.columns = (unsigned)json_whole(size, "width", 0) & 0xffff,
		.rows = (unsigned)json_whole(size, "height", 0) & 0xffff,
	};
	p->process.mask = (unsigned)json_whole(user, "umask", 022) & 0777;
	if (!p->process.argv || !p->process.env)
		return err_set(e, 1, "out of memory");
	json_each(group, oci_get(user, "additionalGids")) {
		if (p->user.group_count == USER_GROUPS_MAX)
			return err_set(e, 1, "config: process.user.additionalGids: more than %d", USER_GROUPS_MAX);
		p->user.groups[p->user.group_count++] = (gid_t)group->number;
	}
	if (json && !p->process.argv)
		return err_set(e, 1, "config: process.args: is missing");
	if (strings(json, "args", p->process.argv, e) < 0 || strings(json, "env", p->process.env, e) < 0)
		return -1;
	if (json && !p->process.argv[0])
		return err_set(e, 1, "config: process.args: is empty");
	return 0;
}

void oci_process_free(struct oci_process *p)
{
	process_free(&p->process);
}
