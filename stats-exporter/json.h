/* What is served as JSON: trees of a sample, and of the engine's journal, or their text. */
#pragma once

#include "stats-exporter/sample.h"

#include <jansson.h>

/* Trees of a sample, which the caller owns. seq counts documents. */
json_t *json_stats(const struct sample *s, uint64_t seq);
/* json_stats() as compact text, to be freed, NULL: no memory; much faster when there is much. */
char *json_stats_text(const struct sample *s, uint64_t seq, size_t *len);
/* json_ports_of(), json_tests_of() and json_live() so. */
char *json_ports_text(const struct sample *s, uint64_t seq, uint32_t port, size_t *len);
char *json_tests_text(
	const struct sample *s, uint64_t seq, uint32_t port, uint32_t tcid, size_t *len);
char *json_live_text(const struct sample *s, uint64_t seq, const char *why, size_t *len);
json_t *json_ports_doc(const struct sample *s, uint64_t seq);
json_t *json_tests_doc(const struct sample *s, uint64_t seq);
/* The same of one port, or one test case of each port, or both; UINT32_MAX: all. */
json_t *json_ports_of(const struct sample *s, uint64_t seq, uint32_t port);
json_t *json_tests_of(const struct sample *s, uint64_t seq, uint32_t port, uint32_t tcid);
/* A state of /events; s: NULL, there is none, for a reason. */
json_t *json_live(const struct sample *s, uint64_t seq, const char *why);
/* What they are made of. port: counters of all lcores together; lcores: and of each. */
json_t *json_engine(const struct sample *s);
json_t *json_port(const struct sample *s, uint32_t port, bool lcores);
json_t *json_lcore(const struct sample *s, uint32_t lc, bool stats);
json_t *json_test(const struct sample *s, const struct sample_tc *t);
/* What every document begins with. s: NULL, the engine is null. */
json_t *json_head(const char *schema, const struct sample *s, uint64_t seq);

/* people.c: events after number since, of those that are kept; who is attached. NULL: it cannot be read now. */
json_t *json_events(const struct seg *s, uint64_t since, uint64_t seq);
json_t *json_operators(const struct seg *s, uint64_t seq);
/* One event; its texts are made fit. */
json_t *json_event(struct note *n);
/* Every counter: name, unit, kind, help; and what documents there are. s: NULL without an engine. */
json_t *json_schema(const struct seg *s, uint64_t seq);
