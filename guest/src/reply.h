/* The engine's answers to the command line, as 'J' and 'X' packets. */
#pragma once
#include "table.h"

/* How long the engine waits for room in a command line's socket. */
enum { REPLY_MS = 100 };

void reply_text(int client, const char *json);
/* {"warnings":[…]}, when a request asks for what this kernel does not have. */
void reply_warnings(int client, const struct json *request);
void reply_error(int client, const struct err *e);
/* The last packet: {"code":n}. */
void reply_code(int client, int code);
/* A packet of JSON; frees it. */
int reply_json(int client, struct jsonw *w, int timeout_ms, struct err *e);
/* All of one container: {"container":…}, {"request":…}, {"summary":…}, {"networks":[…]}, {"health":…}, {"mounts":[…]}. */
int reply_entry(int client, const struct entry *entry, struct err *e);
/* {"containers":[…]}, as many packets as it takes. */
int reply_list(int client, bool all, bool details, struct err *e);
