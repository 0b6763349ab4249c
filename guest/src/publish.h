/* Published ports (-p): their notation, the port of the level taken for each, and the translation. Network byte order addresses. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "err.h"
#include "json.h"

#define PORTS_MAX 32
#define PORT_TEXT_MAX 40

struct port {
	uint32_t host_ip;            /* 0: every address of the level */
	uint16_t host_port, to_port; /* host byte order; host_port 0: a free one */
	uint8_t protocol;            /* IPPROTO_TCP, IPPROTO_UDP */
	int socket;                  /* holds the level's port, -1: not yet */
};

/* "[ip:][host:]container[/proto]" */
int port_parse(const char *text, struct port *port, struct err *e);
/* "80/tcp", as in an image's ExposedPorts and `docker port`. */
int port_exposed(const char *text, uint16_t *number, uint8_t *protocol, struct err *e);
/* "0.0.0.0:8080:80/tcp" */
const char *port_text(const struct port *port, char text[PORT_TEXT_MAX]);
/*
 * Takes the level's ports, choosing free ones where wanted; docker's words when one is in use. On failure all are given back.
 * `container` is its name, for the message.
 */
int ports_take(struct port *ports, size_t count, const char *container, struct err *e);
void ports_give_back(struct port *ports, size_t count);
/* Translates taken ports to `address`; and no longer. */
int ports_publish(const struct port *ports, size_t count, uint32_t address, const char *container, struct err *e);
void ports_unpublish(const struct port *ports, size_t count, uint32_t address);
