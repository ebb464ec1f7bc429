/* The screen on the terminal, by ncurses. */
#include "cli/ui.h"

#include <curses.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define ESC_MS 25 /* a key's escape sequence comes within that */

/* What newterm() takes for its own, while it is not asked to. */
static const int theirs[] = {SIGINT, SIGTERM, SIGTSTP, SIGWINCH};

static SCREEN *screen;
static char leave[128]; /* what a terminal is told to be as before, should the engine go */

/* A capability's text, after what is there. */
static void leave_add(const char *cap)
{
	const char *s = tigetstr(cap);
	size_t at = strlen(leave);

	if (s != NULL && s != (const char *)-1)
		snprintf(leave + at, sizeof(leave) - at, "%s", s);
}

/* Those of terminals that do not do as their type says. */
static void keys_define(void)
{
	static const struct {
		const char *seq;
		int key;
	} keys[] = {{"\033[A", KEY_UP}, {"\033[B", KEY_DOWN}, {"\033[C", KEY_RIGHT},
		{"\033[D", KEY_LEFT}, {"\033[H", KEY_HOME}, {"\033[F", KEY_END}};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		define_key(keys[i].seq, keys[i].key);
}

int ui_draw_begin(char *err, size_t errlen)
{
	struct sigaction was[ARRAY_SIZE(theirs)];
	const char *term = getenv("TERM");

	cli_locale();
	fflush(stdout);
	gone_keep_terminal();
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		sigaction(theirs[i], NULL, &was[i]);
	screen = term && *term ? newterm(NULL, stdout, stdin) : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
		sigaction(theirs[i], &was[i], NULL);
	if (screen == NULL) {
		snprintf(err, errlen, "no terminal of type '%.40s' is known: set TERM",
			term ? term : "");
		return -ENOTTY;
	}
	leave[0] = '\0';
	leave_add("sgr0");
	leave_add("cnorm");
	leave_add("rmkx");
	leave_add("rmcup");
	gone_keep_screen(leave);
	set_escdelay(ESC_MS);
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	keys_define();
	nodelay(stdscr, TRUE);
	curs_set(0);
	leaveok(stdscr, TRUE);
	return 0;
}

void ui_draw_end(void)
{
	endwin();
	gone_keep_screen(NULL);
	delscreen(screen);
	screen = NULL;
}

void ui_draw_resize(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row != 0 && w.ws_col != 0)
		resizeterm(w.ws_row, w.ws_col);
	clearok(stdscr, TRUE);
}

bool ui_draw_layout(struct ui_layout *l)
{
	return ui_layout(LINES, COLS, l);
}

/* Bytes of text that fit so many columns. */
static int fitting(const char *s, int columns)
{
	mbstate_t state = {0};
	int n = 0;

	while (s[n] != '\0') {
		wchar_t wc;
		size_t len = mbrtowc(&wc, s + n, MB_CUR_MAX, &state);
		int width = len == (size_t)-1 || len == (size_t)-2 ? -1 : wcwidth(wc);

		if (width < 0 || (columns -= width) < 0)
			break;
		n += (int)len;
	}
	return n;
}

static void text(int y, int x, int w, chtype look, const char *s)
{
	if (w <= 0)
		return;
	attrset(look);
	mvhline(y, x, ' ', w);
	mvaddnstr(y, x, s, fitting(s, w));
	attrset(A_NORMAL);
}

static chtype look_of(enum ui_look look)
{
	switch (look) {
	case UI_HEAD:
	case UI_BAD:
		return A_BOLD;
	case UI_CHOSEN:
		return A_REVERSE;
	case UI_PLAIN:
		break;
	}
	return A_NORMAL;
}

static void pane_draw(const struct pane *p, const struct ui_rect *r)
{
	for (int i = 0; i < r->h; i++) {
		uint32_t k = (uint32_t)i < p->fixed ? (uint32_t)i : p->top + (uint32_t)i;

		text(r->y + i, r->x, r->w, k < p->n ? look_of(p->line[k].look) : A_NORMAL,
			k < p->n ? p->line[k].text : "");
	}
}

