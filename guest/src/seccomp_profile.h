/* --security-opt seccomp=FILE: docker's profile format as a filter for i386, a balanced tree as our own (gen/seccomp_gen.c). */
#pragma once
#include <linux/filter.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"
#include "json.h"

#define SECCOMP_PROGRAM_MAX 4096 /* the kernel's own limit */

struct seccomp_program {
	struct sock_filter code[SECCOMP_PROGRAM_MAX];
	size_t length;
	unsigned flags; /* SECCOMP_FILTER_FLAG_… */
};

/*
 * `caps`: the container's, which entries of the profile may depend on. Names this kernel does not have are passed over, as docker
 * does it. What counts: an entry without conditions before those with any, then the order of the profile.
 */
int seccomp_compile(const struct json *profile, uint64_t caps, struct seccomp_program *program, struct err *e);
/* Whether it can be compiled, and programs can run with it. */
int seccomp_profile_check(const struct json *profile, struct err *e);
