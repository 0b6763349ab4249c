/* One error object: filled once where something fails, context added on the way up, printed only by main (STYLE: crun, systemd). */
#pragma once
#include <stdarg.h>

struct err {
	int code; /* exit status it maps to: 125 unless said otherwise; 126, 127 as docker's */
	int sys;  /* errno at the place of failure, 0 when there was none */
	char msg[512];
};

/* All return -1, so that `return err_set(…)` is the way out. A NULL err is allowed. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with ": strerror(errno)" appended. */
int err_errno(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The two for the usual code: eight hundred calls that need not name it. */
int err_set_125(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int err_errno_125(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#define err_set(e, code, ...)                                                                                                    \
	(__builtin_constant_p(code) && (code) == 125 ? err_set_125(e, __VA_ARGS__) : (err_set)(e, code, __VA_ARGS__))
#define err_errno(e, code, ...)                                                                                                  \
	(__builtin_constant_p(code) && (code) == 125 ? err_errno_125(e, __VA_ARGS__) : (err_errno)(e, code, __VA_ARGS__))
/* Puts "context: " in front. */
int err_context(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
