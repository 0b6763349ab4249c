/* Uses up one thing until it is refused, holds on to all it got, and tries again for ever (bombs.test.ts). */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CHUNK = 1 << 20, PROCESSES = 64 };

/* Every process of it makes more. */
static int processes(void)
{
	(void)fork();
	return 0;
}

/* One that is killed for it is followed by the next. */
static int heap(void)
{
	for (;;) {
		pid_t pid = fork();

		for (char *at; pid == 0 && (at = mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) !=
						   MAP_FAILED;)
			memset(at, 1, CHUNK);
		if (pid == 0)
			_exit(0);
		if (pid < 0 || waitpid(pid, NULL, 0) < 0)
			return -1;
	}
}

static int full_pipe(void)
{
	static char page[4096];
	int ends[2];

	if (pipe2(ends, O_NONBLOCK) < 0)
		return -1;
	/* As large as it may be. */
	for (int size = CHUNK; size > 4096 && fcntl(ends[0], F_SETPIPE_SZ, size) < 0;)
		size /= 2;
	while (write(ends[1], page, sizeof(page)) > 0)
		;
	return 0;
}

static int descriptor(void)
{
	return open("/", O_RDONLY);
}

static int inode(void)
{
	static unsigned count;
	static char directory[32];
	char path[64];

	if (count % 1000 == 0) {
		snprintf(directory, sizeof(directory), "/tmp/%d.%u", getpid(), count);
		if (mkdir(directory, 0700) < 0)
			return -1;
	}
	snprintf(path, sizeof(path), "%s/%u", directory, count++);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	if (fd < 0)
		return -1;
	return close(fd);
}

static int network(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (unshare(CLONE_NEWNET) < 0)
			_exit(1);
		pause();
	}
	return pid < 0 ? -1 : 0;
}

static int line(void)
{
	static char text[4096];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\n';
	return write(1, text, sizeof(text)) > 0 ? 0 : -1;
}

static int turn(void)
{
	return 0;
}

static const struct {
	const char *name;
	int (*one)(void);
	int processes; /* as many do it, since there are limits of one */
} bombs[] = {
	{"cpu", turn, 8},         {"fds", descriptor, PROCESSES},
	{"forks", processes, 1},  {"heap", heap, 4},
	{"inodes", inode, 2},     {"log", line, 4},
	{"networks", network, 4}, {"pipes", full_pipe, PROCESSES},
};

int main(int argc, char **argv)
{
	struct rlimit files;

	for (size_t i = 0; i < sizeof(bombs) / sizeof(*bombs); i++) {
		if (argc != 2 || strcmp(argv[1], bombs[i].name) != 0)
			continue;
		getrlimit(RLIMIT_NOFILE, &files);
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
		signal(SIGCHLD, bombs[i].one == heap ? SIG_DFL : SIG_IGN);
		for (int n = 1; n < bombs[i].processes; n++)
			if (fork() == 0)
				break;
		for (;;)
			if (bombs[i].one() < 0)
				usleep(10000);
	}
	fprintf(stderr, "usage: bomb cpu|fds|forks|heap|inodes|log|networks|pipes\n");
	return 2;
}
