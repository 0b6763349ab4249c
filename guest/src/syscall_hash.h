/* FNV-1a of a system call's name: what the runtime knows them by. */
#pragma once
#include <stdint.h>

static inline uint32_t syscall_hash(const char *name)
{
	uint32_t hash = 2166136261u;

	while (*name)
		hash = (hash ^ (unsigned char)*name++) * 16777619u;
	return hash;
}
