#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "io.h"
#include "main.h"

static const struct flag no_flags[] = {{0}};
static const struct flag pull_flags[] = {{'q', "quiet", FLAG_BOOL, "Suppress verbose output"}, {0}};
static const struct flag attach_flags[] = {
	{0, "detach-keys", FLAG_TEXT, "Override the key sequence for detaching a container"},
	{0, "no-stdin", FLAG_BOOL, "Do not attach STDIN"},
	{0},
};
static const struct flag start_flags[] = {
	{'a', "attach", FLAG_BOOL, "Attach STDOUT/STDERR and forward signals"},
	{0, "detach-keys", FLAG_TEXT, "Override the key sequence for detaching a container"},
	{'i', "interactive", FLAG_BOOL, "Attach container's STDIN"},
	{0},
};
static const struct flag ps_flags[] = {
	{'a', "all", FLAG_BOOL, "Show all containers (default shows just running)"},
	{'q', "quiet", FLAG_BOOL, "Only display container IDs"},
	{'l', "latest", FLAG_BOOL, "Show the latest created container (includes all states)"},
	{'n', "last", FLAG_INT, "Show n last created containers (includes all states) (default -1)"},
	{'s', "size", FLAG_BOOL, "Display total file sizes"},
	{'f', "filter", FLAG_LIST, "Filter output based on conditions provided"},
	{0, "no-trunc", FLAG_BOOL, "Don't truncate output"},
	{0, "format", FLAG_TEXT, CLI_FORMAT_HELP},
	{0},
};
static const struct flag inspect_flags[] = {
	{'f', "format", FLAG_TEXT, CLI_FORMAT_HELP},
	{0, "type", FLAG_TEXT, "Only inspect objects of the given type"},
	{0},
};
static const struct flag rm_flags[] = {
	{'f', "force", FLAG_BOOL, "Force the removal of a running container (uses SIGKILL)"},
	{'v', "volumes", FLAG_BOOL, "Remove anonymous volumes associated with the container"},
	{0},
};
static const struct flag stop_flags[] = {{'s', "signal", FLAG_TEXT, "Signal to send to the container"},
					 {'t', "timeout", FLAG_INT, "Seconds to wait before killing the container"},
					 {0, "time", FLAG_INT, "The same"},
					 {0}};
static const struct flag kill_flags[] = {{'s', "signal", FLAG_TEXT, "Signal to send to the container"}, {0}};
static const struct flag format_flags[] = {{'f', "format", FLAG_TEXT, CLI_FORMAT_HELP}, {0}};
static const struct flag df_flags[] = {{0, "format", FLAG_TEXT, CLI_FORMAT_HELP}, {0}};

