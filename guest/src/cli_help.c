/* What the command line says of itself, all of it made from its tables: help, wrong usage, completion. */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "io.h"

/* Docker's head of the list, in its order; the others follow by name. */
static const char common[] = "run exec ps build pull push images version info ";

static const char *program = "nest";
static char path[64]; /* "container ls": the command as it was called */

const char *cli_name(void)
{
	return program;
}

void cli_called_as(const char *name)
{
	program = name;
}

static const struct cli_command *by_name(const char *name)
{
	const struct cli_command *c = cli_commands;

	while (c->name && strcmp(c->name, name) != 0)
		c++;
	return c->name ? c : NULL;
}

const struct cli_group *cli_find_group(const char *name)
{
	const struct cli_group *g = cli_groups;

	while (g->name && strcmp(g->name, name) != 0)
		g++;
	return g->name ? g : NULL;
}

const struct cli_command *cli_find(const char *group, const char *name)
{
	const struct cli_alias *a = cli_aliases;

	snprintf(path, sizeof(path), "%s%s%.30s", group ? group : "", group ? " " : "", name);
	while (group && a->name && (strcmp(a->group, group) != 0 || strcmp(a->name, name) != 0))
		a++;
	if (group)
		return a->name ? by_name(a->command) : NULL;
	return strchr(name, ' ') ? NULL : by_name(name);
}

/* --- lists, by name whatever the tables' order */

/* The next name behind `last` (NULL: the first) of a table of structures that begin with their name. */
static const void *next_row(const void *table, size_t size, size_t name_at, const char *last)
{
	const char *row = table, *best = NULL, *name, *best_name = NULL;

	for (; (name = *(const char *const *)(row + name_at)); row += size)
		if ((!last || strcmp(name, last) > 0) && (!best || strcmp(name, best_name) < 0)) {
			best = row;
			best_name = name;
		}
	return best;
}

#define each_by_name(type, item, table)                                                                                          \
	for (const type *item = NULL; (item = next_row(table, sizeof(type), offsetof(type, name), item ? item->name : NULL));)

static bool is_common(const char *name)
{
	const char *found = strstr(common, name);
	size_t length = strlen(name);

	return found && (found == common || found[-1] == ' ') && found[length] == ' ';
}

static void line(const char *name, const char *help)
{
	printf("  %-11s %s\n", name, help);
}

/* A second name of what is in its group already. */
static bool is_second(const struct cli_alias *alias)
{
	for (const struct cli_alias *a = cli_aliases; a < alias; a++)
		if (strcmp(a->group, alias->group) == 0 && strcmp(a->command, alias->command) == 0)
			return true;
	return false;
}

/* The next of a group's first names behind `last`. */
static const struct cli_alias *next_in_group(const char *group, const char *last)
{
	const struct cli_alias *best = NULL;

	for (const struct cli_alias *a = cli_aliases; a->name; a++)
		if (strcmp(a->group, group) == 0 && !is_second(a) && (!last || strcmp(a->name, last) > 0) &&
		    (!best || strcmp(a->name, best->name) < 0))
			best = a;
	return best;
}

static int group_help(const struct cli_group *g)
{
	printf("Usage:  %s %s COMMAND\n\n%s\n\nCommands:\n", program, g->name, g->help);
	for (const struct cli_alias *a = NULL; (a = next_in_group(g->name, a ? a->name : NULL));)
		line(a->name, by_name(a->command)->help);
	printf("\nRun '%s %s COMMAND --help' for more information on a command.\n", program, g->name);
	return 0;
}

int cli_help(const struct cli_group *group)
{
	char name[16];

	if (group)
		return group_help(group);
	printf("Usage:  %s [OPTIONS] COMMAND\n\nContainers inside containers, in a browser tab\n\nCommon Commands:\n", program);
	for (const char *at = common; *at; at += strlen(name) + 1) {
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, " "), at);
		if (by_name(name))
			line(name, by_name(name)->help);
	}
	printf("\nManagement Commands:\n");
	each_by_name(struct cli_group, g, cli_groups) if (next_in_group(g->name, NULL)) line(g->name, g->help);
	printf("\nCommands:\n");
	each_by_name(struct cli_command, c, cli_commands) if (!strchr(c->name, ' ') && !is_common(c->name))
		line(c->name, c->help);
	printf("\nGlobal Options:\n  -v, --version   Print version information and quit\n\n"
	       "Run '%s COMMAND --help' for more information on a command.\n",
	       program);
	return 0;
}

