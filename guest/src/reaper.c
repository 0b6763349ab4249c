/*
 * --init: the first process of a container. Starts the program, passes signals on to it, collects what is orphaned, and ends as the
 * program did. A program as pid 1 itself would ignore signals it has no handler for, and leave zombies.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "main.h"

static void become_program(char **argv, const sigset_t *before) __attribute__((noreturn));

static void become_program(char **argv, const sigset_t *before)
{
	/* Its own job, in front on the terminal if there is one. SIGTTOU is still blocked, which lets us. */
	setpgid(0, 0);
	(void)tcsetpgrp(0, getpgrp());
	sigprocmask(SIG_SETMASK, before, NULL);
	execvp(argv[0], argv);
	int code = errno == ENOENT ? 127 : 126;

	fprintf(stderr, "docker-init: exec %s failed: %s\n", argv[0], strerror(errno));
	_exit(code);
}

int reaper_main(int argc, char **argv)
{
	sigset_t all, before;
	siginfo_t info;
	pid_t program, pid;
	int status, code = -1;

	/* "docker-init -- program arguments" */
	argv += argc > 1 && strcmp(argv[1], "--") == 0 ? 2 : 1;
	if (!*argv) {
		fprintf(stderr, "docker-init: no program\n");
		return 125;
	}
	/* Executed by descriptor, the kernel would call us after its number. */
	prctl(PR_SET_NAME, "docker-init");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	program = fork();
	if (program < 0) {
		fprintf(stderr, "docker-init: fork: %s\n", strerror(errno));
		return 125;
	}
	if (program == 0)
		become_program(argv, &before);
	while (code < 0) {
		if (sigwaitinfo(&all, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD) {
			kill(program, info.si_signo);
			continue;
		}
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == program)
				code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return code;
}
