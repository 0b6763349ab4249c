/* What every fuzzer begins with. */
#pragma once
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(int condition)
{
	if (!condition)
		abort();
}
