/* Prometheus text format 0.0.4: one family a counter; labels port, lcore, test_case. */
#include "common/util/version.h"
#include "stats-exporter/exporter.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* What a row of the counter table is called, and what its numbers are multiplied by. */
struct family {
	char name[128];
	double scale; /* 1: as it is */
	const struct stats_group *group;
	const struct stat_desc *desc;
};

static bool cut(char *s, const char *tail)
{
	size_t n = strlen(s), k = strlen(tail);

	if (n <= k || strcmp(s + n - k, tail) != 0)
		return false;
	s[n - k] = '\0';
	return true;
}

/* Base units (seconds, bytes), _total for what only grows and for nothing else. */
static struct family family_of(
	const struct stats_group *g, const struct stat_desc *d, uint64_t tsc_hz)
{
	struct family f = {.scale = 1, .group = g, .desc = d};
	const char *unit = "";
	char field[64];

	snprintf(field, sizeof(field), "%s", d->name);
	switch (d->unit) {
	case UNIT_USEC:
	case UNIT_MSEC:
		f.scale = d->unit == UNIT_USEC ? 1e-6 : 1e-3;
		(void)(cut(field, "_us") || cut(field, "_ms"));
		unit = "_seconds";
		break;
	case UNIT_CYCLES:
		f.scale = 1.0 / (double)MAX_OF(tsc_hz, UINT64_C(1));
		cut(field, "_cycles");
		unit = "_seconds";
		break;
	case UNIT_NSEC:
		f.scale = 1e-9;
		cut(field, "_ns");
		unit = "_seconds";
		break;
	case UNIT_PKTS:
		if (cut(field, "_pkts"))
			unit = "_packets";
		break;
	default:
		if (d->kind != STAT_COUNTER && cut(field, "_total"))
			unit = "_size";
	}
	snprintf(f.name, sizeof(f.name), "warp17_%s_%s%s%s", g->name, field, unit,
		d->kind == STAT_COUNTER ? "_total" : "");
	return f;
}

/* Text of a HELP line, or with quote of a label's value. */
static void escaped(FILE *f, const char *s, bool quote)
{
	for (; *s; s++) {
		if (*s == '\n')
			fputs("\\n", f);
		else if (*s == '\\' || (*s == '"' && quote))
			fprintf(f, "\\%c", *s);
		else
			fputc(*s, f);
	}
}

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s ", name);
	escaped(f, help, false);
	fprintf(f, "\n# TYPE %s %s\n", name, type);
}

/* name="value" */
static void label(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s=\"", name);
	escaped(f, value, true);
	fputc('"', f);
}

static void value(FILE *f, const struct family *fam, const void *block)
{
	uint64_t v;

	memcpy(&v, (const char *)block + fam->group->off + fam->desc->off, sizeof(v));
	if (fam->scale != 1)
		fprintf(f, " %.9f\n", (double)v * fam->scale);
	else if (fam->desc->kind == STAT_GAUGE) /* one lcore may take away what another added */
		fprintf(f, " %" PRId64 "\n", (int64_t)v);
	else
		fprintf(f, " %" PRIu64 "\n", v);
}

static void of_ports(FILE *f, const struct sample *s, const struct family *fam)
{
	for (uint32_t p = 0; p < s->n_ports; p++) {
		for (uint32_t lc = 0; lc < s->n_workers; lc++) {
			fprintf(f, "%s{port=\"%u\",lcore=\"%u\"}", fam->name, p, s->lcore_id[lc]);
			value(f, fam, sample_port_stats(s, lc, p));
		}
	}
}

static void of_lcores(FILE *f, const struct sample *s, const struct family *fam)
{
	for (uint32_t lc = 0; lc < s->n_lcores; lc++) {
		if (lc < s->n_workers)
			fprintf(f, "%s{lcore=\"%u\"}", fam->name, s->lcore_id[lc]);
		else
			fprintf(f, "%s{lcore=\"management\"}", fam->name);
		value(f, fam, &s->lcore_stats[lc]);
	}
}

static void of_tcs(FILE *f, const struct sample *s, const struct family *fam)
{
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		const struct sample_tc *t = &s->tcs[i];

		fprintf(f, "%s{port=\"%u\",test_case=\"%u\"}", fam->name, t->port, t->tcid);
		value(f, fam, &t->stats);
	}
}

static void of_apps(FILE *f, const struct sample *s, const struct family *fam)
{
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		const struct sample_tc *t = &s->tcs[i];

		for (uint32_t a = 0; a < t->n_apps; a++) {
			fprintf(f, "%s{port=\"%u\",test_case=\"%u\",app_index=\"%u\",app=\"%s\"}",
				fam->name, t->port, t->tcid, t->apps[a].index,
				app_kind_word(t->apps[a].kind));
			value(f, fam, &t->apps[a].stats);
		}
	}
}

/* What the device counts, for all lcores. */
static void of_devices(FILE *f, const struct sample *s, const struct family *fam)
{
	for (uint32_t p = 0; p < s->n_ports; p++) {
		fprintf(f, "%s{port=\"%u\"}", fam->name, p);
		value(f, fam, &s->port[p].device);
	}
}

static void group(FILE *f, const struct sample *s, const struct stats_group *g,
	void (*of)(FILE *, const struct sample *, const struct family *))
{
	for (size_t i = 0; i < g->n; i++) {
		struct family fam = family_of(g, &g->stats[i], s->tsc_hz);

		head(f, fam.name, g->stats[i].kind == STAT_COUNTER ? "counter" : "gauge",
			g->stats[i].help);
		of(f, s, &fam);
	}
}

