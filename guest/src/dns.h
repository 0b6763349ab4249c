/* The DNS server of one container, answering names of its networks (RFC 1035, UDP). */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "err.h"

#define DNS_PACKET_MAX 512
#define DNS_NAME_MAX 254

/*
 * Looks `name` (lower case, without the last dot) up: fills up to `max` addresses (network byte order) and returns how many;
 * 0: not known.
 */
typedef size_t (*dns_lookup)(void *context, const char *name, uint32_t *addresses, size_t max);

/*
 * Answers one query. Returns the length of the answer in `out`, or 0 when none is to be sent (not a query, too short to answer).
 * Never reads past `length` nor writes past DNS_PACKET_MAX; any bytes may come in.
 */
size_t dns_answer(const uint8_t *query, size_t length, uint8_t out[DNS_PACKET_MAX], dns_lookup lookup, void *context);
/* A UDP socket bound to 127.0.0.11:53 in the network namespace of `net_ns` (a descriptor); non-blocking, close-on-exec. */
int dns_socket(int net_ns, struct err *e);
/* Takes up to a bounded number of waiting queries from `fd` and answers them. */
void dns_serve(int fd, dns_lookup lookup, void *context);
