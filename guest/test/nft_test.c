/*
 * The packet filter with real connections, in network namespaces of our own:
 *
 *   a 172.30.0.2 ─┐
 *                 ├─ nestbr0 172.30.0.1  level  10.9.0.1 out0 ── 10.9.0.2 far (knows no way to 172.30.0.0/24)
 *   b 172.30.0.3 ─┘
 *
 * Says "skipped" where the kernel gives no user namespaces, bridges or nftables.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <net/route.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "check.h"
#include "io.h"
#include "nft.h"
#include "ns.h"

static int level, a, b, far; /* network namespaces */
static struct err e;

static void enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) < 0) {
		perror("setns");
		_exit(2);
	}
}

static int new_namespace(void)
{
	return unshare(CLONE_NEWNET) < 0 ? -1 : open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
}

static uint32_t ip(const char *text)
{
	uint32_t address = 0;

	inet_pton(AF_INET, text, &address);
	return address;
}

static struct sockaddr_in endpoint(const char *address, unsigned port)
{
	return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {ip(address)}};
}

/* A veth pair: `name` here and `peer` in the namespace `to`. */
static int add_veth(const char *name, const char *peer, int to)
{
	_Alignas(struct nlmsghdr) uint8_t data[512] = {0}, answer[512];
	struct nlmsghdr *header = (struct nlmsghdr *)data;
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	size_t at = NLMSG_LENGTH(sizeof(struct ifinfomsg)), info, inner, other;

#define ATTRIBUTE(type, value, size)                                                                                             \
	(*(struct rtattr *)(data + at) = (struct rtattr){RTA_LENGTH(size), (type)},                                              \
	 memcpy(data + at + RTA_LENGTH(0), value, size), at += RTA_SPACE(size))
#define NEST(start, type) (*(struct rtattr *)(data + at) = (struct rtattr){0, (type)}, (start) = at, at += RTA_LENGTH(0))
#define END(start) (((struct rtattr *)(data + (start)))->rta_len = (uint16_t)(at - (start)))
	ATTRIBUTE(IFLA_IFNAME, name, strlen(name) + 1);
	NEST(info, IFLA_LINKINFO);
	ATTRIBUTE(IFLA_INFO_KIND, "veth", 4);
	NEST(inner, IFLA_INFO_DATA);
	NEST(other, VETH_INFO_PEER);
	at += sizeof(struct ifinfomsg);
	ATTRIBUTE(IFLA_IFNAME, peer, strlen(peer) + 1);
	ATTRIBUTE(IFLA_NET_NS_FD, &to, sizeof(to));
	END(other), END(inner), END(info);
	*header = (struct nlmsghdr){(uint32_t)at, RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, 1, 0};
	if (fd < 0 || send(fd, data, at, 0) < 0 || recv(fd, answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(int)))
		return -1;
	errno = -((struct nlmsgerr *)NLMSG_DATA((struct nlmsghdr *)answer))->error;
	return errno ? -1 : 0;
}

static int set_up(const char *name, const char *address)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {0};
	struct sockaddr_in in = endpoint(address ? address : "0.0.0.0", 0), mask = endpoint("255.255.255.0", 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (address) {
		memcpy(&request.ifr_addr, &in, sizeof(in));
		if (ioctl(fd, SIOCSIFADDR, &request) < 0)
			return -1;
		memcpy(&request.ifr_netmask, &mask, sizeof(mask));
		if (ioctl(fd, SIOCSIFNETMASK, &request) < 0)
			return -1;
	}
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	return ioctl(fd, SIOCSIFFLAGS, &request);
}

static int route_by(const char *gateway)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
	struct sockaddr_in any = endpoint("0.0.0.0", 0), via = endpoint(gateway, 0);

	memcpy(&route.rt_dst, &any, sizeof(any));
	memcpy(&route.rt_genmask, &any, sizeof(any));
	memcpy(&route.rt_gateway, &via, sizeof(via));
	return ioctl(fd, SIOCADDRT, &route);
}

static int bridge(const char *port)
{
	_cleanup_fd_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "nestbr0"};

	if (!port)
		return ioctl(fd, SIOCBRADDBR, "nestbr0");
	request.ifr_ifindex = (int)if_nametoindex(port);
	return ioctl(fd, SIOCBRADDIF, &request);
}

