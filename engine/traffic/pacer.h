/* Rates: what is allowed by now is elapsed time times the rate, so that nothing is lost to
 * rounding. */
#pragma once

#include "engine/lcore/lcore.h"

static inline void pacer_start(struct pacer *p, uint64_t now, double per_second, uint64_t tsc_hz)
{
	p->per_cycle = per_second / (double)tsc_hz;
	p->t0 = now;
	p->done = 0;
	p->cap = (uint64_t)(per_second / 10) + 16;
}

/* How many more may be done now; at most max. What a stall of over 100 ms left undone is given up
 * and *behind counts. */
static inline uint32_t pacer_allow(struct pacer *p, uint64_t now, uint32_t max, uint64_t *behind)
{
	uint64_t due, todo;

	due = (uint64_t)((double)(now - p->t0) * p->per_cycle);
	todo = due - p->done;
	if (unlikely(todo > p->cap)) {
		p->done = due - p->cap;
		todo = p->cap;
		(*behind)++;
	}
	return todo < max ? (uint32_t)todo : max;
}
