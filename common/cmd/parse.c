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

int arg_at(const struct cmd_desc *c, uint64_t seen, const char *word, bool *named)
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

/* What may still be given, "a|b|c". */
static void args_left(const struct cmd_desc *c, uint64_t seen, char *buf, size_t len)
{
	size_t at = 0;

	snprintf(buf, len, "nothing more");
	for (size_t k = 0; k < c->n_args && at < len; k++) {
		const struct arg_desc *a = &c->args[k];

		if (!(seen >> k & 1))
			at += snprintf(buf + at, len - at, "%s%s", at ? "|" : "",
				a->keyword ? a->keyword : arg_type(a->tag)->usage);
	}
}

static int args_missing(const struct cmd_desc *c, uint64_t seen, char *err, size_t errlen)
{
	for (size_t k = 0; k < c->n_args; k++) {
		const struct arg_desc *a = &c->args[k];

		if (!a->required || seen >> k & 1)
			continue;
		snprintf(err, errlen, "missing '%s%s%s'", a->keyword ? a->keyword : "",
			a->keyword ? " " : "", arg_type(a->tag)->usage);
		return -1;
	}
	return 0;
}

/* Words taken, or minus one more than those taken before the one that is wrong. */
static int args_parse(const struct cmd_desc *c, const char *const *word, int n, union cmd_req *req,
	char *err, size_t errlen)
{
	int i, used;

	memset(req, 0, sizeof(*req));
	for (i = 0; i < n; i += used) {
		char left[200];
		bool named;
		int k = arg_at(c, req->present, word[i], &named);

		if (k < 0) {
			args_left(c, req->present, left, sizeof(left));
			snprintf(err, errlen, "unexpected word '%.80s' after '%.80s', expected %s",
				word[i], i > 0 ? word[i - 1] : c->path, left);
			return -1 - i;
		}
		if (req->present >> k & 1) {
			snprintf(err, errlen, "'%.80s' is given twice", word[i]);
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

static void add_expected(const char *word, const char *help, void *arg)
{
	char *s = arg;
	size_t n = strlen(s);

	(void)help;
	if (n < WHY_MAX - 60)
		snprintf(s + n, WHY_MAX - n, "%s%s", n ? "|" : "", word);
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
