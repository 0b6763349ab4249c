#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "io.h"
#include "oci.h"
#include "oci_commands.h"

int oci_command_spec(const struct arguments *a, struct err *e)
{
	static const char text[] =
		"{\"ociVersion\":\"" OCI_VERSION "\",\n"
		"\"process\":{\"terminal\":true,\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sh\"],"
		"\"env\":[\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\",\"TERM=xterm\"],\"cwd\":\"/\","
		"\"capabilities\":{\"bounding\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
		"\"effective\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"],"
		"\"permitted\":[\"CAP_AUDIT_WRITE\",\"CAP_KILL\",\"CAP_NET_BIND_SERVICE\"]},"
		"\"rlimits\":[{\"type\":\"RLIMIT_NOFILE\",\"hard\":1024,\"soft\":1024}],\"noNewPrivileges\":true},\n"
		"\"root\":{\"path\":\"rootfs\",\"readonly\":true},\n\"hostname\":\"nest\",\n\"mounts\":["
		"{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},\n"
		"{\"destination\":\"/"
		"dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\",\"mode=755\","
		"\"size=65536k\"]},\n"
		"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"source\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
		"\"newinstance\",\"ptmxmode=0666\",\"mode=0620\",\"gid=5\"]},\n"
		"{\"destination\":\"/dev/"
		"shm\",\"type\":\"tmpfs\",\"source\":\"shm\",\"options\":[\"nosuid\",\"noexec\",\"nodev\","
		"\"mode=1777\",\"size=65536k\"]},\n"
		"{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"source\":\"mqueue\",\"options\":[\"nosuid\",\"noexec\","
		"\"nodev\"]},\n"
		"{\"destination\":\"/"
		"sys\",\"type\":\"sysfs\",\"source\":\"sysfs\",\"options\":[\"nosuid\",\"noexec\",\"nodev\",\"ro\"]},\n"
		"{\"destination\":\"/sys/fs/"
		"cgroup\",\"type\":\"cgroup\",\"source\":\"cgroup\",\"options\":[\"nosuid\",\"noexec\","
		"\"nodev\",\"relatime\",\"ro\"]}],\n"
		"\"linux\":{\"resources\":{\"devices\":[{\"allow\":false,\"access\":\"rwm\"}]},\n\"namespaces\":[{\"type\":"
		"\"pid\"},{\"type\":\"network\"},{\"type\":\"ipc\"},{\"type\":\"uts\"},"
		"{\"type\":\"mount\"},{\"type\":\"cgroup\"}],\n\"maskedPaths\":[\"/proc/acpi\",\"/proc/asound\",\"/proc/"
		"interrupts\","
		"\"/proc/kcore\",\"/proc/keys\",\"/proc/latency_stats\",\"/proc/timer_list\",\"/proc/timer_stats\","
		"\"/proc/sched_debug\",\"/proc/scsi\",\"/sys/firmware\"],\n"
		"\"readonlyPaths\":[\"/proc/bus\",\"/proc/fs\",\"/proc/irq\",\"/proc/sys\",\"/proc/sysrq-trigger\"]}}\n";
	char path[PATH_MAX + 16];
	struct oci c;

	if (oci_bundle(&c, a, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/config.json", c.bundle);
	if (access(path, F_OK) == 0)
		return err_set(e, 1, "%s is there already", path);
	return replace_file_at(AT_FDCWD, path, text, sizeof(text) - 1, 0644, e);
}
