/* What a HELLO changes in the machine: after a restore, clock, random pool, boot id and host name are those of the snapshot. */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <time.h>
#include "agent.h"
#include "agent_spare.h"
#include "io.h"
#include "main.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_FILE "/run/boot_id"

enum { ENTROPY_MAX = 256 };

int hello_set_clock(const char *nanoseconds, struct err *e)
{
	char *end;

	errno = 0;
	unsigned long long total = strtoull(nanoseconds, &end, 10);

	/* Up to 2^62: what a signed nanosecond clock can hold, with room for the guest to live on. */
	if (errno || end == nanoseconds || *end || nanoseconds[0] == '-' || total >> 62)
		return err_set(e, 125, "time \"%.40s\" is not in unix nanoseconds", nanoseconds);
	struct timespec now = {.tv_sec = (time_t)(total / 1000000000), .tv_nsec = (long)(total % 1000000000)};

	if (clock_settime(CLOCK_REALTIME, &now) < 0)
		return err_errno(e, 125, "set the clock");
	return 0;
}

static int digit_of(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Bytes decoded, -1 when it is not base64 or does not fit. */
static ssize_t decode_base64(const char *text, uint8_t *to, size_t size)
{
	uint32_t bits = 0;
	size_t count = 0, length = 0;

	for (; *text && *text != '='; text++) {
		int digit = digit_of(*text);

		if (digit < 0)
			return -1;
		bits = bits << 6 | (uint32_t)digit;
		if (++count % 4 == 1)
			continue;
		if (length == size)
			return -1;
		to[length++] = (uint8_t)(bits >> (6 - 2 * ((count - 1) % 4)));
	}
	return text[strspn(text, "=")] ? -1 : (ssize_t)length;
}

static int stir(const char *entropy, struct err *e)
{
	struct {
		struct rand_pool_info info;
		uint8_t bytes[ENTROPY_MAX];
	} pool;
	ssize_t length = decode_base64(entropy, pool.bytes, sizeof(pool.bytes));

	if (length < 0)
		return err_set(e, 125, "entropy is not base64 of at most %d bytes", ENTROPY_MAX);
	_cleanup_fd_ int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	pool.info.buf_size = (int)length;
	pool.info.entropy_count = (int)length * 8;
	/* The kernel reads the bytes from right behind the header, where `bytes` lies. */
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
		return err_errno(e, 125, "add entropy");
	return 0;
}

/* The kernel makes its boot id once; a copy over it is how two machines from one snapshot get two. */
static int renew_boot_id(struct err *e)
{
	static bool bound;
	uint8_t r[16];
	char text[40];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return err_errno(e, 125, "random bytes");
	r[6] = (uint8_t)((r[6] & 0x0f) | 0x40);
	r[8] = (uint8_t)((r[8] & 0x3f) | 0x80);
	snprintf(text, sizeof(text), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x\n", r[0], r[1], r[2],
		 r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
	/* In place, for the bind mount holds the inode. */
	_cleanup_fd_ int fd = open(BOOT_ID_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);

	if (fd < 0 || write_all(fd, text, strlen(text)) < 0)
		return err_errno(e, 125, "write %s", BOOT_ID_FILE);
	/* An agent before this one may have bound it. */
	_cleanup_free_ char *seen = read_file(BOOT_ID, 64, NULL, NULL);

	bound = bound || (seen && strcmp(seen, text) == 0);
	if (!bound && mount(BOOT_ID_FILE, BOOT_ID, NULL, MS_BIND, NULL) < 0)
		return err_errno(e, 125, "bind %s", BOOT_ID);
	bound = true;
	return 0;
}

static int set_name(const char *name, struct err *e)
{
	size_t length = strlen(name);

	if (length == 0 || length > 63 ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != length)
		return err_set(e, 125, "host name \"%.64s\" is not one", name);
	char before[65] = "";

	if (gethostname(before, sizeof(before)) == 0 && strcmp(before, name) == 0)
		return 0;
	if (sethostname(name, length) < 0)
		return err_errno(e, 125, "set the host name");
	/* Its prompt shows the old name. */
	spare_renew(now_ms());
	return 0;
}

void hello_apply(const struct json *hello)
{
	const char *time = json_string(hello, "time", NULL), *entropy = json_string(hello, "entropy", NULL);
	const char *name = json_string(hello, "hostname", NULL);
	struct err e;

	/* Each for itself: a machine with a wrong clock still wants fresh random numbers. */
	if (time && hello_set_clock(time, &e) < 0)
		fprintf(stderr, "agent: hello: %s\n", e.msg);
	if (entropy && stir(entropy, &e) < 0)
		fprintf(stderr, "agent: hello: %s\n", e.msg);
	if (renew_boot_id(&e) < 0)
		fprintf(stderr, "agent: hello: %s\n", e.msg);
	if (name && set_name(name, &e) < 0)
		fprintf(stderr, "agent: hello: %s\n", e.msg);
}

void hello_send(struct agent *a, int64_t session)
{
	struct utsname name = {.release = "?"};
	struct sysinfo info = {0};
	struct jsonw w = {0};
	uint8_t payload[1024];

	uname(&name);
	sysinfo(&info);
	jsonw_object(&w, NULL);
	jsonw_int(&w, "protocol", 1);
	if (session >= 0)
		jsonw_int(&w, "session", session);
	jsonw_string(&w, "version", NEST_VERSION);
	jsonw_string(&w, "kernel", name.release);
	jsonw_int(&w, "memory", (int64_t)info.totalram * info.mem_unit);
	jsonw_end_object(&w);
	if (!w.failed && w.length <= sizeof(payload) - FRAME_MAGIC_LENGTH) {
		memcpy(payload, FRAME_MAGIC, FRAME_MAGIC_LENGTH);
		memcpy(payload + FRAME_MAGIC_LENGTH, w.data, w.length);
		port_send(a, FRAME_HELLO, 0, payload, FRAME_MAGIC_LENGTH + w.length);
	}
	jsonw_free(&w);
}
