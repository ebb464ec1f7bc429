/* The JSON of /api/v1. Numbers are integers of 64 bits; those that may exceed 2^53 are exact all
 * the same, and it is the reader's business to take them as integers. */
#include "common/abi/load.h"
#include "common/util/version.h"
#include "stats-exporter/exporter.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const unit_name[] = {
	"packets", "bytes", "count", "microseconds", "milliseconds", "cycles", "nanoseconds"};
static const char *const kind_name[] = {"counter", "gauge", "max"};
static_assert(ARRAY_SIZE(unit_name) == STAT_UNIT_COUNT);
static_assert(ARRAY_SIZE(kind_name) == STAT_KIND_COUNT);
static const char *const scope_name[] = {"port", "lcore", "test_case"};
static_assert(ARRAY_SIZE(scope_name) == STAT_SCOPE_COUNT);

/* jansson's integers have a sign. A gauge may want it: one lcore may take away what another added.
 * What only grows ends at the largest number there is, after centuries. */
static json_t *number(const struct stat_desc *d, uint64_t v)
{
	if (d->kind != STAT_GAUGE && v > INT64_MAX)
		v = INT64_MAX;
	return json_integer((json_int_t)v);
}

static json_t *group(const struct stats_group *g, const void *block)
{
	json_t *o = json_object();

	for (size_t i = 0; i < g->n; i++) {
		uint64_t v;

		memcpy(&v, (const char *)block + g->off + g->stats[i].off, sizeof(v));
		json_object_set_new(o, g->stats[i].name, number(&g->stats[i], v));
	}
	return o;
}

static json_t *groups(enum stat_scope scope, const void *block)
{
	json_t *o = json_object();

	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		if (g->scope == scope)
			json_object_set_new(o, g->name, group(g, block));
	}
	return o;
}

static json_t *speed(uint32_t mbps)
{
	return mbps ? json_integer(mbps) : json_null();
}

static json_t *port_json(const struct sample *s, uint32_t port)
{
	const struct sample_port *p = &s->port[port];
	struct stats_port_block sum;
	json_t *lcores = json_array();

	for (uint32_t lc = 0; lc < s->n_workers; lc++)
		json_array_append_new(lcores,
			json_pack("{sI so}", "lcore", (json_int_t)s->lcore_id[lc], "stats",
				groups(STAT_SCOPE_PORT, sample_port_stats(s, lc, port))));
	sample_port_sum(s, port, &sum);
	return json_pack("{sI ss ss ss sb sb so sI so so so}", "port", (json_int_t)port, "name",
		p->name, "driver", p->driver, "kind", port_kind_word(p->kind), "link_up",
		p->link_up, "running", p->running, "speed_mbps", speed(p->speed_mbps), "mtu",
		(json_int_t)p->mtu, "device", group(&stats_device_group, &p->device), "stats",
		groups(STAT_SCOPE_PORT, &sum), "lcores", lcores);
}

static json_t *apps_json(const struct sample_tc *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->n_apps; i++)
		json_array_append_new(a,
			json_pack("{sI ss sI so}", "app_index", (json_int_t)s->apps[i].index, "app",
				app_kind_word(s->apps[i].kind), "weight",
				(json_int_t)s->apps[i].weight, "stats",
				groups(STAT_SCOPE_TC, &s->apps[i].stats)));
	return a;
}

static json_t *ns_of(bool known, double ns)
{
	return known ? json_integer((json_int_t)ns) : json_null();
}

/* What is more than the counters of its group; null where nothing was measured. */
static json_t *latency_json(const struct sample_tc *s)
{
	const struct stats_latency *l = &s->stats.latency;
	const struct latency_recent *r = &s->recent;
	bool any = l->samples != 0, some = r->samples != 0;
	json_t *o;

	if (!s->has_latency)
		return json_null();
	o = json_pack("{so so so}", "min_ns", ns_of(any, (double)s->latency_min_ns), "avg_ns",
		ns_of(any, latency_mean(l->sum_ns, l->samples)), "jitter_ns",
		ns_of(l->pairs != 0, latency_mean(l->jitter_ns, l->pairs)));
	for (uint32_t i = 0; i < LATENCY_QUANTILES; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%s_ns", latency_quantile_name[i]);
		json_object_set_new(o, key, ns_of(any, (double)s->latency_ns[i]));
	}
	json_object_set_new(o, "recent",
		json_pack("{sI so so so so}", "samples", (json_int_t)r->samples, "min_ns",
			ns_of(some, (double)r->min_ns), "avg_ns",
			ns_of(some, latency_mean(r->sum_ns, r->samples)), "max_ns",
			ns_of(some, (double)r->max_ns), "jitter_ns",
			ns_of(r->pairs != 0, latency_mean(r->jitter_ns, r->pairs))));
	return o;
}

