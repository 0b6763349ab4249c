/* The flags of run, create, exec and update, and how they reach the engine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cli.h"
#include "detach.h"
#include "io.h"

const struct flag cli_run_flags[] = {
	{0, "add-host", FLAG_LIST, "Add a custom host-to-IP mapping (host:ip)"},
	{0, "blkio-weight", FLAG_INT, "Block IO (relative weight), between 10 and 1000, or 0 to disable"},
	{0, "cap-add", FLAG_LIST, "Add Linux capabilities"},
	{0, "cap-drop", FLAG_LIST, "Drop Linux capabilities"},
	{0, "cgroupns", FLAG_TEXT, "Cgroup namespace to use (\"host\", \"private\")"},
	{0, "cpu-period", FLAG_INT, "Limit CPU CFS (Completely Fair Scheduler) period"},
	{0, "cpu-quota", FLAG_INT, "Limit CPU CFS (Completely Fair Scheduler) quota"},
	{'c', "cpu-shares", FLAG_INT, "CPU shares (relative weight)"},
	{0, "cpus", FLAG_CPUS, "Number of CPUs"},
	{0, "cpuset-cpus", FLAG_TEXT, "CPUs in which to allow execution (0-3, 0,1)"},
	{0, "cpuset-mems", FLAG_TEXT, "MEMs in which to allow execution (0-3, 0,1)"},
	{'d', "detach", FLAG_BOOL, "Run container in background and print container ID"},
	{0, "detach-keys", FLAG_TEXT, "Override the key sequence for detaching a container"},
	{0, "device", FLAG_LIST, "Add a host device to the container"},
	{0, "device-read-bps", FLAG_LIST, "Limit read rate (bytes per second) from a device"},
	{0, "device-read-iops", FLAG_LIST, "Limit read rate (IO per second) from a device"},
	{0, "device-write-bps", FLAG_LIST, "Limit write rate (bytes per second) to a device"},
	{0, "device-write-iops", FLAG_LIST, "Limit write rate (IO per second) to a device"},
	{0, "dns", FLAG_LIST, "Set custom DNS servers"},
	{0, "domainname", FLAG_TEXT, "Container NIS domain name"},
	{0, "entrypoint", FLAG_TEXT, "Overwrite the default ENTRYPOINT of the image"},
	{'e', "env", FLAG_LIST, "Set environment variables"},
	{0, "env-file", FLAG_LIST, "Read in a file of environment variables"},
	{0, "group-add", FLAG_LIST, "Add additional groups to join"},
	{0, "health-cmd", FLAG_TEXT, "Command to run to check health"},
	{0, "health-interval", FLAG_TIME, "Time between running the check (ms|s|m|h)"},
	{0, "health-retries", FLAG_INT, "Consecutive failures needed to report unhealthy"},
	{0, "health-start-interval", FLAG_TIME, "Time between running the check during the start period (ms|s|m|h)"},
	{0, "health-start-period", FLAG_TIME,
	 "Start period for the container to initialize before starting countdown (ms|s|m|h)"},
	{0, "health-timeout", FLAG_TIME, "Maximum time to allow one check to run (ms|s|m|h)"},
	{'h', "hostname", FLAG_TEXT, "Container host name"},
	{0, "init", FLAG_BOOL, "Run an init inside the container that forwards signals and reaps processes"},
	{'i', "interactive", FLAG_BOOL, "Keep STDIN open even if not attached"},
	{0, "ip", FLAG_TEXT, "IPv4 address (e.g., 172.30.100.104)"},
	{0, "ipc", FLAG_TEXT, "IPC mode to use (\"private\", \"shareable\", \"none\", \"host\", \"container:NAME\")"},
	{'l', "label", FLAG_LIST, "Set meta data on a container"},
	{0, "label-file", FLAG_LIST, "Read in a line delimited file of labels"},
	{0, "log-driver", FLAG_TEXT, "Logging driver for the container (\"json-file\", \"none\")"},
	{0, "log-opt", FLAG_LIST, "Log driver options (max-size, max-file)"},
	{'m', "memory", FLAG_SIZE, "Memory limit"},
	{0, "memory-reservation", FLAG_SIZE, "Memory soft limit"},
	{0, "memory-swap", FLAG_SWAP, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"},
	{0, "mount", FLAG_LIST, "Attach a filesystem mount to the container"},
	{0, "name", FLAG_TEXT, "Assign a name to the container"},
	{0, "nest", FLAG_BOOL, "Let the container run containers of its own"},
	{0, "net", FLAG_TEXT, "The same as --network"},
	{0, "network", FLAG_TEXT,
	 "Connect a container to a network (\"bridge\", \"host\", \"none\", \"container:NAME\" or one you made)"},
	{0, "network-alias", FLAG_LIST, "Add network-scoped alias for the container"},
	{0, "no-healthcheck", FLAG_BOOL, "Disable any container-specified HEALTHCHECK"},
	{0, "oom-score-adj", FLAG_INT, "Tune host's OOM preferences (0 to 1000)"},
	{0, "pid", FLAG_TEXT, "PID namespace to use (\"host\", \"container:NAME\")"},
	{0, "pids-limit", FLAG_INT, "Tune container pids limit (set -1 for unlimited)"},
	{0, "platform", FLAG_TEXT, "Set platform (only linux/386)"},
	{'p', "publish", FLAG_LIST, "Publish a container's port to the host"},
	{'P', "publish-all", FLAG_BOOL, "Publish all exposed ports to random ports"},
	{0, "privileged", FLAG_BOOL, "All capabilities, in the container's own user namespace (includes --nest)"},
	{0, "pull", FLAG_TEXT, "Pull image before running (\"always\", \"missing\", \"never\")"},
	{'q', "quiet", FLAG_BOOL, "Suppress the pull output"},
	{0, "read-only", FLAG_BOOL, "Mount the container's root filesystem as read only"},
	{0, "restart", FLAG_TEXT, "Restart policy to apply when a container exits"},
	{0, "rm", FLAG_BOOL, "Automatically remove the container when it exits"},
	{0, "security-opt", FLAG_LIST, "Security options (no-new-privileges, seccomp=unconfined, seccomp=PROFILE.json)"},
	{0, "shm-size", FLAG_SIZE, "Size of /dev/shm"},
	{0, "stop-signal", FLAG_TEXT, "Signal to stop the container"},
	{0, "stop-timeout", FLAG_INT, "Timeout (in seconds) to stop a container"},
	{0, "sysctl", FLAG_LIST, "Sysctl options"},
	{0, "time-offset", FLAG_LIST, "Shift a clock of the container (boottime=SECONDS, monotonic=SECONDS)"},
	{0, "tmpfs", FLAG_LIST, "Mount a tmpfs directory"},
	{'t', "tty", FLAG_BOOL, "Allocate a pseudo-TTY"},
	{0, "ulimit", FLAG_LIST, "Ulimit options"},
	{'u', "user", FLAG_TEXT, "Username or UID (format: <name|uid>[:<group|gid>])"},
	{0, "userns", FLAG_TEXT, "User namespace to use (\"host\")"},
	{0, "uts", FLAG_TEXT, "UTS namespace to use (\"host\")"},
	{'v', "volume", FLAG_LIST, "Bind mount a volume"},
	{0, "volumes-from", FLAG_LIST, "Mount volumes from the specified container(s)"},
	{'w', "workdir", FLAG_TEXT, "Working directory inside the container"},
	{0},
};

const struct flag cli_exec_flags[] = {
	{'d', "detach", FLAG_BOOL, "Detached mode: run command in the background"},
	{0, "detach-keys", FLAG_TEXT, "Override the key sequence for detaching a container"},
	{'e', "env", FLAG_LIST, "Set environment variables"},
	{0, "env-file", FLAG_LIST, "Read in a file of environment variables"},
	{'i', "interactive", FLAG_BOOL, "Keep STDIN open even if not attached"},
	{0, "privileged", FLAG_BOOL, "Give extended privileges to the command"},
	{'t', "tty", FLAG_BOOL, "Allocate a pseudo-TTY"},
	{'u', "user", FLAG_TEXT, "Username or UID (format: <name|uid>[:<group|gid>])"},
	{'w', "workdir", FLAG_TEXT, "Working directory inside the container"},
	{0},
};

/* How a flag reaches the engine. Those not here are handled by name. */
static const struct {
	const char *flag, *key;
} keys[] = {
	{"add-host", "addHosts"},
	{"blkio-weight", "blkioWeight"},
	{"cap-add", "capAdd"},
	{"cap-drop", "capDrop"},
	{"cgroupns", "cgroupnsMode"},
	{"cpu-period", "cpuPeriod"},
	{"cpu-quota", "cpuQuota"},
	{"cpu-shares", "cpuShares"},
	{"cpus", "cpuQuota"},
	{"cpuset-cpus", "cpusetCpus"},
	{"cpuset-mems", "cpusetMems"},
	{"detach", "detach"},
	{"device", "devices"},
	{"device-read-bps", "deviceReadBps"},
	{"device-read-iops", "deviceReadIops"},
	{"device-write-bps", "deviceWriteBps"},
	{"device-write-iops", "deviceWriteIops"},
	{"dns", "dns"},
	{"domainname", "domainname"},
	{"group-add", "groupAdd"},
	{"health-cmd", "healthCmd"},
	{"health-interval", "healthInterval"},
	{"health-retries", "healthRetries"},
	{"health-start-interval", "healthStartInterval"},
	{"health-start-period", "healthStartPeriod"},
	{"health-timeout", "healthTimeout"},
	{"hostname", "hostname"},
	{"init", "init"},
	{"interactive", "stdin"},
	{"ip", "ip"},
	{"ipc", "ipcMode"},
	{"log-driver", "logDriver"},
	{"log-opt", "logOptions"},
	{"memory", "memory"},
	{"memory-reservation", "memoryReservation"},
	{"memory-swap", "memorySwap"},
	{"name", "name"},
	{"nest", "nest"},
	{"net", "network"},
	{"network", "network"},
	{"network-alias", "aliases"},
	{"no-healthcheck", "noHealthcheck"},
	{"oom-score-adj", "oomScoreAdj"},
	{"pid", "pidMode"},
	{"pids-limit", "pids"},
	{"privileged", "privileged"},
	{"publish", "ports"},
	{"publish-all", "publishAll"},
	{"read-only", "readOnly"},
	{"restart", "restart"},
	{"rm", "rm"},
	{"shm-size", "shmSize"},
	{"stop-signal", "stopSignal"},
	{"stop-timeout", "stopTimeout"},
	{"sysctl", "sysctls"},
	{"time-offset", "timeOffsets"},
	{"tty", "tty"},
	{"ulimit", "ulimits"},
	{"user", "user"},
	{"userns", "usernsMode"},
	{"uts", "utsMode"},
	{"volumes-from", "volumesFrom"},
	{"workdir", "workdir"},
};

