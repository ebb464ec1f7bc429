/* What /metrics says, as Prometheus text 0.0.4 or OpenMetrics 1.0. Rates are not among it where
 * rate() makes them. No _created: in Prometheus it would be a series beside each, and when counting
 * began is warp17_engine_start_time_seconds. */
#include "common/abi/load.h"
#include "common/util/clock.h"
#include "common/util/version.h"
#include "stats-exporter/exporter.h"
#include "stats-exporter/process.h"
#include "stats-exporter/prom.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define SECONDS(ns) (ns) / 1000000000, (ns) % 1000000000 /* for %.09 */

/* What a type is called in either format, and what it adds to the name in text 0.0.4. */
static const struct {
	const char *name[2], *suffix;
} types[PROM_TYPE_COUNT] = {[PROM_COUNTER] = {{"counter", "counter"}, "_total"},
	[PROM_GAUGE] = {{"gauge", "gauge"}, ""},
	[PROM_INFO] = {{"gauge", "info"}, "_info"},
	[PROM_HISTOGRAM] = {{"histogram", "histogram"}, ""}};

/* OpenMetrics' UNIT has to be the end of the name. */
static const char *unit_of(const char *name)
{
	static const char *const units[] = {"seconds", "bytes", "packets", "ratio"};
	const char *tail = strrchr(name, '_');

	for (size_t i = 0; tail != NULL && i < ARRAY_SIZE(units); i++) {
		if (strcmp(tail + 1, units[i]) == 0)
			return units[i];
	}
	return NULL;
}

/* Text of a HELP line, or of a label's value. */
static void escaped(struct out *o, const char *s, bool quotes)
{
	for (; *s; s++) {
		if (*s == '\n') {
			out_text(o, "\\n");
			continue;
		}
		if (*s == '\\' || (*s == '"' && quotes))
			out_char(o, '\\');
		out_char(o, *s);
	}
}

void prom_family(struct prom *p, const char *name, enum prom_type type, const char *help)
{
	bool open = p->format == PROM_OPENMETRICS;
	const char *suffix = open ? "" : types[type].suffix, *unit = open ? unit_of(name) : NULL;

	out_printf(&p->o, "# HELP %s%s ", name, suffix);
	escaped(&p->o, help, open);
	out_printf(&p->o, "\n# TYPE %s%s %s\n", name, suffix, types[type].name[open]);
	if (unit != NULL)
		out_printf(&p->o, "# UNIT %s %s\n", name, unit);
}

void prom_label(struct prom *p, const char *name, const char *value)
{
	out_printf(&p->o, "%s=\"", name);
	escaped(&p->o, value, true);
	out_char(&p->o, '"');
}

static void ports(struct prom *p, const struct sample *s)
{
	prom_family(p, "warp17_port", PROM_INFO, "What the port is");
	for (uint32_t i = 0; i < s->n_ports; i++) {
		out_printf(&p->o, "warp17_port_info{port=\"%u\",", i);
		prom_label(p, "name", s->port[i].name);
		prom_label(p, ",driver", s->port[i].driver);
		prom_label(p, ",kind", port_kind_word(s->port[i].kind));
		out_text(&p->o, "} 1\n");
	}
	prom_family(p, "warp17_port_link_up", PROM_GAUGE, "Is the link up?");
	for (uint32_t i = 0; i < s->n_ports; i++)
		out_printf(&p->o, "warp17_port_link_up{port=\"%u\"} %u\n", i, s->port[i].link_up);
	prom_family(
		p, "warp17_port_running", PROM_GAUGE, "Has the port been told to start its tests?");
	for (uint32_t i = 0; i < s->n_ports; i++)
		out_printf(&p->o, "warp17_port_running{port=\"%u\"} %u\n", i, s->port[i].running);
	prom_family(p, "warp17_port_mtu_bytes", PROM_GAUGE, "MTU of IP");
	for (uint32_t i = 0; i < s->n_ports; i++)
		out_printf(&p->o, "warp17_port_mtu_bytes{port=\"%u\"} %u\n", i, s->port[i].mtu);
	prom_family(p, "warp17_port_speed_bytes", PROM_GAUGE,
		"Bytes a second of the link, each way; not there when that is not known");
	for (uint32_t i = 0; i < s->n_ports; i++) {
		if (s->port[i].speed_mbps != 0)
			out_printf(&p->o, "warp17_port_speed_bytes{port=\"%u\"} %" PRIu64 "\n", i,
				UINT64_C(125000) * s->port[i].speed_mbps);
	}
}