/* "-f, --filter filter" */
static int flag_left(const struct flag *f, char *text, size_t size)
{
	static const char *const values[] = {
		[FLAG_BOOL] = "",       [FLAG_TEXT] = " string",  [FLAG_LIST] = " list",     [FLAG_INT] = " int",
		[FLAG_SIZE] = " bytes", [FLAG_CPUS] = " decimal", [FLAG_TIME] = " duration", [FLAG_SWAP] = " bytes"};
	char letter[8] = "    ";

	if (f->letter)
		snprintf(letter, sizeof(letter), "-%c, ", f->letter);
	return snprintf(text, size, "%s--%s%s", letter, f->name, strcmp(f->name, "filter") == 0 ? " filter" : values[f->kind]);
}

static void names(const struct cli_command *c)
{
	bool group = strchr(c->name, ' ') != NULL;
	const char *between = "\nAliases:\n  ";
	unsigned count = !group;

	for (const struct cli_alias *a = cli_aliases; a->name; a++)
		count += strcmp(a->command, c->name) == 0;
	if (count < 2)
		return;
	for (const struct cli_alias *a = cli_aliases; a->name; a++)
		if (strcmp(a->command, c->name) == 0) {
			printf("%s%s %s %s", between, program, a->group, a->name);
			between = ", ";
		}
	if (!group)
		printf("%s%s %s", between, program, c->name);
	putchar('\n');
}

int cli_command_help(const struct cli_command *c)
{
	char left[64];
	int width = 0, n;

	printf("Usage:  %s %s %s\n\n%s\n", program, path, c->usage, c->help);
	names(c);
	if (c->flags->name)
		printf("\nOptions:\n");
	for (const struct flag *f = c->flags; f->name; f++)
		if ((n = flag_left(f, left, sizeof(left))) > width)
			width = n;
	each_by_name(struct flag, f, c->flags)
	{
		flag_left(f, left, sizeof(left));
		printf("  %-*s   %s\n", width, left, f->help);
	}
	return 0;
}

/* --- wrong usage */

int cli_usage_error(const struct cli_command *c, const char *message)
{
	fprintf(stderr, "%s\n\nUsage:  %s %s %s\n\nRun '%s %s --help' for more information\n", message, program, path, c->usage,
		program, path);
	return 125;
}

int cli_unknown(const struct cli_group *group, const char *name)
{
	const char *space = group ? " " : "", *in = group ? group->name : "";

	if (*name == '-')
		fprintf(stderr, name[1] == '-' ? "unknown flag: %.100s\n" : "unknown shorthand flag: '%.1s' in %.100s\n",
			name[1] == '-' ? name : name + 1, name);
	else
		fprintf(stderr, "%s: unknown command: %s%s%s %.100s\n", program, program, space, in, name);
	if (group || *name == '-')
		fprintf(stderr, "\nUsage:  %s%s%s COMMAND\n", program, group ? space : " [OPTIONS]", in);
	fprintf(stderr, "\nRun '%s%s%s --help' for more information\n", program, space, in);
	return *name == '-' ? 125 : 1;
}

int cli_check_count(const struct cli_command *c, unsigned count)
{
	bool any = !c->max && (c->min || strstr(c->usage, "..."));
	char wanted[48];

	if (count >= c->min && (any || count <= c->max))
		return 0;
	if (!any && !c->max)
		snprintf(wanted, sizeof(wanted), "accepts no arguments");
	else if (!any && c->min && c->min != c->max)
		snprintf(wanted, sizeof(wanted), "requires at least %u and at most %u arguments", c->min, c->max);
	else
		snprintf(wanted, sizeof(wanted), "requires %s%u argument%s",
			 any      ? "at least "
			 : c->min ? ""
				  : "at most ",
			 any ? c->min : c->max, (any ? c->min : c->max) == 1 ? "" : "s");
	fprintf(stderr, "%s: '%s %s' %s\n\nUsage:  %s %s %s\n\nSee '%s %s --help' for more information\n", program, program, path,
		wanted, program, path, c->usage, program, path);
	return 1;
}

int cli_daemon_error(const struct err *e)
{
	fprintf(stderr, "Error response from daemon: %s\n", e->msg);
	/* As with docker, 125 is for what "docker run" itself could not do. */
	return e->code == 125 || !e->code ? 1 : e->code;
}

int cli_failed(const struct err *e)
{
	fprintf(stderr, "%s\n", e->msg);
	return 1;
}
