/* network create, ls, inspect, rm, connect, disconnect; port. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "cli.h"
#include "client.h"
#include "filter.h"
#include "listing.h"
#include "publish.h"
#include "units.h"

const struct flag cli_network_create_flags[] = {
	{'d', "driver", FLAG_TEXT, "Driver to manage the Network (only \"bridge\")"},
	{0, "gateway", FLAG_TEXT, "IPv4 gateway of the subnet"},
	{0, "internal", FLAG_BOOL, "Restrict external access to the network"},
	{0, "label", FLAG_LIST, "Set metadata on a network"},
	{0, "subnet", FLAG_TEXT, "Subnet in CIDR format that represents a network segment"},
	{0},
};
const struct flag cli_network_list_flags[] = {
	{'f', "filter", FLAG_LIST, "Provide filter values (e.g. \"driver=bridge\")"},
	{0, "format", FLAG_TEXT, CLI_FORMAT_HELP},
	{0, "no-trunc", FLAG_BOOL, "Do not truncate the output"},
	{'q', "quiet", FLAG_BOOL, "Only display network IDs"},
	{0},
};
const struct flag cli_network_inspect_flags[] = {
	{'f', "format", FLAG_TEXT, "Format output using a template"},
	{0},
};
const struct flag cli_network_connect_flags[] = {
	{0, "alias", FLAG_LIST, "Add network-scoped alias for the container"},
	{0, "ip", FLAG_TEXT, "IPv4 address"},
	{0},
};
const struct flag cli_network_disconnect_flags[] = {{'f', "force", FLAG_BOOL, "Force the container to disconnect from a network"},
						    {0}};

static void put_list(struct jsonw *w, const struct arguments *a, const char *flag, const char *key)
{
	jsonw_array(w, key);
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i].flag->name, flag) == 0)
			jsonw_string(w, NULL, a->values[i].text);
	jsonw_end_array(w);
}

static void put_text(struct jsonw *w, const struct arguments *a, const char *flag)
{
	if (flag_text(a, flag))
		jsonw_string(w, flag, flag_text(a, flag));
}

static int print_id(const struct json *answer, void *context)
{
	(void)context;
	printf("%s\n", json_string(answer, "id", ""));
	return 0;
}

int cli_network_create(const struct cli_command *c, struct arguments *a)
{
	struct client_answer answer = {print_id, NULL};
	struct jsonw w = {0};
	struct err e;

	(void)c;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "network.create");
	jsonw_string(&w, "name", a->rest[0]);
	put_text(&w, a, "driver");
	put_text(&w, a, "subnet");
	put_text(&w, a, "gateway");
	jsonw_bool(&w, "internal", flag_on(a, "internal"));
	put_list(&w, a, "label", "labels");
	jsonw_end_object(&w);
	int code = client_ask(&w, &answer, &e);

	return code < 0 ? cli_daemon_error(&e) : code;
}

/* --- ls */

enum {
	NETWORK_CREATED_AT,
	NETWORK_DRIVER,
	NETWORK_ID,
	NETWORK_INTERNAL,
	NETWORK_LABELS,
	NETWORK_NAME,
	NETWORK_SCOPE,
	NETWORK_FIELDS,
};
static const struct field fields[] = {
	{"CreatedAt", "CREATED AT"}, {"Driver", "DRIVER"}, {"ID", "NETWORK ID"}, {"Internal", "INTERNAL"},
	{"Labels", "LABELS"},        {"Name", "NAME"},     {"Scope", "SCOPE"},   {0},
};

struct networks {
	const struct arguments *arguments;
	struct listing listing;
};

static bool wanted(const struct arguments *a, const struct json *n)
{
	const char *name = json_string(n, "name", "");
	bool builtin = strcmp(name, "bridge") == 0 || strcmp(name, "none") == 0;

	return filter_any(a, "driver", filter_equal, json_string(n, "driver", "")) &&
	       filter_any(a, "id", filter_begins, json_string(n, "id", "")) && filter_labels(a, json_get(n, "labels")) &&
	       filter_any(a, "name", filter_in_text, name) && filter_any(a, "scope", filter_equal, "local") &&
	       filter_any(a, "type", filter_equal, builtin ? "builtin" : "custom");
}

