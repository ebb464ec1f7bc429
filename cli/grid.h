/* Text in columns. */
#pragma once

#include "common/util/compiler.h"

#include <stdbool.h>

struct grid {
	char **cell; /* row after row, the first is the headings */
	bool *right; /* of each column */
	size_t n_cols, n_cells;
};

/* First the columns (numbers stand on the right), then cells, row by row. */
void grid_column(struct grid *g, bool right, const char *fmt, ...) format_printf(3, 4);
void grid_cell(struct grid *g, const char *fmt, ...) format_printf(2, 3);
/* Prints it to stdout, each line indented, and frees it. Without headings when they are all empty.
 * width > 0: breaks it into tables of at most so many columns of characters, each of which begins
 * with the first column. */
void grid_print(struct grid *g, int indent, int width);
