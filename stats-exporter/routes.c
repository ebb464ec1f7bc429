/* What is served: one row a path. */
#include "stats-exporter/document.h"
#include "stats-exporter/http.h"
#include "stats-exporter/json.h"
#include "stats-exporter/prometheus.h"

#include <string.h>

static enum MHD_Result unavailable(struct MHD_Connection *c, const char *why)
{
	return answer_error(c, MHD_HTTP_SERVICE_UNAVAILABLE, why);
}

static enum MHD_Result metrics(struct exporter *x, struct MHD_Connection *c)
{
	enum prom_format format = prometheus_accept(
		MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Accept"));
	size_t len;
	char *text = prometheus_text(x, format, &len);

	return text ? answer_text(c, MHD_HTTP_OK, prometheus_type(format), text, len)
		    : answer_json(c, MHD_HTTP_OK, NULL);
}

/* A document's text that is given away; NULL: out of memory. */
static enum MHD_Result document(struct MHD_Connection *c, char *text, size_t len)
{
	return text ? answer_text(c, MHD_HTTP_OK, "application/json", text, len)
		    : answer_json(c, MHD_HTTP_OK, NULL);
}

static enum MHD_Result some(struct exporter *x, struct MHD_Connection *c, bool tests)
{
	uint64_t port = UINT32_MAX, tcid = UINT32_MAX;
	char why[WHY_MAX];
	struct sample *s;
	enum MHD_Result rc;
	size_t len;
	char *text;

	if (!query_number(c, "port", 0, PORTS_MAX - 1, &port))
		return answer_error(c, MHD_HTTP_BAD_REQUEST, "port: expected a number, 0..63");
	if (tests && !query_number(c, "test_case_id", 0, TCS_MAX - 1, &tcid))
		return answer_error(
			c, MHD_HTTP_BAD_REQUEST, "test_case_id: expected a number, 0..15");
	s = sample_take(x, why);
	if (s == NULL)
		return unavailable(c, why);
	if (port != UINT32_MAX && port >= s->n_ports)
		rc = answer_error(c, MHD_HTTP_BAD_REQUEST, "port: the engine has no such port");
	else {
		text = tests ? json_tests_text(s, x->seq++, (uint32_t)port, (uint32_t)tcid, &len)
			     : json_ports_text(s, x->seq++, (uint32_t)port, &len);
		rc = document(c, text, len);
	}
	sample_free(s);
	return rc;
}

static enum MHD_Result ports(struct exporter *x, struct MHD_Connection *c)
{
	return some(x, c, false);
}

static enum MHD_Result tests(struct exporter *x, struct MHD_Connection *c)
{
	return some(x, c, true);
}

static enum MHD_Result stats(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];
	struct sample *s = sample_take(x, why);
	size_t len;
	char *text;

	if (s == NULL)
		return unavailable(c, why);
	text = json_stats_text(s, x->seq++, &len);
	sample_free(s);
	return document(c, text, len);
}

static enum MHD_Result events(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];
	uint64_t since = 0;

	if (!query_number(c, "since", 0, UINT64_MAX, &since))
		return answer_error(
			c, MHD_HTTP_BAD_REQUEST, "since: expected the number of an event");
	if (!sample_ready(x, why))
		return unavailable(c, why);
	return answer_json(c, MHD_HTTP_OK, json_events(x->client.seg, since, x->seq++));
}

static enum MHD_Result operators(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];
	json_t *o;

	if (!sample_ready(x, why))
		return unavailable(c, why);
	o = json_operators(x->client.seg, x->seq++);
	return o ? answer_json(c, MHD_HTTP_OK, o)
		 : unavailable(c, "the engine stopped inside a change");
}

static enum MHD_Result schema(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];

	return answer_json(
		c, MHD_HTTP_OK, json_schema(sample_ready(x, why) ? x->client.seg : NULL, x->seq++));
}

static enum MHD_Result healthz(struct exporter *x, struct MHD_Connection *c)
{
	(void)x;
	return answer_json(c, MHD_HTTP_OK, json_pack("{ss}", "status", "ok"));
}

static enum MHD_Result readyz(struct exporter *x, struct MHD_Connection *c)
{
	char why[WHY_MAX];

	if (!sample_lasts(x, why))
		return unavailable(c, why);
	return answer_json(c, MHD_HTTP_OK, json_pack("{ss}", "status", "ready"));
}

/* open: to who has no token, too */
#define ROUTES(X)                                \
	X("/metrics", metrics, false)            \
	X("/api/v1/stats", stats, false)         \
	X("/api/v1/ports", ports, false)         \
	X("/api/v1/tests", tests, false)         \
	X("/api/v1/schema", schema, false)       \
	X("/api/v1/events", events, false)       \
	X("/api/v1/operators", operators, false) \
	X("/events", sse_give, false)            \
	X("/healthz", healthz, true)             \
	X("/readyz", readyz, false)

#define X(path, give, open) {path, give, open},
#define ASSET(id, path, file, type) {path, page_##id, false},
static const struct route routes[] = {ROUTES(X)
#include "stats-exporter/page/assets.def"
};
#undef X
#define X(path, give, open) " " path
const char route_paths[] = "paths: /" ROUTES(X);
#undef X

const struct route *route_find(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		if (strcmp(path, routes[i].path) == 0)
			return &routes[i];
	}
	return NULL;
}
