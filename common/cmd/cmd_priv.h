/* Inside common/cmd: how words are held against the commands' paths. */
#pragma once

#include "common/cmd/cmd.h"

/* The rows whose paths agree with the first `used` words. */
struct path_walk {
	bool alive[CMD_COUNT];
	int used;
	bool ambiguous; /* the word at `used` abbreviates several */
};

/* Follows the words as far as paths go. An exact word wins over words that it abbreviates. */
void path_walk(struct path_walk *w, const char *const *word, int n);
/* Word k of a path and its length; NULL past its end. */
const char *path_word(const struct cmd_desc *c, int k, size_t *len);
/* Is the row in play and its path complete? */
bool path_done(const struct path_walk *w, enum cmd_id id);

/* The argument that a word opens: the one whose keyword it is, else the next that stands alone if
 * the word can be its value, else the one whose keyword it abbreviates. */
#define ARG_NONE (-1)
#define ARG_SEVERAL (-2)
int arg_at(const struct cmd_desc *c, uint64_t seen, const char *word, bool *named);
