/* What views are made of. */
#pragma once

#include "cli/cli.h"

/* An array of characters in the segment. */
#define TEXT(array) show_text(array, sizeof(array))
#define INT(v) ((json_int_t)(v)) /* for "I": "i" would turn large unsigned numbers negative */

/* An address that may be missing. */
json_t *show_ip(const struct ip_addr *a);
/* What a view that cannot be answers, with errno. */
json_t *show_nothing(int rc, json_t *begun);

/* show_latency.c: the limits, and what was measured (ns; null where there was nothing). */
json_t *show_latency_config(const struct latency_config *c);
json_t *show_latency(const struct seg *s, uint32_t port, uint32_t tcid,
	const struct latency_config *c, const struct stats_latency *st);
