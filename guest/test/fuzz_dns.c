/* Any bytes: no read or write out of bounds, and an answer is always a well-formed one to just this query. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "dns.h"

static size_t known;

static size_t lookup(void *context, const char *name, uint32_t *addresses, size_t max)
{
	size_t length = strlen(name);

	if (!length || length >= DNS_NAME_MAX)
		abort();
	for (size_t i = 0; i < length; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", name[i]))
			abort();
	if (strstr(name, "..") || name[0] == '.' || name[length - 1] == '.')
		abort();
	for (size_t i = 0; i < known && i < max; i++)
		addresses[i] = (uint32_t)i;
	return known;
}

static void check(const uint8_t *query, size_t size, const uint8_t *out, size_t length)
{
	size_t records, question;

	if (!length)
		return;
	if (size < 12 || query[2] & 0x80 || length < 12 || length > DNS_PACKET_MAX || memcmp(out, query, 2) != 0)
		abort();
	if (!(out[2] & 0x80) || out[2] & 0x06 || !(out[3] & 0x80) || memcmp(out + 8, "\0\0\0\0", 4) != 0)
		abort();
	records = (size_t)out[6] << 8 | out[7];
	if (length < 12 + records * 16)
		abort();
	question = length - 12 - records * 16;
	if (question != 0 && (out[5] != 1 || question < 5 || size < 12 + question || memcmp(out + 12, query + 12, question) != 0))
		abort();
	if ((records || (out[3] & 15) == 0) && !question)
		abort();
	for (const uint8_t *record = out + 12 + question; records--; record += 16)
		if (memcmp(record, "\xc0\x0c\0\1\0\1\0\0\0\0\0\4", 12) != 0)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *query, *out = malloc(DNS_PACKET_MAX);
	bool headed = size && data[0] & 1;

	if (size) {
		known = data[0] >> 1;
		data++;
		size--;
	}
	/* Half of the inputs get a header that leads to the question. */
	query = malloc(size + 12);
	if (headed)
		memcpy(query, "\1\2\1\0\0\1\0\0\0\0\0\0", 12);
	memcpy(query + (headed ? 12 : 0), data, size);
	size += headed ? 12 : 0;
	query = realloc(query, size ? size : 1);
	check(query, size, out, dns_answer(query, size, out, lookup, NULL));
	free(query);
	free(out);
	return 0;
}
