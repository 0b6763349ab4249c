/* Integers from text. */
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* -1 when it is none. */
static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : -1;
}

/* Up to `most` (one more below zero, if the type has a sign): beyond that the last one and ERANGE. Base 16 may have its prefix. */
static uint64_t parse(const char *text, char **end, int base, uint64_t most, bool has_sign)
{
	const char *s = text;
	uint64_t value = 0;
	bool minus, any = false, over = false;
	int digit;

	while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
		s++;
	minus = *s == '-';
	s += minus || *s == '+';
	if (has_sign && minus)
		most++;
	if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 0x20) == 'x' && (unsigned)digit_of(s[2]) < 16) {
		base = 16;
		s += 2;
	}
	if (base == 0)
		base = *s == '0' ? 8 : 10;
	for (; digit = digit_of(*s), (unsigned)digit < (unsigned)base; s++) {
		any = true;
		if (value > (most - (unsigned)digit) / (unsigned)base)
			over = true;
		else
			value = value * (unsigned)base + (unsigned)digit;
	}
	if (end)
		*end = (char *)(any ? s : text);
	if (over) {
		errno = ERANGE;
		value = most;
		minus = minus && has_sign;
	}
	return minus ? -value : value;
}

long strtol(const char *restrict text, char **restrict end, int base)
{
	return (long)parse(text, end, base, LONG_MAX, true);
}

unsigned long strtoul(const char *restrict text, char **restrict end, int base)
{
	return (unsigned long)parse(text, end, base, ULONG_MAX, false);
}

long long strtoll(const char *restrict text, char **restrict end, int base)
{
	return (long long)parse(text, end, base, LLONG_MAX, true);
}

unsigned long long strtoull(const char *restrict text, char **restrict end, int base)
{
	return parse(text, end, base, ULLONG_MAX, false);
}

long atol(const char *text)
{
	return strtol(text, NULL, 10);
}

int atoi(const char *text)
{
	return (int)atol(text);
}
