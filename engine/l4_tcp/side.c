/* Rare state, in blocks from a bounded pool: segments ahead of their turn, and what the peer has
 * selectively acknowledged. Without a block both are done without: slower, never wrong. */
#include "engine/l4_tcp/tcp_priv.h"

struct tcp_side *tcp_side_get(struct lcore *lc, struct tcb *t)
{
	struct tcp_side *sd;

	if (t->side != CONN_NONE)
		return tcp_side(lc, t);
	t->side = pool_get(&lc->sides);
	if (t->side == CONN_NONE)
		return NULL;
	sd = tcp_side(lc, t);
	sd->n_runs = sd->n_sacked = sd->fin = sd->n_recent = 0;
	return sd;
}

void tcp_side_drop(struct lcore *lc, struct tcb *t)
{
	const struct tcp_side *sd;

	if (t->side == CONN_NONE)
		return;
	sd = tcp_side(lc, t);
	if (sd->n_runs != 0 || sd->fin || sd->n_sacked != 0)
		return;
	pool_put(&lc->sides, t->side);
	t->side = CONN_NONE;
}
