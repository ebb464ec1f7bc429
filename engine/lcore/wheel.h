/* The timer wheel of a worker. An endpoint keeps its deadlines itself (t_life, t_rtx, t_ack); the
 * wheel only remembers when to look at it next. Moving a deadline later costs nothing: the entry
 * comes due, sees the new deadline and goes back in. An endpoint has at most one entry, in chunks
 * of 15 ids, so that arming touches no neighbour and what comes due can be prefetched. Level 0
 * ticks in ms; level 1 in 1024 ms, its entries go down to level 0 when due. */
#pragma once

#include "engine/lcore/lcore.h"

size_t wheel_bytes(uint32_t n_conns);
void wheel_init(struct wheel *w, void *mem, uint32_t n_conns);

/* The earliest of an endpoint's deadlines, 0 none. Deadlines are ms of lc->now_ms and wrap. */
static force_inline uint32_t conn_deadline(const struct conn *c)
{
	uint32_t d = c->t_life;

	if (c->t_rtx != 0 && (d == 0 || (int32_t)(c->t_rtx - d) < 0))
		d = c->t_rtx;
	if (c->t_ack != 0 && (d == 0 || (int32_t)(c->t_ack - d) < 0))
		d = c->t_ack;
	return d;
}

void wheel_arm_slow(struct lcore *lc, struct conn *c, uint32_t id, uint32_t deadline);

/* Sees to it that the endpoint is looked at by its earliest deadline. */
static force_inline void wheel_arm(struct lcore *lc, struct conn *c, uint32_t id)
{
	uint32_t d = conn_deadline(c);

	if (d == 0 || ((c->flags & CF_IN_WHEEL) && (int32_t)(c->wheel_tick - d) <= 0))
		return;
	wheel_arm_slow(lc, c, id, d);
}

/* Handles at most budget entries that are due; conn_timer() is called for each whose deadline has
 * passed. Returns how many entries were looked at. */
uint32_t wheel_run(struct lcore *lc, uint32_t budget);

static force_inline struct conn *conn_at(const struct lcore *lc, uint32_t id)
{
	return id & CONN_UDP ? pool_at(&lc->ucbs, id & ~CONN_UDP) : pool_at(&lc->tcbs, id);
}