static void loads(struct prom *p, const struct sample *s)
{
	prom_family(p, "warp17_lcore_load_ratio", PROM_GAUGE,
		"How much of the worker was used in the last second; not there when it did not "
		"turn");
	for (uint32_t i = 0; i < s->n_workers; i++) {
		struct load l = load_of(&s->load[i], s->tsc_hz);

		if (l.known)
			out_printf(&p->o, "warp17_lcore_load_ratio{lcore=\"%u\"} %.6f\n",
				s->lcore_id[i], l.percent / 100);
	}
}

/* name{port="0",test_case="0" */
static void tc_series(struct prom *p, const char *name, const struct sample_tc *t)
{
	out_printf(&p->o, "%s{port=\"%u\",test_case=\"%u\"", name, t->port, t->tcid);
}

static void tc_about(struct prom *p, const struct sample *s)
{
	prom_family(p, "warp17_test_case", PROM_INFO, "What the test case is");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		const struct tc_config *c = &s->tcs[i].tc.cfg;

		tc_series(p, "warp17_test_case_info", &s->tcs[i]);
		out_printf(&p->o, ",type=\"%s\",proto=\"%s\",app=\"%s\",criterion=\"%s\"} 1\n",
			tc_side_word(c), l4proto_word(c->proto), tc_app_word(c),
			criterion_word(c->criterion));
	}
	prom_family(p, "warp17_test_case_state", PROM_GAUGE,
		"1 for the state the test case is in; PASSED and FAILED are verdicts");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		for (uint32_t k = 0; k < tc_state_COUNT; k++) {
			tc_series(p, "warp17_test_case_state", &s->tcs[i]);
			out_printf(&p->o, ",state=\"%s\"} %u\n", tc_state_word(k),
				s->tcs[i].tc.state == k);
		}
	}
}

static void tc_progress(struct prom *p, const struct sample *s)
{
	prom_family(p, "warp17_test_case_target", PROM_GAUGE,
		"What passes the test case, in its criterion's own unit: seconds, servers, "
		"clients, MB");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		tc_series(p, "warp17_test_case_target", &s->tcs[i]);
		out_printf(&p->o, "} %u\n", s->tcs[i].tc.cfg.criterion_count);
	}
	prom_family(p, "warp17_test_case_achieved", PROM_GAUGE,
		"How much of its target the test case has reached");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		tc_series(p, "warp17_test_case_achieved", &s->tcs[i]);
		out_printf(&p->o, "} %" PRIu64 "\n", s->tcs[i].tc.achieved);
	}
	prom_family(p, "warp17_test_case_behind", PROM_GAUGE,
		"Has the test case fallen behind a rate it was to keep?");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		tc_series(p, "warp17_test_case_behind", &s->tcs[i]);
		out_printf(&p->o, "} %u\n", s->tcs[i].tc.fell_behind != 0);
	}
}

