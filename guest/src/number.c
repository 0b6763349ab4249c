#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include "number.h"

int64_t number_digits(const char **text, int max)
{
	const char *s = *text;
	int64_t value = 0;

	for (; max > 0 && isdigit((unsigned char)*s) && value < INT64_MAX / 10 - 1; s++, max--)
		value = value * 10 + (*s - '0');
	if (s == *text)
		return -1;
	*text = s;
	return value;
}

double number_parse(const char **text)
{
	const char *s = *text;
	/* Wider than the result, so that rounding on the way does not show in it. */
	long double value = 0, scale = 1;
	int places = 0;
	bool any = false;

	for (; isdigit((unsigned char)*s); s++, any = true)
		value = value * 10 + (*s - '0');
	if (*s == '.')
		for (s++; isdigit((unsigned char)*s); s++, any = true) {
			value = value * 10 + (*s - '0');
			places++;
		}
	if (!any)
		return 0;
	if (*s == 'e' || *s == 'E') {
		const char *exponent = s + 1;
		bool minus = *exponent == '-';

		exponent += minus || *exponent == '+';
		int64_t shift = number_digits(&exponent, 6);

		if (shift >= 0) {
			places += (int)(minus ? shift : -shift);
			s = exponent;
		}
	}
	*text = s;
	if (value == 0 || !isfinite(value))
		return (double)value;
	/* Beyond these it is nothing or infinite whatever the digits: a bound for the loop. */
	for (int n = places < 0 ? -places : places; n > 0 && isfinite(scale); n--)
		scale *= 10;
	return (double)(places > 0 ? value / scale : value * scale);
}
