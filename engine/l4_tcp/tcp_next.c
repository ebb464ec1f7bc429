/* Segments in, first: those of which is known what they have to be, by the state of the connection, and
 * so what is to be done. The others take the steps of tcp_in.c, which these here only shorten. */
#include "common/util/bytes.h"
#include "engine/l4_tcp/tcp_ack.h"
#include "engine/l4_tcp/tcp_priv.h"

#ifndef PREDICT
#define PREDICT 1 /* 0: none is predicted; the simulator's, to see that it makes no difference */
#endif

/* Header prediction: what nearly every segment is. The next bytes, FIN among them, or an ACK of ours that
 * says something new, without options, while nothing is lost or shut. Then most of the steps have nothing
 * to do. */
struct next {
	uint32_t seq, ack, wnd, len;
	uint16_t off_flags; /* as they lie in the header */
};

static force_inline bool has_fin(const struct next *n)
{
	return n->off_flags & TCP_FIN << 8;
}

/* Does it lose nothing, measure nothing, wait for nothing? retries, dup_probes and opts lie in a word. */
static force_inline bool is_quiet(const struct tcb *t)
{
	uint32_t word = load_32((const uint8_t *)t + offsetof(struct tcb, retries) - 1);

	static_assert(offsetof(struct tcb, retries) % 4 == 1
		&& offsetof(struct tcb, dup_probes) == offsetof(struct tcb, retries) + 1
		&& offsetof(struct tcb, rto_ms) == offsetof(struct tcb, retries) + 3);
	return (word & (0x00ffff00u | (TO_TS | TO_ECN) << 24)) == 0 && t->side == CONN_NONE
		&& !(t->c.flags & (CF_RETRANS | CF_RECOVERY));
}

/* In any state from SYN-RECEIVED on. */
static force_inline bool predicted(
	const struct tc_run *tc, const struct tcb *t, const struct pkt *p, struct next *n)
{
	const struct tcp_hdr *th = (const struct tcp_hdr *)p->l4;

	n->seq = be_32(th->seq_be32);
	n->ack = be_32(th->ack_be32);
	n->wnd = be_16(th->wnd_be16);
	n->off_flags = load_16(&th->off);
	n->len = p->l4_len - (uint32_t)sizeof(*th);
	return PREDICT && (n->off_flags & ~((TCP_PSH | TCP_FIN) << 8)) == (0x50 | TCP_ACK << 8)
		&& n->seq == t->rcv_nxt && is_quiet(t) && t->snd_nxt == t->snd_max
		&& n->len <= tc->win;
}

/* ... in ESTABLISHED. */
static force_inline bool predicted_open(const struct tcb *t, const struct next *n)
{
	return !(t->c.flags & CF_FIN_SENT) && n->ack - t->snd_una <= t->snd_max - t->snd_una
		&& t->snd_wnd != 0 && (n->len != 0 || n->ack != t->snd_una);
}

/* What step_ack() would do of it. */
static force_inline void predicted_ack(
	struct lcore *lc, struct tc_run *tc, struct tcb *t, const struct next *n)
{
	uint32_t acked = n->ack - t->snd_una, flight = t->snd_max - t->snd_una;

	t->snd_wnd = n->wnd << t->snd_wscale;
	t->snd_wl1 = n->seq;
	if (unlikely(acked == 0))
		return;
	t->snd_una = n->ack;
	if (likely((t->c.flags & CF_RTT_TIMING) && seq_lt(t->timed.seq, n->ack))) {
		t->c.flags &= ~CF_RTT_TIMING;
		tcp_rtt_sample(tc, t, (uint32_t)lc->now_us - t->timed.start_us, 0);
	}
	t->c.t_rtx = acked == flight ? 0 : deadline_in(lc, t->rto_ms);
	tcp_cwnd_grow(lc, tc, t, acked, flight);
	if (seq_lt(t->recover, n->ack))
		t->recover = n->ack - 1;
}

/* What it brings, and what is to be sent then. */
static force_inline void predicted_in(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, const struct pkt *p, const struct next *n)
{
	if (likely(n->len != 0))
		tcp_deliver(lc, lp, tc, t, p->id, p->l4 + sizeof(struct tcp_hdr), n->len);
	if (unlikely(has_fin(n)) && t->c.state > CS_CLOSED)
		tcp_step_fin(lc, lp, tc, t, p->id);
	if (likely(t->c.state > CS_CLOSED))
		tcp_output(lc, lp, tc, t, p->id);
}

