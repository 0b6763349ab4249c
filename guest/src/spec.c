#include <ctype.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "io.h"
#include "memory.h"
#include "network.h"
#include "publish.h"
#include "seccomp_profile.h"
#include "spec.h"
#include "volume_store.h"

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

int spec_strings(const struct json *request, const char *key, size_t max, const struct json **out, struct err *e)
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

		if (spec_strings(request, keys[drop], 64, &names, e) < 0)
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

int spec_add_host(const char *text, const char **address, struct err *e)
{
	size_t length = strcspn(text, ":=");
	const char *to = text + length + 1;
	uint32_t number;

	if (!text[length] || length == 0 || strcspn(text, " \t\n#") < length)
		return err_set(e, 125, "bad format for add-host: \"%.80s\"", text);
	if (strcmp(to, "host-gateway") != 0 && !network_address(to, &number))
		return err_set(e, 125, "invalid IP address in add-host: \"%.80s\"", to);
	if (address)
		*address = to;
	return (int)length;
}

static int network_options(const struct json *request, struct spec *spec, struct err *e)
{
	const char *mode = spec->network, *ip = json_string(request, "ip", "");
	uint32_t address;
	struct port port;

	if (spec_strings(request, "ports", PORTS_MAX, &spec->ports, e) < 0 ||
	    spec_strings(request, "dns", 8, &spec->dns, e) < 0 || spec_strings(request, "addHosts", 64, &spec->add_hosts, e) < 0)
		return -1;
	if (*ip && !network_address(ip, &address))
		return err_set(e, 125, "invalid IPv4 address: %.80s", ip);
	if (strncmp(mode, "container:", 10) != 0 && !spec_name_ok(mode))
		return err_set(e, 125, "network %.128s not found", mode);
	json_each(text, spec->ports)
		if (port_parse(text->string, &port, e) < 0)
			return -1;
	json_each(text, spec->dns)
		if (!network_address(text->string, &address))
			return err_set(e, 125, "%.40s is not an ip address", text->string);
	json_each(text, spec->add_hosts)
		if (spec_add_host(text->string, NULL, e) < 0)
			return -1;
	return 0;
}

