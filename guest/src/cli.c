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
static const struct flag images_flags[] = {
	{'a', "all", FLAG_BOOL, "Show all images"},
	{'q', "quiet", FLAG_BOOL, "Only show image IDs"},
	{0, "no-trunc", FLAG_BOOL, "Don't truncate output"},
	{0, "digests", FLAG_BOOL, "Show digests"},
	{0, "format", FLAG_TEXT, "Format output using a template ({{.Repository}})"},
	{0},
};
static const struct flag rmi_flags[] = {{'f', "force", FLAG_BOOL, "Force removal of the image"},
					{0, "no-prune", FLAG_BOOL, "Do not delete untagged parents"},
					{0}};
static const struct flag ps_flags[] = {
	{'a', "all", FLAG_BOOL, "Show all containers (default shows just running)"},
	{'q', "quiet", FLAG_BOOL, "Only display container IDs"},
	{'l', "latest", FLAG_BOOL, "Show the latest created container (includes all states)"},
	{'n', "last", FLAG_INT, "Show n last created containers (includes all states)"},
	{0, "no-trunc", FLAG_BOOL, "Don't truncate output"},
	{0, "format", FLAG_TEXT, "Format output using a template ({{.Names}})"},
	{0},
};
static const struct flag inspect_flags[] = {
	{'f', "format", FLAG_TEXT, "Format output using a template ({{.State.Status}})"},
	{0, "type", FLAG_TEXT, "Only inspect objects of the given type (container, image)"},
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
static const struct flag logs_flags[] = {
	{'f', "follow", FLAG_BOOL, "Follow log output"},
	{'t', "timestamps", FLAG_BOOL, "Show timestamps"},
	{'n', "tail", FLAG_TEXT, "Number of lines to show from the end of the logs (default \"all\")"},
	{0},
};

static const struct cli_command commands[] = {
	{"run", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create and run a new container from an image", cli_run_flags, cli_run, 1,
	 0, false},
	{"exec", "[OPTIONS] CONTAINER COMMAND [ARG...]", "Execute a command in a running container", cli_exec_flags, cli_exec, 2,
	 0, false},
	{"ps", "[OPTIONS]", "List containers", ps_flags, cli_ps, 0, 0, true},
	{"pull", "[OPTIONS] NAME[:TAG|@DIGEST]", "Download an image from a registry", pull_flags, cli_pull, 1, 1, true},
	{"images", "[OPTIONS] [REPOSITORY[:TAG]]", "List images", images_flags, cli_images, 0, 1, true},
	{"attach", "[OPTIONS] CONTAINER", "Attach to a running container", attach_flags, cli_attach, 1, 1, true},
	{"create", "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container", cli_run_flags, cli_create, 1, 0, false},
	{"events", "[OPTIONS]", "Get real time events from the engine", cli_events_flags, cli_events, 0, 0, true},
	{"info", "[OPTIONS]", "Display system-wide information", no_flags, cli_info, 0, 0, true},
	{"inspect", "[OPTIONS] NAME|ID [NAME|ID...]", "Return low-level information on containers and images", inspect_flags,
	 cli_inspect, 1, 0, true},
	{"kill", "[OPTIONS] CONTAINER [CONTAINER...]", "Kill one or more running containers", kill_flags, cli_each, 1, 0, true},
	{"logs", "[OPTIONS] CONTAINER", "Fetch the logs of a container", logs_flags, cli_logs, 1, 1, true},
	{"network connect", "[OPTIONS] NETWORK CONTAINER", "Connect a container to a network", cli_network_connect_flags,
	 cli_network_change, 2, 2, true},
	{"network create", "[OPTIONS] NETWORK", "Create a network", cli_network_create_flags, cli_network_create, 1, 1, true},
	{"network disconnect", "[OPTIONS] NETWORK CONTAINER", "Disconnect a container from a network",
	 cli_network_disconnect_flags, cli_network_change, 2, 2, true},
	{"network inspect", "[OPTIONS] NETWORK [NETWORK...]", "Display detailed information on one or more networks",
	 cli_network_inspect_flags, cli_network_inspect, 1, 0, true},
	{"network ls", "[OPTIONS]", "List networks", cli_network_list_flags, cli_network_list, 0, 0, true},
	{"network prune", "[OPTIONS]", "Remove all unused networks", cli_network_prune_flags, cli_network_prune, 0, 0, true},
	{"network rm", "NETWORK [NETWORK...]", "Remove one or more networks", no_flags, cli_network_remove, 1, 0, true},
	{"pause", "CONTAINER [CONTAINER...]", "Pause all processes within one or more containers", no_flags, cli_each, 1, 0,
	 true},
	{"port", "CONTAINER [PRIVATE_PORT[/PROTO]]", "List port mappings or a specific mapping for the container", no_flags,
	 cli_port, 1, 2, true},
	{"rename", "CONTAINER NEW_NAME", "Rename a container", no_flags, cli_rename, 2, 2, true},
	{"restart", "[OPTIONS] CONTAINER [CONTAINER...]", "Restart one or more containers", stop_flags, cli_each, 1, 0, true},
	{"rm", "[OPTIONS] CONTAINER [CONTAINER...]", "Remove one or more containers", rm_flags, cli_each, 1, 0, true},
	{"rmi", "[OPTIONS] IMAGE [IMAGE...]", "Remove one or more images", rmi_flags, cli_rmi, 1, 0, true},
	{"start", "[OPTIONS] CONTAINER [CONTAINER...]", "Start one or more stopped containers", start_flags, cli_start, 1, 0,
	 true},
	{"stats", "[OPTIONS] [CONTAINER...]", "Display a live stream of container(s) resource usage statistics", cli_stats_flags,
	 cli_stats, 0, 0, true},
	{"stop", "[OPTIONS] CONTAINER [CONTAINER...]", "Stop one or more running containers", stop_flags, cli_each, 1, 0, true},
	{"top", "CONTAINER [ps OPTIONS]", "Display the running processes of a container", no_flags, cli_top, 1, 0, false},
	{"unpause", "CONTAINER [CONTAINER...]", "Unpause all processes within one or more containers", no_flags, cli_each, 1, 0,
	 true},
	{"update", "[OPTIONS] CONTAINER [CONTAINER...]", "Update configuration of one or more containers", cli_update_flags,
	 cli_update, 1, 0, true},
	{"version", "[OPTIONS]", "Show the version information", no_flags, cli_version, 0, 0, true},
	{"wait", "CONTAINER [CONTAINER...]", "Block until one or more containers stop, then print their exit codes", no_flags,
	 cli_each, 1, 0, true},
};

/* `docker container ls` and the like: the same commands under docker's longer names. */
static const struct {
	const char *group, *name, *command;
} aliases[] = {
	{"container", "ls", "ps"},
	{"container", "list", "ps"},
	{"container", "ps", "ps"},
	{"container", "run", "run"},
	{"container", "exec", "exec"},
	{"container", "rm", "rm"},
	{"container", "stop", "stop"},
	{"container", "start", "start"},
	{"container", "kill", "kill"},
	{"container", "logs", "logs"},
	{"container", "wait", "wait"},
	{"container", "create", "create"},
	{"container", "inspect", "inspect"},
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
	{"image", "inspect", "inspect"},
	{"system", "events", "events"},
	{"system", "info", "info"},
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
};

static const char *program = "nest";

const char *cli_name(void)
{
	return program;
}

static const struct cli_command *find(const char *name)
{
	for (size_t i = 0; i < array_size(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static const struct cli_command *find_alias(const char *group, const char *name)
{
	for (size_t i = 0; i < array_size(aliases); i++)
		if (strcmp(aliases[i].group, group) == 0 && strcmp(aliases[i].name, name) == 0)
			return find(aliases[i].command);
	return NULL;
}

/* `docker network`: its commands. False when there is no such group. */
static bool group_help(const char *group)
{
	bool found = false;

	for (size_t i = 0; i < array_size(aliases); i++) {
		const struct cli_command *c = strcmp(aliases[i].group, group) == 0 ? find(aliases[i].command) : NULL;

		if (!c)
			continue;
		if (!found)
			printf("Usage:  %s %s COMMAND\n\nCommands:\n", program, group);
		found = true;
		printf("  %-10s  %s\n", aliases[i].name, c->help);
	}
	return found;
}

static int help(void)
{
	printf("Usage:  %s COMMAND\n\nContainers inside containers, in a browser tab\n\nCommands:\n", program);
	for (size_t i = 0; i < array_size(commands); i++)
		printf("  %-18s  %s\n", commands[i].name, commands[i].help);
	printf("\nRun '%s COMMAND --help' for more information on a command.\n", program);
	return 0;
}

static int command_help(const struct cli_command *c)
{
	static const char *const values[] = {
		[FLAG_BOOL] = "",      [FLAG_TEXT] = "string",  [FLAG_LIST] = "list",     [FLAG_INT] = "int",
		[FLAG_SIZE] = "bytes", [FLAG_CPUS] = "decimal", [FLAG_TIME] = "duration", [FLAG_SWAP] = "bytes"};

	printf("Usage:  %s %s %s\n\n%s\n", program, c->name, c->usage, c->help);
	if (c->flags->name)
		printf("\nOptions:\n");
	for (const struct flag *f = c->flags; f->name; f++) {
		char left[64], letter[8] = "    ";

		if (f->letter)
			snprintf(letter, sizeof(letter), "-%c, ", f->letter);
		snprintf(left, sizeof(left), "%s--%s %s", letter, f->name, values[f->kind]);
		printf("  %-31s %s\n", left, f->help);
	}
	return 0;
}

int cli_usage_error(const struct cli_command *c, const char *message)
{
	fprintf(stderr, "%s\n\nUsage:  %s %s %s\n\nRun '%s %s --help' for more information\n", message, program, c->name,
		c->usage, program, c->name);
	return 125;
}

int cli_daemon_error(const struct err *e)
{
	fprintf(stderr, "Error response from daemon: %s\n", e->msg);
	/* As with docker, 125 is for what "docker run" itself could not do. */
	return e->code == 125 || !e->code ? 1 : e->code;
}

static int wrong_count(const struct cli_command *c, unsigned count)
{
	const char *exactly = c->min == c->max || count < c->min ? "" : "at most ";
	unsigned wanted = count < c->min ? c->min : c->max;

	if (c->max == 0)
		exactly = "at least ";
	fprintf(stderr, "%s: '%s %s' requires %s%u argument%s\n\nUsage:  %s %s %s\n\nSee '%s %s --help' for more information\n",
		program, program, c->name, exactly, wanted, wanted == 1 ? "" : "s", program, c->name, c->usage, program, c->name);
	return 1;
}

int cli_main(int argc, char **argv)
{
	static struct arguments a;
	const struct cli_command *c;
	struct err e;
	const char *slash = strrchr(argv[0], '/');

	if (strcmp(slash ? slash + 1 : argv[0], "docker") == 0)
		program = "docker";
	signal(SIGPIPE, SIG_DFL);
	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    (argc == 2 && strcmp(argv[1], "help") == 0))
		return help();
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-v") == 0)
		argv[1] = (char *)"version";
	bool asked = strcmp(argv[1], "help") == 0;
	int at = asked ? 2 : 1;

	c = find(argv[at]);
	if (!c && at + 1 < argc && (c = find_alias(argv[at], argv[at + 1])))
		at++;
	if (!c && group_help(argv[at]))
		return argv[at + 1] ? 1 : 0;
	if (!c) {
		fprintf(stderr, "%s: unknown command: %s %s\n\nRun '%s --help' for more information\n", program, program,
			argv[at], program);
		return 1;
	}
	if (asked)
		return command_help(c);
	if (flags_parse(c->flags, c->interspersed, argc - at - 1, argv + at + 1, &a, &e) < 0)
		return cli_usage_error(c, e.msg);
	if (a.help)
		return command_help(c);
	if (a.rest_count < c->min || (c->max && a.rest_count > c->max))
		return wrong_count(c, (unsigned)a.rest_count);
	int code = c->run(c, &a);

	if (fflush(stdout) != 0 && code == 0)
		code = 1;
	return code;
}