static int list_one(const struct json *answer, void *context)
{
	struct networks *l = context;
	const struct json *n = json_get(answer, "network");
	char id[80], created[48], labels[2048];

	if (!n || !wanted(l->arguments, n))
		return 0;
	snprintf(id, sizeof(id), flag_on(l->arguments, "no-trunc") ? "%s" : "%.12s", json_string(n, "id", ""));
	unit_date(created, sizeof(created), (int64_t)(json_number(n, "created", 0) / 1000));
	cli_labels(json_get(n, "labels"), labels, sizeof(labels));
	listing_row(&l->listing, (const char *[NETWORK_FIELDS]){
					 [NETWORK_CREATED_AT] = created,
					 [NETWORK_DRIVER] = json_string(n, "driver", ""),
					 [NETWORK_ID] = id,
					 [NETWORK_INTERNAL] = json_bool(n, "internal", false) ? "true" : "false",
					 [NETWORK_LABELS] = labels,
					 [NETWORK_NAME] = json_string(n, "name", ""),
					 [NETWORK_SCOPE] = "local",
				 });
	return 0;
}

int cli_network_list(const struct cli_command *c, struct arguments *a)
{
	static const char *const known[] = {"driver", "id", "label", "label!", "name", "scope", "type", NULL};
	struct networks l = {.arguments = a};
	struct client_answer answer = {list_one, &l};
	struct jsonw w = {0};
	struct err e;

	if (filters_check(a, known, &e) < 0)
		return e.code == 125 ? cli_usage_error(c, e.msg) : cli_daemon_error(&e);
	if (listing_begin(&l.listing, fields, flag_text(a, "format"), "table {{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}",
			  flag_on(a, "quiet") ? "ID" : NULL, &e) < 0)
		return cli_failed(&e);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "network.ls");
	jsonw_end_object(&w);
	int code = client_ask(&w, &answer, &e);

	return listing_end(&l.listing, code < 0 ? cli_daemon_error(&e) : code);
}

/* --- inspect */

struct inspection {
	struct jsonw *out;
	char prefix[8]; /* "/16" */
	bool begun;
};

static void put_head(struct jsonw *w, const struct json *n)
{
	char time[64];

	unit_time(time, sizeof(time), json_whole(n, "created", 0));
	jsonw_object(w, NULL);
	jsonw_string(w, "Name", json_string(n, "name", ""));
	jsonw_string(w, "Id", json_string(n, "id", ""));
	jsonw_string(w, "Created", time);
	jsonw_string(w, "Scope", "local");
	jsonw_string(w, "Driver", json_string(n, "driver", ""));
	jsonw_bool(w, "EnableIPv4", true);
	jsonw_bool(w, "EnableIPv6", false);
	jsonw_object(w, "IPAM");
	jsonw_string(w, "Driver", "default");
	jsonw_array(w, "Config");
	if (json_get(n, "subnet")) {
		jsonw_object(w, NULL);
		jsonw_string(w, "Subnet", json_string(n, "subnet", ""));
		jsonw_string(w, "Gateway", json_string(n, "gateway", ""));
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
	jsonw_bool(w, "Internal", json_bool(n, "internal", false));
	jsonw_bool(w, "Attachable", false);
	jsonw_bool(w, "Ingress", false);
	jsonw_object(w, "Options");
	if (json_get(n, "bridge"))
		jsonw_string(w, "com.docker.network.bridge.name", json_string(n, "bridge", ""));
	jsonw_end_object(w);
	jsonw_value(w, "Labels", json_get(n, "labels"));
	jsonw_object(w, "Containers");
}

static int inspect_part(const struct json *answer, void *context)
{
	struct inspection *i = context;
	const struct json *n = json_get(answer, "network");

	if (n && !i->begun) {
		snprintf(i->prefix, sizeof(i->prefix), "%s", strchr(json_string(n, "subnet", "/"), '/'));
		put_head(i->out, n);
		i->begun = true;
		return 0;
	}
	char address[32];

	json_each(endpoint, i->begun ? json_get(answer, "endpoints") : NULL) {
		jsonw_object(i->out, json_string(endpoint, "container", ""));
		jsonw_string(i->out, "Name", json_string(endpoint, "name", ""));
		jsonw_string(i->out, "MacAddress", json_string(endpoint, "mac", ""));
		snprintf(address, sizeof(address), "%.16s%s", json_string(endpoint, "address", ""), i->prefix);
		jsonw_string(i->out, "IPv4Address", address);
		jsonw_string(i->out, "IPv6Address", "");
		jsonw_end_object(i->out);
	}
	return 0;
}

int cli_network_get(const char *name, struct jsonw *out, struct err *e)
{
	struct inspection inspection = {.out = out};
	struct client_answer answer = {inspect_part, &inspection};
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "network.inspect");
	jsonw_string(&w, "network", name);
	jsonw_end_object(&w);
	int code = client_ask(&w, &answer, e);

	if (inspection.begun) {
		jsonw_end_object(out);
		jsonw_end_object(out);
	}
	return code;
}

