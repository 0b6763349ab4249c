#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "tar.h"

enum { BLOCK = 512, META_MAX = 65536, METAS_MAX = 16 };

struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100], magic[8], user[32], group[32],
		major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == BLOCK, "a header is one block");

/* --- reading */

/* 0 when `data` was filled, 1 at an end before its first byte, -1 at one in the middle. */
static int fill(struct tar_in *in, void *data, size_t size, struct err *e)
{
	size_t used = 0;

	while (used < size) {
		ssize_t n = in->read(in->context, (char *)data + used, size - used);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(e, 1, "read the archive");
		if (n == 0)
			return used ? err_set(e, 1, "the archive ends in the middle") : 1;
		used += (size_t)n;
	}
	return 0;
}

ssize_t tar_read(struct tar_in *in, void *data, size_t size, struct err *e)
{
	if ((int64_t)size > in->left)
		size = (size_t)in->left;
	if (size == 0)
		return 0;
	if (fill(in, data, size, e) != 0)
		return err_set(e, 1, "the archive ends in the middle");
	in->left -= (int64_t)size;
	return (ssize_t)size;
}

static int skip(struct tar_in *in, struct err *e)
{
	char rest[4096];
	ssize_t n;

	in->left += in->pad;
	in->pad = 0;
	while ((n = tar_read(in, rest, sizeof(rest), e)) > 0)
		;
	return (int)n;
}

/* Octal, or base 256 behind a byte 0x80. -1: no number, or one that fits nothing. */
static int64_t number(const char *field, size_t size)
{
	const unsigned char *at = (const unsigned char *)field, *end = at + size;
	uint64_t value = 0;

	if (*at == 0x80) {
		for (at++; at < end; at++) {
			if (value >> 54)
				return -1;
			value = value << 8 | *at;
		}
		return (int64_t)value;
	}
	while (at < end && *at == ' ')
		at++;
	for (; at < end && *at >= '0' && *at <= '7'; at++)
		value = value << 3 | (*at - '0'); /* at most 12 digits */
	return at == end || *at == 0 || *at == ' ' ? (int64_t)value : -1;
}

static bool sum_fits(const struct header *h)
{
	const unsigned char *bytes = (const unsigned char *)h;
	int64_t sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= offsetof(struct header, checksum) && i < offsetof(struct header, type) ? ' ' : bytes[i];
	return number(h->checksum, sizeof(h->checksum)) == sum;
}

/* What pax and GNU headers say of the entry to come; -1 and "": nothing. */
struct ahead {
	int64_t size, mtime, uid, gid;
	char name[PATH_MAX], link[PATH_MAX];
};

static int take_text(char to[PATH_MAX], const char *from, size_t length, struct err *e)
{
	if (length >= PATH_MAX || memchr(from, 0, length))
		return err_set(e, 1, "the archive has a name that is too long or holds a NUL");
	memcpy(to, from, length);
	to[length] = 0;
	return 0;
}

/* "27 path=some/name\n" … */
static int take_pax(char *text, size_t length, struct ahead *ahead, struct err *e)
{
	const struct {
		const char *key;
		int64_t *number;
		char *text;
	} keys[] = {
		{"gid=", &ahead->gid, NULL},  {"linkpath=", NULL, ahead->link}, {"mtime=", &ahead->mtime, NULL},
		{"path=", NULL, ahead->name}, {"size=", &ahead->size, NULL},    {"uid=", &ahead->uid, NULL},
	};

	while (length) {
		char *after;
		unsigned long record = strtoul(text, &after, 10);

		/* `text` ends with a NUL of ours, so strtoul stays inside. */
		if (after == text || *after != ' ' || record > length || record <= (size_t)(after - text) + 1 ||
		    text[record - 1] != '\n')
			return err_set(e, 1, "the archive has a broken pax header");
		char *key = after + 1, *end = text + record - 1;

		for (size_t i = 0; i < array_size(keys); i++) {
			size_t n = strlen(keys[i].key);

			if ((size_t)(end - key) < n || memcmp(key, keys[i].key, n) != 0)
				continue;
			if (keys[i].text && take_text(keys[i].text, key + n, (size_t)(end - key) - n, e) < 0)
				return -1;
			if (keys[i].number) {
				*keys[i].number = strtoll(key + n, &after, 10);
				if (after == key + n || (*after != '\n' && *after != '.') || *keys[i].number < 0)
					return err_set(e, 1, "the archive has a broken pax header");
			}
		}
		text += record;
		length -= record;
	}
	return 0;
}

