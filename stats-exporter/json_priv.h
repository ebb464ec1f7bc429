/* What the documents are made of. */
#pragma once

#include "stats-exporter/json.h"

#define INT(v) ((json_int_t)(v)) /* for "I": "i" would turn large unsigned numbers negative */

/* A group's counters, by name. block begins with those of its scope. */
json_t *json_group(const struct stats_group *g, const void *block);
/* All groups of a scope. */
json_t *json_groups(enum stat_scope scope, const void *block);

/* As json_stats() and json_live(), without what there is most of, ports and test cases, when it is not to
 * be whole. */
json_t *json_stats_of(const struct sample *s, uint64_t seq, bool whole);
json_t *json_live_of(const struct sample *s, uint64_t seq, const char *why, bool whole);

/* A number, or null where there is none. */
static inline json_t *json_if(bool known, uint64_t v)
{
	return known ? json_integer(INT(v)) : json_null();
}

/* json_test.c: what a test case does, without its configuration. */
json_t *json_test_state(const struct sample *s, const struct sample_tc *t);
/* What that begins with, in front of stats, apps, latency and response times; an application of its IMIX
 * group, in front of stats; its latencies, and one kind of its response times, in front of the histogram.
 * Null where it does not measure them. */
json_t *json_test_head(const struct sample *s, const struct sample_tc *t);
json_t *json_app_head(const struct sample_app *a);
json_t *json_latency_head(const struct sample_tc *t);
json_t *json_response_head(const struct sample_times *of);
/* Of those kinds. */
extern const char *const json_response_names[TIMES_BYTES];
/* json_config.c: what it was told. */
json_t *json_test_config(const struct sample_tc *t);
/* What a port was told: addresses, faults. */
json_t *json_port_config(const struct sample_port *p);