int spec_parse(const struct json *request, struct spec *spec, struct err *e)
{
	*spec = (struct spec){
		.image = json_string(request, "image", ""),
		.name = json_string(request, "name", ""),
		.hostname = json_string(request, "hostname", ""),
		.domainname = json_string(request, "domainname", ""),
		.user = json_string(request, "user", ""),
		.workdir = json_string(request, "workdir", ""),
		.profile = json_bool(request, "privileged", false) ? PROFILE_PRIVILEGED
			   : json_bool(request, "nest", false)     ? PROFILE_NEST
								   : PROFILE_PLAIN,
		.stop_timeout = (int)json_whole(request, "stopTimeout", 10),
		.columns = (unsigned)json_whole(request, "columns", 0) & 0xffff,
		.rows = (unsigned)json_whole(request, "rows", 0) & 0xffff,
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
	if (!hostname_ok(spec->domainname))
		return err_set(e, 125, "invalid domain name: %.80s", spec->domainname);
	/* A look-up alone would take "0 " for a name, and a file of names may hold anything (CVE-2026-30892). */
	if (strlen(spec->user) > 128 || spec->user[strcspn(spec->user, " \t\n\v\f\r,/")])
		return err_set(e, 125, "unable to find user %.80s: no matching entries in passwd file", spec->user);
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
	if (spec_strings(request, "entrypoint", 16, &spec->entrypoint, e) < 0 ||
	    spec_strings(request, "argv", SPEC_LIST_MAX / 2, &spec->argv, e) < 0 ||
	    spec_strings(request, "env", SPEC_LIST_MAX / 2, &spec->env, e) < 0 ||
	    spec_strings(request, "binds", SPEC_BINDS_MAX, &spec->binds, e) < 0 ||
	    spec_strings(request, "volumesFrom", SPEC_BINDS_MAX, &spec->volumes_from, e) < 0)
		return -1;
	json_each(variable, spec->env)
		if (variable->string[0] == '=' || !variable->string[0])
			return err_set(e, 125, "invalid environment variable: %.80s", variable->string);
	json_each(text, spec->binds) {
		struct bind bind;

		if (spec_bind(text->string, &bind, e) < 0)
			return -1;
	}
	if (tuning_parse(request, &spec->tuning, e) < 0 || network_options(request, spec, e) < 0)
		return -1;
	return capabilities(request, spec, e) < 0 ? -1 : sharing_parse(request, spec, e);
}

/* Of those that say how the host shares a directory, none changes anything here. */
static int bind_modes(const char *text, struct bind *bind, struct err *e)
{
	static const char *const same[] = {"rw", "z", "Z", "private", "rprivate", "cached", "delegated", "consistent"};

	for (const char *at = text;; at++) {
		size_t length = strcspn(at, ","), i = 0;

		if (length == 2 && strncmp(at, "ro", 2) == 0) {
			bind->read_only = true;
		} else if (length == 6 && strncmp(at, "nocopy", 6) == 0) {
			bind->no_copy = true;
		} else if (strncmp(at, "subpath=", 8) == 0) {
			snprintf(bind->subpath, sizeof(bind->subpath), "%.*s", (int)length - 8, at + 8);
			if (length == 8 || length - 8 >= sizeof(bind->subpath) || at[8] == '/' || strstr(bind->subpath, ".."))
				return err_set(e, 125, "subpath must be a relative path within the volume: %.200s",
					       bind->subpath);
		} else {
			while (i < array_size(same) && (strlen(same[i]) != length || strncmp(at, same[i], length) != 0))
				i++;
			if (i == array_size(same))
				return err_set(e, 125, "invalid mode: %.80s", text);
		}
		at += length;
		if (!*at)
			return 0;
	}
}

/* "//a//b/" → "/a/b", so that equal places have equal names. */
static void clean(char *path)
{
	char *to = path;

	for (const char *from = path; *from; from++)
		if (*from != '/' || (from[1] != '/' && from[1]))
			*to++ = *from;
	*to = 0;
}

int spec_bind(const char *text, struct bind *bind, struct err *e)
{
	const char *colon = strchr(text, ':'), *second = colon ? strchr(colon + 1, ':') : NULL;
	const char *at_target = colon ? colon + 1 : text;
	size_t source = colon ? (size_t)(colon - text) : 0;
	size_t target = second ? (size_t)(second - at_target) : strlen(at_target);

	*bind = (struct bind){0};
	if ((colon && source == 0) || target == 0 || source >= sizeof(bind->source) || target >= sizeof(bind->target))
		return err_set(e, 125, "invalid volume specification: '%.200s'", text);
	memcpy(bind->source, text, source);
	memcpy(bind->target, at_target, target);
	bind->volume = bind->source[0] != '/';
	if (second && bind_modes(second + 1, bind, e) < 0)
		return -1;
	if (*bind->subpath && !(source && bind->volume))
		return err_set(e, 125, "a subpath needs a volume with a name: '%.200s'", text);
	if (source && bind->volume && volume_name_ok(bind->source, e) < 0)
		return -1;
	if (spec_target(bind->target, e) < 0)
		return err_context(e, "invalid volume specification: '%.200s'", text);
	clean(bind->target);
	return 0;
}

/* The next part of a path, without "" and "."; its length, 0 at the end. */
static size_t next_part(const char **path)
{
	for (;;) {
		*path += strspn(*path, "/");
		size_t length = strcspn(*path, "/");

		if (length != 1 || **path != '.')
			return length;
		++*path;
	}
}

/* Whether `path` is `top` or below it, as far as the text tells. */
static bool is_below(const char *path, const char *top)
{
	size_t length, wanted;

	while ((wanted = next_part(&top)) > 0) {
		length = next_part(&path);
		if (length != wanted || memcmp(path, top, length) != 0)
			return false;
		path += length;
		top += wanted;
	}
	return true;
}

unsigned spec_depth(const char *path)
{
	unsigned depth = 0;

	for (size_t length; (length = next_part(&path)) > 0; path += length)
		depth++;
	return depth;
}

int spec_target(const char *target, struct err *e)
{
	/* On or under what we mount ourselves a mount would undo it (CVE-2023-28642). */
	static const char *const ours[] = {"/dev", "/proc", "/run/nest", "/sys"};

	if (*target != '/')
		return err_set(e, 125, "invalid mount path: '%.80s' mount path must be absolute", target);
	if (spec_depth(target) == 0 || strstr(target, ".."))
		return err_set(e, 125, "invalid specification: destination can't be '%.80s'", target);
	for (size_t i = 0; i < array_size(ours); i++)
		if (is_below(target, ours[i]))
			return err_set(e, 125, "nothing can be mounted on or below %s", ours[i]);
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
	size_t name = strcspn(variable, "="), count = 0;

	while (env[count] && (strncmp(env[count], variable, name) != 0 || env[count][name] != '='))
		count++;
	if (!variable[name]) {
		for (; env[count]; count++)
			env[count] = env[count + 1];
		return 0;
	}
	if (!env[count]) {
		if (count + 1 >= SPEC_LIST_MAX)
			return err_set(e, 125, "more than %d environment variables", SPEC_LIST_MAX - 1);
		env[count + 1] = NULL;
	}
	env[count] = variable;
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

int process_filter(const struct spec *spec, struct process *process, struct err *e)
{
	static struct seccomp_program program;

	if (!spec->tuning.seccomp)
		return 0;
	process->filter = &program;
	return seccomp_compile(spec->tuning.seccomp, spec->caps, &program, e);
}

static void shrink(const char **vector)
{
	size_t count = 0;

	while (vector[count])
		count++;
	memory_shrink(vector, (count + 1) * sizeof(*vector));
}

void process_seal(struct process *process)
{
	shrink(process->env);
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
		.groups = spec->tuning.groups,
		.ulimits = spec->tuning.ulimits,
		.init = -1,
		.mask = 022,
	};
	if (!process->argv || !process->env)
		return err_set(e, 125, "out of memory");
	if (*process->cwd != '/')
		process->cwd = "/";
	if (process_filter(spec, process, e) < 0)
		return -1;
	/* As docker: --entrypoint also drops the image's Cmd. */
	const struct json *entrypoint = spec->entrypoint ? spec->entrypoint : list_of(config, "Entrypoint");

	if (!arguments && !spec->entrypoint)
		arguments = list_of(config, "Cmd");
	if (append(process->argv, entrypoint, e) < 0 || append(process->argv, arguments, e) < 0)
		return -1;
	if (!process->argv[0])
		return err_set(e, 125, "no command specified");
	shrink(process->argv);
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
