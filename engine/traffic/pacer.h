/* Rates: what is allowed by now is the time since the start times the rate, and one, so that
 * nothing is lost to rounding and the first need not wait. */
#pragma once

#include "engine/lcore/lcore.h"

static inline void pacer_start(struct pacer *p, uint64_t now, double per_second, uint64_t tsc_hz)
{
	p->per_cycle = per_second / (double)tsc_hz;
	p->t0 = now;
	p->done = 0;
	p->cap = (uint64_t)(per_second / 10) + 1;
}

/* There is nothing to pace: time that goes by gives no right to a burst later. */
static inline void pacer_rest(struct pacer *p)
{
	p->idle = 1;
}

/* How many more may be done now; at most max. What a stall of over 100 ms left undone is given up
 * and *behind counts. */
static inline uint32_t pacer_allow(struct pacer *p, uint64_t now, uint32_t max, uint64_t *behind)
{
	uint64_t due, todo;

	if (p->per_cycle == 0)
		return 0; /* a rate of 0: never */
	due = (uint64_t)((double)(now - p->t0) * p->per_cycle) + 1;
	todo = due - p->done;
	if (unlikely(p->idle)) {
		p->idle = 0;
		todo = MIN_OF(todo, UINT64_C(1));
		p->done = due - todo;
	}
	if (unlikely(todo > p->cap)) {
		p->done = due - p->cap;
		todo = p->cap;
		(*behind)++;
	}
	return todo < max ? (uint32_t)todo : max;
}
