/* What the documents are made of. */
#pragma once

#include "stats-exporter/exporter.h"

#define INT(v) ((json_int_t)(v)) /* for "I": "i" would turn large unsigned numbers negative */

/* A group's counters, by name. block begins with those of its scope. */
json_t *json_group(const struct stats_group *g, const void *block);
/* All groups of a scope. */
json_t *json_groups(enum stat_scope scope, const void *block);

/* As json_stats(), with no port when there are to be none. */
json_t *json_stats_of(const struct sample *s, uint64_t seq, bool with_ports);

/* A number, or null where there is none. */
static inline json_t *json_if(bool known, uint64_t v)
{
	return known ? json_integer(INT(v)) : json_null();
}

/* json_test.c: what a test case does, without its configuration. */
json_t *json_test_state(const struct sample *s, const struct sample_tc *t);
/* json_config.c: what it was told. */
json_t *json_test_config(const struct sample_tc *t);
/* What a port was told: addresses, faults. */
json_t *json_port_config(const struct sample_port *p);
