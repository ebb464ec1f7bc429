/* What views are made of. */
#pragma once

#include "cli/cli.h"

/* An array of characters in the segment. */
#define TEXT(array) show_text(array, sizeof(array))
#define INT(v) ((json_int_t)(v)) /* for "I": "i" would turn large unsigned numbers negative */

/* An address that may be missing. */
json_t *show_ip(const struct ip_addr *a);
/* The ports that an operator holds. */
json_t *show_held(const struct seg *s, uint32_t slot);
/* Of a link that is up, else null. */
json_t *show_duplex(const struct seg_port *p);
/* Adds what an application is told. side: enum tc_kind. */
void show_app(json_t *o, const struct app_config *c, uint32_t side);
/* The applications of a group in a list, each with its counters. */
json_t *show_imix_stats(const struct seg *s, const struct seg_imix *m, uint32_t id);
/* Says so when the port's counters (UINT32_MAX: those of no port) count since clear statistics. */
void show_since(json_t *o, uint32_t port);
/* What a view that cannot be answers, with errno. */
json_t *show_nothing(int rc, json_t *begun);

/* ns, or null. */
json_t *show_ns(bool known, double ns);
/* Of those that have any: the least ns, and how many. */
json_t *show_buckets(const struct histogram *h);
/* show_times.c: from when on, and what was measured. */
json_t *show_times(const struct seg *s, uint32_t port, uint32_t tcid, const struct times_config *c);

/* show_latency.c: the limits, and what was measured (ns; null where there was nothing).
 * hist: where [least ns, how many] of each bucket go; may be NULL. */
json_t *show_latency_config(const struct latency_config *c);
json_t *show_latency(const struct seg *s, uint32_t port, uint32_t tcid,
	const struct latency_config *c, struct stats_latency *st, json_t **hist);
