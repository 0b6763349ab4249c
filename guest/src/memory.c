/* Natively, for the tests, malloc is the sanitizers'; in the guest all of this is libc/malloc.c's. */
#if defined(__has_feature) && __has_feature(address_sanitizer)
#include "memory.h"

void memory_shrink(void *data, size_t size)
{
	(void)data;
	(void)size;
}

void memory_fresh(void)
{
}

void memory_forget(void)
{
}

void memory_trim(void)
{
}
#endif
