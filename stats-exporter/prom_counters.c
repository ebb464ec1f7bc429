/* The counter tables as families. There may be hundreds of thousands of series, so their labels are
 * made once for all families, and a line is three copies and a number. */
#include "stats-exporter/prom.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* Whose block of counters, as labels that are not closed. */
struct row {
	const char *block;
	uint32_t len;
	char labels[68];
};

/* Those of a scope. */
struct rows {
	struct row *at;
	uint32_t n;
};

/* How a counter's number becomes the family's. */
enum form {
	FORM_UNSIGNED,
	FORM_SIGNED, /* one lcore may take away what another added */
	FORM_CYCLES, /* from here on: times, shown in seconds */
	FORM_MSEC,
	FORM_USEC,
	FORM_NSEC
};

/* What a row of a table is called, and what its numbers are. */
struct family {
	char name[96];
	enum form form;
	uint64_t hz; /* of FORM_CYCLES */
	size_t off;  /* in the row's block */
};

static bool cut(char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	if (n <= k || strcmp(s + n - k, tail) != 0)
		return false;
	s[n - k] = '\0';
	return true;
}

/* Base units (seconds, bytes); _total only of what grows, where the type says it. */
static struct family family_of(
	const struct stats_group *g, const struct stat_desc *d, uint64_t tsc_hz)
{
	static const struct {
		enum form form;
		const char *tail;
	} times[STAT_UNIT_COUNT] = {[UNIT_USEC] = {FORM_USEC, "_us"},
		[UNIT_MSEC] = {FORM_MSEC, "_ms"},
		[UNIT_CYCLES] = {FORM_CYCLES, "_cycles"},
		[UNIT_NSEC] = {FORM_NSEC, "_ns"}};
	struct family f = {.hz = MAX_OF(tsc_hz, UINT64_C(1)), .off = g->off + d->off};
	const char *unit = "";
	char field[64];

	snprintf(field, sizeof(field), "%s", d->name);
	f.form = d->kind == STAT_GAUGE ? FORM_SIGNED : FORM_UNSIGNED;
	if (times[d->unit].tail != NULL) {
		f.form = times[d->unit].form;
		cut(field, times[d->unit].tail);
		unit = "_seconds";
	} else if (d->unit == UNIT_PKTS && cut(field, "_pkts")) {
		unit = "_packets";
	} else if (d->kind != STAT_COUNTER && cut(field, "_total")) {
		unit = "_size";
	}
	snprintf(f.name, sizeof(f.name), "warp17_%s_%s%s", g->name, field, unit);
	return f;
}

/* v / per seconds. */
static char *put_time(char *to, uint64_t v, uint64_t per)
{
	return out_put_seconds(
		to, v / per, (uint32_t)((unsigned __int128)(v % per) * 1000000000 / per));
}

static char *put(char *to, const struct family *f, uint64_t v)
{
	switch (f->form) {
	case FORM_UNSIGNED:
		break;
	case FORM_SIGNED:
		return out_put_i64(to, (int64_t)v);
	case FORM_CYCLES:
		return put_time(to, v, f->hz);
	case FORM_MSEC:
		return put_time(to, v, 1000);
	case FORM_USEC:
		return put_time(to, v, 1000000);
	case FORM_NSEC:
		return put_time(to, v, 1000000000);
	}
	return out_put_u64(to, v);
}

/* Behind them. */
static inline char *put_bytes(char *to, const void *from, size_t n)
{
	memcpy(to, from, n);
	return to + n;
}

/* A family's series: each name, its row's labels, tail, and the number. */
static void lines(struct out *o, const char *name, const char *tail, const struct family *f,
	const struct rows *rows)
{
	size_t n_name = strlen(name), n_tail = strlen(tail);

	for (const struct row *r = rows->at; r < rows->at + rows->n; r++) {
		char *to = out_room(o, n_name + sizeof(r->labels) + n_tail + OUT_DIGITS + 1);
		uint64_t v;

		if (to == NULL)
			return;
		to = put_bytes(to, name, n_name);
		put_bytes(to, r->labels, sizeof(r->labels)); /* what is too much is overwritten */
		to = put_bytes(to + r->len, tail, n_tail);
		memcpy(&v, r->block + f->off, sizeof(v));
		to = put(to, f, v);
		*to++ = '\n';
		out_to(o, to);
	}
}

static void group(struct prom *p, const struct stats_group *g, const struct rows *rows, uint64_t hz)
{
	for (size_t i = 0; i < g->n; i++) {
		struct family f = family_of(g, &g->stats[i], hz);
		bool counter = g->stats[i].kind == STAT_COUNTER;
		char name[sizeof(f.name) + 8];

		prom_family(p, f.name, counter ? PROM_COUNTER : PROM_GAUGE, g->stats[i].help);
		snprintf(name, sizeof(name), "%s%s", f.name, counter ? "_total" : "");
		lines(&p->o, name, "} ", &f, rows);
	}
}

