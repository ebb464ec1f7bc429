/* The text of documents without a tree of what there is most of: counters of each lcore of each port, counters
 * and histograms of test cases. With one, 64 ports of 16 workers take several times as long. */
#include "stats-exporter/json_priv.h"
#include "stats-exporter/out.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What stands before a counter's number, and where that is: of a scope whole. */
struct piece {
	char before[72];
	uint32_t len;
	uint32_t off; /* in the scope's block */
	bool is_signed;
};

#define PIECES_MAX (sizeof(struct stats_port_block) / sizeof(uint64_t))
static_assert(sizeof(struct stats_tc_block) <= sizeof(struct stats_port_block));
struct pieces {
	uint32_t n;
	struct piece at[PIECES_MAX];
};

/* What a document has. */
struct content {
	const struct sample *s;
	uint32_t port, tcid; /* only these; UINT32_MAX: all */
	bool lcores, config; /* with each port's lcores; with what ports and test cases were told */
	struct pieces of_port, of_test;
};

static void pieces_of(struct pieces *to, enum stat_scope scope)
{
	to->n = 0;
	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		for (size_t k = 0; g->scope == scope && k < g->n; k++) {
			struct piece *p = &to->at[to->n];
			size_t room = sizeof(p->before);
			const char *field = g->stats[k].name;

			BUG_ON(to->n >= PIECES_MAX);
			p->len = (uint32_t)(k != 0
					? snprintf(p->before, room, ",\"%s\":", field)
					: snprintf(p->before, room, "%s\"%s\":{\"%s\":",
						to->n != 0 ? "}," : "{", g->name, field));
			BUG_ON(p->len >= room);
			p->off = (uint32_t)(g->off + g->stats[k].off);
			p->is_signed = g->stats[k].kind == STAT_GAUGE;
			to->n++;
		}
	}
}

/* As json_groups(). */
static void block_text(struct out *o, const struct pieces *of, const void *block)
{
	for (const struct piece *p = of->at; p < of->at + of->n; p++) {
		char *to = out_room(o, sizeof(p->before) + OUT_DIGITS);
		uint64_t v;

		if (to == NULL)
			return;
		memcpy(&v, (const char *)block + p->off, sizeof(v));
		memcpy(to, p->before, sizeof(p->before)); /* what is too much is overwritten */
		to += p->len;
		to = p->is_signed ? out_put_i64(to, (int64_t)v)
				  : out_put_u64(to, MIN_OF(v, (uint64_t)INT64_MAX));
		out_to(o, to);
	}
	out_text(o, "}}");
}

static int append(const char *text, size_t n, void *out)
{
	out_bytes(out, text, n);
	return 0;
}

/* A tree that is given away, as text. False: no memory. */
static bool tree_text(struct out *o, json_t *tree)
{
	bool ok = tree != NULL
		&& json_dump_callback(tree, append, o, JSON_COMPACT | JSON_ENCODE_ANY) == 0;

	json_decref(tree);
	if (!ok)
		out_free(o);
	return ok && !o->failed;
}

/* An object that goes on: with ',' and a member, and '}' in the end. */
static bool head_text(struct out *o, json_t *tree)
{
	if (!tree_text(o, tree))
		return false;
	o->len--;
	return true;
}

static void lcores_text(struct out *o, const struct content *c, uint32_t port)
{
	out_text(o, ",\"lcores\":[");
	for (uint32_t lc = 0; lc < c->s->n_workers; lc++) {
		out_printf(o, "%s{\"lcore\":%" PRIu32 ",\"stats\":", lc != 0 ? "," : "",
			c->s->lcore_id[lc]);
		block_text(o, &c->of_port, sample_port_stats(c->s, lc, port));
		out_char(o, '}');
	}
	out_char(o, ']');
}

static void config_text(struct out *o, json_t *config)
{
	out_text(o, ",\"config\":");
	tree_text(o, config);
}

static void ports_text(struct out *o, const struct content *c)
{
	uint32_t given = 0;

	for (uint32_t i = 0; i < c->s->n_ports; i++) {
		if (c->port != UINT32_MAX && i != c->port)
			continue;
		if (given++ != 0)
			out_char(o, ',');
		if (!head_text(o, json_port(c->s, i, false)))
			return;
		if (c->lcores)
			lcores_text(o, c, i);
		if (c->config)
			config_text(o, json_port_config(&c->s->port[i]));
		out_char(o, '}');
	}
}

static void apps_text(struct out *o, const struct content *c, const struct sample_tc *t)
{
	out_text(o, ",\"apps\":[");
	for (uint32_t i = 0; i < t->n_apps; i++) {
		if (i != 0)
			out_char(o, ',');
		if (!head_text(o, json_app_head(&t->apps[i])))
			return;
		out_text(o, ",\"stats\":");
		block_text(o, &c->of_test, &t->apps[i].stats);
		out_char(o, '}');
	}
	out_char(o, ']');
}

