/* Prometheus text format 0.0.4: one family a counter, labels port, lcore, test_case. */
#include "common/util/version.h"
#include "stats-exporter/exporter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Base units (seconds, bytes), _total for what only grows. */
static void family_name(const struct stats_group *g, const struct stat_desc *d, char *buf,
	size_t len, double *scale)
{
	const char *unit = "";
	char field[64];
	size_t n;

	*scale = 1;
	snprintf(field, sizeof(field), "%s", d->name);
	n = strlen(field);
	if (d->unit == UNIT_USEC || d->unit == UNIT_MSEC) {
		*scale = d->unit == UNIT_USEC ? 1e-6 : 1e-3;
		unit = "_seconds";
		if (n > 3
			&& (strcmp(field + n - 3, "_us") == 0 || strcmp(field + n - 3, "_ms") == 0))
			field[n - 3] = '\0';
	} else if (n > 5 && strcmp(field + n - 5, "_pkts") == 0) {
		field[n - 5] = '\0';
		unit = "_packets";
	} else if (n > 6 && d->kind != STAT_COUNTER && strcmp(field + n - 6, "_total") == 0) {
		field[n - 6] = '\0'; /* a gauge must not end in _total */
		unit = "_size";
	}
	snprintf(buf, len, "warp17_%s_%s%s%s", g->name, field, unit,
		d->kind == STAT_COUNTER ? "_total" : "");
}

static void value(FILE *f, uint64_t v, double scale)
{
	if (scale == 1)
		fprintf(f, " %" PRIu64 "\n", v);
	else
		fprintf(f, " %.6f\n", (double)v * scale);
}

static uint64_t load(const void *block, const struct stats_group *g, const struct stat_desc *d)
{
	return __atomic_load_n(
		(const uint64_t *)((const char *)block + g->off + d->off), __ATOMIC_RELAXED);
}

static void of_ports(FILE *f, const struct seg *s, const struct stats_group *g,
	const struct stat_desc *d, const char *name, double scale)
{
	for (uint32_t p = 0; p < s->hdr.n_ports; p++) {
		for (uint32_t lc = 0; lc < s->hdr.n_workers; lc++) {
			fprintf(f, "%s{port=\"%u\",lcore=\"%u\"}", name, p,
				seg_worker(s, lc)->lcore_id);
			value(f, load(seg_stats_port(s, lc, p), g, d), scale);
		}
	}
}

static void of_lcores(FILE *f, const struct seg *s, const struct stats_group *g,
	const struct stat_desc *d, const char *name, double scale)
{
	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++) {
		if (lc < s->hdr.n_workers)
			fprintf(f, "%s{lcore=\"%u\"}", name, seg_worker(s, lc)->lcore_id);
		else
			fprintf(f, "%s{lcore=\"management\"}", name);
		value(f, load(seg_stats_lcore(s, lc), g, d), scale);
	}
}

static void of_tcs(FILE *f, const struct seg *s, const struct stats_group *g,
	const struct stat_desc *d, const char *name, double scale)
{
	struct stats_tc_block b;

	for (uint32_t p = 0; p < s->hdr.n_ports; p++) {
		for (uint32_t i = 0; i < TCS_MAX; i++) {
			if (seg_tc(s, p, i)->cfg.kind == tc_kind_NONE)
				continue;
			seg_sum_tc(s, p, i, &b);
			fprintf(f, "%s{port=\"%u\",test_case=\"%u\"}", name, p, i);
			value(f, load(&b, g, d), scale);
		}
	}
}

static void family(
	FILE *f, const struct seg *s, const struct stats_group *g, const struct stat_desc *d)
{
	char name[128];
	double scale;

	family_name(g, d, name, sizeof(name), &scale);
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, d->help, name,
		d->kind == STAT_COUNTER ? "counter" : "gauge");
	if (g->scope == STAT_SCOPE_PORT)
		of_ports(f, s, g, d, name, scale);
	else if (g->scope == STAT_SCOPE_LCORE)
		of_lcores(f, s, g, d, name, scale);
	else
		of_tcs(f, s, g, d, name, scale);
}

static void states(FILE *f, const struct seg *s)
{
	fprintf(f,
		"# HELP warp17_port_link_up Is the link up?\n# TYPE warp17_port_link_up gauge\n");
	for (uint32_t p = 0; p < s->hdr.n_ports; p++)
		fprintf(f, "warp17_port_link_up{port=\"%u\"} %u\n", p,
			seg_port(s, p)->link_up != 0);
	fprintf(f,
		"# HELP warp17_test_case_state 1 for the state the test case is in\n"
		"# TYPE warp17_test_case_state gauge\n");
	for (uint32_t p = 0; p < s->hdr.n_ports; p++) {
		for (uint32_t i = 0; i < TCS_MAX; i++) {
			const struct seg_tc *t = seg_tc(s, p, i);

			for (uint32_t k = 0; t->cfg.kind != tc_kind_NONE && k < tc_state_COUNT; k++)
				fprintf(f,
					"warp17_test_case_state{port=\"%u\",test_case=\"%u\",state="
					"\"%s\"} %u\n",
					p, i, tc_state_word(k), t->state == k);
		}
	}
	fprintf(f,
		"# HELP warp17_engine_start_time_seconds When the engine started\n"
		"# TYPE warp17_engine_start_time_seconds gauge\nwarp17_engine_start_time_seconds "
		"%.3f\n",
		s->hdr.start_realtime_ns / 1e9);
}

char *prometheus_of(const struct seg *s, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (f == NULL)
		return NULL;
	fprintf(f,
		"# HELP warp17_up Is the engine attached and its heartbeat fresh?\n# TYPE "
		"warp17_up gauge\n"
		"warp17_up %d\n",
		s != NULL);
	fprintf(f,
		"# HELP warp17_build_info Version of the exporter\n# TYPE warp17_build_info gauge\n"
		"warp17_build_info{version=\"%s\"} 1\n",
		warp17_version());
	if (s != NULL) {
		states(f, s);
		for (size_t i = 0; i < stats_n_groups; i++) {
			for (size_t k = 0; k < stats_groups[i].n; k++)
				family(f, s, &stats_groups[i], &stats_groups[i].stats[k]);
		}
	}
	fclose(f);
	return text;
}

char *prometheus_text(struct exporter *x, size_t *len)
{
	return prometheus_of(sample_ready(x) ? x->client.seg : NULL, len);
}
