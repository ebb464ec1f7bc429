/* Rates: what is due by now is the time since the start times the rate, and one, so that nothing is
 * lost to rounding and the first need not wait. Workers of a test case reckon with the same start
 * and deal the events out among themselves: what is due on all of them together is what would be
 * due on one. */
#pragma once

#include "engine/lcore/lcore.h"

#define PACER_CATCH_UP 10 /* of a second: what may be made up for after a stall */
#define PACER_SLACK 200   /* of a second: what may be made up for when there was nothing to do */
#define PACER_LATE 40     /* of a second: who owes more than that is late */
#define PACER_LATES 16 /* looks in a row: late by that much it is too slow, not back from a stall */

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
	p->late = (uint64_t)(per_second * part / PACER_LATE) + 1;
	p->lates = 0;
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

/* There is nothing to pace: time that goes by gives no right to a burst later. If it was too slow
 * for what was due before, that is given up, and *behind counts it. */
static inline void pacer_rest(struct pacer *p, uint64_t *behind)
{
	if (p->idle)
		return;
	p->idle = 1;
	if (unlikely(p->lates >= PACER_LATES && p->due > p->done))
		*behind += p->due - p->done;
	p->lates = 0;
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
	p->lates = likely(todo <= p->late) ? 0 : p->lates + 1;
	if (unlikely(todo > p->cap)) {
		*behind += todo - p->cap;
		p->done = p->due - p->cap;
		todo = p->cap;
	}
	return todo < max ? (uint32_t)todo : max;
}
