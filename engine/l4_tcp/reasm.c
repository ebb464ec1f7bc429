/* Segments ahead of their turn: kept whole, in runs of contiguous bytes, in a side block. When the
 * pool, the block or the buffers set aside for this are used up the segment is dropped: the peer
 * sends it again. Of bytes that came twice the first stay. */
#include "engine/l4_tcp/tcp_priv.h"

#include <string.h>

static void runs_insert(struct tcp_side *sd, uint8_t at)
{
	memmove(&sd->run[at + 1], &sd->run[at], (sd->n_runs - at) * sizeof(sd->run[0]));
	sd->n_runs++;
}

static void runs_remove(struct tcp_side *sd, uint8_t at)
{
	sd->n_runs--;
	memmove(&sd->run[at], &sd->run[at + 1], (sd->n_runs - at) * sizeof(sd->run[0]));
}

/* The run that seq lies in was the last to grow (RFC 2018 §4). */
static void recent_put(struct tcp_side *sd, const struct tcp_run *r, uint32_t seq)
{
	uint8_t n = 0;

	for (uint8_t i = 0; i < sd->n_recent; i++) {
		bool same = seq_le(r->start, sd->recent[i]) && seq_lt(sd->recent[i], r->end);

		if (!same && n < SACK_RECENT - 1)
			sd->recent[n++] = sd->recent[i];
	}
	memmove(&sd->recent[1], &sd->recent[0], n * sizeof(sd->recent[0]));
	sd->recent[0] = seq;
	sd->n_recent = n + 1;
}

static void run_free(struct lcore *lc, struct rte_mbuf *m)
{
	while (m != NULL) {
		struct rte_mbuf *next = m->next;

		m->next = NULL;
		pkt_free(lc, m);
		lc->n_kept--;
		m = next;
	}
}

void tcp_side_free(struct lcore *lc, struct lport *lp, struct tcb *t)
{
	struct tcp_side *sd = tcp_side(lc, t);

	if (tcp_has_hole(lc, t))
		lp->st->tsm.missing_seq--;
	for (uint8_t i = 0; i < sd->n_runs; i++)
		run_free(lc, sd->run[i].first);
	pool_put(&lc->sides, t->side);
	t->side = CONN_NONE;
}

/* The FIN waits for what is before it. */
static void fin_keep(struct lport *lp, struct tcp_side *sd, uint32_t end)
{
	lp->st->tsm.missing_seq += sd->n_runs == 0 && !sd->fin;
	sd->fin = 1;
	sd->fin_seq = end;
}

/* Where [seq, end) goes: behind run at (then *seq moves behind its end), or, with false, before it
 * as a run of its own. end is cut at the next run. */
static bool runs_place(const struct tcp_side *sd, uint32_t *seq, uint32_t *end, uint8_t *at)
{
	uint8_t i = 0;
	bool grows;

	while (i < sd->n_runs && seq_lt(sd->run[i].end, *seq))
		i++;
	grows = i < sd->n_runs && seq_le(sd->run[i].start, *seq);
	*at = i;
	if (grows) {
		if (seq_lt(*seq, sd->run[i].end))
			*seq = sd->run[i].end;
		i++;
	}
	if (i < sd->n_runs && seq_lt(sd->run[i].start, *end))
		*end = sd->run[i].start;
	return grows;
}

/* Run at ends where the next begins: they are one. */
static void runs_join(struct tcp_side *sd, uint8_t at)
{
	struct tcp_run *r = &sd->run[at];

	if (at + 1 == sd->n_runs || r->end != r[1].start)
		return;
	r->last->next = r[1].first;
	r->last = r[1].last;
	r->end = r[1].end;
	runs_remove(sd, at + 1);
}

static void mbuf_trim(struct rte_mbuf *m, const uint8_t *data, uint32_t len)
{
	m->data_off = data - (uint8_t *)m->buf_addr;
	m->data_len = len;
	m->pkt_len = len;
	m->next = NULL;
}

/* [seq, end), whose bytes are at data, in m from now on: the end of run at, or before it. */
static void run_put(struct tcp_side *sd, uint8_t at, bool grows, struct rte_mbuf *m,
	const uint8_t *data, uint32_t seq, uint32_t end)
{
	mbuf_trim(m, data, end - seq);
	if (grows) {
		sd->run[at].last->next = m;
		sd->run[at].last = m;
		sd->run[at].end = end;
	} else {
		runs_insert(sd, at);
		sd->run[at] = (struct tcp_run){m, m, seq, end};
	}
	runs_join(sd, at);
	recent_put(sd, &sd->run[at], seq);
}

static struct rte_mbuf *copy_of(struct lcore *lc, const uint8_t *data, uint32_t len)
{
	struct rte_mbuf *m = pkt_alloc(lc, (uint16_t)len);

