/* Tar archives as a stream: ustar with GNU's and pax's long names and large numbers. Reads what strangers made; fuzzed. */
#pragma once
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "err.h"

struct tar_entry {
	char type; /* '0' file, '1' hard link, '2' symlink, '3' '4' device, '5' directory, '6' FIFO */
	mode_t mode;
	uint32_t uid, gid;
	int64_t size, mtime; /* size: only of files */
	char name[PATH_MAX], link[PATH_MAX];
};

struct tar_in {
	/* As read(2): 0 at the end. */
	ssize_t (*read)(void *context, void *data, size_t size);
	void *context;
	int64_t left; /* content of the current entry that is still to come */
	unsigned pad;
};

/* 1: the next entry, whatever was left of the one before skipped; 0: the end. Names are not checked. */
int tar_next(struct tar_in *in, struct tar_entry *entry, struct err *e);
/* Content of the current entry; 0 at its end. */
ssize_t tar_read(struct tar_in *in, void *data, size_t size, struct err *e);

struct tar_out {
	int (*write)(void *context, const void *data, size_t size); /* all of it, or -1 with errno */
	void *context;
};

/* The header; for a file `size` bytes by tar_data and then tar_pad follow. */
int tar_put(const struct tar_out *out, const struct tar_entry *entry, struct err *e);
int tar_data(const struct tar_out *out, const void *data, size_t size, struct err *e);
int tar_pad(const struct tar_out *out, int64_t size, struct err *e);
int tar_end(const struct tar_out *out, struct err *e);
