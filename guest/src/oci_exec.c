#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "oci.h"
#include "oci_commands.h"
#include "oci_schema.h"

/* uid[:gid], whole numbers and nothing else (CVE-2026-30892). */
static int ids(const char *text, struct user *user, struct err *e)
{
	char *end;
	unsigned long uid = strtoul(text, &end, 10), gid = user->gid;
	bool good = *text >= '0' && *text <= '9' && end - text <= 10;

	if (good && *end == ':') {
		text = end + 1;
		gid = strtoul(text, &end, 10);
		good = *text >= '0' && *text <= '9' && end - text <= 10;
	}
	if (!good || *end)
		return err_set(e, 1, "--user: \"%.40s\" is not uid[:gid]", text);
	user->uid = (uid_t)uid;
	user->gid = (gid_t)gid;
	return 0;
}

/* The flags of `exec`, over what the container's own process or --process says. */
static int overrides(const struct arguments *a, bool whole, struct oci_process *p, struct err *e)
{
	const char *user = flag_text(a, "user"), *cwd = flag_text(a, "cwd");

	if (a->rest_count > 1) {
		if (a->rest_count > SPEC_LIST_MAX)
			return err_set(e, 1, "exec: more than %d arguments", SPEC_LIST_MAX - 1);
		for (size_t i = 1; i < a->rest_count; i++)
			p->process.argv[i - 1] = a->rest[i];
		p->process.argv[a->rest_count - 1] = NULL;
	} else if (!whole) {
		return err_set(e, 1, "exec: a command is missing");
	}
	if (!whole || flag_text(a, "tty"))
		p->terminal = flag_on(a, "tty");
	if (cwd)
		p->process.cwd = cwd;
	if (flag_on(a, "no-new-privs"))
		p->process.no_new_privs = true;
	if (user && ids(user, &p->user, e) < 0)
		return -1;
	for (size_t i = 0; i < a->count; i++) {
		const char *name = a->values[i].flag->name, *text = a->values[i].text;

		if (strcmp(name, "env") == 0 && env_put(p->process.env, text, e) < 0)
			return -1;
		if (strcmp(name, "additional-gids") == 0) {
			struct user group = {0};

			if (strchr(text, ':') || ids(text, &group, e) < 0 || p->user.group_count == USER_GROUPS_MAX)
				return err_set(e, 1, "--additional-gids: \"%.40s\" is no group's number", text);
			p->user.groups[p->user.group_count++] = (gid_t)group.uid;
		}
		if (strcmp(name, "cap") == 0) {
			uint64_t bit = caps_by_name(text);

			if (!bit)
				return err_set(e, 1, "--cap: unknown capability \"%.40s\"", text);
			p->caps.bounding |= bit;
			p->caps.effective |= bit;
			p->caps.permitted |= bit;
		}
	}
	return 0;
}

int oci_command_exec(const struct arguments *a, struct err *e)
{
	const char *file = flag_text(a, "process");
	struct oci_process p;
	struct oci c;
	size_t length;
	int ours;

	if (oci_state_load(&c, oci_root, a->rest[0], e) < 0)
		return -1;
	const char *status = oci_status(&c);

	if (strcmp(status, "running") != 0 && strcmp(status, "created") != 0)
		return err_set(e, 1, "cannot exec in a container that is %s", status);
	_cleanup_free_ char *text = file ? read_file(file, OCI_TEXT_MAX, &length, e) : NULL;
	struct json *own = text ? json_parse(text, length, e) : NULL;

	if (file && (!own || oci_check_process(own, e) < 0))
		return err_context(e, "--process %s", file);
	if (oci_process_parse(file ? own : oci_get(c.config, "process"), &p, e) < 0 || overrides(a, file, &p, e) < 0 ||
	    oci_console(a, p.terminal, &c.console, &ours, e) < 0)
		return -1;
	c.foreground = ours >= 0;
	if (p.terminal && c.console < 0)
		return err_set(e, 1, "--tty --detach: somebody must take the terminal: --console-socket is missing");
	pid_t pid = oci_exec(&c, &p, e);

	if (pid < 0)
		return -1;
	close_fd(&c.console);
	if (oci_write_pid(a, pid, e) < 0 || flag_on(a, "detach"))
		return *e->msg ? -1 : 0;
	return oci_foreground(pid, ours, e);
}
