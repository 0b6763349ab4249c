/*
 * probe KIND [NAME]     every attempt, or the one of that name; one line each: "NAME: refused" or "NAME: ESCAPED: HOW"
 * probe list KIND       their names
 * probe terminal        those on the terminal it has
 * probe watch SECONDS   lies in wait for processes that join the container (processes.c)
 * probe flip A B        exchanges two names for ever
 * probe id              the effective user
 * probe listen LOG      on the guest host: a service on its loopback, which writes down what reaches it
 */
#include "probe.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECONDS = 20 };

static const struct attempt *const all[] = {
	capability_attempts, cgroup_attempts,  device_attempts,  file_attempts,    mount_attempts,
	namespace_attempts,  network_attempts, process_attempts, syscall_attempts,
};

void escaped(const char *format, ...)
{
	char line[400] = " ESCAPED: ";
	size_t length = strlen(line);
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line + length, sizeof(line) - length, format, arguments);
	va_end(arguments);
	/* One write, so that children and parent do not mix. */
	(void)!write(1, line, strlen(line));
}

void look_for_canary(int directory, const char *path, const char *how)
{
	char text[64] = "";
	int fd = openat(directory, path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0 && strstr(text, CANARY))
		escaped("%s: read %s", how, path);
	close(fd);
}

const char *text_of(const char *path)
{
	static char text[65536];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = 0;
	return text;
}

bool writable(const char *path)
{
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

bool in_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		alarm(SECONDS / 2);
		return true;
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return false;
}

static void (*visitor)(const char *file);

static int visit_one(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	if (kind == FTW_F && S_ISREG(st->st_mode))
		visitor(path);
	return 0;
}

void walk(const char *path, void (*visit)(const char *file))
{
	visitor = visit;
	nftw(path, visit_one, 16, FTW_PHYS);
}

/* `only`: the name of one, or NULL. */
static void run(const struct attempt *attempts, enum kind kind, const char *only)
{
	for (; attempts->name; attempts++) {
		int status;

		if (!(attempts->kinds & kind) || (only && strcmp(only, attempts->name) != 0))
			continue;
		printf("%s:", attempts->name);
		fflush(stdout);
		pid_t pid = fork();

		if (pid == 0) {
			setpgid(0, 0);
			alarm(SECONDS);
			attempts->make(kind);
			_exit(0);
		}
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		kill(-pid, SIGKILL); /* what it left behind */
		if (WIFSIGNALED(status))
			printf(" ended by signal %d\n", WTERMSIG(status));
		else
			printf(" refused\n");
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	static const char *const kinds[] = {"default", "nest", "privileged"};

	if (argc == 2 && strcmp(argv[1], "terminal") == 0) {
		run(terminal_attempts, ANY, NULL);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "watch") == 0)
		return watch(atoi(argv[2]));
	if (argc == 4 && strcmp(argv[1], "flip") == 0)
		return flip(argv[2], argv[3]);
	if (argc == 2 && strcmp(argv[1], "id") == 0)
		return printf("%d\n", geteuid()) < 0;
	if (argc == 3 && strcmp(argv[1], "listen") == 0)
		return listen_on_loopback(argv[2]);
	bool list = argc == 3 && strcmp(argv[1], "list") == 0;

	for (size_t i = 0; argc >= 2 && i < 3; i++) {
		if (strcmp(argv[1 + list], kinds[i]) != 0)
			continue;
		for (size_t j = 0; list && j < sizeof(all) / sizeof(*all); j++)
			for (const struct attempt *attempt = all[j]; attempt->name; attempt++)
				if (attempt->kinds & 1u << i)
					puts(attempt->name);
		if (list)
			return 0;
		mkdir("/tmp", 01777);
		for (size_t j = 0; j < sizeof(all) / sizeof(*all); j++)
			run(all[j], (enum kind)(1 << i), argv[2]);
		return 0;
	}
	fprintf(stderr, "usage: probe default|nest|privileged [NAME]|list KIND|terminal|watch SECONDS|flip A B|id|listen LOG\n");
	return 2;
}
