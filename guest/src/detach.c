#include <string.h>
#include <strings.h>
#include "detach.h"

/* "a", "ctrl-a" … "ctrl-_", "DEL"; -1 when it is none. */
static int key(const char *text, size_t length)
{
	if (length == 1)
		return (unsigned char)*text;
	if (length == 3 && strncasecmp(text, "del", 3) == 0)
		return 127;
	if (length == 6 && strncasecmp(text, "ctrl-", 5) == 0 && (unsigned char)text[5] < 128) {
		int letter = text[5] >= 'a' && text[5] <= 'z' ? text[5] - 'a' + 'A' : text[5];

		/* Of "@" to "_" control keeps the lower five bits. */
		if (letter >= '@' && letter <= '_')
			return letter & 31;
	}
	return -1;
}

int detach_parse(const char *text, struct detach *d, struct err *e)
{
	const char *at = text && *text ? text : "ctrl-p,ctrl-q";

	*d = (struct detach){0};
	for (;; at++) {
		size_t length = strcspn(at, ",");
		int byte = key(at, length);

		if (byte < 0)
			return err_set(e, 125, "invalid detach keys (%.60s): Unknown character: '%.*s'", text,
				       (int)(length > 40 ? 40 : length), at);
		if (d->count == DETACH_MAX)
			return err_set(e, 125, "invalid detach keys (%.60s): more than %d", text, DETACH_MAX);
		d->keys[d->count++] = (unsigned char)byte;
		at += length;
		if (!*at)
			return 0;
	}
}

bool detach_filter(struct detach *d, const char *typed, size_t length, char *out, size_t *used)
{
	*used = 0;
	for (size_t i = 0; i < length; i++) {
		unsigned char seen[DETACH_MAX + 1];
		size_t total = d->held + 1, keep = total < d->count ? total : d->count;

		memcpy(seen, d->keys, d->held);
		seen[d->held] = (unsigned char)typed[i];
		/* The longest end of it that the keys begin with may still become them all. */
		while (keep && memcmp(seen + total - keep, d->keys, keep) != 0)
			keep--;
		memcpy(out + *used, seen, total - keep);
		*used += total - keep;
		d->held = keep;
		if (d->count && keep == d->count) {
			d->held = 0;
			return true;
		}
	}
	return false;
}
