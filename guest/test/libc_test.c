/* guest/libc under other names, beside the functions it stands for. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "check.h"

#pragma clang diagnostic ignored "-Wmissing-prototypes"
#undef stdout
#undef stderr
#define FILE struct small_file
#define _IO_FILE small_file
#define asprintf small_asprintf
#define atoi small_atoi
#define atol small_atol
#define dprintf small_dprintf
#define fflush small_fflush
#define fprintf small_fprintf
#define fputs small_fputs
#define fwrite small_fwrite
#define gmtime_r small_gmtime_r
#define inet_ntop small_inet_ntop
#define inet_pton small_inet_pton
#define memmem small_memmem
#define printf small_printf
#define putchar small_putchar
#define puts small_puts
#define qsort small_qsort
#define snprintf small_snprintf
#define sprintf small_sprintf
#define stderr small_stderr
#define stdout small_stdout
#define strcspn small_strcspn
#define strpbrk small_strpbrk
#define strsep small_strsep
#define strspn small_strspn
#define strstr small_strstr
#define strtok_r small_strtok_r
#define strtol small_strtol
#define strtoll small_strtoll
#define strtoul small_strtoul
#define strtoull small_strtoull
#define timegm small_timegm
#define vfprintf small_vfprintf
#define vsnprintf small_vsnprintf
#define stpcpy small_stpcpy
#define strcasecmp small_strcasecmp
#define strcat small_strcat
#define strchr small_strchr
#define strcmp small_strcmp
#define strcpy small_strcpy
#define strdup small_strdup
#define strncasecmp small_strncasecmp
#define strncmp small_strncmp
#define strndup small_strndup
#define strrchr small_strrchr
#define getenv small_getenv
#define strlen small_strlen
#define strnlen small_strnlen
#define calloc small_calloc
#define free small_free
#define malloc small_malloc
#define realloc small_realloc
#define __stack_chk_guard secret
/* What the linker script has in the guest. */
char __start_scratch[4096], __stop_scratch[1];
#include "../libc/malloc.c"
#include "../libc/text.c"
#include "../libc/numbers.c"
#include "../libc/sort.c"
#include "../libc/calendar.c"
#include "../libc/format.c"
#include "../libc/address.c"
#undef calloc
#undef free
#undef malloc
#undef realloc
#undef FILE
#undef stpcpy
#undef strcasecmp
#undef strcat
#undef strchr
#undef strcmp
#undef strcpy
#undef strncasecmp
#undef strncmp
#undef strrchr
#undef getenv
#undef strlen
#undef strnlen
#undef dprintf
#undef gmtime_r
#undef inet_ntop
#undef inet_pton
#undef memmem
#undef printf
#undef snprintf
#undef stdout
#undef strcspn
#undef strpbrk
#undef strsep
#undef strspn
#undef strstr
#undef strtok_r
#undef strtol
#undef strtoll
#undef strtoul
#undef strtoull
#undef timegm

#define SAME(...)                                                                                                                \
	do {                                                                                                                     \
		char ours_[500], real_[500];                                                                                     \
		int size_ = small_snprintf(ours_, sizeof(ours_), __VA_ARGS__),                                                   \
		    real_size_ = snprintf(real_, sizeof(real_), __VA_ARGS__);                                                    \
		CHECK_TEXT(ours_, real_);                                                                                        \
		CHECK(size_ == real_size_);                                                                                      \
	} while (0)

static uint64_t state = 1;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void texts(void)
{
	char small[4];

	SAME("plain");
	SAME("%%|%c|%5c|%-5c|", 'a', 'b', 'c');
	SAME("%s|%.2s|%.*s|%10s|%-10s|%-*s|%*s|%.0s|", "one", "two", 1, "three", "four", "five", 8, "six", -8, "seven", "eight");
	SAME("%.*s|%5.1s|", -1, "all", "some");
	CHECK(small_snprintf(small, sizeof(small), "%s", "longer") == 6);
	CHECK_TEXT(small, "lon");
	CHECK(small_snprintf(NULL, 0, "%d", 12345) == 5);
	CHECK(small_snprintf(small, 1, "%d", 12345) == 5);
	CHECK_TEXT(small, "");
}