const struct cli_command cli_commands[] = {
	{"run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image", cli_run_flags, cli_run, 1,
	 0, false},
	{"exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container", cli_exec_flags, cli_exec, 2,
	 0, false},
	{"ps", "[OPTIONS]", "List containers", ps_flags, cli_ps, 0, 0, true},
	{"pull", "[OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", pull_flags, cli_pull, 1, 1, true},
	{"images", "[OPTIONS] [REPOSITORY[:TAG]]", "List images", cli_images_flags, cli_images, 0, 1, true},
	{"completion", "SHELL", "Print a script that completes commands (in bash)", no_flags, cli_completion, 1, 1, true},
	{"container inspect", "[OPTIONS] CONTAINER [CONTAINER...]", "Display detailed information on one or more containers",
	 format_flags, cli_inspect, 1, 0, true},
	{"container prune", "[OPTIONS]", "Remove all stopped containers", cli_prune_flags, cli_prune, 0, 0, true},
	{"cp", "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       docker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
	 "Copy files/folders between a container and the local filesystem", cli_copy_flags, cli_copy, 2, 2, true},
	{"diff", "CONTAINER", "Inspect changes to files or directories on a container's filesystem", no_flags, cli_diff, 1, 1,
	 true},
	{"export", "[OPTIONS] CONTAINER", "Export a container's filesystem as a tar archive", cli_export_flags, cli_export, 1, 1,
	 true},
	{"history", "[OPTIONS] IMAGE", "Show the history of an image", cli_history_flags, cli_history, 1, 1, true},
	{"image inspect", "[OPTIONS] IMAGE [IMAGE...]", "Display detailed information on one or more images", format_flags,
	 cli_inspect, 1, 0, true},
	{"image prune", "[OPTIONS]", "Remove unused images", cli_image_prune_flags, cli_prune, 0, 0, true},
	{"info", "[OPTIONS]", "Display system-wide information", format_flags, cli_info, 0, 0, true},
	{"attach", "[OPTIONS] CONTAINER", "Attach to a running container", attach_flags, cli_attach, 1, 1, true},
	{"create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container", cli_run_flags, cli_create, 1, 0, false},
	{"events", "[OPTIONS]", "Get real time events from the engine", cli_events_flags, cli_events, 0, 0, true},
	{"inspect", "[OPTIONS] NAME|ID [NAME|ID...]", "Return low-level information on containers and images", inspect_flags,
	 cli_inspect, 1, 0, true},
	{"kill", "[OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers", kill_flags, cli_each, 1, 0, true},
	{"logs", "[OPTIONS] CONTAINER", "Fetch the logs of a container", cli_logs_flags, cli_logs, 1, 1, true},
	{"network connect", "[OPTIONS] NETWORK CONTAINER", "Connect a container to a network", cli_network_connect_flags,
	 cli_network_change, 2, 2, true},
	{"network create", "[OPTIONS] NETWORK", "Create a network", cli_network_create_flags, cli_network_create, 1, 1, true},
	{"network disconnect", "[OPTIONS] NETWORK CONTAINER", "Disconnect a container from a network",
	 cli_network_disconnect_flags, cli_network_change, 2, 2, true},
	{"network inspect", "[OPTIONS] NETWORK [NETWORK...]", "Display detailed information on one or more networks",
	 cli_network_inspect_flags, cli_network_inspect, 1, 0, true},
	{"network ls", "[OPTIONS]", "List networks", cli_network_list_flags, cli_network_list, 0, 0, true},
	{"network prune", "[OPTIONS]", "Remove all unused networks", cli_prune_flags, cli_prune, 0, 0, true},
	{"network rm", "NETWORK [NETWORK...]", "Remove one or more networks", no_flags, cli_network_remove, 1, 0, true},
	{"pause", "CONTAINER [CONTAINER...]", "Pause all processes within one or more containers", no_flags, cli_each, 1, 0,
	 true},
	{"port", "CONTAINER [PRIVATE_PORT[/PROTO]]", "List port mappings or a specific mapping for the container", no_flags,
	 cli_port, 1, 2, true},
	{"rename", "CONTAINER NEW_NAME", "Rename a container", no_flags, cli_rename, 2, 2, true},
	{"restart", "[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", stop_flags, cli_each, 1, 0, true},
	{"rm", "[OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers", rm_flags, cli_each, 1, 0, true},
	{"rmi", "[OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", cli_rmi_flags, cli_rmi, 1, 0, true},
	{"start", "[OPTIONS] CONTAINER [CONTAINER...]", "Start one or more stopped containers", start_flags, cli_start, 1, 0,
	 true},
	{"stats", "[OPTIONS] [CONTAINER...]", "Display a live stream of container(s) resource usage statistics", cli_stats_flags,
	 cli_stats, 0, 0, true},
	{"stop", "[OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers", stop_flags, cli_each, 1, 0, true},
	{"system df", "[OPTIONS]", "Show disk usage", df_flags, cli_df, 0, 0, true},
	{"system prune", "[OPTIONS]", "Remove unused data", cli_system_prune_flags, cli_prune, 0, 0, true},
	{"tag", "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]", "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", no_flags,
	 cli_tag, 2, 2, true},
	{"version", "[OPTIONS]", "Show the version information", format_flags, cli_version, 0, 0, true},
	{"top", "CONTAINER [ps OPTIONS]", "Display the running processes of a container", no_flags, cli_top, 1, 0, false},
	{"unpause", "CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers", no_flags, cli_each, 1, 0,
	 true},
	{"update", "[OPTIONS] CONTAINER [CONTAINER...]", "Update configuration of one or more containers", cli_update_flags,
	 cli_update, 1, 0, true},
	{"volume create", "[OPTIONS] [VOLUME]", "Create a volume", cli_volume_create_flags, cli_volume_create, 0, 1, true},
	{"volume inspect", "[OPTIONS] VOLUME [VOLUME...]", "Display detailed information on one or more volumes", format_flags,
	 cli_inspect, 1, 0, true},
	{"volume ls", "[OPTIONS]", "List volumes", cli_volume_list_flags, cli_volume_list, 0, 0, true},
	{"volume prune", "[OPTIONS]", "Remove unused local volumes", cli_volume_prune_flags, cli_volume_prune, 0, 0, true},
	{"volume rm", "[OPTIONS] VOLUME [VOLUME...]", "Remove one or more volumes", cli_volume_remove_flags, cli_volume_remove, 1,
	 0, true},
	{"wait", "CONTAINER [CONTAINER...]", "Block until one or more containers stop, then print their exit codes", no_flags,
	 cli_each, 1, 0, true},
	{0},
};

