#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "commands.h"
#include "io.h"
#include "restart.h"

/* Docker's: doubled from try to try, forgotten by a run of ten seconds. */
enum { FIRST_MS = 100, LAST_MS = 60000, GOOD_MS = 10000 };

int restart_parse(const struct json *request, struct restart *r, struct err *e)
{
	static const char *const names[] = {"no", "on-failure", "always", "unless-stopped"};
	const char *text = json_string(request, "restart", "");
	size_t length = strcspn(text, ":");
	char *end;

	*r = (struct restart){0};
	if (!*text)
		return 0;
	for (size_t i = 0; i < array_size(names); i++) {
		if (strlen(names[i]) != length || strncmp(names[i], text, length) != 0)
			continue;
		r->policy = (enum restart_policy)i;
		if (text[length]) {
			long retries = strtol(text + length + 1, &end, 10);

			if (!isdigit((unsigned char)text[length + 1]) || *end || retries > 1000000000)
				return err_set(e, 125, "invalid restart policy format: maximum retry count must be an integer");
			if (r->policy != RESTART_ON_FAILURE)
				return err_set(e, 125,
					       "invalid restart policy: maximum retry count can only be used with 'on-failure'");
			r->retries = (int)retries;
		}
		if (r->policy != RESTART_NO && json_bool(request, "rm", false))
			return err_set(e, 125, "conflicting options: cannot specify both --restart and --rm");
		return 0;
	}
	return err_set(e, 125,
		       "invalid restart policy: unknown policy '%.40s'; use one of 'no', 'always', 'on-failure', or "
		       "'unless-stopped'",
		       text);
}

void restart_consider(struct entry *entry)
{
	struct restart r;
	bool good = entry->finished - entry->started >= GOOD_MS;

	restart_parse(entry->request, &r, NULL);
	entry->restarting =
		!entry->stopped && r.policy != RESTART_NO &&
		(r.policy != RESTART_ON_FAILURE || (entry->exit_code != 0 && (r.retries == 0 || entry->restarts < r.retries)));
	if (!entry->restarting)
		return;
	if (good || entry->restart_delay == 0)
		entry->restart_delay = FIRST_MS;
	else
		entry->restart_delay = entry->restart_delay * 2 > LAST_MS ? LAST_MS : entry->restart_delay * 2;
	entry->restart_at = now_ms() + entry->restart_delay;
	entry->restarts++;
}

void restart_cancel(struct entry *entry)
{
	entry->stopped = true;
	/* On its way up already: command_monitor_event sees to it. */
	if (entry->restart_at)
		entry->restarting = false;
	entry->restart_at = 0;
}

void restart_reset(struct entry *entry)
{
	entry->stopped = entry->restarting = false;
	entry->restarts = entry->restart_delay = 0;
	entry->restart_at = 0;
}

void restart_resume(struct entry *entry, bool pending)
{
	struct restart r;

	restart_parse(entry->request, &r, NULL);
	/* As docker does when it starts: "always" holds even for what somebody has stopped. */
	if (!pending && !(r.policy == RESTART_ALWAYS && entry->state == ENTRY_EXITED))
		return;
	entry->restarting = true;
	entry->restart_at = now_ms();
}

int restart_due(void)
{
	int64_t now = now_ms(), next = -1;

	for (struct entry *e = table_first(); e; e = e->next) {
		if (!e->restart_at)
			continue;
		if (e->restart_at <= now) {
			e->restart_at = 0;
			if (command_start(e, -1, NULL) < 0)
				e->restarting = false;
		} else if (next < 0 || e->restart_at - now < next) {
			next = e->restart_at - now;
		}
	}
	return (int)next;
}