static int set_up_container(int ns, const char *host_end, const char *address)
{
	if (add_veth(host_end, "eth0", ns) < 0 || bridge(host_end) < 0 || set_up(host_end, NULL) < 0)
		return -1;
	enter(ns);
	/* Without "lo" and with route_localnet 127.0.0.5 leaves by eth0, as what a hostile container sends. */
	int ret = set_up("eth0", address) < 0 ? -1 : route_by("172.30.0.1");

	if (ret == 0)
		ret = write_file("/proc/sys/net/ipv4/conf/eth0/route_localnet", "1", &e);

	enter(level);
	return ret;
}

/* What was not to be had, or NULL. */
static const char *set_up_all(void)
{
	if (unshare(CLONE_NEWUSER) < 0)
		return "user namespaces";
	a = new_namespace(), b = new_namespace(), far = new_namespace(), level = new_namespace();
	if (a < 0 || b < 0 || far < 0 || level < 0)
		return "network namespaces";
	if (bridge(NULL) < 0)
		return "bridges";
	if (set_up("lo", NULL) < 0 || set_up("nestbr0", "172.30.0.1") < 0)
		return "addresses";
	if (set_up_container(a, "vetha", "172.30.0.2") < 0 || set_up_container(b, "vethb", "172.30.0.3") < 0 ||
	    add_veth("out0", "eth0", far) < 0 || set_up("out0", "10.9.0.1") < 0)
		return "veth pairs";
	enter(far);
	if (set_up("eth0", "10.9.0.2") < 0)
		return "addresses";
	enter(level);
	if (write_file("/proc/sys/net/ipv4/ip_forward", "1", &e) < 0 ||
	    write_file("/proc/sys/net/ipv4/conf/nestbr0/route_localnet", "1", &e) < 0)
		return "settings under /proc/sys/net";
	/* The guest's kernel has no such thing; where there is one it would translate what is only bridged. */
	write_file("/proc/sys/net/bridge/bridge-nf-call-iptables", "0", NULL);
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0)
		return "netfilter";
	close(fd);
	return NULL;
}

static int listen_in(int ns, int type, const char *address, unsigned port)
{
	struct sockaddr_in at = endpoint(address, port);

	enter(ns);
	int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || (type == SOCK_STREAM && listen(fd, 8) < 0))
		perror("listen");
	enter(level);
	return fd;
}

/* A connection made and used both ways. Returns the address that `listener` saw, "refused", "no answer" or "broken". */
static const char *reach(int from, const char *address, unsigned port, int listener)
{
	static char seen[INET_ADDRSTRLEN];
	struct sockaddr_in to = endpoint(address, port), peer;
	socklen_t size = sizeof(peer);
	char got[8] = "";

	enter(from);
	_cleanup_fd_ int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret = connect(client, (struct sockaddr *)&to, sizeof(to));

	if (ret < 0 && errno == EINPROGRESS) {
		struct pollfd p = {client, POLLOUT, 0};
		int error = ETIMEDOUT;
		socklen_t length = sizeof(error);

		if (poll(&p, 1, 700) == 1)
			getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length);
		ret = error ? -1 : 0;
		errno = error;
	}
	int sys = errno;

	enter(level);
	if (ret < 0)
		return sys == ECONNREFUSED ? "refused" : sys == ETIMEDOUT ? "no answer" : strerror(sys);
	if (wait_fd(listener, POLLIN, now_ms() + 1000) < 0)
		return "somebody else answered";
	_cleanup_fd_ int server = accept4(listener, (struct sockaddr *)&peer, &size, SOCK_CLOEXEC);

	if (write(client, "ask", 3) != 3 || wait_fd(server, POLLIN, now_ms() + 1000) < 0 || read(server, got, 7) != 3 ||
	    write(server, "told", 4) != 4 || wait_fd(client, POLLIN, now_ms() + 1000) < 0 || read(client, got, 7) != 4 ||
	    memcmp(got, "told", 4) != 0)
		return "broken";
	inet_ntop(AF_INET, &peer.sin_addr, seen, sizeof(seen));
	return seen;
}