/* `docker container ls` and the like: the same commands under docker's longer names. */
const struct cli_alias cli_aliases[] = {
	{"container", "ls", "ps"},
	{"container", "list", "ps"},
	{"container", "ps", "ps"},
	{"container", "run", "run"},
	{"container", "exec", "exec"},
	{"container", "rm", "rm"},
	{"container", "remove", "rm"},
	{"container", "stop", "stop"},
	{"container", "start", "start"},
	{"container", "kill", "kill"},
	{"container", "logs", "logs"},
	{"container", "wait", "wait"},
	{"container", "cp", "cp"},
	{"container", "create", "create"},
	{"container", "diff", "diff"},
	{"container", "export", "export"},
	{"container", "inspect", "container inspect"},
	{"container", "prune", "container prune"},
	{"container", "attach", "attach"},
	{"container", "pause", "pause"},
	{"container", "rename", "rename"},
	{"container", "restart", "restart"},
	{"container", "stats", "stats"},
	{"container", "top", "top"},
	{"container", "unpause", "unpause"},
	{"container", "update", "update"},
	{"image", "ls", "images"},
	{"image", "list", "images"},
	{"image", "pull", "pull"},
	{"image", "rm", "rmi"},
	{"image", "inspect", "image inspect"},
	{"image", "history", "history"},
	{"image", "prune", "image prune"},
	{"image", "remove", "rmi"},
	{"image", "tag", "tag"},
	{"system", "df", "system df"},
	{"system", "events", "events"},
	{"system", "info", "info"},
	{"system", "prune", "system prune"},
	{"container", "port", "port"},
	{"network", "connect", "network connect"},
	{"network", "create", "network create"},
	{"network", "disconnect", "network disconnect"},
	{"network", "inspect", "network inspect"},
	{"network", "ls", "network ls"},
	{"network", "list", "network ls"},
	{"network", "prune", "network prune"},
	{"network", "rm", "network rm"},
	{"network", "remove", "network rm"},
	{"volume", "create", "volume create"},
	{"volume", "inspect", "volume inspect"},
	{"volume", "ls", "volume ls"},
	{"volume", "list", "volume ls"},
	{"volume", "prune", "volume prune"},
	{"volume", "rm", "volume rm"},
	{"volume", "remove", "volume rm"},
	{0},
};

const struct cli_group cli_groups[] = {
	{"container", "Manage containers"}, {"image", "Manage images"},   {"network", "Manage networks"},
	{"system", "Manage the engine"},    {"volume", "Manage volumes"}, {0},
};

int cli_main(int argc, char **argv)
{
	static struct arguments a;
	const struct cli_command *c = NULL;
	const char *slash = strrchr(argv[0], '/');
	struct err e;
	int at = 1, code;

	cli_called_as(strcmp(slash ? slash + 1 : argv[0], "docker") == 0 ? "docker" : "nest");
	signal(SIGPIPE, SIG_DFL);
	bool asked = argc > 1 && strcmp(argv[1], "help") == 0;

	at += asked;
	if (at == argc || strcmp(argv[at], "--help") == 0 || strcmp(argv[at], "-h") == 0)
		return cli_help(NULL);
	if (strcmp(argv[at], "--version") == 0 || strcmp(argv[at], "-v") == 0)
		return cli_version_line();
	const struct cli_group *group = cli_find_group(argv[at]);

	if (group && at + 1 < argc && (c = cli_find(argv[at], argv[at + 1])))
		at++;
	else if (!group)
		c = cli_find(NULL, argv[at]);
	if (!c && group && (at + 1 == argc || strcmp(argv[at + 1], "--help") == 0 || strcmp(argv[at + 1], "-h") == 0))
		return cli_help(group);
	if (!c)
		return cli_unknown(group, argv[at + (group != NULL)]);
	if (asked)
		return cli_command_help(c);
	if (flags_parse(c->flags, c->interspersed, argc - at - 1, argv + at + 1, &a, &e) < 0)
		return cli_usage_error(c, e.msg);
	if (a.help)
		return cli_command_help(c);
	code = cli_check_count(c, (unsigned)a.rest_count);
	if (code == 0)
		code = c->run(c, &a);
	if (fflush(stdout) != 0 && code == 0)
		code = 1;
	return code;
}