/* One family: what is asked for is all of them together, or which it is. */
static void drops(struct prom *p, const struct stats_group *g, const struct rows *rows)
{
	prom_family(p, "warp17_drop_packets", PROM_COUNTER, g->help);
	for (size_t i = 0; i < g->n; i++) {
		struct family f = {.off = g->off + g->stats[i].off};
		char tail[64];

		snprintf(tail, sizeof(tail), ",reason=\"%s\"} ", g->stats[i].name);
		lines(&p->o, "warp17_drop_packets_total", tail, &f, rows);
	}
}

/* The next row of a scope, with room for them all. */
static void row(struct rows *rows, const void *block, const char *fmt, ...) format_printf(3, 4);
static void row(struct rows *rows, const void *block, const char *fmt, ...)
{
	struct row *r = &rows->at[rows->n++];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(r->labels, sizeof(r->labels), fmt, args);
	va_end(args);
	BUG_ON(n < 0 || n >= (int)sizeof(r->labels));
	r->len = (uint32_t)n;
	r->block = block;
}

static bool rows_room(struct rows *rows, size_t n)
{
	*rows = (struct rows){.at = calloc(MAX_OF(n, (size_t)1), sizeof(*rows->at))};
	return rows->at != NULL;
}

/* What the counters of each scope belong to; apps: the applications of IMIX groups. */
struct whose {
	struct rows scope[STAT_SCOPE_COUNT], devices, apps;
};

static bool room(struct whose *w, const struct sample *s)
{
	return rows_room(&w->scope[STAT_SCOPE_PORT], (size_t)s->n_ports * s->n_workers)
		&& rows_room(&w->scope[STAT_SCOPE_LCORE], s->n_lcores)
		&& rows_room(&w->scope[STAT_SCOPE_TC], s->n_tcs)
		&& rows_room(&w->apps, (size_t)s->n_tcs * IMIX_GROUP_APPS)
		&& rows_room(&w->devices, s->n_ports);
}

static void of_ports(struct whose *w, const struct sample *s)
{
	for (uint32_t p = 0; p < s->n_ports; p++) {
		row(&w->devices, &s->port[p].device, "{port=\"%u\"", p);
		for (uint32_t lc = 0; lc < s->n_workers; lc++)
			row(&w->scope[STAT_SCOPE_PORT], sample_port_stats(s, lc, p),
				"{port=\"%u\",lcore=\"%u\"", p, s->lcore_id[lc]);
	}
	for (uint32_t lc = 0; lc < s->n_lcores; lc++) {
		if (lc < s->n_workers)
			row(&w->scope[STAT_SCOPE_LCORE], &s->lcore_stats[lc], "{lcore=\"%u\"",
				s->lcore_id[lc]);
		else
			row(&w->scope[STAT_SCOPE_LCORE], &s->lcore_stats[lc],
				"{lcore=\"management\"");
	}
}

static void of_test_cases(struct whose *w, const struct sample *s)
{
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		const struct sample_tc *t = &s->tcs[i];

		row(&w->scope[STAT_SCOPE_TC], &t->stats, "{port=\"%u\",test_case=\"%u\"", t->port,
			t->tcid);
		for (uint32_t a = 0; a < t->n_apps; a++)
			row(&w->apps, &t->apps[a].stats,
				"{port=\"%u\",test_case=\"%u\",app_index=\"%u\",app=\"%s\"",
				t->port, t->tcid, t->apps[a].index, app_kind_word(t->apps[a].kind));
	}
}

static void counters(struct prom *p, const struct sample *s, const struct whose *w)
{
	struct stats_group imix = *stats_group_find("tc");

	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		if (strcmp(g->name, "drop") == 0)
			drops(p, g, &w->scope[g->scope]);
		else
			group(p, g, &w->scope[g->scope], s->tsc_hz);
	}
	group(p, &stats_device_group, &w->devices, s->tsc_hz);
	/* a test case's own are the sums of its applications': in families of their own, so that
	 * nobody adds both up */
	imix.name = "imix";
	group(p, &imix, &w->apps, s->tsc_hz);
}

void prom_counters(struct prom *p, const struct sample *s)
{
	struct whose w = {0};

	if (room(&w, s)) {
		of_ports(&w, s);
		of_test_cases(&w, s);
		counters(p, s, &w);
	} else {
		out_free(&p->o);
	}
	for (uint32_t i = 0; i < STAT_SCOPE_COUNT; i++)
		free(w.scope[i].at);
	free(w.devices.at);
	free(w.apps.at);
}
