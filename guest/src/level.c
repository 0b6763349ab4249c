#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "io.h"
#include "level.h"
#include "number.h"

int level_load(struct level *level, struct err *e)
{
	static struct level known;

	/* It never changes for a process, and monitors have it from their engine. */
	if (known.ids) {
		*level = known;
		return 0;
	}
	_cleanup_free_ char *number = read_file(RUN_NEST "/level", 16, NULL, e);

	if (!number)
		return err_context(e, "nest cannot run here (inside a container, start it with --nest)");
	level->number = atoi(number);
	if (level->number < 0 || level->number > LEVEL_MAX)
		return err_set(e, 125, RUN_NEST "/level: %d is out of range", level->number);

	_cleanup_free_ char *map = read_file("/proc/self/uid_map", 4096, NULL, e);
	int64_t field[3] = {-1, -1, -1}; /* the first id inside, the one outside, how many */
	const char *at = map;

	if (!map)
		return -1;
	for (int i = 0; i < 3; i++) {
		at += strspn(at, " ");
		field[i] = number_digits(&at, 10);
	}
	if (field[0] != 0 || field[2] < 0)
		return err_set(e, 125, "/proc/self/uid_map does not start at 0");
	level->ids = (uint32_t)field[2];
	known = *level;
	return 0;
}

int64_t level_child_ids(const struct level *level, int nest, struct err *e)
{
	if (level->ids < 2 * ID_SHIFT)
		return err_set(
			e, 125,
			"level %d has only %u user ids, a container needs %u above its own: start this container with --nest",
			level->number, level->ids, ID_SHIFT);
	return nest ? (int64_t)level->ids - ID_SHIFT : (int64_t)ID_SHIFT;
}
