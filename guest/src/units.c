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

/* RFC 3339, or only its beginning: what is left out is 0 and UTC. */
static int parse_date(const char *text, int64_t *ms)
{
	/* Year, month, day, hour, minute, second, and the zone's hours and minutes. */
	static const char before[] = " --T::";
	int64_t part[8] = {0, 1, 1};
	double fraction = 0;

	for (int i = 0; i < 6; i++) {
		if (i > 0 && *text != before[i]) {
			if (i < 3 || i == 4)
				return -1;
			break;
		}
		text += i > 0;
		part[i] = number_digits(&text, i == 0 ? 4 : 2);
		if (part[i] < 0)
			return -1;
	}
	if (*text == '.')
		fraction = number_parse(&text);
	int sign = *text == '-' ? -1 : 1;

	if (*text == '-' || *text == '+') {
		text++;
		part[6] = number_digits(&text, 2);
		text += *text == ':';
		part[7] = number_digits(&text, 2);
		if (part[6] < 0 || part[7] < 0)
			return -1;
	} else if (*text == 'Z') {
		text++;
	}
	struct tm tm = {
		.tm_year = (int)part[0] - 1900,
		.tm_mon = (int)part[1] - 1,
		.tm_mday = (int)part[2],
		.tm_hour = (int)part[3],
		.tm_min = (int)part[4],
		.tm_sec = (int)part[5],
	};

	*ms = ((int64_t)timegm(&tm) - sign * (part[6] * 3600 + part[7] * 60)) * 1000 + (int64_t)(fraction * 1000);
	return *text ? -1 : 0;
}

int64_t unit_parse_time(const char *text)
{
	int64_t ms;

	return parse_date(text, &ms) < 0 ? 0 : ms / 1000;
}

int unit_moment(const char *text, int64_t *ms)
{
	static const struct {
		char name[3];
		double ms;
	} units[] = {{"ms", 1}, {"us", 1e-3}, {"ns", 1e-6}, {"h", 3600e3}, {"m", 60e3}, {"s", 1e3}};
	const char *start, *end = text;
	struct timespec now;
	double sum = 0, value;
	size_t i;

	if (parse_date(text, ms) == 0)
		return 0;
	value = number_parse(&end);
	if (end == text || value > 1e12)
		return -1;
	if (!*end) {
		*ms = (int64_t)(value * 1000);
		return 0;
	}
	for (end = text; *end; end += strlen(units[i].name)) {
		start = end;
		value = number_parse(&end);
		for (i = 0; i < array_size(units) && strncmp(end, units[i].name, strlen(units[i].name)) != 0; i++)
			;
		if (end == start || i == array_size(units) || value > 1e12)
			return -1;
		sum += value * units[i].ms;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	*ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)(sum < 1e15 ? sum : 1e15);
	return 0;
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
	struct tm tm = {0};

	gmtime_r(&when, &tm);
	snprintf(text, size, "%04d-%02d-%02d %02d:%02d:%02d +0000 UTC", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		 tm.tm_min, tm.tm_sec);
}
