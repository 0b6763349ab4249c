/* Whatever is typed as a template or a moment neither breaks nor runs on; one that cannot be parsed is not carried out. */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "template.h"
#include "units.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char document[] = "{\"A\":{\"B\":\"text\",\"n\":5},\"L\":[\"x\",{\"k\":null},[1,2]],\"T\":true}";
	static struct json *value;
	char *format = malloc(size + 1);
	struct jsonw out = {0};
	struct err e;

	if (!value)
		value = json_parse(document, strlen(document), &e);
	memcpy(format, data, size);
	format[size] = 0;
	bool good = template_check(format, &e) == 0;

	if (template_execute(format, value, size & 1, &out, &e) == 0 && !good)
		abort();
	jsonw_free(&out);
	/* Another free text of the command line. */
	int64_t ms;

	unit_moment(format, &ms);
	free(format);
	return 0;
}