static void put_list(struct jsonw *w, const struct arguments *a, const char *flag, const char *key)
{
	jsonw_array(w, key);
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->values[i].flag->name, flag) == 0)
			jsonw_string(w, NULL, a->values[i].text);
	jsonw_end_array(w);
}

/* "/dev/x:1mb" → "/dev/x:1048576" */
static int put_rates(struct jsonw *w, const struct arguments *a, const char *flag, const char *key, struct err *e)
{
	bool bytes = strcmp(flag + strlen(flag) - 3, "bps") == 0;
	char text[300], *end;

	jsonw_array(w, key);
	for (size_t i = 0; i < a->count; i++) {
		const char *value = a->values[i].text, *colon = strrchr(value, ':');

		if (strcmp(a->values[i].flag->name, flag) != 0)
			continue;
		long long rate = !colon ? -1 : bytes ? flag_size(colon + 1) : strtoll(colon + 1, &end, 10);

		if (!colon || colon == value || strlen(value) > 256)
			return err_set(e, 125, "invalid argument \"%.100s\" for \"--%s\" flag: bad format: %.100s", value, flag,
				       value);
		if (rate < 0 || (!bytes && (end == colon + 1 || *end)))
			return err_set(
				e, 125,
				"invalid argument \"%.100s\" for \"--%s\" flag: invalid rate for device: %.100s. The correct "
				"format is <device-path>:<number>%s. Number must be a positive integer",
				value, flag, value, bytes ? "[<unit>]" : "");
		snprintf(text, sizeof(text), "%.*s:%lld", (int)(colon - value), value, rate);
		jsonw_string(w, NULL, text);
	}
	jsonw_end_array(w);
	return 0;
}

