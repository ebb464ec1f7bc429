/* Segments ahead of their turn: kept whole, sorted, in a side block from a bounded pool. When the
 * pool or the block is full the segment is dropped: the peer sends it again. */
#include "engine/l4_tcp/tcp_priv.h"

#include <string.h>

static struct tcp_side *side_of(struct lcore *lc, const struct tcb *t)
{
	return (struct tcp_side *)(lc->sides.base + (size_t)t->side * lc->sides.stride);
}

static struct tcp_side *side_get(struct lcore *lc, struct lport *lp, struct tcb *t)
{
	struct tcp_side *sd;

	if (t->side != CONN_NONE)
		return side_of(lc, t);
	t->side = pool_get(&lc->sides);
	if (t->side == CONN_NONE)
		return NULL;
	lp->st->tsm.missing_seq++;
	sd = side_of(lc, t);
	sd->n = 0;
	sd->fin = 0;
	return sd;
}

void tcp_side_free(struct lcore *lc, struct lport *lp, struct tcb *t)
{
	struct tcp_side *sd = side_of(lc, t);

	for (uint8_t i = 0; i < sd->n; i++)
		pkt_free(lc, sd->seg[i]);
	lc->n_kept -= sd->n;
	pool_put(&lc->sides, t->side);
	t->side = CONN_NONE;
	lp->st->tsm.missing_seq--;
}

bool tcp_ooo_keep(
	struct lcore *lc, struct lport *lp, struct tcb *t, struct pkt *p, const struct seg_in *s)
{
	/* what is kept must leave buffers for the segments that fill the holes */
	struct tcp_side *sd = lc->n_kept < lc->stash.pool->size / 4 ? side_get(lc, lp, t) : NULL;
	uint32_t end = s->seq + s->len;
	uint8_t at = 0;

	if (sd == NULL || sd->n == SIDE_SEGS) {
		lp->st->drop.tcp_ooo_full++;
		return false;
	}
	while (at < sd->n && seq_lt(sd->seq[at], s->seq))
		at++;
	if ((s->flags & TCP_FIN) && sd->n != 0 && end == sd->seq[sd->n - 1] + sd->len[sd->n - 1])
		sd->fin = 1;
	/* the same bytes again, or within what is there: nothing new */
	if ((at < sd->n && sd->seq[at] == s->seq && sd->len[at] >= s->len)
		|| (at > 0 && seq_le(end, sd->seq[at - 1] + sd->len[at - 1]))) {
		lp->st->drop.tcp_old++;
		lp->st->tcp.rx_dup++;
		return false;
	}
	memmove(&sd->seg[at + 1], &sd->seg[at], (sd->n - at) * sizeof(sd->seg[0]));
	memmove(&sd->seq[at + 1], &sd->seq[at], (sd->n - at) * sizeof(sd->seq[0]));
	memmove(&sd->len[at + 1], &sd->len[at], (sd->n - at) * sizeof(sd->len[0]));
	p->m->data_off = s->data - (uint8_t *)p->m->buf_addr;
	p->m->data_len = s->len;
	p->m->pkt_len = s->len;
	sd->seg[at] = p->m;
	sd->seq[at] = s->seq;
	sd->len[at] = s->len;
	sd->n++;
	lc->n_kept++;
	if ((s->flags & TCP_FIN) && at == sd->n - 1)
		sd->fin = 1;
	lp->st->tcp.rx_ooo++;
	return true;
}

/* Delivering may end the connection (the application aborts); the side block is then gone. */
bool tcp_ooo_deliver(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	struct tcp_side *sd = side_of(lc, t);
	bool fin;

	while (sd->n != 0 && seq_le(sd->seq[0], t->rcv_nxt)) {
		struct rte_mbuf *m = sd->seg[0];
		uint32_t skip = t->rcv_nxt - sd->seq[0], len = sd->len[0];

		sd->n--;
		lc->n_kept--;
		memmove(&sd->seg[0], &sd->seg[1], sd->n * sizeof(sd->seg[0]));
		memmove(&sd->seq[0], &sd->seq[1], sd->n * sizeof(sd->seq[0]));
		memmove(&sd->len[0], &sd->len[1], sd->n * sizeof(sd->len[0]));
		if (skip < len)
			tcp_deliver(lc, lp, tc, t, id, rte_pktmbuf_mtod(m, uint8_t *) + skip,
				len - skip);
		pkt_free(lc, m);
		if (t->side == CONN_NONE)
			return false;
	}
	if (sd->n != 0)
		return false;
	fin = sd->fin;
	tcp_side_free(lc, lp, t);
	return fin;
}
