#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "kernel.h"
#include "sysctl.h"

enum { KEY_MAX = 128, VALUE_MAX = 256 };

/* What belongs to a namespace: single files, and the trees that the kernel shows per namespace, whose names end with a slash. */
static const struct {
	const char *path;
	unsigned ns;
} namespaced[] = {
	{"fs/mqueue/", CLONE_NEWIPC},    {"kernel/domainname", CLONE_NEWUTS},      {"kernel/hostname", CLONE_NEWUTS},
	{"kernel/msgmax", CLONE_NEWIPC}, {"kernel/msgmnb", CLONE_NEWIPC},          {"kernel/msgmni", CLONE_NEWIPC},
	{"kernel/sem", CLONE_NEWIPC},    {"kernel/shmall", CLONE_NEWIPC},          {"kernel/shmmax", CLONE_NEWIPC},
	{"kernel/shmmni", CLONE_NEWIPC}, {"kernel/shm_rmid_forced", CLONE_NEWIPC}, {"net/", CLONE_NEWNET},
};

/* The key as a path: whichever of dot and slash is its first separator is all of them, the other belongs to names ("eth0.1"). */
static bool to_path(const char *key, size_t length, char path[KEY_MAX + 1])
{
	bool start = true, slashes = false;

	if (length == 0 || length > KEY_MAX)
		return false;
	for (size_t i = 0; i < length && !slashes && key[i] != '.'; i++)
		slashes = key[i] == '/';
	for (size_t i = 0; i < length; i++) {
		bool mark = key[i] == '.' || key[i] == '/', separator = mark && (key[i] == '/') == slashes;

		/* Plain names alone, nothing that reads as another path (CVE-2022-0811). */
		if (mark ? start : !isalnum((unsigned char)key[i]) && key[i] != '_' && key[i] != '-')
			return false;
		start = separator;
		path[i] = !mark ? key[i] : separator ? '/' : '.';
	}
	path[length] = 0;
	return !start;
}

unsigned sysctl_namespace(const char *key, size_t length)
{
	char path[KEY_MAX + 1];

	for (size_t i = 0; to_path(key, length, path) && i < array_size(namespaced); i++) {
		size_t have = strlen(namespaced[i].path);

		if (strncmp(path, namespaced[i].path, have) == 0 && (!path[have] == (namespaced[i].path[have - 1] != '/')))
			return namespaced[i].ns;
	}
	return 0;
}

int sysctl_check(const char *text, struct err *e)
{
	size_t length = strcspn(text, "=");

	/* Docker's keys have dots. */
	if (!text[length] || memchr(text, '/', length) || !(sysctl_namespace(text, length) & (CLONE_NEWIPC | CLONE_NEWNET)))
		return err_set(e, 125, "sysctl '%.160s' is not allowed", text);
	const char *value = text + length + 1;
	bool good = *value && strlen(value) <= VALUE_MAX;

	/* No value has a "+", but other runtimes took it for the next one (CVE-2022-0811). */
	for (; good && *value; value++)
		good = (isprint((unsigned char)*value) && *value != '+') || *value == '\t';
	return good ? 0 : err_set(e, 125, "sysctl '%.160s' has no usable value", text);
}

int sysctl_write(int proc, const char *key, size_t length, const char *value, struct err *e)
{
	char path[KEY_MAX + 8] = "sys/";
	size_t size = strlen(value);

	if (!to_path(key, length, path + 4))
		return err_set(e, 125, "no plain name");
	/* Below directories the kernel makes: nothing on the way may be a link or a mount. */
	_cleanup_fd_ int fd = sys_openat2(proc, path, O_WRONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);

	if (fd < 0)
		return err_errno(e, 125, "open /proc/%s", path);
	if (write(fd, value, size) != (ssize_t)size)
		return err_errno(e, 125, "write \"%.80s\" to /proc/%s", value, path);
	return 0;
}

int sysctls_write(int proc, const struct json *list, struct err *e)
{
	json_each(text, list) {
		size_t length = strcspn(text->string, "=");

		if (sysctl_check(text->string, e) < 0)
			return -1;
		if (sysctl_write(proc, text->string, length, text->string + length + 1, e) < 0)
			return err_context(e, "--sysctl %.160s", text->string);
	}
	return 0;
}

/* Ten years either way; what the clock's own value does not allow is the kernel's to refuse. */
int time_offset_check(const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : 0;
	const char *digits = equals ? equals + 1 + (equals[1] == '-') : "";
	bool known = (length == 8 && memcmp(text, "boottime", 8) == 0) || (length == 9 && memcmp(text, "monotonic", 9) == 0);

	if (!known)
		return err_set(e, 125, "time offset '%.80s': \"boottime=SECONDS\" or \"monotonic=SECONDS\" is wanted", text);
	if (!*digits || digits[strspn(digits, "0123456789")] || strlen(digits) > 9 || atol(digits) > 315360000)
		return err_set(e, 125, "time offset '%.80s': a whole number of seconds is wanted, at most ten years either way",
			       text);
	return 0;
}

int time_offsets_write(const struct json *list, struct err *e)
{
	char line[64];

	if (!list || !list->first)
		return 0;
	/* The namespace of the clone is already entered, and its offsets fixed with that. A second one is empty until our exec. */
	if (unshare(CLONE_NEWTIME) < 0)
		return err_errno(e, 125, "time namespace");
	json_each(text, list) {
		const char *equals = strchr(text->string, '=');

		if (time_offset_check(text->string, e) < 0)
			return -1;
		snprintf(line, sizeof(line), "%.*s %s 0\n", (int)(equals - text->string), text->string, equals + 1);
		if (write_file("/proc/self/timens_offsets", line, e) < 0)
			return err_context(e, "--time-offset %.80s", text->string);
	}
	return 0;
}
