/* show tests ui: the screen. ui.c reads keys and signals, ui_sample.c looks at the engine once a
 * second, ui_panes.c writes what was seen into panes, ui_layout.c says where they are, ui_draw.c puts
 * them on the terminal. The middle three know no terminal. */
#pragma once

#include "cli/cli.h"
#include "common/stats/stats.h"

#define UI_COLS_MIN 70 /* below, nothing but a word about it */
#define UI_ROWS_MIN 14

enum ui_view {
	UI_STATS,
	UI_CONFIG,
	UI_LATENCY,
	UI_VIEW_COUNT
};

/* ui_sample.c: what was seen at one moment. Views are those of show.h, NULL where there is none. */
struct ui_sample {
	uint64_t ns; /* CLOCK_MONOTONIC */
	uint32_t n_ports;
	json_t *state[PORTS_MAX];          /* show tests state */
	json_t *stats[PORTS_MAX][TCS_MAX]; /* show tests stats */
	json_t *group[32];                 /* show <group> statistics, of groups that ports have */
	json_t *links;                     /* show port link */
	json_t *load;                      /* show lcore load */
};

/* A test case on the screen. */
struct ui_test {
	uint32_t port, tcid;
	const json_t *state; /* its entry of show tests state */
};

/* Looks; true when all could be read. Frees what was there. */
bool ui_sample_take(struct ui_sample *s, struct cli *cli);
void ui_sample_free(struct ui_sample *s);
/* The test cases, in the order of the screen; how many. */
uint32_t ui_tests(const struct ui_sample *s, struct ui_test *tests, uint32_t max);

/* Lines of text, of which a window shows some. */
enum ui_look {
	UI_PLAIN,
	UI_HEAD,
	UI_CHOSEN,
	UI_BAD
};
struct pane {
	struct pane_line {
		char *text;
		enum ui_look look;
	} * line;
	uint32_t n;
	uint32_t top;   /* the first line that is shown */
	uint32_t fixed; /* lines that do not scroll */
};

/* ui_panes.c */
void pane_clear(struct pane *p);
void pane_add(struct pane *p, enum ui_look look, const char *fmt, ...) format_printf(3, 4);
/* So, on as many lines as it needs at that width. */
void pane_add_wrapped(struct pane *p, uint32_t width, const char *text);
/* Up to 6 characters: exact below 100 000, then in k, M, G, ... */
void ui_number(uint64_t v, char *buf, size_t len);
void pane_tests(struct pane *p, const struct ui_test *tests, uint32_t n, uint32_t chosen);
/* The chosen test case: its statistics and rates since the sample before (NULL: none yet), its
 * configuration as text, its latency. */
void pane_stats(struct pane *p, uint32_t width, const struct ui_test *t,
	const struct ui_sample *now, const struct ui_sample *before);
void pane_latency(struct pane *p, uint32_t width, const json_t *stats);
void pane_text(struct pane *p, uint32_t width, const char *text);
/* The loads of show lcore load in some words. */
void ui_load(const json_t *load, char *buf, size_t len);
/* Counters of all layers, a pair of columns for each port from first on, and their rates. zeros:
 * those that are 0 everywhere too. Then the workers. Returns how many ports there was room for. */
uint32_t pane_ports(struct pane *p, uint32_t width, const struct ui_sample *now,
	const struct ui_sample *before, uint32_t first, bool zeros);

/* ui_layout.c */
struct ui_rect {
	int y, x, h, w;
};
struct ui_layout {
	struct ui_rect tests, detail, ports; /* without their titles, each in the row above */
	int split;                           /* column of the line between left and right */
};
/* False when the terminal is too small. */
bool ui_layout(int rows, int cols, struct ui_layout *l);
/* The first line to show after a step of so many lines, when h are seen. */
uint32_t ui_scroll(const struct pane *p, int h, int step);
/* So that a line is seen. */
uint32_t ui_reveal(const struct pane *p, int h, uint32_t line);

/* ui_draw.c */
struct ui_screen {
	const char *title, *note; /* note: what is wrong, "" nothing */
	const char *detail_title;
	struct pane *tests, *detail, *ports;
	uint32_t first_port, shown_ports, n_ports;
	bool on_ports; /* the arrows scroll them, else the detail */
	bool help;
};
/* Takes the terminal over; 0, or -errno with why in err. */
int ui_draw_begin(char *err, size_t errlen);
/* Gives it back as it was. */
void ui_draw_end(void);
/* Its size may have changed. */
void ui_draw_resize(void);
bool ui_draw_layout(struct ui_layout *l);
void ui_draw(const struct ui_screen *s);
/* The next key, -1 none. */
int ui_draw_key(void);
enum {
	UI_KEY_UP = 0x1000,
	UI_KEY_DOWN,
	UI_KEY_LEFT,
	UI_KEY_RIGHT,
	UI_KEY_PAGE_UP,
	UI_KEY_PAGE_DOWN,
	UI_KEY_HOME,
	UI_KEY_END,
	UI_KEY_TAB
};
