/* The engine's part of `nest network …`. */
#pragma once
#include <stdbool.h>
#include "commands.h"

/* Whether a container can be asked to be in it: "network x not found". */
int command_network_exists(const char *name, struct err *e);
/* Whether a container is, or will be, in the default network. */
bool command_network_uses_default(const struct entry *entry);
int command_network_create(struct request *r, struct err *e);
int command_network_list(struct request *r, struct err *e);
int command_network_inspect(struct request *r, struct err *e);
int command_network_remove(struct request *r, struct err *e);
int command_network_prune(struct request *r, struct err *e);
/* connect, disconnect: of a running container its monitor does and answers it. */
int command_network_change(struct request *r, struct err *e);