static struct publish published(const char *host, unsigned port, const char *to, unsigned to_port)
{
	return (struct publish){ip(host), ip(to), (uint16_t)port, (uint16_t)to_port, IPPROTO_TCP};
}

static void test_before(void)
{
	struct publish p = published("0.0.0.0", 8080, "172.30.0.2", 80);
	int loopback = listen_in(level, SOCK_STREAM, "127.0.0.5", 9000);

	/* Without a table. */
	CHECK(nft_publish(&p, &e) < 0 && e.sys == ENOENT && e.code == 125);
	CHECK_TEXT(e.msg, "publish port 0.0.0.0:8080/tcp: No such file or directory");
	CHECK(nft_masquerade(ip("172.30.0.0"), 24, "nestbr0", &e) < 0 && e.sys == ENOENT);
	CHECK(nft_unpublish(&p, &e) == 0);
	CHECK(nft_unmasquerade(ip("172.30.0.0"), 24, "nestbr0", &e) == 0);
	/* What the guard is there for. */
	CHECK_TEXT(reach(a, "127.0.0.5", 9000, loopback), "172.30.0.2");
	CHECK(nft_prepare(&e) == 0 || !printf("%s\n", e.msg));
	CHECK(nft_prepare(&e) == 0);
	CHECK_TEXT(reach(a, "127.0.0.5", 9000, loopback), "no answer");
	CHECK_TEXT(reach(level, "127.0.0.5", 9000, loopback), "127.0.0.1");
	close(loopback);
}

static void test_bad_input(void)
{
	struct publish p = published("0.0.0.0", 8080, "172.30.0.2", 80);

	CHECK(nft_masquerade(ip("172.30.0.0"), 0, "nestbr0", &e) < 0);
	CHECK_TEXT(e.msg, "masquerade nestbr0: a prefix of 0 bits: 1 to 32 are possible");
	CHECK(nft_masquerade(ip("172.30.0.0"), 33, "nestbr0", &e) < 0);
	CHECK(nft_unmasquerade(ip("172.30.0.0"), 24, "a-name-of-16-chr", &e) < 0);
	CHECK_TEXT(e.msg, "masquerade: \"a-name-of-16-chr\" is no name of an interface: 1 to 15 characters");
	CHECK(nft_masquerade(ip("172.30.0.0"), 24, "", &e) < 0);
	p.protocol = IPPROTO_ICMP;
	CHECK(nft_publish(&p, &e) < 0 && e.sys == EINVAL);
	p = published("0.0.0.0", 0, "172.30.0.2", 80);
	CHECK(nft_publish(&p, &e) < 0 && e.sys == EINVAL);
	p = published("0.0.0.0", 80, "172.30.0.2", 0);
	CHECK(nft_publish(&p, &e) < 0 && e.sys == EINVAL);
	p = published("0.0.0.0", 80, "0.0.0.0", 80);
	CHECK(nft_publish(&p, &e) < 0 && e.sys == EINVAL);
}

static void test_masquerade(void)
{
	int server = listen_in(far, SOCK_STREAM, "10.9.0.2", 7000), inside = listen_in(b, SOCK_STREAM, "0.0.0.0", 7000);

	CHECK_TEXT(reach(a, "10.9.0.2", 7000, server), "no answer");
	/* Host bits do not matter, a second time neither. */
	CHECK(nft_masquerade(ip("172.30.0.1"), 24, "nestbr0", &e) == 0 || !printf("%s\n", e.msg));
	CHECK(nft_masquerade(ip("172.30.0.0"), 24, "nestbr0", &e) == 0);
	/* The longest name there can be. */
	CHECK(nft_masquerade(ip("255.255.255.255"), 32, "br-0123456789ab", &e) == 0);
	CHECK_TEXT(reach(a, "10.9.0.2", 7000, server), "10.9.0.1");
	CHECK_TEXT(reach(a, "172.30.0.3", 7000, inside), "172.30.0.2");
	/* Another bridge, another subnet: not ours to remove. */
	CHECK(nft_unmasquerade(ip("172.30.0.0"), 24, "nestbr1", &e) == 0);
	CHECK(nft_unmasquerade(ip("172.30.0.0"), 25, "nestbr0", &e) == 0);
	CHECK_TEXT(reach(a, "10.9.0.2", 7000, server), "10.9.0.1");
	CHECK(nft_unmasquerade(ip("255.255.255.255"), 32, "br-0123456789ab", &e) == 0);
	CHECK(nft_unmasquerade(ip("172.30.0.0"), 24, "nestbr0", &e) == 0 || !printf("%s\n", e.msg));
	CHECK_TEXT(reach(a, "10.9.0.2", 7000, server), "no answer");
	CHECK(nft_unmasquerade(ip("172.30.0.0"), 24, "nestbr0", &e) == 0);
	/* Left in place for the tests that follow. */
	CHECK(nft_masquerade(ip("172.30.0.0"), 24, "nestbr0", &e) == 0);
	close(server);
	close(inside);
}

