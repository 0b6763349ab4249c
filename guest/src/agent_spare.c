#include <signal.h>
#include <string.h>
#include "agent_spare.h"
#include "io.h"
#include "json.h"

/* After the page has what it asked for: starting one more program must not slow down the one in use. */
enum { QUIET_MS = 1500, REQUEST_MAX = 4096 };

static struct {
	char request[REQUEST_MAX];
	size_t length; /* 0: none was asked for */
	int64_t start_at;
	bool running;
	struct program program;
	struct program_pipes pipes;
} spare;

static bool same(const struct json *a, const struct json *b, const char *but)
{
	const struct json *x, *y;

	if (!a || !b || a->kind != b->kind)
		return false;
	switch (a->kind) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return a->boolean == b->boolean;
	case JSON_NUMBER:
		return a->number == b->number;
	case JSON_STRING:
		return a->length == b->length && memcmp(a->string, b->string, a->length) == 0;
	default:
		break;
	}
	for (x = a->first, y = b->first; x && y; x = x->next, y = y->next) {
		if (a->kind == JSON_OBJECT && strcmp(x->key, y->key) != 0)
			return false;
		if (!(but && a->kind == JSON_OBJECT && strcmp(x->key, but) == 0) && !same(x, y, NULL))
			return false;
	}
	return !x && !y;
}

static void forget(int64_t start_at)
{
	close_fd(&spare.pipes.input);
	close_fd(&spare.pipes.output);
	close_fd(&spare.program.failure);
	spare.running = false;
	spare.start_at = start_at;
}

static void resize(int master, const struct json *pty)
{
	double columns = json_number(pty, "cols", 80), rows = json_number(pty, "rows", 24);

	if (columns >= 0 && columns <= UINT16_MAX && rows >= 0 && rows <= UINT16_MAX)
		program_resize(&spare.program, master, (uint16_t)columns, (uint16_t)rows);
}

bool spare_take(const char *request, size_t length, struct program *p, struct program_pipes *pipes)
{
	if (!spare.running || length > REQUEST_MAX)
		return false;
	struct json *wanted = json_parse(request, length, NULL), *have = json_parse(spare.request, spare.length, NULL);
	bool fits = same(wanted, have, "pty");

	if (fits) {
		resize(spare.pipes.output, json_get(wanted, "pty"));
		*p = spare.program;
		*pipes = spare.pipes;
		spare.running = false;
	}
	json_free(wanted);
	json_free(have);
	return fits;
}

void spare_learn(const char *request, size_t length, int64_t now)
{
	if (length > REQUEST_MAX)
		return;
	struct json *document = json_parse(request, length, NULL);
	const struct json *pty = json_get(document, "pty");

	if (json_bool(document, "spare", false) && pty && pty->kind == JSON_OBJECT &&
	    json_number(document, "timeoutMs", 0) == 0) {
		memcpy(spare.request, request, length);
		spare.length = length;
		spare.start_at = now + QUIET_MS;
	}
	json_free(document);
}

int64_t spare_tick(int cgroup, int64_t now)
{
	struct err e;
	int64_t timeout;

	if (spare.running || !spare.length || !spare.start_at)
		return -1;
	if (spare.start_at > now)
		return spare.start_at - now;
	spare.start_at = 0;
	spare.running = program_start(&spare.program, &spare.pipes, spare.request, spare.length, cgroup, &timeout, &e) == 0;
	return -1;
}

bool spare_ended(pid_t pid)
{
	if (!spare.running || spare.program.pid != pid)
		return false;
	/* Whoever ended it may do so again; the next OPEN asks for another. */
	forget(0);
	return true;
}

void spare_renew(int64_t now)
{
	if (!spare.running)
		return;
	kill(-spare.program.pid, SIGKILL);
	forget(now + QUIET_MS);
}
