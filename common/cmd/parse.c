/* A line of words to a request, back, and what could come next. */
#include "common/cmd/cmd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WORDS_MAX 64

int cmd_split(char *line, const char **word, int max, char *err, size_t errlen)
{
	char *in = line, *out = line;
	int n = 0;

	for (;;) {
		bool quote = false;

		in += strspn(in, " \t\r\n");
		if (*in == '\0' || *in == '#' || *in == '!' || strncmp(in, "//", 2) == 0)
			return n;
		if (n == max) {
			snprintf(err, errlen, "more than %d words", max);
			return -1;
		}
		word[n++] = out;
		for (; *in != '\0' && (quote || !strchr(" \t\r\n", *in)); in++) {
			if (*in == '"') {
				quote = !quote;
				continue;
			}
			if (quote && *in == '\\' && (in[1] == '"' || in[1] == '\\'))
				in++;
			*out++ = *in;
		}
		if (quote) {
			snprintf(err, errlen, "a quote is not closed");
			return -1;
		}
		if (*in != '\0')
			in++;
		*out++ = '\0';
	}
}

/* Does the path of c continue as word[0..n) does? 1: all of it is there and *used words long;
 * 0: so far, and *next is the word that follows; -1: no, after *used words that did. */
static int path_match(
	const struct cmd_desc *c, const char *const *word, int n, int *used, const char **next)
{
	const char *p = c->path;

	for (*used = 0; *p != '\0'; (*used)++) {
		size_t len = strcspn(p, " ");

		*next = p;
		if (*used == n)
			return 0;
		if (strlen(word[*used]) != len || strncmp(word[*used], p, len) != 0)
			return -1;
		p += len + (p[len] == ' ');
	}
	return 1;
}

/* The argument that a word opens: the one it names, else the next that stands alone. */
static int arg_at(const struct cmd_desc *c, uint64_t seen, const char *word, bool *named)
{
	for (size_t k = 0; k < c->n_args; k++) {
		*named = true;
		if (c->args[k].keyword && strcmp(c->args[k].keyword, word) == 0)
			return (int)k;
	}
	for (size_t k = 0; k < c->n_args; k++) {
		*named = false;
		if (!(seen >> k & 1) && !c->args[k].keyword)
			return (int)k;
	}
	return -1;
}

/* Words taken, or minus one more than those taken before the one that is wrong. */
static int args_parse(const struct cmd_desc *c, const char *const *word, int n, union cmd_req *req,
	char *err, size_t errlen)
{
	int i, used;

	memset(req, 0, sizeof(*req));
	for (i = 0; i < n; i += used) {
		bool named;
		int k = arg_at(c, req->present, word[i], &named);

		if (k < 0) {
			snprintf(err, errlen, "unexpected '%s'", word[i]);
			return -1 - i;
		}
		if (req->present >> k & 1) {
			snprintf(err, errlen, "'%s' is given twice", word[i]);
			return -1 - i;
		}
		i += named;
		used = arg_parse(&c->args[k], word + i, n - i, req->raw + c->args[k].off, err, errlen);
		if (used < 0)
			return -1 - i;
		req->present |= UINT64_C(1) << k;
	}
	for (size_t k = 0; k < c->n_args; k++) {
		const struct arg_desc *a = &c->args[k];

		if (a->required && !(req->present >> k & 1)) {
			snprintf(err, errlen, "missing '%s%s%s'", a->keyword ? a->keyword : "",
				a->keyword ? " " : "", arg_type(a->tag)->usage);
			return -1 - i;
		}
	}
	return i;
}

static void add_expected(const char *word, const char *help, void *arg)
{
	char *s = arg;
	size_t n = strlen(s);

	(void)help;
	if (n < 150)
		snprintf(s + n, 200 - n, "%s%s", n ? "|" : "", word);
}

static int unknown(const char *const *word, int n, char *err, size_t errlen)
{
	char expected[200] = "", before[100] = "";
	int best = 0;

	for (enum cmd_id i = 0; i < CMD_COUNT; i++) {
		const char *next;
		int used;

		path_match(cmd_desc(i), word, n, &used, &next);
		best = MAX_OF(best, used);
	}
	for (int i = 0; i < best; i++) {
		size_t at = strlen(before);

		snprintf(before + at, sizeof(before) - at, "%s%s", at ? " " : "", word[i]);
	}
	cmd_complete(word, best, "", add_expected, expected);
	if (best == n)
		snprintf(err, errlen, "'%s' is not complete, expected %s", before, expected);
	else
		snprintf(err, errlen, "unknown word '%s'%s%s%s, expected %s", word[best],
			best ? " after '" : "", before, best ? "'" : "", expected);
	return -EINVAL;
}

