/*
 * Host tool: writes the hashes of the names of i386's system calls in the order of their numbers, 0 for a gap; made from the kernel's
 * header beside the output. For profiles, which name them (seccomp_profile.c); the names themselves would take three times the room.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "syscall_hash.h"

#define LAST 462 /* mseal, as seccomp_gen.c has it */

static char names[LAST + 1][32];
static uint32_t hashes[LAST + 1];

int main(int argc, char **argv)
{
	/* Newer than the oldest headers this is built with. */
	static const char *const newer[] = {
		"cachestat", "fchmodat2", "map_shadow_stack",  "futex_wake",        "futex_wait",       "futex_requeue",
		"statmount", "listmount", "lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules", "mseal",
	};
	char path[512], line[256], name[32];
	const char *slash = argc == 2 ? strrchr(argv[1], '/') : NULL;
	unsigned number;

	if (!slash) {
		fprintf(stderr, "usage: syscall_gen DIRECTORY/OUTPUT\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(newer) / sizeof(*newer); i++)
		strcpy(names[LAST + 1 - sizeof(newer) / sizeof(*newer) + i], newer[i]);
	snprintf(path, sizeof(path), "%.*s/sysroot/kernel/asm/unistd_32.h", (int)(slash - argv[1]), argv[1]);
	FILE *in = fopen(path, "r"), *out = fopen(argv[1], "w");

	if (!in || !out) {
		perror(in ? argv[1] : path);
		return 1;
	}
	while (fgets(line, sizeof(line), in))
		if (sscanf(line, "#define __NR_%31s %u", name, &number) == 2 && number <= LAST)
			strcpy(names[number], name);
	fprintf(out, "/* Written by gen/syscall_gen.c. */\nenum { SYSCALL_LAST = %d };\n", LAST);
	fprintf(out, "static const uint32_t syscall_hashes[] = {\n");
	for (int i = 0; i <= LAST; i++) {
		hashes[i] = names[i][0] ? syscall_hash(names[i]) : 0;
		for (int j = 0; j < i; j++)
			if (hashes[i] && hashes[i] == hashes[j]) {
				fprintf(stderr, "syscall_gen: %s and %s have the same hash\n", names[i], names[j]);
				return 1;
			}
		fprintf(out, "\t0x%08x, /* %s */\n", hashes[i], names[i]);
	}
	fprintf(out, "};\n");
	fclose(in);
	if (fclose(out) != 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
