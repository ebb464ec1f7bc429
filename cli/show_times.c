/* Response times of a test case as JSON trees. */
#include "cli/show.h"
#include "cli/show_priv.h"
#include "cli/since.h"

#include <errno.h>
#include <stdio.h>

static json_t *part(const struct times_part *p)
{
	bool any = p->samples != 0 && p->min_ns != UINT64_MAX;
	json_t *o = json_pack("{sI so so so}", "samples", INT(p->samples), "min_ns",
		show_ns(any, (double)p->min_ns), "avg_ns",
		show_ns(any, latency_mean(p->sum_ns, p->samples)), "max_ns",
		show_ns(any, (double)p->max_ns));

	for (uint32_t i = 0; i < LATENCY_QUANTILES; i++) {
		char key[16];

		snprintf(key, sizeof(key), "%s_ns", latency_quantile_name[i]);
		json_object_set_new(o, key, show_ns(any, (double)times_quantile(p, i)));
	}
	return o;
}

static json_t *times(const struct times_total *t, const struct times_config *c)
{
	return json_pack("{ss so so}", "from", times_from_word(c->from), "first_byte",
		part(&t->of[TIMES_FIRST]), "last_byte", part(&t->of[TIMES_LAST]));
}

json_t *show_times(const struct seg *s, uint32_t port, uint32_t tcid, const struct times_config *c)
{
	static struct times_total t;

	since_times(s, port, tcid, &t);
	return times(&t, c);
}

json_t *show_tests_response_times(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static struct times_total t;
	static struct seg_tc tc;
	int rc = seg_read(seg_tc(s, port, tcid), &tc, sizeof(tc));
	json_t *o;

	if (rc != 0 || tc.cfg.kind == tc_kind_NONE)
		return show_nothing(rc != 0 ? rc : -ENOENT, NULL);
	since_times(s, port, tcid, &t);
	o = json_pack("{sI sI}", "port", INT(port), "test_case_id", INT(tcid));
	json_object_update_new(o, times(&t, &tc.cfg.times));
	json_object_set_new(o, "buckets",
		json_pack("{so so}", "first_byte", show_buckets(&t.of[TIMES_FIRST].hist),
			"last_byte", show_buckets(&t.of[TIMES_LAST].hist)));
	show_since(o, port);
	return o;
}
