/* Inside rendering as text: values, tables, counters. */
#pragma once

#include "cli/cli.h"
#include "cli/grid.h"

json_int_t render_number(const json_t *o, const char *key);
/* Any simple value; as many results may be held at a time as there are buffers: 8. */
const char *render_value(const json_t *v);
/* That of a key. */
const char *render_field(const json_t *o, const char *key);
/* A column's heading: "vlan_id" is "VLAN id". */
void render_heading(const char *key, char *buf, size_t len);
/* What a heading adds when the counters count since clear statistics. */
const char *render_since(const json_t *view);
/* A list of objects, a column for each key of the first. */
void render_table(const json_t *rows, int indent);

/* Columns of show <group> statistics: whose counters each holds. */
struct counters {
	struct grid g;
	const json_t *of[(WORKERS_MAX + 1) * (PORTS_MAX + 1)];
	size_t n;
};

/* A row for each counter of the group. */
void render_counters(struct counters *c, const struct stats_group *group);

/* render_tests.c */
void render_tests_config(const json_t *view);
/* That of one test case. */
void render_test_config(const json_t *t);
void render_tests_state(const json_t *view);
void render_tests_stats(const json_t *view);
void render_tests_faults(const json_t *view);
void render_tests_imix(const json_t *view);
/* render_journal.c */
void render_events(const json_t *view);
void render_changes(const json_t *view);
/* render_latency.c */
void render_tests_latency(const json_t *view);
void render_tests_response_times(const json_t *view);
/* Rows of two columns, and the rows of first_byte or last_byte one by one. */
void render_response_times(struct grid *g, const json_t *times);
void render_times_part(const json_t *part,
	void (*row)(void *ctx, const char *label, const char *value), void *ctx);
/* Rows of two columns: the measured, in us. */
void render_latency(struct grid *g, const json_t *latency);
/* The rows of a part of it, global or recent, one by one. */
void render_latency_part(const json_t *part,
	void (*row)(void *ctx, const char *label, const char *value), void *ctx);
