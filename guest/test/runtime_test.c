/* The pure parts of the runtime: flags, users, names, volumes, signals, sizes and times. */
#include <sched.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include "check.h"
#include "flags.h"
#include "io.h"
#include "layers.h"
#include "names.h"
#include "path.h"
#include "session.h"
#include "sock.h"
#include "spec.h"
#include "table.h"
#include "units.h"
#include "user.h"

static const struct flag flags[] = {
	{'i', "interactive", FLAG_BOOL, ""}, {'t', "tty", FLAG_BOOL, ""}, {'e', "env", FLAG_LIST, ""}, {0, "name", FLAG_TEXT, ""},
	{'m', "memory", FLAG_SIZE, ""},      {0, "cpus", FLAG_CPUS, ""},  {'n', "last", FLAG_INT, ""}, {0},
};
static struct arguments a;
static struct err e;

static int parse(bool interspersed, const char *line)
{
	static char copy[256];
	static char *argv[32];
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	memset(&e, 0, sizeof(e));
	return flags_parse(flags, interspersed, argc, argv, &a, &e);
}

static void test_flags_forms(void)
{
	CHECK(parse(false, "-it --name=web -eA=1 -e B=2 --env C img sh -c -x") == 0);
	CHECK(flag_on(&a, "interactive") && flag_on(&a, "tty"));
	CHECK(strcmp(flag_text(&a, "name"), "web") == 0);
	CHECK(a.count == 6 && strcmp(a.values[3].text, "A=1") == 0 && strcmp(a.values[4].text, "B=2") == 0 &&
	      strcmp(a.values[5].text, "C") == 0);
	CHECK(a.rest_count == 4 && strcmp(a.rest[0], "img") == 0 && strcmp(a.rest[3], "-x") == 0);
	CHECK(parse(true, "web -i other -- -t") == 0);
	CHECK(a.rest_count == 3 && strcmp(a.rest[2], "-t") == 0 && flag_on(&a, "interactive") && !flag_on(&a, "tty"));
	CHECK(parse(true, "--tty=false -n5 -m=1g") == 0 && !flag_on(&a, "tty") && strcmp(flag_text(&a, "last"), "5") == 0 &&
	      strcmp(flag_text(&a, "memory"), "1g") == 0);
	CHECK(parse(true, "--help") == 0 && a.help);
	CHECK(parse(true, "-") == 0 && a.rest_count == 1);
}

