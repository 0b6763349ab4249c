#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "endpoint.h"
#include "io.h"
#include "netlink.h"
#include "network.h"
#include "nft.h"
#include "nft_isolate.h"
#include "nft_source.h"
#include "spec.h"
#include "table.h"

#define DEFAULT_BRIDGE "nest0"
/* Being taken down: no name of a network starts so. */
#define REMOVED NETWORKS "/.removed"

enum { LEVELS_APART = 14, BLOCK = 16, FIRST_BLOCK = 17 };

static struct network default_network;

bool network_address(const char *text, uint32_t *address)
{
	return inet_pton(AF_INET, text, address) == 1;
}

bool network_subnet(const char *text, uint32_t *subnet, unsigned *prefix)
{
	char address[20];
	size_t length = strcspn(text, "/");
	char *end;

	if (!text[length] || length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = 0;
	unsigned long bits = strtoul(text + length + 1, &end, 10);

	if (text[length + 1] < '0' || text[length + 1] > '9' || *end || bits < 1 || bits > 32 ||
	    !network_address(address, subnet))
		return false;
	*prefix = (unsigned)bits;
	*subnet &= htonl(UINT32_MAX << (32 - bits));
	return true;
}

const char *network_text(uint32_t address, char text[16])
{
	return inet_ntop(AF_INET, &address, text, 16);
}

const char *network_canonical(const char *name)
{
	return !*name || strcmp(name, "default") == 0 ? NETWORK_DEFAULT : name;
}

struct json *network_document(const char *name)
{
	char path[200];
	size_t length;

	if (!spec_name_ok(name))
		return NULL;
	snprintf(path, sizeof(path), NETWORKS "/%s/network.json", name);
	_cleanup_free_ char *text = read_file(path, NETWORK_TEXT_MAX, &length, NULL);

	return text ? json_parse(text, length, NULL) : NULL;
}

static int read_network(const char *name, struct network *n, struct err *e)
{
	struct json *document = network_document(name);

	*n = (struct network){0};
	if (!document)
		return err_set(e, 125, "network %.128s not found", name);
	snprintf(n->id, sizeof(n->id), "%s", json_string(document, "id", ""));
	snprintf(n->name, sizeof(n->name), "%s", name);
	snprintf(n->bridge, sizeof(n->bridge), "%s", json_string(document, "bridge", ""));
	n->internal = json_bool(document, "internal", false);
	bool good = network_subnet(json_string(document, "subnet", ""), &n->subnet, &n->prefix) &&
		    network_address(json_string(document, "gateway", ""), &n->gateway);

	json_free(document);
	return good ? 0 : err_set(e, 125, NETWORKS "/%.128s/network.json makes no sense", name);
}

/* --- the bridge */

/* Where sysctls can be written: inside a container /proc/sys is read-only, but the uncovered instance is not. */
static int set_sysctl(const char *name, struct err *e)
{
	char path[128];
	struct level level;

	if (level_load(&level, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/sys/net/%s", level.number ? "/dev/.nest/proc" : "/proc", name);
	return write_file(path, "1", e);
}

static int make_bridge(int netlink, struct network *n, struct err *e)
{
	uint8_t mac[6];
	char name[64], filter[64];

	endpoint_mac(n->gateway, mac);
	/* New devices of the level have no IPv6: nothing here speaks it, and it makes each start some milliseconds longer. */
	if (set_sysctl("ipv6/conf/default/disable_ipv6", e) < 0 || nft_prepare(e) < 0 || nft_isolate(e) < 0)
		return -1;
	n->index =
		netlink_bridge(netlink, n->bridge, mac, n->gateway, n->prefix, n->internal ? GROUP_INTERNAL : GROUP_BRIDGES, e);
	if (!n->index)
		return -1;
	snprintf(name, sizeof(name), "ipv4/conf/%s/route_localnet", n->bridge);
	/* What claims to come from elsewhere than the bridge's subnet goes nowhere (nft_source.c looks after those in it). */
	snprintf(filter, sizeof(filter), "ipv4/conf/%s/rp_filter", n->bridge);
	if (set_sysctl("ipv4/ip_forward", e) < 0 || set_sysctl(name, e) < 0 || set_sysctl(filter, e) < 0 ||
	    (!n->internal && nft_masquerade(n->subnet, n->prefix, n->bridge, e) < 0)) {
		netlink_remove(netlink, n->bridge, NULL);
		n->index = 0;
		return -1;
	}
	return 0;
}

int network_up(struct network *n, struct err *e)
{
	_cleanup_fd_ int netlink = netlink_open(e);

	if (netlink < 0)
		return -1;
	n->index = netlink_index(netlink, n->bridge);
	return n->index ? 0 : make_bridge(netlink, n, e);
}

/* --- making */

static int write_network(const struct network *n, const struct json *labels, struct err *e)
{
	struct jsonw w = {0};
	char path[200], address[16], subnet[32];

	snprintf(subnet, sizeof(subnet), "%s/%u", network_text(n->subnet, address), n->prefix);
	jsonw_object(&w, NULL);
	jsonw_string(&w, "id", n->id);
	jsonw_string(&w, "name", n->name);
	jsonw_string(&w, "driver", "bridge");
	jsonw_string(&w, "subnet", subnet);
	jsonw_string(&w, "gateway", network_text(n->gateway, address));
	jsonw_string(&w, "bridge", n->bridge);
	jsonw_int(&w, "created", unix_ms());
	jsonw_bool(&w, "internal", n->internal);
	jsonw_object(&w, "labels");
	json_each(label, labels) {
		size_t length = strcspn(label->string, "=");
		_cleanup_free_ char *key = strndup(label->string, length);

		if (key && *key)
			jsonw_string(&w, key, label->string[length] ? label->string + length + 1 : "");
	}
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	snprintf(path, sizeof(path), NETWORKS "/%s/network.json", n->name);
	int ret = w.failed || w.length > NETWORK_TEXT_MAX ? err_set(e, 125, "the labels of network %s are too long", n->name)
							  : replace_file_at(AT_FDCWD, path, w.data, w.length, 0600, e);

	jsonw_free(&w);
	return ret;
}

static int make(struct network *n, const struct json *labels, struct err *e)
{
	char path[200];

	snprintf(path, sizeof(path), NETWORKS "/%s", n->name);
	if (mkdir(NETWORKS, 0711) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make " NETWORKS);
	/* One without a network.json is left over from a making that was cut short. */
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, 125, "make %s", path);
	if (network_up(n, e) < 0 || write_network(n, labels, e) < 0) {
		rmdir(path);
		return -1;
	}
	return 0;
}

static uint32_t block_of(int level)
{
	return FIRST_BLOCK + BLOCK * (uint32_t)(level % LEVELS_APART);
}

int network_default(struct err *e)
{
	struct network n;
	struct level level;

	if (*default_network.name)
		return 0;
	if (read_network(NETWORK_DEFAULT, &n, NULL) == 0) {
		if (network_up(&n, e) < 0)
			return -1;
	} else {
		n = (struct network){.name = NETWORK_DEFAULT, .bridge = DEFAULT_BRIDGE, .prefix = 16};
		if (level_load(&level, e) < 0 || random_hex(n.id, e) < 0)
			return -1;
		n.subnet = htonl(172u << 24 | block_of(level.number) << 16);
		n.gateway = n.subnet | htonl(1);
		if (make(&n, NULL, e) < 0)
			return err_context(e, "make the default network");
	}
	default_network = n;
	return 0;
}

int network_load(const char *name, struct network *n, struct err *e)
{
	if (strcmp(name, NETWORK_DEFAULT) == 0) {
		if (network_default(e) < 0)
			return -1;
		*n = default_network;
		return 0;
	}
	return read_network(name, n, e);
}

/* --- all of them */

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

size_t network_list(char names[NETWORK_LIMIT][129])
{
	DIR *list = opendir(NETWORKS);
	struct dirent *file;
	size_t count = 0;

	while (list && count < NETWORK_LIMIT && (file = readdir(list)))
		if (spec_name_ok(file->d_name))
			snprintf(names[count++], 129, "%.128s", file->d_name);
	if (list)
		closedir(list);
	qsort(names, count, 129, by_name);
	return count;
}

int network_find(const char *reference, char name[129], struct err *e)
{
	static char names[NETWORK_LIMIT][129];
	size_t count, length = strlen(reference), found = 0;
	struct network n;

	if (network_default(e) < 0)
		return -1;
	snprintf(name, 129, "%.128s", reference);
	if (strcmp(reference, NETWORK_NONE) == 0 || (spec_name_ok(reference) && read_network(reference, &n, NULL) == 0))
		return 0;
	count = length ? network_list(names) : 0;
	for (size_t i = 0; i < count; i++) {
		if (read_network(names[i], &n, NULL) < 0 || strncmp(n.id, reference, length) != 0)
			continue;
		snprintf(name, 129, "%s", names[i]);
		found++;
	}
	if (found > 1)
		return err_set(e, 1, "network %.64s is ambiguous (%zu matches found based on ID prefix)", reference, found);
	return found ? 0 : err_set(e, 1, "network %.128s not found", reference);
}

static bool overlap(uint32_t a, unsigned a_prefix, uint32_t b, unsigned b_prefix)
{
	uint32_t mask = htonl(UINT32_MAX << (32 - (a_prefix < b_prefix ? a_prefix : b_prefix)));

	return ((a ^ b) & mask) == 0;
}

/* By another network, or by what the level itself is connected to. */
static bool taken(uint32_t subnet, unsigned prefix)
{
	static char names[NETWORK_LIMIT][129];
	size_t count = network_list(names);
	static struct ifreq devices[2 * NETWORK_LIMIT];
	struct ifconf list = {.ifc_len = sizeof(devices), .ifc_req = devices};
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct network n;
	bool found = false;

	for (size_t i = 0; i < count && !found; i++)
		found = read_network(names[i], &n, NULL) == 0 && overlap(subnet, prefix, n.subnet, n.prefix);
	if (fd < 0 || ioctl(fd, SIOCGIFCONF, &list) < 0)
		return found;
	for (struct ifreq *at = devices; (char *)at < (char *)devices + list.ifc_len && !found; at++) {
		uint32_t address = ((struct sockaddr_in *)(void *)&at->ifr_addr)->sin_addr.s_addr;

		if (ioctl(fd, SIOCGIFNETMASK, at) < 0)
			continue;
		uint32_t mask = ((struct sockaddr_in *)(void *)&at->ifr_netmask)->sin_addr.s_addr;

		found = overlap(subnet, prefix, address, (unsigned)__builtin_popcount(mask));
	}
	return found;
}

/* The next free one of the level's: fifteen of 65536 addresses, then smaller ones. */
static int free_subnet(uint32_t *subnet, unsigned *prefix, struct err *e)
{
	struct level level;

	if (level_load(&level, e) < 0)
		return -1;
	*prefix = 16;
	for (uint32_t i = 1; i < BLOCK; i++) {
		*subnet = htonl(172u << 24 | (block_of(level.number) + i) << 16);
		if (!taken(*subnet, *prefix))
			return 0;
	}
	*prefix = 24;
	for (uint32_t i = 0; i < 256; i++) {
		*subnet = htonl(10u << 24 | (uint32_t)level.number << 16 | i << 8);
		if (!taken(*subnet, *prefix))
			return 0;
	}
	return err_set(e, 1, "all predefined address pools have been fully subnetted");
}

int network_create(const struct network_wish *wish, struct network *n, struct err *e)
{
	static char names[NETWORK_LIMIT][129];
	struct json *there;

	*n = (struct network){.internal = wish->internal};
	if (!spec_name_ok(wish->name))
		return err_set(e, 1, "invalid network name \"%.140s\": only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", wish->name);
	if (strcmp(wish->name, NETWORK_DEFAULT) == 0 || strcmp(wish->name, NETWORK_NONE) == 0 ||
	    strcmp(wish->name, "host") == 0 || strcmp(wish->name, "default") == 0)
		return err_set(e, 1, "operation is not permitted on predefined %s network", wish->name);
	if ((there = network_document(wish->name))) {
		json_free(there);
		return err_set(e, 1, "network with name %s already exists", wish->name);
	}
	if (network_list(names) >= NETWORK_LIMIT)
		return err_set(e, 1, "there are %d networks already; remove some", NETWORK_LIMIT);
	if (!*wish->subnet) {
		if (*wish->gateway)
			return err_set(e, 1, "no matching subnet for gateway %.40s", wish->gateway);
		if (free_subnet(&n->subnet, &n->prefix, e) < 0)
			return -1;
	} else if (!network_subnet(wish->subnet, &n->subnet, &n->prefix)) {
		return err_set(e, 1, "invalid subnet %.40s: an IPv4 subnet like 172.28.0.0/16 is wanted", wish->subnet);
	} else if (n->prefix < 8 || n->prefix > 30 || (ntohl(n->subnet) >> 24) == 127 || (ntohl(n->subnet) >> 28) >= 14 ||
		   !(ntohl(n->subnet) >> 24)) {
		return err_set(e, 1, "invalid subnet %.40s: unicast addresses with a prefix of 8 to 30 bits are possible",
			       wish->subnet);
	} else if (taken(n->subnet, n->prefix)) {
		return err_set(e, 1, "invalid pool request: Pool overlaps with other one on this address space");
	}
	if (!*wish->gateway)
		n->gateway = n->subnet | htonl(1);
	else if (!network_address(wish->gateway, &n->gateway) || !endpoint_possible(n, n->gateway))
		return err_set(e, 1, "no matching subnet for gateway %.40s", wish->gateway);
	if (random_hex(n->id, e) < 0)
		return -1;
	snprintf(n->name, sizeof(n->name), "%s", wish->name);
	snprintf(n->bridge, sizeof(n->bridge), "br-%.12s", n->id);
	return make(n, wish->labels, e);
}

int network_remove(const char *name, struct err *e)
{
	char path[200], users[300];
	struct network n;

	if (strcmp(name, NETWORK_DEFAULT) == 0 || strcmp(name, NETWORK_NONE) == 0)
		return err_set(e, 1, "%s is a pre-defined network and cannot be removed", name);
	if (read_network(name, &n, e) < 0)
		return -1;
	/* Out of reach first, so that no container gets an address in it meanwhile. */
	snprintf(path, sizeof(path), NETWORKS "/%s", name);
	if (rename(path, REMOVED) < 0)
		return err_errno(e, 1, "remove network %s", name);
	if (endpoint_users(".removed", users, sizeof(users))) {
		if (rename(REMOVED, path) < 0)
			return err_errno(e, 1, "remove network %s", name);
		return err_set(e, 1, "error while removing network: network %s has active endpoints (%s)", name, users);
	}
	_cleanup_fd_ int netlink = netlink_open(e);

	if (netlink < 0 || netlink_remove(netlink, n.bridge, e) < 0)
		return -1;
	if (!n.internal && nft_unmasquerade(n.subnet, n.prefix, n.bridge, e) < 0)
		return -1;
	nft_disown(n.gateway);
	unlink(REMOVED "/network.json");
	unlink(REMOVED "/next");
	return rmdir(REMOVED) < 0 ? err_errno(e, 1, "remove network %s", name) : 0;
}
