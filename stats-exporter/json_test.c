/* The JSON of test cases: state, verdict, progress, rates, latencies, counters. */
#include "stats-exporter/json_priv.h"

#include <math.h>
#include <stdio.h>

static json_t *apps_json(const struct sample_tc *t)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < t->n_apps; i++)
		json_array_append_new(a,
			json_pack("{sI ss sI so}", "app_index", INT(t->apps[i].index), "app",
				app_kind_word(t->apps[i].kind), "weight", INT(t->apps[i].weight),
				"stats", json_groups(STAT_SCOPE_TC, &t->apps[i].stats)));
	return a;
}

static json_t *ns_of(bool known, double ns)
{
	return known ? json_integer((json_int_t)llround(ns)) : json_null();
}

/* What is more than the counters of its group; null where nothing was measured. */
static json_t *latency_json(const struct sample_tc *t)
{
	const struct stats_latency *l = &t->stats.latency;
	const struct latency_recent *r = &t->recent;
	bool any = l->samples != 0, some = r->samples != 0;
	json_t *o;

	if (!t->has_latency)
		return json_null();
	o = json_pack("{so so so so}", "min_ns", ns_of(any, (double)t->latency_min_ns), "avg_ns",
		ns_of(any, latency_mean(l->sum_ns, l->samples)), "max_ns",
		ns_of(any, (double)l->max_ns), "jitter_ns",
		ns_of(l->pairs != 0, latency_mean(l->jitter_ns, l->pairs)));
	for (uint32_t i = 0; i < LATENCY_QUANTILES; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%s_ns", latency_quantile_name[i]);
		json_object_set_new(o, key, ns_of(any, (double)t->latency_ns[i]));
	}
	json_object_set_new(o, "recent",
		json_pack("{sI so so so so}", "samples", INT(r->samples), "min_ns",
			ns_of(some, (double)r->min_ns), "avg_ns",
			ns_of(some, latency_mean(r->sum_ns, r->samples)), "max_ns",
			ns_of(some, (double)r->max_ns), "jitter_ns",
			ns_of(r->pairs != 0, latency_mean(r->jitter_ns, r->pairs))));
	return o;
}

static const char *verdict(const struct seg_tc *t)
{
	bool ended = t->state == tc_state_PASSED || t->state == tc_state_FAILED;

	return ended ? tc_state_word(t->state) : "none";
}

/* 0..1 of the criterion. */
static double fraction(const struct seg_tc *t)
{
	double target = t->cfg.criterion_count;

	if (t->state == tc_state_PASSED || target == 0)
		return t->state == tc_state_PASSED ? 1 : 0;
	return MIN_OF((double)t->achieved / target, 1.0);
}

static double runtime_s(const struct sample *s, const struct seg_tc *t)
{
	uint64_t end = t->end_ns ? t->end_ns : s->mono_ns;

	return t->start_ns && end > t->start_ns ? (double)(end - t->start_ns) / 1e9 : 0;
}

static const char *criterion_unit(uint32_t criterion)
{
	static const char *const unit[] = {[criterion_RUN_TIME] = "seconds",
		[criterion_SERVERS_UP] = "servers",
		[criterion_CLIENTS_UP] = "clients",
		[criterion_CLIENTS_ESTAB] = "clients",
		[criterion_DATA_MB] = "megabytes"};
	static_assert(ARRAY_SIZE(unit) == criterion_COUNT);

	return criterion < criterion_COUNT ? unit[criterion] : "?";
}

static json_t *progress(const struct sample *s, const struct seg_tc *t)
{
	return json_pack("{ss sb ss ss ss sI so sI sf so sf}", "note", t->behind, "behind",
		t->fell_behind != 0, "reason", t->reason, "criterion",
		criterion_word(t->cfg.criterion), "criterion_unit",
		criterion_unit(t->cfg.criterion), "target", INT(t->cfg.criterion_count), "within_s",
		json_if(t->cfg.criterion != criterion_RUN_TIME, t->cfg.criterion_s), "achieved",
		INT(t->achieved), "fraction", fraction(t), "established_us",
		json_if(t->estab_us != 0, t->estab_us), "runtime_s", runtime_s(s, t));
}

json_t *json_test_state(const struct sample *s, const struct sample_tc *t)
{
	const struct seg_tc *c = &t->tc;
	json_t *o = json_pack("{sI sI ss ss ss ss ss}", "port", INT(t->port), "test_case_id",
		INT(t->tcid), "type", tc_side_word(&c->cfg), "proto", l4proto_word(c->cfg.proto),
		"app", tc_app_word(&c->cfg), "state", tc_state_word(c->state), "verdict",
		verdict(c));

	json_object_update_new(o, progress(s, c));
	json_object_update_new(o,
		json_pack("{s{sI sI sI sI} so so so}", "rates", "established_per_second",
			INT(c->rate_estab), "closed_per_second", INT(c->rate_closed),
			"messages_per_second", INT(c->rate_send), "requests_per_second",
			INT(c->rate_req), "stats", json_groups(STAT_SCOPE_TC, &t->stats), "apps",
			apps_json(t), "latency", latency_json(t)));
	return o;
}

json_t *json_test(const struct sample *s, const struct sample_tc *t)
{
	json_t *o = json_test_state(s, t);

	json_object_set_new(o, "config", json_test_config(t));
	return o;
}

json_t *json_tests_of(const struct sample *s, uint64_t seq, uint32_t port, uint32_t tcid)
{
	json_t *a = json_array(), *o = json_head(documents[DOC_TESTS].schema, s, seq);

	for (uint32_t i = 0; i < s->n_tcs; i++) {
		const struct sample_tc *t = &s->tcs[i];

		if ((port == UINT32_MAX || t->port == port)
			&& (tcid == UINT32_MAX || t->tcid == tcid))
			json_array_append_new(a, json_test(s, t));
	}
	json_object_set_new(o, "tests", a);
	return o;
}

json_t *json_tests_doc(const struct sample *s, uint64_t seq)
{
	return json_tests_of(s, seq, UINT32_MAX, UINT32_MAX);
}
