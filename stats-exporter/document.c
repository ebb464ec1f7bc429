/* The documents there are, and taking one. */
#include "stats-exporter/document.h"

#include "stats-exporter/exporter.h"
#include "stats-exporter/json.h"

#include <stdio.h>
#include <string.h>

const struct document_desc documents[DOC_COUNT] = {
	[DOC_STATS] = {"stats", "/api/v1/stats", "warp17-stats/1.2"},
	[DOC_PORTS] = {"ports", "/api/v1/ports", "warp17-ports/1.0"},
	[DOC_TESTS] = {"tests", "/api/v1/tests", "warp17-tests/1.1"},
	[DOC_OPERATORS] = {"operators", "/api/v1/operators", "warp17-operators/1.1"},
	[DOC_EVENTS] = {"events", "/api/v1/events", "warp17-events/1.1"},
	[DOC_SCHEMA] = {"schema", "/api/v1/schema", "warp17-schema/1.1"},
};

enum document document_find(const char *word)
{
	enum document d = 0;

	while (d < DOC_COUNT && strcmp(documents[d].word, word) != 0)
		d++;
	return d;
}

static json_t *of_sample(struct exporter *x, enum document d, uint64_t seq, char *why)
{
	/* of its own: one that is shared may be of the record before */
	struct sample *s = sample_ready(x, why) ? sample_of(x->client.seg, why) : NULL;
	json_t *o = NULL;

	if (s == NULL)
		return NULL;
	if (d == DOC_STATS)
		o = json_stats(s, seq);
	else
		o = d == DOC_PORTS ? json_ports_doc(s, seq) : json_tests_doc(s, seq);
	sample_free(s);
	return o;
}

json_t *document_take(struct exporter *x, enum document d, uint64_t seq, uint64_t *since, char *why)
{
	json_t *o;

	if (d == DOC_SCHEMA)
		return json_schema(sample_ready(x, why) ? x->client.seg : NULL, seq);
	if (d != DOC_OPERATORS && d != DOC_EVENTS)
		return of_sample(x, d, seq, why);
	if (!sample_ready(x, why))
		return NULL;
	if (d == DOC_EVENTS) {
		o = json_events(x->client.seg, *since, seq);
		*since = (uint64_t)json_integer_value(json_object_get(o, "last"));
		return o;
	}
	o = json_operators(x->client.seg, seq);
	if (o == NULL)
		snprintf(why, WHY_MAX, "the engine stopped inside a change");
	return o;
}
