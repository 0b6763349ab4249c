#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include "io.h"
#include "populate.h"
#include "unpack.h"

/* A directory opened to be read; `empty` says whether anything is in it. */
static int open_directory(int at, bool *empty)
{
	int fd = openat(at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), copy = fd < 0 ? -1 : openat(fd, ".", O_RDONLY | O_CLOEXEC);
	DIR *list = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *file;

	*empty = true;
	while (list && *empty && (file = readdir(list)))
		*empty = strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0;
	if (list)
		closedir(list);
	return fd;
}

/* Gathered: a switch of processes for each header would cost more than all else. */
static struct gathering {
	int pipe;
	size_t used;
	char data[65536];
} gathered;

static int write_pipe(void *context, const void *data, size_t size)
{
	struct gathering *g = context;

	if (size > sizeof(g->data) - g->used) {
		if (write_all(g->pipe, g->data, g->used) < 0)
			return -1;
		g->used = 0;
	}
	if (size > sizeof(g->data))
		return write_all(g->pipe, data, size);
	memcpy(g->data + g->used, data, size);
	g->used += size;
	return 0;
}

static ssize_t read_pipe(void *context, void *data, size_t size)
{
	return read(*(int *)context, data, size);
}

static int copy(int source, int target, struct err *e)
{
	const struct unpacking how = {
		.root = target, .rename = "", .owners = true, .set_ids = true, .top = true, .skip_devices = true};
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(e, 125, "pipe");
	_cleanup_fd_ int in = ends[0], out = ends[1];
	pid_t pid = fork();

	if (pid < 0)
		return err_errno(e, 125, "fork");
	if (pid == 0) {
		const struct tar_out archive = {write_pipe, &gathered};

		gathered.pipe = out;
		_exit(pack(&archive, source, ".", NULL) < 0 || write_all(out, gathered.data, gathered.used) < 0);
	}
	close_fd(&out);
	struct tar_in archive = {.read = read_pipe, .context = &in};
	int ret = unpack(&archive, &how, e), status;

	close_fd(&in);
	status = reap(pid);
	return ret < 0 || status == 0 ? ret : err_set(e, 125, "what the image has there cannot be read");
}

int populate(int from, int to, struct err *e)
{
	bool nothing, fresh;
	_cleanup_fd_ int source = open_directory(from, &nothing), target = open_directory(to, &fresh);
	struct stat st, was;

	if (source < 0 || target < 0 || fstat(source, &st) < 0 || fstat(target, &was) < 0)
		return err_errno(e, 125, "copy the image's directory");
	if (!fresh)
		return 0;
	if (!nothing)
		return copy(source, target, e);
	/* One somebody has given away already stays theirs. */
	if (was.st_uid || was.st_gid || (was.st_mode & 07777) != 0755)
		return 0;
	/* Spares the process. */
	if (fchown(target, st.st_uid, st.st_gid) < 0 || fchmod(target, st.st_mode & 07777) < 0)
		return err_errno(e, 125, "the volume's owner");
	return 0;
}
