#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include "io.h"
#include "network.h"
#include "nft.h"
#include "publish.h"

enum { FIRST_FREE = 32768, LAST_FREE = 60999 };

static const char *protocol_name(uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? "udp" : "tcp";
}

static int number(const char *text, size_t length, uint16_t *out)
{
	unsigned value = 0;

	if (length == 0 || length > 5)
		return -1;
	for (size_t i = 0; i < length; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -1;
		value = value * 10 + (unsigned)(text[i] - '0');
	}
	if (value < 1 || value > 65535)
		return -1;
	*out = (uint16_t)value;
	return 0;
}

static int protocol_of(const char *text, uint8_t *protocol)
{
	if (!text || strcasecmp(text, "tcp") == 0)
		*protocol = IPPROTO_TCP;
	else if (strcasecmp(text, "udp") == 0)
		*protocol = IPPROTO_UDP;
	else
		return -1;
	return 0;
}

int port_exposed(const char *text, uint16_t *port, uint8_t *protocol, struct err *e)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);

	if (protocol_of(slash ? slash + 1 : NULL, protocol) < 0)
		return err_set(e, 125, "invalid proto: %.20s: tcp and udp can be published", slash ? slash + 1 : "");
	if (memchr(text, '-', length))
		return err_set(e, 125,
			       "invalid containerPort: %.40s: ranges are not supported here, publish the ports one by one", text);
	return number(text, length, port) < 0 ? err_set(e, 125, "invalid containerPort: %.40s", text) : 0;
}

int port_parse(const char *text, struct port *port, struct err *e)
{
	const char *last = strrchr(text, ':'), *start = text;
	char address[20] = "";

	*port = (struct port){.socket = -1};
	if (strlen(text) >= 64)
		return err_set(e, 125, "invalid publish: %.64s", text);
	if (text[0] == '[' || (strchr(text, ':') && strchr(text, ':') != last && strchr(strchr(text, ':') + 1, ':') != last))
		return err_set(e, 125, "invalid IP address in \"%.64s\": only IPv4 addresses can be published on", text);
	if (port_exposed(last ? last + 1 : text, &port->to_port, &port->protocol, e) < 0)
		return -1;
	if (!last)
		return 0;
	const char *first = strchr(text, ':');

	if (first != last) {
		size_t length = (size_t)(first - text);

		if (length < sizeof(address))
			memcpy(address, text, length);
		/* "::80" and ":8080:80" mean every address. */
		if (length && (length >= sizeof(address) || !network_address(address, &port->host_ip)))
			return err_set(e, 125, "invalid IP address: %.64s", text);
		start = first + 1;
	}
	size_t length = (size_t)(last - start);

	if (length == 0)
		return 0;
	if (memchr(start, '-', length))
		return err_set(e, 125, "invalid hostPort: %.*s: ranges are not supported here, publish the ports one by one",
			       (int)length, start);
	/* 0 is docker's other way to say "any". */
	if (length == 1 && *start == '0')
		return 0;
	return number(start, length, &port->host_port) < 0 ? err_set(e, 125, "invalid hostPort: %.*s", (int)length, start) : 0;
}

const char *port_text(const struct port *port, char text[PORT_TEXT_MAX])
{
	char address[16];

	snprintf(text, PORT_TEXT_MAX, "%s:%u:%u/%s", network_text(port->host_ip, address), port->host_port, port->to_port,
		 protocol_name(port->protocol));
	return text;
}

/*
 * A socket on the level's port, as docker's proxy has one: programs of the level and other containers then find it in use, and
 * we find out whether it is. Nothing arrives there, for packets are translated before.
 */
static int hold(struct port *port, uint16_t host_port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(host_port), .sin_addr = {.s_addr = port->host_ip}};
	bool tcp = port->protocol == IPPROTO_TCP;
	int on = 1, fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	/* Past connections on the port are no hindrance. */
	if (tcp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || (tcp && listen(fd, 0) < 0)) {
		int failed = errno;

		close(fd);
		errno = failed;
		return -1;
	}
	port->socket = fd;
	port->host_port = host_port;
	return 0;
}

static int refused(const struct port *port, const char *container, const char *why, struct err *e)
{
	char address[16];

	return err_set(e, 125, "driver failed programming external connectivity on endpoint %s: Bind for %s:%u failed: %s",
		       container, network_text(port->host_ip, address), port->host_port, why);
}

static int take(struct port *port, const char *container, struct err *e)
{
	if (port->host_port) {
		if (hold(port, port->host_port) == 0)
			return 0;
		if (errno == EADDRINUSE)
			return refused(port, container, "port is already allocated", e);
		return refused(port, container, errno == EADDRNOTAVAIL ? "cannot assign requested address" : strerror(errno), e);
	}
	for (unsigned free = FIRST_FREE; free <= LAST_FREE; free++) {
		if (hold(port, (uint16_t)free) == 0)
			return 0;
		if (errno != EADDRINUSE)
			break;
	}
	return refused(port, container, errno == EADDRINUSE ? "all ports are allocated" : strerror(errno), e);
}

int ports_take(struct port *ports, size_t count, const char *container, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		if (take(&ports[i], container, e) < 0) {
			ports_give_back(ports, i);
			return -1;
		}
	}
	return 0;
}

void ports_give_back(struct port *ports, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close_fd(&ports[i].socket);
}

static struct publish translation(const struct port *port, uint32_t address)
{
	return (struct publish){port->host_ip, address, port->host_port, port->to_port, port->protocol};
}

int ports_publish(const struct port *ports, size_t count, uint32_t address, const char *container, struct err *e)
{
	for (size_t i = 0; i < count; i++) {
		struct publish p = translation(&ports[i], address);

		if (nft_publish(&p, e) == 0)
			continue;
		ports_unpublish(ports, i, address);
		if (e && e->sys == EEXIST)
			return refused(&ports[i], container, "port is already allocated", e);
		return err_context(e, "driver failed programming external connectivity on endpoint %s", container);
	}
	return 0;
}

void ports_unpublish(const struct port *ports, size_t count, uint32_t address)
{
	for (size_t i = 0; i < count; i++) {
		struct publish p = translation(&ports[i], address);

		nft_unpublish(&p, NULL);
	}
}
