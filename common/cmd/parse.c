/* Words to a request, and a request to a line. */
#include "common/cmd/cmd.h"
#include "common/cmd/cmd_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WHY_MAX 400

const char *path_word(const struct cmd_desc *c, int k, size_t *len)
{
	const char *p = c->path;

	for (; k > 0 && *p != '\0'; k--) {
		p += strcspn(p, " ");
		p += *p == ' ';
	}
	*len = strcspn(p, " ");
	return *len != 0 ? p : NULL;
}

bool path_done(const struct path_walk *w, enum cmd_id id)
{
	size_t len;

	return w->alive[id] && path_word(cmd_desc(id), w->used, &len) == NULL;
}

/* Which path word the typed one means among the rows in play: NULL none, or *several. */
static const char *meant(const struct path_walk *w, const char *typed, size_t *len, bool *several)
{
	const char *found = NULL;
	size_t n = strlen(typed), l;

	*several = false;
	*len = 0;
	for (enum cmd_id id = 0; id < CMD_COUNT && n != 0; id++) {
		const char *p = w->alive[id] ? path_word(cmd_desc(id), w->used, &l) : NULL;

		if (p == NULL || l < n || strncmp(p, typed, n) != 0)
			continue;
		if (l == n) {
			*several = false;
			*len = l;
			return p;
		}
		*several |= found != NULL && (l != *len || strncmp(p, found, l) != 0);
		found = p;
		*len = l;
	}
	return *several ? NULL : found;
}

void path_walk(struct path_walk *w, const char *const *word, int n)
{
	memset(w, 0, sizeof(*w));
	for (enum cmd_id id = 0; id < CMD_COUNT; id++)
		w->alive[id] = true;
	for (; w->used < n; w->used++) {
		size_t len, l;
		const char *m = meant(w, word[w->used], &len, &w->ambiguous);

		if (m == NULL)
			return;
		for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
			const char *p = path_word(cmd_desc(id), w->used, &l);

			w->alive[id] = w->alive[id] && p && l == len && strncmp(p, m, l) == 0;
		}
	}
}

/* How many words that a value may be begin with this one; *exact: it is one of them. */
static int value_words(const struct arg_desc *a, const char *word, bool *exact)
{
	size_t n = strlen(word);
	int found = 0;

	*exact = false;
	for (const char *u = arg_usage(a->tag); *u != '\0' && n != 0;) {
		size_t len = strcspn(u, "|");

		if (*u != '<' && *u != '"' && len >= n && strncmp(u, word, n) == 0) {
			*exact |= len == n;
			found++;
		}
		u += len + (u[len] == '|');
	}
	return found;
}

/* The next argument that stands alone. */
static int bare_next(const struct cmd_desc *c, uint64_t seen)
{
	for (size_t k = 0; k < c->n_args; k++) {
		if (!(seen >> k & 1) && !c->args[k].keyword)
			return (int)k;
	}
	return ARG_NONE;
}

/* Can the word be a value of the argument, other than by being short for one? */
static bool takes(const struct arg_desc *a, const char *word, int *n_short)
{
	union cmd_req scratch;
	bool exact;

	*n_short = value_words(a, word, &exact);
	return exact || (*n_short == 0 && arg_parse(a, &word, 1, scratch.raw, NULL, 0) >= 0);
}

int arg_at(const struct cmd_desc *c, uint64_t seen, const char *word, bool *named)
{
	int bare = bare_next(c, seen), found = ARG_NONE, n_keys = 0, n_short = 0;
	size_t n = strlen(word);

	*named = true;
	for (size_t k = 0; k < c->n_args && n != 0; k++) {
		const char *key = c->args[k].keyword;

		if (key == NULL || strncmp(key, word, n) != 0)
			continue;
		if (key[n] == '\0')
			return (int)k;
		found = (int)k;
		n_keys++;
	}
	*named = bare == ARG_NONE || (!takes(&c->args[bare], word, &n_short) && n_keys != 0);
	if (!*named)
		return bare;
	return n_keys + n_short > 1 ? ARG_SEVERAL : found;
}

static void add_word(char *buf, size_t len, const char *word)
{
	size_t at = strlen(buf);

	snprintf(buf + at, len - at, "%s%s", at ? "|" : "", word);
}

/* What may still be given, "a|b|c". */
static void args_left(const struct cmd_desc *c, uint64_t seen, char *buf, size_t len)
{
	buf[0] = '\0';
	for (size_t k = 0; k < c->n_args; k++) {
		const struct arg_desc *a = &c->args[k];

		if (!(seen >> k & 1))
			add_word(buf, len, a->keyword ? a->keyword : arg_usage(a->tag));
	}
	if (buf[0] == '\0')
		snprintf(buf, len, "nothing more");
}

bool cmd_some_given(const struct cmd_desc *c, uint64_t present, char *err, size_t errlen)
{
	char list[200] = "";

	for (size_t k = 0; k < c->n_args; k++) {
		if (c->args[k].need != ARG_SOME)
			continue;
		if (present >> k & 1)
			return true;
		add_word(list, sizeof(list), c->args[k].keyword);
	}
	snprintf(err, errlen, "expected at least one of %s", list);
	return list[0] == '\0';
}

