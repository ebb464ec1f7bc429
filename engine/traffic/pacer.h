/* Rates: what is due by now is the time since the start times the rate, and one, so that nothing is
 * lost to rounding and the first need not wait. Workers of a test case reckon with the same start
 * and deal the events out among themselves: what is due on all of them together is what would be
 * due on one. */
#pragma once

#include "engine/lcore/lcore.h"

#define PACER_CATCH_UP 10 /* of a second: what may be made up for after a stall */
#define PACER_SLACK 200   /* of a second: what may be made up for when there was nothing to do */
#define PACER_UNFINISHED \
	4 /* of the former: more than that undone when there is no more to do is behind */

/* Which of the events fall to a worker: those of session k, k + n, ... where n share; the sessions
 * that are over, when n does not divide them, are dealt out to those that have one more. */
static inline void pacer_share(struct pacer *p, uint64_t sessions, uint32_t k, uint32_t n)
{
	uint64_t over = n == 0 ? 0 : sessions % n;

	p->n = n;
	if (n < 2)
		return; /* all of them */
	p->k = k;
	p->sessions = sessions;
	p->each = sessions / n;
	p->rank = over * k / n;
	p->more = over * (k + 1) / n - p->rank;
}

/* per_second: of all workers; part of it is this one's. */
static inline void pacer_start(
	struct pacer *p, uint64_t t0, double per_second, double part, uint64_t tsc_hz)
{
	p->per_cycle = part == 0 ? 0 : per_second / (double)tsc_hz;
	p->t0 = t0;
	p->done = p->due = 0;
	p->cap = (uint64_t)(per_second * part / PACER_CATCH_UP) + 1;
	p->slack = (uint64_t)(per_second * part / PACER_SLACK) + 1;
	p->idle = 0;
}

static inline uint64_t pacer_due_of(const struct pacer *p, uint64_t all)
{
	uint64_t rounds = all / p->sessions, left = all % p->sessions, even = p->each * p->n;

	rounds *= p->each + p->more;
	if (left <= even)
		return rounds + (left + p->n - 1 - p->k) / p->n;
	return rounds + p->each + (p->more && left - even > p->rank);
}

/* What of it is due by now. */
static inline uint64_t pacer_due(const struct pacer *p, uint64_t now)
{
	uint64_t all = (uint64_t)((double)(now - p->t0) * p->per_cycle) + 1;

	return likely(p->n < 2) ? all : pacer_due_of(p, all);
}

/* There is nothing to pace: time that goes by gives no right to a burst later. Much that was due
 * before and not done is given up, and *behind counts it. */
static inline void pacer_rest(struct pacer *p, uint64_t *behind)
{
	if (p->idle)
		return;
	p->idle = 1;
	/* done alone goes on where there is no limit */
	if (unlikely((int64_t)(p->due - p->done) > (int64_t)(p->cap / PACER_UNFINISHED + 1)))
		*behind += p->due - p->done;
}

/* How many more may be done now; at most max. What a long stall left undone is given up, and *behind
 * counts it. */
static inline uint32_t pacer_allow(struct pacer *p, uint64_t now, uint32_t max, uint64_t *behind)
{
	uint64_t todo;

	if (p->per_cycle == 0)
		return 0; /* a rate of 0: never */
	p->due = pacer_due(p, now);
	todo = p->due - p->done;
	if (unlikely(p->idle)) {
		p->idle = 0;
		todo = MIN_OF(todo, p->slack);
		p->done = p->due - todo;
	}
	if (unlikely(todo > p->cap)) {
		*behind += todo - p->cap;
		p->done = p->due - p->cap;
		todo = p->cap;
	}
	return todo < max ? (uint32_t)todo : max;
}
