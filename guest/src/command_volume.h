/* The engine's part of `nest volume …`. */
#pragma once
#include "commands.h"

int command_volume_create(struct request *r, struct err *e);
/* ls: all; inspect: the one in "volume". */
int command_volume_list(struct request *r, struct err *e);
int command_volume_remove(struct request *r, struct err *e);
int command_volume_prune(struct request *r, struct err *e);