int cli_network_inspect(const struct cli_command *c, struct arguments *a)
{
	const char *format = flag_text(a, "format");
	struct jsonw out = {0};
	struct err e;
	int worst = 0;

	(void)c;
	jsonw_array(&out, NULL);
	for (size_t i = 0; i < a->rest_count; i++)
		if (cli_network_get(a->rest[i], &out, &e) < 0)
			worst = cli_daemon_error(&e);
	jsonw_end_array(&out);
	if (cli_print_documents(&out, format) != 0)
		worst = 1;
	return worst;
}

/* --- rm, connect, disconnect */

int cli_network_remove(const struct cli_command *c, struct arguments *a)
{
	int worst = 0;

	(void)c;
	for (size_t i = 0; i < a->rest_count; i++) {
		struct jsonw w = {0};
		struct err e;

		jsonw_object(&w, NULL);
		jsonw_string(&w, "cmd", "network.rm");
		jsonw_string(&w, "network", a->rest[i]);
		jsonw_end_object(&w);
		if (client_ask(&w, NULL, &e) < 0)
			worst = cli_daemon_error(&e);
		else
			printf("%s\n", a->rest[i]);
		fflush(stdout);
	}
	return worst;
}

int cli_network_change(const struct cli_command *c, struct arguments *a)
{
	bool connect = strcmp(c->name, "network connect") == 0;
	struct jsonw w = {0};
	struct err e;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", connect ? "network.connect" : "network.disconnect");
	jsonw_string(&w, "network", a->rest[0]);
	jsonw_string(&w, "container", a->rest[1]);
	if (connect) {
		put_text(&w, a, "ip");
		put_list(&w, a, "alias", "aliases");
	}
	jsonw_end_object(&w);
	int code = client_ask(&w, NULL, &e);

	return code < 0 ? cli_daemon_error(&e) : code;
}

/* --- port */

struct ports {
	const char *wanted; /* "80/tcp"; NULL: all */
	unsigned found;
};

static int print_ports(const struct json *answer, void *context)
{
	struct ports *p = context;

	json_each(item, json_get(json_get(answer, "container"), "ports")) {
		const char *text = item->kind == JSON_STRING ? item->string : "", *last = strrchr(text, ':');

		if (!last || (p->wanted && strcmp(p->wanted, last + 1) != 0))
			continue;
		p->found++;
		if (p->wanted)
			printf("%.*s\n", (int)(last - text), text);
		else
			printf("%s -> %.*s\n", last + 1, (int)(last - text), text);
	}
	return 0;
}

int cli_port(const struct cli_command *c, struct arguments *a)
{
	char wanted[32];
	struct ports ports = {0};
	struct client_answer answer = {print_ports, &ports};
	struct jsonw w = {0};
	struct err e;

	(void)c;
	if (a->rest_count > 1) {
		uint16_t number;
		uint8_t protocol;

		if (port_exposed(a->rest[1], &number, &protocol, &e) < 0)
			return cli_daemon_error(&e);
		snprintf(wanted, sizeof(wanted), "%u/%s", number, protocol == 17 ? "udp" : "tcp");
		ports.wanted = wanted;
	}
	jsonw_object(&w, NULL);
	jsonw_string(&w, "cmd", "inspect");
	jsonw_string(&w, "container", a->rest[0]);
	jsonw_end_object(&w);
	int code = client_ask(&w, &answer, &e);

	if (code < 0)
		return cli_daemon_error(&e);
	if (ports.wanted && !ports.found) {
		fprintf(stderr, "Error: No public port '%s' published for %s\n", wanted, a->rest[0]);
		return 1;
	}
	return 0;
}
