/* A histogram of latencies in the steps that Prometheus is told: few enough for a series each, and
 * each the end of some of the histogram's own, so that what is below it is counted exactly. */
#include "stats-exporter/exporter.h"

#define FIRST_OCTAVE 7 /* 128 ns */
static_assert(FIRST_OCTAVE > HIST_SUB_BITS, "halves of an octave are ends of buckets");
static_assert(FIRST_OCTAVE + (LATENCY_STEPS - 1) / 2 < HIST_TOP_BITS, "the last bucket has no end");

/* The first time above step i: an octave's beginning, or its middle. */
static uint64_t above(uint32_t i)
{
	uint64_t octave = UINT64_C(1) << (FIRST_OCTAVE + i / 2);

	return i % 2 ? octave + octave / 2 : octave;
}

uint64_t latency_step_ns(uint32_t i)
{
	return above(i) - 1;
}

uint64_t latency_steps(const struct histogram *h, uint64_t upto[LATENCY_STEPS])
{
	uint64_t n = 0;
	uint32_t bucket = 0;

	for (uint32_t i = 0; i < LATENCY_STEPS; i++) {
		for (uint32_t end = hist_bucket(above(i)); bucket < end; bucket++)
			n += h->n[bucket];
		upto[i] = n;
	}
	for (; bucket < HIST_BUCKETS; bucket++)
		n += h->n[bucket];
	return n;
}
