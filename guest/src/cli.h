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

extern const struct flag cli_run_flags[], cli_exec_flags[], cli_network_create_flags[], cli_network_list_flags[],
	cli_network_inspect_flags[], cli_network_prune_flags[], cli_network_connect_flags[], cli_network_disconnect_flags[],
	cli_events_flags[], cli_stats_flags[], cli_update_flags[];

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
int cli_each(const struct cli_command *command, struct arguments *a); /* rm, stop, kill, pause …: one request per container */
int cli_logs(const struct cli_command *command, struct arguments *a);
int cli_network_create(const struct cli_command *command, struct arguments *a);
int cli_network_list(const struct cli_command *command, struct arguments *a);
int cli_network_inspect(const struct cli_command *command, struct arguments *a);
int cli_network_remove(const struct cli_command *command, struct arguments *a);
int cli_network_prune(const struct cli_command *command, struct arguments *a);
int cli_network_change(const struct cli_command *command, struct arguments *a); /* connect, disconnect */
int cli_port(const struct cli_command *command, struct arguments *a);
int cli_events(const struct cli_command *command, struct arguments *a);
int cli_rename(const struct cli_command *command, struct arguments *a);
int cli_stats(const struct cli_command *command, struct arguments *a);
int cli_top(const struct cli_command *command, struct arguments *a);
int cli_update(const struct cli_command *command, struct arguments *a);
int cli_version(const struct cli_command *command, struct arguments *a);
int cli_info(const struct cli_command *command, struct arguments *a);

/* The flags a container is made with, in the words of ENGINE.md. -1 when they contradict each other. */
int cli_put_flags(struct jsonw *w, const struct flag *table, const struct arguments *a, struct err *e);
/* The name we were called by: "docker" or "nest". */
const char *cli_name(void);
/* "unknown flag: …", the usage, and where to read more. Exit status 125. */
int cli_usage_error(const struct cli_command *command, const char *message);
/* "Error response from daemon: …" on standard error; the exit status that goes with it. */
int cli_daemon_error(const struct err *e);
/* Prints an array as `inspect` does, whole or each by `format` (may be NULL); frees it. 1 when the format cannot be. */
int cli_print_documents(struct jsonw *list, const char *format);
/* Adds a network's document to `out`. -1 when there is none. */
int cli_network_get(const char *name, struct jsonw *out, struct err *e);
/* Pulls and shows the progress on `out` (1 or 2). */
int cli_pull_image(const char *reference, bool quiet, int out, struct err *e);
