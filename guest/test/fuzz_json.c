/* Whatever parses is written, and what is written parses to the same text again. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A copy of exactly this size, so that reading one byte too far is seen. */
	char *text = malloc(size ? size : 1);
	struct jsonw first = {0}, second = {0};
	struct err e;

	memcpy(text, data, size);
	struct json *document = json_parse(text, size, &e);

	free(text);
	if (!document)
		return 0;
	jsonw_value(&first, NULL, document);
	json_free(document);
	document = json_parse(first.data, first.length, &e);
	if (!document)
		abort();
	jsonw_value(&second, NULL, document);
	json_free(document);
	if (strcmp(first.data, second.data) != 0)
		abort();
	jsonw_free(&first);
	jsonw_free(&second);
	return 0;
}