static void test_every_address(void)
{
	int server = listen_in(a, SOCK_STREAM, "0.0.0.0", 80);
	struct publish p = published("0.0.0.0", 8080, "172.30.0.2", 80), other = published("0.0.0.0", 8080, "172.30.0.3", 81);

	CHECK_TEXT(reach(level, "127.0.0.1", 8080, server), "refused");
	CHECK(nft_publish(&p, &e) == 0 || !printf("%s\n", e.msg));
	CHECK(nft_publish(&p, &e) < 0 && e.sys == EEXIST);
	CHECK_TEXT(e.msg, "publish port 0.0.0.0:8080/tcp: File exists");
	CHECK(nft_publish(&other, &e) < 0 && e.sys == EEXIST);
	CHECK_TEXT(reach(level, "127.0.0.1", 8080, server), "172.30.0.1");
	CHECK_TEXT(reach(level, "172.30.0.1", 8080, server), "172.30.0.1");
	CHECK_TEXT(reach(level, "10.9.0.1", 8080, server), "10.9.0.1");
	CHECK_TEXT(reach(far, "10.9.0.1", 8080, server), "10.9.0.2");
	/* A neighbour and the container itself, by addresses of the level. */
	CHECK_TEXT(reach(b, "172.30.0.1", 8080, server), "172.30.0.1");
	CHECK_TEXT(reach(b, "10.9.0.1", 8080, server), "172.30.0.1");
	CHECK_TEXT(reach(a, "172.30.0.1", 8080, server), "172.30.0.1");
	/* Directly nothing is translated. */
	CHECK_TEXT(reach(b, "172.30.0.2", 80, server), "172.30.0.3");
	CHECK_TEXT(reach(level, "172.30.0.2", 80, server), "172.30.0.1");
	CHECK_TEXT(reach(level, "172.30.0.2", 8080, server), "refused");
	CHECK(nft_unpublish(&p, &e) == 0 || !printf("%s\n", e.msg));
	CHECK_TEXT(reach(level, "127.0.0.1", 8080, server), "refused");
	CHECK_TEXT(reach(far, "10.9.0.1", 8080, server), "refused");
	CHECK(nft_unpublish(&p, &e) == 0);
	CHECK(nft_publish(&p, &e) == 0 && nft_unpublish(&p, &e) == 0);
	close(server);
}

static void test_one_address(void)
{
	int first = listen_in(a, SOCK_STREAM, "0.0.0.0", 80), second = listen_in(b, SOCK_STREAM, "0.0.0.0", 80);
	struct publish outside = published("10.9.0.1", 8081, "172.30.0.2", 80);
	struct publish local = published("127.0.0.1", 8081, "172.30.0.3", 80);

	CHECK(nft_publish(&outside, &e) == 0 || !printf("%s\n", e.msg));
	CHECK(nft_publish(&outside, &e) < 0 && e.sys == EEXIST);
	CHECK_TEXT(reach(far, "10.9.0.1", 8081, first), "10.9.0.2");
	CHECK_TEXT(reach(level, "10.9.0.1", 8081, first), "10.9.0.1");
	CHECK_TEXT(reach(level, "127.0.0.1", 8081, first), "refused");
	CHECK_TEXT(reach(b, "172.30.0.1", 8081, first), "refused");
	/* The same port of another address is another door. */
	CHECK(nft_publish(&local, &e) == 0);
	CHECK_TEXT(reach(level, "127.0.0.1", 8081, second), "172.30.0.1");
	CHECK_TEXT(reach(far, "10.9.0.1", 8081, first), "10.9.0.2");
	CHECK(nft_unpublish(&outside, &e) == 0);
	CHECK_TEXT(reach(far, "10.9.0.1", 8081, first), "refused");
	CHECK_TEXT(reach(level, "127.0.0.1", 8081, second), "172.30.0.1");
	CHECK(nft_unpublish(&local, &e) == 0);
	close(first);
	close(second);
}

