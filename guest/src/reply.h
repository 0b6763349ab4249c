/* The engine's answers to the command line, as 'J' and 'X' packets. */
#pragma once
#include "table.h"

void reply_text(int client, const char *json);
void reply_error(int client, const struct err *e);
/* The last packet: {"code":n}. */
void reply_code(int client, int code);
/* All of one container: {"container":…,"request":…,"summary":…,"networks":[…]}. */
int reply_entry(int client, const struct entry *entry, struct err *e);
/* {"containers":[…]}, as many packets as it takes. */
int reply_list(int client, bool all, bool details, struct err *e);
