#include "strike.h"
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void number(const char *name, long long n)
{
	printf("%s %lld\n", name, n);
}

/* The whole of a file of /proc or /sys; static, "" when it is not there. */
static char *text_of(const char *path)
{
	static char text[1 << 20];
	int fd = open(path, O_RDONLY);
	size_t used = 0;
	ssize_t n = 0;

	while (fd >= 0 && used < sizeof(text) - 1 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	if (fd >= 0)
		close(fd);
	text[used] = 0;
	return text;
}

static int lines_of(const char *path)
{
	int lines = 0;

	for (const char *c = text_of(path); *c; c++)
		lines += *c == '\n';
	return lines;
}

/* The number behind a word at the start of a line. */
static long long value_of(const char *path, const char *key)
{
	const char *at = text_of(path);
	size_t length = strlen(key);

	while (at && strncmp(at, key, length) != 0)
		if ((at = strchr(at, '\n')))
			at++;
	return at ? strtoll(at + length, NULL, 10) : -1;
}

/* --- processes and what they hold */

enum { NAMESPACES_MAX = 8192, KERNEL_THREAD = 0x00200000 };

static ino_t namespaces[NAMESPACES_MAX];
static size_t namespace_count;

static void note(ino_t inode)
{
	for (size_t i = 0; i < namespace_count; i++)
		if (namespaces[i] == inode)
			return;
	if (namespace_count < NAMESPACES_MAX)
		namespaces[namespace_count++] = inode;
}

/* Links in a directory whose target is "word:[number]" are noted as namespaces.
 * How many links there are. */
static int links_in(const char *path)
{
	DIR *list = opendir(path);
	struct dirent *file;
	int count = 0;

	while (list && (file = readdir(list))) {
		char target[64];
		ssize_t n = readlinkat(dirfd(list), file->d_name, target, sizeof(target) - 1);

		if (n <= 0)
			continue;
		target[n] = 0;
		count++;
		char *at = strstr(target, ":[");

		/* Sockets and pipes are written so too. */
		if (at && strncmp(target, "socket", 6) != 0 && strncmp(target, "pipe", 4) != 0)
			note((ino_t)strtoul(at + 2, NULL, 10));
	}
	if (list)
		closedir(list);
	return count;
}

static void processes(void)
{
	int count = 0, monitors = 0, engine = -1, agent = -1, init = -1;
	DIR *list = opendir("/proc");
	struct dirent *file;

	while (list && (file = readdir(list))) {
		char path[300], name[32] = "";
		unsigned flags = 0;

		if (!isdigit((unsigned char)*file->d_name) || atoi(file->d_name) == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%s/stat", file->d_name);
		const char *text = text_of(path), *close = strrchr(text, ')');

		/* A session of ours, the census among it, is the shell that runs it. */
		if (!close || sscanf(close, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1 || flags & KERNEL_THREAD)
			continue;
		sscanf(strchr(text, '(') + 1, "%31[^)]", name);
		count++;
		snprintf(path, sizeof(path), "/proc/%s/ns", file->d_name);
		links_in(path);
		snprintf(path, sizeof(path), "/proc/%s/fd", file->d_name);
		int links = links_in(path);

		if (strcmp(name, "nest-engine") == 0)
			engine = links;
		else if (strcmp(name, "nest-monitor") == 0)
			monitors++;
		else if (strcmp(file->d_name, "1") == 0)
			init = links;
		/* The same program; /proc lists by number, and what it starts comes after it. */
		else if (strcmp(name, "nest") == 0 && agent < 0)
			agent = links;
	}
	if (list)
		closedir(list);
	number("processes", count);
	number("monitors", monitors);
	number("fds of the engine", engine);
	number("fds of the agent", agent);
	number("fds of init", init);
}

/* --- files */

static long files;

static int count_file(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)path, (void)status, (void)type, (void)at;
	files++;
	return 0;
}

static long tree(const char *path)
{
	files = 0;
	nftw(path, count_file, 32, FTW_PHYS | FTW_MOUNT);
	return files;
}

static int entries(const char *path, const char *start)
{
	DIR *list = opendir(path);
	struct dirent *file;
	int count = 0;

	while (list && (file = readdir(list)))
		count += *file->d_name != '.' && strncmp(file->d_name, start, strlen(start)) == 0;
	if (list)
		closedir(list);
	return count;
}

/* --- nftables */

static size_t put(char *at, unsigned short type, const char *text)
{
	struct nlattr head = {(unsigned short)(sizeof(head) + strlen(text) + 1), type};

	memcpy(at, &head, sizeof(head));
	strcpy(at + sizeof(head), text);
	return NLA_ALIGN(head.nla_len);
}

/* Bytes of the answers to a dump; of each `each` hears. */
static long dump(int what, const char *table, const char *set, void (*each)(const struct nlmsghdr *head))
{
	char request[512] = {0}, answer[32768];
	struct nlmsghdr *head = (struct nlmsghdr *)request;
	struct nfgenmsg *family = NLMSG_DATA(head);
	long bytes = 0;
	ssize_t n;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	head->nlmsg_len = NLMSG_LENGTH(sizeof(*family));
	head->nlmsg_type = (unsigned short)(NFNL_SUBSYS_NFTABLES << 8 | what);
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	family->nfgen_family = set ? AF_INET : AF_UNSPEC;
	if (set) {
		head->nlmsg_len += put(request + head->nlmsg_len, NFTA_SET_ELEM_LIST_TABLE, table);
		head->nlmsg_len += put(request + head->nlmsg_len, NFTA_SET_ELEM_LIST_SET, set);
	}
	if (fd < 0 || send(fd, request, head->nlmsg_len, 0) < 0)
		goto out;
	while ((n = recv(fd, answer, sizeof(answer), 0)) > 0) {
		unsigned left = (unsigned)n;

		for (struct nlmsghdr *m = (struct nlmsghdr *)answer; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
				goto out;
			bytes += m->nlmsg_len;
			if (each)
				each(m);
		}
	}
out:
	if (fd >= 0)
		close(fd);
	return bytes;
}

static long elements;

static void dump_set(const struct nlmsghdr *head)
{
	const char *table = NULL, *set = NULL;
	int left = (int)head->nlmsg_len - (int)NLMSG_LENGTH(sizeof(struct nfgenmsg));
	const struct nlattr *a = (const void *)((const char *)NLMSG_DATA(head) + NLMSG_ALIGN(sizeof(struct nfgenmsg)));

	for (; left >= (int)sizeof(*a) && a->nla_len >= sizeof(*a);
	     left -= (int)NLA_ALIGN(a->nla_len), a = (const void *)((const char *)a + NLA_ALIGN(a->nla_len))) {
		if ((a->nla_type & NLA_TYPE_MASK) == NFTA_SET_TABLE)
			table = (const char *)(a + 1);
		else if ((a->nla_type & NLA_TYPE_MASK) == NFTA_SET_NAME)
			set = (const char *)(a + 1);
	}
	if (table && set)
		elements += dump(NFT_MSG_GETSETELEM, table, set, NULL);
}

/* --- all of it */

static int ports(void)
{
	DIR *list = opendir("/sys/class/net");
	struct dirent *file;
	int count = 0;

	while (list && (file = readdir(list))) {
		char path[300];

		snprintf(path, sizeof(path), "/sys/class/net/%s/brport", file->d_name);
		count += access(path, F_OK) == 0;
	}
	if (list)
		closedir(list);
	return count;
}

int census(void)
{
	processes();
	number("namespaces", (long long)namespace_count);
	number("mounts", lines_of("/proc/self/mountinfo"));
	number("links", entries("/sys/class/net", ""));
	number("veths", entries("/sys/class/net", "veth"));
	number("bridge ports", ports());
	number("bytes of nft rules", dump(NFT_MSG_GETRULE, NULL, NULL, NULL));
	dump(NFT_MSG_GETSET, NULL, NULL, dump_set);
	number("bytes of nft elements", elements);
	number("cgroups", value_of("/sys/fs/cgroup/cgroup.stat", "nr_descendants "));
	number("dying cgroups", value_of("/sys/fs/cgroup/cgroup.stat", "nr_dying_descendants "));
	number("unix sockets", lines_of("/proc/net/unix"));
	number("tcp sockets", lines_of("/proc/net/tcp"));
	number("udp sockets", lines_of("/proc/net/udp"));
	number("terminals", atoi(text_of("/proc/sys/kernel/pty/nr")));
	number("files in /run/nest", tree("/run/nest"));
	number("containers", entries("/run/nest/c", ""));
	number("volumes", entries("/run/nest/volumes", ""));
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd >= 0 && write(fd, "3", 1) == 1)
		number("kB available", value_of("/proc/meminfo", "MemAvailable:"));
	return 0;
}
