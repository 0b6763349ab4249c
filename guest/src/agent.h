/*
 * Inside of the agent: one event loop between the page's port and programs and sockets of the guest host. Wire format:
 * emulator/agent/PROTOCOL.md. Parts: agent_port (the stream), agent_channel (programs), agent_request (host.sock),
 * agent_hello (what a HELLO changes in the machine).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include "frame.h"
#include "json.h"

struct agent;

/* Something epoll reports on. `fd` is -1 when closed; the owner must outlive the current round of events (agent_bury). */
struct watch {
	int fd;
	bool listed; /* now in an epoll set */
	void (*ready)(struct agent *a, struct watch *w, uint32_t events);
	void *owner;
};

/* Memory that may still be named by events of this round; freed at its end. */
struct corpse {
	struct corpse *next;
	void *memory;
};

enum { PORT_QUEUE = 512 << 10, PORT_FULL = 128 << 10 };

struct port {
	struct watch watch;
	int64_t retry; /* when to look again for the port or its other end; 0: it is there */
	uint32_t events;
	/* Frames on their way out. `head_left` bytes of the first are a rest: its beginning has been written. */
	uint8_t queue[PORT_QUEUE];
	size_t start, end, head_left;
};

struct agent {
	int epoll;   /* always listened to */
	int sources; /* inside epoll: what produces frames; taken out while the port is full */
	bool sources_listed;
	struct port port;
	struct frame_parser parser;
	bool connected; /* a HELLO has come */
	/* A frame that was begun: when to look at it again, and how often that was done (see watch_stall). */
	int64_t stall_due;
	int stall_ticks;
	struct channel *channels;
	unsigned channel_count;
	struct connection *connections;
	unsigned connection_count;
	struct watch listener, children;
	uint16_t next_request;
	/* Ids used since the last HELLO: late frames for them are dropped, frames for others break the stream. */
	uint8_t seen[65536 / 8];
	struct corpse *corpses;
	int cgroup; /* of the programs, -1: none */
	/* Applies a HELLO to the machine; tests have their own. */
	void (*greet)(const struct json *hello);
	bool stop;
};

/* --- agent.c */
int agent_open(struct agent *a, struct err *e);
/* Until a->stop; `port_fd` -1 looks for the port by its name. */
void agent_run(struct agent *a, int port_fd);
/* Adds, changes (events != 0) or takes out (0) a watch. */
void agent_watch(struct agent *a, int set, struct watch *w, uint32_t events);
void agent_close(struct agent *a, int set, struct watch *w);
void agent_bury(struct agent *a, void *memory);
bool agent_seen(const struct agent *a, uint16_t id);
void agent_set_seen(struct agent *a, uint16_t id);
/* The stream broke: everything is ended, and the host hears an unasked HELLO. */
void agent_broken(struct agent *a, const char *why);

/* --- agent_port.c */
#define AGENT_PORT_NAME "nest.agent"
void port_send(struct agent *a, enum frame_type type, uint16_t channel, const void *payload, size_t length);
/* Sends the writer's text as payload and frees it. */
void port_send_json(struct agent *a, enum frame_type type, uint16_t channel, struct jsonw *w);
bool port_full(const struct agent *a);
/* Forgets frames of which nothing has been written. */
void port_drop_queue(struct agent *a);
void port_open(struct agent *a, int fd);
void port_flush(struct agent *a);
/* Looks for the port when it is time; milliseconds until the next look, -1 when none is due. */
int64_t port_retry(struct agent *a, int64_t now);

/* --- agent_channel.c */
enum { CHANNELS_MAX = 256 };
/* Each takes one frame of the host for a channel it opened. -1: the stream is broken. */
int channel_open(struct agent *a, const struct frame *f);
int channel_frame(struct agent *a, const struct frame *f);
/* Ends all programs without EXIT. */
void channel_end_all(struct agent *a);
void channel_reap(struct agent *a);
/* Output left over by ended programs, timeouts; milliseconds until the next one, -1 for none. */
int64_t channel_tick(struct agent *a, int64_t now);

/* --- agent_request.c */
enum { CONNECTIONS_MAX = 256 };
void request_listen(struct agent *a, int listener);
/* PROGRESS and REPLY. -1: the stream is broken. */
int request_frame(struct agent *a, const struct frame *f);
void request_end_all(struct agent *a);
int64_t request_tick(struct agent *a, int64_t now);

/* --- agent_hello.c */
void hello_apply(const struct json *hello);
/* `session` is the number of the HELLO answered, -1 when unasked. */
void hello_send(struct agent *a, int64_t session);
/* "<unix nanoseconds>" into the wall clock. */
int hello_set_clock(const char *nanoseconds, struct err *e);
