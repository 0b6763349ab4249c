#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include "cli.h"
#include "cli_values.h"
#include "device.h"
#include "health.h"
#include "io.h"
#include "keyvalue.h"
#include "log.h"
#include "mountflag.h"
#include "seccomp_profile.h"
#include "spec.h"
#include "sysctl.h"
#include "tmpfs.h"
#include "ulimit.h"

enum { PROFILE_FILE_MAX = 1 << 20 };

static int env_check(const char *text, struct err *e)
{
	if (strlen(text) > KEYVALUE_MAX)
		return err_set(e, 125, "more than %d bytes", KEYVALUE_MAX);
	return *text && *text != '=' ? 0 : err_set(e, 125, "invalid environment variable: %.80s", text);
}

int values_check(const struct arguments *a, struct err *e)
{
	static const struct {
		const char *flag;
		int (*check)(const char *text, struct err *e);
	} checks[] = {
		{"device", device_check},   {"env", env_check},       {"label", label_check},
		{"mount", mountflag_check}, {"sysctl", sysctl_check}, {"time-offset", time_offset_check},
		{"tmpfs", tmpfs_check},     {"ulimit", ulimit_check},
	};

	for (size_t i = 0; i < a->count; i++) {
		const struct flag *f = a->values[i].flag;
		struct err why;

		for (size_t j = 0; j < array_size(checks); j++)
			if (strcmp(f->name, checks[j].flag) == 0 && checks[j].check(a->values[i].text, &why) < 0)
				return flag_invalid(f, a->values[i].text, why.msg, e);
	}
	return 0;
}

/* --mount says what -v and --tmpfs say: one list of each. */
static int put_mounts(struct jsonw *w, const struct arguments *a, bool tmpfs, struct err *e)
{
	static struct mountflag mount;

	jsonw_array(w, tmpfs ? "tmpfs" : "binds");
	for (size_t i = 0; i < a->count; i++) {
		const char *name = a->values[i].flag->name, *text = a->values[i].text;
		struct stat st;

		if (strcmp(name, tmpfs ? "tmpfs" : "volume") == 0)
			jsonw_string(w, NULL, text);
		if (strcmp(name, "mount") != 0)
			continue;
		if (mountflag_parse(text, &mount, e) < 0)
			return -1;
		/* Unlike -v it makes no missing source. */
		if (mount.bind && lstat(mount.source, &st) < 0)
			return err_set(e, 125,
				       "invalid mount config for type \"bind\": bind source path does not exist: %.200s (--mount "
				       "%.200s)",
				       mount.source, text);
		if (mount.tmpfs == tmpfs)
			jsonw_string(w, NULL, mount.text);
	}
	jsonw_end_array(w);
	return 0;
}

int values_put_mounts(struct jsonw *w, const struct arguments *a, struct err *e)
{
	return put_mounts(w, a, false, e) < 0 ? -1 : put_mounts(w, a, true, e);
}

static int put_profile(struct jsonw *w, const char *path, struct err *e)
{
	size_t length;
	_cleanup_free_ char *text = read_file(path, PROFILE_FILE_MAX, &length, e);

	if (!text)
		return err_context(e, "opening seccomp profile (%.100s) failed", path);
	struct json *profile = json_parse(text, length, e);
	int ret = profile ? seccomp_profile_check(profile, e) : -1;

	if (ret == 0)
		jsonw_value(w, "seccomp", profile);
	json_free(profile);
	return ret;
}

int values_put_security(struct jsonw *w, const struct arguments *a, struct err *e)
{
	/* There is no AppArmor and no SELinux here to be switched off. */
	const char *profile = NULL;
	static const char *const nothing[] = {"apparmor=unconfined", "label:disable", "label=disable", "seccomp=builtin"};

	for (size_t i = 0; i < a->count; i++) {
		const char *text = a->values[i].text, *value = text + 17;
		size_t known = 0;

		if (strcmp(a->values[i].flag->name, "security-opt") != 0)
			continue;
		while (known < array_size(nothing) && strcmp(text, nothing[known]) != 0)
			known++;
		if (known < array_size(nothing))
			continue;
		if (strncmp(text, "no-new-privileges", 17) == 0 &&
		    (!*value || strcmp(value + 1, "true") == 0 || strcmp(value + 1, "false") == 0) && strchr("=:", *value))
			jsonw_bool(w, "noNewPrivileges", value[0] == 0 || value[1] == 't');
		else if (strcmp(text, "seccomp=unconfined") == 0)
			jsonw_bool(w, "unconfined", true);
		else if (strncmp(text, "seccomp=", 8) == 0 && !profile)
			profile = text + 8;
		else
			return err_set(e, 125, "invalid --security-opt: \"%.200s\"", text);
	}
	return profile && put_profile(w, profile, e) < 0 ? err_context(e, "--security-opt seccomp=%.100s", profile) : 0;
}

/* What only the engine can look up, and then says the name that is a part of the value. */
static bool looked_up(const char *flag, const char *text, const char *message)
{
	static const char *const names[] = {"group-add", "ipc", "net", "network", "pid", "user", "volumes-from"};
	size_t i = 0;

	if (strcmp(flag, "network-alias") == 0)
		return strstr(message, "network-scoped alias") != NULL;
	while (i < array_size(names) && strcmp(names[i], flag) != 0)
		i++;
	for (size_t length; i < array_size(names) && *text; text += length + (text[length] == ':')) {
		length = strcspn(text, ":");
		for (const char *at = message; length && (at = strchr(at, ' '));)
			if (strncmp(++at, text, length) == 0 && (!at[length] || at[length] == ':'))
				return true;
	}
	return false;
}

int values_blame(const struct arguments *a, const struct err *e)
{
	static struct arguments one;
	static struct spec spec;
	int found = -1;

	for (size_t i = 0; found < 0 && i < a->count; i++) {
		struct jsonw w = {0};
		struct err same = {0};

		one.values[0] = a->values[i];
		one.count = 1;
		jsonw_object(&w, NULL);
		jsonw_string(&w, "image", "x");
		if (cli_put_flags(&w, cli_run_flags, &one, &same) == 0 && values_put_mounts(&w, &one, &same) == 0) {
			jsonw_end_object(&w);
			struct json *request = w.failed ? NULL : json_parse(w.data, w.length, NULL);

			if (request && spec_parse(request, &spec, &same) == 0 && log_check(request, &same) == 0)
				(void)health_check(request, &same);
			json_free(request);
		}
		if (same.code && strcmp(same.msg, e->msg) == 0)
			found = (int)i;
		jsonw_free(&w);
	}
	for (size_t i = 0; found < 0 && i < a->count; i++)
		if (looked_up(a->values[i].flag->name, a->values[i].text, e->msg))
			found = (int)i;
	return found;
}
