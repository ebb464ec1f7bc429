/* Inside the shell. */
#pragma once

#include "cli/cli.h"

#include <histedit.h>

#define PROMPT_MAX 96

/* shell.c */
size_t shell_prompt_len(void);

/* files.c: calls add() with every file whose path begins with what is typed; a directory's ends in
 * a slash. */
void files_complete(const char *typed, cmd_complete_fn *add, void *arg);

/* keys.c */
/* Moves the terminal's cursor to a fresh line below the line that is edited. */
void shell_below(EditLine *el);
/* Takes what is edited off the terminal; the cursor is where the prompt began. */
void shell_clear(EditLine *el);
/* Tab: completes as far as it is clear, else lists what is possible. */
unsigned char keys_tab(EditLine *el, int ch);
/* ?: what may follow and what it means; itself inside quotes and behind a backslash. */
unsigned char keys_help(EditLine *el, int ch);
