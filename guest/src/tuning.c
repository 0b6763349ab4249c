#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "device.h"
#include "io.h"
#include "keyvalue.h"
#include "spec.h"
#include "sysctl.h"
#include "tmpfs.h"
#include "tuning.h"
#include "ulimit.h"

enum { SHM_DEFAULT = 64 << 20, LIST_MAX = 64, LABELS_MAX = 256 };

static const char blanks[] = " \t\n\v\f\r";

int label_check(const char *text, struct err *e)
{
	size_t lead = strspn(text, blanks), length = strcspn(text + lead, "=");

	if (strlen(text) > KEYVALUE_MAX)
		return err_set(e, 125, "more than %d bytes", KEYVALUE_MAX);
	if (length == 0)
		return err_set(e, 125, "invalid label '%.80s': empty name", text);
	if (strcspn(text + lead, blanks) < length)
		return err_set(e, 125, "label '%.80s' contains whitespaces", text);
	return 0;
}

static int group_check(const char *text, struct err *e)
{
	/* Numbers and names; who it is only the image can say. */
	return *text && strlen(text) <= 64 && !strpbrk(text, ":\n") ? 0 : err_set(e, 125, "unable to find group %.80s", text);
}

int tuning_parse(const struct json *request, struct tuning *t, struct err *e)
{
	const struct {
		const char *key;
		size_t max;
		const struct json **list;
		int (*check)(const char *text, struct err *e);
	} lists[] = {
		{"devices", LIST_MAX, &t->devices, device_check},
		{"groupAdd", LIST_MAX, &t->groups, group_check},
		{"labels", LABELS_MAX, &t->labels, label_check},
		{"sysctls", LIST_MAX, &t->sysctls, sysctl_check},
		{"timeOffsets", LIST_MAX, &t->time_offsets, time_offset_check},
		{"tmpfs", LIST_MAX, &t->tmpfs, tmpfs_check},
		{"ulimits", LIST_MAX, &t->ulimits, ulimit_check},
	};
	double shm_size = json_number(request, "shmSize", 0), oom = json_number(request, "oomScoreAdj", 0);

	*t = (struct tuning){.init = json_bool(request, "init", false), .seccomp = json_get(request, "seccomp")};
	for (size_t i = 0; i < array_size(lists); i++) {
		if (spec_strings(request, lists[i].key, lists[i].max, lists[i].list, e) < 0)
			return -1;
		json_each(text, *lists[i].list)
			if (lists[i].check(text->string, e) < 0)
				return -1;
	}
	if (shm_size < 0 || shm_size > 1e15)
		return err_set(e, 125, "SHM size can not be less than 0");
	if (oom < -1000 || oom > 1000)
		return err_set(e, 125, "Invalid value %.0f, range for oom score adj is [-1000, 1000]", oom);
	/* Or the kernel would end the runtime before the container. */
	if (oom < 0)
		return err_set(e, 125, "oom score adj %.0f: no container comes before the runtime here; 0 is the lowest", oom);
	t->shm_size = shm_size > 0 ? (int64_t)shm_size : SHM_DEFAULT;
	t->oom_score_adj = (int)oom;
	return 0;
}

/* Docker keeps a map: of the same name the last one counts. */
static bool again_later(const struct json *item, const char *separator)
{
	size_t length = strcspn(item->string, separator);

	for (const struct json *later = item->next; later; later = later->next)
		if (strncmp(later->string, item->string, length) == 0 && strcspn(later->string, separator) == length)
			return true;
	return false;
}

/* {"name":"what is behind the separator"} */
static void put_map(struct jsonw *w, const struct json *list, const char *separator)
{
	json_each(item, list) {
		size_t length = strcspn(item->string, separator);
		char key[256];

		if (length >= sizeof(key) || again_later(item, separator))
			continue;
		snprintf(key, sizeof(key), "%.*s", (int)length, item->string);
		jsonw_string(w, key, item->string[length] ? item->string + length + 1 : "");
	}
}

void labels_put(struct jsonw *w, const char *key, const struct json *config, const struct json *list)
{
	const struct json *theirs = json_get(config, "Labels");

	jsonw_object(w, key);
	json_each(label, theirs && theirs->kind == JSON_OBJECT ? theirs : NULL) {
		size_t length = strlen(label->key);
		bool replaced = label->kind != JSON_STRING;

		json_each(own, list)
			replaced |= strncmp(own->string, label->key, length) == 0 && strchr("=", own->string[length]);
		if (!replaced)
			jsonw_string(w, label->key, label->string);
	}
	put_map(w, list, "=");
	jsonw_end_object(w);
}

static void put_texts(struct jsonw *w, const char *key, const struct json *list)
{
	jsonw_array(w, key);
	json_each(item, list)
		jsonw_string(w, NULL, item->string);
	jsonw_end_array(w);
}

/* As docker shows it: the profile as text. */
static void put_profile(struct jsonw *w, const struct json *profile)
{
	struct jsonw text = {0};
	char *both;

	jsonw_value(&text, NULL, profile);
	if (!text.failed && asprintf(&both, "seccomp=%s", text.data) > 0) {
		jsonw_string(w, NULL, both);
		free(both);
	}
	jsonw_free(&text);
}

void tuning_put(struct jsonw *w, const struct json *request)
{
	struct tuning t;

	if (tuning_parse(request, &t, NULL) < 0)
		return;
	jsonw_array(w, "Devices");
	json_each(text, t.devices) {
		struct device d;
		char path[160];

		if (device_parse(text->string, &d, NULL) < 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", d.name);
		jsonw_object(w, NULL);
		jsonw_string(w, "PathOnHost", d.source);
		jsonw_string(w, "PathInContainer", path);
		jsonw_string(w, "CgroupPermissions", d.permissions);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	put_texts(w, "GroupAdd", t.groups);
	if (t.init)
		jsonw_bool(w, "Init", true);
	jsonw_int(w, "OomScoreAdj", t.oom_score_adj);
	jsonw_array(w, "SecurityOpt");
	if (json_bool(request, "noNewPrivileges", false))
		jsonw_string(w, NULL, "no-new-privileges");
	if (json_bool(request, "unconfined", false))
		jsonw_string(w, NULL, "seccomp=unconfined");
	if (t.seccomp)
		put_profile(w, t.seccomp);
	jsonw_end_array(w);
	jsonw_int(w, "ShmSize", t.shm_size);
	if (t.sysctls) {
		jsonw_object(w, "Sysctls");
		put_map(w, t.sysctls, "=");
		jsonw_end_object(w);
	}
	put_texts(w, "TimeOffsets", t.time_offsets);
	if (t.tmpfs) {
		jsonw_object(w, "Tmpfs");
		put_map(w, t.tmpfs, ":");
		jsonw_end_object(w);
	}
	ulimits_put(w, t.ulimits);
}
