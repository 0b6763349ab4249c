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
	unsigned min, max; /* arguments that are no flags; max 0: any number, but none when `usage` has no "..." and min is 0 */
	bool interspersed;
};
/* `docker GROUP NAME` is `command`; of several names the first one is shown. */
struct cli_alias {
	const char *group, *name, *command;
};
struct cli_group {
	const char *name, *help;
};

/* Each ends with a NULL name. Commands that are only in a group are named "group name". */
extern const struct cli_command cli_commands[];
extern const struct cli_alias cli_aliases[];
extern const struct cli_group cli_groups[];

#define CLI_FORMAT_HELP "Format output using a custom template: 'table TEMPLATE', 'json' or a Go template"

extern const struct flag cli_history_flags[], cli_image_prune_flags[], cli_images_flags[], cli_logs_flags[], cli_prune_flags[],
	cli_rmi_flags[], cli_system_prune_flags[];
extern const struct flag cli_run_flags[], cli_exec_flags[], cli_network_create_flags[], cli_network_list_flags[],
	cli_network_inspect_flags[], cli_network_connect_flags[], cli_network_disconnect_flags[], cli_events_flags[],
	cli_stats_flags[], cli_update_flags[];

extern const struct flag cli_copy_flags[], cli_export_flags[];
extern const struct flag cli_volume_create_flags[], cli_volume_list_flags[], cli_volume_prune_flags[], cli_volume_remove_flags[];

int cli_run(const struct cli_command *command, struct arguments *a);
int cli_create(const struct cli_command *command, struct arguments *a);
int cli_start(const struct cli_command *command, struct arguments *a);
int cli_attach(const struct cli_command *command, struct arguments *a);
int cli_exec(const struct cli_command *command, struct arguments *a);
int cli_pull(const struct cli_command *command, struct arguments *a);
int cli_images(const struct cli_command *command, struct arguments *a);
int cli_history(const struct cli_command *command, struct arguments *a);
int cli_tag(const struct cli_command *command, struct arguments *a);
int cli_prune(const struct cli_command *command, struct arguments *a); /* of containers, images, networks, the system */
int cli_df(const struct cli_command *command, struct arguments *a);
int cli_rmi(const struct cli_command *command, struct arguments *a);
int cli_ps(const struct cli_command *command, struct arguments *a);
int cli_inspect(const struct cli_command *command, struct arguments *a);
int cli_each(const struct cli_command *command, struct arguments *a); /* rm, stop, kill, pause …: one request per container */
int cli_logs(const struct cli_command *command, struct arguments *a);
int cli_network_create(const struct cli_command *command, struct arguments *a);
int cli_network_list(const struct cli_command *command, struct arguments *a);
int cli_network_inspect(const struct cli_command *command, struct arguments *a);
int cli_network_remove(const struct cli_command *command, struct arguments *a);
int cli_network_change(const struct cli_command *command, struct arguments *a); /* connect, disconnect */
int cli_port(const struct cli_command *command, struct arguments *a);
int cli_copy(const struct cli_command *command, struct arguments *a);
int cli_diff(const struct cli_command *command, struct arguments *a);
int cli_export(const struct cli_command *command, struct arguments *a);
int cli_version_line(void); /* --version */
int cli_volume_create(const struct cli_command *command, struct arguments *a);
int cli_volume_list(const struct cli_command *command, struct arguments *a);
int cli_volume_prune(const struct cli_command *command, struct arguments *a);
int cli_volume_remove(const struct cli_command *command, struct arguments *a);
int cli_version(const struct cli_command *command, struct arguments *a);
int cli_info(const struct cli_command *command, struct arguments *a);

int cli_events(const struct cli_command *command, struct arguments *a);
int cli_rename(const struct cli_command *command, struct arguments *a);
int cli_stats(const struct cli_command *command, struct arguments *a);
int cli_top(const struct cli_command *command, struct arguments *a);
int cli_update(const struct cli_command *command, struct arguments *a);

/* The flags a container is made with, in the words of ENGINE.md. -1 when they contradict each other. */
int cli_put_flags(struct jsonw *w, const struct flag *table, const struct arguments *a, struct err *e);

/* --- cli_help.c */

/* The name we were called by: "docker" or "nest". */
const char *cli_name(void);
void cli_called_as(const char *program);
const struct cli_group *cli_find_group(const char *name);
/* Remembers the name for its messages. `group` may be NULL. */
const struct cli_command *cli_find(const char *group, const char *name);
/* All commands, or those of a group. */
int cli_help(const struct cli_group *group);
int cli_command_help(const struct cli_command *command);
int cli_unknown(const struct cli_group *group, const char *name);
/* 0, or 1 when there are too few or too many. */
int cli_check_count(const struct cli_command *command, unsigned count);
int cli_completion(const struct cli_command *command, struct arguments *a);
/* "unknown flag: …", the usage, and where to read more. Exit status 125. */
int cli_usage_error(const struct cli_command *command, const char *message);
/* "Error response from daemon: …" on standard error; the exit status that goes with it. */
int cli_daemon_error(const struct err *e);
/* The message as it is; 1. */
int cli_failed(const struct err *e);
/* Asks for confirmation after "WARNING! This will remove`what`", unless --force is given. */
bool cli_confirmed(const struct arguments *a, const char *what);
/* Puts the moment that --`flag` gives, if it does, under that key as unix ms. */
int cli_put_moment(struct jsonw *w, const struct arguments *a, const char *flag, struct err *e);
/* --filter of ps: whether they make sense; whether a container of the engine's list is wanted (before= and since= apart). */
int cli_ps_check(const struct arguments *a, struct err *e);
bool cli_ps_wanted(const struct arguments *a, const struct json *container);
/* "a=1,b=2" of an object or an array of "key=value". */
void cli_labels(const struct json *labels, char *text, size_t size);
/* Bytes a container has written. */
double cli_container_size(const char *id);
/* Prints an array as `inspect` does, whole or each by `format` (may be NULL); frees it. 1 when the format cannot be. */
int cli_print_documents(struct jsonw *list, const char *format);
/* Adds a network's document to `out`. -1 when there is none. */
int cli_network_get(const char *name, struct jsonw *out, struct err *e);
/* The same of a volume. */
int cli_volume_get(const char *name, struct jsonw *out, struct err *e);
/* Pulls and shows the progress on `out` (1 or 2). */
int cli_pull_image(const char *reference, bool quiet, int out, struct err *e);
/* {"ref":reference}; NULL: out of memory. */
char *cli_reference_params(const char *reference, bool quiet);
/* "name" → "name:latest" */
const char *cli_with_tag(const char *reference, char *text, size_t size);
/* What the level above answers about an image, with docker's words when there is none. */
const struct json *cli_image_get(const char *method, const char *reference, struct json **document, struct err *e);
/* Takes the mounts of layers down that no image has any more. */
void cli_forget_layers(void);
