/* The JSON of /api/v1: stats and ports. Numbers are integers of 64 bits; those that may exceed 2^53
 * are exact all the same, and it is the reader's business to take them as integers. */
#include "common/abi/load.h"
#include "common/util/version.h"
#include "stats-exporter/document.h"
#include "stats-exporter/json_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* jansson's integers have a sign. A gauge may want it: one lcore may take away what another added.
 * What only grows ends at the largest number there is, after centuries. */
static json_t *number(const struct stat_desc *d, uint64_t v)
{
	if (d->kind != STAT_GAUGE && v > INT64_MAX)
		v = INT64_MAX;
	return json_integer((json_int_t)v);
}

json_t *json_group(const struct stats_group *g, const void *block)
{
	json_t *o = json_object();

	for (size_t i = 0; i < g->n; i++) {
		uint64_t v;

		memcpy(&v, (const char *)block + g->off + g->stats[i].off, sizeof(v));
		json_object_set_new(o, g->stats[i].name, number(&g->stats[i], v));
	}
	return o;
}

json_t *json_groups(enum stat_scope scope, const void *block)
{
	json_t *o = json_object();

	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		if (g->scope == scope)
			json_object_set_new(o, g->name, json_group(g, block));
	}
	return o;
}

static json_t *port_lcores(const struct sample *s, uint32_t port)
{
	json_t *a = json_array();

	for (uint32_t lc = 0; lc < s->n_workers; lc++)
		json_array_append_new(a,
			json_pack("{sI so}", "lcore", INT(s->lcore_id[lc]), "stats",
				json_groups(STAT_SCOPE_PORT, sample_port_stats(s, lc, port))));
	return a;
}

json_t *json_port(const struct sample *s, uint32_t port, bool lcores)
{
	const struct sample_port *p = &s->port[port];
	struct stats_port_block sum;
	json_t *o;

	sample_port_sum(s, port, &sum);
	o = json_pack("{sI ss ss ss sb sb so sI so so}", "port", INT(port), "name", p->name,
		"driver", p->driver, "kind", port_kind_word(p->kind), "link_up", p->link_up,
		"running", p->running, "speed_mbps", json_if(p->speed_mbps != 0, p->speed_mbps),
		"mtu", INT(p->mtu), "device", json_group(&stats_device_group, &p->device), "stats",
		json_groups(STAT_SCOPE_PORT, &sum));
	if (lcores)
		json_object_set_new(o, "lcores", port_lcores(s, port));
	return o;
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

json_t *json_lcore(const struct sample *s, uint32_t lc, bool stats)
{
	bool worker = lc < s->n_workers;
	json_t *o = json_pack("{sI ss so}", "lcore", worker ? INT(s->lcore_id[lc]) : -1, "role",
		worker ? "worker" : "management", "load", worker ? load_json(s, lc) : json_null());

	if (stats)
		json_object_set_new(o, "stats", json_groups(STAT_SCOPE_LCORE, &s->lcore_stats[lc]));
	return o;
}

json_t *json_engine(const struct sample *s)
{
	char build[32];

	snprintf(build, sizeof(build), "%016" PRIx64, s->fingerprint);
	return json_pack("{ss ss sI ss ss sf sI}", "version", s->version, "build", build, "pid",
		INT(s->pid), "state", engine_state_word(s->state), "prefix", s->prefix,
		"start_time", s->start_s, "tsc_hz", INT(s->tsc_hz));
}

/* Of a document without an engine. */
static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

json_t *json_head(const char *schema, const struct sample *s, uint64_t seq)
{
	return json_pack("{ss sf sI s{ss} so}", "schema", schema, "timestamp",
		s != NULL ? s->time_s : now_s(), "seq", INT(seq), "exporter", "version",
		warp17_version(), "engine", s != NULL ? json_engine(s) : json_null());
}

json_t *json_stats_of(const struct sample *s, uint64_t seq, bool whole)
{
	json_t *ports = json_array(), *lcores = json_array(), *tests = json_array();
	json_t *o = json_head(documents[DOC_STATS].schema, s, seq);

	for (uint32_t p = 0; whole && p < s->n_ports; p++)
		json_array_append_new(ports, json_port(s, p, true));
	for (uint32_t lc = 0; lc < s->n_lcores; lc++)
		json_array_append_new(lcores, json_lcore(s, lc, true));
	for (uint32_t i = 0; whole && i < s->n_tcs; i++)
		json_array_append_new(tests, json_test_state(s, &s->tcs[i]));
	json_object_update_new(
		o, json_pack("{so so so}", "ports", ports, "lcores", lcores, "test_cases", tests));
	return o;
}

json_t *json_stats(const struct sample *s, uint64_t seq)
{
	return json_stats_of(s, seq, true);
}

/* Ports are as /api/v1/ports has them, but for each lcore's counters, which are most of it. */
json_t *json_live_of(const struct sample *s, uint64_t seq, const char *why, bool whole)
{
	json_t *ports = json_array(), *tests = json_array(), *lcores = json_array();
	json_t *o = json_head(LIVE_SCHEMA, s, seq);

	for (uint32_t p = 0; s != NULL && whole && p < s->n_ports; p++) {
		json_t *one = json_port(s, p, false);

		json_object_set_new(one, "config", json_port_config(&s->port[p]));
		json_array_append_new(ports, one);
	}
	for (uint32_t i = 0; s != NULL && whole && i < s->n_tcs; i++)
		json_array_append_new(tests, json_test(s, &s->tcs[i]));
	for (uint32_t lc = 0; s != NULL && lc < s->n_lcores; lc++)
		json_array_append_new(lcores, json_lcore(s, lc, false));
	json_object_update_new(o,
		json_pack("{ss? so so so}", "why", s != NULL ? NULL : why, "ports", ports, "tests",
			tests, "lcores", lcores));
	return o;
}

json_t *json_live(const struct sample *s, uint64_t seq, const char *why)
{
	return json_live_of(s, seq, why, true);
}

json_t *json_ports_of(const struct sample *s, uint64_t seq, uint32_t port)
{
	json_t *a = json_array(), *o = json_head(documents[DOC_PORTS].schema, s, seq);

	for (uint32_t p = 0; p < s->n_ports; p++) {
		json_t *one;

		if (port != UINT32_MAX && p != port)
			continue;
		one = json_port(s, p, true);
		json_object_set_new(one, "config", json_port_config(&s->port[p]));
		json_array_append_new(a, one);
	}
	json_object_set_new(o, "ports", a);
	return o;
}

json_t *json_ports_doc(const struct sample *s, uint64_t seq)
{
	return json_ports_of(s, seq, UINT32_MAX);
}
