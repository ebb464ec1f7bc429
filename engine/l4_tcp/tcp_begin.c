/* Segments for a connection that does not stand yet, or stands no more: RFC 9293 §3.10.7.1 to .3. */
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_byteorder.h>

/* The options of most stacks' SYNs, ours and Linux among them, without timestamps: MSS, two NOPs, SACK
 * permitted, NOP, window scale, as they lie in memory; what differs is left out. */
#define USUAL_FIRST UINT64_C(0x0204010100000402)
#define USUAL_MASK UINT64_C(0xffffffff0000ffff)
#define USUAL_SECOND 0x00030301u

static force_inline void syn_options(const struct tcp_hdr *th, struct seg_in *s)
{
	const uint8_t *o = (const uint8_t *)(th + 1);
	uint32_t scale = load_32(o + 8);

	if (unlikely(th->off != 0x80 || (load_64(o) & USUAL_MASK) != USUAL_FIRST
		    || (scale & 0x00ffffff) != USUAL_SECOND)) {
		tcp_parse_options(th, s);
		return;
	}
	s->mss = MAX_OF(be_16(load_16(o + 2)), TCP_MSS_MIN);
	s->wscale = MIN_OF(scale >> 24, TCP_WSCALE_MAX);
	s->opts = TO_WSCALE | TO_SACK;
	s->has_ts = false;
	s->n_sack = 0;
}

/* Addresses and ports, in one store, so that they may be read again in one. */
static force_inline void tuple_take(struct conn *c, const struct pkt *p, uint8_t tcid)
{
	__m128i who = _mm_load_si128((const __m128i *)&p->dst);

	static_assert(offsetof(struct conn, state) == 13 && offsetof(struct conn, tcid) == 14
		&& offsetof(struct conn, tx_kind) == 15 && CS_FREE == 0);
	_mm_store_si128((__m128i *)c, _mm_insert_epi32(who, p->port | tcid << 16, 3));
}

void tcp_syn_sent_in(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, struct pkt *p, struct seg_in *s)
{
	bool acks = s->flags & TCP_ACK, syn_lost;

	if (acks && s->ack != t->snd_una + 1) {
		lp->st->drop.tcp_ack++;
		if (!(s->flags & TCP_RST))
			tcp_refuse(lc, lp, p, s, tcp_refuse_how(tc, t));
		return;
	}
	if (s->flags & TCP_RST) {
		if (!acks) {
			lp->st->drop.tcp_state++;
			return;
		}
		lp->st->tcp.rx_rst++;
		traffic_failed(tc, &t->c, &tc->st->failed_rst);
		tcp_end(lc, lp, tc, t, id);
		return;
	}
	if (!(s->flags & TCP_SYN)) {
		lp->st->drop.tcp_state++;
		return;
	}
	lp->st->tcp.rx_syn++;
	syn_options((const struct tcp_hdr *)p->l4, s);
	tcp_take_syn(tc, t, s);
	if (unlikely(
		    !acks)) { /* simultaneous open: the SYN-ACK has time-outs and retries of its own */
		tcp_state_set(lp, t, CS_SYN_RCVD);
		t->cwnd = t->retries != 0; /* remembered: a SYN was lost */
		t->retries = 0;
		t->rto_ms = (uint16_t)tc->rto_ms;
		tcp_send_syn(lc, lp, tc, t, id, TCP_SYN | TCP_ACK);
		t->c.flags &= ~CF_RTT_TIMING; /* Karn: it has our SYN's number */
		return;
	}
	if (likely(t->retries == 0 && !(t->opts & TO_TS))) {
		tcp_syn_acked(lc, tc, t);
	} else {
		syn_lost = t->retries != 0;
		tcp_ack_advance(lc, lp, tc, t, s);
		tcp_cwnd_init(tc, t, syn_lost);
	}
	t->c.flags |= CF_ACK_NOW; /* rides on the first data, when there is some */
	tcp_established(lc, lp, tc, t, id);
	if (t->c.state > CS_CLOSED)
		tcp_output(lc, lp, tc, t, id);
	/* the handshake's ACK waits for nothing: the peer has not measured its RTO yet */
	if (t->c.t_ack != 0)
		tcp_ack(lc, lp, tc, t);
}

/* A SYN for a listening test case. used: how far the numbers of this tuple's last connection went,
 * NULL when nothing is known of one. */
static void syn_in(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct pkt *p,
	struct seg_in *s, const uint32_t *used)
{
	uint32_t id = tcb_alloc(lc, lp, p->hash);
	struct tcb *t;

	if (unlikely(id == CONN_NONE)) {
		tc->st->no_tcb++;
		lp->st->drop.tcp_no_tcb++;
		return;
	}
	t = tcb_at(lc, id);
	tuple_take(&t->c, p, tc->tcid);
	t->c.flags = 0;
	lp->st->tcp.rx_syn++;
	if (unlikely(used != NULL))
		t->snd_max = *used;
	tcp_init_snd(lc, tc, t, used != NULL);
	syn_options((const struct tcp_hdr *)p->l4, s);
	tcp_take_syn(tc, t, s);
	tcp_state_set(lp, t, CS_SYN_RCVD);
	traffic_begun(tc, &t->c);
	tcp_send_syn(lc, lp, tc, t, id, TCP_SYN | TCP_ACK);
}

/* No connection: a listener's, or refused. */
static cold_path void no_conn(struct lcore *lc, struct lport *lp, struct pkt *p, struct seg_in *s)
{
	lp->st->tcp.tcb_miss++;
	lp->st->drop.tcp_no_conn++;
	if (s->flags & TCP_RST)
		lp->st->tcp.rx_rst++;
	else if (!p->group && ipv4_is_mine(lc, lp, p->vlan, p->dst))
		tcp_refuse(lc, lp, p, s, 0);
}

/* RFC 9293 §3.10.7.4, RFC 1122 §4.2.2.13: a new SYN beyond the old connection's numbers ends
 * TIME-WAIT; or a later timestamp (RFC 6191). */
bool tcp_reopens(const struct tcb *t, const struct pkt *p, struct seg_in *s)
{
	if (likely(t->c.state != CS_TIME_WAIT)
		|| (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) != TCP_SYN)
		return false;
	tcp_parse_options((struct tcp_hdr *)p->l4, s);
	if ((t->opts & TO_TS) && s->has_ts && s->tsval != t->ts.recent)
		return seq_lt(t->ts.recent, s->tsval);
	return seq_lt(t->rcv_nxt - 1, s->seq);
}

void tcp_listen_in(
	struct lcore *lc, struct lport *lp, struct pkt *p, struct seg_in *s, const uint32_t *used)
{
	struct tc_run *tc;

	/* RFC 1122 §4.2.3.10: a SYN to a group is ignored */
	if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && !p->group) {
		tc = traffic_listener(lc, lp, p);
		if (tc != NULL) {
			syn_in(lc, lp, tc, p, s, used);
			return;
		}
	}
	no_conn(lc, lp, p, s);
}