static int take_meta(struct tar_in *in, char type, struct ahead *ahead, struct err *e)
{
	size_t size = (size_t)in->left;

	if (in->left > META_MAX)
		return err_set(e, 1, "the archive has a header of more than %d bytes", META_MAX);
	_cleanup_free_ char *text = malloc(size + 1);

	if (!text)
		return err_set(e, 1, "out of memory");
	if (tar_read(in, text, size, e) < 0)
		return -1;
	text[size] = 0;
	if (type == 'x')
		return take_pax(text, size, ahead, e);
	return take_text(type == 'L' ? ahead->name : ahead->link, text, strlen(text), e);
}

static int take_header(const struct header *h, const struct ahead *ahead, struct tar_entry *entry, struct err *e)
{
	int64_t mode = number(h->mode, sizeof(h->mode)), uid = number(h->uid, sizeof(h->uid)),
		gid = number(h->gid, sizeof(h->gid)), mtime = number(h->mtime, sizeof(h->mtime));

	entry->type = h->type == 0 || h->type == '7' ? '0' : h->type;
	entry->mode = (mode_t)mode & 07777;
	entry->size = entry->type == '0' ? ahead->size : 0;
	uid = ahead->uid >= 0 ? ahead->uid : uid;
	gid = ahead->gid >= 0 ? ahead->gid : gid;
	entry->mtime = ahead->mtime >= 0 ? ahead->mtime : mtime < 0 ? 0 : mtime;
	if (mode < 0 || uid < 0 || gid < 0 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return err_set(e, 1, "the archive has a broken header");
	entry->uid = (uint32_t)uid;
	entry->gid = (uint32_t)gid;
	/* Only POSIX has the prefix; GNU keeps other things there. */
	bool prefix = memcmp(h->magic, "ustar\0", 6) == 0 && *h->prefix;

	snprintf(entry->name, PATH_MAX, "%.*s%s%.*s", prefix ? (int)sizeof(h->prefix) : 0, h->prefix, prefix ? "/" : "",
		 (int)sizeof(h->name), h->name);
	snprintf(entry->link, PATH_MAX, "%.*s", (int)sizeof(h->link), h->link);
	if (*ahead->name)
		strcpy(entry->name, ahead->name);
	if (*ahead->link)
		strcpy(entry->link, ahead->link);
	size_t length = strlen(entry->name);

	/* From before there was a type for directories. */
	if (entry->type == '0' && length && entry->name[length - 1] == '/')
		entry->type = '5';
	if (!strchr("0123456", entry->type))
		return err_set(e, 1, "%.200s: entries of type '%c' are not understood", entry->name, entry->type);
	return 1;
}

int tar_next(struct tar_in *in, struct tar_entry *entry, struct err *e)
{
	struct ahead ahead = {.size = -1, .mtime = -1, .uid = -1, .gid = -1};

	for (unsigned metas = 0; metas < METAS_MAX; metas++) {
		struct header h;
		int end = skip(in, e) < 0 ? -1 : fill(in, &h, BLOCK, e);

		if (end)
			return end < 0 ? -1 : 0;
		if (h.name[0] == 0 && h.checksum[0] == 0)
			return 0;
		if (!sum_fits(&h))
			return err_set(e, 1, "this is no tar archive, or a damaged one");
		int64_t size = number(h.size, sizeof(h.size));
		bool meta = h.type && strchr("xgLK", h.type);

		if (ahead.size < 0 || meta) {
			if (size < 0)
				return err_set(e, 1, "the archive has a broken header");
		} else {
			size = ahead.size;
		}
		/* Links and directories have no content, whatever their size says. */
		if (h.type && strchr("123456", h.type))
			size = 0;
		in->left = size;
		in->pad = (unsigned)(-(uint64_t)size & (BLOCK - 1));
		if (!meta) {
			ahead.size = size;
			return take_header(&h, &ahead, entry, e);
		}
		if (h.type != 'g' && take_meta(in, h.type, &ahead, e) < 0)
			return -1;
	}
	return err_set(e, 1, "the archive has too many headers of one entry");
}

/* --- writing */

int tar_data(const struct tar_out *out, const void *data, size_t size, struct err *e)
{
	return out->write(out->context, data, size) < 0 ? err_errno(e, 1, "write the archive") : 0;
}

int tar_pad(const struct tar_out *out, int64_t size, struct err *e)
{
	static const char zeros[BLOCK];
	size_t pad = (size_t)(-(uint64_t)size & (BLOCK - 1));

	return pad ? tar_data(out, zeros, pad, e) : 0;
}

int tar_end(const struct tar_out *out, struct err *e)
{
	static const char zeros[2 * BLOCK];

	return tar_data(out, zeros, sizeof(zeros), e);
}

static void put_number(char *field, size_t size, uint64_t value)
{
	if (value >> (3 * (size - 1)) == 0) {
		field[size - 1] = 0;
		for (size_t i = size - 1; i--; value >>= 3)
			field[i] = (char)('0' + (value & 7));
	} else {
		for (size_t i = size; --i; value >>= 8)
			field[i] = (char)value;
		field[0] = (char)0x80;
	}
}

static int put_header(const struct tar_out *out, const struct tar_entry *entry, char type, const char *name, int64_t size,
		      struct err *e)
{
	struct header h = {.type = type, .magic = "ustar  "};
	unsigned sum = 0;

	memcpy(h.name, name, strnlen(name, sizeof(h.name)));
	memcpy(h.link, entry->link, strnlen(entry->link, sizeof(h.link)));
	put_number(h.mode, sizeof(h.mode), entry->mode & 07777);
	put_number(h.uid, sizeof(h.uid), entry->uid);
	put_number(h.gid, sizeof(h.gid), entry->gid);
	put_number(h.size, sizeof(h.size), (uint64_t)size);
	put_number(h.mtime, sizeof(h.mtime), (uint64_t)(entry->mtime < 0 ? 0 : entry->mtime));
	memset(h.checksum, ' ', sizeof(h.checksum));
	for (size_t i = 0; i < BLOCK; i++)
		sum += ((unsigned char *)&h)[i];
	put_number(h.checksum, sizeof(h.checksum) - 1, sum);
	return tar_data(out, &h, BLOCK, e);
}

/* GNU's way: an entry whose content is the long name of the next. */
static int put_long(const struct tar_out *out, const struct tar_entry *entry, char type, const char *text, struct err *e)
{
	int64_t size = (int64_t)strlen(text) + 1;

	if (size <= 101)
		return 0;
	if (put_header(out, entry, type, "././@LongLink", size, e) < 0 || tar_data(out, text, (size_t)size, e) < 0)
		return -1;
	return tar_pad(out, size, e);
}

int tar_put(const struct tar_out *out, const struct tar_entry *entry, struct err *e)
{
	if (put_long(out, entry, 'L', entry->name, e) < 0 || put_long(out, entry, 'K', entry->link, e) < 0)
		return -1;
	return put_header(out, entry, entry->type, entry->name, entry->type == '0' ? entry->size : 0, e);
}
