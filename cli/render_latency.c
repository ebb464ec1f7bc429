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

static void part(struct grid *g, const char *what, const json_t *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const json_t *v = json_object_get(o, rows[i].key);

		if (v == NULL)
			continue;
		grid_cell(g, "%s %s", what, rows[i].label);
		if (json_is_null(v))
			grid_cell(g, "-");
		else if (strstr(rows[i].key, "_ns") != NULL)
			grid_cell(g, "%.3f", (double)json_integer_value(v) / 1e3);
		else
			grid_cell(g, "%s", render_value(v));
	}
}

void render_latency(struct grid *g, const json_t *latency)
{
	part(g, "Global", json_object_get(latency, "global"));
	part(g, "Recent", json_object_get(latency, "recent"));
}

void render_tests_latency(const json_t *view)
{
	const json_t *limits = json_object_get(view, "limits");
	struct grid g = {0};

	printf("Port %s, test case %s: max %s us, max-avg %s us, samples %s\n",
		render_field(view, "port"), render_field(view, "test_case_id"),
		render_field(limits, "max_us"), render_field(limits, "max_avg_us"),
		render_field(limits, "samples"));
	if (!json_is_true(json_object_get(view, "on"))) {
		printf("Nothing is measured: it has no rx-timestamp\n");
		return;
	}
	grid_column(&g, false, "%s", "");
	grid_column(&g, true, "%s", "");
	render_latency(&g, json_object_get(view, "latency"));
	grid_print(&g, 0, 0);
}
