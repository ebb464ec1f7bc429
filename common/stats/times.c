/* See times.h. */
#include "common/stats/times.h"

#include <string.h>

void times_total_begin(struct times_total *t)
{
	memset(t, 0, sizeof(*t));
	for (uint32_t i = 0; i < TIMES_BYTES; i++)
		t->of[i].min_ns = UINT64_MAX;
}

static uint64_t read_once(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* The counters of one kind of byte, as they lie in struct stats_times. */
struct counted {
	const uint64_t *samples, *sum_ns, *max_ns;
};

static struct counted counted_of(const struct stats_times *st, enum times_byte which)
{
	if (which == TIMES_FIRST)
		return (struct counted){&st->first_samples, &st->first_sum_ns, &st->first_max_ns};
	return (struct counted){&st->last_samples, &st->last_sum_ns, &st->last_max_ns};
}

static void part_add(
	struct times_part *p, const struct histogram *h, uint64_t min_ns, const struct counted *c)
{
	uint64_t n = read_once(c->samples), most = read_once(c->max_ns);

	if (n == 0)
		return;
	p->samples += n;
	p->sum_ns += read_once(c->sum_ns);
	p->min_ns = MIN_OF(p->min_ns, min_ns);
	p->max_ns = MAX_OF(p->max_ns, most);
	hist_add_range(&p->hist, h, min_ns, most);
}

void times_total_add(
	struct times_total *t, const struct times_block *b, const struct stats_times *st)
{
	for (uint32_t i = 0; i < TIMES_BYTES; i++) {
		struct counted c = counted_of(st, i);

		part_add(&t->of[i], &b->hist[i], read_once(&b->min_ns[i]), &c);
	}
}

static void part_since(struct times_part *p, const struct times_part *then)
{
	p->samples -= then->samples;
	p->sum_ns -= then->sum_ns;
	hist_sub(&p->hist, &then->hist);
	hist_extremes_left(&p->hist, &p->min_ns, &p->max_ns);
}

void times_total_since(struct times_total *t, const struct times_total *then)
{
	for (uint32_t i = 0; i < TIMES_BYTES; i++)
		part_since(&t->of[i], &then->of[i]);
}

uint64_t times_quantile(const struct times_part *p, uint32_t which)
{
	uint64_t v = hist_quantile(&p->hist, latency_quantile_of[which]);

	if (p->min_ns == UINT64_MAX)
		return 0;
	return MIN_OF(MAX_OF(v, p->min_ns), MAX_OF(p->max_ns, p->min_ns));
}
