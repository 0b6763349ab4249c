/* version, info: a document each, printed by a template. */
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include "cli.h"
#include "client.h"
#include "level.h"
#include "template.h"
#include "units.h"
#include "upstream.h"

#define VERSION "0.1.0"

static const char version_format[] = "Client: Nestbox\n"
				     " Version:           {{.Client.Version}}\n"
				     " OS/Arch:           {{.Client.Os}}/{{.Client.Arch}}\n\n"
				     "Server: Nestbox\n"
				     " Engine:\n"
				     "  Version:          {{.Server.Version}}\n"
				     "  OS/Arch:          {{.Server.Os}}/{{.Server.Arch}}\n"
				     "  Kernel Version:   {{.Server.KernelVersion}}";

static const char info_format[] =
	"Client: Nestbox\n Version:    {{.ClientInfo.Version}}\n\n"
	"Server:\n Containers: {{.Containers}}\n  Running: {{.ContainersRunning}}\n  Paused: {{.ContainersPaused}}\n"
	"  Stopped: {{.ContainersStopped}}\n Images: {{.Images}}\n Server Version: {{.ServerVersion}}\n"
	" Storage Driver: {{.Driver}}\n Logging Driver: {{.LoggingDriver}}\n Cgroup Driver: {{.CgroupDriver}}\n"
	" Cgroup Version: {{.CgroupVersion}}\n Security Options:\n{{range .SecurityOptions}}  {{.}}\n{{end}}"
	" Kernel Version: {{.KernelVersion}}\n Operating System: {{.OperatingSystem}}\n OSType: {{.OSType}}\n"
	" Architecture: {{.Architecture}}\n CPUs: {{.NCPU}}\n Total Memory: {{.MemTotalText}}\n Name: {{.Name}}\n"
	" Docker Root Dir: {{.DockerRootDir}}\n Nesting Level: {{.NestingLevel}}\n User IDs: {{.UserIds}}";

static int print(struct jsonw *w, const char *format, const char *standard)
{
	struct err e;
	struct json *document = w->failed ? NULL : json_parse(w->data, w->length, &e);
	const char *used = !format || !*format ? standard : strcmp(format, "json") == 0 ? "{{json .}}" : format;
	int ret = document ? template_print(used, document, &e) : -1;

	if (ret < 0)
		cli_failed(&e);
	json_free(document);
	jsonw_free(w);
	return ret < 0 ? 1 : 0;
}

static void put_version(struct jsonw *w, const char *side, const struct utsname *name)
{
	jsonw_object(w, side);
	jsonw_string(w, "Version", VERSION);
	jsonw_string(w, "Os", "linux");
	jsonw_string(w, "Arch", "386");
	if (strcmp(side, "Server") == 0)
		jsonw_string(w, "KernelVersion", name->release);
	jsonw_end_object(w);
}

int cli_version(const struct cli_command *c, struct arguments *a)
{
	struct jsonw w = {0};
	struct utsname name;

	(void)c;
	uname(&name);
	jsonw_object(&w, NULL);
	put_version(&w, "Client", &name);
	put_version(&w, "Server", &name);
	jsonw_end_object(&w);
	return print(&w, flag_text(a, "format"), version_format);
}

int cli_version_line(void)
{
	puts("Nestbox version " VERSION);
	return 0;
}

struct counts {
	int all, running, paused;
};

static int count_some(const struct json *answer, void *context)
{
	struct counts *n = context;

	json_each(c, json_get(answer, "containers")) {
		const char *state = json_string(c, "state", "");

		n->all++;
		n->running += strcmp(state, "running") == 0;
		n->paused += strcmp(state, "paused") == 0;
	}
	return 0;
}

static int64_t count_images(void)
{
	struct json *document = NULL;
	const struct json *images =
		json_get(upstream_ask("image.list", "{}", &upstream_patience, &document, NULL, NULL), "images");
	int64_t count = images ? (int64_t)images->length : 0;

	json_free(document);
	return count;
}

int cli_info(const struct cli_command *c, struct arguments *a)
{
	struct counts counts = {0};
	struct client_answer answer = {count_some, &counts};
	struct jsonw w = {0};
	struct utsname name;
	struct level level;
	struct sysinfo system = {0};
	char memory[32];
	struct err e;

	(void)c;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "ps");
	jsonw_bool(&w, "all", true);
	jsonw_end_object(&w);
	if (client_ask(&w, &answer, &e) < 0 || level_load(&level, &e) < 0)
		return cli_daemon_error(&e);
	uname(&name);
	sysinfo(&system);
	snprintf(memory, sizeof(memory), "%.4gMiB", (double)system.totalram * system.mem_unit / (1024 * 1024));
	jsonw_object(&w, NULL);
	jsonw_string(&w, "Architecture", "i386");
	jsonw_string(&w, "CgroupDriver", "cgroupfs");
	jsonw_string(&w, "CgroupVersion", "2");
	put_version(&w, "ClientInfo", &name);
	jsonw_int(&w, "Containers", counts.all);
	jsonw_int(&w, "ContainersPaused", counts.paused);
	jsonw_int(&w, "ContainersRunning", counts.running);
	jsonw_int(&w, "ContainersStopped", counts.all - counts.running - counts.paused);
	jsonw_string(&w, "DockerRootDir", "/run/nest");
	jsonw_string(&w, "Driver", "overlay");
	jsonw_int(&w, "Images", count_images());
	jsonw_string(&w, "KernelVersion", name.release);
	jsonw_string(&w, "LoggingDriver", "json-file");
	jsonw_int(&w, "MemTotal", (int64_t)system.totalram * system.mem_unit);
	jsonw_string(&w, "MemTotalText", memory);
	jsonw_int(&w, "NCPU", 1);
	jsonw_string(&w, "Name", name.nodename);
	jsonw_int(&w, "NestingLevel", level.number);
	jsonw_string(&w, "OSType", "linux");
	jsonw_string(&w, "OperatingSystem", "Nestbox");
	jsonw_array(&w, "SecurityOptions");
	jsonw_string(&w, NULL, "name=seccomp,profile=builtin");
	jsonw_string(&w, NULL, "name=userns");
	jsonw_end_array(&w);
	jsonw_string(&w, "ServerVersion", VERSION);
	jsonw_int(&w, "UserIds", level.ids);
	jsonw_end_object(&w);
	return print(&w, flag_text(a, "format"), info_format);
}