static void counters(FILE *f, const struct sample *s)
{
	static void (*const of[])(FILE *, const struct sample *, const struct family *) = {
		[STAT_SCOPE_PORT] = of_ports,
		[STAT_SCOPE_LCORE] = of_lcores,
		[STAT_SCOPE_TC] = of_tcs};

	for (size_t i = 0; i < stats_n_groups; i++)
		group(f, s, &stats_groups[i], of[stats_groups[i].scope]);
	group(f, s, &stats_device_group, of_devices);
}

/* A test case's counters of each application of its IMIX group, which its own are the sums of: in
 * families of their own, so that nobody adds both up. */
static void apps(FILE *f, const struct sample *s)
{
	struct stats_group g = *stats_group_find("tc");

	g.name = "imix";
	group(f, s, &g, of_apps);
}

static void ports(FILE *f, const struct sample *s)
{
	head(f, "warp17_port_info", "gauge", "What the port is; always 1");
	for (uint32_t p = 0; p < s->n_ports; p++) {
		fprintf(f, "warp17_port_info{port=\"%u\",", p);
		label(f, "name", s->port[p].name);
		label(f, ",driver", s->port[p].driver);
		label(f, ",kind", port_kind_word(s->port[p].kind));
		fprintf(f, "} 1\n");
	}
	head(f, "warp17_port_link_up", "gauge", "Is the link up?");
	for (uint32_t p = 0; p < s->n_ports; p++)
		fprintf(f, "warp17_port_link_up{port=\"%u\"} %u\n", p, s->port[p].link_up);
	head(f, "warp17_port_running", "gauge", "Has the port been told to start its tests?");
	for (uint32_t p = 0; p < s->n_ports; p++)
		fprintf(f, "warp17_port_running{port=\"%u\"} %u\n", p, s->port[p].running);
}

static void test_cases(FILE *f, const struct sample *s)
{
	head(f, "warp17_test_case_info", "gauge", "What the test case is; always 1");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		const struct tc_config *c = &s->tcs[i].tc.cfg;

		fprintf(f,
			"warp17_test_case_info{port=\"%u\",test_case=\"%u\",type=\"%s\",proto="
			"\"%s\",app=\"%s\",criterion=\"%s\"} 1\n",
			s->tcs[i].port, s->tcs[i].tcid, tc_side_word(c), l4proto_word(c->proto),
			tc_app_word(c), criterion_word(c->criterion));
	}
	head(f, "warp17_test_case_state", "gauge", "1 for the state the test case is in");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		for (uint32_t k = 0; k < tc_state_COUNT; k++)
			fprintf(f,
				"warp17_test_case_state{port=\"%u\",test_case=\"%u\",state=\"%s\"} "
				"%u\n",
				s->tcs[i].port, s->tcs[i].tcid, tc_state_word(k),
				s->tcs[i].tc.state == k);
	}
}

/* A summary of all samples since the start; NaN: there were none. */
static void latencies(FILE *f, const struct sample *s)
{
	head(f, "warp17_test_case_latency_seconds", "summary",
		"One-way latency: receipt less the time that the sender wrote");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		const struct sample_tc *t = &s->tcs[i];
		const struct stats_latency *l = &t->stats.latency;

		for (uint32_t q = 0; t->has_latency && q < LATENCY_QUANTILES; q++) {
			fprintf(f,
				"warp17_test_case_latency_seconds{port=\"%u\",test_case=\"%u\","
				"quantile=\"%g\"} ",
				t->port, t->tcid, latency_quantile_of[q]);
			if (l->samples != 0)
				fprintf(f, "%.9f\n", (double)t->latency_ns[q] / 1e9);
			else
				fputs("NaN\n", f);
		}
		if (!t->has_latency)
			continue;
		fprintf(f,
			"warp17_test_case_latency_seconds_sum{port=\"%u\",test_case=\"%u\"} %.9f\n",
			t->port, t->tcid, (double)l->sum_ns / 1e9);
		fprintf(f,
			"warp17_test_case_latency_seconds_count{port=\"%u\",test_case=\"%u\"} "
			"%" PRIu64 "\n",
			t->port, t->tcid, l->samples);
	}
}

static void about(FILE *f, const struct sample *s)
{
	head(f, "warp17_up", "gauge", "Is the engine attached and its heartbeat fresh?");
	fprintf(f, "warp17_up %d\n", s != NULL);
	head(f, "warp17_build_info", "gauge", "Versions of the exporter and the engine; always 1");
	fputs("warp17_build_info{", f);
	label(f, "version", warp17_version());
	if (s != NULL)
		label(f, ",engine_version", s->version);
	fputs("} 1\n", f);
	if (s == NULL)
		return;
	head(f, "warp17_engine_start_time_seconds", "gauge", "When the engine started");
	fprintf(f, "warp17_engine_start_time_seconds %.3f\n", s->start_s);
}

char *prometheus_of(const struct sample *s, double took_s, size_t *len)
{
	struct timespec from, to;
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (f == NULL)
		return NULL;
	clock_gettime(CLOCK_MONOTONIC, &from);
	about(f, s);
	if (s != NULL) {
		ports(f, s);
		test_cases(f, s);
		latencies(f, s);
		counters(f, s);
		apps(f, s);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	took_s += (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9;
	head(f, "warp17_scrape_duration_seconds", "gauge", "Time it took to make this text");
	fprintf(f, "warp17_scrape_duration_seconds %.9f\n", took_s);
	if (fclose(f) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

char *prometheus_text(struct exporter *x, size_t *len)
{
	struct timespec from, to;
	struct sample *s;
	char why[WHY_MAX], *text;

	clock_gettime(CLOCK_MONOTONIC, &from);
	s = sample_take(x, why);
	clock_gettime(CLOCK_MONOTONIC, &to);
	text = prometheus_of(s,
		(double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9, len);
	sample_free(s);
	return text;
}
