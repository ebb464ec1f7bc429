/* See latency.h. */
#include "common/stats/latency.h"

#include <string.h>

const double latency_quantile_of[LATENCY_QUANTILES] = {0.5, 0.9, 0.99, 0.999};
const char *const latency_quantile_name[LATENCY_QUANTILES] = {"p50", "p90", "p99", "p99_9"};

#define TRIES 8

void latency_total_begin(struct latency_total *t)
{
	memset(t, 0, sizeof(*t));
	t->min_ns = t->recent.min_ns = UINT64_MAX;
}

static void recent_take(struct latency_recent *r, const uint64_t *ring, uint64_t from, uint64_t to)
{
	uint64_t last = 0;

	for (uint64_t i = from; i < to; i++) {
		uint64_t v = ring[i % LATENCY_RING];

		if (i != from) {
			r->pairs++;
			r->jitter_ns += v > last ? v - last : last - v;
		}
		last = v;
		r->samples++;
		r->sum_ns += v;
		r->min_ns = MIN_OF(r->min_ns, v);
		r->max_ns = MAX_OF(r->max_ns, v);
	}
}

/* The ring goes on while it is copied: what was overwritten meanwhile, and the one that may be half
 * way, is not taken. So samples may be missing at a rate that writes a ring in the time of a copy. */
static void recent_add(struct latency_recent *r, const struct latency_block *b, uint32_t samples)
{
	uint64_t copy[LATENCY_RING], n, now, from, safe;

	for (int i = 0; i < TRIES; i++) {
		n = __atomic_load_n(&b->n, __ATOMIC_ACQUIRE); /* pairs with latency_record() */
		from = n > samples ? n - samples : 0;
		from = n - from > LATENCY_RING ? n - LATENCY_RING : from;
		for (uint64_t k = from; k < n; k++)
			copy[k % LATENCY_RING] = __atomic_load_n(
				&b->recent[k % LATENCY_RING], __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		now = __atomic_load_n(&b->n, __ATOMIC_RELAXED);
		safe = now >= LATENCY_RING ? now - LATENCY_RING + 1 : 0;
		if (now >= n && safe <= from)
			break;
	}
	if (now >= n) /* else a new start came between */
		recent_take(r, copy, MIN_OF(MAX_OF(from, safe), n), n);
}

void latency_total_add(struct latency_total *t, const struct latency_block *b,
	const struct stats_latency *st, uint32_t samples)
{
	uint64_t least;

	if (__atomic_load_n(&b->n, __ATOMIC_RELAXED) == 0)
		return;
	least = __atomic_load_n(&b->min_ns, __ATOMIC_RELAXED);
	t->min_ns = MIN_OF(t->min_ns, least);
	hist_add_range(&t->hist, &b->hist, least, __atomic_load_n(&st->max_ns, __ATOMIC_RELAXED));
	if (samples != 0)
		recent_add(&t->recent, b, samples);
}

void latency_total_since(
	struct latency_total *t, struct stats_latency *st, const struct histogram *then)
{
	hist_sub(&t->hist, then);
	hist_extremes_left(&t->hist, &t->min_ns, &st->max_ns);
}

uint64_t latency_quantile(
	const struct latency_total *t, const struct stats_latency *st, uint32_t which)
{
	uint64_t v = hist_quantile(&t->hist, latency_quantile_of[which]);

	if (t->min_ns == UINT64_MAX)
		return 0;
	return MIN_OF(MAX_OF(v, t->min_ns), MAX_OF(st->max_ns, t->min_ns));
}
