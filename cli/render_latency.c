/* Latencies as text: us with three decimals. */
#include "cli/grid.h"
#include "cli/render_priv.h"

#include <string.h>

/* A row of the table: "min_ns" is "Min lat/us". */
static const struct {
	const char *key, *label;
} rows[] = {
	{"samples", "Samples"},
	{"invalid", "Invalid lat"},
	{"max_exceeded", "Max exc"},
	{"max_avg_exceeded", "Max avg exc"},
	{"min_ns", "Min lat/us"},
	{"max_ns", "Max lat/us"},
	{"avg_ns", "Avg lat/us"},
	{"p50_ns", "50 % lat/us"},
	{"p90_ns", "90 % lat/us"},
	{"p99_ns", "99 % lat/us"},
	{"p99_9_ns", "99.9 % lat/us"},
	{"jitter_ns", "Avg jitter/us"},
};

void render_latency_part(
	const json_t *part, void (*row)(void *ctx, const char *label, const char *value), void *ctx)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const json_t *v = json_object_get(part, rows[i].key);
		char us[32];

		if (v == NULL)
			continue;
		snprintf(us, sizeof(us), "%.3f", (double)json_integer_value(v) / 1e3);
		row(ctx, rows[i].label,
			json_is_null(v)                              ? "-"
				: strstr(rows[i].key, "_ns") != NULL ? us
								     : render_value(v));
	}
}

struct two_columns {
	struct grid *g;
	const char *part;
};

static void cells(void *ctx, const char *label, const char *value)
{
	const struct two_columns *c = ctx;

	grid_cell(c->g, "%s %s", c->part, label);
	grid_cell(c->g, "%s", value);
}

void render_latency(struct grid *g, const json_t *latency)
{
	struct two_columns c = {g, "Global"};

	render_latency_part(json_object_get(latency, "global"), cells, &c);
	c.part = "Recent";
	render_latency_part(json_object_get(latency, "recent"), cells, &c);
}

void render_tests_latency(const json_t *view)
{
	const json_t *limits = json_object_get(view, "limits");
	struct grid g = {0};

	printf("Port %s, test case %s: max %s us, max-avg %s us, samples %s%s\n",
		render_field(view, "port"), render_field(view, "test_case_id"),
		render_field(limits, "max_us"), render_field(limits, "max_avg_us"),
		render_field(limits, "samples"), render_since(view));
	if (!json_is_true(json_object_get(view, "on"))) {
		printf("Nothing is measured: it has no rx-timestamp\n");
		return;
	}
	grid_column(&g, false, "%s", "");
	grid_column(&g, true, "%s", "");
	render_latency(&g, json_object_get(view, "latency"));
	grid_print(&g, 0, 0);
}
