/*
 * The level's networks, as files below /run/nest/networks (guest/ENGINE.md), and the bridges behind them.
 * Addresses are in network byte order.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "err.h"
#include "json.h"
#include "level.h"

#define NETWORKS RUN_NEST "/networks"
#define NETWORK_DEFAULT "bridge"
#define NETWORK_NONE "none"
#define NETWORK_TEXT_MAX 65536
/* Networks of a level. */
#define NETWORK_LIMIT 256

struct network {
	char id[65], name[129];
	char bridge[16];
	uint32_t subnet, gateway;
	unsigned prefix;
	bool internal;
	unsigned index; /* of the bridge; 0: not looked up yet */
};

/* What `network create` may ask for. */
struct network_wish {
	const char *name, *subnet, *gateway; /* "": free choice */
	bool internal;
	const struct json *labels; /* array of "key=value", or NULL */
};

/* "172.17.0.5" → address; false when it is none. "172.18.0.0/16" → subnet without host bits, its prefix. */
bool network_address(const char *text, uint32_t *address);
bool network_subnet(const char *text, uint32_t *subnet, unsigned *prefix);
/* "172.17.0.5" */
const char *network_text(uint32_t address, char text[16]);

/* Of "network create" and of a container's request: "default" is "bridge". */
const char *network_canonical(const char *name);
/* By exact name; "network x not found". The default one is made when there is none. */
int network_load(const char *name, struct network *n, struct err *e);
/* Makes the default network if need be and remembers it, so that processes forked from here on need not look. */
int network_default(struct err *e);
/* The name behind a name, an id or a unique prefix of one. */
int network_find(const char *reference, char name[129], struct err *e);
int network_create(const struct network_wish *wish, struct network *n, struct err *e);
/* Docker's words when there are endpoints. */
int network_remove(const char *name, struct err *e);
/* The bridge's index; made again when somebody took it away. */
int network_up(struct network *n, struct err *e);
/* network.json, parsed; NULL when there is none. */
struct json *network_document(const char *name);
/* Every network's name, in order of the alphabet; returns their number. */
size_t network_list(char names[NETWORK_LIMIT][129]);