/* One datagram there and one back. */
static void test_udp(void)
{
	int server = listen_in(a, SOCK_DGRAM, "0.0.0.0", 53);
	int tcp = listen_in(a, SOCK_STREAM, "0.0.0.0", 53);
	struct publish p = published("0.0.0.0", 5300, "172.30.0.2", 53);
	struct sockaddr_in to = endpoint("127.0.0.1", 5300), peer;
	socklen_t size = sizeof(peer);
	char got[8];

	p.protocol = IPPROTO_UDP;
	CHECK(nft_publish(&p, &e) == 0 || !printf("%s\n", e.msg));
	_cleanup_fd_ int client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHECK(connect(client, (struct sockaddr *)&to, sizeof(to)) == 0 && send(client, "ask", 3, 0) == 3);
	CHECK(wait_fd(server, POLLIN, now_ms() + 1000) == 0);
	CHECK(recvfrom(server, got, sizeof(got), 0, (struct sockaddr *)&peer, &size) == 3);
	CHECK(peer.sin_addr.s_addr == ip("172.30.0.1"));
	CHECK(sendto(server, "told", 4, 0, (struct sockaddr *)&peer, size) == 4);
	CHECK(wait_fd(client, POLLIN, now_ms() + 1000) == 0 && recv(client, got, sizeof(got), 0) == 4);
	CHECK_TEXT(reach(level, "127.0.0.1", 5300, tcp), "refused");
	/* The same port of the other protocol. */
	p.protocol = IPPROTO_TCP;
	CHECK(nft_publish(&p, &e) == 0);
	CHECK_TEXT(reach(level, "127.0.0.1", 5300, tcp), "172.30.0.1");
	CHECK(nft_unpublish(&p, &e) == 0);
	p.protocol = IPPROTO_UDP;
	CHECK(nft_unpublish(&p, &e) == 0);
	close(server);
	close(tcp);
}

/* Many at once, each its own; all gone afterwards. */
static void test_many(void)
{
	int server = listen_in(b, SOCK_STREAM, "0.0.0.0", 80);
	int64_t start = now_ms();

	for (unsigned port = 20000; port < 20100; port++) {
		struct publish p = published(port & 1 ? "0.0.0.0" : "127.0.0.1", port, "172.30.0.3", 80);

		CHECK(nft_publish(&p, &e) == 0);
	}
	if (getenv("NESTBOX_TIMES"))
		printf("100 ports published in %d ms\n", (int)(now_ms() - start));
	CHECK_TEXT(reach(level, "127.0.0.1", 20000, server), "172.30.0.1");
	CHECK_TEXT(reach(level, "127.0.0.1", 20099, server), "172.30.0.1");
	start = now_ms();
	for (unsigned port = 20000; port < 20100; port++) {
		struct publish p = published(port & 1 ? "0.0.0.0" : "127.0.0.1", port, "172.30.0.3", 80);

		CHECK(nft_unpublish(&p, &e) == 0);
	}
	if (getenv("NESTBOX_TIMES"))
		printf("100 ports unpublished in %d ms\n", (int)(now_ms() - start));
	CHECK_TEXT(reach(level, "127.0.0.1", 20099, server), "refused");
	close(server);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(test_before),      TEST(test_bad_input), TEST(test_masquerade), TEST(test_every_address),
		TEST(test_one_address), TEST(test_udp),       TEST(test_many),
	};
	const char *missing = set_up_all();

	if (missing) {
		printf("skipped: nft_test: no %s to be had here: %s\n", missing, strerror(errno));
		printf("0 passed, 0 failed\n");
		return 0;
	}
	return RUN(tests);
}