/* As histogram_json() of json_test.c, a member, the object's last. */
static void histogram_text(struct out *o, const struct coarse *c)
{
	out_printf(o, ",\"histogram\":{\"sub_bits\":%d,\"first\":%" PRIu32 ",\"counts\":[",
		COARSE_SUB_BITS, c->first);
	for (uint32_t i = c->first; i < c->end; i++) {
		if (i != c->first)
			out_char(o, ',');
		out_u64(o, c->n[i]);
	}
	out_text(o, "]}}");
}

static void latency_text(struct out *o, const struct sample_tc *t)
{
	out_text(o, ",\"latency\":");
	if (!t->has_latency)
		tree_text(o, json_latency_head(t));
	else if (head_text(o, json_latency_head(t)))
		histogram_text(o, &t->latency.coarse);
}

static void responses_text(struct out *o, const struct sample_tc *t)
{
	if (!sample_has_responses(t)) {
		out_text(o, ",\"response_times\":null");
		return;
	}
	out_printf(
		o, ",\"response_times\":{\"from\":\"%s\"", times_from_word(t->tc.cfg.times.from));
	for (uint32_t k = 0; k < TIMES_BYTES; k++) {
		out_printf(o, ",\"%s\":", json_response_names[k]);
		if (head_text(o, json_response_head(&t->response[k])))
			histogram_text(o, &t->response[k].coarse);
	}
	out_char(o, '}');
}

static void tests_text(struct out *o, const struct content *c)
{
	uint32_t given = 0;

	for (uint32_t i = 0; i < c->s->n_tcs; i++) {
		const struct sample_tc *t = &c->s->tcs[i];

		if ((c->port != UINT32_MAX && t->port != c->port)
			|| (c->tcid != UINT32_MAX && t->tcid != c->tcid))
			continue;
		if (given++ != 0)
			out_char(o, ',');
		if (!head_text(o, json_test_head(c->s, t)))
			return;
		out_text(o, ",\"stats\":");
		block_text(o, &c->of_test, &t->stats);
		apps_text(o, c, t);
		latency_text(o, t);
		responses_text(o, t);
		if (c->config)
			config_text(o, json_test_config(t));
		out_char(o, '}');
	}
}

/* Members of which a document's tree has an empty array, in their order. */
static const struct {
	const char *empty; /* in no string: it would have backslashes */
	void (*fill)(struct out *o, const struct content *c);
} members[] = {{"\"ports\":[]", ports_text}, {"\"test_cases\":[]", tests_text},
	{"\"tests\":[]", tests_text}};

/* A first guess: 8 KB for a port, and for each of its lcores where they are shown. */
static size_t members_size(const struct content *c)
{
	const struct sample *s = c->s;
	size_t n_ports;

	if (s == NULL)
		return 0;
	n_ports = c->port == UINT32_MAX ? s->n_ports : 1;
	return n_ports * (c->lcores ? s->n_workers + 1 : 1) * 8192;
}

/* The document around them: a tree, which is given away. */
static char *around(json_t *tree, struct content *c, size_t *len)
{
	struct out o, rest;

	pieces_of(&c->of_port, STAT_SCOPE_PORT);
	pieces_of(&c->of_test, STAT_SCOPE_TC);
	out_init(&rest, 65536);
	out_init(&o, 65536 + members_size(c));
	if (tree_text(&rest, tree) && out_room(&rest, 0) != NULL) {
		const char *at = rest.text;

		rest.text[rest.len] = '\0';
		for (size_t i = 0; c->s != NULL && i < ARRAY_SIZE(members); i++) {
			const char *found = strstr(at, members[i].empty);

			if (found == NULL)
				continue;
			found += strlen(members[i].empty) - 1; /* before "]" */
			out_bytes(&o, at, (size_t)(found - at));
			members[i].fill(&o, c);
			at = found;
		}
		out_text(&o, at);
	} else {
		out_free(&o);
	}
	out_free(&rest);
	return out_end(&o, len);
}

char *json_stats_text(const struct sample *s, uint64_t seq, size_t *len)
{
	struct content c = {.s = s, .port = UINT32_MAX, .tcid = UINT32_MAX, .lcores = true};

	return around(json_stats_of(s, seq, false), &c, len);
}

/* Trees of a port that there is not have none of it. */

char *json_ports_text(const struct sample *s, uint64_t seq, uint32_t port, size_t *len)
{
	struct content c = {.s = s, .port = port, .lcores = true, .config = true};

	return around(json_ports_of(s, seq, PORTS_MAX), &c, len);
}

char *json_tests_text(
	const struct sample *s, uint64_t seq, uint32_t port, uint32_t tcid, size_t *len)
{
	struct content c = {.s = s, .port = port, .tcid = tcid, .config = true};

	return around(json_tests_of(s, seq, PORTS_MAX, tcid), &c, len);
}

char *json_live_text(const struct sample *s, uint64_t seq, const char *why, size_t *len)
{
	struct content c = {.s = s, .port = UINT32_MAX, .tcid = UINT32_MAX, .config = true};

	return around(json_live_of(s, seq, why, false), &c, len);
}
