#include <stdio.h>
#include <string.h>
#include "history.h"
#include "io.h"
#include "memory.h"
#include "reply.h"
#include "sock.h"

/* Docker keeps as many. */
enum { KEPT = 256, PART = 48000, PACKET = 4096 };

static struct {
	int64_t time;
	char *json;
} ring[KEPT] _scratch_;
static size_t next _scratch_;
static int watchers[HISTORY_WATCHERS] _scratch_; /* descriptor + 1; 0: free */
static int64_t ends[HISTORY_WATCHERS] _scratch_; /* unix ms, 0: never */
/* What happens in processes forked from the engine comes this way; theirs have no inbox. */
static int inbox = -1, outbox = -1;

static void begin(struct jsonw *w)
{
	jsonw_object(w, NULL);
	jsonw_array(w, "events");
}

static int send_list(int client, struct jsonw *w, int timeout_ms, struct err *e)
{
	jsonw_end_array(w);
	jsonw_end_object(w);
	return reply_json(client, w, timeout_ms, e);
}

int history_open(struct err *e)
{
	int pair[2];

	if (sock_pair(pair, e) < 0)
		return -1;
	inbox = pair[0];
	outbox = pair[1];
	return 0;
}

int *history_outbox(void)
{
	return &outbox;
}

void history_forked(void)
{
	inbox = -1;
}

/* Takes `text` over. */
static void keep(char *text)
{
	free(ring[next % KEPT].json);
	ring[next % KEPT].time = unix_ms();
	ring[next++ % KEPT].json = text;
	for (size_t i = 0; i < HISTORY_WATCHERS; i++) {
		struct jsonw one = {0};

		if (!watchers[i])
			continue;
		begin(&one);
		jsonw_raw(&one, NULL, text);
		/* Who does not keep up is dropped: the engine waits for nobody. */
		if (send_list(watchers[i] - 1, &one, 0, NULL) < 0) {
			close(watchers[i] - 1);
			watchers[i] = 0;
		}
	}
}

void history_add(const char *type, const char *action, const char *id, const char *const (*attributes)[2])
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_int(&w, "time", unix_ms());
	jsonw_string(&w, "type", type);
	jsonw_string(&w, "action", action);
	jsonw_string(&w, "id", id);
	jsonw_object(&w, "attributes");
	for (; (*attributes)[0]; attributes++)
		jsonw_string(&w, (*attributes)[0], (*attributes)[1]);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	if (!w.failed && inbox >= 0) {
		keep(w.data);
		return;
	}
	/* Lost when the engine is gone or has much to do: nothing waits for this. */
	if (!w.failed && outbox >= 0)
		sock_send(outbox, w.data, w.length, NULL, 0, 0, NULL);
	jsonw_free(&w);
}

void history_entry(const struct entry *entry, const char *action, const char *key, const char *value)
{
	const char *attributes[4][2] = {{NULL, NULL}};
	size_t count = 0;

	if (key && strcmp(key, "image") < 0)
		attributes[count][0] = key, attributes[count++][1] = value;
	attributes[count][0] = "image", attributes[count++][1] = json_string(entry->request, "image", "");
	attributes[count][0] = "name", attributes[count++][1] = entry->name;
	if (key && count == 2)
		attributes[count][0] = key, attributes[count++][1] = value;
	history_add("container", action, entry->id, (const char *const(*)[2])attributes);
}

void history_signal(const struct entry *entry, int signal)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", signal);
	history_entry(entry, "kill", "signal", text);
}

int history_watch(int client, const struct json *request, struct err *e)
{
	double since = json_number(request, "since", 0), until = json_number(request, "until", 0);
	size_t at = next > KEPT ? next - KEPT : 0;

	while (since != 0 && at < next) {
		struct jsonw w = {0};

		begin(&w);
		for (; at < next && w.length < PART; at++) {
			double time = (double)ring[at % KEPT].time;

			if (time >= since && (until == 0 || time <= until))
				jsonw_raw(&w, NULL, ring[at % KEPT].json);
		}
		if (send_list(client, &w, REPLY_MS, e) < 0)
			return -1;
	}
	if (until != 0 && until <= (double)unix_ms()) {
		reply_code(client, 0);
		close(client);
		return 0;
	}
	for (size_t i = 0; i < HISTORY_WATCHERS; i++) {
		if (watchers[i])
			continue;
		watchers[i] = client + 1;
		ends[i] = (int64_t)until;
		/* The command line knows by this that nothing it causes from now on is missed. */
		reply_text(client, "{\"watching\":true}");
		return 0;
	}
	return err_set(e, 1, "%d commands watch events already", HISTORY_WATCHERS);
}

int history_due(void)
{
	int64_t now = unix_ms(), first = -1;

	for (size_t i = 0; i < HISTORY_WATCHERS; i++) {
		if (!watchers[i] || !ends[i])
			continue;
		if (ends[i] <= now) {
			reply_code(watchers[i] - 1, 0);
			close(watchers[i] - 1);
			watchers[i] = 0;
		} else if (first < 0 || ends[i] - now < first) {
			first = ends[i] - now;
		}
	}
	return first > 1000000 ? 1000000 : (int)first;
}

void history_poll(struct pollfd *fds)
{
	for (size_t i = 0; i < HISTORY_WATCHERS; i++)
		fds[i] = (struct pollfd){.fd = watchers[i] - 1};
	fds[HISTORY_WATCHERS] = (struct pollfd){.fd = inbox, .events = POLLIN};
}

void history_handle(const struct pollfd *fds)
{
	static char packet[PACKET + 1];
	ssize_t n = 0;

	while (fds[HISTORY_WATCHERS].revents && (n = sock_recv(inbox, packet, PACKET, NULL, NULL, 0, NULL)) > 0) {
		packet[n] = 0;
		char *text = strdup(packet);

		if (text)
			keep(text);
	}
	for (size_t i = 0; i < HISTORY_WATCHERS; i++) {
		if (!fds[i].revents || watchers[i] != fds[i].fd + 1)
			continue;
		close(fds[i].fd);
		watchers[i] = 0;
	}
}
