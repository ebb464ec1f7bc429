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

static bool comment(const char *in)
{
	return *in == '#' || *in == '!' || strncmp(in, "//", 2) == 0;
}

int cmd_split(char *line, const char **word, int max, char *err, size_t errlen)
{
	char *in = line, *out = line;
	int n = 0;

	for (;;) {
		in += strspn(in, BLANKS);
		if (*in == '\0' || comment(in))
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

enum cmd_place cmd_split_begun(char *line, const char **word, int max, int *n, const char **last)
{
	char *in = line, *out = line;

	for (*n = 0; *n < max; (*n)++) {
		bool end;

		in += strspn(in, BLANKS);
		if (comment(in))
			return CMD_IN_TEXT;
		*last = word[*n] = out;
		in = one_word(in, &out);
		if (in == NULL)
			return CMD_IN_TEXT;
		end = *in++ == '\0';
		*out++ = '\0';
		if (end)
			return CMD_IN_WORD;
	}
	return CMD_IN_TEXT;
}

int cmd_quote(const char *word, char *buf, size_t len)
{
	bool quote = *word == '\0' || comment(word) || strpbrk(word, BLANKS "\"");
	size_t at = 0;

#define PUT(c)                         \
	do {                           \
		if (at + 1 < len)      \
			buf[at] = (c); \
		at++;                  \
	} while (0)
	if (!quote)
		return snprintf(buf, len, "%s", word);
	PUT('"');
	for (; *word; word++) {
		if (*word == '"' || *word == '\\')
			PUT('\\');
		PUT(*word);
	}
	PUT('"');
#undef PUT
	if (len != 0)
		buf[at < len ? at : len - 1] = '\0';
	return (int)at;
}