static int args_missing(const struct cmd_desc *c, uint64_t seen, char *err, size_t errlen)
{
	for (size_t k = 0; k < c->n_args; k++) {
		const struct arg_desc *a = &c->args[k];

		if (a->need != ARG_REQ || seen >> k & 1)
			continue;
		snprintf(err, errlen, "missing %s%s'%s%s%s' (%s)", a->keyword ? "" : a->name,
			a->keyword ? "" : " ", a->keyword ? a->keyword : "", a->keyword ? " " : "",
			arg_usage(a->tag), a->help);
		return -1;
	}
	return cmd_some_given(c, seen, err, errlen) ? 0 : -1;
}

/* No argument begins with the word, or several do. */
static int args_unknown(const struct cmd_desc *c, uint64_t seen, const char *const *word, int i,
	bool several, char *err, size_t errlen)
{
	char left[200];

	args_left(c, seen, left, sizeof(left));
	snprintf(err, errlen, "%s word '%.80s' after '%.80s', expected %s",
		several ? "ambiguous" : "unexpected", word[i], i > 0 ? word[i - 1] : c->path, left);
	return -1 - i;
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

		if (k < 0)
			return args_unknown(
				c, req->present, word, i, k == ARG_SEVERAL, err, errlen);
		if (req->present >> k & 1) {
			snprintf(err, errlen, "'%s' is given twice", c->args[k].keyword);
			return -1 - i;
		}
		i += named;
		used = arg_parse(
			&c->args[k], word + i, n - i, req->raw + c->args[k].off, err, errlen);
		if (used < 0)
			return -1 - i;
		req->present |= UINT64_C(1) << k;
	}
	return args_missing(c, req->present, err, errlen) == 0 ? i : -1 - i;
}

static void add_expected(const char *word, const char *help, bool hint, void *arg)
{
	(void)help;
	(void)hint;
	if (strlen(arg) < WHY_MAX - 60)
		add_word(arg, WHY_MAX, word);
}

/* No row's path fits: says where the words left the table. */
static int path_error(
	const struct path_walk *w, const char *const *word, int n, char *err, size_t errlen)
{
	char expected[WHY_MAX] = "", before[100] = "";
	bool more = w->used < n;

	for (int i = 0; i < w->used; i++) {
		size_t at = strlen(before);

		snprintf(before + at, sizeof(before) - at, "%s%s", at ? " " : "", word[i]);
	}
	cmd_complete(word, w->used, w->ambiguous ? word[w->used] : "", add_expected, expected);
	if (!more)
		snprintf(err, errlen, "'%s' is not complete, expected %s", before, expected);
	else
		snprintf(err, errlen, "%s word '%.80s'%s%s%s, expected %s",
			w->ambiguous ? "ambiguous" : "unknown", word[w->used],
			w->used ? " after '" : "", before, w->used ? "'" : "", expected);
	return -EINVAL;
}

int cmd_parse(const char *const *word, int n, enum cmd_id *id, union cmd_req *req, char *err,
	size_t errlen)
{
	struct path_walk w;
	int furthest = -1;

	memset(req, 0, sizeof(*req));
	path_walk(&w, word, n);
	for (enum cmd_id i = 0; i < CMD_COUNT; i++) {
		char why[WHY_MAX];
		union cmd_req r;
		int got;

		if (!path_done(&w, i))
			continue;
		got = args_parse(cmd_desc(i), word + w.used, n - w.used, &r, why, sizeof(why));
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
	return furthest >= 0 ? -EINVAL : path_error(&w, word, n, err, errlen);
}

int cmd_format(enum cmd_id id, const union cmd_req *req, char *buf, size_t len)
{
	const struct cmd_desc *c = cmd_desc(id);
	size_t n = snprintf(buf, len, "%s", c->path);

	for (size_t k = 0; k < c->n_args && n < len; k++) {
		const struct arg_desc *a = &c->args[k];
		char value[2 * sizeof(struct arg_text256) + 3];

		if (!(req->present >> k & 1))
			continue;
		arg_format(a, value, sizeof(value), req->raw + a->off);
		n += snprintf(buf + n, len - n, "%s%s%s%s", a->keyword ? " " : "",
			a->keyword ? a->keyword : "", *value ? " " : "", value);
	}
	return n < len ? (int)n : -1;
}

/* One argument of a usage line: " [open <n>|infinite]". */
static int usage_arg(const struct arg_desc *a, char *buf, size_t len)
{
	const char *value = arg_usage(a->tag);
	bool opt = a->need != ARG_REQ;

	return snprintf(buf, len, " %s%s%s%s%s", opt ? "[" : "", a->keyword ? a->keyword : "",
		a->keyword && *value ? " " : "", value, opt ? "]" : "");
}

int cmd_usage(enum cmd_id id, char *buf, size_t len)
{
	const struct cmd_desc *c = cmd_desc(id);
	size_t n = snprintf(buf, len, "%s", c->path);

	for (size_t k = 0; k < c->n_args && n < len; k++)
		n += usage_arg(&c->args[k], buf + n, len - n);
	return (int)n;
}
