/* What happens to containers that are there: the engine's part of stop, kill, restart, pause, unpause, rename, update. */
#pragma once
#include "commands.h"

int command_stop(struct request *r, struct err *e);
int command_restart(struct request *r, struct err *e);
int command_kill(struct request *r, struct err *e);
int command_pause(struct request *r, struct err *e);
int command_unpause(struct request *r, struct err *e);
int command_rename(struct request *r, struct err *e);
int command_update(struct request *r, struct err *e);
/* A monitor has carried an update out. Takes what is in `set` over into the request. */
void command_updated(struct entry *entry, const struct json *set);
