#include "attachment.h"
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include "container.h"
#include "dns.h"
#include "endpoint.h"
#include "etc.h"
#include "io.h"
#include "netlink.h"
#include "nft_source.h"

enum { FIRST_INDEX = 2 }; /* of devices in a new network namespace: 1 is lo */

/* --- the list */

int attachments_find(const struct attachments *a, const char *network)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->list[i].name, network) == 0)
			return (int)i;
	return -1;
}

bool attachments_named(const struct attachments *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->list[i].name, NETWORK_DEFAULT) != 0)
			return true;
	return false;
}

int attachments_add(struct attachments *a, const char *container, const struct json *request, struct err *e)
{
	const char *name = network_canonical(json_string(request, "network", "")), *ip = json_string(request, "ip", "");
	const struct json *aliases = json_get(request, "aliases");
	struct attachment new = {0};
	struct jsonw w = {0};
	bool named = strcmp(name, NETWORK_DEFAULT) != 0;

	if (!spec_name_ok(name))
		return err_set(e, 125, "network %.128s not found", name);
	if (attachments_find(a, name) >= 0)
		return err_set(e, 125, "endpoint with name %s already exists in network %s", container, name);
	if (a->count == ATTACHMENTS_MAX)
		return err_set(e, 125, "a container can be in %d networks", ATTACHMENTS_MAX);
	if (*ip && !named)
		return err_set(
			e, 125,
			"invalid config for network bridge: invalid endpoint settings: user specified IP address is supported "
			"on user defined networks only");
	if (*ip && !network_address(ip, &new.wanted))
		return err_set(e, 125, "invalid IPv4 address: %.40s", ip);
	if (aliases && aliases->kind == JSON_ARRAY && aliases->length) {
		if (!named)
			return err_set(e, 125,
				       "invalid config for network bridge: invalid endpoint settings: network-scoped alias is "
				       "supported only for containers in user defined networks");
		jsonw_array(&w, NULL);
		json_each(alias, aliases) {
			if (alias->kind != JSON_STRING || !spec_name_ok(alias->string) || w.length > 8192) {
				jsonw_free(&w);
				return err_set(e, 125, "invalid network alias: \"%.64s\"",
					       alias->kind == JSON_STRING ? alias->string : "");
			}
			jsonw_string(&w, NULL, alias->string);
		}
		jsonw_end_array(&w);
		if (w.failed)
			return err_set(e, 125, "out of memory");
		new.aliases = w.data;
	}
	snprintf(new.name, sizeof(new.name), "%s", name);
	a->list[a->count++] = new;
	return 0;
}

void attachments_drop(struct attachments *a, size_t index)
{
	free(a->list[index].aliases);
	memmove(&a->list[index], &a->list[index + 1], (a->count - index - 1) * sizeof(*a->list));
	a->count--;
}

void attachments_free(struct attachments *a)
{
	while (a->count)
		attachments_drop(a, a->count - 1);
}

int attachments_of(struct container *c, const struct json *networks, struct err *e)
{
	struct attachments *a = &c->networks;

	/* Not the lists: each page touched is one more a container costs. */
	a->count = a->port_count = 0;
	a->published = 0;
	a->dns = -1;
	if ((c->spec.sharing.host | c->spec.sharing.joined) & CLONE_NEWNET)
		return 0;
	if (networks && networks->kind == JSON_ARRAY) {
		json_each(item, networks)
			if (attachments_add(a, c->name, item, e) < 0)
				return -1;
		return 0;
	}
	return strcmp(c->spec.network, NETWORK_NONE) == 0 ? 0 : attachments_add(a, c->name, c->request, e);
}

static void put_mac(struct jsonw *w, uint32_t address)
{
	char text[20];
	uint8_t mac[6];

	endpoint_mac(address, mac);
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
	jsonw_string(w, "mac", text);
}

