/* The text of /api/v1/stats and ports without a tree of what there is most of, the counters of each lcore of
 * each port: with one, 64 ports of 16 workers take several times as long. */
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

/* The pieces of a port's block; how many. */
static uint32_t pieces_of_ports(struct piece *p, uint32_t max)
{
	uint32_t n = 0;

	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		for (size_t k = 0; g->scope == STAT_SCOPE_PORT && k < g->n; k++, n++) {
			char *to = p[n].before;
			size_t room = sizeof(p[n].before);
			const char *field = g->stats[k].name;

			BUG_ON(n >= max);
			p[n].len = (uint32_t)(k != 0 ? snprintf(to, room, ",\"%s\":", field)
						     : snprintf(to, room, "%s\"%s\":{\"%s\":",
							     n != 0 ? "}," : "{", g->name, field));
			BUG_ON(p[n].len >= room);
			p[n].off = (uint32_t)(g->off + g->stats[k].off);
			p[n].is_signed = g->stats[k].kind == STAT_GAUGE;
		}
	}
	return n;
}

/* As json_groups(). */
static void block_text(struct out *o, const struct piece *p, uint32_t n, const void *block)
{
	for (; n != 0; n--, p++) {
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
	bool ok = tree != NULL && json_dump_callback(tree, append, o, JSON_COMPACT) == 0;

	json_decref(tree);
	if (!ok)
		out_free(o);
	return ok;
}

/* One port. config: with what it was told. */
static bool port_text(struct out *o, const struct sample *s, uint32_t port, const struct piece *p,
	uint32_t n, bool config)
{
	if (!tree_text(o, json_port(s, port, false)))
		return false;
	o->len--; /* it goes on */
	out_text(o, ",\"lcores\":[");
	for (uint32_t lc = 0; lc < s->n_workers; lc++) {
		out_printf(o, "%s{\"lcore\":%" PRIu32 ",\"stats\":", lc != 0 ? "," : "",
			s->lcore_id[lc]);
		block_text(o, p, n, sample_port_stats(s, lc, port));
		out_char(o, '}');
	}
	out_char(o, ']');
	if (config) {
		out_text(o, ",\"config\":");
		if (!tree_text(o, json_port_config(&s->port[port])))
			return false;
	}
	out_char(o, '}');
	return !o->failed;
}

static void ports_text(struct out *o, const struct sample *s, uint32_t only, bool config)
{
	struct piece p[sizeof(struct stats_port_block) / sizeof(uint64_t)];
	uint32_t n = pieces_of_ports(p, ARRAY_SIZE(p)), given = 0;

	for (uint32_t i = 0; i < s->n_ports; i++) {
		if (only != UINT32_MAX && i != only)
			continue;
		if (given++ != 0)
			out_char(o, ',');
		if (!port_text(o, s, i, p, n, config))
			return;
	}
}

/* The document around them: a tree without ports, which is given away. */
static char *around(json_t *tree, const struct sample *s, uint32_t only, bool config, size_t *len)
{
	static const char none[] = "\"ports\":[]"; /* in no string: it would have backslashes */
	uint32_t n_ports = only == UINT32_MAX ? s->n_ports : 1;
	struct out o, rest;
	const char *at;

	out_init(&rest, 65536);
	out_init(&o, 65536 + (size_t)n_ports * (s->n_workers + 1) * 8192);
	if (tree_text(&rest, tree) && out_room(&rest, 0) != NULL) {
		rest.text[rest.len] = '\0';
		at = strstr(rest.text, none);
		BUG_ON(at == NULL);
		at += sizeof(none) - 2; /* before "]" */
		out_bytes(&o, rest.text, (size_t)(at - rest.text));
		ports_text(&o, s, only, config);
		out_text(&o, at);
	} else {
		out_free(&o);
	}
	out_free(&rest);
	return out_end(&o, len);
}

char *json_stats_text(const struct sample *s, uint64_t seq, size_t *len)
{
	return around(json_stats_of(s, seq, false), s, UINT32_MAX, false, len);
}

char *json_ports_text(const struct sample *s, uint64_t seq, uint32_t port, size_t *len)
{
	return around(json_ports_of(s, seq, PORTS_MAX), s, port, true, len); /* which has none */
}
