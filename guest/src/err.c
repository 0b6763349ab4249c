#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "err.h"

static int fill(struct err *e, int code, int sys, const char *fmt, va_list args)
{
	if (!e)
		return -1;
	e->code = code;
	e->sys = sys;
	vsnprintf(e->msg, sizeof(e->msg), fmt, args);
	if (sys) {
		size_t used = strlen(e->msg);

		snprintf(e->msg + used, sizeof(e->msg) - used, ": %s", strerror(sys));
	}
	return -1;
}

int(err_set)(struct err *e, int code, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fill(e, code, 0, fmt, args);
	va_end(args);
	return -1;
}

int(err_errno)(struct err *e, int code, const char *fmt, ...)
{
	int sys = errno; /* before anything here can change it */
	va_list args;

	va_start(args, fmt);
	fill(e, code, sys, fmt, args);
	va_end(args);
	return -1;
}

int err_set_125(struct err *e, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fill(e, 125, 0, fmt, args);
	va_end(args);
	return -1;
}

int err_errno_125(struct err *e, const char *fmt, ...)
{
	int sys = errno;
	va_list args;

	va_start(args, fmt);
	fill(e, 125, sys, fmt, args);
	va_end(args);
	return -1;
}

int err_context(struct err *e, const char *fmt, ...)
{
	char context[sizeof(e->msg)], old[sizeof(e->msg)];
	va_list args;

	if (!e)
		return -1;
	va_start(args, fmt);
	vsnprintf(context, sizeof(context), fmt, args);
	va_end(args);
	memcpy(old, e->msg, sizeof(old));
	snprintf(e->msg, sizeof(e->msg), "%.255s: %s", context, old);
	return -1;
}
