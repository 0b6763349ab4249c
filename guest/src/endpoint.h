/* Endpoints: a file of a network per address given away, and what can be asked of them. Addresses are in network byte order. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"
#include "json.h"
#include "network.h"

/* 02:42 and the address. */
void endpoint_mac(uint32_t address, uint8_t mac[6]);
/* Whether `address` is one a device in that network can have. */
bool endpoint_possible(const struct network *n, uint32_t address);
/*
 * Takes `wanted`, or with 0 the next free address after the one given last. A descriptor of its file, to write the endpoint's JSON
 * to, or -1.
 */
int endpoint_take(const struct network *n, uint32_t wanted, uint32_t *address, struct err *e);
/* Its container has another name. */
void endpoint_rename(const char *network, uint32_t address, const char *name);
void endpoint_release(const char *network, uint32_t address);
/* Calls `each` for every endpoint of the network that is complete, until it returns non-zero, which is returned. */
int endpoint_each(const char *network, int (*each)(uint32_t address, const struct json *endpoint, void *context), void *context);
/* How many there are, and the first few as docker lists them. */
size_t endpoint_users(const char *network, char *text, size_t size);
/* Addresses of the containers that are known by `name` (a name, an alias, 12 digits of an id) in the network. */
size_t endpoint_lookup(const char *network, const char *name, uint32_t *addresses, size_t max);
/* All endpoints of a container whose monitor is gone, with its published ports. */
void endpoint_forget(const char *container);