static void test_flags_words(void)
{
	static const struct {
		const char *line, *message;
	} cases[] = {
		{"--foo", "unknown flag: --foo"},
		{"-iZ", "unknown shorthand flag: 'Z' in -iZ"},
		{"--name", "flag needs an argument: --name"},
		{"-e", "flag needs an argument: 'e' in -e"},
		{"--memory abc", "invalid argument \"abc\" for \"-m, --memory\" flag: invalid size: 'abc'"},
		{"--cpus x", "invalid argument \"x\" for \"--cpus\" flag: failed to parse x as a rational number"},
		{"-n x", "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": invalid syntax"},
		{"-t=maybe",
		 "invalid argument \"maybe\" for \"-t, --tty\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax"},
	};

	for (size_t i = 0; i < array_size(cases); i++) {
		CHECK(parse(false, cases[i].line) < 0 && e.code == 125);
		CHECK(strcmp(e.msg, cases[i].message) == 0);
	}
}

static void test_flags_values(void)
{
	CHECK(flag_size("512m") == 512ll << 20 && flag_size("1g") == 1ll << 30 && flag_size("64KiB") == 65536 &&
	      flag_size("7") == 7);
	CHECK(flag_size("1.5k") == 1536 && flag_size("") < 0 && flag_size("m") < 0 && flag_size("1x") < 0 &&
	      flag_size("1mm") < 0 && flag_size("-1") < 0);
	CHECK(flag_cpus("1.5") == 150000 && flag_cpus(".5") == 50000 && flag_cpus("0") == 0 && flag_cpus("1,5") < 0 &&
	      flag_cpus("1e9") < 0 && flag_cpus(".") < 0 && flag_cpus("") < 0 && flag_cpus("0x1") < 0);
}

static const char passwd[] =
	"root:x:0:0:root:/root:/bin/sh\nweb:x:1000:1001::/home/web:/bin/sh\n\nbroken:x:zz:1\nodd:x:7:7:o:relative:/\n";
static const char group[] = "root:x:0:\nweb:x:1001:\nadm:x:4:other,web\nsudo:x:27:web\nempty::9:\n";

static void test_users(void)
{
	struct user u;

	CHECK(user_parse(passwd, group, "", &u, &e) == 0 && u.uid == 0 && u.gid == 0 && strcmp(u.home, "/root") == 0);
	CHECK(user_parse(passwd, group, "web", &u, &e) == 0 && u.uid == 1000 && u.gid == 1001 && u.group_count == 2 &&
	      u.groups[0] == 4 && u.groups[1] == 27 && strcmp(u.home, "/home/web") == 0);
	CHECK(user_parse(passwd, group, "1000", &u, &e) == 0 && u.gid == 1001 && u.group_count == 2);
	CHECK(user_parse(passwd, group, "web:adm", &u, &e) == 0 && u.gid == 4 && u.group_count == 0);
	CHECK(user_parse(passwd, group, "5:6", &u, &e) == 0 && u.uid == 5 && u.gid == 6 && strcmp(u.home, "/") == 0);
	CHECK(user_parse(passwd, group, "odd", &u, &e) == 0 && strcmp(u.home, "/") == 0);
	CHECK(user_parse(NULL, NULL, "0", &u, &e) == 0 && u.uid == 0 && strcmp(u.home, "/root") == 0);
}

static void test_users_refused(void)
{
	static const char *const bad[] = {"nobody",      "1000 ",       " 1000",  "0x0",    "-1",    "4294967295",
					  "99999999999", "web:nogroup", "web:-1", "broken", "root:x"};
	struct user u;

	for (size_t i = 0; i < array_size(bad); i++)
		CHECK(user_parse(passwd, group, bad[i], &u, &e) < 0 && e.code == 125);
	CHECK(user_parse(NULL, NULL, "web", &u, &e) < 0);
}

static void test_names(void)
{
	char one[64], two[64];

	for (unsigned seed = 0; seed < 20000; seed += 37) {
		name_make(one, sizeof(one), seed, 0);
		CHECK(spec_name_ok(one) && strchr(one, '_'));
	}
	name_make(one, sizeof(one), 5, 0);
	name_make(two, sizeof(two), 5, 1);
	CHECK(strcmp(one, two) != 0);
	CHECK(spec_name_ok("a") && spec_name_ok("Web-1.x_y") && !spec_name_ok("") && !spec_name_ok(".a") &&
	      !spec_name_ok("../x") && !spec_name_ok("a/b") && !spec_name_ok("a b"));
}

static void test_volumes(void)
{
	static const char *const bad[] = {"a",
					  "a:",
					  ":/a",
					  "/a:b",
					  "/a:/",
					  "/a:/b:rx",
					  "/a:/proc",
					  "/a:/proc/self",
					  "/a:/sys/fs",
					  "/a://dev",
					  "/a:/run/nest",
					  "/a:/x/../proc",
					  "../v:/a",
					  "/a:/run/nest/x",
					  "/a:///",
					  "vol:/a:subpath=",
					  "vol:/a:subpath=/x",
					  "vol:/a:subpath=x/../y",
					  "/a:/b:subpath=x",
					  "/a:ro:subpath=x"};
	struct bind b;

	CHECK(spec_bind("/a:/b", &b, &e) == 0 && !b.volume && !b.read_only && strcmp(b.source, "/a") == 0 &&
	      strcmp(b.target, "/b") == 0);
	CHECK(spec_bind("vol:/data:ro", &b, &e) == 0 && b.volume && b.read_only);
	CHECK(spec_bind("/data", &b, &e) == 0 && b.volume && !*b.source && strcmp(b.target, "/data") == 0);
	CHECK(spec_bind("vol:/a:ro,nocopy,subpath=x/y", &b, &e) == 0 && b.read_only && b.no_copy &&
	      strcmp(b.subpath, "x/y") == 0);
	CHECK(spec_bind("/a:/processes", &b, &e) == 0 && spec_bind("/a:/run/x:rw", &b, &e) == 0);
	for (size_t i = 0; i < array_size(bad); i++)
		CHECK(spec_bind(bad[i], &b, &e) < 0);
}

static void test_signals(void)
{
	CHECK(spec_signal("TERM") == 15 && spec_signal("SIGKILL") == 9 && spec_signal("hup") == 1 && spec_signal("2") == 2 &&
	      spec_signal("RTMIN+1") == 35);
	CHECK(spec_signal("") == 0 && spec_signal("0") == 0 && spec_signal("65") == 0 && spec_signal("NOPE") == 0 &&
	      spec_signal("9x") == 0);
}

static int spec_of(const char *json, struct spec *spec)
{
	static struct json *request;

	json_free(request);
	request = json_parse(json, strlen(json), &e);
	return request ? spec_parse(request, spec, &e) : -2;
}

static void test_specs(void)
{
	struct spec s;

	CHECK(spec_of("{\"image\":\"x\"}", &s) == 0 && s.caps == caps_of(PROFILE_PLAIN) && s.limits.memory == 0 &&
	      s.stop_timeout == 10);
	CHECK(spec_of("{\"image\":\"x\",\"capDrop\":[\"ALL\"],\"capAdd\":[\"NET_RAW\"]}", &s) == 0 && s.caps == 1ull << 13);
	CHECK(spec_of("{\"image\":\"x\",\"nest\":true}", &s) == 0 && s.profile == PROFILE_NEST);
	CHECK(spec_of("{\"image\":\"x\",\"network\":\"container:a\",\"pidMode\":\"container:a\",\"utsMode\":\"host\"}", &s) ==
		      0 &&
	      s.sharing.joined == (CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWUSER) && s.sharing.host == CLONE_NEWUTS &&
	      strcmp(s.sharing.partner, "a") == 0);
	CHECK(spec_of("{\"image\":\"x\",\"usernsMode\":\"host\"}", &s) == 0 && s.sharing.host == CLONE_NEWUSER &&
	      !(s.caps & caps_by_name("mknod")));
	static const char *const bad[] = {
		"{}",
		"{\"image\":\"x\",\"pidMode\":\"container:../a\"}",
		"{\"image\":\"x\",\"utsMode\":\"container:a\"}",
		"{\"image\":\"x\",\"network\":\"container:a\",\"ipcMode\":\"container:b\"}",
		"{\"image\":\"x\",\"usernsMode\":\"host\",\"nest\":true}",
		"{\"image\":\"x\",\"usernsMode\":\"host\",\"capAdd\":[\"SYS_ADMIN\"]}",
		"{\"image\":\"x\",\"network\":\"host\",\"sysctls\":[\"net.ipv4.ip_forward=1\"]}",
		"{\"image\":\"x\",\"name\":\"../x\"}",
		"{\"image\":\"x\",\"hostname\":\"a b\"}",
		"{\"image\":\"x\",\"workdir\":\"rel\"}",
		"{\"image\":\"x\",\"memory\":1000}",
		"{\"image\":\"x\",\"env\":[\"=x\"]}",
		"{\"image\":\"x\",\"env\":[\"\"]}",
		"{\"image\":\"x\",\"env\":[1]}",
		"{\"image\":\"x\",\"argv\":\"sh\"}",
		"{\"image\":\"x\",\"capAdd\":[\"NOPE\"]}",
		"{\"image\":\"x\",\"binds\":[\"/a:/proc\"]}",
		"{\"image\":\"x\",\"stopSignal\":\"NOPE\"}",
		"{\"image\":\"x\",\"pids\":1e12}",
	};
	for (size_t i = 0; i < array_size(bad); i++)
		CHECK(spec_of(bad[i], &s) == -1);
}

static struct process *process_from(const char *request, const char *config)
{
	static struct process p;
	static struct json *c;
	static struct spec s;

	process_free(&p);
	json_free(c);
	c = json_parse(config, strlen(config), &e);
	return spec_of(request, &s) == 0 && process_of(&s, c, "box", &p, &e) == 0 ? &p : NULL;
}

static void test_process_of_image(void)
{
	static const char config[] = "{\"Entrypoint\":[\"echo\",\"a\"],\"Cmd\":[\"b\"],\"Env\":[\"PATH=/"
				     "x\",\"=bad\",\"K=1\"],\"WorkingDir\":\"/srv\",\"User\":\"web\"}";
	struct process *p = process_from("{\"image\":\"x\"}", config);

	CHECK(p && strcmp(p->argv[0], "echo") == 0 && strcmp(p->argv[2], "b") == 0 && !p->argv[3]);
	CHECK(p && strcmp(env_get(p->env, "PATH"), "/x") == 0 && strcmp(env_get(p->env, "HOSTNAME"), "box") == 0 &&
	      !env_get(p->env, "TERM"));
	CHECK(p && strcmp(p->cwd, "/srv") == 0 && strcmp(p->user, "web") == 0);
	p = process_from("{\"image\":\"x\",\"argv\":[\"c\"],\"env\":[\"K=2\"],\"user\":\"0\",\"workdir\":\"/w\",\"tty\":true}",
			 config);
	CHECK(p && strcmp(p->argv[1], "a") == 0 && strcmp(p->argv[2], "c") == 0 && strcmp(env_get(p->env, "K"), "2") == 0);
	CHECK(p && strcmp(env_get(p->env, "TERM"), "xterm") == 0 && strcmp(p->cwd, "/w") == 0 && strcmp(p->user, "0") == 0);
	p = process_from("{\"image\":\"x\",\"entrypoint\":[\"sh\"]}", config);
	CHECK(p && strcmp(p->argv[0], "sh") == 0 && !p->argv[1]);
	CHECK(!process_from("{\"image\":\"x\"}", "{}") && strcmp(e.msg, "no command specified") == 0);
	process_from("{}", "{}");
}

static void test_units(void)
{
	char text[64];
	static const struct {
		int64_t seconds;
		const char *text;
	} durations[] = {{0, "Less than a second"}, {1, "1 second"},           {59, "59 seconds"},        {60, "About a minute"},
			 {150, "2 minutes"},        {3600, "About an hour"},   {7200, "2 hours"},         {86400 * 3, "3 days"},
			 {86400 * 20, "2 weeks"},   {86400 * 100, "3 months"}, {86400ll * 800, "2 years"}};

	for (size_t i = 0; i < array_size(durations); i++) {
		unit_duration(text, sizeof(text), durations[i].seconds);
		CHECK(strcmp(text, durations[i].text) == 0);
	}
	unit_size(text, sizeof(text), 4270000, 3);
	CHECK(strcmp(text, "4.27MB") == 0);
	unit_size(text, sizeof(text), 117000000, 3);
	CHECK(strcmp(text, "117MB") == 0);
	CHECK(unit_parse_time("2026-10-01T10:00:00Z") == 1790848800 &&
	      unit_parse_time("2026-10-01T12:00:00.123+02:00") == 1790848800 && unit_parse_time("junk") == 0 &&
	      unit_parse_time("2026-10-01T10:00:00-01:30") == 1790854200 && unit_parse_time("2026-10-01 10:00:00Z") == 0 &&
	      unit_parse_time("2026-10-01T10:00:00+") == 0);
	unit_time(text, sizeof(text), 1790848800123);
	CHECK(strcmp(text, "2026-10-01T10:00:00.123000000Z") == 0);
}

static void test_layer_names(void)
{
	char hex[65];

	CHECK(layer_hex("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", hex, &e) == 0 &&
	      strlen(hex) == 64);
	CHECK(layer_hex("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef", hex, &e) < 0);
	CHECK(layer_hex("sha256:../../../../etc/passwd", hex, &e) < 0 && layer_hex("", hex, &e) < 0 &&
	      layer_hex(NULL, hex, &e) < 0);
}

/* A hostile root in a scratch directory: whatever the links say, nothing outside is reached. */
static void test_paths(void)
{
	char base[] = "/tmp/nest-path-XXXXXX", command[256];
	struct stat st;

	CHECK(mkdtemp(base) != NULL);
	snprintf(command, sizeof(command),
		 "cd %s && mkdir -p root/etc root/d out && ln -s ../../../out root/up && ln -s /out root/abs && ln -s loop "
		 "root/loop && mkfifo root/etc/passwd && "
		 "echo secret > out/f && echo inside > root/d/f && ln -s d root/link",
		 base);
	CHECK(system(command) == 0);
	snprintf(command, sizeof(command), "%s/root", base);
	int root = open(command, O_PATH | O_DIRECTORY | O_CLOEXEC);

	CHECK(root >= 0);
	CHECK(root_open(root, "/up/f", &e) < 0 && root_open(root, "/abs/f", &e) < 0 && root_open(root, "/../../out/f", &e) < 0);
	CHECK(root_open(root, "/loop", &e) < 0);
	CHECK(root_read(root, "/etc/passwd", 100, &e) == NULL); /* a FIFO: refused, and above all not waited for */
	char *text = root_read(root, "/link/f", 100, &e);

	CHECK(text && strcmp(text, "inside\n") == 0);
	free(text);
	CHECK(root_read(root, "/link/f", 3, &e) == NULL);
	CHECK(root_open_plain(root, "/link/f", &e) < 0);
	int fd = root_mkdirs(root, "/up/new/deep", 0755, &e);

	/* "up" leads to /out inside the root, which is not there: nothing may appear outside. */
	CHECK(fd < 0);
	CHECK((fd = root_mkdirs(root, "/link/a/b", 0755, &e)) >= 0);
	close(fd);
	CHECK(fstatat(root, ".", &st, AT_EMPTY_PATH) == 0 && root_mkdirs(root, "/a/../b", 0755, &e) < 0);
	CHECK((fd = root_mountpoint(root, "/x/y/file", false, &e)) >= 0);
	close(fd);
	CHECK(root_mountpoint(root, "/d", false, &e) < 0 && root_mountpoint(root, "/d/f", true, &e) < 0);
	CHECK(root_symlink(root, "/usr/local/bin/nest", "/run/nest/bin/nest", &e) == 0 &&
	      root_symlink(root, "/usr/local/bin/nest", "/other", &e) == 0);
	close(root);
	snprintf(command, sizeof(command), "test \"$(ls %s/out)\" = f && rm -rf %s", base, base);
	CHECK(system(command) == 0);
}

/* With nobody watching, output gathers for a moment; with a client it never does. */
static void test_gathering(void)
{
	static struct session s;
	struct streams streams = STREAMS_NONE;
	struct pollfd fds[SESSION_FDS];
	int output[2], client[2];

	CHECK(pipe2(output, O_NONBLOCK) == 0 && sock_pair(client, &e) == 0);
	streams.out = output[0];
	s = (struct session){.client = -1, .pidfd = -1, .streams = &streams};
	CHECK(session_poll(&s, fds) == -1);
	CHECK(write(output[1], "one\n", 4) == 4 && poll(fds, SESSION_FDS, 1000) == 1);
	session_handle(&s, fds);
	CHECK(write(output[1], "two\n", 4) == 4);
	int wait = session_poll(&s, fds);

	CHECK(wait > 0 && wait <= 100);
	CHECK(poll(fds, SESSION_FDS, 0) == 0);
	CHECK(write(output[1], "three\n", 6) == 6);
	usleep((unsigned)wait * 1000 + 2000);
	CHECK(session_poll(&s, fds) == -1 && poll(fds, SESSION_FDS, 1000) == 1);
	s.client = client[0];
	session_handle(&s, fds);
	char text[32];

	CHECK(sock_recv(client[1], text, sizeof(text), NULL, NULL, 1000, &e) == 11 && memcmp(text, "1two\nthree\n", 11) == 0);
	CHECK(session_poll(&s, fds) == -1);
	CHECK(write(output[1], "four\n", 5) == 5 && poll(fds, SESSION_FDS, 1000) == 1);
	close(client[0]);
	close(client[1]);
	close(output[1]);
	streams_close(&streams);
}

static void test_command_text(void)
{
	static const char message[] = "{\"summary\":{\"argv\":[\"my sh\",\"-c\",\"echo a; b\",\"\",\"x\"]}}";
	struct entry entry = {.message = json_parse(message, sizeof(message) - 1, &e)};
	char text[64];

	entry_command(&entry, text, sizeof(text));
	CHECK(strcmp(text, "my sh -c 'echo a; b'  x") == 0);
	entry_command(&entry, text, 10);
	CHECK(strlen(text) == 9);
	json_free(entry.message);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(test_flags_forms),   TEST(test_flags_words),
		TEST(test_flags_values),  TEST(test_users),
		TEST(test_users_refused), TEST(test_names),
		TEST(test_volumes),       TEST(test_signals),
		TEST(test_specs),         TEST(test_process_of_image),
		TEST(test_units),         TEST(test_layer_names),
		TEST(test_paths),         TEST(test_gathering),
		TEST(test_command_text),
	};

	return RUN(tests);
}
