#include <ctype.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "io.h"
#include "network.h"
#include "publish.h"
#include "spec.h"

bool spec_name_ok(const char *name)
{
	size_t length = strlen(name);

	if (length < 1 || length > 128 || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 1; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_.-", name[i]))
			return false;
	return true;
}

static bool hostname_ok(const char *name)
{
	size_t length = strlen(name);

	if (length > 63 || (length && (name[0] == '-' || name[0] == '.')))
		return false;
	for (size_t i = 0; i < length; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr(".-_", name[i]))
			return false;
	return true;
}

int spec_signal(const char *text)
{
	static const struct {
		const char *name;
		int number;
	} names[] = {
		{"HUP", SIGHUP},     {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"KILL", SIGKILL}, {"USR1", SIGUSR1},
		{"USR2", SIGUSR2},   {"TERM", SIGTERM}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},
		{"WINCH", SIGWINCH}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM}, {"ABRT", SIGABRT}, {"SEGV", SIGSEGV},
		{"TTIN", SIGTTIN},   {"TTOU", SIGTTOU}, {"CHLD", SIGCHLD}, {"PWR", SIGPWR},
	};
	char *end;
	long number = strtol(text, &end, 10);

	if (isdigit((unsigned char)*text) && !*end)
		return number >= 1 && number <= 64 ? (int)number : 0;
	if (strncasecmp(text, "SIG", 3) == 0)
		text += 3;
	if (strncasecmp(text, "RTMIN+", 6) == 0) {
		number = strtol(text + 6, &end, 10);
		return isdigit((unsigned char)text[6]) && !*end && number <= 30 ? 34 + (int)number : 0;
	}
	for (size_t i = 0; i < array_size(names); i++)
		if (strcasecmp(text, names[i].name) == 0)
			return names[i].number;
	return 0;
}

/* An array of at most `max` strings, or absent. */
static int strings(const struct json *request, const char *key, size_t max, const struct json **out, struct err *e)
{
	const struct json *list = json_get(request, key);

	*out = NULL;
	if (!list || list->kind == JSON_NULL)
		return 0;
	if (list->kind != JSON_ARRAY || list->length > max)
		return err_set(e, 125, "%s: a list of at most %zu is wanted", key, max);
	json_each(item, list)
		if (item->kind != JSON_STRING)
			return err_set(e, 125, "%s: a list of texts is wanted", key);
	*out = list;
	return 0;
}

static int capabilities(const struct json *request, struct spec *spec, struct err *e)
{
	static const char *const keys[] = {"capAdd", "capDrop"};

	spec->caps = caps_of(spec->profile);
	/* Docker takes --cap-drop=ALL --cap-add=X as "X alone", whatever the order. */
	for (int drop = 1; drop >= 0; drop--) {
		const struct json *names;

		if (strings(request, keys[drop], 64, &names, e) < 0)
			return -1;
		json_each(name, names) {
			uint64_t bits = caps_by_name(name->string);

			if (!bits)
				return err_set(e, 125, "invalid capability: \"%.40s\"", name->string);
			if (drop)
				spec->caps &= ~bits;
			else
				spec->caps |= bits & caps_of(PROFILE_PRIVILEGED);
		}
	}
	return 0;
}

static int network_options(const struct json *request, struct spec *spec, struct err *e)
{
	const char *mode = spec->network;
	uint32_t address;
	struct port port;

	if (strings(request, "ports", PORTS_MAX, &spec->ports, e) < 0 || strings(request, "dns", 8, &spec->dns, e) < 0 ||
	    strings(request, "addHosts", 64, &spec->add_hosts, e) < 0)
		return -1;
	if (strcmp(mode, "host") == 0 || strncmp(mode, "container:", 10) == 0)
		return err_set(
			e, 125,
			"--network %.80s: every container has its own user namespace here and with it a network of its own; "
			"publish ports (-p) or use a common network (network create) instead",
			mode);
	if (!spec_name_ok(mode))
		return err_set(e, 125, "network %.128s not found", mode);
	json_each(text, spec->ports)
		if (port_parse(text->string, &port, e) < 0)
			return -1;
	json_each(text, spec->dns)
		if (!network_address(text->string, &address))
			return err_set(e, 125, "%.40s is not an ip address", text->string);
	json_each(text, spec->add_hosts) {
		const char *colon = strchr(text->string, ':');

		if (!colon || colon == text->string || !network_address(colon + 1, &address) ||
		    strcspn(text->string, " \t\n#") < strlen(text->string))
			return err_set(e, 125, "bad format for add-host: \"%.80s\"", text->string);
	}
	return 0;
}

