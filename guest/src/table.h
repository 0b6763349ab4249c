/* The containers an engine has. */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "err.h"
#include "json.h"

#define TABLE_MAX 1024

enum entry_state { ENTRY_RESERVED, ENTRY_CREATED, ENTRY_RUNNING, ENTRY_EXITED };

struct entry {
	char id[65], name[129];
	enum entry_state state;
	struct json *request;               /* the command line's, see ENGINE.md */
	struct json *message;               /* the monitor's "created"; its "summary" */
	struct json *live;                  /* the monitor's last "networks" and "ports"; stays when it ends */
	int64_t created, started, finished; /* unix ms, 0: not yet */
	int exit_code;
	struct json *health;         /* the monitor's last word on it, NULL: none */
	bool paused, oom;            /* oom: the kernel killed in it for want of memory */
	bool known;                  /* to an engine before this one */
	bool unsaved;                /* its file is still to be written */
	bool kept;                   /* its monitor left it in order, and its file says all there is */
	bool stopped;                /* by a command: not to be started again */
	bool restarted;              /* `restart` starts it: to be told when it runs */
	bool restarting;             /* ended and to start again, at restart_at (now_ms) or, when that is 0, this moment */
	int restarts, restart_delay; /* how often; the last pause in ms */
	int64_t restart_at;
	bool remove_volumes;  /* `rm -v` was asked for */
	pid_t pid;            /* its first process */
	int pidfd, control;   /* of that process; to the monitor; or -1 */
	int64_t pids, memory; /* as last sent upward */
	struct entry *next;   /* newest first */
};

struct entry *table_first(void);
/* A new entry with a random id; "" as name makes one up. Docker's words when the name is taken. Takes `request` over. */
struct entry *table_add(const char *name, struct json *request, struct err *e);
/* One that an earlier engine made; reserved until more is known. */
struct entry *table_adopt(const char *id, const char *name);
/* Newest first again. */
void table_sort(void);
void table_remove(struct entry *entry);
/* By name, id or a unique prefix of one; reserved ones are not there yet. */
struct entry *table_find(const char *reference, struct err *e);
struct entry *table_by_id(const char *id);
struct entry *table_by_name(const char *name);
/* "Conflict. The container name …" */
int table_conflict(const struct entry *taken, struct err *e);
/* "created", "running", "exited" */
const char *entry_state_name(const struct entry *entry);
/* Also "paused", "restarting". */
const char *entry_status_name(const struct entry *entry);
const struct json *entry_summary(const struct entry *entry);
/* Those it is in, as attachments_put writes them; NULL: not known yet. */
const struct json *entry_networks(const struct entry *entry);
/* ["0.0.0.0:8080:80/tcp"…] while it runs, else NULL. */
const struct json *entry_ports(const struct entry *entry);
/* argv joined by spaces, cut at `size`. */
void entry_command(const struct entry *entry, char *text, size_t size);
int64_t unix_ms(void);
