#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include "dev.h"
#include "device.h"
#include "device_filter.h"
#include "io.h"
#include "path.h"

/* Below /dev, without a part that leads elsewhere. */
static bool name_ok(const char *path, size_t length)
{
	if (length < 6 || memcmp(path, "/dev/", 5) != 0 || path[length - 1] == '/')
		return false;
	for (size_t i = 4; i < length; i++)
		if (path[i] == '/' && (path[i + 1] == '/' || path[i + 1] == '.'))
			return false;
	return true;
}

/* Docker's rule for what is behind a colon: letters of "rwm", each once, is a mode and no path. */
static bool is_mode(const char *text)
{
	return *text && strlen(text) <= 3 && !text[strspn(text, "rwm")] && strchr(text, *text) == strrchr(text, *text) &&
	       (!text[1] || strchr(text, text[1]) == strrchr(text, text[1]));
}

int device_parse(const char *text, struct device *d, struct err *e)
{
	const char *colon = strchr(text, ':'), *target = text, *mode = "rwm";
	size_t source = colon ? (size_t)(colon - text) : strlen(text), length = source;

	if (colon && is_mode(colon + 1)) {
		mode = colon + 1;
	} else if (colon) {
		target = colon + 1;
		length = strcspn(target, ":");
		if (target[length] == ':')
			mode = target + length + 1;
	}
	if (!is_mode(mode))
		return err_set(e, 125, "invalid device mode: %.40s", mode);
	if (source >= sizeof(d->source) || length >= sizeof(d->name))
		return err_set(e, 125, "invalid device specification: %.80s", text);
	if (!name_ok(text, source) || !name_ok(target, length))
		return err_set(e, 125, "both paths must be below /dev");
	*d = (struct device){.read = strchr(mode, 'r'), .write = strchr(mode, 'w')};
	memcpy(d->source, text, source);
	memcpy(d->name, target + 5, length - 5);
	strcpy(d->permissions, mode);
	return 0;
}

int device_check(const char *text, struct err *e)
{
	struct device device;

	return device_parse(text, &device, e);
}

/* An O_PATH descriptor of the level's device file, once it is known to be one that may be passed on. */
static int open_device(const struct device *d, struct stat *st, struct err *e)
{
	char path[64], target[256];
	_cleanup_fd_ int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_fd_ int fd = root < 0 ? -1 : root_open_plain(root, d->source, NULL);

	if (fd < 0 || fstat(fd, st) < 0)
		return err_set(e, 125, "error gathering device information while adding custom device \"%s\": %s", d->source,
			       errno == ENOENT ? "no such file or directory" : strerror(errno));
	if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
		return err_set(e, 125, "error gathering device information while adding custom device \"%s\": not a device node",
			       d->source);
	/* The way to the page is the agent's alone, under whatever name. */
	snprintf(path, sizeof(path), "/sys/dev/%s/%u:%u", S_ISCHR(st->st_mode) ? "char" : "block", major(st->st_rdev),
		 minor(st->st_rdev));
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	target[n < 0 ? 0 : n] = 0;
	if (strstr(target, "/virtio-ports/"))
		return err_set(e, 125, "%s: the machine's own channel to the page is not for containers", d->source);
	return take_fd(&fd);
}

int devices_check(const struct json *list, int level, struct err *e)
{
	json_each(text, list) {
		struct device d;
		struct stat st;

		if (device_parse(text->string, &d, e) < 0)
			return -1;
		/* Nodes of the level above cannot be narrowed: their modes are not ours, and a read-only mount does not bind devices. */
		if (level > 0 && !(d.read && d.write))
			return err_set(
				e, 125,
				"--device %.80s: inside a container a device can only be passed on for reading and writing",
				text->string);
		_cleanup_fd_ int fd = open_device(&d, &st, e);

		if (fd < 0)
			return err_context(e, "--device %.80s", text->string);
	}
	return 0;
}

/* The directory of `name` in our own fresh tmpfs, made; `last` gets the part behind. */
static int parent(int dev, const char *name, const char **last, struct err *e)
{
	char path[128];
	const char *slash = strrchr(name, '/');

	*last = slash ? slash + 1 : name;
	snprintf(path, sizeof(path), "%.*s", slash ? (int)(slash - name) : 0, name);
	return root_mkdirs(dev, path, 0755, e);
}

int devices_make(int dev, const struct json *list, int level, gid_t group, struct err *e)
{
	json_each(text, list) {
		struct device d;
		struct stat st;
		const char *last;

		if (device_parse(text->string, &d, e) < 0)
			return -1;
		_cleanup_fd_ int source = open_device(&d, &st, e);
		_cleanup_fd_ int at = source < 0 ? -1 : parent(dev, d.name, &last, e);

		if (at < 0)
			return -1;
		if (level > 0) {
			if (dev_bind_node(at, last, d.source, st.st_rdev, e) < 0)
				return -1;
			continue;
		}
		mode_t asked = (d.read ? 4u : 0) | (d.write ? 2u : 0);
		/* The owner's rights for the container's root; others as on the host. */
		mode_t rights = (st.st_mode >> 6) & asked, mode = rights << 3 | (st.st_mode & asked);

		/* With --userns=host that root is the owner; what it may not do the cgroup's filter keeps. */
		if (group == 0)
			mode |= rights << 6;

		if (mknodat(at, last, (st.st_mode & S_IFMT) | mode, st.st_rdev) < 0 ||
		    fchownat(at, last, 0, group, AT_SYMLINK_NOFOLLOW) < 0 || fchmodat(at, last, mode, 0) < 0)
			return err_errno(e, 125, "make /dev/%s", d.name);
	}
	return 0;
}

int devices_filter(int cgroup, const struct json *list, struct err *e)
{
	static struct device_rule rules[DEVICE_RULES_MAX];
	size_t count = 0;

	json_each(text, list) {
		struct device d;
		struct stat st;

		if (device_parse(text->string, &d, e) < 0)
			return -1;
		_cleanup_fd_ int fd = open_device(&d, &st, e);

		if (fd < 0)
			return -1;
		if (count == array_size(rules))
			return err_set(e, 125, "--device: more than %zu", count);
		rules[count++] = (struct device_rule){S_ISBLK(st.st_mode) ? 'b' : 'c', true, device_access(d.permissions),
						      major(st.st_rdev), minor(st.st_rdev)};
	}
	return device_filter(cgroup, rules, count, e);
}
