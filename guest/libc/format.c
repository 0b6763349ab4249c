/*
 * printf and the standard streams. Conversions: d i u o x X c s p f e g %, the flags - 0 + and space, width, precision and lengths;
 * no "%2$s". Floating point is counted in the 64 bits of x87: right to 15 digits, which is what is ever asked for, not to the hundreds
 * that a full one knows.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { BUFFER = 1024, NUMBER = 360 };

struct _IO_FILE {
	int fd;
	enum { BY_WHOLE, BY_LINE, BY_CALL, UNDECIDED } flushed;
	bool failed;
	size_t used;
	char buffer[BUFFER];
};

static FILE out = {.fd = 1, .flushed = UNDECIDED}, err = {.fd = 2, .flushed = BY_CALL};
FILE *const stdout = &out;
FILE *const stderr = &err;

/* Formatted text goes to a stream, or to memory as far as there is room. */
struct sink {
	FILE *file;
	char *at;
	size_t room, total;
};

static void write_out(FILE *f, const char *data, size_t length)
{
	while (length > 0 && !f->failed) {
		ssize_t n = write(f->fd, data, length);

		f->failed = n <= 0;
		data += n;
		length -= (size_t)n;
	}
}

int fflush(FILE *f)
{
	write_out(f, f->buffer, f->used);
	f->used = 0;
	return f->failed ? EOF : 0;
}

/* For exit(): musl calls it by this name. */
void __stdio_exit(void);

void __stdio_exit(void)
{
	fflush(stdout);
}

static void add(FILE *f, const char *data, size_t length)
{
	if (length > sizeof(f->buffer) - f->used)
		fflush(f);
	if (length > sizeof(f->buffer)) {
		write_out(f, data, length);
	} else {
		memcpy(f->buffer + f->used, data, length);
		f->used += length;
	}
}

/* At the end of a call. */
static void settle(FILE *f)
{
	struct winsize size;

	if (f->flushed == UNDECIDED)
		f->flushed = ioctl(f->fd, TIOCGWINSZ, &size) < 0 ? BY_WHOLE : BY_LINE;
	if (f->flushed == BY_CALL || (f->flushed == BY_LINE && memchr(f->buffer, '\n', f->used)))
		fflush(f);
}

size_t fwrite(const void *restrict data, size_t size, size_t count, FILE *restrict f)
{
	add(f, data, size * count);
	settle(f);
	return count;
}

int fputs(const char *restrict text, FILE *restrict f)
{
	fwrite(text, 1, strlen(text), f);
	return 0;
}

int putchar(int c)
{
	char one = (char)c;

	add(stdout, &one, 1);
	settle(stdout);
	return c;
}

int puts(const char *text)
{
	add(stdout, text, strlen(text));
	return putchar('\n');
}

static void put(struct sink *s, const char *text, size_t length)
{
	s->total += length;
	if (s->file) {
		add(s->file, text, length);
		return;
	}
	if (length > s->room)
		length = s->room;
	if (length == 0)
		return;
	memcpy(s->at, text, length);
	s->at += length;
	s->room -= length;
}

static void fill(struct sink *s, char c, int count)
{
	for (; count > 0; count--)
		put(s, &c, 1);
}

/* Writes backwards from `end`; the text's begin. Nothing for zero. */
static char *digits_before(char *end, uint64_t value, unsigned base, char ten)
{
	while (value) {
		unsigned digit;

		/* Division of 64 bits is a call and a loop. */
		if (value >> 32) {
			digit = (unsigned)(value % base);
			value /= base;
		} else {
			digit = (unsigned)value % base;
			value = (unsigned)value / base;
		}
		*--end = (char)(digit < 10 ? '0' + digit : ten + digit - 10);
	}
	return end;
}

/* To the nearest, halves to the even one; `value` is not negative and below 2^63. */
static uint64_t nearest(long double value)
{
	uint64_t whole = (uint64_t)(int64_t)value;
	long double rest = value - whole;

	return whole + (rest > 0.5L || (rest == 0.5L && whole & 1));
}

