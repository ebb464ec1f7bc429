/* What could come next. */
#include "common/cmd/cmd.h"
#include "common/cmd/cmd_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Rows that share words offer them once. */
struct offer {
	cmd_complete_fn *add;
	void *arg;
	const char *prefix;
	char seen[64][40];
	int n;
};

static void offer(struct offer *o, const char *word, size_t len, const char *help)
{
	bool hint = *word == '<' || *word == '"';
	char text[FIELD_SIZE(struct offer, seen[0])];

	snprintf(text, sizeof(text), "%.*s", (int)len, word);
	if (hint ? *o->prefix != '\0' : strncmp(text, o->prefix, strlen(o->prefix)) != 0)
		return;
	for (int i = 0; i < o->n; i++) {
		if (strcmp(o->seen[i], text) == 0)
			return;
	}
	if (o->n < (int)ARRAY_SIZE(o->seen))
		memcpy(o->seen[o->n++], text, sizeof(text));
	o->add(text, help, hint, o->arg);
}

/* Each alternative of a value, numbers with their bounds. */
static void offer_value(struct offer *o, const struct arg_desc *a)
{
	uint32_t i = 0;

	for (const char *u = arg_usage(a->tag); *u != '\0'; i++) {
		const char *meaning = arg_word_help(a->tag, i);
		size_t len = strcspn(u, "|");
		char bounds[FIELD_SIZE(struct offer, seen[0])];

		snprintf(bounds, sizeof(bounds), "<%" PRIu64 "..%" PRIu64 ">", a->min, arg_max(a));
		if (strncmp(u, "<n>", len) == 0)
			offer(o, bounds, strlen(bounds), a->help);
		else
			offer(o, u, len, *meaning ? meaning : a->help);
		u += len + (u[len] == '|');
	}
}

static bool is_range(const struct arg_desc *a)
{
	return a->tag == ARG_iprange || a->tag == ARG_l4range;
}

static void complete_args(struct offer *o, const struct cmd_desc *c, const char *const *word, int n)
{
	uint64_t seen = 0;
	bool bare = false;

	for (int i = 0, used; i < n; i += used) {
		union cmd_req req;
		bool named;
		int k = arg_at(c, seen, word[i], &named);

		if (k < 0 || seen >> k & 1)
			return;
		i += named;
		used = arg_parse(&c->args[k], word + i, n - i, req.raw, NULL, 0);
		if (used < 0 && n - i < 1 + is_range(&c->args[k]))
			offer_value(o, &c->args[k]);
		if (used < 0)
			return;
		seen |= UINT64_C(1) << k;
	}
	for (size_t k = 0; k < c->n_args; k++) {
		const struct arg_desc *a = &c->args[k];

		if (seen >> k & 1)
			continue;
		if (a->keyword)
			offer(o, a->keyword, strlen(a->keyword), a->help);
		else if (!bare)
			offer_value(o, a);
		bare |= !a->keyword; /* values that stand alone come in order */
	}
}

/* Word `used` + 1 of a row in play whose word `used` is this one, NULL when it is another row. */
static const char *led_to(
	const struct path_walk *w, enum cmd_id id, const char *word, size_t len, size_t *next_len)
{
	size_t l;
	const char *p = w->alive[id] ? path_word(cmd_desc(id), w->used, &l) : NULL;

	if (p == NULL || l != len || strncmp(p, word, len) != 0)
		return NULL;
	return path_word(cmd_desc(id), w->used + 1, next_len);
}

/* What a word of a path leads to: "tests|syslog". */
static const char *leads_to(
	const struct path_walk *w, const char *word, size_t len, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		size_t n = 0, m = 0;
		const char *next = led_to(w, id, word, len, &n), *before = NULL;

		for (enum cmd_id k = 0; k < id && next != NULL && before == NULL; k++) {
			before = led_to(w, k, word, len, &m);
			if (before != NULL && (m != n || strncmp(before, next, n) != 0))
				before = NULL;
		}
		if (next == NULL || before != NULL)
			continue;
		if (at + n + sizeof("|...") >= size) {
			snprintf(buf + at, size - at, "|...");
			break;
		}
		at += snprintf(buf + at, size - at, "%s%.*s", at ? "|" : "", (int)n, next);
	}
	return buf;
}

void cmd_complete(
	const char *const *word, int n, const char *prefix, cmd_complete_fn *add, void *arg)
{
	struct offer o = {.add = add, .arg = arg, .prefix = prefix};
	struct path_walk w;
	char leads[80];

	path_walk(&w, word, n);
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		const struct cmd_desc *c = cmd_desc(id);
		size_t len;
		const char *next = path_word(c, w.used, &len);

		if (!w.alive[id])
			continue;
		if (next == NULL)
			complete_args(&o, c, word + w.used, n - w.used);
		else if (w.used == n)
			offer(&o, next, len,
				next[len] == '\0' ? c->help
						  : leads_to(&w, next, len, leads, sizeof(leads)));
	}
}
