/* Tab and ?: the words that the command table knows, at the cursor. */
#include "cli/shell.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define CHOICES_MAX 96
#define CHOICE_LEN 48
#define COLUMNS_DEFAULT 80

struct choice {
	char word[CHOICE_LEN], help[100];
	bool hint;
};

/* What could stand at the cursor. */
struct choices {
	enum cmd_place place;
	struct choice c[CHOICES_MAX];
	int n, n_hints;
	char typed[CMD_LINE_MAX + 1]; /* of the word that the cursor is in */
	bool complete;                /* the words before it are a command */
};

static void choice_add(const char *word, const char *help, bool hint, void *arg)
{
	struct choices *s = arg;
	struct choice *c = &s->c[s->n];

	if (s->n == CHOICES_MAX)
		return;
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
	const char *word[CMD_WORDS_MAX], *last;
	union cmd_req req;
	enum cmd_id id;
	int n;

	*s = (struct choices){.place = CMD_IN_TEXT};
	if (at >= sizeof(line))
		return;
	memcpy(line, li->buffer, at);
	line[at] = '\0';
	s->place = cmd_split_begun(line, word, CMD_WORDS_MAX, &n, &last);
	if (s->place != CMD_IN_WORD)
		return;
	snprintf(s->typed, sizeof(s->typed), "%s", last);
	s->complete = *last == '\0' && cmd_parse(word, n, &id, &req, err, sizeof(err)) == 0;
	cmd_complete(word, n, last, choice_add, s);
}

static int columns(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
		return COLUMNS_DEFAULT;
	return w.ws_col;
}

void shell_below(EditLine *el)
{
	const LineInfoW *li = el_wline(el);
	int at = (int)shell_prompt_len(), end = at, cols = columns();

	for (const wchar_t *c = li->buffer; c < li->lastchar; c++) {
		int width = MAX_OF(wcwidth(*c), 1);

		at += c < li->cursor ? width : 0;
		end += width;
	}
	for (int rows = end / cols - at / cols; rows >= 0; rows--)
		putchar('\n');
	fflush(stdout);
}

static void list_words(const struct choices *s)
{
	int width = 0, per_line;

	for (int i = 0; i < s->n; i++)
		width = MAX_OF(width, (int)strlen(s->c[i].word));
	per_line = MAX_OF((columns() - 1) / (width + 2), 1);
	for (int i = 0; i < s->n; i++) {
		bool last = i + 1 == s->n || (i + 1) % per_line == 0;

		printf("%-*s%s", last ? 0 : width + 2, s->c[i].word, last ? "\n" : "");
	}
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

/* How much all words have in common. */
static size_t common_len(const struct choices *s)
{
	size_t common = strlen(s->c[0].word);

	for (int i = 1; i < s->n; i++) {
		size_t k = 0;

		while (k < common && s->c[i].word[k] == s->c[0].word[k])
			k++;
		common = k;
	}
	return common;
}

unsigned char keys_tab(EditLine *el, int ch)
{
	static struct choices s;
	const LineInfo *li = el_line(el);
	bool blank = li->cursor < li->lastchar && *li->cursor == ' ';
	size_t common, typed;

	(void)ch;
	choices_at(el, &s);
	if (s.place != CMD_IN_WORD || s.n == 0)
		return CC_REFRESH_BEEP;
	typed = strlen(s.typed);
	common = s.n_hints == 0 ? common_len(&s) : 0; /* a hint is nothing to insert */
	if (common <= typed && (s.n > 1 || s.n_hints != 0)) {
		shell_below(el);
		if (s.n == s.n_hints)
			list_help(&s);
		else
			list_words(&s);
		return redraw(el);
	}
	s.c[0].word[common] = '\0';
	if (common > typed)
		el_insertstr(el, s.c[0].word + typed);
	if (s.n == 1 && !blank)
		el_insertstr(el, " ");
	return CC_REFRESH;
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
