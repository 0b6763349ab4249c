/* completion: a script for bash, made from the tables that help is made from. */
#include <stdio.h>
#include <string.h>
#include "cli.h"
#include "io.h"

static const char script[] = "_nest() {\n"
			     "\tlocal cur=${COMP_WORDS[COMP_CWORD]} key=${COMP_WORDS[1]} at=1 kind words=\n"
			     "\t[[ ${_nest_names[.$key]} ]] && at=2 key+=\" ${COMP_WORDS[2]}\"\n"
			     "\tif ((COMP_CWORD == 1)); then\n"
			     "\t\twords=${_nest_names[.]}\n"
			     "\telif ((COMP_CWORD == at)); then\n"
			     "\t\twords=${_nest_names[.${COMP_WORDS[1]}]}\n"
			     "\telif [[ $cur == -* ]]; then\n"
			     "\t\twords=\"${_nest_flags[.$key]} --help\"\n"
			     "\telse\n"
			     "\t\tfor kind in ${_nest_objects[.$key]}; do\n"
			     "\t\t\tcase $kind in\n"
			     "\t\t\tCONTAINER) words+=\" $(nest ps -a --format '{{.Names}}' 2>/dev/null)\" ;;\n"
			     "\t\t\tIMAGE) words+=\" $(nest images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null)\" ;;\n"
			     "\t\t\tNETWORK) words+=\" $(nest network ls --format '{{.Name}}' 2>/dev/null)\" ;;\n"
			     "\t\t\tVOLUME) words+=\" $(nest volume ls -q 2>/dev/null)\" ;;\n"
			     "\t\t\tesac\n"
			     "\t\tdone\n"
			     "\tfi\n"
			     "\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
			     "}\n"
			     "# A tag belongs to the word.\n"
			     "COMP_WORDBREAKS=${COMP_WORDBREAKS//:}\n"
			     "complete -o default -F _nest nest docker\n";

/* What a command is about, from its usage line. */
static void objects(const struct cli_command *c)
{
	static const char *const kinds[] = {"CONTAINER", "IMAGE", "NETWORK", "VOLUME"};

	for (size_t i = 0; i < array_size(kinds); i++)
		if (strstr(c->usage, kinds[i]) || strstr(c->usage, "NAME|ID"))
			printf("%s ", kinds[i]);
}

static void command(const char *group, const char *name, const struct cli_command *c)
{
	const char *space = *group ? " " : "";

	printf("_nest_flags[.%s%s%s]='", group, space, name);
	for (const struct flag *f = c->flags; f->name; f++)
		printf("--%s ", f->name);
	printf("'\n_nest_objects[.%s%s%s]='", group, space, name);
	objects(c);
	printf("'\n_nest_names[.%s]+='%s '\n", group, name);
}

int cli_completion(const struct cli_command *c, struct arguments *a)
{
	if (strcmp(a->rest[0], "bash") != 0) {
		fprintf(stderr, "%s: there is completion for bash only, not for %.40s\n", cli_name(), a->rest[0]);
		return 1;
	}
	printf("# source <(nest completion bash)\ndeclare -A _nest_names _nest_flags _nest_objects\n");
	for (c = cli_commands; c->name; c++)
		if (!strchr(c->name, ' '))
			command("", c->name, c);
	for (const struct cli_alias *alias = cli_aliases; alias->name; alias++)
		for (c = cli_commands; c->name; c++)
			if (strcmp(c->name, alias->command) == 0)
				command(alias->group, alias->name, c);
	for (const struct cli_group *g = cli_groups; g->name; g++)
		printf("_nest_names[.]+='%s '\n", g->name);
	fputs(script, stdout);
	return 0;
}
