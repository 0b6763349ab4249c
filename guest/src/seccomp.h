/* The system call filters, made at build time by gen/seccomp_gen.c as balanced trees. */
#pragma once
#include "caps.h"
#include "err.h"

/* Loads the profile's filter for this process and what it becomes. Needs CAP_SYS_ADMIN or no_new_privs. */
int seccomp_load(enum profile profile, struct err *e);