/* What is common is inlined, all of it; what is not is said to be apart from it, or cold. */
static hot_path bool open_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p)
{
	struct next n;

	if (unlikely(!predicted(tc, t, p, &n) || !predicted_open(t, &n)))
		return tcp_other_in(lc, lp, tc, t, p);
	lp->st->tcp.rx_bytes += n.len;
	predicted_ack(lc, tc, t, &n);
	predicted_in(lc, lp, tc, t, p, &n);
	return false;
}

/* SYN-RECEIVED: the ACK that makes it ESTABLISHED, with the first bytes or without. No SYN was lost: then
 * cwnd says so. */
static hot_path bool begun_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p)
{
	struct next n;

	if (unlikely(!predicted(tc, t, p, &n) || n.ack != t->snd_max || t->cwnd != 0))
		return tcp_other_in(lc, lp, tc, t, p);
	lp->st->tcp.rx_bytes += n.len;
	tcp_syn_acked(lc, tc, t);
	t->snd_wnd = n.wnd << t->snd_wscale;
	t->snd_wl1 = n.seq;
	tcp_established(lc, lp, tc, t, p->id);
	if (likely(t->c.state > CS_CLOSED))
		predicted_in(lc, lp, tc, t, p, &n);
	return false;
}

/* We have sent FIN, and this acknowledges it: in FIN-WAIT-1 with the peer's, in LAST-ACK without. What is
 * measured of the path is of no use any more. */
static apart bool ending_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p)
{
	bool last = t->c.state == CS_LAST_ACK;
	struct next n;

	if (unlikely(!predicted(tc, t, p, &n) || n.ack != t->snd_max || n.len != 0
		    || has_fin(&n) == last))
		return tcp_other_in(lc, lp, tc, t, p);
	t->snd_una = n.ack;
	t->c.t_rtx = 0;
	if (last) {
		traffic_closed(tc, &t->c);
		tcp_end_known(lc, lp, tc, t, p->id, p->hash);
		return false;
	}
	lp->st->tcp.rx_fin++;
	t->rcv_nxt++;
	t->c.flags |= CF_ACK_NOW;
	tcp_time_wait(lc, lp, tc, t, p->id, p->hash);
	if (t->c.state > CS_CLOSED)
		tcp_output(lc, lp, tc, t, p->id);
	return false;
}

static force_inline bool state_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p)
{
	switch (t->c.state) {
	case CS_ESTAB:
		return open_in(lc, lp, tc, t, p);
	case CS_SYN_SENT:
		return tcp_opening_in(lc, lp, tc, t, p);
	case CS_SYN_RCVD:
		return begun_in(lc, lp, tc, t, p);
	case CS_FIN_WAIT_1:
	case CS_LAST_ACK:
		return ending_in(lc, lp, tc, t, p);
	default:
		return tcp_other_in(lc, lp, tc, t, p);
	}
}

static force_inline bool endpoint_in(
	struct lcore *lc, struct lport *lp, struct tcb *t, struct pkt *p)
{
	struct tc_run *tc = &lp->tcs[t->c.tcid];

	if (unlikely(
		    tc->pkt_word != load_32(&p->vlan))) /* the hash knows the VLAN, the block not */
		return tcp_stray_in(lc, lp, p);
	return state_in(lc, lp, tc, t, p);
}

bool tcp_known_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p)
{
	return state_in(lc, lp, tc, t, p);
}

/* The candidate is not its endpoint, or there was none: another one, or none. */
static apart bool sought_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	p->id = flow_find(
		&lc->tcp_flows, p->hash, lp->port->id, p->dst, p->src, p->dport, p->sport);
	if (p->id == CONN_NONE)
		return tcp_stray_in(lc, lp, p);
	return endpoint_in(lc, lp, tcb_at(lc, p->id), p);
}

bool tcp_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	if (unlikely(p->id == CONN_NONE || !conn_has(&tcb_at(lc, p->id)->c, &p->dst)))
		return sought_in(lc, lp, p);
	return endpoint_in(lc, lp, tcb_at(lc, p->id), p);
}