int spec_parse(const struct json *request, struct spec *spec, struct err *e)
{
	*spec = (struct spec){
		.image = json_string(request, "image", ""),
		.name = json_string(request, "name", ""),
		.hostname = json_string(request, "hostname", ""),
		.user = json_string(request, "user", ""),
		.workdir = json_string(request, "workdir", ""),
		.profile = json_bool(request, "privileged", false) ? PROFILE_PRIVILEGED
			   : json_bool(request, "nest", false)     ? PROFILE_NEST
								   : PROFILE_PLAIN,
		.stop_timeout = (int)json_number(request, "stopTimeout", 10),
		.columns = (unsigned)json_number(request, "columns", 0) & 0xffff,
		.rows = (unsigned)json_number(request, "rows", 0) & 0xffff,
		.tty = json_bool(request, "tty", false),
		.open_stdin = json_bool(request, "stdin", false),
		.detach = json_bool(request, "detach", false),
		.remove = json_bool(request, "rm", false),
		.read_only = json_bool(request, "readOnly", false),
		.no_new_privs = json_bool(request, "noNewPrivileges", false),
		.no_seccomp = json_bool(request, "unconfined", false),
		.publish_all = json_bool(request, "publishAll", false),
		.network = network_canonical(json_string(request, "network", "")),
	};
	if (!*spec->image || strlen(spec->image) > 255)
		return err_set(e, 125, "invalid reference format");
	if (*spec->name && !spec_name_ok(spec->name))
		return err_set(e, 125, "Invalid container name (%.140s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", spec->name);
	if (!hostname_ok(spec->hostname))
		return err_set(e, 125, "invalid hostname: %.80s", spec->hostname);
	if (*spec->workdir && *spec->workdir != '/')
		return err_set(e, 125, "the working directory '%.80s' is invalid, it needs to be an absolute path",
			       spec->workdir);
	if (limits_parse(request, &spec->limits, e) < 0 || restart_parse(request, &spec->restart, e) < 0)
		return -1;
	if (spec->stop_timeout < -1 || spec->stop_timeout > 86400)
		return err_set(e, 125, "invalid stop timeout");
	const char *signal = json_string(request, "stopSignal", "");

	if (*signal && !(spec->stop_signal = spec_signal(signal)))
		return err_set(e, 125, "Invalid signal: %.40s", signal);
	if (strings(request, "entrypoint", 16, &spec->entrypoint, e) < 0 ||
	    strings(request, "argv", SPEC_LIST_MAX / 2, &spec->argv, e) < 0 ||
	    strings(request, "env", SPEC_LIST_MAX / 2, &spec->env, e) < 0 ||
	    strings(request, "binds", SPEC_BINDS_MAX, &spec->binds, e) < 0)
		return -1;
	json_each(variable, spec->env)
		if (variable->string[0] == '=' || !strchr(variable->string, '='))
			return err_set(e, 125, "invalid environment variable: %.80s", variable->string);
	json_each(text, spec->binds) {
		struct bind bind;

		if (spec_bind(text->string, &bind, e) < 0)
			return -1;
	}
	return network_options(request, spec, e) < 0 ? -1 : capabilities(request, spec, e);
}

