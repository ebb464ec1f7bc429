/* Latencies and response times as text: us with three decimals. */
#include "cli/grid.h"
#include "cli/render_priv.h"

#include <string.h>

/* A row of the table: "min_ns" is "Min lat/us". */
struct row {
	const char *key, *label;
};
static const struct row rows[] = {
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

static const struct row times_rows[] = {
	{"samples", "Samples"},
	{"min_ns", "Min/us"},
	{"max_ns", "Max/us"},
	{"avg_ns", "Avg/us"},
	{"p50_ns", "50 %/us"},
	{"p90_ns", "90 %/us"},
	{"p99_ns", "99 %/us"},
	{"p99_9_ns", "99.9 %/us"},
};

static void part(const json_t *of, const struct row *r, size_t n,
	void (*row)(void *ctx, const char *label, const char *value), void *ctx)
{
	for (; n-- != 0; r++) {
		const json_t *v = json_object_get(of, r->key);
		char us[32];

		if (v == NULL)
			continue;
		snprintf(us, sizeof(us), "%.3f", (double)json_integer_value(v) / 1e3);
		row(ctx, r->label,
			json_is_null(v)                         ? "-"
				: strstr(r->key, "_ns") != NULL ? us
								: render_value(v));
	}
}

void render_latency_part(
	const json_t *of, void (*row)(void *ctx, const char *label, const char *value), void *ctx)
{
	part(of, rows, ARRAY_SIZE(rows), row, ctx);
}

void render_times_part(
	const json_t *of, void (*row)(void *ctx, const char *label, const char *value), void *ctx)
{
	part(of, times_rows, ARRAY_SIZE(times_rows), row, ctx);
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
	for (size_t i = 2; i < c->g->n_cols; i++) /* those of an IMIX group's applications */
		grid_cell(c->g, "%s", "");
}

void render_latency(struct grid *g, const json_t *latency)
{
	struct two_columns c = {g, "Global"};

	render_latency_part(json_object_get(latency, "global"), cells, &c);
	c.part = "Recent";
	render_latency_part(json_object_get(latency, "recent"), cells, &c);
}

void render_response_times(struct grid *g, const json_t *times)
{
	struct two_columns c = {g, "First byte"};

	render_times_part(json_object_get(times, "first_byte"), cells, &c);
	c.part = "Last byte";
	render_times_part(json_object_get(times, "last_byte"), cells, &c);
}

/* What one of these two makes of it, alone. */
static void table(void (*fill)(struct grid *g, const json_t *of), const json_t *of)
{
	struct grid g = {0};

	grid_column(&g, false, "%s", "");
	grid_column(&g, true, "%s", "");
	fill(&g, of);
	grid_print(&g, 0, 0);
}

void render_tests_latency(const json_t *view)
{
	const json_t *limits = json_object_get(view, "limits");

	printf("Port %s, test case %s: max %s us, max-avg %s us, samples %s%s\n",
		render_field(view, "port"), render_field(view, "test_case_id"),
		render_field(limits, "max_us"), render_field(limits, "max_avg_us"),
		render_field(limits, "samples"), render_since(view));
	if (json_is_true(json_object_get(view, "on")))
		table(render_latency, json_object_get(view, "latency"));
	else
		printf("Nothing is measured: it has no rx-timestamp\n");
}

void render_tests_response_times(const json_t *view)
{
	const char *from = render_field(view, "from");

	printf("Port %s, test case %s: response times from %s%s\n", render_field(view, "port"),
		render_field(view, "test_case_id"), from, render_since(view));
	if (strcmp(from, times_from_word(times_from_OFF)) != 0)
		table(render_response_times, view);
	else
		printf("Nothing is measured: set tests response-times\n");
}
