#include <stdio.h>
#include <string.h>
#include <time.h>
#include "io.h"
#include "number.h"
#include "units.h"

void unit_size(char *text, size_t size, double bytes, int digits)
{
	static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
	size_t unit = 0;

	while (bytes >= 1000 && unit + 1 < array_size(units)) {
		bytes /= 1000;
		unit++;
	}
	snprintf(text, size, "%.*g%s", digits, bytes, units[unit]);
}

void unit_duration(char *text, size_t size, int64_t seconds)
{
	long long minutes = seconds / 60, hours = (seconds + 1800) / 3600;

	if (seconds < 1)
		snprintf(text, size, "Less than a second");
	else if (seconds == 1)
		snprintf(text, size, "1 second");
	else if (seconds < 60)
		snprintf(text, size, "%lld seconds", (long long)seconds);
	else if (minutes == 1)
		snprintf(text, size, "About a minute");
	else if (minutes < 60)
		snprintf(text, size, "%lld minutes", minutes);
	else if (hours == 1)
		snprintf(text, size, "About an hour");
	else if (hours < 48)
		snprintf(text, size, "%lld hours", hours);
	else if (hours < 24 * 7 * 2)
		snprintf(text, size, "%lld days", hours / 24);
	else if (hours < 24 * 30 * 2)
		snprintf(text, size, "%lld weeks", hours / 24 / 7);
	else if (hours < 24 * 365 * 2)
		snprintf(text, size, "%lld months", hours / 24 / 30);
	else
		snprintf(text, size, "%lld years", hours / 24 / 365);
}

void unit_ago(char *text, size_t size, int64_t when)
{
	int64_t seconds = (int64_t)time(NULL) - when;
	char duration[32];

	if (when <= 0) {
		snprintf(text, size, "N/A");
		return;
	}
	unit_duration(duration, sizeof(duration), seconds < 0 ? 0 : seconds);
	snprintf(text, size, "%s ago", duration);
}

int64_t unit_parse_time(const char *text)
{
	/* Year, month, day, hour, minute, second, and the zone's hours and minutes. */
	static const char after[] = "--T::";
	int64_t part[8] = {0};

	for (int i = 0; i < 6; i++) {
		part[i] = number_digits(&text, i == 0 ? 4 : 2);
		if (part[i] < 0 || (i < 5 && *text++ != after[i]))
			return 0;
	}
	text += strcspn(text, "Z+-");
	int sign = *text == '-' ? -1 : 1;

	if (*text == '-' || *text == '+') {
		text++;
		part[6] = number_digits(&text, 2);
		text += *text == ':';
		part[7] = number_digits(&text, 2);
		if (part[6] < 0 || part[7] < 0)
			return 0;
	}
	struct tm tm = {
		.tm_year = (int)part[0] - 1900,
		.tm_mon = (int)part[1] - 1,
		.tm_mday = (int)part[2],
		.tm_hour = (int)part[3],
		.tm_min = (int)part[4],
		.tm_sec = (int)part[5],
	};

	return (int64_t)timegm(&tm) - sign * (part[6] * 3600 + part[7] * 60);
}

void unit_time(char *text, size_t size, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (ms <= 0 || !gmtime_r(&seconds, &tm)) {
		snprintf(text, size, "0001-01-01T00:00:00Z");
		return;
	}
	snprintf(text, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03d000000Z", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
		 tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

void unit_date(char *text, size_t size, int64_t seconds)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	strftime(text, size, "%Y-%m-%d %H:%M:%S +0000 UTC", gmtime_r(&when, &tm));
}
