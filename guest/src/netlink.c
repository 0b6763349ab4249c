#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include "io.h"
#include "netlink.h"

enum { REQUEST_SIZE = 4096, LO_INDEX = 1 };

/* Several messages in one send. The kernel works them off in order, and goes on after one that failed. */
struct request {
	_Alignas(4) uint8_t data[REQUEST_SIZE];
	size_t length, message;
	uint32_t count;
	bool overflow;
};

static void *put(struct request *r, const void *data, size_t size)
{
	size_t padded = NLMSG_ALIGN(size), at = r->length;

	if (r->overflow || padded > sizeof(r->data) - r->length) {
		r->overflow = true;
		return NULL;
	}
	memset(r->data + at, 0, padded);
	if (data)
		memcpy(r->data + at, data, size);
	r->length += padded;
	if (r->count)
		((struct nlmsghdr *)(void *)(r->data + r->message))->nlmsg_len = (uint32_t)(r->length - r->message);
	return r->data + at;
}

static void message(struct request *r, uint16_t type, uint16_t flags, const void *body, size_t size)
{
	struct nlmsghdr header = {.nlmsg_len = sizeof(header),
				  .nlmsg_type = type,
				  .nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST),
				  .nlmsg_seq = r->count + 1};

	r->message = r->length;
	r->count++;
	put(r, &header, sizeof(header));
	put(r, body, size);
}

static void attribute(struct request *r, uint16_t type, const void *data, size_t size)
{
	struct rtattr header = {.rta_len = (uint16_t)RTA_LENGTH(size), .rta_type = type};

	put(r, &header, sizeof(header));
	put(r, data, size);
}

static void attribute_u32(struct request *r, uint16_t type, uint32_t value)
{
	attribute(r, type, &value, sizeof(value));
}

static void attribute_text(struct request *r, uint16_t type, const char *text)
{
	attribute(r, type, text, strlen(text) + 1);
}

static size_t nest(struct request *r, uint16_t type)
{
	size_t at = r->length;

	attribute(r, type, NULL, 0);
	return at;
}

static void nest_end(struct request *r, size_t at)
{
	if (!r->overflow)
		((struct rtattr *)(void *)(r->data + at))->rta_len = (uint16_t)(r->length - at);
}

/*
 * Sends it and takes the answers, which are there when the send returns. Only the last message asks for one; those that fail
 * answer unasked. -1 with errno of the first that failed.
 */
static int transact(int fd, struct request *r)
{
	static const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	_Alignas(4) uint8_t answer[1024];
	int failed = 0;

	if (r->overflow) {
		errno = EMSGSIZE;
		return -1;
	}
	((struct nlmsghdr *)(void *)(r->data + r->message))->nlmsg_flags |= NLM_F_ACK;
	if (sendto(fd, r->data, r->length, 0, (const struct sockaddr *)&kernel, sizeof(kernel)) < 0)
		return -1;
	for (;;) {
		ssize_t n = recv(fd, answer, sizeof(answer), MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		struct nlmsghdr *h = (struct nlmsghdr *)(void *)answer;
		size_t left = (size_t)n;

		for (; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof(struct nlmsgerr)))
				continue;
			const struct nlmsgerr *error = NLMSG_DATA(h);

			if (error->error && !failed)
				failed = -error->error;
			if (h->nlmsg_seq == r->count) {
				errno = failed;
				return failed ? -1 : 0;
			}
		}
	}
}

int netlink_open(struct err *e)
{
	static const int on = 1;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0)
		return err_errno(e, 125, "rtnetlink");
	/* Answers without the message they are about: several fit into one small buffer. */
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
	return fd;
}

int netlink_open_in(int pidfd, struct err *e)
{
	_cleanup_fd_ int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), fd = -1;

	if (own < 0)
		return err_errno(e, 125, "open /proc/self/ns/net");
	if (setns(pidfd, CLONE_NEWNET) < 0)
		return err_errno(e, 125, "enter the container's network");
	fd = netlink_open(e);
	if (setns(own, CLONE_NEWNET) < 0)
		return err_errno(e, 125, "come back from the container's network");
	return take_fd(&fd);
}

unsigned netlink_index(int fd, const char *name)
{
	struct ifreq request = {0};

	/* A netlink socket takes this too, for the namespace it was made in. */
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	return ioctl(fd, SIOCGIFINDEX, &request) < 0 ? 0 : (unsigned)request.ifr_ifindex;
}

static void put_address(struct request *r, unsigned index, uint32_t address, unsigned prefix)
{
	const struct ifaddrmsg body = {.ifa_family = AF_INET, .ifa_prefixlen = (uint8_t)prefix, .ifa_index = index};
	uint32_t broadcast = address | htonl(prefix < 32 ? UINT32_MAX >> prefix : 0);

	message(r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof(body));
	attribute_u32(r, IFA_LOCAL, address);
	attribute_u32(r, IFA_ADDRESS, address);
	attribute_u32(r, IFA_BROADCAST, broadcast);
}

static void put_up(struct request *r, unsigned index)
{
	const struct ifinfomsg up = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};

	message(r, RTM_NEWLINK, 0, &up, sizeof(up));
}

