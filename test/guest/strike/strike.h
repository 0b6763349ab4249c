/*
 * A program for the leak test (leaks.test.ts): what the kernel has of the
 * runtime's, as numbers that are to come back to where they were; and a hand
 * that strikes the runtime at its n-th system call, from outside, so that the
 * shipped binary has no hook for it.
 */
#pragma once
#include <sys/types.h>

/* Prints "name number" lines. */
int census(void);
/*
 * Attaches to `root` and everything it forks, up to an exec, and returns once
 * that is done; a process left behind counts system calls and at the n-th of
 * them does what `how` says: "kill" (root is killed), "end" (who makes the call
 * is killed), "fail" (the call is not made and fails with `error`), "count"
 * (nothing). It says in `report` what it did, and lets everything go; on
 * SIGTERM it tells the count and ends.
 */
int strike(pid_t root, unsigned long n, const char *how, int error, const char *report);
