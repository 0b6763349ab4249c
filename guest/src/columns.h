/* Tables as docker prints them: columns at least 10 wide, three spaces between. */
#pragma once
#include <stddef.h>

#define COLUMNS_MAX 8

struct columns {
	size_t width; /* number of columns */
	size_t rows;
	char **cells; /* rows × width */
};

void columns_head(struct columns *table, size_t width, const char *const *names);
void columns_row(struct columns *table, const char *const *cells);
void columns_print(const struct columns *table);
void columns_free(struct columns *table);