	if (m != NULL)
		memcpy(rte_pktmbuf_mtod(m, uint8_t *), data, len);
	return m;
}

/* What is new of the segment: mostly all, else the pieces between runs, which after the first need
 * buffers of their own. True when the packet's is kept. */
static bool text_keep(struct lcore *lc, struct lport *lp, struct tcp_side *sd, struct pkt *p,
	const struct seg_in *s)
{
	uint32_t seq = s->seq, end = s->seq + s->len;
	bool kept = false;

	while (seq_lt(seq, end)) {
		uint32_t to = end;
		uint8_t at;
		bool grows = runs_place(sd, &seq, &to, &at);
		const uint8_t *data = s->data + (seq - s->seq);
		struct rte_mbuf *m = p->m;

		if (seq_le(end, seq))
			break;
		if (!grows && sd->n_runs == SIDE_RUNS) {
			lp->st->drop.tcp_ooo_full += !kept;
			return kept;
		}
		if (kept) {
			m = copy_of(lc, data, to - seq);
			if (m == NULL)
				return true;
			data = rte_pktmbuf_mtod(m, const uint8_t *);
		}
		lp->st->tsm.missing_seq += sd->n_runs == 0 && !sd->fin;
		run_put(sd, at, grows, m, data, seq, to);
		lc->n_kept++;
		kept = true;
		seq = to;
	}
	lp->st->tcp.rx_ooo += kept;
	lp->st->tcp.rx_dup += !kept;
	lp->st->drop.tcp_old += !kept;
	return kept;
}

bool tcp_ooo_keep(
	struct lcore *lc, struct lport *lp, struct tcb *t, struct pkt *p, const struct seg_in *s)
{
	/* what is kept must leave buffers for the segments that fill the holes */
	struct tcp_side *sd = lc->n_kept < lc->stash.pool->size / 4 ? tcp_side_get(lc, t) : NULL;
	bool kept = false;

	if (sd == NULL) {
		lp->st->drop.tcp_ooo_full++;
		return false;
	}
	if (s->flags & TCP_FIN)
		fin_keep(lp, sd, s->seq + s->len);
	if (s->len != 0)
		kept = text_keep(lc, lp, sd, p, s);
	tcp_side_drop(lc, t);
	return kept;
}

/* Delivers the bytes of a run, which is no longer the block's, from rcv_nxt on. Delivering may end
 * the connection (the application aborts): the rest is then thrown away. */
static void run_deliver(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, const struct tcp_run *r)
{
	uint32_t seq = r->start;

	for (struct rte_mbuf *m = r->first; m != NULL;) {
		struct rte_mbuf *next = m->next;
		uint32_t skip = t->rcv_nxt - seq, len = m->data_len;

		seq += len;
		m->next = NULL;
		if (t->c.state > CS_CLOSED && skip < len)
			tcp_deliver(lc, lp, tc, t, id, rte_pktmbuf_mtod(m, uint8_t *) + skip,
				len - skip);
		pkt_free(lc, m);
		lc->n_kept--;
		m = next;
	}
}

/* The runs that begin at rcv_nxt now. False: the connection has ended. */
static bool runs_deliver(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	struct tcp_side *sd = tcp_side(lc, t);

	while (sd->n_runs != 0 && seq_le(sd->run[0].start, t->rcv_nxt)) {
		struct tcp_run r = sd->run[0];

		runs_remove(sd, 0);
		lp->st->tsm.missing_seq -= sd->n_runs == 0 && !sd->fin;
		run_deliver(lc, lp, tc, t, id, &r);
		if (t->side == CONN_NONE)
			return false;
	}
	return true;
}

bool tcp_hole_filled(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, const struct seg_in *s)
{
	struct tcp_side *sd = tcp_side(lc, t);
	uint32_t end = s->seq + s->len;
	bool fin = false;

	while (seq_lt(t->rcv_nxt, end)) {
		uint32_t to = sd->n_runs != 0 && seq_lt(sd->run[0].start, end) ? sd->run[0].start
									       : end;

		tcp_deliver(lc, lp, tc, t, id, s->data + (t->rcv_nxt - s->seq), to - t->rcv_nxt);
		if (t->side == CONN_NONE || !runs_deliver(lc, lp, tc, t, id))
			return false;
	}
	if ((s->flags & TCP_FIN) && t->rcv_nxt == end)
		fin_keep(lp, sd, end);
	if (sd->fin && sd->fin_seq == t->rcv_nxt) {
		fin = true;
		sd->fin = 0;
		lp->st->tsm.missing_seq -= sd->n_runs == 0;
	}
	tcp_side_drop(lc, t);
	return fin;
}