static void tc_histogram(struct prom *p, const char *name, const struct sample_tc *t,
	const struct sample_times *of, char steps[LATENCY_STEPS][32])
{
	uint64_t upto[LATENCY_STEPS], all = latency_steps(&of->coarse, upto);
	char series[96], labels[64];
	int n = snprintf(series, sizeof(series), "%s_bucket{port=\"%u\",test_case=\"%u\"", name,
		t->port, t->tcid);

	for (uint32_t i = 0; i < LATENCY_STEPS; i++) {
		out_bytes(&p->o, series, (size_t)n);
		out_text(&p->o, steps[i]);
		out_u64(&p->o, upto[i]);
		out_char(&p->o, '\n');
	}
	snprintf(labels, sizeof(labels), "{port=\"%u\",test_case=\"%u\"}", t->port, t->tcid);
	out_printf(&p->o,
		"%s,le=\"+Inf\"} %" PRIu64 "\n%s_sum%s %" PRIu64 ".%09" PRIu64
		"\n%s_count%s %" PRIu64 "\n",
		series, all, name, labels, SECONDS(of->sum_ns), name, labels, all);
}

/* Times of one kind, of those test cases that measure them, since their start. */
static const struct {
	const char *name, *help;
	const struct sample_times *(*of)(const struct sample_tc *t);
} histograms[] = {
	{"warp17_test_case_latency_seconds",
		"One-way latency: receipt less the time that the sender wrote", sample_latency},
	{"warp17_test_case_first_byte_seconds",
		"Response time of a client, from its SYN or its request to the first byte",
		sample_first_byte},
	{"warp17_test_case_last_byte_seconds", "The same to the last byte of the response",
		sample_last_byte},
};

/* A step's number is written the same in both formats, or a series would be another one when the format
 * changes: as short as it is exact, as OpenMetrics asks. */
static void times(struct prom *p, const struct sample *s)
{
	char steps[LATENCY_STEPS][32]; /* ,le="..."}, and a space */

	for (uint32_t i = 0; i < LATENCY_STEPS; i++)
		snprintf(steps[i], sizeof(steps[i]), ",le=\"%.11g\"} ",
			(double)latency_step_ns(i) / 1e9);
	for (size_t k = 0; k < ARRAY_SIZE(histograms); k++) {
		prom_family(p, histograms[k].name, PROM_HISTOGRAM, histograms[k].help);
		for (uint32_t i = 0; i < s->n_tcs; i++) {
			const struct sample_times *of = histograms[k].of(&s->tcs[i]);

			if (of != NULL)
				tc_histogram(p, histograms[k].name, &s->tcs[i], of, steps);
		}
	}
}

/* Of the fine histogram, since the start: what buckets of half an octave cannot tell. */
static void percentiles(struct prom *p, const struct sample *s)
{
	prom_family(p, "warp17_test_case_latency_percentile_seconds", PROM_GAUGE,
		"Latency that so many percent of the samples since the start are not above, "
		"within 1/128");
	for (uint32_t i = 0; i < s->n_tcs; i++) {
		const struct sample_tc *t = &s->tcs[i];

		for (uint32_t q = 0; t->stats.latency.samples && q < LATENCY_QUANTILES; q++) {
			tc_series(p, "warp17_test_case_latency_percentile_seconds", t);
			out_printf(&p->o, ",percentile=\"%g\"} %" PRIu64 ".%09" PRIu64 "\n",
				latency_quantile_of[q] * 100, SECONDS(t->latency.quantile_ns[q]));
		}
	}
}

static void process(struct prom *p)
{
	struct process is;

	if (!process_look(&is))
		return;
	prom_family(p, "process_cpu_seconds", PROM_COUNTER, "CPU time of the exporter");
	out_printf(&p->o, "process_cpu_seconds_total %.6f\n", is.cpu_s);
	prom_family(p, "process_start_time_seconds", PROM_GAUGE, "When the exporter started");
	out_printf(&p->o, "process_start_time_seconds %.2f\n", is.start_s);
	prom_family(p, "process_resident_memory_bytes", PROM_GAUGE, "Memory the exporter has");
	out_printf(&p->o, "process_resident_memory_bytes %" PRIu64 "\n", is.resident_bytes);
	prom_family(p, "process_virtual_memory_bytes", PROM_GAUGE, "Addresses the exporter has");
	out_printf(&p->o, "process_virtual_memory_bytes %" PRIu64 "\n", is.virtual_bytes);
	prom_family(p, "process_open_fds", PROM_GAUGE, "Files the exporter has open");
	out_printf(&p->o, "process_open_fds %" PRIu64 "\n", is.open_files);
	prom_family(p, "process_max_fds", PROM_GAUGE, "Files it may have open");
	out_printf(&p->o, "process_max_fds %" PRIu64 "\n", is.most_files);
}

