/* nest-oci's commands that have a file of their own, and what commands share (oci.c). */
#pragma once
#include "flags.h"
#include "oci.h"

/* --root */
extern const char *oci_root;

/* --bundle, without links. */
int oci_bundle(struct oci *c, const struct arguments *a, struct err *e);
/* --pid-file, if given. */
int oci_write_pid(const struct arguments *a, pid_t pid, struct err *e);
/* Where the terminal goes: the socket given, or in the foreground one end of a pair of ours. -1 each: nowhere. */
int oci_console(const struct arguments *a, bool terminal, int *theirs, int *ours, struct err *e);

/* The exit code, or -1. */
int oci_command_exec(const struct arguments *a, struct err *e);
int oci_command_spec(const struct arguments *a, struct err *e);
