#include "cli/grid.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define GAP 2 /* blanks between columns */

static void add(struct grid *g, const char *fmt, va_list ap)
{
	char **cell = realloc(g->cell, (g->n_cells + 1) * sizeof(*cell));

	BUG_ON(cell == NULL);
	g->cell = cell;
	BUG_ON(vasprintf(&cell[g->n_cells], fmt, ap) < 0);
	g->n_cells++;
}

void grid_column(struct grid *g, bool right, const char *fmt, ...)
{
	bool *sides = realloc(g->right, (g->n_cols + 1) * sizeof(*sides));
	va_list ap;

	BUG_ON(sides == NULL || g->n_cells != g->n_cols);
	g->right = sides;
	g->right[g->n_cols++] = right;
	va_start(ap, fmt);
	add(g, fmt, ap);
	va_end(ap);
}

void grid_cell(struct grid *g, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(g, fmt, ap);
	va_end(ap);
}

/* Characters of UTF-8 text. */
static int width_of(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

static int column_width(const struct grid *g, size_t col)
{
	int width = 0;

	for (size_t i = col; i < g->n_cells; i += g->n_cols)
		width = MAX_OF(width, width_of(g->cell[i]));
	return width;
}

/* blanks: those not printed yet, so that no line ends in any. */
static void print_cell(const struct grid *g, size_t i, int width, int *blanks)
{
	int pad = width - width_of(g->cell[i]);
	bool right = g->right[i % g->n_cols];

	if (g->cell[i][0] != '\0') {
		printf("%*s%s", *blanks + (right ? pad : 0), "", g->cell[i]);
		*blanks = right ? 0 : pad;
	} else {
		*blanks += pad;
	}
	*blanks += GAP;
}

static bool headings(const struct grid *g)
{
	for (size_t i = 0; i < g->n_cols; i++) {
		if (g->cell[i][0] != '\0')
			return true;
	}
	return false;
}

/* The first column and those of [from, to). */
static void print_part(const struct grid *g, size_t from, size_t to, int indent)
{
	for (size_t row = headings(g) ? 0 : g->n_cols; row < g->n_cells; row += g->n_cols) {
		int blanks = indent;

		print_cell(g, row, column_width(g, 0), &blanks);
		for (size_t k = from; k < to; k++)
			print_cell(g, row + k, column_width(g, k), &blanks);
		putchar('\n');
	}
}

void grid_print(struct grid *g, int indent, int width)
{
	size_t from = 1;

	BUG_ON(g->n_cols == 0 || g->n_cells % g->n_cols != 0);
	do {
		int taken = indent + column_width(g, 0);
		size_t to = from;

		while (to < g->n_cols
			&& (width <= 0 || to == from || taken + GAP + column_width(g, to) <= width))
			taken += GAP + column_width(g, to++);
		if (from > 1)
			putchar('\n');
		print_part(g, from, to, indent);
		from = to;
	} while (from < g->n_cols);
	for (size_t i = 0; i < g->n_cells; i++)
		free(g->cell[i]);
	free(g->cell);
	free(g->right);
	*g = (struct grid){0};
}