static void engine(struct prom *p, const struct sample *s)
{
	prom_family(p, "warp17_engine_start_time_seconds", PROM_GAUGE, "When the engine started");
	out_printf(&p->o, "warp17_engine_start_time_seconds %.3f\n", s->start_s);
	prom_family(p, "warp17_engine_state", PROM_GAUGE, "1 for the state the engine is in");
	for (uint32_t k = 0; k < engine_state_COUNT; k++)
		out_printf(&p->o, "warp17_engine_state{state=\"%s\"} %u\n", engine_state_word(k),
			s->state == k);
}

static void about(struct prom *p, const struct sample *s, bool attached)
{
	prom_family(p, "warp17_up", PROM_GAUGE,
		"Is the engine attached and its heartbeat fresh? Else nothing of it is here");
	out_printf(&p->o, "warp17_up %d\n", s != NULL);
	prom_family(p, "warp17_engine_attached", PROM_GAUGE,
		"Is an engine attached? When it is and warp17_up is 0, it does not move");
	out_printf(&p->o, "warp17_engine_attached %d\n", attached);
	prom_family(p, "warp17_build", PROM_INFO, "Versions of the exporter and the engine");
	out_text(&p->o, "warp17_build_info{");
	prom_label(p, "version", warp17_version());
	if (s != NULL)
		prom_label(p, ",engine_version", s->version);
	out_text(&p->o, "} 1\n");
	process(p);
	if (s != NULL)
		engine(p, s);
}

/* Bytes that a document of that sample has, or nearly: one that has to grow takes twice as long. */
static size_t guess(const struct sample *s)
{
	size_t of_port = sizeof(struct stats_port_block) / sizeof(uint64_t);
	size_t of_test = sizeof(struct stats_tc_block) / sizeof(uint64_t) + LATENCY_STEPS;

	if (s == NULL)
		return 65536;
	return 65536 + 80 * ((size_t)s->n_ports * s->n_workers * of_port + s->n_tcs * of_test);
}

char *prometheus_of(
	const struct sample *s, bool attached, enum prom_format format, double took_s, size_t *len)
{
	struct prom p = {.format = format};
	uint64_t from = mono_ns();

	out_init(&p.o, guess(s));
	about(&p, s, attached);
	if (s != NULL) {
		ports(&p, s);
		loads(&p, s);
		tc_about(&p, s);
		tc_progress(&p, s);
		times(&p, s);
		percentiles(&p, s);
		prom_counters(&p, s);
	}
	prom_family(
		&p, "warp17_scrape_duration_seconds", PROM_GAUGE, "Time it took to make this text");
	out_printf(&p.o, "warp17_scrape_duration_seconds %.9f\n",
		took_s + (double)(mono_ns() - from) / 1e9);
	if (format == PROM_OPENMETRICS)
		out_text(&p.o, "# EOF\n");
	return out_end(&p.o, len);
}

char *prometheus_text(struct exporter *x, enum prom_format format, size_t *len)
{
	uint64_t from = mono_ns();
	char why[WHY_MAX], *text;
	struct sample *s = sample_take(x, why);
	bool attached = s != NULL || (atomic_load(&x->attached) && client_alive(&x->client));

	text = prometheus_of(s, attached, format, (double)(mono_ns() - from) / 1e9, len);
	sample_free(s);
	return text;
}
