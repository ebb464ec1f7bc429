/* Where the areas of the screen are: tests and the chosen one on the left, ports on the right, a
 * title above and the keys below. */
#include "cli/ui.h"

#define LEFT_MIN 32 /* so that 80 columns hold two ports */
#define ABOVE 2     /* the screen's title, and that of the first areas */
#define BELOW 1     /* keys */

bool ui_layout(int rows, int cols, struct ui_layout *l)
{
	int body = rows - ABOVE - BELOW, left = MAX_OF(cols * 2 / 5, LEFT_MIN);
	int tests = MAX_OF(body / 4, 4);

	if (rows < UI_ROWS_MIN || cols < UI_COLS_MIN)
		return false;
	l->split = left;
	l->tests = (struct ui_rect){ABOVE, 0, tests, left};
	l->detail = (struct ui_rect){ABOVE + tests + 1, 0, body - tests - 1, left};
	l->ports = (struct ui_rect){ABOVE, left + 1, body, cols - left - 1};
	return true;
}

/* The last first line with which the window is full. */
static uint32_t last_top(const struct pane *p, int h)
{
	uint32_t seen = (uint32_t)h > p->fixed ? (uint32_t)h - p->fixed : 1,
		 n = p->n > p->fixed ? p->n - p->fixed : 0;

	return n > seen ? n - seen : 0;
}

uint32_t ui_scroll(const struct pane *p, int h, int step)
{
	int64_t top = (int64_t)p->top + step;

	return (uint32_t)MAX_OF(MIN_OF(top, (int64_t)last_top(p, h)), 0);
}

uint32_t ui_reveal(const struct pane *p, int h, uint32_t line)
{
	uint32_t top = ui_scroll(p, h, 0), at = line - p->fixed;
	uint32_t seen = (uint32_t)h - p->fixed;

	if (at < top)
		return at;
	return at >= top + seen ? at - seen + 1 : top;
}
