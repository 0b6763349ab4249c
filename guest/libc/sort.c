/* Shell's sort: as good as any for the hundreds of names that are sorted here, and small. */
#include <stdlib.h>

void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	char *items = base;

	for (size_t gap = count / 2; gap > 0; gap = gap == 2 ? 1 : gap * 5 / 11)
		for (size_t i = gap; i < count; i++)
			for (size_t at = i; at >= gap; at -= gap) {
				char *a = items + (at - gap) * size, *b = items + at * size;

				if (compare(a, b) <= 0)
					break;
				for (size_t n = 0; n < size; n++) {
					char kept = a[n];

					a[n] = b[n];
					b[n] = kept;
				}
			}
}