int cli_put_flags(struct jsonw *w, const struct flag *table, const struct arguments *a, struct err *e)
{
	struct detach detach;

	/* Here already, so that nothing is made for nothing. */
	if (detach_parse(flag_text(a, "detach-keys"), &detach, e) < 0)
		return -1;
	if (flag_text(a, "cpus") && (flag_text(a, "cpu-period") || flag_text(a, "cpu-quota")))
		return err_set(e, 125, "Conflicting options: Nano CPUs and CPU %s cannot both be set.",
			       flag_text(a, "cpu-period") ? "Period" : "Quota");
	/* So that it is not taken for --cpus. */
	if (table == cli_run_flags && flag_text(a, "cpu-quota") && !flag_text(a, "cpu-period"))
		jsonw_int(w, "cpuPeriod", 100000);
	/* An update takes the container's own period away. */
	if (table == cli_update_flags && flag_text(a, "cpus"))
		jsonw_null(w, "cpuPeriod");
	for (size_t i = 0; i < array_size(keys); i++) {
		const struct flag *f = table;
		const char *text = flag_text(a, keys[i].flag);

		if (!text)
			continue;
		while (strcmp(f->name, keys[i].flag) != 0)
			f++;
		switch (f->kind) {
		case FLAG_BOOL:
			jsonw_bool(w, keys[i].key, flag_on(a, f->name));
			break;
		case FLAG_TEXT:
			jsonw_string(w, keys[i].key, text);
			break;
		case FLAG_LIST:
			if (strncmp(f->name, "device-", 7) != 0)
				put_list(w, a, f->name, keys[i].key);
			else if (put_rates(w, a, f->name, keys[i].key, e) < 0)
				return -1;
			break;
		case FLAG_INT:
			jsonw_int(w, keys[i].key, strtoll(text, NULL, 10));
			break;
		case FLAG_SIZE:
		case FLAG_SWAP:
			jsonw_int(w, keys[i].key, flag_size(text));
			break;
		case FLAG_CPUS:
			jsonw_int(w, keys[i].key, flag_cpus(text));
			break;
		case FLAG_TIME:
			if (flag_time(text) > 0 && flag_time(text) < 1000000)
				return err_set(e, 125, "--%s cannot be less than 1ms", f->name);
			jsonw_int(w, keys[i].key, flag_time(text) / 1000000);
			break;
		}
	}
	return 0;
}
