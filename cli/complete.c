/* What may stand at the end of a line that is not whole yet: for Tab and ? in the shell, and for other programs. */
#include "cli/complete.h"

#include <stdio.h>
#include <string.h>

static void path_look(const char *word, const char *help, bool hint, void *arg)
{
	(void)help;
	*(bool *)arg |= hint && strcmp(word, arg_usage(ARG_path)) == 0;
}

void line_end(char *line, struct line_end *e)
{
	e->path = false;
	e->place = cmd_split_begun(line, e->word, ARRAY_SIZE(e->word), &e->n, &e->last);
	if (e->place == CMD_IN_WORD)
		cmd_complete(e->word, e->n, "", path_look, &e->path);
}

void line_end_words(const struct line_end *e, cmd_complete_fn *add, void *arg)
{
	/* the table knows no files: there the hint is what it can say, however much is typed */
	if (e->place == CMD_IN_WORD)
		cmd_complete(e->word, e->n, e->path ? "" : e->last, add, arg);
}

static void print(const char *word, const char *help, bool hint, void *arg)
{
	(void)hint;
	(void)arg;
	printf("%s\t%s\n", word, help);
}

void complete_print(const char *text)
{
	char line[CMD_LINE_MAX + 1];
	struct line_end e;

	if (strlen(text) >= sizeof(line))
		return;
	memcpy(line, text, strlen(text) + 1);
	line_end(line, &e);
	line_end_words(&e, print, NULL);
}
