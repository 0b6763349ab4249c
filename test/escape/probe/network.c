/* By sockets: families with a history, the runtime's sockets, the host's loopback, events of the machine. */
#include "probe.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

enum { CANARY_PORT = 31337 };

/* Through both doors: a filter cannot look into socketcall(2)'s arguments. */
static void families(enum kind kind)
{
	static const struct {
		const char *name;
		long family, type;
	} families[] = {
		{"AF_ALG", 38, SOCK_SEQPACKET}, {"AF_VSOCK", 40, SOCK_STREAM},  {"AF_TIPC", 30, SOCK_RDM},
		{"AF_CAN", 29, SOCK_RAW},       {"AF_RDS", 21, SOCK_SEQPACKET}, {"AF_BLUETOOTH", 31, SOCK_RAW},
		{"AF_NFC", 39, SOCK_RAW},       {"AF_XDP", 44, SOCK_RAW},       {"AF_SMC", 43, SOCK_STREAM},
		{"AF_KEY", 15, SOCK_RAW},       {"AF_AX25", 3, SOCK_DGRAM},     {"AF_KCM", 41, SOCK_DGRAM},
	};

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++) {
		long arguments[3] = {families[i].family, families[i].type, 0};

		if (syscall(SYS_socket, arguments[0], arguments[1], arguments[2]) >= 0)
			escaped("a socket of %s", families[i].name);
		if (syscall(SYS_socketcall, 1 /* SYS_SOCKET */, arguments) >= 0)
			escaped("a socket of %s through socketcall", families[i].name);
	}
}

/* Forks and ends of every process of the machine (PROC_EVENTS is in our kernel). */
static void process_events(enum kind kind)
{
	struct {
		struct nlmsghdr header;
		struct cn_msg message;
		uint32_t what;
	} ask = {{sizeof(ask), NLMSG_DONE, 0, 0, 0}, {{CN_IDX_PROC, CN_VAL_PROC}, 0, 0, 4, 0}, PROC_CN_MCAST_LISTEN};
	struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC};
	int fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_CONNECTOR);
	char packet[512];

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return;
	(void)!send(fd, &ask, offsetof(__typeof__(ask), what) + 4, 0);
	for (int i = 0; i < 3; i++) {
		if (in_child())
			_exit(0);
	}
	struct pollfd wait = {.fd = fd, .events = POLLIN};

	if (poll(&wait, 1, 300) > 0 && recv(fd, packet, sizeof(packet), MSG_DONTWAIT) > (ssize_t)sizeof(ask))
		escaped("events of processes arrive");
}

/* Device events that programs of the host would believe. */
static void device_events(enum kind kind)
{
	int audit = socket(AF_NETLINK, SOCK_RAW, 9 /* NETLINK_AUDIT */);

	if (audit >= 0)
		escaped("the audit log");
	FILE *file = fopen("/sys/class/net/lo/uevent", "w");

	if (file && kind == DEFAULT)
		escaped("events of devices can be made");
}

static bool connects(int family, const void *address, socklen_t length, int type)
{
	int fd = socket(family, type | SOCK_NONBLOCK, 0);
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	int failed = 1;
	socklen_t size = sizeof(failed);

	if (fd < 0)
		return false;
	if (connect(fd, address, length) == 0)
		return true;
	if (errno != EINPROGRESS || poll(&wait, 1, 500) <= 0)
		return false;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0;
}

/* The engine above and the agent: by path, and whatever abstract name is in sight. */
static void runtime_sockets(enum kind kind)
{
	static const char *const paths[] = {"/run/nest/engine.sock", "/run/nest/host.sock", "/proc/1/root/run/nest/engine.sock",
					    "/run/docker.sock", "/var/run/docker.sock"};
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	for (size_t i = 0; i < 5; i++) {
		/* A level of its own has its own. */
		if (kind != DEFAULT && i < 3)
			continue;
		strcpy(address.sun_path, paths[i]);
		if (connects(AF_UNIX, &address, sizeof(address), SOCK_SEQPACKET))
			escaped("connected to %s", paths[i]);
	}
	const char *line = text_of("/proc/net/unix");

	while (line && (line = strchr(line, '@'))) {
		size_t length = strcspn(line, "\n");

		escaped("the abstract socket %.*s is in sight", (int)length, line);
		line += length;
	}
}

static uint32_t gateway(void)
{
	char line[256];
	FILE *routes = fopen("/proc/net/route", "r");
	unsigned found = 0, destination, via;

	while (routes && fgets(line, sizeof(line), routes))
		if (sscanf(line, "%*s %x %x", &destination, &via) == 2 && destination == 0 && via)
			found = via;
	if (routes)
		fclose(routes);
	return found;
}

