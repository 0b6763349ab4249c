#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "io.h"
#include "kernel.h"
#include "sysctl.h"

enum { KEY_MAX = 128, VALUE_MAX = 256 };

/* Those of the IPC namespace, and the trees that the kernel shows per namespace only: a name that ends with a dot. */
static const char *const allowed[] = {
	"fs.mqueue.",    "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni",          "kernel.sem",
	"kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced", "net.",
};

static bool listed(const char *key, size_t length)
{
	for (size_t i = 0; i < array_size(allowed); i++) {
		size_t have = strlen(allowed[i]);
		bool tree = allowed[i][have - 1] == '.';

		if ((tree ? length > have : length == have) && memcmp(key, allowed[i], have) == 0)
			return true;
	}
	return false;
}

int sysctl_check(const char *text, struct err *e)
{
	const char *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : 0;
	bool good = length > 0 && length <= KEY_MAX && listed(text, length) && text[length - 1] != '.';

	for (size_t i = 0; good && i < length; i++)
		good = isalnum((unsigned char)text[i]) || text[i] == '_' || text[i] == '-' ||
		       (text[i] == '.' && text[i + 1] != '.');
	if (!good)
		return err_set(e, 125, "sysctl '%.160s' is not allowed", text);
	const char *value = equals + 1;

	good = *value && strlen(value) <= VALUE_MAX;
	/* No value has a "+", but other runtimes took it for the next one (CVE-2022-0811). */
	for (; good && *value; value++)
		good = (isprint((unsigned char)*value) && *value != '+') || *value == '\t';
	return good ? 0 : err_set(e, 125, "sysctl '%.160s' has no usable value", text);
}

/* A plain name below directories the kernel makes: nothing on the way may be a link or a mount. */
static int write_proc(int proc, const char *path, const char *value, struct err *e)
{
	_cleanup_fd_ int fd = sys_openat2(proc, path, O_WRONLY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
	size_t length = strlen(value);

	if (fd < 0)
		return err_errno(e, 125, "open /proc/%s", path);
	if (write(fd, value, length) != (ssize_t)length)
		return err_errno(e, 125, "write \"%.80s\" to /proc/%s", value, path);
	return 0;
}

int sysctls_write(int proc, const struct json *list, struct err *e)
{
	char path[KEY_MAX + 8];

	json_each(text, list) {
		const char *equals = strchr(text->string, '=');

		if (sysctl_check(text->string, e) < 0)
			return -1;
		snprintf(path, sizeof(path), "sys/%.*s", (int)(equals - text->string), text->string);
		for (char *at = path; *at; at++)
			if (*at == '.')
				*at = '/';
		if (write_proc(proc, path, equals + 1, e) < 0)
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