static json_t *tc_json(const struct sample_tc *s)
{
	const struct seg_tc *t = &s->tc;

	return json_pack("{sI sI ss ss ss ss ss ss sI sI sb ss s{sI sI sI sI} so so so}", "port",
		(json_int_t)s->port, "test_case_id", (json_int_t)s->tcid, "type",
		tc_side_word(&t->cfg), "proto", l4proto_word(t->cfg.proto), "app",
		tc_app_word(&t->cfg), "state", tc_state_word(t->state), "reason", t->reason,
		"criterion", criterion_word(t->cfg.criterion), "target",
		(json_int_t)t->cfg.criterion_count, "achieved", (json_int_t)t->achieved, "behind",
		t->fell_behind != 0, "note", t->behind, "rates", "established_per_second",
		(json_int_t)t->rate_estab, "closed_per_second", (json_int_t)t->rate_closed,
		"messages_per_second", (json_int_t)t->rate_send, "requests_per_second",
		(json_int_t)t->rate_req, "stats", groups(STAT_SCOPE_TC, &s->stats), "apps",
		apps_json(s), "latency", latency_json(s));
}

/* Of the last second; null where nothing is known. */
static json_t *load_json(const struct sample *s, uint32_t worker)
{
	struct load l = load_of(&s->load[worker], s->tsc_hz);

	if (!l.known)
		return json_null();
	return json_pack("{sf sf sf so so}", "percent", l.percent, "rx_packets_per_second",
		l.rx_per_s, "tx_packets_per_second", l.tx_per_s, "packets_per_turn",
		l.pkts_per_turn != 0 ? json_real(l.pkts_per_turn) : json_null(),
		"cycles_per_packet",
		l.cycles_per_pkt != 0 ? json_real(l.cycles_per_pkt) : json_null());
}

static json_t *lcore_json(const struct sample *s, uint32_t lc)
{
	bool worker = lc < s->n_workers;

	return json_pack("{sI ss so so}", "lcore", worker ? (json_int_t)s->lcore_id[lc] : -1,
		"role", worker ? "worker" : "management", "load",
		worker ? load_json(s, lc) : json_null(), "stats",
		groups(STAT_SCOPE_LCORE, &s->lcore_stats[lc]));
}

static json_t *engine_json(const struct sample *s)
{
	char build[32];

	snprintf(build, sizeof(build), "%016" PRIx64, s->fingerprint);
	return json_pack("{ss ss sI ss ss sf sI}", "version", s->version, "build", build, "pid",
		(json_int_t)s->pid, "state", engine_state_word(s->state), "prefix", s->prefix,
		"start_time", s->start_s, "tsc_hz", (json_int_t)s->tsc_hz);
}

json_t *json_stats(const struct sample *s, uint64_t seq)
{
	json_t *ports = json_array(), *lcores = json_array(), *tests = json_array();

	for (uint32_t p = 0; p < s->n_ports; p++)
		json_array_append_new(ports, port_json(s, p));
	for (uint32_t lc = 0; lc < s->n_lcores; lc++)
		json_array_append_new(lcores, lcore_json(s, lc));
	for (uint32_t i = 0; i < s->n_tcs; i++)
		json_array_append_new(tests, tc_json(&s->tcs[i]));
	return json_pack("{ss sf sI s{ss} so so so so}", "schema", "warp17-stats/1.0", "timestamp",
		s->time_s, "seq", (json_int_t)seq, "exporter", "version", warp17_version(),
		"engine", engine_json(s), "ports", ports, "lcores", lcores, "test_cases", tests);
}

static void schema_group(json_t *a, const struct stats_group *g)
{
	for (size_t i = 0; i < g->n; i++)
		json_array_append_new(a,
			json_pack("{ss ss ss ss ss ss}", "group", g->name, "name", g->stats[i].name,
				"scope", scope_name[g->scope], "kind", kind_name[g->stats[i].kind],
				"unit", unit_name[g->stats[i].unit], "help", g->stats[i].help));
}

json_t *json_schema(void)
{
	json_t *a = json_array();

	for (size_t i = 0; i < stats_n_groups; i++)
		schema_group(a, &stats_groups[i]);
	schema_group(a, &stats_device_group);
	return json_pack("{ss so}", "schema", "warp17-schema/1.0", "counters", a);
}