static long double power_of_ten(int n)
{
	long double power = 1;

	while (n-- > 0)
		power *= 10;
	return power;
}

static long double scaled(long double value, int places)
{
	return places < 0 ? value / power_of_ten(-places) : value * power_of_ten(places);
}

/* The number in the way of f, e or g into `text`, without sign; its length. */
static size_t decimal(long double value, char way, int precision, char text[NUMBER])
{
	char *end = text + NUMBER, *begin, *exponent_at = end, *to = text;
	int exponent = 0, zeros = 0;
	uint64_t whole;

	if (value != value || value > 1e308L * 10) {
		memcpy(text, value != value ? "nan" : "inf", 3);
		return 3;
	}
	if (precision < 0)
		precision = 6;
	if (precision > 17)
		precision = 17;
	if (way == 'f') {
		for (value *= power_of_ten(precision); value >= 1e18L; value /= 10)
			zeros++;
		whole = nearest(value);
	} else {
		/* From here on the digits behind the first one. */
		precision -= way == 'g' && precision > 0;
		for (long double power = 1; value >= power * 10; power *= 10)
			exponent++;
		while (value != 0 && scaled(value, -exponent) < 1)
			exponent--;
		whole = nearest(scaled(value, precision - exponent));
		if (whole >= (uint64_t)power_of_ten(precision + 1)) {
			whole /= 10;
			exponent++;
		}
		bool plain = way == 'g' && exponent >= -4 && exponent <= precision;

		if (plain)
			precision -= exponent;
		if (way == 'g')
			for (; precision > 0 && whole % 10 == 0; whole /= 10)
				precision--;
		if (!plain) {
			unsigned size = (unsigned)(exponent < 0 ? -exponent : exponent);

			exponent_at = digits_before(end, size, 10, 0);
			while (end - exponent_at < 2)
				*--exponent_at = '0';
			*--exponent_at = exponent < 0 ? '-' : '+';
			*--exponent_at = 'e';
		}
	}
	begin = exponent_at - zeros;
	memset(begin, '0', (size_t)zeros);
	begin = digits_before(begin, whole, 10, 0);
	while (exponent_at - begin <= precision)
		*--begin = '0';
	for (; begin < exponent_at - precision; begin++)
		*to++ = *begin;
	if (precision > 0)
		*to++ = '.';
	memmove(to, begin, (size_t)(end - begin));
	return (size_t)(to - text + (end - begin));
}

