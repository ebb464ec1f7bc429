/* What may stand at the end of a line. */
#pragma once

#include "common/cmd/cmd.h"

struct line_end {
	enum cmd_place place;
	const char *word[CMD_WORDS_MAX]; /* the whole ones before it */
	int n;
	const char *last; /* what is typed of the word at the end */
	bool path;        /* a file's name is what is wanted there */
};

/* Cuts a line in place. */
void line_end(char *line, struct line_end *e);
/* Calls add() with each word that could stand there, as cmd_complete(). */
void line_end_words(const struct line_end *e, cmd_complete_fn *add, void *arg);

/* Prints these for a line, each with a tab and what it means: --complete. */
void complete_print(const char *text);
