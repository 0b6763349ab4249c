#include <stdio.h>
#include <string.h>
#include "quote.h"
#include "utf8.h"

/* One character of `length` bytes (0: a byte that is not UTF-8) as strconv.Quote writes it. */
static void escape(const unsigned char *at, unsigned length, char out[8])
{
	static const char from[] = "\"\\\a\b\f\n\r\t\v", to[] = "\"\\abfnrtv";
	const char *special = length == 1 ? strchr(from, *at) : NULL;

	if (special)
		snprintf(out, 8, "\\%c", to[special - from]);
	else if (length == 0 || *at < ' ' || *at == 0x7f)
		snprintf(out, 8, "\\x%02x", *at);
	else if (length == 2 && *at == 0xc2 && at[1] < 0xa1) /* C1 controls and the unbreakable space */
		snprintf(out, 8, "\\u00%02x", at[1]);
	else
		snprintf(out, 8, "%.*s", (int)length, (const char *)at);
}

static size_t count(const char *text)
{
	size_t characters = 0;

	for (size_t left = strlen(text); left; characters++) {
		unsigned length = utf8_length((const unsigned char *)text, left);

		text += length ? length : 1;
		left -= length ? length : 1;
	}
	return characters;
}

void quote(const char *text, size_t width, char *out, size_t size)
{
	size_t keep = width && count(text) > width ? width - 1 : (size_t)-1, left = strlen(text), used = 0;
	const char *end = left && keep != (size_t)-1 ? "…\"" : "\"";

	if (size < 8)
		return;
	out[used++] = '"';
	while (left && keep--) {
		unsigned length = utf8_length((const unsigned char *)text, left);
		char part[8];

		escape((const unsigned char *)text, length, part);
		if (used + strlen(part) + strlen(end) >= size)
			break;
		used += (size_t)sprintf(out + used, "%s", part);
		text += length ? length : 1;
		left -= length ? length : 1;
	}
	strcpy(out + used, end);
}
