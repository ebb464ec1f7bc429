/* Latencies of a test case as JSON trees. */
#include "cli/show.h"
#include "cli/show_priv.h"
#include "cli/since.h"

#include <math.h>

json_t *show_latency_config(const struct latency_config *c)
{
	return json_pack("{sI sI sI}", "max_us", INT(c->max_us), "max_avg_us", INT(c->max_avg_us),
		"samples", INT(c->samples));
}

json_t *show_ns(bool known, double ns)
{
	return known ? json_integer((json_int_t)llround(ns)) : json_null();
}

static json_t *recent(const struct latency_recent *r)
{
	bool any = r->samples != 0;

	return json_pack("{sI so so so so}", "samples", INT(r->samples), "min_ns",
		show_ns(any, (double)r->min_ns), "avg_ns",
		show_ns(any, latency_mean(r->sum_ns, r->samples)), "max_ns",
		show_ns(any, (double)r->max_ns), "jitter_ns",
		show_ns(r->pairs != 0, latency_mean(r->jitter_ns, r->pairs)));
}

static json_t *global(const struct latency_total *t, const struct stats_latency *st)
{
	bool any = st->samples != 0 && t->min_ns != UINT64_MAX;
	json_t *o = json_pack("{sI sI sI sI so so so so}", "samples", INT(st->samples), "invalid",
		INT(st->invalid), "max_exceeded", INT(st->over_max), "max_avg_exceeded",
		INT(st->over_avg), "min_ns", show_ns(any, (double)t->min_ns), "avg_ns",
		show_ns(any, latency_mean(st->sum_ns, st->samples)), "max_ns",
		show_ns(any, (double)st->max_ns), "jitter_ns",
		show_ns(st->pairs != 0, latency_mean(st->jitter_ns, st->pairs)));

	for (uint32_t i = 0; i < LATENCY_QUANTILES; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%s_ns", latency_quantile_name[i]);
		json_object_set_new(o, key, show_ns(any, (double)latency_quantile(t, st, i)));
	}
	return o;
}

json_t *show_buckets(const struct histogram *h)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		if (h->n[i] != 0)
			json_array_append_new(
				a, json_pack("[I, I]", INT(hist_least(i)), INT(h->n[i])));
	}
	return a;
}

json_t *show_latency(const struct seg *s, uint32_t port, uint32_t tcid,
	const struct latency_config *c, struct stats_latency *st, json_t **hist)
{
	static struct latency_total t;
	json_t *o;

	since_latency(s, port, tcid, MIN_OF(c->samples, LATENCY_RECENT_MAX), st, &t);
	o = json_pack("{so}", "global", global(&t, st));
	if (c->samples != 0)
		json_object_set_new(o, "recent", recent(&t.recent));
	if (hist != NULL)
		*hist = show_buckets(&t.hist);
	return o;
}
