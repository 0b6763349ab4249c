#include <stdio.h>
#include <string.h>
#include "cgroup.h"
#include "commands.h"
#include "container.h"
#include "events.h"
#include "history.h"
#include "io.h"
#include "memory.h"
#include "reply.h"
#include "restart.h"
#include "waiters.h"

struct waiter {
	enum waiter_kind kind;
	int client; /* -1: went away, but the work goes on */
	char id[65];
	int64_t kill_at; /* now_ms, -1: never */
};

static struct waiter waiters[WAITERS_MAX] _scratch_;

void waiters_destroy(struct entry *entry, struct err *e)
{
	struct container c;

	container_adopt(&c, entry->id);
	c.remove_volumes = entry->remove_volumes;
	e->code = 0;
	if (container_remove(&c, e) < 0)
		return;
	history_entry(entry, "destroy", NULL, NULL);
	events_send("destroy", entry);
	table_remove(entry);
}

static void finish_waiter(struct waiter *w, struct entry *entry)
{
	struct err e = {0};

	if (entry && (w->kind == WAIT_STOP || w->kind == WAIT_RESTART))
		history_entry(entry, "stop", NULL, NULL);
	if (w->kind == WAIT_REMOVE && entry)
		waiters_destroy(entry, &e);
	if (w->kind == WAIT_RESTART && entry) {
		restart_reset(entry);
		entry->restarted = true;
		if (command_start(entry, w->client, &e) == 0)
			close_fd(&w->client);
	}
	if (e.code)
		reply_error(w->client, &e);
	else if (w->client >= 0)
		reply_code(w->client, entry && w->kind == WAIT_EXIT ? entry->exit_code : 0);
	close_fd(&w->client);
	*w = (struct waiter){.client = -1};
}

void waiters_wake(const char *entry_id)
{
	char id[65];

	/* An entry's own goes with it when it was waited for to be removed. */
	strcpy(id, entry_id);
	for (size_t i = 0; i < WAITERS_MAX; i++)
		if (waiters[i].kind != WAIT_FREE && strcmp(waiters[i].id, id) == 0)
			finish_waiter(&waiters[i], table_by_id(id));
}

void waiters_add(const struct entry *entry, int client, enum waiter_kind kind, int64_t kill_at)
{
	struct err e;

	for (size_t i = 0; i < WAITERS_MAX; i++) {
		if (waiters[i].kind != WAIT_FREE)
			continue;
		waiters[i] = (struct waiter){kind, client, "", kill_at};
		strcpy(waiters[i].id, entry->id);
		return;
	}
	err_set(&e, 125, "%d commands wait for containers already", WAITERS_MAX);
	reply_error(client, &e);
	close(client);
}

void waiters_poll(struct pollfd *fds)
{
	for (size_t i = 0; i < WAITERS_MAX; i++)
		fds[i] = (struct pollfd){.fd = waiters[i].kind == WAIT_FREE ? -1 : waiters[i].client, .events = POLLIN};
}

void waiters_handle(const struct pollfd *fds)
{
	for (size_t i = 0; i < WAITERS_MAX; i++) {
		if (!fds[i].revents || waiters[i].kind == WAIT_FREE || waiters[i].client != fds[i].fd)
			continue;
		/* The command line was interrupted. A removal goes on without it, as a stop does. */
		if (waiters[i].kill_at < 0 && waiters[i].kind == WAIT_EXIT) {
			close(waiters[i].client);
			waiters[i] = (struct waiter){.client = -1};
		} else {
			close_fd(&waiters[i].client);
		}
	}
}

int waiters_due(void)
{
	int64_t now = now_ms(), next = -1;

	for (size_t i = 0; i < WAITERS_MAX; i++) {
		struct waiter *w = &waiters[i];

		if (w->kind == WAIT_FREE || w->kill_at < 0)
			continue;
		if (w->kill_at <= now) {
			w->kill_at = -1;
			cgroup_kill(w->id, NULL);
		} else if (next < 0 || w->kill_at - now < next) {
			next = w->kill_at - now;
		}
	}
	return (int)next;
}
