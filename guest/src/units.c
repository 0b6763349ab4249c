#include <stdio.h>
#include <string.h>
#include <time.h>
#include "io.h"
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
	struct tm tm = {0};
	int zone_hours = 0, zone_minutes = 0;
	char sign = 'Z';
	const char *rest;

	if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) !=
	    6)
		return 0;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	rest = text + strcspn(text, "T");
	rest += strcspn(rest, "Z+-");
	if (sscanf(rest, "%c%2d:%2d", &sign, &zone_hours, &zone_minutes) == 3 && sign != 'Z')
		return (int64_t)timegm(&tm) - (sign == '-' ? -1 : 1) * (zone_hours * 3600 + zone_minutes * 60);
	return (int64_t)timegm(&tm);
}

void unit_time(char *text, size_t size, int64_t ms)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;
	char day[32];

	if (ms <= 0) {
		snprintf(text, size, "0001-01-01T00:00:00Z");
		return;
	}
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	snprintf(text, size, "%s.%03d000000Z", day, (int)(ms % 1000));
}