/* Above an area: what it is, and where in it we are. */
static void title_draw(const struct ui_rect *r, bool chosen, const char *what, const struct pane *p)
{
	char where[40] = "", line[200];

	if (p->n > (uint32_t)r->h)
		snprintf(where, sizeof(where), " %u-%u/%u", p->top + 1,
			MIN_OF(p->top + (uint32_t)r->h - p->fixed, p->n - p->fixed),
			p->n - p->fixed);
	snprintf(line, sizeof(line), " %s%s ", what, where);
	mvhline(r->y - 1, r->x, '-', r->w);
	attrset(A_BOLD | (chosen ? A_REVERSE : 0));
	mvaddnstr(r->y - 1, r->x + 1, line, fitting(line, r->w - 2));
	attrset(A_NORMAL);
}

static void help_draw(void)
{
	static const char *const lines[] = {" Keys", "", "   n        next test case",
		"   b        test case before", "   s        statistics of the test case",
		"   c        its configuration", "   l        its latency",
		"   Tab      scroll the other area", "   arrows   scroll; left and right: ports",
		"   PgUp PgDn Home End", "   z        counters that are 0, too",
		"   q        leave    ?  this help", "", " any key goes on"};

	for (int i = 0; i < (int)ARRAY_SIZE(lines); i++)
		text(i, 0, COLS, i == 0 ? A_BOLD : A_NORMAL, i < LINES ? lines[i] : "");
}

static void areas_draw(const struct ui_screen *s, const struct ui_layout *l)
{
	char ports[80];

	snprintf(ports, sizeof(ports), "Ports %u-%u of %u", s->first_port,
		s->first_port + s->shown_ports - 1, s->n_ports);
	mvvline(1, l->split, '|', LINES - 2);
	pane_draw(s->tests, &l->tests);
	pane_draw(s->detail, &l->detail);
	pane_draw(s->ports, &l->ports);
	title_draw(&l->tests, false, "Tests", s->tests);
	title_draw(&l->detail, !s->on_ports, s->detail_title, s->detail);
	title_draw(&l->ports, s->on_ports, ports, s->ports);
}

void ui_draw(const struct ui_screen *s)
{
	struct ui_layout l;
	bool room = ui_layout(LINES, COLS, &l);
	char line[200];

	erase();
	if (s->help) {
		help_draw();
	} else if (!room) {
		snprintf(line, sizeof(line), "%dx%d is too small, %dx%d is needed; q leaves", COLS,
			LINES, UI_COLS_MIN, UI_ROWS_MIN);
		text(0, 0, COLS, A_NORMAL, line);
	} else {
		snprintf(line, sizeof(line), " %s%s%s", s->title, *s->note ? "  " : "", s->note);
		text(0, 0, COLS, *s->note ? A_REVERSE | A_BOLD : A_REVERSE, line);
		areas_draw(s, &l);
		text(LINES - 1, 0, COLS, A_REVERSE,
			" q Quit  n Next  b Back  s Statistics  c Config  l Latency  z Zeros  ? "
			"Help");
	}
	refresh();
}

int ui_draw_key(void)
{
	int c = getch();

	switch (c) {
	case ERR:
		return -1;
	case KEY_UP:
		return UI_KEY_UP;
	case KEY_DOWN:
		return UI_KEY_DOWN;
	case KEY_LEFT:
		return UI_KEY_LEFT;
	case KEY_RIGHT:
		return UI_KEY_RIGHT;
	case KEY_PPAGE:
		return UI_KEY_PAGE_UP;
	case KEY_NPAGE:
		return UI_KEY_PAGE_DOWN;
	case KEY_HOME:
		return UI_KEY_HOME;
	case KEY_END:
		return UI_KEY_END;
	case '\t':
		return UI_KEY_TAB;
	default:
		return c < 0x100 ? c : 0;
	}
}