static void integers(void)
{
	static const long long values[] = {0,       1,       -1,       9,          10,        99,        100,
					   127,     128,     255,      256,        32767,     -32768,    65535,
					   INT_MAX, INT_MIN, UINT_MAX, 4294967296, LLONG_MAX, LLONG_MIN, 1000000007};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		long long v = values[i];
		int n = (int)v;

		SAME("%d|%i|%5d|%-8d|%08d|%02d|%04d|%+d|% d|%.5d|%8.3d|%.0d|", n, n, n, n, n, n, n, n, n, n, n, n);
		SAME("%u|%x|%X|%o|%02x|%07x|%-6x|%.3u|", (unsigned)n, (unsigned)n, (unsigned)n, (unsigned)n, (unsigned)n,
		     (unsigned)n, (unsigned)n, (unsigned)n);
		SAME("%lld|%llu|%llx|%20lld|%-20lld|%020lld|%jd|", v, (unsigned long long)v, (unsigned long long)v, v, v, v,
		     (intmax_t)v);
		SAME("%hd|%hu|%hhd|%hhu|%hhx|", (short)n, (unsigned short)n, (signed char)n, (unsigned char)n, (unsigned char)n);
		SAME("%ld|%lu|%zu|%zd|%td|", (long)n, (unsigned long)n, (size_t)n, (ssize_t)n, (ptrdiff_t)n);
	}
}

static void floating(void)
{
	static const double values[] = {0,       0.5,    1,      1.5,    2.5,      0.05,   0.1,      0.125,    0.25,
					9.5,     9.995,  9.9995, 99.5,   999.5,    1023.9, 1024,     123456.5, 1e15,
					1e16,    1e17,   1e18,   1e21,   1e300,    1e308,  5e-324,   1e-5,     0.0001,
					0.00012, 1e-300, 1. / 3, 2. / 3, 4e9,      1e9,    0.999999, 512.3,    9007199254740993.,
					1e19,    30,     0.95,   1.005,  HUGE_VAL, -1.5,   -0.0,     -1e-7};

	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		double v = values[i];

		SAME("%.2f|%.1f|%f|%8.3f|%-9.1f|%09.2f|%+.1f|", fmin(v, 1e17), fmin(v, 1e17), fmin(v, 1e15), fmin(v, 1e15),
		     fmin(v, 1e15), fmin(v, 1e15), fmin(v, 1e15));
		SAME("%.0f|%g|%.4g|%.3g|%.15g|%.*g|%.1g|%.0g|%10.3g|", fmin(v, 1e18), v, v, v, v, 5, v, v, v, v);
		SAME("%e|%.3e|%.0e|%12.2e|", v, v, v, v);
	}
	/* Whatever has up to 15 digits comes back as it was written. */
	for (int i = 0; i < 20000; i++) {
		double v = (double)(next() % 1000000000000000u) * pow(10, (double)(next() % 60) - 40);

		SAME("%.15g %.4g %g", v, v, v);
		v = (double)(next() >> 12) / (double)(1u << next() % 31);
		SAME("%.0f %.4g", v, v);
		v = (double)(next() % 1000000) / 1000;
		SAME("%.2f %.1f %.0f", v, v, v);
	}
}

