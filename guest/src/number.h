/* Decimal numbers in text. Small: libc's strtod and scanf are a tenth of this program. */
#pragma once
#include <stdint.h>

/*
 * The number at `*text`, which moves past it: digits, then maybe a fraction and an exponent, no sign. The first 15 digits
 * are exact, and so are integers below 2^53. Infinity where too large.
 * Without a digit, `*text` stays.
 */
double number_parse(const char **text);

/* The decimal digits at `*text`, which moves past them; at most `max` of them. -1 where there are none. */
int64_t number_digits(const char **text, int max);