void attachments_put(struct jsonw *w, const char *key, const struct attachments *a, bool live)
{
	char text[16];

	jsonw_array(w, key);
	for (size_t i = 0; i < a->count; i++) {
		const struct attachment *at = &a->list[i];

		jsonw_object(w, NULL);
		jsonw_string(w, "network", at->name);
		if (at->wanted)
			jsonw_string(w, "ip", network_text(at->wanted, text));
		if (at->aliases)
			jsonw_raw(w, "aliases", at->aliases);
		if (live) {
			jsonw_string(w, "networkId", at->network.id);
			jsonw_string(w, "address", network_text(at->address, text));
			jsonw_string(w, "gateway", at->network.internal ? "" : network_text(at->network.gateway, text));
			jsonw_int(w, "prefix", at->network.prefix);
			put_mac(w, at->address);
		}
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
}

static void put_ports(struct jsonw *w, const char *key, const struct attachments *a)
{
	char text[PORT_TEXT_MAX];

	jsonw_array(w, key);
	for (size_t i = 0; i < a->port_count; i++)
		jsonw_string(w, NULL, port_text(&a->ports[i], text));
	jsonw_end_array(w);
}

void attachments_put_ports(struct jsonw *w, const char *key, const struct attachments *a)
{
	if (a->published)
		put_ports(w, key, a);
}

/* --- before the container is made */

static int add_port(struct attachments *a, const struct port *port, struct err *e)
{
	if (a->port_count == PORTS_MAX)
		return err_set(e, 125, "a container can publish %d ports", PORTS_MAX);
	a->ports[a->port_count++] = *port;
	return 0;
}

static int list_ports(struct container *c, struct err *e)
{
	struct attachments *a = &c->networks;
	struct port port;

	a->port_count = 0;
	json_each(text, c->spec.ports)
		if (port_parse(text->string, &port, e) < 0 || add_port(a, &port, e) < 0)
			return -1;
	const struct json *exposed = c->spec.publish_all ? json_get(c->image.config, "ExposedPorts") : NULL;

	json_each(item, exposed && exposed->kind == JSON_OBJECT ? exposed : NULL) {
		bool there = false;

		port = (struct port){.socket = -1};
		if (port_exposed(item->key, &port.to_port, &port.protocol, e) < 0)
			return -1;
		for (size_t i = 0; i < a->port_count; i++)
			there |= a->ports[i].to_port == port.to_port && a->ports[i].protocol == port.protocol;
		if (!there && add_port(a, &port, e) < 0)
			return -1;
	}
	return 0;
}

/* Address, device names and endpoint file. */
static int take(struct container *c, struct attachment *at, bool with_ports, struct err *e)
{
	struct jsonw w = {0};
	unsigned tail;

	if (network_load(at->name, &at->network, e) < 0)
		return -1;
	/* A new one each time: what has the last one's name may be still on its way out. */
	if (getrandom(&tail, sizeof(tail), 0) != sizeof(tail))
		return err_errno(e, 125, "random name");
	snprintf(at->outer, sizeof(at->outer), "veth%07x", tail & 0xfffffff);
	_cleanup_fd_ int fd = endpoint_take(&at->network, at->wanted, &at->address, e);

	if (fd < 0) {
		at->address = 0;
		return -1;
	}
	if (nft_own(at->address, at->network.gateway, e) < 0)
		return -1;
	jsonw_object(&w, NULL);
	jsonw_string(&w, "container", c->id);
	jsonw_string(&w, "name", c->name);
	if (at->aliases)
		jsonw_raw(&w, "aliases", at->aliases);
	jsonw_string(&w, "interface", at->outer);
	put_mac(&w, at->address);
	/* For who takes it down when the monitor is gone. */
	if (with_ports)
		put_ports(&w, "ports", &c->networks);
	jsonw_end_object(&w);
	int ret = w.failed                              ? err_set(e, 125, "out of memory")
		  : write_all(fd, w.data, w.length) < 0 ? err_errno(e, 125, "write an endpoint")
							: 0;

	jsonw_free(&w);
	return ret;
}

void attachments_rename(const struct container *c)
{
	for (size_t i = 0; i < c->networks.count; i++)
		if (c->networks.list[i].address)
			endpoint_rename(c->networks.list[i].name, c->networks.list[i].address, c->name);
}

static void give_back(struct attachment *at)
{
	if (at->address)
		endpoint_release(at->name, at->address);
	at->address = 0;
}

static int publish(struct container *c, uint32_t address, struct err *e)
{
	struct attachments *a = &c->networks;

	if (!a->port_count || !address)
		return 0;
	if (ports_publish(a->ports, a->port_count, address, c->name, e) < 0)
		return -1;
	a->published = address;
	return 0;
}

static void unpublish(struct attachments *a)
{
	if (a->published)
		ports_unpublish(a->ports, a->port_count, a->published);
	a->published = 0;
}

int attachments_take(struct container *c, struct err *e)
{
	struct attachments *a = &c->networks;

	if (a->count && (list_ports(c, e) < 0 || ports_take(a->ports, a->port_count, c->name, e) < 0))
		return -1;
	for (size_t i = 0; i < a->count; i++) {
		snprintf(a->list[i].inner, sizeof(a->list[i].inner), "eth%zu", i);
		if (take(c, &a->list[i], i == 0, e) < 0)
			return -1;
	}
	return a->count && publish(c, a->list[0].address, e) < 0 ? -1 : etc_write(c, false, e);
}

int attachments_give_back(struct container *c)
{
	struct attachments *a = &c->networks;

	unpublish(a);
	ports_give_back(a->ports, a->port_count);
	close_fd(&a->dns);
	for (size_t i = 0; i < a->count; i++)
		give_back(&a->list[i]);
	return 0;
}

/* --- devices */

static int link_one(int netlink, const struct container *c, struct attachment *at, struct err *e)
{
	uint8_t mac[6];

	endpoint_mac(at->address, mac);
	for (int tries = 0;; tries++) {
		if (!at->network.index && network_up(&at->network, e) < 0)
			return -1;
		if (netlink_veth(netlink, at->outer, at->network.index, at->address, c->pid, at->inner, mac, e) == 0)
			return 0;
		/* Somebody took the bridge away. */
		if (tries || !e || (e->sys != EINVAL && e->sys != ENODEV))
			return -1;
		at->network.index = 0;
	}
}

static int serve_names(struct container *c, struct err *e)
{
	struct attachments *a = &c->networks;

	if (a->dns < 0 && attachments_named(a))
		a->dns = dns_socket(c->pidfd, e);
	return a->dns < 0 && attachments_named(a) ? -1 : 0;
}

int attachments_link(struct container *c, struct err *e)
{
	struct attachments *a = &c->networks;

	if (!a->count)
		return 0;
	_cleanup_fd_ int netlink = netlink_open(e);

	if (netlink < 0)
		return -1;
	for (size_t i = 0; i < a->count; i++)
		if (link_one(netlink, c, &a->list[i], e) < 0)
			return err_context(e, "network %s", a->list[i].name);
	return serve_names(c, e);
}

/* The first that leads out of its subnet; -1: none does. */
static int default_one(const struct attachments *a)
{
	for (size_t i = 0; i < a->count; i++)
		if (!a->list[i].network.internal)
			return (int)i;
	return -1;
}

static struct nic nic_of(const struct attachments *a, size_t i)
{
	const struct attachment *at = &a->list[i];
	struct nic nic = {.address = at->address,
			  .prefix = at->network.prefix,
			  .gateway = default_one(a) == (int)i ? at->network.gateway : 0};

	memcpy(nic.name, at->inner, sizeof(nic.name));
	return nic;
}

int attachments_configure(const struct container *c, struct err *e)
{
	const struct attachments *a = &c->networks;
	struct nic nics[ATTACHMENTS_MAX];
	_cleanup_fd_ int netlink = netlink_open(e);

	for (size_t i = 0; i < a->count; i++) {
		nics[i] = nic_of(a, i);
		nics[i].index = FIRST_INDEX + (unsigned)i;
	}
	if (netlink < 0)
		return -1;
	if (netlink_configure(netlink, true, nics, a->count, e) == 0)
		return 0;
	/* Other numbers, when a device was made twice (link_one). */
	if (e->sys != ENODEV)
		return -1;
	for (size_t i = 0; i < a->count; i++)
		nics[i].index = 0;
	*e = (struct err){0};
	return netlink_configure(netlink, true, nics, a->count, e);
}

/* --- while it runs */

static void choose_inner(struct attachments *a, struct attachment *at)
{
	for (unsigned number = 0;; number++) {
		bool used = false;

		snprintf(at->inner, sizeof(at->inner), "eth%u", number);
		for (size_t i = 0; i < a->count; i++)
			used |= &a->list[i] != at && strcmp(a->list[i].inner, at->inner) == 0;
		if (!used)
			return;
	}
}

static int join(struct container *c, size_t index, struct err *e)
{
	struct attachments *a = &c->networks;
	struct attachment *at = &a->list[index];
	_cleanup_fd_ int outside = netlink_open(e), inside = outside < 0 ? -1 : netlink_open_in(c->pidfd, e);

	if (inside < 0 || take(c, at, !a->published, e) < 0)
		return -1;
	choose_inner(a, at);
	if (link_one(outside, c, at, e) < 0)
		return -1;
	const struct nic nic = nic_of(a, index);

	if (netlink_configure(inside, false, &nic, 1, e) < 0 || serve_names(c, e) < 0 ||
	    (!a->published && publish(c, at->address, e) < 0)) {
		netlink_remove(outside, at->outer, NULL);
		return -1;
	}
	return 0;
}

int attachments_connect(struct container *c, const struct json *request, struct err *e)
{
	struct attachments *a = &c->networks;
	size_t index = a->count;

	if (attachments_add(a, c->name, request, e) < 0)
		return -1;
	if (join(c, index, e) < 0) {
		give_back(&a->list[index]);
		attachments_drop(a, index);
		if (!attachments_named(a))
			close_fd(&a->dns);
		return -1;
	}
	return etc_write(c, true, e);
}

int attachments_disconnect(struct container *c, const struct json *request, struct err *e)
{
	struct attachments *a = &c->networks;
	const char *name = network_canonical(json_string(request, "network", ""));
	int index = attachments_find(a, name), way = default_one(a);

	if (index < 0)
		return err_set(e, 1, "container %s is not connected to network %.128s", c->id, name);
	struct attachment *at = &a->list[index];
	_cleanup_fd_ int outside = netlink_open(e);

	if (outside < 0)
		return -1;
	if (a->published == at->address)
		unpublish(a);
	if (netlink_remove(outside, at->outer, e) < 0)
		return -1;
	give_back(at);
	attachments_drop(a, (size_t)index);
	if (!attachments_named(a))
		close_fd(&a->dns);
	/* What went through it goes through the next. */
	int next = default_one(a);

	if (way == index && next >= 0) {
		_cleanup_fd_ int inside = netlink_open_in(c->pidfd, e);

		if (inside < 0 || netlink_route(inside, a->list[next].inner, a->list[next].network.gateway, e) < 0)
			return -1;
	}
	if (a->count && !a->published && publish(c, a->list[0].address, e) < 0)
		return -1;
	return etc_write(c, true, e);
}

static size_t lookup(void *context, const char *name, uint32_t *addresses, size_t max)
{
	const struct attachments *a = context;
	size_t count = 0;

	for (size_t i = 0; i < a->count && count < max; i++) {
		const char *network = a->list[i].name, *dot = strrchr(name, '.');
		char first[DNS_NAME_MAX + 1];

		if (strcmp(network, NETWORK_DEFAULT) == 0)
			continue;
		count += endpoint_lookup(network, name, addresses + count, max - count);
		/* "web.network" */
		if (count || !dot || strcasecmp(dot + 1, network) != 0)
			continue;
		snprintf(first, sizeof(first), "%.*s", (int)(dot - name), name);
		count += endpoint_lookup(network, first, addresses + count, max - count);
	}
	return count;
}

void attachments_serve(struct container *c)
{
	dns_serve(c->networks.dns, lookup, &c->networks);
}