static bool hardware_address(uint32_t of, unsigned char mac[6])
{
	char line[256], text[20];
	FILE *table = fopen("/proc/net/arp", "r");
	struct in_addr address = {of};
	bool found = false;

	while (table && fgets(line, sizeof(line), table)) {
		if (strncmp(line, inet_ntoa(address), strlen(inet_ntoa(address))) == 0 &&
		    sscanf(line, "%*s %*s %*s %19s", text) == 1)
			found = sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) ==
				6;
	}
	if (table)
		fclose(table);
	return found;
}

static uint16_t checksum(const void *data, size_t length)
{
	const uint16_t *words = data;
	uint32_t sum = 0;

	for (size_t i = 0; i < length / 2; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~(sum + (sum >> 16));
}

/*
 * A service on the host's 127.0.0.1, asked through the gateway: as a stranger, and with frames written by hand that name
 * 127.0.0.1 (CVE-2020-8558). UDP, so that one packet is enough: the host sees what arrived.
 */
static void host_loopback(enum kind kind)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(CANARY_PORT)};
	struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(0x0800), .sll_halen = 6};
	struct {
		uint8_t version, tos;
		uint16_t length, id, fragment;
		uint8_t ttl, protocol;
		uint16_t sum;
		uint32_t from, to;
		uint16_t from_port, to_port, size, udp_sum;
		char text[8];
	} __attribute__((packed)) packet = {
		.version = 0x45,
		.length = htons(36),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.to_port = htons(CANARY_PORT),
		.from_port = htons(1024),
		.size = htons(16),
		.text = "escaped",
	};

	address.sin_addr.s_addr = gateway();
	if (!address.sin_addr.s_addr)
		return;
	if (connects(AF_INET, &address, sizeof(address), SOCK_STREAM))
		escaped("the service on the host's loopback answered");
	int udp = socket(AF_INET, SOCK_DGRAM, 0);

	sendto(udp, "escaped", 7, 0, (struct sockaddr *)&address, sizeof(address));
	usleep(100000);
	to.sll_ifindex = (int)if_nametoindex("eth0");
	if (!hardware_address(address.sin_addr.s_addr, to.sll_addr)) {
		escaped("no frame could be made, so this tells nothing");
		return;
	}
	int raw = socket(AF_PACKET, SOCK_DGRAM, htons(0x0800));
	/* From the gateway itself, from loopback, and from somewhere else. */
	const uint32_t sources[] = {address.sin_addr.s_addr, htonl(INADDR_LOOPBACK), address.sin_addr.s_addr ^ htonl(0x3)};

	for (size_t i = 0; raw >= 0 && i < 3; i++) {
		packet.from = sources[i];
		packet.to = htonl(INADDR_LOOPBACK);
		packet.sum = 0;
		packet.sum = checksum(&packet, 20);
		if (sendto(raw, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
			escaped("no frame could be sent, so this tells nothing: %s", strerror(errno));
	}
}

const struct attempt network_attempts[] = {
	{"socket families", ANY, families},          {"events of processes", ANY, process_events},
	{"events of devices", ANY, device_events},   {"sockets of the runtime", ANY, runtime_sockets},
	{"the host's loopback", ANY, host_loopback}, {0},
};

static void note(const char *log, const char *what, ssize_t length)
{
	FILE *file = fopen(log, "a");

	if (!file)
		return;
	fprintf(file, "%s %zd\n", what, length);
	fclose(file);
}

int listen_on_loopback(const char *log)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(CANARY_PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int tcp = socket(AF_INET, SOCK_STREAM, 0), udp = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

	setsockopt(tcp, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(tcp, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(tcp, 8) < 0 ||
	    bind(udp, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror("listen");
		return 1;
	}
	/* The keys of the host's root that no container's may find (syscalls.c). */
	for (long keyring = -3; keyring >= -5; keyring--)
		if (syscall(SYS_add_key, "user", CANARY, CANARY, strlen(CANARY), keyring) < 0)
			perror("add_key");
	note(log, "listening", 0);
	for (;;) {
		struct pollfd fds[2] = {{.fd = tcp, .events = POLLIN}, {.fd = udp, .events = POLLIN}};
		char packet[64];

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents)
			note(log, "connection", close(accept(tcp, NULL, NULL)));
		if (fds[1].revents)
			note(log, "packet", recv(udp, packet, sizeof(packet), 0));
	}
}
