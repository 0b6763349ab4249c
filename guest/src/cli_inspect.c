/* inspect: containers and images in docker's shape. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "client.h"
#include "io.h"
#include "level.h"
#include "network.h"
#include "publish.h"
#include "template.h"
#include "tuning.h"
#include "units.h"

struct parts {
	struct jsonw container, request, summary, networks, health, mounts;
};

static int keep(const struct json *answer, void *context)
{
	struct parts *p = context;
	const struct {
		const char *key;
		struct jsonw *to;
	} wanted[] = {
		{"container", &p->container}, {"request", &p->request}, {"summary", &p->summary},
		{"networks", &p->networks},   {"health", &p->health},   {"mounts", &p->mounts},
	};

	for (size_t i = 0; i < array_size(wanted); i++)
		if (json_get(answer, wanted[i].key) && !wanted[i].to->data)
			jsonw_value(wanted[i].to, NULL, json_get(answer, wanted[i].key));
	return 0;
}

static void put_strings(struct jsonw *w, const char *key, const struct json *list, size_t skip)
{
	jsonw_array(w, key);
	json_each(item, list && list->kind == JSON_ARRAY ? list : NULL)
		if (skip > 0)
			skip--;
		else if (item->kind == JSON_STRING)
			jsonw_string(w, NULL, item->string);
	jsonw_end_array(w);
}

static void put_time(struct jsonw *w, const char *key, double ms)
{
	char text[64];

	unit_time(text, sizeof(text), (int64_t)ms);
	jsonw_string(w, key, text);
}

/* Nothing at all without a health check, as docker has it. */
static void put_health(struct jsonw *w, const struct json *health)
{
	if (!json_get(health, "status"))
		return;
	jsonw_object(w, "Health");
	jsonw_string(w, "Status", json_string(health, "status", ""));
	jsonw_int(w, "FailingStreak", json_whole(health, "streak", 0));
	jsonw_array(w, "Log");
	json_each(check, json_get(health, "log")) {
		jsonw_object(w, NULL);
		put_time(w, "Start", json_number(check, "start", 0));
		put_time(w, "End", json_number(check, "end", 0));
		jsonw_int(w, "ExitCode", json_whole(check, "code", 0));
		jsonw_string(w, "Output", json_string(check, "output", ""));
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

static bool runs(const struct json *c)
{
	const char *state = json_string(c, "state", "");

	return strcmp(state, "running") == 0 || strcmp(state, "paused") == 0;
}

static void put_state(struct jsonw *w, const struct json *c, const struct json *health)
{
	const char *state = json_string(c, "state", "");

	jsonw_object(w, "State");
	jsonw_string(w, "Status", state);
	/* To docker one that waits for its restart runs. */
	jsonw_bool(w, "Running", runs(c) || strcmp(state, "restarting") == 0);
	jsonw_bool(w, "Paused", strcmp(state, "paused") == 0);
	jsonw_bool(w, "Restarting", strcmp(state, "restarting") == 0);
	jsonw_bool(w, "OOMKilled", json_bool(c, "oom", false));
	jsonw_bool(w, "Dead", false);
	jsonw_int(w, "Pid", json_whole(c, "pid", 0));
	jsonw_int(w, "ExitCode", json_whole(c, "exitCode", 0));
	jsonw_string(w, "Error", "");
	put_time(w, "StartedAt", json_number(c, "started", 0));
	put_time(w, "FinishedAt", json_number(c, "finished", 0));
	put_health(w, health);
	jsonw_end_object(w);
}

/* "0.0.0.0:8080:80/tcp" … → {"80/tcp":[{"HostIp","HostPort"}]} */
static void put_bindings(struct jsonw *w, const char *key, const struct json *ports)
{
	char exposed[PORT_TEXT_MAX], host_ip[16], host_port[8];

	jsonw_object(w, key);
	json_each(text, ports && ports->kind == JSON_ARRAY ? ports : NULL) {
		struct port port, other;
		bool done = false;

		if (text->kind != JSON_STRING || port_parse(text->string, &port, NULL) < 0)
			continue;
		/* All of one port of the container go under its name once. */
		for (const struct json *before = ports->first; before != text; before = before->next)
			done |= before->kind == JSON_STRING && port_parse(before->string, &other, NULL) == 0 &&
				other.to_port == port.to_port && other.protocol == port.protocol;
		if (done)
			continue;
		snprintf(exposed, sizeof(exposed), "%u/%s", port.to_port, port.protocol == 17 ? "udp" : "tcp");
		jsonw_array(w, exposed);
		for (const struct json *at = text; at; at = at->next) {
			if (at->kind != JSON_STRING || port_parse(at->string, &other, NULL) < 0 ||
			    other.to_port != port.to_port || other.protocol != port.protocol)
				continue;
			snprintf(host_port, sizeof(host_port), "%u", other.host_port);
			jsonw_object(w, NULL);
			jsonw_string(w, "HostIp", network_text(other.host_ip, host_ip));
			jsonw_string(w, "HostPort", other.host_port ? host_port : "");
			jsonw_end_object(w);
		}
		jsonw_end_array(w);
	}
	jsonw_end_object(w);
}

static void put_restart(struct jsonw *w, const struct json *request)
{
	const char *policy = json_string(request, "restart", "");
	char name[20];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(policy, ":"), *policy ? policy : "no");
	jsonw_object(w, "RestartPolicy");
	jsonw_string(w, "Name", name);
	jsonw_int(w, "MaximumRetryCount", strchr(policy, ':') ? atoi(strchr(policy, ':') + 1) : 0);
	jsonw_end_object(w);
}

static void put_resources(struct jsonw *w, const struct json *request)
{
	static const struct {
		const char *name, *key;
	} numbers[] = {{"BlkioWeight", "blkioWeight"},
		       {"CpuPeriod", "cpuPeriod"},
		       {"CpuShares", "cpuShares"},
		       {"Memory", "memory"},
		       {"MemoryReservation", "memoryReservation"},
		       {"PidsLimit", "pids"}};
	static const struct {
		const char *name, *key;
	} devices[] = {{"BlkioDeviceReadBps", "deviceReadBps"},
		       {"BlkioDeviceReadIOps", "deviceReadIops"},
		       {"BlkioDeviceWriteBps", "deviceWriteBps"},
		       {"BlkioDeviceWriteIOps", "deviceWriteIops"}};
	int64_t memory = json_whole(request, "memory", 0), quota = json_whole(request, "cpuQuota", 0);
	/* --cpus is a quota without a period of its own. */
	bool cpus = quota && !json_get(request, "cpuPeriod");

	for (size_t i = 0; i < array_size(numbers); i++)
		jsonw_int(w, numbers[i].name, json_whole(request, numbers[i].key, 0));
	jsonw_int(w, "CpuQuota", cpus ? 0 : quota);
	jsonw_int(w, "NanoCpus", cpus ? quota * 10000 : 0);
	jsonw_int(w, "MemorySwap", (int64_t)json_number(request, "memorySwap", (double)memory * 2));
	for (size_t i = 0; i < array_size(devices); i++) {
		jsonw_array(w, devices[i].name);
		json_each(item, json_get(request, devices[i].key)) {
			const char *text = item->kind == JSON_STRING ? item->string : "", *colon = strrchr(text, ':');
			char path[256];

			if (!colon)
				continue;
			snprintf(path, sizeof(path), "%.*s", (int)(colon - text), text);
			jsonw_object(w, NULL);
			jsonw_string(w, "Path", path);
			jsonw_int(w, "Rate", strtoll(colon + 1, NULL, 10));
			jsonw_end_object(w);
		}
		jsonw_end_array(w);
	}
}

static void put_host_config(struct jsonw *w, const struct json *request)
{
	jsonw_object(w, "HostConfig");
	put_strings(w, "Binds", json_get(request, "binds"), 0);
	const char *network = json_string(request, "network", "bridge");

	jsonw_string(w, "NetworkMode", *network && strcmp(network, "default") != 0 ? network : "bridge");
	const char *ipc = json_string(request, "ipcMode", ""), *cgroup = json_string(request, "cgroupnsMode", "");

	jsonw_string(w, "IpcMode", *ipc ? ipc : "private");
	jsonw_string(w, "CgroupnsMode", *cgroup ? cgroup : "private");
	jsonw_string(w, "PidMode", json_string(request, "pidMode", ""));
	jsonw_string(w, "UTSMode", json_string(request, "utsMode", ""));
	jsonw_string(w, "UsernsMode", json_string(request, "usernsMode", ""));
	put_bindings(w, "PortBindings", json_get(request, "ports"));
	jsonw_object(w, "LogConfig");
	jsonw_string(w, "Type", json_string(request, "logDriver", "json-file"));
	jsonw_object(w, "Config");
	json_each(option, json_get(request, "logOptions")) {
		char key[64];

		snprintf(key, sizeof(key), "%.*s", (int)strcspn(option->string, "="), option->string);
		jsonw_string(w, key, option->string + strcspn(option->string, "=") + 1);
	}
	jsonw_end_object(w);
	jsonw_end_object(w);
	jsonw_bool(w, "AutoRemove", json_bool(request, "rm", false));
	put_strings(w, "CapAdd", json_get(request, "capAdd"), 0);
	put_strings(w, "CapDrop", json_get(request, "capDrop"), 0);
	jsonw_bool(w, "Privileged", json_bool(request, "privileged", false));
	jsonw_bool(w, "Nest", json_bool(request, "nest", false) || json_bool(request, "privileged", false));
	jsonw_bool(w, "ReadonlyRootfs", json_bool(request, "readOnly", false));
	put_resources(w, request);
	put_restart(w, request);
	tuning_put(w, request);
	jsonw_end_object(w);
}

static void put_mounts(struct jsonw *w, const struct json *mounts)
{
	jsonw_array(w, "Mounts");
	json_each(item, mounts) {
		const char *source = json_string(item, "source", "");
		bool volume = strcmp(json_string(item, "type", ""), "volume") == 0,
		     read_only = json_bool(item, "readOnly", false);
		char path[200];

		snprintf(path, sizeof(path), VOLUMES "/%.128s/_data", source);
		jsonw_object(w, NULL);
		jsonw_string(w, "Type", volume ? "volume" : "bind");
		if (volume)
			jsonw_string(w, "Name", source);
		jsonw_string(w, "Source", volume ? path : source);
		jsonw_string(w, "Destination", json_string(item, "target", ""));
		if (volume)
			jsonw_string(w, "Driver", "local");
		jsonw_string(w, "Mode", read_only ? "ro" : "");
		jsonw_bool(w, "RW", !read_only);
		jsonw_string(w, "Propagation", volume ? "" : "rprivate");
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void put_config(struct jsonw *w, const struct json *request, const struct json *summary)
{
	jsonw_object(w, "Config");
	jsonw_string(w, "Hostname", json_string(summary, "hostname", ""));
	jsonw_string(w, "Domainname", json_string(request, "domainname", ""));
	jsonw_string(w, "User", json_string(summary, "user", ""));
	jsonw_bool(w, "Tty", json_bool(request, "tty", false));
	jsonw_bool(w, "OpenStdin", json_bool(request, "stdin", false));
	put_strings(w, "Env", json_get(summary, "env"), 0);
	put_strings(w, "Cmd", json_get(summary, "argv"), 0);
	jsonw_string(w, "Image", json_string(request, "image", ""));
	jsonw_string(w, "WorkingDir", json_string(summary, "cwd", ""));
	if (*json_string(request, "stopSignal", ""))
		jsonw_string(w, "StopSignal", json_string(request, "stopSignal", ""));
	if (json_get(request, "stopTimeout"))
		jsonw_value(w, "StopTimeout", json_get(request, "stopTimeout"));
	if (json_get(summary, "labels"))
		jsonw_value(w, "Labels", json_get(summary, "labels"));
	jsonw_end_object(w);
}

/* What is left of a run that ended is shown as docker shows it: without addresses. */
static void put_networks(struct jsonw *w, const struct json *c, const struct json *networks)
{
	bool running = runs(c);
	const struct json *first = NULL;

	jsonw_object(w, "NetworkSettings");
	put_bindings(w, "Ports", json_get(c, "ports"));
	jsonw_object(w, "Networks");
	json_each(n, networks && networks->kind == JSON_ARRAY ? networks : NULL) {
		const char *id = running ? json_string(n, "networkId", "") : "";
		const char *name = json_string(n, "network", "");
		char endpoint[65] = "";

		/* Of its own for every container in every network. */
		if (*id)
			snprintf(endpoint, sizeof(endpoint), "%.32s%.32s", json_string(c, "id", ""), id);
		if (strcmp(name, "bridge") == 0)
			first = n;
		jsonw_object(w, name);
		put_strings(w, "Aliases", json_get(n, "aliases"), 0);
		jsonw_string(w, "NetworkID", id);
		jsonw_string(w, "EndpointID", endpoint);
		jsonw_string(w, "Gateway", running ? json_string(n, "gateway", "") : "");
		jsonw_string(w, "IPAddress", running ? json_string(n, "address", "") : "");
		jsonw_int(w, "IPPrefixLen", running ? json_whole(n, "prefix", 0) : 0);
		jsonw_string(w, "MacAddress", running ? json_string(n, "mac", "") : "");
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
	/* Docker's old place for those of the default network. */
	jsonw_string(w, "Gateway", running ? json_string(first, "gateway", "") : "");
	jsonw_string(w, "IPAddress", running ? json_string(first, "address", "") : "");
	jsonw_int(w, "IPPrefixLen", running ? json_whole(first, "prefix", 0) : 0);
	jsonw_string(w, "MacAddress", running ? json_string(first, "mac", "") : "");
	jsonw_end_object(w);
}

static void put_container(struct jsonw *w, const struct json *c, const struct json *request, const struct json *summary,
			  const struct json *networks, const struct json *health, const struct json *mounts)
{
	const struct json *argv = json_get(summary, "argv");
	char name[140];

	jsonw_object(w, NULL);
	jsonw_string(w, "Id", json_string(c, "id", ""));
	put_time(w, "Created", json_number(c, "created", 0));
	jsonw_string(w, "Path", argv && argv->length ? argv->first->string : "");
	put_strings(w, "Args", argv, 1);
	put_state(w, c, health);
	jsonw_string(w, "Image", json_string(c, "imageId", ""));
	snprintf(name, sizeof(name), "/%s", json_string(c, "name", ""));
	jsonw_string(w, "Name", name);
	jsonw_int(w, "RestartCount", json_whole(c, "restarts", 0));
	jsonw_string(w, "Driver", "overlay");
	jsonw_string(w, "Platform", "linux");
	put_host_config(w, request);
	put_mounts(w, mounts);
	put_config(w, request, summary);
	put_networks(w, c, networks);
	jsonw_end_object(w);
}

static int inspect_container(const char *name, struct jsonw *out, struct err *e)
{
	struct parts p = {0};
	struct client_answer answer = {keep, &p};
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "inspect");
	jsonw_string(&w, "container", name);
	jsonw_end_object(&w);
	int ret = client_ask(&w, &answer, e);

	if (ret >= 0 && p.container.data && p.request.data && p.summary.data) {
		struct json *container = json_parse(p.container.data, p.container.length, e);
		struct json *request = json_parse(p.request.data, p.request.length, e);
		struct json *summary = json_parse(p.summary.data, p.summary.length, e);

		struct json *networks = p.networks.data ? json_parse(p.networks.data, p.networks.length, NULL) : NULL;
		struct json *health = p.health.data ? json_parse(p.health.data, p.health.length, NULL) : NULL;
		struct json *mounts = p.mounts.data ? json_parse(p.mounts.data, p.mounts.length, NULL) : NULL;

		put_container(out, container, request, summary, networks, health, mounts);
		json_free(health);
		json_free(mounts);
		json_free(networks);
		json_free(container);
		json_free(request);
		json_free(summary);
	}
	jsonw_free(&p.container);
	jsonw_free(&p.request);
	jsonw_free(&p.summary);
	jsonw_free(&p.networks);
	jsonw_free(&p.health);
	jsonw_free(&p.mounts);
	return ret;
}

static int inspect_image(const char *name, struct jsonw *out, struct err *e)
{
	struct json *document = NULL;
	const struct json *image = cli_image_get("image.get", name, &document, e);
	char digest[400];

	if (!image)
		return -1;
	jsonw_object(out, NULL);
	jsonw_string(out, "Id", json_string(image, "id", ""));
	jsonw_value(out, "RepoTags", json_get(image, "refs"));
	jsonw_array(out, "RepoDigests");
	json_each(reference, json_get(image, "refs")) {
		const char *text = reference->string, *slash = strrchr(text, '/'), *colon = strrchr(slash ? slash : text, ':');

		snprintf(digest, sizeof(digest), "%.*s@%s", (int)(colon ? colon - text : 300), text,
			 json_string(image, "digest", ""));
		jsonw_string(out, NULL, digest);
	}
	jsonw_end_array(out);
	jsonw_string(out, "Created", json_string(image, "created", ""));
	jsonw_string(out, "Architecture", "386");
	jsonw_string(out, "Os", "linux");
	jsonw_int(out, "Size", json_whole(image, "size", 0));
	jsonw_value(out, "Config", json_get(image, "config"));
	jsonw_object(out, "RootFS");
	jsonw_string(out, "Type", "layers");
	jsonw_array(out, "Layers");
	json_each(layer, json_get(image, "layers"))
		jsonw_string(out, NULL, json_string(layer, "diffId", ""));
	jsonw_end_array(out);
	jsonw_end_object(out);
	jsonw_end_object(out);
	json_free(document);
	return 0;
}

/* In the order a bare name is looked for. */
static const struct {
	const char *type;
	int (*get)(const char *name, struct jsonw *out, struct err *e);
} kinds[] = {
	{"container", inspect_container},
	{"image", inspect_image},
	{"network", cli_network_get},
	{"volume", cli_volume_get},
};

/* What is found is printed, then what is not is told: as docker does with many names. */
int cli_inspect(const struct cli_command *c, struct arguments *a)
{
	/* "image inspect" knows its type. */
	const char *space = strchr(c->name, ' '), *type = flag_text(a, "type");
	size_t length = space ? (size_t)(space - c->name) : type ? strlen(type) : 0;
	struct jsonw out = {0}, errors = {0};
	bool known = !length;
	struct err e;

	type = space ? c->name : type;
	for (size_t k = 0; k < array_size(kinds) && !known; k++)
		known = strlen(kinds[k].type) == length && strncmp(type, kinds[k].type, length) == 0;
	if (flag_text(a, "format") && template_check(flag_text(a, "format"), &e) < 0) {
		cli_failed(&e);
		return 64; /* docker's */
	}
	if (!known) {
		err_set(&e, 1, "\"%.40s\" is not a valid value for --type", type);
		return cli_failed(&e);
	}
	jsonw_array(&out, NULL);
	for (size_t i = 0; i < a->rest_count; i++) {
		int ret = -1;

		for (size_t k = 0; k < array_size(kinds) && ret < 0; k++)
			if (!length || (strlen(kinds[k].type) == length && strncmp(type, kinds[k].type, length) == 0))
				ret = kinds[k].get(a->rest[i], &out, &e);
		if (ret >= 0)
			continue;
		if (!length)
			err_set(&e, 1, "Error: No such object: %s\n", a->rest[i]);
		else
			err_context(&e, "Error response from daemon");
		jsonw_text(&errors, e.msg, strlen(e.msg));
		if (length)
			jsonw_text(&errors, "\n", 1);
	}
	jsonw_end_array(&out);
	int code = cli_print_documents(&out, flag_text(a, "format"));

	fflush(stdout);
	if (errors.data)
		fputs(errors.data, stderr);
	code |= errors.data != NULL;
	jsonw_free(&errors);
	return code;
}

int cli_print_documents(struct jsonw *list, const char *format)
{
	struct err e;
	int worst = 0;
	struct json *all = list->failed ? NULL : json_parse(list->data, list->length, &e);
	bool lines = format && strcmp(format, "json") == 0;

	if (all && format && *format) {
		json_each(item, all)
			if (template_print(lines ? "{{json .}}" : format, item, &e) < 0)
				worst = cli_failed(&e);
	} else if (all) {
		json_print(all, 0);
		putchar('\n');
	}
	json_free(all);
	jsonw_free(list);
	return worst;
}
