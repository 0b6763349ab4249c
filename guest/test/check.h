/* The smallest frame for native tests: each test_* function holds any number of CHECKs and counts as one test. */
#pragma once
#include <stdio.h>
#include <string.h>

static int check_failures;

#define CHECK(condition)                                                                                                         \
	do {                                                                                                                     \
		if (!(condition)) {                                                                                              \
			check_failures++;                                                                                        \
			printf("%s:%d: %s: not true: %s\n", __FILE__, __LINE__, __func__, #condition);                           \
		}                                                                                                                \
	} while (0)
#define CHECK_TEXT(got, wanted)                                                                                                  \
	do {                                                                                                                     \
		const char *got_ = (got), *wanted_ = (wanted);                                                                   \
		if (!got_ || strcmp(got_, wanted_) != 0) {                                                                       \
			check_failures++;                                                                                        \
			printf("%s:%d: %s: %s is \"%s\", not \"%s\"\n", __FILE__, __LINE__, __func__, #got,                      \
			       got_ ? got_ : "(null)", wanted_);                                                                 \
		}                                                                                                                \
	} while (0)

struct test {
	const char *name;
	void (*run)(void);
};
#define TEST(function)                                                                                                           \
	{                                                                                                                        \
#function, function                                                                                              \
	}

/* Runs them all; prints "N passed, M failed"; the exit status. */
static inline int run_tests(const struct test *tests, size_t count)
{
	int failed = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < count; i++) {
		int before = check_failures;

		tests[i].run();
		if (check_failures != before) {
			failed++;
			printf("not ok: %s\n", tests[i].name);
		}
	}
	printf("%d passed, %d failed\n", (int)count - failed, failed);
	return failed ? 1 : 0;
}
#define RUN(tests) run_tests(tests, sizeof(tests) / sizeof(*(tests)))
