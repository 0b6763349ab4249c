/*
 * What nest uses of libc, small. musl's own functions fall back to what older kernels had and convert what other programs need;
 * these run on the guest's kernel only, and since they are compiled with the rest they are called with registers. Whatever is not
 * here comes from musl: the linker takes of it what nothing in this folder defines.
 */
#pragma once

/* The kernel's answer: an error is a small negative number. */
long call1(long number, long a);
long call2(long number, long a, long b);
long call3(long number, long a, long b, long c);
long call6(long number, long a, long b, long c, long d, long e, long f);
/* The same as functions of libc answer: errno and -1. */
int answer(long result);
