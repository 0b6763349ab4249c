#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "endpoint.h"
#include "io.h"
#include "nft.h"
#include "nft_source.h"
#include "publish.h"

enum { ENDPOINT_MAX = 32768 };

void endpoint_mac(uint32_t address, uint8_t mac[6])
{
	mac[0] = 0x02;
	mac[1] = 0x42;
	memcpy(mac + 2, &address, 4);
}

static uint32_t host_mask(const struct network *n)
{
	return n->prefix < 32 ? UINT32_MAX >> n->prefix : 0;
}

bool endpoint_possible(const struct network *n, uint32_t address)
{
	uint32_t mask = host_mask(n), host = ntohl(address) & mask;

	return (ntohl(address) & ~mask) == ntohl(n->subnet) && host != 0 && host != mask;
}

static int take(const char *network, uint32_t address)
{
	char path[200], text[16];

	snprintf(path, sizeof(path), NETWORKS "/%s/%s", network, network_text(address, text));
	return open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

int endpoint_take(const struct network *n, uint32_t wanted, uint32_t *address, struct err *e)
{
	char path[200], text[16];
	uint32_t mask = host_mask(n);

	if (wanted) {
		network_text(wanted, text);
		if (!endpoint_possible(n, wanted))
			return err_set(
				e, 125,
				"invalid config for network %s: invalid endpoint settings: no configured subnet contains IP "
				"address %s",
				n->name, text);
		int fd = wanted == n->gateway ? -1 : take(n->name, wanted);

		*address = wanted;
		if (fd < 0 && (wanted == n->gateway || errno == EEXIST))
			return err_set(e, 125, "Address already in use");
		return fd < 0 ? err_errno(e, 125, "network %s", n->name) : fd;
	}
	snprintf(path, sizeof(path), NETWORKS "/%s/next", n->name);
	_cleanup_fd_ int next = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	uint32_t last = 1;

	if (next < 0)
		return errno == ENOENT ? err_set(e, 125, "network %s not found", n->name) : err_errno(e, 125, "open %s", path);
	/* The level's own; torn or missing it is but a worse place to start from. */
	if (pread(next, &last, sizeof(last), 0) != sizeof(last) || last > mask)
		last = 1;
	for (uint32_t tries = 0; tries <= mask; tries++) {
		last = last + 1 >= mask ? 1 : last + 1;
		*address = n->subnet | htonl(last);
		if (*address == n->gateway)
			continue;
		int fd = take(n->name, *address);

		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return err_errno(e, 125, "take an address of network %s", n->name);
		if (pwrite(next, &last, sizeof(last), 0) < 0) {
			/* The next search is only longer. */
		}
		return fd;
	}
	return err_set(e, 125, "no available IPv4 addresses on this network's address pools: %s (%.12s)", n->name, n->id);
}

void endpoint_rename(const char *network, uint32_t address, const char *name)
{
	char path[200], text[16];
	struct jsonw w = {0};
	size_t length;

	snprintf(path, sizeof(path), NETWORKS "/%s/%s", network, network_text(address, text));
	_cleanup_free_ char *old = read_file(path, ENDPOINT_MAX, &length, NULL);
	struct json *endpoint = old ? json_parse(old, length, NULL) : NULL;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "name", name);
	json_each(value, endpoint)
		if (strcmp(value->key, "name") != 0)
			jsonw_value(&w, value->key, value);
	jsonw_end_object(&w);
	if (endpoint && !w.failed)
		replace_file_at(AT_FDCWD, path, w.data, w.length, 0600, NULL);
	json_free(endpoint);
	jsonw_free(&w);
}

void endpoint_release(const char *network, uint32_t address)
{
	char path[200], text[16];

	snprintf(path, sizeof(path), NETWORKS "/%s/%s", network, network_text(address, text));
	/* First: who gets it next must find it its own. */
	nft_disown(address);
	unlink(path);
}

int endpoint_each(const char *network, int (*each)(uint32_t address, const struct json *endpoint, void *context), void *context)
{
	char path[200];
	struct dirent *file;
	int ret = 0;

	snprintf(path, sizeof(path), NETWORKS "/%s", network);
	DIR *list = opendir(path);

	while (list && ret == 0 && (file = readdir(list))) {
		uint32_t address;
		size_t length;

		if (!network_address(file->d_name, &address))
			continue;
		_cleanup_free_ char *text = read_file_at(dirfd(list), file->d_name, ENDPOINT_MAX, &length, NULL);
		struct json *endpoint = text ? json_parse(text, length, NULL) : NULL;

		if (endpoint)
			ret = each(address, endpoint, context);
		json_free(endpoint);
	}
	if (list)
		closedir(list);
	return ret;
}

struct users {
	size_t count, used, size;
	char *text;
};

static int add_user(uint32_t address, const struct json *endpoint, void *context)
{
	struct users *u = context;

	(void)address;
	if (u->count++ < 3 && u->used < u->size) {
		int n = snprintf(u->text + u->used, u->size - u->used, "%sname:\"%.64s\" id:\"%.12s\"", u->used ? ", " : "",
				 json_string(endpoint, "name", ""), json_string(endpoint, "container", ""));

		u->used += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

size_t endpoint_users(const char *network, char *text, size_t size)
{
	struct users users = {.text = text, .size = size};

	if (size)
		*text = 0;
	endpoint_each(network, add_user, &users);
	return users.count;
}

struct lookup {
	const char *name;
	uint32_t *addresses;
	size_t count, max;
};

static int match(uint32_t address, const struct json *endpoint, void *context)
{
	struct lookup *l = context;
	const char *id = json_string(endpoint, "container", "");
	bool same = strcasecmp(json_string(endpoint, "name", ""), l->name) == 0 ||
		    (strlen(l->name) == 12 && strncmp(id, l->name, 12) == 0);

	json_each(alias, json_get(endpoint, "aliases"))
		same |= alias->kind == JSON_STRING && strcasecmp(alias->string, l->name) == 0;
	if (same)
		l->addresses[l->count++] = address;
	return l->count == l->max;
}

size_t endpoint_lookup(const char *network, const char *name, uint32_t *addresses, size_t max)
{
	struct lookup lookup = {name, addresses, 0, max};

	if (max)
		endpoint_each(network, match, &lookup);
	return lookup.count;
}

/* One of the container's, removed outside of the walk. */
struct forget {
	const char *container;
	uint32_t address;
};

static int find_own(uint32_t address, const struct json *endpoint, void *context)
{
	struct forget *f = context;

	if (strcmp(json_string(endpoint, "container", ""), f->container) != 0)
		return 0;
	json_each(text, json_get(endpoint, "ports")) {
		struct port port;

		if (text->kind == JSON_STRING && port_parse(text->string, &port, NULL) == 0)
			nft_unpublish(&(struct publish){port.host_ip, address, port.host_port, port.to_port, port.protocol},
				      NULL);
	}
	f->address = address;
	return 1;
}

void endpoint_forget(const char *container)
{
	static char names[NETWORK_LIMIT][129];
	size_t count = network_list(names);

	for (size_t i = 0; i < count; i++) {
		struct forget forget = {container, 0};

		while (endpoint_each(names[i], find_own, &forget))
			endpoint_release(names[i], forget.address);
	}
}
