/* Tab and ?: the words that the command table knows, at the cursor. */
#include "cli/complete.h"
#include "cli/shell.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define CHOICES_MAX 96
#define CHOICE_LEN 257 /* a path and a slash */
#define COLUMNS_DEFAULT 80
#define TO_QUOTE " \"" /* where these are, a word must stand in quotes */

struct choice {
	char word[CHOICE_LEN], help[100];
	bool hint;
};

/* What could stand at the cursor. */
struct choices {
	enum cmd_place place;
	struct choice c[CHOICES_MAX];
	int n, n_hints;
	int n_more;                   /* those for which there was no room */
	char typed[CMD_LINE_MAX + 1]; /* of the word that the cursor is in */
	bool complete;                /* the words before it are a command */
	bool path;                    /* a file's name is what is wanted */
};

static void choice_add(const char *word, const char *help, bool hint, void *arg)
{
	struct choices *s = arg;
	struct choice *c = &s->c[s->n];

	if (s->n == CHOICES_MAX) {
		s->n_more++;
		return;
	}
	snprintf(c->word, sizeof(c->word), "%s", word);
	snprintf(c->help, sizeof(c->help), "%s", help);
	c->hint = hint;
	s->n++;
	s->n_hints += hint;
}

static void choices_at(EditLine *el, struct choices *s)
{
	const LineInfo *li = el_line(el);
	size_t at = (size_t)(li->cursor - li->buffer);
	char line[CMD_LINE_MAX + 1], err[100];
	struct line_end e;
	union cmd_req req;
	enum cmd_id id;

	*s = (struct choices){.place = CMD_IN_TEXT};
	if (at >= sizeof(line))
		return;
	memcpy(line, li->buffer, at);
	line[at] = '\0';
	line_end(line, &e);
	s->place = e.place;
	s->path = e.path;
	if (s->place != CMD_IN_WORD)
		return;
	snprintf(s->typed, sizeof(s->typed), "%s", e.last);
	s->complete = *e.last == '\0' && cmd_parse(e.word, e.n, &id, &req, err, sizeof(err)) == 0;
	line_end_words(&e, choice_add, s);
}

static int columns(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		return COLUMNS_DEFAULT;
	return w.ws_col;
}

/* Columns from the prompt's first character to the cursor, and to the line's end. */
static void extent(EditLine *el, int *at, int *end)
{
	const LineInfoW *li = el_wline(el);

	*at = *end = (int)shell_prompt_len();
	for (const wchar_t *c = li->buffer; c < li->lastchar; c++) {
		int width = MAX_OF(wcwidth(*c), 1);

		*at += c < li->cursor ? width : 0;
		*end += width;
	}
}

void shell_below(EditLine *el)
{
	int at, end, cols = columns();

	extent(el, &at, &end);
	for (int rows = end / cols - at / cols; rows >= 0; rows--)
		putchar('\n');
	fflush(stdout);
}

void shell_clear(EditLine *el)
{
	const char *term = getenv("TERM");
	int at, end, up;

	if (term == NULL || strcmp(term, "dumb") == 0) {
		shell_below(el);
		return;
	}
	extent(el, &at, &end);
	up = at / columns();
	putchar('\r');
	if (up > 0)
		printf("\033[%dA", up);
	fputs("\033[J", stdout);
}

static void list_words(const struct choices *s)
{
	/* of a path only what its directory holds */
	const char *slash = s->path ? strrchr(s->typed, '/') : NULL;
	size_t from = slash ? (size_t)(slash + 1 - s->typed) : 0;
	int width = 0, per_line;

	for (int i = 0; i < s->n; i++)
		width = MAX_OF(width, (int)strlen(s->c[i].word + from));
	per_line = MAX_OF((columns() - 1) / (width + 2), 1);
	for (int i = 0; i < s->n; i++) {
		bool last = i + 1 == s->n || (i + 1) % per_line == 0;

		printf("%-*s%s", last ? 0 : width + 2, s->c[i].word + from, last ? "\n" : "");
	}
	if (s->n_more != 0)
		printf("and %d more\n", s->n_more);
}

