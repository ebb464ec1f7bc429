/* Histograms of times as documents have them: the engine's in fewer and wider buckets, and the steps that
 * Prometheus is told, few enough for a series each. Each is made of whole ones of the finer, so that
 * all counts are exact. */
#include "stats-exporter/sample.h"

#include <string.h>

#define FIRST_OCTAVE 7 /* 128 ns */
static_assert(COARSE_SUB_BITS < HIST_SUB_BITS, "each has some of the engine's buckets");
static_assert(FIRST_OCTAVE > COARSE_SUB_BITS, "halves of an octave are ends of buckets");
static_assert(FIRST_OCTAVE + (LATENCY_STEPS - 1) / 2 < HIST_TOP_BITS, "the last bucket has no end");

/* hist_bucket() with other bits. */
static uint32_t coarse_bucket(uint64_t ns)
{
	uint32_t shift = 63 - COARSE_SUB_BITS
		- (uint32_t)__builtin_clzll(ns | UINT64_C(1) << COARSE_SUB_BITS);

	return (shift << COARSE_SUB_BITS) + (uint32_t)(ns >> shift);
}

void coarse_of(struct coarse *c, const struct histogram *h)
{
	memset(c, 0, sizeof(*c));
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		uint32_t at;

		if (h->n[i] == 0)
			continue;
		at = coarse_bucket(hist_least(i));
		if (c->end == 0)
			c->first = at;
		c->end = at + 1;
		c->n[at] += h->n[i];
	}
}

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

uint64_t latency_steps(const struct coarse *c, uint64_t upto[LATENCY_STEPS])
{
	uint64_t n = 0;
	uint32_t bucket = c->first;

	for (uint32_t i = 0; i < LATENCY_STEPS; i++) {
		for (uint32_t end = MIN_OF(coarse_bucket(above(i)), c->end); bucket < end; bucket++)
			n += c->n[bucket];
		upto[i] = n;
	}
	for (; bucket < c->end; bucket++)
		n += c->n[bucket];
	return n;
}
