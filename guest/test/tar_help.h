/* Archives in memory, and directories to throw away: for the tests and the fuzzer of tar.c and unpack.c. */
#pragma once
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tar.h"

struct memory {
	char *data;
	size_t size, at;
};

static inline ssize_t memory_read(void *context, void *data, size_t size)
{
	struct memory *m = context;

	/* In bits, as a socket gives them. */
	size = size > 300 ? 300 : size;
	if (size > m->size - m->at)
		size = m->size - m->at;
	if (size == 0)
		return 0;
	memcpy(data, m->data + m->at, size);
	m->at += size;
	return (ssize_t)size;
}

static inline int memory_write(void *context, const void *data, size_t size)
{
	struct memory *m = context;

	if (size == 0)
		return 0;
	m->data = realloc(m->data, m->size + size);
	memcpy(m->data + m->size, data, size);
	m->size += size;
	return 0;
}

enum { BLOCK = 512 };

/* The checksum of everything that looks like a header. */
static inline void mend(char *data, size_t size)
{
	for (size_t at = 0; at + BLOCK <= size; at += BLOCK) {
		unsigned sum = 0;

		if (memcmp(data + at + 257, "ustar", 5) != 0)
			continue;
		memset(data + at + 148, ' ', 8);
		for (size_t i = 0; i < BLOCK; i++)
			sum += (unsigned char)data[at + i];
		snprintf(data + at + 148, 7, "%06o", sum & 0777777);
	}
}

static inline void remove_tree(int dir)
{
	DIR *list = fdopendir(dir);
	struct dirent *file;

	while (list && (file = readdir(list))) {
		if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0)
			continue;
		if (unlinkat(dir, file->d_name, 0) == 0)
			continue;
		int below = openat(dir, file->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (below >= 0)
			remove_tree(below);
		unlinkat(dir, file->d_name, AT_REMOVEDIR);
	}
	if (list)
		closedir(list);
}