static void streams(void)
{
	char text[3 * BUFFER], read_back[sizeof(text) + 100];
	int ends[2];
	ssize_t n;

	CHECK(pipe(ends) == 0);
	CHECK(small_dprintf(ends[1], "%s %d\n", "hello", 7) == 8);
	n = read(ends[0], read_back, sizeof(read_back));
	CHECK(n == 8 && memcmp(read_back, "hello 7\n", 8) == 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	out.fd = ends[1];
	small_puts("a");
	small_putchar('b');
	small_fputs(text, small_stdout);
	small_printf("%c\n", 'c');
	CHECK(small_fflush(small_stdout) == 0);
	n = read(ends[0], read_back, sizeof(read_back));
	CHECK(n == (ssize_t)sizeof(text) + 4 && memcmp(read_back, "a\nbxx", 5) == 0 && memcmp(read_back + n - 3, "xc\n", 3) == 0);
	close(ends[0]);
	close(ends[1]);
	small_puts("lost");
	CHECK(small_fflush(small_stdout) == EOF && small_dprintf(ends[1], "lost") == -1);
}

static void numbers(void)
{
	static const char *const texts[] = {"0",
					    "1",
					    "-1",
					    "+5",
					    " \t12",
					    "12x",
					    "x",
					    "",
					    "-",
					    "0x1f",
					    "0x",
					    "0xg",
					    "010",
					    "ff",
					    "FF",
					    "-0x10",
					    "z",
					    "2147483647",
					    "2147483648",
					    "-2147483648",
					    "-2147483649",
					    "4294967295",
					    "4294967296",
					    "-4294967295",
					    "9223372036854775807",
					    "9223372036854775808",
					    "-9223372036854775808",
					    "-9223372036854775809",
					    "18446744073709551615",
					    "18446744073709551616",
					    "-18446744073709551615",
					    "99999999999999999999999"};
	static const int bases[] = {10, 16, 0, 8, 36};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t b = 0; b < sizeof(bases) / sizeof(*bases); b++) {
			char *ours, *real;
			int error;

#define SAME_NUMBER(function)                                                                                                    \
	errno = 0;                                                                                                               \
	CHECK(small_##function(texts[i], &ours, bases[b]) == (error = errno, errno = 0, function(texts[i], &real, bases[b])));   \
	CHECK(ours == real && error == errno)
			SAME_NUMBER(strtol);
			SAME_NUMBER(strtoul);
			SAME_NUMBER(strtoll);
			SAME_NUMBER(strtoull);
		}
	CHECK(setenv("NEST_TEST", "a=b", 1) == 0 && setenv("NEST_TEST2", "", 1) == 0 && small_getenv("NEST_TES") == NULL);
	CHECK_TEXT(small_getenv("NEST_TEST"), "a=b");
	CHECK_TEXT(small_getenv("NEST_TEST2"), "");
	CHECK(small_atoi("-12 ") == -12 && small_atol("x") == 0);
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static void searches(void)
{
	static const char *const texts[] = {"", "a", "abc", "aab", "needle in hay", "ababac", "a,b;;c,", ",,", "\xc3\xa9"};
	static const char *const parts[] = {"", "a", "b", "ab", "abac", "needle", ",;", "hay", "\xa9"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t p = 0; p < sizeof(parts) / sizeof(*parts); p++) {
			const char *t = texts[i], *part = parts[p];
			char a[20], b[20], *at = a, *bt = b, *save_a, *save_b;

			CHECK(small_strstr(t, part) == strstr(t, part));
			CHECK(small_memmem(t, strlen(t), part, strlen(part)) == memmem(t, strlen(t), part, strlen(part)));
			CHECK(small_strcspn(t, part) == strcspn(t, part) && small_strspn(t, part) == strspn(t, part));
			CHECK(small_strpbrk(t, part) == strpbrk(t, part));
			CHECK(small_strchr(t, *part) == strchr(t, *part) && small_strrchr(t, *part) == strrchr(t, *part));
			CHECK(small_strlen(t) == strlen(t) && small_strnlen(t, p) == strnlen(t, p));
			CHECK(sign(small_strcmp(t, part)) == sign(strcmp(t, part)));
			CHECK(sign(small_strncmp(t, part, p)) == sign(strncmp(t, part, p)));
			CHECK(sign(small_strcasecmp(t, part)) == sign(strcasecmp(t, part)));
			CHECK(small_strncasecmp("aBC", "AbD", p) == strncasecmp("aBC", "AbD", p));
			CHECK(small_stpcpy(a, t) == a + strlen(t) && strcmp(a, t) == 0);
			small_strcat(small_strcpy(a, part), part);
			CHECK(strlen(a) == 2 * strlen(part) && strncmp(a, part, strlen(part)) == 0);
			strcpy(a, t);
			strcpy(b, t);
			while (at && bt) {
				char *one = small_strsep(&at, part), *other = strsep(&bt, part);

				CHECK_TEXT(one, other);
			}
			CHECK(at == NULL && bt == NULL);
			strcpy(a, t);
			strcpy(b, t);
			at = small_strtok_r(a, part, &save_a);
			bt = strtok_r(b, part, &save_b);
			while (at && bt) {
				CHECK_TEXT(at, bt);
				at = small_strtok_r(NULL, part, &save_a);
				bt = strtok_r(NULL, part, &save_b);
			}
			CHECK(at == NULL && bt == NULL);
		}
}

static int by_value(const void *a, const void *b)
{
	const int *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void sorted(void)
{
	int values[300];

	for (size_t count = 0; count <= 300; count += count < 10 ? 1 : 29) {
		for (size_t i = 0; i < count; i++)
			values[i] = (int)(next() % 100);
		small_qsort(values, count, sizeof(*values), by_value);
		for (size_t i = 1; i < count; i++)
			CHECK(values[i - 1] <= values[i]);
	}
}

static void calendar(void)
{
	for (int i = 0; i < 20000; i++) {
		/* Every leap year's end and begin, and anything between the years 1 and 9999. */
		time_t when = i < 4000 ? i * (time_t)31556952 / 2 - 2000000000 : (time_t)(next() % 315537897599u) - 62135596800;
		struct tm ours, real;

		CHECK(small_gmtime_r(&when, &ours) == &ours && gmtime_r(&when, &real));
		CHECK(ours.tm_year == real.tm_year && ours.tm_mon == real.tm_mon && ours.tm_mday == real.tm_mday &&
		      ours.tm_hour == real.tm_hour && ours.tm_min == real.tm_min && ours.tm_sec == real.tm_sec);
		CHECK(small_timegm(&ours) == when);
	}
	struct tm over = {.tm_year = 124, .tm_mon = 14, .tm_mday = 31}, same = over;

	CHECK(small_timegm(&over) == timegm(&same));
}

static void addresses(void)
{
	static const char *const texts[] = {"1.2.3.4",   "255.255.255.255", "0.0.0.0", "256.1.1.1", "1.2.3",
					    "1.2.3.4.5", "01.2.3.4",        "1..2.3",  "",          "a.b.c.d",
					    "1.2.3.4 ",  "1234.1.1.1",      "1.2.3.",  "10.0.0.1"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		uint32_t ours = 0, real = 0;
		char text[16], short_text[6];

		CHECK(small_inet_pton(AF_INET, texts[i], &ours) == inet_pton(AF_INET, texts[i], &real));
		if (real)
			CHECK(ours == real && small_inet_ntop(AF_INET, &ours, text, sizeof(text)) && strcmp(text, texts[i]) == 0);
		CHECK(small_inet_ntop(AF_INET, &ours, short_text, sizeof(short_text)) == NULL);
	}
	CHECK(small_inet_pton(AF_INET6, "::1", &(uint8_t[16]){0}) == -1);
}

uintptr_t secret = 0x5ec4e7a1;

long call1(long number, long a)
{
	return syscall(number, a);
}

long call2(long number, long a, long b)
{
	return syscall(number, a, b);
}

long call6(long number, long a, long b, long c, long d, long e, long f)
{
	return syscall(number, a, b, c, d, e, f);
}

/* Whether every byte still is what was written. */
static bool kept(const unsigned char *data, size_t length, unsigned char mark)
{
	for (size_t i = 0; i < length; i++)
		if (data[i] != mark)
			return false;
	return true;
}

static bool traps(void (*wrong)(char *block))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGILL, SIG_DFL);
		signal(SIGTRAP, SIG_DFL);
		wrong(small_malloc(24));
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status);
}

