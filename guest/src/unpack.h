/*
 * A tar archive into a directory, and a directory into one. Nothing in an archive leads outside of the directory: absolute names,
 * "..", links on the way, links to what is outside and devices are refused, not repaired.
 */
#pragma once
#include <stdbool.h>
#include "err.h"
#include "tar.h"

struct unpacking {
	int root;           /* the directory */
	const char *rename; /* the first part of every name becomes this; "" leaves it out; NULL: names as they are */
	bool owners;        /* the archive's, else all is root's */
	bool set_ids;       /* setuid and setgid bits are kept */
	bool top;           /* the directory itself gets the mode and owner of the entry "." */
	bool skip_devices;  /* instead of refusing them */
};

int unpack(struct tar_in *in, const struct unpacking *how, struct err *e);
/*
 * What `fd` is (directory or file opened to read, or a symlink as O_PATH) and all below it, as `name` ("." for a directory's
 * content, "" for that without the directory itself). Not packed: sockets, devices below a directory, what is in proc, sysfs and the like.
 */
int pack(const struct tar_out *out, int fd, const char *name, struct err *e);