/* No link-local address, as with docker: it would be of no use, and looking for a double costs packets and milliseconds. */
static void put_no_ipv6(struct request *r, unsigned index)
{
	const struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	static const uint8_t none = IN6_ADDR_GEN_MODE_NONE;

	message(r, RTM_NEWLINK, 0, &body, sizeof(body));
	size_t families = nest(r, IFLA_AF_SPEC), family = nest(r, AF_INET6);

	attribute(r, IFLA_INET6_ADDR_GEN_MODE, &none, sizeof(none));
	nest_end(r, family);
	nest_end(r, families);
}

static void put_default(struct request *r, unsigned index, uint32_t gateway)
{
	const struct rtmsg body = {.rtm_family = AF_INET,
				   .rtm_table = RT_TABLE_MAIN,
				   .rtm_protocol = RTPROT_BOOT,
				   .rtm_scope = RT_SCOPE_UNIVERSE,
				   .rtm_type = RTN_UNICAST};

	message(r, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, &body, sizeof(body));
	attribute_u32(r, RTA_GATEWAY, gateway);
	attribute_u32(r, RTA_OIF, index);
}

static void put_kind(struct request *r, const char *kind)
{
	attribute(r, IFLA_INFO_KIND, kind, strlen(kind));
}

unsigned netlink_bridge(int fd, const char *name, const uint8_t mac[6], uint32_t address, unsigned prefix, uint32_t group,
			struct err *e)
{
	static const uint8_t no_snooping;
	const struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	struct request r = {0};

	message(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	attribute_text(&r, IFLA_IFNAME, name);
	/* One of its own, or it would change with the ports. */
	attribute(&r, IFLA_ADDRESS, mac, 6);
	attribute_u32(&r, IFLA_GROUP, group);
	size_t info = nest(&r, IFLA_LINKINFO);

	put_kind(&r, "bridge");
	size_t data = nest(&r, IFLA_INFO_DATA);

	attribute_u32(&r, IFLA_BR_FORWARD_DELAY, 0);
	attribute(&r, IFLA_BR_MCAST_SNOOPING, &no_snooping, 1);
	nest_end(&r, data);
	nest_end(&r, info);
	if (transact(fd, &r) < 0) {
		err_errno(e, 125, "make the bridge %s", name);
		return 0;
	}
	unsigned index = netlink_index(fd, name);

	r = (struct request){0};
	put_address(&r, index, address, prefix);
	if (!index || transact(fd, &r) < 0) {
		err_errno(e, 125, "give the bridge %s its address", name);
		netlink_remove(fd, name, NULL);
		return 0;
	}
	return index;
}

int netlink_remove(int fd, const char *name, struct err *e)
{
	const struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
	struct request r = {0};

	message(&r, RTM_DELLINK, 0, &body, sizeof(body));
	attribute_text(&r, IFLA_IFNAME, name);
	if (transact(fd, &r) < 0 && errno != ENODEV)
		return err_errno(e, 125, "remove %s", name);
	return 0;
}

int netlink_veth(int fd, const char *host, unsigned bridge, uint32_t group, pid_t pid, const char *inner, const uint8_t mac[6],
		 struct err *e)
{
	const struct ifinfomsg body = {.ifi_family = AF_UNSPEC, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
	const struct ifinfomsg down = {.ifi_family = AF_UNSPEC};
	struct request r = {0};

	message(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &body, sizeof(body));
	attribute_text(&r, IFLA_IFNAME, host);
	attribute_u32(&r, IFLA_MASTER, bridge);
	attribute_u32(&r, IFLA_GROUP, group);
	size_t info = nest(&r, IFLA_LINKINFO);

	put_kind(&r, "veth");
	size_t data = nest(&r, IFLA_INFO_DATA), peer = nest(&r, VETH_INFO_PEER);

	/* Not up: the kernel makes this end first, and it cannot be up alone. */
	put(&r, &down, sizeof(down));
	attribute_text(&r, IFLA_IFNAME, inner);
	attribute(&r, IFLA_ADDRESS, mac, 6);
	attribute_u32(&r, IFLA_NET_NS_PID, (uint32_t)pid);
	nest_end(&r, peer);
	nest_end(&r, data);
	nest_end(&r, info);
	return transact(fd, &r) < 0 ? err_errno(e, 125, "make the network device %s", host) : 0;
}

int netlink_configure(int fd, bool lo, const struct nic *nics, size_t count, struct err *e)
{
	struct request r = {0};

	if (lo)
		put_up(&r, LO_INDEX);
	for (size_t i = 0; i < count; i++) {
		unsigned index = nics[i].index ? nics[i].index : netlink_index(fd, nics[i].name);

		/* Before it is up, so that being up announces the address. */
		put_address(&r, index, nics[i].address, nics[i].prefix);
		put_no_ipv6(&r, index);
		put_up(&r, index);
		if (nics[i].gateway)
			put_default(&r, index, nics[i].gateway);
	}
	if (!r.count)
		return 0;
	return transact(fd, &r) < 0 ? err_errno(e, 125, "set up the container's network") : 0;
}

int netlink_route(int fd, const char *name, uint32_t gateway, struct err *e)
{
	struct request r = {0};

	put_default(&r, netlink_index(fd, name), gateway);
	return transact(fd, &r) < 0 ? err_errno(e, 125, "set the default route") : 0;
}
