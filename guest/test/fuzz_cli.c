/*
 * Command lines as anybody may type them: a command's number, then arguments (separated by "\n") against its table of flags; and the
 * small notations behind them: ports, keys, sizes, times, policies, names, filters.
 */
#include <stdlib.h>
#include <string.h>
#include "fuzz.h"
#include "cli.h"
#include "detach.h"
#include "filter.h"
#include "flags.h"
#include "publish.h"
#include "quote.h"
#include "restart.h"
#include "spec.h"
#include "units.h"
#include "cli_values.h"

enum { ARGUMENTS_MAX = 64 };

static void try_small(const char *text)
{
	char shown[200], out[64 + DETACH_MAX];
	struct detach keys;
	struct port port;
	struct err e = {0};
	uint16_t number;
	uint8_t protocol;
	int64_t ms;
	size_t used;

	if (port_parse(text, &port, &e) == 0) {
		must(port.to_port && (port.protocol == 6 || port.protocol == 17));
		must(strlen(port_text(&port, shown)) < PORT_TEXT_MAX);
	} else {
		must(e.code && *e.msg);
	}
	(void)port_exposed(text, &number, &protocol, &e);
	if (detach_parse(text, &keys, &e) == 0) {
		must(keys.count > 0 && keys.count <= DETACH_MAX);
		(void)detach_filter(&keys, text, strnlen(text, 64), out, &used);
		must(used <= sizeof(out));
	}
	must(flag_size(text) >= -1 && flag_time(text) >= -1 && flag_cpus(text) >= -1);
	(void)unit_moment(text, &ms);
	(void)unit_parse_time(text);
	quote(text, strlen(text) % 9, shown, sizeof(shown));
	must(strlen(shown) < sizeof(shown));
	(void)spec_signal(text);
	if (spec_name_ok(text))
		must(!strchr(text, '/') && *text != '.');
}

static void try_arguments(const struct cli_command *command, char *text)
{
	static const char *const keys[] = {"label", "name", NULL};
	char *argv[ARGUMENTS_MAX + 1];
	int argc = 0;
	struct arguments a;
	struct err e = {0};

	while (text && argc < ARGUMENTS_MAX)
		argv[argc++] = strsep(&text, "\n");
	argv[argc] = NULL;
	if (flags_parse(command->flags, command->interspersed, argc, argv, &a, &e) < 0) {
		must(e.code && *e.msg);
		return;
	}
	must(a.count <= FLAG_VALUES_MAX && a.rest_count <= (size_t)argc);
	for (size_t i = 0; i < a.count; i++)
		must(a.values[i].flag >= command->flags && a.values[i].text);
	if (filters_check(&a, keys, &e) == 0) {
		(void)filter_any(&a, "name", filter_in_text, "a name");
		(void)filter_labels(&a, NULL);
	}
	/* What the engine is asked for then, and what it says to that: the check of all values. */
	struct jsonw w = {0};
	struct spec spec;

	jsonw_object(&w, NULL);
	jsonw_string(&w, "image", "image");
	int put = command->flags == cli_run_flags && values_check(&a, &e) == 0 ? cli_put_flags(&w, command->flags, &a, &e) : -1;

	jsonw_end_object(&w);
	struct json *request = put < 0 || w.failed ? NULL : json_parse(w.data, w.length, &e);

	must(put < 0 || w.failed || request);
	if (request && spec_parse(request, &spec, &e) < 0)
		must(e.code && *e.msg);
	json_free(request);
	jsonw_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t commands = 0;

	if (!size)
		return 0;
	while (cli_commands[commands].name)
		commands++;
	char *text = strndup((const char *)data + 1, size - 1);

	try_small(text);
	/* Most of them are a container's. */
	const struct cli_command *command = &cli_commands[data[0] % commands];

	for (size_t i = 0; data[0] >= 128 && i < commands; i++)
		if (cli_commands[i].flags == cli_run_flags)
			command = &cli_commands[i];
	try_arguments(command, text);
	free(text);
	return 0;
}
