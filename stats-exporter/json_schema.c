/* The counters as data, out of their table. */
#include "stats-exporter/json_priv.h"

static const char *const unit_name[] = {
	"packets", "bytes", "count", "microseconds", "milliseconds", "cycles", "nanoseconds"};
static const char *const kind_name[] = {"counter", "gauge", "max"};
static_assert(ARRAY_SIZE(unit_name) == STAT_UNIT_COUNT);
static_assert(ARRAY_SIZE(kind_name) == STAT_KIND_COUNT);
static const char *const scope_name[] = {"port", "lcore", "test_case"};
static_assert(ARRAY_SIZE(scope_name) == STAT_SCOPE_COUNT);

static void counters(json_t *a, const struct stats_group *g)
{
	for (size_t i = 0; i < g->n; i++)
		json_array_append_new(a,
			json_pack("{ss ss ss ss ss ss}", "group", g->name, "name", g->stats[i].name,
				"scope", scope_name[g->scope], "kind", kind_name[g->stats[i].kind],
				"unit", unit_name[g->stats[i].unit], "help", g->stats[i].help));
}

json_t *json_schema(const struct seg *s, uint64_t seq)
{
	struct sample *head = s != NULL ? sample_head(s) : NULL;
	json_t *a = json_array(), *o = json_head("warp17-schema/1.1", head, seq);

	for (size_t i = 0; i < stats_n_groups; i++)
		counters(a, &stats_groups[i]);
	counters(a, &stats_device_group);
	json_object_set_new(o, "counters", a);
	sample_free(head);
	return o;
}
