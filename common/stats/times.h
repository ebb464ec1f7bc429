/* Response times of a client test case: what a worker keeps beside the counters of stats.def, and
 * what readers make of it. */
#pragma once

#include "common/stats/histogram.h"
#include "common/stats/latency.h"
#include "common/stats/stats.h"

enum times_byte {
	TIMES_FIRST, /* to the first byte of a response */
	TIMES_LAST,  /* to the last */
	TIMES_BYTES
};

/* One worker's of one test case, written by it alone; from 0 at each start. */
struct times_block {
	uint64_t min_ns[TIMES_BYTES]; /* valid when there are samples */
	struct histogram hist[TIMES_BYTES];
} cache_aligned;

/* Of all workers together. */
struct times_part {
	uint64_t samples, sum_ns;
	uint64_t min_ns, max_ns; /* UINT64_MAX, 0: no samples */
	struct histogram hist;
};
struct times_total {
	struct times_part of[TIMES_BYTES];
};

void times_total_begin(struct times_total *t);
/* Adds a worker's. */
void times_total_add(
	struct times_total *t, const struct times_block *b, const struct stats_times *st);
/* Takes away what was there then: the extremes become those of what is left, within a bucket. */
void times_total_since(struct times_total *t, const struct times_total *then);

/* One of latency_quantile_of[], within what was measured; 0 when that is nothing. */
uint64_t times_quantile(const struct times_part *p, uint32_t which);