int spec_bind(const char *text, struct bind *bind, struct err *e)
{
	const char *colon = strchr(text, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
	size_t source = colon ? (size_t)(colon - text) : 0;
	size_t target = !colon ? 0 : second ? (size_t)(second - colon - 1) : strlen(colon + 1);

	*bind = (struct bind){0};
	if (source == 0 || target == 0 || source >= sizeof(bind->source) || target >= sizeof(bind->target))
		return err_set(e, 125, "invalid volume specification: '%.200s'", text);
	memcpy(bind->source, text, source);
	memcpy(bind->target, colon + 1, target);
	bind->volume = bind->source[0] != '/';
	if (second && strcmp(second + 1, "ro") == 0)
		bind->read_only = true;
	else if (second && strcmp(second + 1, "rw") != 0)
		return err_set(e, 125, "invalid mode: %.80s", second + 1);
	if (bind->volume && !spec_name_ok(bind->source))
		return err_set(e, 125,
			       "\"%.80s\" includes invalid characters for a local volume name, only "
			       "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. "
			       "If you intended to pass a host directory, use absolute path",
			       bind->source);
	if (bind->target[0] != '/')
		return err_set(e, 125,
			       "invalid volume specification: '%.200s': invalid mount path: '%.80s' mount path must be absolute",
			       text, bind->target);
	/* On or under what we mount ourselves a volume would undo it (CVE-2023-28642). */
	static const char *const ours[] = {"/", "/proc", "/sys", "/dev", "/run/nest"};
	const char *at = bind->target + strspn(bind->target, "/");

	if (!*at || strstr(bind->target, ".."))
		return err_set(e, 125,
			       "invalid volume specification: '%.200s': invalid specification: destination can't be '%.80s'",
			       text, bind->target);
	for (size_t i = 1; i < array_size(ours); i++) {
		size_t length = strlen(ours[i] + 1);

		if (strncmp(at, ours[i] + 1, length) == 0 && (!at[length] || at[length] == '/'))
			return err_set(e, 125, "invalid volume specification: '%.200s': nothing can be mounted on or below %s",
				       text, ours[i]);
	}
	return 0;
}

const char *env_get(const char *const *env, const char *name)
{
	size_t length = strlen(name);

	for (; *env; env++)
		if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
			return *env + length + 1;
	return NULL;
}

int env_put(const char **env, const char *variable, struct err *e)
{
	size_t name = strcspn(variable, "=") + 1, count = 0;

	for (; env[count]; count++) {
		if (strncmp(env[count], variable, name) == 0) {
			env[count] = variable;
			return 0;
		}
	}
	if (count + 1 >= SPEC_LIST_MAX)
		return err_set(e, 125, "more than %d environment variables", SPEC_LIST_MAX - 1);
	env[count] = variable;
	env[count + 1] = NULL;
	return 0;
}

static int append(const char **vector, const struct json *list, struct err *e)
{
	size_t count = 0;

	while (vector[count])
		count++;
	json_each(item, list) {
		if (item->kind != JSON_STRING || count + 1 >= SPEC_LIST_MAX)
			return err_set(e, 125, "the command is no list of at most %d texts", SPEC_LIST_MAX - 1);
		vector[count++] = item->string;
	}
	vector[count] = NULL;
	return 0;
}

static const struct json *list_of(const struct json *config, const char *key)
{
	const struct json *list = json_get(config, key);

	return list && list->kind == JSON_ARRAY ? list : NULL;
}

int process_of(const struct spec *spec, const struct json *config, const char *hostname, struct process *process, struct err *e)
{
	const struct json *arguments = spec->argv && spec->argv->length ? spec->argv : NULL;

	*process = (struct process){
		.argv = calloc(SPEC_LIST_MAX, sizeof(char *)),
		.env = calloc(SPEC_LIST_MAX, sizeof(char *)),
		.cwd = *spec->workdir ? spec->workdir : json_string(config, "WorkingDir", "/"),
		.user = *spec->user ? spec->user : json_string(config, "User", ""),
		.caps = spec->caps,
		.profile = spec->profile,
		.no_new_privs = spec->no_new_privs,
		.no_seccomp = spec->no_seccomp,
		.mask = 022,
	};
	if (!process->argv || !process->env)
		return err_set(e, 125, "out of memory");
	if (*process->cwd != '/')
		process->cwd = "/";
	/* As docker: --entrypoint also drops the image's Cmd. */
	const struct json *entrypoint = spec->entrypoint ? spec->entrypoint : list_of(config, "Entrypoint");

	if (!arguments && !spec->entrypoint)
		arguments = list_of(config, "Cmd");
	if (append(process->argv, entrypoint, e) < 0 || append(process->argv, arguments, e) < 0)
		return -1;
	if (!process->argv[0])
		return err_set(e, 125, "no command specified");
	snprintf(process->host_variable, sizeof(process->host_variable), "HOSTNAME=%.63s", hostname);
	if (env_put(process->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", e) < 0 ||
	    env_put(process->env, process->host_variable, e) < 0 || (spec->tty && env_put(process->env, "TERM=xterm", e) < 0))
		return -1;
	json_each(variable, list_of(config, "Env"))
		if (variable->kind == JSON_STRING && variable->string[0] != '=' && strchr(variable->string, '=') &&
		    env_put(process->env, variable->string, e) < 0)
			return -1;
	json_each(variable, spec->env)
		if (env_put(process->env, variable->string, e) < 0)
			return -1;
	return 0;
}

void process_free(struct process *process)
{
	free(process->argv);
	free(process->env);
	process->argv = process->env = NULL;
}
