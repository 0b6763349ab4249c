#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include "etc.h"
#include "io.h"
#include "memory.h"

enum { TEXT_MAX = 16384 };

struct text {
	char data[TEXT_MAX];
	size_t used;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What does not fit is left out. */
static void add(struct text *t, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(t->data + t->used, sizeof(t->data) - t->used, fmt, args);

	va_end(args);
	if (n > 0 && (size_t)n < sizeof(t->data) - t->used)
		t->used += (size_t)n;
	t->data[t->used] = 0;
}

static void put_hosts(struct text *t, const struct container *c)
{
	_cleanup_free_ char *level = c->spec.sharing.host & CLONE_NEWNET ? read_file("/etc/hosts", 8192, NULL, NULL) : NULL;
	char address[16], gateway[16], names[140];
	const char *domain = c->spec.domainname;

	if (level)
		add(t, "%s", level);
	else
		add(t, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost "
		       "ip6-loopback\nfe00::\tip6-localnet\nff00::\tip6-mcastprefix\n"
		       "ff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n");
	json_each(item, c->spec.add_hosts) {
		const char *to;
		int length = spec_add_host(item->string, &to, NULL);

		/* The level is reached by the first network's gateway, and not at all without a network. */
		if (strcmp(to, "host-gateway") == 0)
			to = c->networks.count ? network_text(c->networks.list[0].network.gateway, gateway) : NULL;
		if (to)
			add(t, "%s\t%.*s\n", to, length, item->string);
	}
	snprintf(names, sizeof(names), "%s%s%s%s%s", c->hostname, *domain ? "." : "", domain, *domain ? " " : "",
		 *domain ? c->hostname : "");
	for (size_t i = 0; i < c->networks.count; i++)
		add(t, "%s\t%s\n", network_text(c->networks.list[i].address, address), names);
	if (c->networks.count == 0 && !level)
		add(t, "127.0.1.1\t%s\n", names);
}

static void put_resolver(struct text *t, const struct container *c)
{
	const struct json *servers = c->spec.dns;

	if (c->networks.dns >= 0 || attachments_named(&c->networks))
		add(t, "nameserver 127.0.0.11\n");
	json_each(item, servers)
		add(t, "nameserver %s\n", item->string);
	if (c->networks.dns >= 0 || attachments_named(&c->networks)) {
		add(t, "options ndots:0\n");
		return;
	}
	if (servers && servers->length)
		return;
	_cleanup_free_ char *level = read_file("/etc/resolv.conf", 8192, NULL, NULL);
	char *rest = level;

	/* A server on the level's own loopback is not there for the container. */
	for (char *line; rest && (line = strsep(&rest, "\n"));)
		if (*line && (c->spec.sharing.host & CLONE_NEWNET || strncmp(line, "nameserver 127.", 15) != 0))
			add(t, "%s\n", line);
}

int etc_write(const struct container *c, bool network_only, struct err *e)
{
	static struct text hosts _scratch_, resolver _scratch_;
	char hostname[80], path[200], name[32];

	hosts.used = resolver.used = 0;
	hosts.data[0] = resolver.data[0] = 0;
	snprintf(hostname, sizeof(hostname), "%s\n", c->hostname);
	put_hosts(&hosts, c);
	put_resolver(&resolver, c);
	const struct {
		const char *name, *text;
	} files[] = {{"hosts", hosts.data}, {"resolv.conf", resolver.data}, {"hostname", hostname}};

	for (size_t i = 0; i < (network_only ? 2 : array_size(files)); i++) {
		snprintf(name, sizeof(name), "rw/%s", files[i].name);
		container_path(path, c->id, name);
		_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

		if (fd < 0 || write_all(fd, files[i].text, strlen(files[i].text)) < 0 || fchown(fd, c->root, c->root) < 0)
			return err_errno(e, 125, "write the container's %s", files[i].name);
	}
	return 0;
}
