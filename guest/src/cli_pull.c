/* pull: asked of the level above directly; no engine is needed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "cli.h"
#include "io.h"
#include "units.h"
#include "upstream.h"

enum { LINES_MAX = 128, QUIET_MS = 120000 };

/* Docker's picture: one line per layer, redrawn in place on a terminal, one line per change elsewhere. */
struct progress {
	int out;
	bool terminal, quiet;
	int columns;
	size_t count;
	bool fetched;
	bool summed_up; /* the level above said "Status: …" itself */
	char ids[LINES_MAX][16], statuses[LINES_MAX][24];
};

static void draw(const struct progress *p, size_t line, const char *text)
{
	size_t up = p->count - line;

	/* Up to the line, clear it, write, and back down below the last. */
	dprintf(p->out, "\033[%zuA\033[2K\r%.*s\033[%zuB\r", up, p->columns > 8 ? p->columns - 1 : 79, text, up);
}

static int show(const struct json *update, void *context)
{
	struct progress *p = context;
	const char *id = json_string(update, "id", ""), *status = json_string(update, "status", "");
	double current = json_number(update, "current", 0), total = json_number(update, "total", 0);
	char text[200], bar[60] = "", now[16], all[16];
	size_t line = 0;

	if (strcmp(status, "Pull complete") == 0)
		p->fetched = true;
	if (strncmp(status, "Status: ", 8) == 0)
		p->summed_up = true;
	if (p->quiet)
		return 0;
	if (!*id) {
		/* On a terminal a plain line goes below the picture, which ends there. */
		dprintf(p->out, "%s\n", status);
		p->count = 0;
		return 0;
	}
	while (line < p->count && strcmp(p->ids[line], id) != 0)
		line++;
	bool news = line == p->count || strcmp(p->statuses[line], status) != 0;

	if (line == LINES_MAX)
		return 0;
	if (line == p->count) {
		snprintf(p->ids[line], sizeof(p->ids[line]), "%s", id);
		p->count++;
		if (p->terminal)
			dprintf(p->out, "\n");
	}
	snprintf(p->statuses[line], sizeof(p->statuses[line]), "%s", status);
	if (!p->terminal) {
		if (news)
			dprintf(p->out, "%s: %s\n", id, status);
		return 0;
	}
	bool moving = strcmp(status, "Downloading") == 0 || strcmp(status, "Extracting") == 0;

	if (moving && total > 0) {
		int done = (int)(current / total * 50);

		done = done < 0 ? 0 : done > 50 ? 50 : done;
		memset(bar, ' ', 50);
		memset(bar, '=', (size_t)done);
		if (done < 50)
			bar[done] = '>';
		unit_size(now, sizeof(now), current, 4);
		unit_size(all, sizeof(all), total, 4);
		snprintf(text, sizeof(text), "%s: %s [%s]  %s/%s", id, status, bar, now, all);
	} else {
		snprintf(text, sizeof(text), "%s: %s", id, status);
	}
	draw(p, line, text);
	return 0;
}

char *cli_reference_params(const char *reference, bool quiet)
{
	struct jsonw w = {0};

	jsonw_object(&w, NULL);
	jsonw_string(&w, "ref", reference);
	if (quiet)
		jsonw_bool(&w, "quiet", true);
	jsonw_end_object(&w);
	if (!w.failed)
		return w.data;
	jsonw_free(&w);
	return NULL;
}

const char *cli_with_tag(const char *reference, char *text, size_t size)
{
	const char *slash = strrchr(reference, '/');

	snprintf(text, size, "%s%s", reference, strpbrk(slash ? slash : reference, ":@") ? "" : ":latest");
	return text;
}

int cli_pull_image(const char *reference, bool quiet, int out, struct err *e)
{
	struct winsize size = {.ws_col = 80};
	struct json *document = NULL;
	char code[32], full[300];
	_cleanup_free_ char *params = cli_reference_params(reference, quiet);
	_cleanup_free_ struct progress *p = calloc(1, sizeof(*p));

	if (!params || !p)
		return err_set(e, 125, "out of memory");
	p->out = out;
	p->quiet = quiet;
	p->terminal = isatty(out);
	ioctl(out, TIOCGWINSZ, &size);
	p->columns = size.ws_col;
	const struct upstream_wait wait = {show, p, QUIET_MS};
	const struct json *image = upstream_ask("image.pull", params, &wait, &document, code, e);

	if (!image) {
		/* Docker's words for a name nobody knows. */
		if (strcmp(code, "not-found") == 0 && !strstr(e->msg, reference))
			err_set(e, 125, "pull access denied for %s, repository does not exist", reference);
		return -1;
	}
	if (!quiet && !p->summed_up)
		dprintf(out, "Digest: %s\nStatus: %s for %s\n", json_string(image, "digest", ""),
			p->fetched ? "Downloaded newer image" : "Image is up to date",
			cli_with_tag(reference, full, sizeof(full)));
	json_free(document);
	return 0;
}

int cli_pull(const struct cli_command *c, struct arguments *a)
{
	char full[300];
	struct err e;

	(void)c;
	cli_with_tag(a->rest[0], full, sizeof(full));
	if (!flag_on(a, "quiet") && full[strlen(a->rest[0])])
		dprintf(1, "Using default tag: latest\n");
	if (cli_pull_image(a->rest[0], flag_on(a, "quiet"), 1, &e) < 0) {
		cli_daemon_error(&e);
		return 1;
	}
	printf("%s\n", full);
	return 0;
}
