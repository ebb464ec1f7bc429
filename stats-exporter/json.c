/* The JSON of /api/v1. */
#include "stats-exporter/exporter.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const unit_name[] = {
	"packets", "bytes", "count", "microseconds", "milliseconds", "cycles"};
static const char *const kind_name[] = {"counter", "gauge", "max"};
static const char *const scope_name[] = {"port", "lcore", "test_case"};

static json_t *groups(enum stat_scope scope, const void *block)
{
	json_t *o = json_object();

	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];
		json_t *one;

		if (g->scope != scope)
			continue;
		one = json_object();
		for (size_t k = 0; k < g->n; k++) {
			uint64_t v;

			memcpy(&v, (const char *)block + g->off + g->stats[k].off, sizeof(v));
			json_object_set_new(one, g->stats[k].name, json_integer((json_int_t)v));
		}
		json_object_set_new(o, g->name, one);
	}
	return o;
}

static json_t *port_json(const struct seg *s, uint32_t port)
{
	static _Thread_local struct seg_port p;
	struct stats_port_block b;
	json_t *lcores = json_array(), *o;

	if (seg_read(seg_port(s, port), &p, sizeof(p)) != 0)
		memset(&p, 0, sizeof(p));
	p.name[sizeof(p.name) - 1] = p.driver[sizeof(p.driver) - 1] = '\0';
	for (uint32_t lc = 0; lc < s->hdr.n_workers; lc++) {
		seg_sum_port(s, lc, lc + 1, port, port + 1, &b);
		json_array_append_new(lcores,
			json_pack("{si so}", "lcore", seg_worker(s, lc)->lcore_id, "stats",
				groups(STAT_SCOPE_PORT, &b)));
	}
	seg_sum_port(s, 0, s->hdr.n_lcores, port, port + 1, &b);
	o = json_pack("{si ss ss ss sb sb si si}", "port", port, "name", p.name, "driver", p.driver,
		"kind", port_kind_word(p.kind), "link_up", p.link_up != 0, "running",
		p.running != 0, "speed_mbps", p.speed_mbps, "mtu", p.mtu);
	json_object_set_new(o, "stats", groups(STAT_SCOPE_PORT, &b));
	json_object_set_new(o, "lcores", lcores);
	return o;
}

static json_t *tc_json(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static _Thread_local struct seg_tc t;
	struct stats_tc_block b;

	if (seg_read(seg_tc(s, port, tcid), &t, sizeof(t)) != 0 || t.cfg.kind == tc_kind_NONE)
		return NULL;
	t.reason[sizeof(t.reason) - 1] = '\0';
	seg_sum_tc(s, port, tcid, &b);
	return json_pack("{si si ss ss ss ss ss ss sI sI sb s{sI sI sI sI} so}", "port", port,
		"test_case_id", tcid, "type", tc_kind_word(t.cfg.kind), "proto",
		l4proto_word(t.cfg.proto), "app", app_kind_word(t.cfg.app), "state",
		tc_state_word(t.state), "reason", t.reason, "criterion",
		criterion_word(t.cfg.criterion), "target", (json_int_t)t.cfg.criterion_count,
		"achieved", (json_int_t)t.achieved, "behind", t.fell_behind != 0, "rates",
		"established_per_second", (json_int_t)t.rate_estab, "closed_per_second",
		(json_int_t)t.rate_closed, "messages_per_second", (json_int_t)t.rate_send,
		"requests_per_second", (json_int_t)t.rate_req, "stats", groups(STAT_SCOPE_TC, &b));
}

static json_t *lcores_json(const struct seg *s)
{
	json_t *a = json_array();
	struct stats_lcore_block b;

	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++) {
		bool worker = lc < s->hdr.n_workers;

		seg_sum_lcore(s, lc, lc + 1, &b);
		json_array_append_new(a,
			json_pack("{si ss so}", "lcore",
				worker ? (int)seg_worker(s, lc)->lcore_id : -1, "role",
				worker ? "worker" : "management", "stats",
				groups(STAT_SCOPE_LCORE, &b)));
	}
	return a;
}

json_t *json_stats(struct exporter *x)
{
	const struct seg *s = x->client.seg;
	json_t *ports = json_array(), *tests = json_array(), *o;
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	for (uint32_t p = 0; p < s->hdr.n_ports; p++) {
		json_array_append_new(ports, port_json(s, p));
		for (uint32_t i = 0; i < TCS_MAX; i++) {
			json_t *t = tc_json(s, p, i);

			if (t)
				json_array_append_new(tests, t);
		}
	}
	o = json_pack("{ss sf sI}", "schema", "warp17-stats/1.0", "timestamp",
		ts.tv_sec + ts.tv_nsec / 1e9, "seq", (json_int_t)x->seq++);
	json_object_set_new(o, "engine",
		json_pack("{ss si ss ss sf}", "version", s->hdr.version, "pid", s->hdr.engine_pid,
			"state", engine_state_word(s->hdr.state), "prefix", s->hdr.prefix,
			"start_time", s->hdr.start_realtime_ns / 1e9));
	json_object_set_new(o, "ports", ports);
	json_object_set_new(o, "lcores", lcores_json(s));
	json_object_set_new(o, "test_cases", tests);
	return o;
}

json_t *json_schema(void)
{
	json_t *a = json_array();

	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		for (size_t k = 0; k < g->n; k++)
			json_array_append_new(a,
				json_pack("{ss ss ss ss ss ss}", "group", g->name, "name",
					g->stats[k].name, "scope", scope_name[g->scope], "kind",
					kind_name[g->stats[k].kind], "unit",
					unit_name[g->stats[k].unit], "help", g->stats[k].help));
	}
	return json_pack("{ss so}", "schema", "warp17-schema/1.0", "counters", a);
}
