/* The system call filters, made at build time by gen/seccomp_gen.c as balanced trees. */
#pragma once
#include "caps.h"
#include "err.h"
#include "seccomp_profile.h"

/* Loads the profile's filter, or its `own`, for this process and what it becomes. Needs CAP_SYS_ADMIN or no_new_privs. */
int seccomp_load(enum profile profile, const struct seccomp_program *own, struct err *e);
