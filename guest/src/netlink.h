/* Network devices over raw rtnetlink: bridges, veth pairs, addresses, routes. Addresses are in network byte order. */
#pragma once
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "err.h"

/* A device in a container, as its first process finds it. */
struct nic {
	char name[IFNAMSIZ];
	unsigned index; /* 0: looked up by name */
	uint32_t address;
	unsigned prefix;
	uint32_t gateway; /* of the default route; 0: none through this one */
};

/* A socket for the network namespace we are in, or that of a process. -1 on failure. */
int netlink_open(struct err *e);
int netlink_open_in(int pidfd, struct err *e);
/* Index of a device there, 0 when there is none of that name. */
unsigned netlink_index(int fd, const char *name);
/* A bridge that is up, with that address, in the device group `group`. Its index, or 0. */
unsigned netlink_bridge(int fd, const char *name, const uint8_t mac[6], uint32_t address, unsigned prefix, uint32_t group,
			struct err *e);
/* Takes a device away; none there is fine. */
int netlink_remove(int fd, const char *name, struct err *e);
/*
 * A veth pair in one message: `host` here, up and a port of the bridge of that index, and `inner` in the network namespace of
 * `pid`. `host` gets into the device group `group`. e->sys is EINVAL when the bridge is gone.
 */
int netlink_veth(int fd, const char *host, unsigned bridge, uint32_t group, pid_t pid, const char *inner, const uint8_t mac[6],
		 struct err *e);
/* In one message: "lo" up if asked for, then for each device address, up, default route. */
int netlink_configure(int fd, bool lo, const struct nic *nics, size_t count, struct err *e);
/* A default route through `gateway` on the device `name`. */
int netlink_route(int fd, const char *name, uint32_t gateway, struct err *e);