static void list_help(const struct choices *s)
{
	for (int i = 0; i < s->n; i++)
		printf("  %-24s %s\n", s->c[i].word, s->c[i].help);
	if (s->complete)
		printf("  %-24s %s\n", "<enter>", "Run the command");
	if (s->n == 0 && !s->complete)
		printf("  nothing that the commands know\n");
}

/* The line that is edited, again, where the terminal's cursor is now. */
static unsigned char redraw(EditLine *el)
{
	fflush(stdout);
	el_set(el, EL_REFRESH);
	return CC_NORM;
}

/* How much all words have in common, in whole characters. */
static size_t common_len(const struct choices *s)
{
	size_t common = strlen(s->c[0].word);

	if (s->n_more != 0)
		return 0;
	for (int i = 1; i < s->n; i++) {
		size_t k = 0;

		while (k < common && s->c[i].word[k] == s->c[0].word[k])
			k++;
		common = k;
	}
	while (((unsigned char)s->c[0].word[common] & 0xc0) == 0x80)
		common--;
	return common;
}

/* The whole of the word of which some is typed. Its rest, or all of it in quotes. */
static void insert(EditLine *el, const char *typed, const char *word)
{
	size_t n = strlen(typed);
	const LineInfo *li = el_line(el);
	char quoted[2 * CHOICE_LEN + 3];
	bool plain = n != 0 && strpbrk(word + n, TO_QUOTE) == NULL;

	if (plain || cmd_quote(word, quoted, sizeof(quoted)) == (int)strlen(word)) {
		el_insertstr(el, word + n);
		return;
	}
	/* what is typed with quotes of its own is not ours to replace */
	if ((size_t)(li->cursor - li->buffer) < n || memcmp(li->cursor - n, typed, n) != 0)
		return;
	el_deletestr(el, (int)mbstowcs(NULL, typed, 0));
	el_insertstr(el, quoted);
}

/* What several words have in common, when that is more than what is typed. A name is not left
 * half in quotes. */
static bool insert_common(EditLine *el, struct choices *s)
{
	size_t typed = strlen(s->typed), common = s->n_hints == 0 ? common_len(s) : 0;

	if (common > typed)
		common = MIN_OF(common, typed + strcspn(s->c[0].word + typed, TO_QUOTE));
	if (common <= typed)
		return false;
	s->c[0].word[common] = '\0';
	el_insertstr(el, s->c[0].word + typed);
	return true;
}

unsigned char keys_tab(EditLine *el, int ch)
{
	static struct choices s;
	const LineInfo *li = el_line(el);
	bool blank = li->cursor < li->lastchar && *li->cursor == ' ';

	(void)ch;
	choices_at(el, &s);
	if (s.path) {
		s.n = s.n_hints = 0;
		files_complete(s.typed, choice_add, &s);
	}
	if (s.place != CMD_IN_WORD || s.n == 0)
		return CC_REFRESH_BEEP;
	if (s.n == 1 && s.n_hints == 0) {
		const char *word = s.c[0].word;

		insert(el, s.typed, word);
		if (!blank && word[strlen(word) - 1] != '/') /* in a directory it goes on */
			el_insertstr(el, " ");
		return CC_REFRESH;
	}
	if (insert_common(el, &s)) /* a hint is nothing to insert */
		return CC_REFRESH;
	shell_below(el);
	if (s.n == s.n_hints)
		list_help(&s);
	else
		list_words(&s);
	return redraw(el);
}

unsigned char keys_help(EditLine *el, int ch)
{
	const LineInfo *li = el_line(el);
	bool escaped = li->cursor > li->buffer && li->cursor[-1] == '\\';
	static struct choices s;

	(void)ch;
	choices_at(el, &s);
	if (s.place == CMD_IN_TEXT || escaped) {
		if (s.place != CMD_IN_TEXT)
			el_deletestr(el, 1); /* outside quotes it was there for the ? alone */
		el_insertstr(el, "?");
		return CC_REFRESH;
	}
	fputs("?", stdout);
	shell_below(el);
	list_help(&s);
	return redraw(el);
}
