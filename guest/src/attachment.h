/* The networks of one container: addresses and ports taken before it is made, devices put in, networks joined and left. */
#pragma once
#include <net/if.h>
#include "json.h"
#include "network.h"
#include "publish.h"

#define ATTACHMENTS_MAX 16

struct attachment {
	char name[129];         /* the network's */
	uint32_t wanted;        /* --ip; 0: any */
	char *aliases;          /* JSON array; NULL: none */
	struct network network; /* this and what follows: while it runs */
	uint32_t address;
	char inner[IFNAMSIZ], outer[IFNAMSIZ]; /* eth0 …; the port of the bridge */
};

struct attachments {
	size_t count, port_count;
	uint32_t published; /* the address ports lead to, 0: none */
	int dns;            /* its name server's socket, -1: none */
	struct attachment list[ATTACHMENTS_MAX];
	struct port ports[PORTS_MAX];
};

struct container;

/* From "networks" as attachments_put writes it, or else from the request. */
int attachments_of(struct container *c, const struct json *networks, struct err *e);
/* Adds and removes in the list only; docker's words when that cannot be. `request`: "network", "aliases", "ip". */
int attachments_add(struct attachments *a, const char *container, const struct json *request, struct err *e);
int attachments_find(const struct attachments *a, const char *network);
void attachments_drop(struct attachments *a, size_t index);
/* Whether one is a network with names: any but the default. */
bool attachments_named(const struct attachments *a);
/* [{"network","ip","aliases"…}]; with `live` also "address", "gateway", "prefix", "mac", "networkId". */
void attachments_put(struct jsonw *w, const char *key, const struct attachments *a, bool live);
/* ["0.0.0.0:8080:80/tcp"…]; nothing while none is published. */
void attachments_put_ports(struct jsonw *w, const char *key, const struct attachments *a);
void attachments_free(struct attachments *a);

/* Steps of a start. Addresses, ports, /etc files; then, once its first process waits, the devices; in that process the rest. */
int attachments_take(struct container *c, struct err *e);
int attachments_link(struct container *c, struct err *e);
int attachments_configure(const struct container *c, struct err *e);
int attachments_give_back(struct container *c);

/* While it runs, from its monitor. */
int attachments_connect(struct container *c, const struct json *request, struct err *e);
int attachments_disconnect(struct container *c, const struct json *request, struct err *e);
/* The container's name is another now: in what others find it by too. */
void attachments_rename(const struct container *c);
/* Answers waiting name queries. */
void attachments_serve(struct container *c);
