/* Archives: there and back again, and the hostile ones. */
#include <limits.h>
#include "check.h"
#include "copy.h"
#include "diff.h"
#include "tar_help.h"
#include "unpack.h"

static char base[] = "/tmp/nest-tar-XXXXXX";
static int top;

static struct memory archive;
static const struct tar_out out = {memory_write, &archive};

static void begin(void)
{
	free(archive.data);
	archive = (struct memory){0};
}

static void put(char type, const char *name, const char *link, const char *text)
{
	static struct tar_entry entry;

	entry = (struct tar_entry){.type = type, .mode = 06755, .size = (int64_t)strlen(text), .mtime = 1000000000};
	snprintf(entry.name, sizeof(entry.name), "%s", name);
	snprintf(entry.link, sizeof(entry.link), "%s", link);
	CHECK(tar_put(&out, &entry, NULL) == 0);
	if (type == '0')
		CHECK(tar_data(&out, text, strlen(text), NULL) == 0 && tar_pad(&out, (int64_t)strlen(text), NULL) == 0);
}

static int open_new(const char *name)
{
	CHECK(mkdirat(top, name, 0755) == 0);
	return openat(top, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int unpack_as(const char *name, const struct unpacking *wish, struct err *e)
{
	struct unpacking how = *wish;
	struct tar_in in = {.read = memory_read, .context = &archive};

	archive.at = 0;
	how.root = open_new(name);
	int ret = unpack(&in, &how, e);

	close(how.root);
	return ret;
}

static char *text_of(const char *path)
{
	static char text[64];
	int fd = openat(top, path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[n < 0 ? 0 : n] = 0;
	return n < 0 ? NULL : text;
}

static void test_there_and_back(void)
{
	char name[200], path[256];
	struct stat st;
	struct err e = {0};
	int from = open_new("from");

	memset(name, 'n', 180);
	name[180] = 0;
	int fd = openat(from, name, O_CREAT | O_WRONLY, 0600);

	CHECK(write(fd, "long", 4) == 4 && fchmod(fd, 0640) == 0);
	close(fd);
	CHECK(symlinkat("nowhere", from, "link") == 0 && linkat(from, name, from, "other", 0) == 0);
	CHECK(mkdirat(from, "dir", 0711) == 0 && mkfifoat(from, "dir/fifo", 0600) == 0 &&
	      mknodat(from, "dir/null", S_IFCHR, 1 << 8 | 3) == 0);
	begin();
	CHECK(pack(&out, from, "was", &e) == 0);
	CHECK(unpack_as("to", &(struct unpacking){.rename = "is", .owners = true}, &e) == 0);
	CHECK_TEXT(e.msg, "");
	snprintf(path, sizeof(path), "to/is/%s", name);
	CHECK_TEXT(text_of(path), "long");
	CHECK(fstatat(top, path, &st, 0) == 0 && (st.st_mode & 07777) == 0640 && st.st_nlink == 2);
	CHECK(fstatat(top, "to/is/link", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
	CHECK(fstatat(top, "to/is/dir", &st, 0) == 0 && (st.st_mode & 07777) == 0711);
	CHECK(fstatat(top, "to/is/dir/fifo", &st, 0) == 0 && S_ISFIFO(st.st_mode));
	/* Devices stay where they are. */
	CHECK(fstatat(top, "to/is/dir/null", &st, 0) < 0);
	close(from);
}

static void test_refused(void)
{
	static const struct {
		char type;
		const char *name, *link, *says;
	} bad[] = {
		{'0', "../x", "", "\"..\""},       {'0', "a/../../x", "", "\"..\""},   {'5', "..", "", "\"..\""},
		{'0', "/x", "", "absolute"},       {'2', "/x", "y", "absolute"},       {'1', "x", "../secret", "\"..\""},
		{'1', "x", "/secret", "absolute"}, {'1', "x", "missing", "hard link"}, {'3', "x", "", "devices"},
		{'4', "x", "", "devices"},
	};
	struct err e = {0};

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char name[16];

		begin();
		put(bad[i].type, bad[i].name, bad[i].link, "no");
		tar_end(&out, NULL);
		snprintf(name, sizeof(name), "bad%zu", i);
		CHECK(unpack_as(name, &(struct unpacking){0}, &e) < 0);
		if (!strstr(e.msg, bad[i].says))
			CHECK_TEXT(e.msg, bad[i].says);
		CHECK(text_of("x") == NULL);
	}
}

/* A link first, and then through it. */
static void test_through_links(void)
{
	static const char *const targets[] = {"..", "/tmp", ".", "../secret"};
	struct err e = {0};
	struct stat st;
	int fd = openat(top, "secret", O_CREAT | O_WRONLY, 0600);

	close(fd);
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		char name[16];

		begin();
		put('2', "l", targets[i], "");
		put('0', "l/planted", "", "no");
		tar_end(&out, NULL);
		snprintf(name, sizeof(name), "link%zu", i);
		CHECK(unpack_as(name, &(struct unpacking){0}, &e) < 0);
		CHECK(text_of("planted") == NULL && access("/tmp/planted", F_OK) < 0);
	}
	/* A file in place of a link replaces the link, not what it leads to. */
	begin();
	put('2', "l", "../secret", "");
	put('0', "l", "", "mine");
	tar_end(&out, NULL);
	CHECK(unpack_as("replaced", &(struct unpacking){0}, &e) == 0);
	CHECK_TEXT(text_of("replaced/l"), "mine");
	CHECK_TEXT(text_of("secret"), "");
	/* No hard link to what a link leads to. */
	begin();
	put('2', "l", "../secret", "");
	put('1', "h", "l", "");
	tar_end(&out, NULL);
	CHECK(unpack_as("linked", &(struct unpacking){0}, &e) < 0);
	CHECK(fstatat(top, "secret", &st, 0) == 0 && st.st_nlink == 1);
}

static void test_set_ids(void)
{
	struct err e = {0};
	struct stat st;

	begin();
	put('5', "d", "", "");
	put('0', "d/f", "", "x");
	tar_end(&out, NULL);
	CHECK(unpack_as("plain", &(struct unpacking){0}, &e) == 0 &&
	      unpack_as("kept", &(struct unpacking){.set_ids = true}, &e) == 0);
	CHECK(fstatat(top, "plain/d/f", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
	CHECK(fstatat(top, "plain/d", &st, 0) == 0 && (st.st_mode & 07777) == 0755);
	CHECK(fstatat(top, "kept/d/f", &st, 0) == 0 && (st.st_mode & 07777) == 06755);
	/* Not one onto the other. */
	begin();
	put('5', "a", "", "");
	put('0', "a", "", "x");
	CHECK(unpack_as("dir", &(struct unpacking){0}, &e) < 0 && strstr(e.msg, "cannot overwrite directory"));
	begin();
	put('0', "a", "", "x");
	put('5', "a", "", "");
	CHECK(unpack_as("nodir", &(struct unpacking){0}, &e) < 0 && strstr(e.msg, "cannot overwrite non-directory"));
}

static int next_of(struct tar_entry *entry, struct err *e)
{
	struct tar_in in = {.read = memory_read, .context = &archive};

	archive.at = 0;
	return tar_next(&in, entry, e);
}

static void test_broken(void)
{
	static struct tar_entry entry;
	struct err e = {0};

	begin();
	CHECK(next_of(&entry, &e) == 0);
	begin();
	memory_write(&archive, "short", 5);
	CHECK(next_of(&entry, &e) < 0);
	begin();
	put('0', "f", "", "text");
	archive.data[0] ^= 1;
	CHECK(next_of(&entry, &e) < 0 && strstr(e.msg, "no tar archive"));
	/* Content that never comes, and leaves nothing. */
	begin();
	put('0', "half", "", "text");
	archive.size = 512 + 2;
	CHECK(unpack_as("half", &(struct unpacking){0}, &e) < 0);
	CHECK(text_of("half/half") == NULL);
	/* A name of more than a megabyte. */
	begin();
	static struct tar_entry l = {.type = '0', .size = 1 << 20, .name = "x"};

	CHECK(tar_put(&out, &l, NULL) == 0);
	archive.data[156] = 'L';
	mend(archive.data, archive.size);
	CHECK(next_of(&entry, &e) < 0 && strstr(e.msg, "header of more than"));
	/* Headers of headers, for ever. */
	begin();
	for (int i = 0; i < 40; i++) {
		size_t at = archive.size;

		put('0', "x", "", "");
		archive.data[at + 156] = 'L';
		mend(archive.data + at, BLOCK);
	}
	CHECK(next_of(&entry, &e) < 0 && strstr(e.msg, "too many"));
}

static void expect_target(const char *path, bool directory, const char *root, const char *rename)
{
	const struct copy_source source = {.directory = directory};
	struct copy_target t = {.root = -1};
	struct err e = {0};
	struct stat want, got;

	if (!root) {
		CHECK(copy_target(top, path, &source, &t, &e) < 0);
		if (!strstr(e.msg, rename))
			CHECK_TEXT(e.msg, rename);
		return;
	}
	CHECK(copy_target(top, path, &source, &t, &e) == 0);
	CHECK_TEXT(t.rename, rename);
	CHECK(fstat(t.root, &got) == 0 && fstatat(top, root, &want, 0) == 0 && got.st_ino == want.st_ino);
	close(t.root);
}

/* docker's table of where a copy goes. */
static void test_targets(void)
{
	int dir = open_new("copy");

	close(openat(dir, "file", O_CREAT | O_WRONLY, 0600));
	mkdirat(dir, "dir", 0755);
	symlinkat("/copy/dir", dir, "to-dir");
	symlinkat("../copy/file", dir, "to-file");
	symlinkat("dir/new", dir, "to-new");
	symlinkat("loop", dir, "loop");
	symlinkat("../../../../../../etc", dir, "out");
	expect_target("/copy/new", false, "copy", "new");
	expect_target("/copy/new", true, "copy", "new");
	expect_target("/copy/new/", true, "copy", "new");
	expect_target("/copy/new/", false, NULL, "no such directory");
	expect_target("/copy/file", false, "copy", "file");
	expect_target("/copy/file/", false, NULL, "not a directory");
	expect_target("/copy/file", true, NULL, "cannot copy directory");
	expect_target("/copy/dir", false, "copy/dir", "");
	expect_target("copy/./dir/../dir/.", true, "copy/dir", "");
	expect_target("/copy/to-dir", false, "copy/dir", "");
	expect_target("/copy/to-file", false, "copy", "file");
	expect_target("/copy/to-new", false, "copy/dir", "new");
	expect_target("/copy/loop", false, NULL, "too many links");
	/* Links lead nowhere but below the root. */
	expect_target("/copy/out", false, ".", "etc");
	expect_target("/absent/x", false, NULL, "absent");
	expect_target("/../..", false, ".", "");
	close(dir);
}

static void test_sources(void)
{
	struct copy_source s;
	struct err e = {0};
	struct stat st;

	CHECK(copy_source(top, "/copy/dir", false, &s, &e) == 0 && s.directory && !s.content);
	CHECK_TEXT(s.name, "dir");
	CHECK(copy_source(top, "/copy/dir/.", false, &s, &e) == 0 && s.directory && s.content);
	CHECK(copy_source(top, "/copy/to-dir/.", false, &s, &e) == 0 && s.directory && s.content);
	CHECK(copy_source(top, "/copy/to-dir", false, &s, &e) == 0 && !s.directory && fstat(s.fd, &st) == 0 &&
	      S_ISLNK(st.st_mode));
	CHECK(copy_source(top, "/copy/to-dir", true, &s, &e) == 0 && s.directory);
	CHECK_TEXT(s.name, "to-dir");
	CHECK(copy_source(top, "/copy/file/", false, &s, &e) < 0 && copy_source(top, "/copy/file/.", false, &s, &e) < 0);
	CHECK(copy_source(top, "/copy/none", false, &s, &e) < 0 && e.sys == ENOENT);
	CHECK(copy_source(top, "/", false, &s, &e) == 0 && s.content);
	CHECK(copy_source(top, "/from/dir/null", false, &s, &e) < 0 && copy_source(top, "/from/dir/fifo", false, &s, &e) < 0);
	CHECK(copy_source(top, "", false, &s, &e) < 0);
}

static int add_line(void *context, char kind, const char *path)
{
	char *lines = context;

	sprintf(lines + strlen(lines), "%c %s\n", kind, path);
	return 0;
}

static void test_diff(void)
{
	char lines[512] = "";
	struct err e = {0};
	int upper = open_new("upper"), image = open_new("image");

	mkdirat(image, "etc", 0755);
	close(openat(image, "etc/a", O_CREAT | O_WRONLY, 0600));
	close(openat(image, "etc/b", O_CREAT | O_WRONLY, 0600));
	close(openat(image, "gone", O_CREAT | O_WRONLY, 0600));
	close(openat(image, "kept", O_CREAT | O_WRONLY, 0600));
	mkdirat(upper, "etc", 0755);
	close(openat(upper, "etc/b", O_CREAT | O_WRONLY, 0600));
	close(openat(upper, "etc/c", O_CREAT | O_WRONLY, 0600));
	CHECK(mknodat(upper, "gone", S_IFCHR, 0) == 0 && mknodat(upper, "never", S_IFCHR, 0) == 0);
	mkdirat(upper, "new", 0755);
	close(openat(upper, "new/x", O_CREAT | O_WRONLY, 0600));
	CHECK(diff_layer(upper, image, add_line, lines, &e) == 0);
	CHECK_TEXT(lines, "C /etc\nC /etc/b\nA /etc/c\nD /gone\nA /new\nA /new/x\n");
	close(upper);
	close(image);
}

int main(void)
{
	static const struct test tests[] = {
		TEST(test_there_and_back), TEST(test_refused), TEST(test_through_links), TEST(test_set_ids),
		TEST(test_broken),         TEST(test_targets), TEST(test_sources),       TEST(test_diff),
	};

	if (!mkdtemp(base))
		return 1;
	top = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int ret = RUN(tests);

	remove_tree(openat(top, ".", O_RDONLY | O_DIRECTORY));
	rmdir(base);
	return ret;
}
