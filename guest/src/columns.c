#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "columns.h"

/* Characters, not bytes: "…" is one. */
static size_t characters(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += (*text & 0xc0) != 0x80;
	return n;
}

void columns_row(struct columns *t, const char *const *cells)
{
	char **grown = reallocarray(t->cells, (t->rows + 1) * t->width, sizeof(char *));

	if (!grown)
		return;
	t->cells = grown;
	for (size_t i = 0; i < t->width; i++)
		t->cells[t->rows * t->width + i] = strdup(cells[i]);
	t->rows++;
}

void columns_head(struct columns *t, size_t width, const char *const *names)
{
	*t = (struct columns){.width = width};
	columns_row(t, names);
}

void columns_print(const struct columns *t)
{
	size_t widths[COLUMNS_MAX] = {0};

	for (size_t i = 0; i < t->rows * t->width; i++) {
		size_t n = t->cells[i] ? characters(t->cells[i]) + 3 : 0;

		if (n > widths[i % t->width])
			widths[i % t->width] = n;
	}
	for (size_t i = 0; i < t->rows * t->width; i++) {
		const char *text = t->cells[i] ? t->cells[i] : "";
		size_t column = i % t->width, width = widths[column] < 10 ? 10 : widths[column];

		if (column + 1 == t->width)
			printf("%s\n", text);
		else
			printf("%s%*s", text, (int)(width - characters(text)), "");
	}
}

void columns_free(struct columns *t)
{
	for (size_t i = 0; i < t->rows * t->width; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct columns){0};
}
