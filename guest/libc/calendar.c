/* Days and dates of the Gregorian calendar, by cycles of 400 years that begin on a first of March. */
#include <stdint.h>
#include <string.h>
#include <time.h>

enum { DAY = 86400, CYCLE_DAYS = 146097, EPOCH = 719468 /* days from 0000-03-01 to 1970-01-01 */ };

/* Rounded down, where C rounds to zero. */
static int64_t floor_divide(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

struct tm *gmtime_r(const time_t *restrict when, struct tm *restrict tm)
{
	int64_t days = floor_divide(*when, DAY);
	int second = (int)(*when - days * DAY);

	days += EPOCH;

	int64_t cycle = floor_divide(days, CYCLE_DAYS);
	/* Of the cycle; a year ends with February, so that its leap day comes last. */
	int day = (int)(days - cycle * CYCLE_DAYS), year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	int64_t full;

	day -= 365 * year + year / 4 - year / 100;

	int month = (5 * day + 2) / 153; /* from March */

	full = year + cycle * 400 + (month >= 10);
	if (full - 1900 != (int)(full - 1900))
		return NULL;
	memset(tm, 0, sizeof(*tm));
	tm->tm_year = (int)(full - 1900);
	tm->tm_mon = (month + 2) % 12;
	tm->tm_mday = day - (153 * month + 2) / 5 + 1;
	tm->tm_hour = second / 3600;
	tm->tm_min = second / 60 % 60;
	tm->tm_sec = second % 60;
	return tm;
}

/* Months and days beyond their ends count on. */
time_t timegm(struct tm *tm)
{
	int64_t months = (int64_t)tm->tm_mon - 2, year = tm->tm_year + 1900 + floor_divide(months, 12);
	int64_t cycle = floor_divide(year, 400);
	int month = (int)(months - floor_divide(months, 12) * 12), of_cycle = (int)(year - cycle * 400);
	int64_t days =
		cycle * CYCLE_DAYS + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + (153 * month + 2) / 5 + tm->tm_mday - 1;

	return (days - EPOCH) * DAY + tm->tm_hour * 3600LL + tm->tm_min * 60LL + tm->tm_sec;
}
