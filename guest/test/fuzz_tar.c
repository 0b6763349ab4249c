/* Any bytes as an archive: reading them ends, and unpacking them changes nothing outside of the directory. */
#include <limits.h>
#include "fuzz.h"
#include "tar_help.h"
#include "unpack.h"

enum { INPUT_MAX = 16384 };

/* An archive whose entries the input names: a byte each for type, lengths and mode, then name, link and content. */
static void compose(struct memory *m, const uint8_t *data, size_t size)
{
	static const char types[] = "0123456xLKg7Z";
	static struct tar_entry entry;
	const struct tar_out out = {memory_write, m};

	while (size >= 4 && m->size < INPUT_MAX) {
		size_t name = data[1] % 120, link = data[2] % 120, content = data[3];
		char type = types[data[0] % (sizeof(types) - 1)];
		size_t at = m->size;

		entry = (struct tar_entry){.type = '0', .mode = data[0] * 33u & 07777, .size = (int64_t)content};
		data += 4;
		size -= 4;
		if (name + link + content > size)
			break;
		memcpy(entry.name, data, name);
		memcpy(entry.link, data + name, link);
		tar_put(&out, &entry, NULL);
		m->data[m->size - BLOCK + 156] = type;
		tar_data(&out, data + name + link, content, NULL);
		tar_pad(&out, entry.size, NULL);
		mend(m->data + at, m->size - at);
		data += name + link + content;
		size -= name + link + content;
	}
}

static void expect(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char outer[] = "/tmp/nest-fuzz-tar-XXXXXX";
	static struct tar_entry entry;
	static int top = -1;
	struct err e;

	if (size > INPUT_MAX)
		return 0;
	if (top < 0) {
		expect(mkdtemp(outer) != NULL);
		top = open(outer, O_RDONLY | O_DIRECTORY);
	}
	struct memory m = {0};
	struct tar_in in = {.read = memory_read, .context = &m};
	size_t entries = 0;

	if (size && *data & 1) {
		compose(&m, data + 1, size - 1);
	} else {
		memory_write(&m, data, size);
		/* Else no mutation ever gets past the first header. */
		mend(m.data, size);
	}
	while (tar_next(&in, &entry, &e) > 0) {
		expect(memchr(entry.name, 0, PATH_MAX) && memchr(entry.link, 0, PATH_MAX) && entry.size >= 0 && in.left >= 0);
		expect(++entries <= m.size / BLOCK);
	}
	m.at = 0;
	in = (struct tar_in){.read = memory_read, .context = &m};
	expect(mkdirat(top, "in", 0755) == 0 && symlinkat("..", top, "canary") == 0);
	const struct unpacking how = {.root = openat(top, "in", O_RDONLY | O_DIRECTORY), .set_ids = size & 1};

	unpack(&in, &how, &e);
	close(how.root);

	int copy = openat(top, ".", O_RDONLY | O_DIRECTORY);
	DIR *list = fdopendir(copy);
	size_t files = 0;

	while (readdir(list))
		files++;
	closedir(list);
	expect(files == 4);
	remove_tree(openat(top, ".", O_RDONLY | O_DIRECTORY));
	free(m.data);
	return 0;
}
