/* A distribution of times in ns: log-linear buckets, as counters that add up and subtract. Below
 * 128 ns a value has its own bucket; from there on an octave is cut in 64, so that the middle of a
 * bucket is within 1/128 of all that is in it. */
#pragma once

#include "common/util/compiler.h"

#define HIST_SUB_BITS 6  /* 64 buckets an octave */
#define HIST_TOP_BITS 37 /* values below 2^37 ns: 137 s; the last bucket has the larger ones too */
#define HIST_BUCKETS ((HIST_TOP_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

/* Written by one lcore, read by anyone. */
struct histogram {
	uint64_t n[HIST_BUCKETS];
};
static_assert(sizeof(struct histogram) == 16384);

static inline uint32_t hist_bucket(uint64_t v)
{
	uint64_t top = (UINT64_C(1) << HIST_TOP_BITS) - 1, in = MIN_OF(v, top);
	/* bits that a bucket leaves out: none in the first two octaves */
	uint32_t shift = 63 - HIST_SUB_BITS
		- (uint32_t)__builtin_clzll(in | UINT64_C(1) << HIST_SUB_BITS);

	/* the leading one, which is not among the 64, makes up for the first octave */
	return (shift << HIST_SUB_BITS) + (uint32_t)(in >> shift);
}

/* The value k times. */
static inline void hist_record_all(struct histogram *h, uint64_t v, uint32_t k)
{
	h->n[hist_bucket(v)] += k;
}

static inline void hist_record(struct histogram *h, uint64_t v)
{
	hist_record_all(h, v, 1);
}

/* The least value of a bucket, and its middle. */
uint64_t hist_least(uint32_t bucket);
uint64_t hist_value(uint32_t bucket);
/* Adds one that may be being written. */
void hist_add(struct histogram *total, const struct histogram *h);
/* The same of one whose values are all from least to most. */
void hist_add_range(
	struct histogram *total, const struct histogram *h, uint64_t least, uint64_t most);
/* Takes away what it had before. */
void hist_sub(struct histogram *total, const struct histogram *before);
uint64_t hist_count(const struct histogram *h);
/* The extremes of all values, when only those of h are left of them: each stays what it is if it may be one of
 * those, else it is h's within a bucket; UINT64_MAX and 0 when there are none. */
void hist_extremes_left(const struct histogram *h, uint64_t *min, uint64_t *max);
/* The least value that `of` of all values (0 to 1) are not above, but for a bucket's width: the
 * least of all for 0; 0 when there are none. */
uint64_t hist_quantile(const struct histogram *h, double of);