static void free_twice(char *block)
{
	small_free(block);
	small_free(block);
}

static void write_past(char *block)
{
	/* As from the end of the block in front. */
	memset(block - sizeof(struct block), 'x', sizeof(struct block));
	small_free(block);
}

static void free_inside(char *block)
{
	memset(block, 0, 24);
	small_free(block + 8);
}

static void memory(void)
{
	enum { COUNT = 200 };
	static struct {
		unsigned char *data, mark;
		size_t length;
	} blocks[COUNT];

	for (int i = 0; i < 40000; i++) {
		unsigned at = next() % COUNT;
		size_t length = next() % (next() % 50 == 0 ? 300000 : next() % 3 == 0 ? 5000 : 100);

		CHECK(kept(blocks[at].data, blocks[at].length, blocks[at].mark));
		if (next() % 3 == 0) {
			unsigned char *moved = small_realloc(blocks[at].data, length);

			CHECK(moved && kept(moved, length < blocks[at].length ? length : blocks[at].length, blocks[at].mark));
			blocks[at].data = moved;
		} else {
			small_free(blocks[at].data);
			if (next() % 4 == 0) {
				blocks[at].data = small_calloc(1, length);
				CHECK(kept(blocks[at].data, length, 0));
			} else {
				blocks[at].data = small_malloc(length);
			}
		}
		CHECK(blocks[at].data && (uintptr_t)blocks[at].data % 8 == 0);
		blocks[at].length = length;
		blocks[at].mark = (unsigned char)i;
		memset(blocks[at].data, blocks[at].mark, length);
	}
	for (unsigned i = 0; i < COUNT; i++)
		small_free(blocks[i].data);
	/* What was given back is used again. */
	uintptr_t end = heap.next;

	for (unsigned i = 0; i < COUNT; i++) {
		void *a = small_malloc(40), *b = small_malloc(40);

		CHECK(a != b);
		small_free(a);
		small_free(b);
	}
	CHECK(heap.next == end);
	errno = 0;
	CHECK(small_malloc(SIZE_MAX) == NULL && errno == ENOMEM && small_malloc(PTRDIFF_MAX) == NULL);
	CHECK(small_calloc(SIZE_MAX / 2, 3) == NULL && small_realloc(NULL, SIZE_MAX - 3) == NULL);
	small_free(NULL);
	CHECK(traps(free_twice) && traps(write_past) && traps(free_inside));
}

