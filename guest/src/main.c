/* One binary, several programs: which one is decided by the name it is called by, or by the first argument of `nest`. */
#include <stdio.h>
#include <string.h>
#include "main.h"

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} applets[] = {
	{"docker-init", reaper_main}, {"init", init_main},  {"agent", agent_main}, {"engine", engine_main},
	{"nest", cli_main},           {"docker", cli_main}, {"init", init_main},   {"agent", agent_main},
	{"engine", engine_main},      {"nest", cli_main},   {"docker", cli_main},  {"nest-oci", oci_main},
};

static int (*find(const char *name))(int, char **)
{
	for (size_t i = 0; i < sizeof(applets) / sizeof(*applets); i++)
		if (strcmp(applets[i].name, name) == 0)
			return applets[i].main;
	return NULL;
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = argc < 1 ? "nest" : slash ? slash + 1 : argv[0];
	int (*applet)(int, char **) = find(name);

	if (!applet)
		applet = cli_main;
	/* `nest agent` and the like: what init and engines start. Not `nest nest`, which would read as a container command. */
	if (applet == cli_main && argc > 1 && strcmp(name, "docker") != 0) {
		int (*inner)(int, char **) = find(argv[1]);

		if (inner && inner != cli_main)
			return inner(argc - 1, argv + 1);
	}
	if (!applet) {
		fprintf(stderr, "%s: this build has no such part\n", name);
		return 125;
	}
	return applet(argc, argv);
}
