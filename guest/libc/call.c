/* System calls through the kernel's own entry (the pointer at %gs:16, as every libc of i386 has it), and errno. */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>
#include "call.h"

#define ENTER "call *%%gs:16"

static int error;

/* There is one thread: no place of its own for each. musl's parts use the second name. */
int *__errno_location(void);
int *___errno_location(void);

int *__errno_location(void)
{
	return &error;
}

__attribute__((used)) int *___errno_location(void)
{
	return &error;
}

__attribute__((noinline)) int answer(long result)
{
	if ((unsigned long)result <= -4096UL)
		return (int)result;
	errno = (int)-result;
	return -1;
}

__attribute__((noinline)) long call1(long number, long a)
{
	long result;

	__asm__ volatile(ENTER : "=a"(result) : "0"(number), "b"(a) : "memory");
	return result;
}

__attribute__((noinline)) long call2(long number, long a, long b)
{
	long result;

	__asm__ volatile(ENTER : "=a"(result) : "0"(number), "b"(a), "c"(b) : "memory");
	return result;
}

__attribute__((noinline)) long call3(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile(ENTER : "=a"(result) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

/* The sixth argument travels in the frame pointer, which the compiler cannot be told of. */
__attribute__((noinline)) long call6(long number, long a, long b, long c, long d, long e, long f)
{
	long result;

	__asm__ volatile("pushl %7\n\txchgl %%ebp, (%%esp)\n\t" ENTER "\n\tpopl %%ebp"
			 : "=a"(result)
			 : "0"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), "g"(f)
			 : "memory");
	return result;
}

long syscall(long number, ...)
{
	va_list args;
	long a[6];

	va_start(args, number);
	for (unsigned i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	return answer(call6(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}
