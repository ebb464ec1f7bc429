/* See histogram.h. */
#include "common/stats/histogram.h"

#include <math.h>

/* Bits that it leaves out. */
static uint32_t shift_of(uint32_t bucket)
{
	return bucket >> HIST_SUB_BITS == 0 ? 0 : (bucket >> HIST_SUB_BITS) - 1;
}

uint64_t hist_least(uint32_t bucket)
{
	uint32_t shift = shift_of(bucket);

	return (bucket - (shift << HIST_SUB_BITS) + UINT64_C(0)) << shift;
}

uint64_t hist_value(uint32_t bucket)
{
	return hist_least(bucket) + (UINT64_C(1) << shift_of(bucket)) / 2;
}

void hist_add_range(
	struct histogram *total, const struct histogram *h, uint64_t least, uint64_t most)
{
	for (uint32_t i = hist_bucket(least), last = hist_bucket(most); i <= last; i++)
		total->n[i] += __atomic_load_n(&h->n[i], __ATOMIC_RELAXED);
}

void hist_add(struct histogram *total, const struct histogram *h)
{
	hist_add_range(total, h, 0, UINT64_MAX);
}

void hist_sub(struct histogram *total, const struct histogram *before)
{
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		total->n[i] -= MIN_OF(before->n[i], total->n[i]);
}

uint64_t hist_count(const struct histogram *h)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		n += h->n[i];
	return n;
}

uint64_t hist_quantile(const struct histogram *h, double of)
{
	uint64_t n = hist_count(h), rank = (uint64_t)ceil(of * (double)n), seen = 0;

	if (n == 0)
		return 0;
	rank = MIN_OF(MAX_OF(rank, UINT64_C(1)), n);
	for (uint32_t i = 0; i < HIST_BUCKETS; i++) {
		seen += h->n[i];
		if (seen >= rank)
			return hist_value(i);
	}
	return 0;
}

static uint64_t extreme(uint64_t all, uint64_t left)
{
	return hist_bucket(all) == hist_bucket(left) ? all : left;
}

void hist_extremes_left(const struct histogram *h, uint64_t *min, uint64_t *max)
{
	if (hist_count(h) == 0) {
		*min = UINT64_MAX;
		*max = 0;
		return;
	}
	*min = extreme(*min, hist_quantile(h, 0));
	*max = extreme(*max, hist_quantile(h, 1));
}
