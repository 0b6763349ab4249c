#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "flags.h"
#include "io.h"
#include "number.h"

long long flag_size(const char *text)
{
	static const char units[] = "bkmgt";
	const char *end = text;

	if (!isdigit((unsigned char)*text))
		return -1;
	double value = number_parse(&end);

	if (*end) {
		const char *unit = strchr(units, tolower((unsigned char)*end));

		if (!unit)
			return -1;
		for (; unit > units; unit--)
			value *= 1024;
		end++;
		/* "kb", "KiB" */
		if (tolower((unsigned char)*end) == 'i')
			end++;
		if (tolower((unsigned char)*end) == 'b')
			end++;
	}
	return *end || value > 9e15 ? -1 : (long long)value;
}

long long flag_cpus(const char *text)
{
	const char *end = text;
	double value = number_parse(&end);

	return end == text || *end || value > 10000 ? -1 : (long long)(value * 100000 + 0.5);
}

long long flag_time(const char *text)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
	double sum = 0;

	if (strcmp(text, "0") == 0)
		return 0;
	do {
		const char *end = text;
		size_t i = 0, length;

		double value = number_parse(&end);

		/* Not "1e9". */
		if (end == text || (size_t)(end - text) != strspn(text, "0123456789."))
			return -1;
		length = strcspn(end, "0123456789.");
		while (i < array_size(units) && (strlen(units[i].unit) != length || strncmp(units[i].unit, end, length) != 0))
			i++;
		if (i == array_size(units))
			return -1;
		sum += value * units[i].ns;
		text = end + length;
	} while (*text);
	return sum < 9e18 ? (long long)sum : -1;
}

static int invalid(const struct flag *f, const char *text, const char *why, struct err *e)
{
	char both[96];

	if (f->letter)
		snprintf(both, sizeof(both), "-%c, --%s", f->letter, f->name);
	else
		snprintf(both, sizeof(both), "--%s", f->name);
	return err_set(e, 125, "invalid argument \"%.100s\" for \"%s\" flag: %s", text, both, why);
}

static int check(const struct flag *f, const char *text, struct err *e)
{
	char why[160], *end;

	switch (f->kind) {
	case FLAG_BOOL:
		if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0 || strcmp(text, "1") == 0 || strcmp(text, "0") == 0)
			return 0;
		snprintf(why, sizeof(why), "strconv.ParseBool: parsing \"%.80s\": invalid syntax", text);
		return invalid(f, text, why, e);
	case FLAG_INT:
		(void)strtol(text, &end, 10);
		if (*text && !isspace((unsigned char)*text) && !*end)
			return 0;
		snprintf(why, sizeof(why), "strconv.ParseInt: parsing \"%.80s\": invalid syntax", text);
		return invalid(f, text, why, e);
	case FLAG_SIZE:
	case FLAG_SWAP:
		if (flag_size(text) >= 0 || (f->kind == FLAG_SWAP && strcmp(text, "-1") == 0))
			return 0;
		snprintf(why, sizeof(why), "invalid size: '%.80s'", text);
		return invalid(f, text, why, e);
	case FLAG_TIME:
		if (flag_time(text) >= 0)
			return 0;
		snprintf(why, sizeof(why), "time: invalid duration \"%.80s\"", text);
		return invalid(f, text, why, e);
	case FLAG_CPUS:
		if (flag_cpus(text) >= 0)
			return 0;
		snprintf(why, sizeof(why), "failed to parse %.80s as a rational number", text);
		return invalid(f, text, why, e);
	case FLAG_TEXT:
	case FLAG_LIST:
		break;
	}
	return 0;
}

static int add(struct arguments *out, const struct flag *f, const char *text, struct err *e)
{
	if (check(f, text, e) < 0)
		return -1;
	if (out->count == FLAG_VALUES_MAX)
		return err_set(e, 125, "more than %d flags", FLAG_VALUES_MAX);
	out->values[out->count].flag = f;
	out->values[out->count++].text = text;
	return 0;
}

static int parse_long(const struct flag *table, char **argv, int argc, int *at, struct arguments *out, struct err *e)
{
	const char *text = argv[*at] + 2, *equals = strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : strlen(text);

	for (const struct flag *f = table; f->name; f++) {
		if (strlen(f->name) != length || strncmp(f->name, text, length) != 0)
			continue;
		if (equals)
			return add(out, f, equals + 1, e);
		if (f->kind == FLAG_BOOL)
			return add(out, f, "true", e);
		if (*at + 1 >= argc)
			return err_set(e, 125, "flag needs an argument: --%s", f->name);
		return add(out, f, argv[++*at], e);
	}
	if (length == 4 && strncmp(text, "help", 4) == 0) {
		out->help = true;
		return 0;
	}
	return err_set(e, 125, "unknown flag: --%.*s", (int)(length > 100 ? 100 : length), text);
}

/* "-it", "-eA=1", "-e A=1", "-n=5" */
static int parse_short(const struct flag *table, char **argv, int argc, int *at, struct arguments *out, struct err *e)
{
	const char *group = argv[*at];

	for (const char *letter = group + 1; *letter; letter++) {
		const struct flag *f = table;

		while (f->name && f->letter != *letter)
			f++;
		if (!f->name && *letter == 'h' && !letter[1] && letter == group + 1) {
			out->help = true;
			return 0;
		}
		if (!f->name)
			return err_set(e, 125, "unknown shorthand flag: '%c' in %.100s", *letter, group);
		if (f->kind == FLAG_BOOL && letter[1] == '=')
			return add(out, f, letter + 2, e);
		if (f->kind == FLAG_BOOL) {
			if (add(out, f, "true", e) < 0)
				return -1;
			continue;
		}
		if (letter[1])
			return add(out, f, letter + 1 + (letter[1] == '='), e);
		if (*at + 1 >= argc)
			return err_set(e, 125, "flag needs an argument: '%c' in %.100s", *letter, group);
		return add(out, f, argv[++*at], e);
	}
	return 0;
}

int flags_parse(const struct flag *table, bool interspersed, int argc, char **argv, struct arguments *out, struct err *e)
{
	bool flags_over = false;

	out->count = out->rest_count = 0;
	out->help = false;
	out->rest = argv;
	for (int i = 0; i < argc; i++) {
		char *text = argv[i];
		int ret = 0;

		if (flags_over || text[0] != '-' || !text[1]) {
			argv[out->rest_count++] = text;
			flags_over |= !interspersed;
			continue;
		}
		if (strcmp(text, "--") == 0) {
			flags_over = true;
			continue;
		}
		ret = text[1] == '-' ? parse_long(table, argv, argc, &i, out, e) : parse_short(table, argv, argc, &i, out, e);
		if (ret < 0)
			return -1;
	}
	return 0;
}

const char *flag_text(const struct arguments *a, const char *name)
{
	const char *text = NULL;

	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i].flag->name, name) == 0)
			text = a->values[i].text;
	return text;
}

bool flag_on(const struct arguments *a, const char *name)
{
	const char *text = flag_text(a, name);

	return text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0);
}
