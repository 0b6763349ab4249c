/* The command line: `nest`, and `docker` as its second name. */
#pragma once
#include "flags.h"
#include "json.h"

struct cli_command {
	const char *name;
	const char *usage; /* after the name */
	const char *help;
	const struct flag *flags;
	int (*run)(const struct cli_command *command, struct arguments *a);
	unsigned min, max; /* arguments that are no flags; max 0: any number */
	bool interspersed;
};

extern const struct flag cli_run_flags[], cli_exec_flags[];

int cli_run(const struct cli_command *command, struct arguments *a);
int cli_create(const struct cli_command *command, struct arguments *a);
int cli_start(const struct cli_command *command, struct arguments *a);
int cli_attach(const struct cli_command *command, struct arguments *a);
int cli_exec(const struct cli_command *command, struct arguments *a);
int cli_pull(const struct cli_command *command, struct arguments *a);
int cli_images(const struct cli_command *command, struct arguments *a);
int cli_rmi(const struct cli_command *command, struct arguments *a);
int cli_ps(const struct cli_command *command, struct arguments *a);
int cli_inspect(const struct cli_command *command, struct arguments *a);
int cli_each(const struct cli_command *command, struct arguments *a); /* rm, stop, kill, wait: one request per container */
int cli_logs(const struct cli_command *command, struct arguments *a);
int cli_version(const struct cli_command *command, struct arguments *a);
int cli_info(const struct cli_command *command, struct arguments *a);

/* The name we were called by: "docker" or "nest". */
const char *cli_name(void);
/* "unknown flag: …", the usage, and where to read more. Exit status 125. */
int cli_usage_error(const struct cli_command *command, const char *message);
/* "Error response from daemon: …" on standard error; the exit status that goes with it. */
int cli_daemon_error(const struct err *e);
/* Pulls and shows the progress on `out` (1 or 2). */
int cli_pull_image(const char *reference, bool quiet, int out, struct err *e);
