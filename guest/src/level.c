#include <stdio.h>
#include <stdlib.h>
#include "io.h"
#include "level.h"

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
	unsigned inside, outside, count;

	if (!map)
		return -1;
	if (sscanf(map, "%u %u %u", &inside, &outside, &count) != 3 || inside != 0)
		return err_set(e, 125, "/proc/self/uid_map does not start at 0");
	level->ids = count;
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
