/* /api/v1/schema: the documents, their counters and words, out of the tables. */
#include "stats-exporter/document.h"
#include "stats-exporter/json_priv.h"

static const char *const unit_name[] = {
	"packets", "bytes", "count", "microseconds", "milliseconds", "cycles", "nanoseconds"};
static const char *const kind_name[] = {"counter", "gauge", "max"};
static_assert(ARRAY_SIZE(unit_name) == STAT_UNIT_COUNT);
static_assert(ARRAY_SIZE(kind_name) == STAT_KIND_COUNT);
static const char *const scope_name[] = {"port", "lcore", "test_case"};
static_assert(ARRAY_SIZE(scope_name) == STAT_SCOPE_COUNT);

static void counters(json_t *a, const struct stats_group *g, const char *scope)
{
	for (size_t i = 0; i < g->n; i++) {
		const struct stat_desc *d = &g->stats[i];

		json_array_append_new(a,
			json_pack("{ss ss ss ss ss ss ss}", "group", g->name, "name", d->name,
				"scope", scope, "kind", kind_name[d->kind], "unit",
				unit_name[d->unit], "label", d->label, "help", d->help));
	}
}

/* The words that stand in documents where there is a choice of them, by what they are of. */
static json_t *words(void)
{
	json_t *o = json_object(), *a;

/* clang-format off */
#define ENUM_BEGIN(type) a = json_array();
#define ENUM(type, value, word, ...) json_array_append_new(a, json_string(word));
#define ENUM_END(type) json_object_set_new(o, #type, a);
#include "common/cmd/enums.def"
	/* clang-format on */
	return o;
}

static json_t *list(void)
{
	static const struct {
		const char *word, *schema;
	} beside[] = {{"live", LIVE_SCHEMA}, {"gap", GAP_SCHEMA}, {"error", ERROR_SCHEMA}};
	json_t *a = json_array();

	for (enum document d = 0; d < DOC_COUNT; d++)
		json_array_append_new(a,
			json_pack("{ss ss ss}", "document", documents[d].word, "path",
				documents[d].path, "schema", documents[d].schema));
	for (size_t i = 0; i < ARRAY_SIZE(beside); i++)
		json_array_append_new(a,
			json_pack("{ss sn ss}", "document", beside[i].word, "path", "schema",
				beside[i].schema));
	return a;
}

json_t *json_schema(const struct seg *s, uint64_t seq)
{
	struct sample *head = s != NULL ? sample_head(s) : NULL;
	json_t *a = json_array(), *o = json_head(documents[DOC_SCHEMA].schema, head, seq);

	for (size_t i = 0; i < stats_n_groups; i++)
		counters(a, &stats_groups[i], scope_name[stats_groups[i].scope]);
	counters(a, &stats_device_group, "port");
	json_object_update_new(
		o, json_pack("{so so so}", "documents", list(), "words", words(), "counters", a));
	sample_free(head);
	return o;
}