int cmd_parse(const char *const *word, int n, enum cmd_id *id, union cmd_req *req, char *err,
	size_t errlen)
{
	int furthest = -1;

	memset(req, 0, sizeof(*req));
	for (enum cmd_id i = 0; i < CMD_COUNT; i++) {
		const char *next;
		char why[200];
		union cmd_req r;
		int used, got;

		if (path_match(cmd_desc(i), word, n, &used, &next) != 1)
			continue;
		got = args_parse(cmd_desc(i), word + used, n - used, &r, why, sizeof(why));
		if (got >= 0) {
			*id = i;
			*req = r;
			return 0;
		}
		if (-1 - got > furthest) {
			furthest = -1 - got;
			snprintf(err, errlen, "%s", why);
		}
	}
	return furthest >= 0 ? -EINVAL : unknown(word, n, err, errlen);
}

int cmd_format(enum cmd_id id, const union cmd_req *req, char *buf, size_t len)
{
	const struct cmd_desc *c = cmd_desc(id);
	size_t n = snprintf(buf, len, "%s", c->path);

	for (size_t k = 0; k < c->n_args && n < len; k++) {
		const struct arg_desc *a = &c->args[k];
		char value[600];

		if (!(req->present >> k & 1))
			continue;
		arg_format(a, value, sizeof(value), req->raw + a->off);
		n += snprintf(buf + n, len - n, "%s%s%s%s", a->keyword ? " " : "",
			a->keyword ? a->keyword : "", *value ? " " : "", value);
	}
	return n < len ? (int)n : -1;
}

int cmd_check(uint32_t id, const union cmd_req *req, char *err, size_t errlen)
{
	char text[1024], why[200];
	const char *word[WORDS_MAX];
	union cmd_req copy = *req, back;
	enum cmd_id back_id;
	int n;

	snprintf(err, errlen, "malformed request");
	if (id >= CMD_COUNT || req->present >> cmd_desc(id)->n_args != 0)
		return -EINVAL;
	for (size_t k = 0; k < cmd_desc(id)->n_args; k++) {
		const struct arg_desc *a = &cmd_desc(id)->args[k];

		/* text must end inside its field before anything reads it as a string */
		if ((a->tag == ARG_name || a->tag == ARG_line) && copy.raw[a->off + a->size - 1] != 0)
			return -EINVAL;
	}
	if (cmd_format(id, &copy, text, sizeof(text)) < 0)
		return -EINVAL;
	n = cmd_split(text, word, WORDS_MAX, why, sizeof(why));
	if (n < 0)
		return -EINVAL;
	if (cmd_parse(word, n, &back_id, &back, why, sizeof(why)) != 0) {
		snprintf(err, errlen, "%s", why);
		return -EINVAL;
	}
	if (back_id != id || memcmp(&copy, &back, sizeof(back)) != 0)
		return -EINVAL;
	return 0;
}

static void complete_args(const struct cmd_desc *c, const char *const *word, int n,
	const char *prefix, cmd_complete_fn *add, void *arg)
{
	uint64_t seen = 0;
	int i, used;

	for (i = 0; i < n; i += used) {
		union cmd_req req;
		char err[200];
		bool named;
		int k = arg_at(c, seen, word[i], &named);

		if (k < 0 || seen >> k & 1)
			return;
		i += named;
		used = arg_parse(&c->args[k], word + i, n - i, req.raw, err, sizeof(err));
		if (used < 0) {
			if (*prefix == '\0')
				add(arg_type(c->args[k].tag)->usage, c->args[k].help, arg);
			return;
		}
		seen |= UINT64_C(1) << k;
	}
	for (size_t k = 0; k < c->n_args; k++) {
		const struct arg_desc *a = &c->args[k];

		if (seen >> k & 1)
			continue;
		if (a->keyword && strncmp(a->keyword, prefix, strlen(prefix)) == 0)
			add(a->keyword, a->help, arg);
		else if (!a->keyword)
			add(arg_type(a->tag)->usage, a->help, arg);
		if (!a->keyword)
			break; /* values that stand alone come in order */
	}
}

void cmd_complete(
	const char *const *word, int n, const char *prefix, cmd_complete_fn *add, void *arg)
{
	char last[32] = "";

	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct cmd_desc *c = cmd_desc(id);
		const char *next;
		char step[32];
		int used, m = path_match(c, word, n, &used, &next);

		if (m == 1)
			complete_args(c, word + used, n - used, prefix, add, arg);
		if (m != 0)
			continue;
		snprintf(step, sizeof(step), "%.*s", (int)strcspn(next, " "), next);
		if (strncmp(step, prefix, strlen(prefix)) == 0 && strcmp(step, last) != 0)
			add(step, strchr(next, ' ') ? "" : c->help, arg);
		snprintf(last, sizeof(last), "%s", step);
	}
}
