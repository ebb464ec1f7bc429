/* A line to words. */
#include "common/cmd/cmd.h"

#include <stdio.h>
#include <string.h>

#define BLANKS " \t\r\n"

/* Copies one word from in to out, both inside the same line. Returns where it stopped, NULL when a
 * quote stays open. */
static char *one_word(char *in, char **out)
{
	bool quote = false;

	for (; *in != '\0' && (quote || strchr(BLANKS, *in) == NULL); in++) {
		if (*in == '"') {
			quote = !quote;
			continue;
		}
		if (quote && *in == '\\' && (in[1] == '"' || in[1] == '\\'))
			in++;
		*(*out)++ = *in;
	}
	return quote ? NULL : in;
}

int cmd_split(char *line, const char **word, int max, char *err, size_t errlen)
{
	char *in = line, *out = line;
	int n = 0;

	for (;;) {
		in += strspn(in, BLANKS);
		if (*in == '\0' || *in == '#' || *in == '!' || strncmp(in, "//", 2) == 0)
			return n;
		if (n == max) {
			snprintf(err, errlen, "more than %d words", max);
			return -1;
		}
		word[n++] = out;
		in = one_word(in, &out);
		if (in == NULL) {
			snprintf(err, errlen, "word %d: a quote is not closed", n);
			return -1;
		}
		if (*in != '\0')
			in++;
		*out++ = '\0'; /* never past in: a word takes at least as much as it gives */
	}
}
