/* Latencies of a test case: what a worker keeps beside the counters of stats.def, and what readers
 * make of it. */
#pragma once

#include "common/stats/histogram.h"
#include "common/stats/stats.h"

/* More than may be asked for (LATENCY_RECENT_MAX): room for what comes while they are read. */
#define LATENCY_RING 1024

/* One worker's of one test case, written by it alone; from 0 at each start. */
struct latency_block {
	uint64_t n;      /* samples: the next goes to recent[n % LATENCY_RING] */
	uint64_t min_ns; /* valid when there are samples */
	uint64_t last_ns;
	uint64_t recent[LATENCY_RING]; /* ns */
	struct histogram hist;
} cache_aligned;

/* The newest samples of the workers. */
struct latency_recent {
	uint64_t samples, sum_ns, min_ns, max_ns;
	uint64_t pairs, jitter_ns; /* of neighbours: how many, sum of their differences */
};

/* Of all workers together. */
struct latency_total {
	uint64_t min_ns; /* UINT64_MAX: no samples */
	struct latency_recent recent;
	struct histogram hist;
};

void latency_total_begin(struct latency_total *t);
/* Adds a worker's, its newest `samples` to what is recent. st: the same worker's, whose largest and
 * the least say which buckets have something: most have nothing. */
void latency_total_add(struct latency_total *t, const struct latency_block *b,
	const struct stats_latency *st, uint32_t samples);

/* Takes away what the histogram had then: the least, and the largest in st, become those of what is
 * left, within a bucket. */
void latency_total_since(
	struct latency_total *t, struct stats_latency *st, const struct histogram *then);

/* The quantiles that are shown, and that of a total: within what was measured. */
#define LATENCY_QUANTILES 4
extern const double latency_quantile_of[LATENCY_QUANTILES];
extern const char *const latency_quantile_name[LATENCY_QUANTILES]; /* "p99_9" */
uint64_t latency_quantile(
	const struct latency_total *t, const struct stats_latency *st, uint32_t which);

/* a / b, 0 when there is nothing to divide by. */
static inline double latency_mean(uint64_t a, uint64_t b)
{
	return b == 0 ? 0 : (double)a / (double)b;
}