/* What a monitor does: copies what it inherited, lets go of it, and has memory of its own, also more than the first of it. */
static bool began_anew(const char *old)
{
	enum { SIZE = 5000, COUNT = 100 };
	unsigned char *blocks[COUNT];

	memory_fresh();
	char *copy = small_strdup(old);

	memory_forget();
	for (unsigned i = 0; i < COUNT; i++) {
		if (!(blocks[i] = small_malloc(SIZE)))
			return false;
		memset(blocks[i], (int)i, SIZE);
	}
	memory_shrink(blocks[0], 100);
	for (unsigned i = 1; i < COUNT; i += 2)
		small_free(blocks[i]);
	memory_trim();
	for (unsigned i = 0; i < COUNT; i += 2)
		if (!kept(blocks[i], i ? SIZE : 100, (unsigned char)i))
			return false;
	return strcmp(copy, "inherited") == 0;
}

static void inherited(void)
{
	int status;
	char *old = small_strdup("inherited");
	pid_t pid = fork();

	if (pid == 0)
		_exit(began_anew(old) ? 0 : 1);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(strcmp(old, "inherited") == 0);
	small_free(old);
}

int main(void)
{
	static const struct test tests[] = {TEST(texts),     TEST(integers), TEST(floating), TEST(streams),
					    TEST(numbers),   TEST(searches), TEST(sorted),   TEST(calendar),
					    TEST(addresses), TEST(memory),   TEST(inherited)};

	return RUN(tests);
}
