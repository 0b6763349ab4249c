/*
 * A --nest container's way up (/run/nest/host.sock in it), held by its monitor: images and layers may be asked for, events of its
 * own subtree are passed on under its id. Whoever connects is root of that container and hostile.
 */
#pragma once
#include <poll.h>
#include "level.h"

#define RELAY_CONNECTIONS 16
#define RELAY_FDS (1 + 2 * RELAY_CONNECTIONS)

struct relay;

struct relay *relay_new(int listener, const char *id, const struct level *level);
void relay_free(struct relay *relay);
/* Always fills RELAY_FDS entries. */
void relay_poll(const struct relay *relay, struct pollfd *fds);
void relay_handle(struct relay *relay, const struct pollfd *fds);