static void format(struct sink *s, const char *f, va_list args)
{
	for (;;) {
		const char *plain = f;
		bool left = false, zero = false, is_signed = false;
		char number[NUMBER], sign[2] = "", way;
		const char *text = number;
		int width = 0, precision = -1, longs = 0;
		size_t length;

		while (*f && *f != '%')
			f++;
		put(s, plain, (size_t)(f - plain));
		if (!*f++)
			return;
		for (;; f++) {
			if (*f == '-')
				left = true;
			else if (*f == '0')
				zero = true;
			else if (*f == '+' || *f == ' ')
				*sign = *f;
			else
				break;
		}
		for (int *count = &width;; count = &precision, f++) {
			if (count == &precision)
				precision = 0;
			if (*f == '*') {
				*count = va_arg(args, int);
				f++;
			} else {
				for (; *f >= '0' && *f <= '9'; f++)
					*count = *count * 10 + (*f - '0');
			}
			if (count == &precision || *f != '.')
				break;
		}
		if (width < 0) {
			left = true;
			width = -width;
		}
		for (; *f == 'l' || *f == 'h' || *f == 'z' || *f == 't' || *f == 'j'; f++)
			longs += *f == 'j' ? 2 : *f == 'l' ? 1 : *f == 'h' ? -1 : 0;
		way = *f++;
		switch (way) {
		case 'c':
			number[0] = (char)va_arg(args, int);
			length = 1;
			*sign = 0;
			break;
		case 's':
			text = va_arg(args, const char *);
			if (!text)
				text = "(null)";
			length = strnlen(text, precision < 0 ? INT_MAX : (size_t)precision);
			*sign = 0;
			break;
		case 'e':
		case 'f':
		case 'g': {
			double value = va_arg(args, double);

			if (__builtin_signbit(value))
				*sign = '-';
			length = decimal(__builtin_fabs(value), way, precision, number);
			zero = zero && *number <= '9';
			break;
		}
		case 'd':
		case 'i':
			is_signed = true;
			__attribute__((fallthrough));
		case 'o':
		case 'p':
		case 'u':
		case 'x':
		case 'X': {
			uint64_t value = longs >= 2 ? va_arg(args, uint64_t) : va_arg(args, unsigned);

			if (is_signed && longs < 2)
				value = (uint64_t)(longs == -2 ? (signed char)value : longs == -1 ? (short)value : (int)value);
			else if (longs < 0)
				value &= longs == -2 ? UCHAR_MAX : USHRT_MAX;
			if (!is_signed)
				*sign = 0;
			if (is_signed && (int64_t)value < 0) {
				*sign = '-';
				value = -value;
			}
			char *end = number + sizeof(number);
			char *begin = digits_before(end, value,
						    way == 'o'                ? 8
						    : is_signed || way == 'u' ? 10
									      : 16,
						    way == 'X' ? 'A' : 'a');

			zero = zero && precision < 0;
			while (end - begin < (precision < 0 ? 1 : precision) && begin > number)
				*--begin = '0';
			text = begin;
			length = (size_t)(end - begin);
			break;
		}
		default:
			/* "%%", and what is none of ours as it stands. */
			number[0] = way;
			length = 1;
			*sign = 0;
			if (!way)
				return;
		}
		width -= (int)length + (*sign != 0);
		if (!left && !zero)
			fill(s, ' ', width);
		put(s, sign, *sign != 0);
		if (!left && zero)
			fill(s, '0', width);
		put(s, text, length);
		if (left)
			fill(s, ' ', width);
	}
}

int vsnprintf(char *restrict text, size_t size, const char *restrict f, va_list args)
{
	struct sink s = {.at = text, .room = size ? size - 1 : 0};

	format(&s, f, args);
	if (size)
		*s.at = '\0';
	return (int)s.total;
}

int snprintf(char *restrict text, size_t size, const char *restrict f, ...)
{
	va_list args;
	int length;

	va_start(args, f);
	length = vsnprintf(text, size, f, args);
	va_end(args);
	return length;
}

int sprintf(char *restrict text, const char *restrict f, ...)
{
	va_list args;
	int length;

	va_start(args, f);
	length = vsnprintf(text, INT_MAX, f, args);
	va_end(args);
	return length;
}

int asprintf(char **text, const char *restrict f, ...)
{
	va_list args;
	int length;

	va_start(args, f);
	length = vsnprintf(NULL, 0, f, args);
	va_end(args);
	*text = malloc((size_t)length + 1);
	if (!*text)
		return -1;
	va_start(args, f);
	vsnprintf(*text, (size_t)length + 1, f, args);
	va_end(args);
	return length;
}

int vfprintf(FILE *restrict file, const char *restrict f, va_list args)
{
	struct sink s = {.file = file};

	format(&s, f, args);
	settle(file);
	return (int)s.total;
}

int fprintf(FILE *restrict file, const char *restrict f, ...)
{
	va_list args;
	int length;

	va_start(args, f);
	length = vfprintf(file, f, args);
	va_end(args);
	return length;
}

int printf(const char *restrict f, ...)
{
	va_list args;
	int length;

	va_start(args, f);
	length = vfprintf(stdout, f, args);
	va_end(args);
	return length;
}

int dprintf(int fd, const char *restrict f, ...)
{
	FILE file;
	va_list args;
	int length;

	file.fd = fd;
	file.flushed = BY_CALL;
	file.failed = false;
	file.used = 0;
	va_start(args, f);
	length = vfprintf(&file, f, args);
	va_end(args);
	return file.failed ? -1 : length;
}
