/* The JSON of test cases: state, verdict, progress, rates, latencies, counters. */
#include "stats-exporter/document.h"
#include "stats-exporter/json_priv.h"

#include <math.h>
#include <stdio.h>

json_t *json_app_head(const struct sample_app *a)
{
	return json_pack("{sI ss sI}", "app_index", INT(a->index), "app", app_kind_word(a->kind),
		"weight", INT(a->weight));
}

static json_t *apps_json(const struct sample_tc *t)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < t->n_apps; i++) {
		json_t *o = json_app_head(&t->apps[i]);

		json_object_set_new(o, "stats", json_groups(STAT_SCOPE_TC, &t->apps[i].stats));
		json_array_append_new(a, o);
	}
	return a;
}

static json_t *ns_of(bool known, double ns)
{
	return known ? json_integer((json_int_t)llround(ns)) : json_null();
}

/* What is known of them without the histogram; null where nothing was measured. */
static json_t *times_head(const struct sample_times *t)
{
	bool any = t->samples != 0;
	json_t *o = json_pack("{so so so}", "min_ns", ns_of(any, (double)t->min_ns), "avg_ns",
		ns_of(any, latency_mean(t->sum_ns, t->samples)), "max_ns",
		ns_of(any, (double)t->max_ns));

	for (uint32_t i = 0; i < LATENCY_QUANTILES; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%s_ns", latency_quantile_name[i]);
		json_object_set_new(o, key, ns_of(any, (double)t->quantile_ns[i]));
	}
	return o;
}

json_t *json_latency_head(const struct sample_tc *t)
{
	const struct stats_latency *l = &t->stats.latency;
	const struct latency_recent *r = &t->recent;
	bool some = r->samples != 0;
	json_t *o;

	if (!t->has_latency)
		return json_null();
	o = times_head(&t->latency);
	json_object_set_new(
		o, "jitter_ns", ns_of(l->pairs != 0, latency_mean(l->jitter_ns, l->pairs)));
	json_object_set_new(o, "recent",
		json_pack("{sI so so so so}", "samples", INT(r->samples), "min_ns",
			ns_of(some, (double)r->min_ns), "avg_ns",
			ns_of(some, latency_mean(r->sum_ns, r->samples)), "max_ns",
			ns_of(some, (double)r->max_ns), "jitter_ns",
			ns_of(r->pairs != 0, latency_mean(r->jitter_ns, r->pairs))));
	return o;
}

const char *const json_response_names[TIMES_BYTES] = {
	[TIMES_FIRST] = "first_byte", [TIMES_LAST] = "last_byte"};

json_t *json_response_head(const struct sample_times *of)
{
	json_t *o = json_pack("{sI}", "samples", INT(of->samples));

	json_object_update_new(o, times_head(of));
	return o;
}

static json_t *histogram_json(const struct coarse *c)
{
	json_t *n = json_array();

	for (uint32_t i = c->first; i < c->end; i++)
		json_array_append_new(n, json_integer(INT(c->n[i])));
	return json_pack("{sI sI so}", "sub_bits", INT(COARSE_SUB_BITS), "first", INT(c->first),
		"counts", n);
}

/* What is more than the counters of its group. */
static json_t *latency_json(const struct sample_tc *t)
{
	json_t *o = json_latency_head(t);

	if (t->has_latency)
		json_object_set_new(o, "histogram", histogram_json(&t->latency.coarse));
	return o;
}

static json_t *responses_json(const struct sample_tc *t)
{
	json_t *o;

	if (!sample_has_responses(t))
		return json_null();
	o = json_pack("{ss}", "from", times_from_word(t->tc.cfg.times.from));
	for (uint32_t k = 0; k < TIMES_BYTES; k++) {
		json_t *one = json_response_head(&t->response[k]);

		json_object_set_new(one, "histogram", histogram_json(&t->response[k].coarse));
		json_object_set_new(o, json_response_names[k], one);
	}
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

json_t *json_test_head(const struct sample *s, const struct sample_tc *t)
{
	const struct seg_tc *c = &t->tc;
	json_t *o = json_pack("{sI sI ss ss ss ss ss}", "port", INT(t->port), "test_case_id",
		INT(t->tcid), "type", tc_side_word(&c->cfg), "proto", l4proto_word(c->cfg.proto),
		"app", tc_app_word(&c->cfg), "state", tc_state_word(c->state), "verdict",
		verdict(c));

	json_object_update_new(o, progress(s, c));
	json_object_set_new(o, "rates",
		json_pack("{sI sI sI sI}", "established_per_second", INT(c->rate_estab),
			"closed_per_second", INT(c->rate_closed), "messages_per_second",
			INT(c->rate_send), "requests_per_second", INT(c->rate_req)));
	return o;
}

json_t *json_test_state(const struct sample *s, const struct sample_tc *t)
{
	json_t *o = json_test_head(s, t);

	json_object_update_new(o,
		json_pack("{so so so so}", "stats", json_groups(STAT_SCOPE_TC, &t->stats), "apps",
			apps_json(t), "latency", latency_json(t), "response_times",
			responses_json(t)));
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
