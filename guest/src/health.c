#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cgroup.h"
#include "commands.h"
#include "exec.h"
#include "health.h"
#include "history.h"
#include "io.h"
#include "memory.h"
#include "sock.h"

/* Docker's defaults. */
enum { INTERVAL_MS = 30000, TIMEOUT_MS = 30000, START_INTERVAL_MS = 5000, RETRIES = 3 };

static int number(const struct json *request, const char *key, const struct json *image, const char *image_key, double fallback,
		  int64_t *out, struct err *e)
{
	double value = json_number(request, key, 0);

	if (!(value >= 0 && value <= 1e12))
		return value < 0 && strcmp(image_key, "Retries") == 0 ? err_set(e, 125, "--health-retries cannot be negative")
								      : err_set(e, 125, "%s: out of range", key);
	/* The image counts nanoseconds. */
	if (value == 0)
		value = json_number(image, image_key, 0) / (strcmp(image_key, "Retries") == 0 ? 1 : 1e6);
	*out = (int64_t)(value >= 1 && value <= 1e12 ? value : fallback);
	return 0;
}

int health_parse(const struct json *request, const struct json *config, struct health *h, struct err *e)
{
	static const char *const shell[] = {"/bin/sh", "-c", NULL};
	const struct json *image = json_get(config, "Healthcheck"), *test = json_get(image, "Test");
	const char *command = json_string(request, "healthCmd", "");
	int64_t retries;
	size_t count = 0;

	*h = (struct health){.fd = -1, .status = "starting"};
	if (number(request, "healthInterval", image, "Interval", INTERVAL_MS, &h->interval, e) < 0 ||
	    number(request, "healthTimeout", image, "Timeout", TIMEOUT_MS, &h->timeout, e) < 0 ||
	    number(request, "healthStartPeriod", image, "StartPeriod", 0, &h->start_period, e) < 0 ||
	    number(request, "healthStartInterval", image, "StartInterval", START_INTERVAL_MS, &h->start_interval, e) < 0 ||
	    number(request, "healthRetries", image, "Retries", RETRIES, &retries, e) < 0)
		return -1;
	h->retries = retries > 1000000 ? 1000000 : (int)retries;
	if (json_bool(request, "noHealthcheck", false)) {
		static const char *const others[] = {"healthCmd",         "healthInterval",      "healthRetries",
						     "healthStartPeriod", "healthStartInterval", "healthTimeout"};

		for (size_t i = 0; i < array_size(others); i++)
			if (json_get(request, others[i]))
				return err_set(e, 125, "--no-healthcheck conflicts with --health-* options");
		return 0;
	}
	const struct json *word = !*command && test && test->kind == JSON_ARRAY ? test->first : NULL;
	bool by_shell = *command || (word && word->kind == JSON_STRING && strcmp(word->string, "CMD-SHELL") == 0);

	if (!by_shell && (!word || word->kind != JSON_STRING || strcmp(word->string, "CMD") != 0))
		return 0;
	const struct json *own_shell = json_get(config, "Shell");

	if (by_shell && own_shell && own_shell->kind == JSON_ARRAY && own_shell->length) {
		json_each(part, own_shell)
			if (part->kind == JSON_STRING && count + 2 < HEALTH_WORDS)
				h->argv[count++] = part->string;
	} else if (by_shell) {
		for (; shell[count]; count++)
			h->argv[count] = shell[count];
	}
	if (*command) {
		h->argv[count] = command;
		return 0;
	}
	for (word = word->next; word && count < HEALTH_WORDS; word = word->next)
		if (word->kind == JSON_STRING)
			h->argv[count++] = word->string;
	return 0;
}

int health_check(const struct json *request, struct err *e)
{
	static struct health h _scratch_;

	return health_parse(request, NULL, &h, e);
}

void health_start(struct health *h)
{
	h->started = now_ms();
	h->next = h->started + (h->start_period ? h->start_interval : h->interval);
}

/* While it starts it is asked more often, when it was given time to start. */
static int64_t pause_of(const struct health *h)
{
	bool starting = *h->status == 's' && now_ms() - h->started < h->start_period;

	return starting && h->start_interval < h->interval ? h->start_interval : h->interval;
}

static void probe(struct health *h, const struct container *c)
{
	int pair[2];

	h->next = now_ms() + h->interval;
	if (!h->log && !(h->log = calloc(HEALTH_LOG, sizeof(*h->log))))
		return;
	/* A paused one cannot answer, and is not asked. */
	if (cgroup_read(c->id, "cgroup.freeze") == 1 || sock_pair(pair, NULL) < 0)
		return;
	h->log[h->count % HEALTH_LOG].begin = unix_ms();
	int pidfd = c->pidfd, report = pair[1], *keep[] = {&pidfd, &report};

	h->pid = command_fork(keep, array_size(keep), NULL);
	if (h->pid == 0)
		exec_check(c, h->argv, pidfd, (int)h->timeout, report);
	close(pair[1]);
	if (h->pid < 0)
		close(pair[0]);
	else
		h->fd = pair[0];
}

int health_poll(struct health *h, const struct container *c, struct pollfd *fd)
{
	if (h->argv[0] && h->fd < 0 && h->next <= now_ms())
		probe(h, c);
	*fd = (struct pollfd){.fd = h->fd, .events = POLLIN};
	return !h->argv[0] || h->fd >= 0 ? -1 : (int)(h->next - now_ms());
}

bool health_handle(struct health *h, const struct pollfd *fd)
{
	unsigned at = h->count % HEALTH_LOG;
	struct exec_report report = {.code = -1};

	if (!fd->revents)
		return false;
	ssize_t n = sock_recv(h->fd, &report, sizeof(report), NULL, NULL, 0, NULL);
	size_t length = n > (ssize_t)sizeof(report.code) ? (size_t)n - sizeof(report.code) : 0;

	close_fd(&h->fd);
	reap(h->pid);
	memcpy(h->log[at].output, report.output, length);
	h->log[at].output[length] = 0;
	h->log[at].end = unix_ms();
	h->log[at].code = report.code;
	h->count++;
	if (report.code == 0) {
		h->streak = 0;
		h->status = "healthy";
	} else if (*h->status != 's' || now_ms() - h->started >= h->start_period) {
		/* Within the start period a failure counts for nothing. */
		if (++h->streak >= h->retries)
			h->status = "unhealthy";
	}
	h->next = now_ms() + pause_of(h);
	return true;
}

void health_put(struct jsonw *w, const struct health *h)
{
	jsonw_object(w, NULL);
	jsonw_string(w, "type", "health");
	jsonw_string(w, "status", h->status);
	jsonw_int(w, "streak", h->streak);
	jsonw_array(w, "log");
	for (unsigned i = h->count > HEALTH_LOG ? h->count - HEALTH_LOG : 0; i < h->count && w->length < 30000; i++) {
		jsonw_object(w, NULL);
		jsonw_int(w, "start", h->log[i % HEALTH_LOG].begin);
		jsonw_int(w, "end", h->log[i % HEALTH_LOG].end);
		jsonw_int(w, "code", h->log[i % HEALTH_LOG].code);
		jsonw_string(w, "output", h->log[i % HEALTH_LOG].output);
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

void health_heard(struct entry *entry, struct json *message)
{
	char action[40];
	const char *status = json_string(message, "status", "");

	if (strcmp(status, json_string(entry->health, "status", "starting")) != 0 && strcmp(status, "starting") != 0) {
		snprintf(action, sizeof(action), "health_status: %.20s", status);
		history_entry(entry, action, NULL, NULL);
	}
	json_free(entry->health);
	entry->health = message;
}
