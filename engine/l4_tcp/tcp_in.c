/* Segments in: RFC 9293 §3.10.7, with the checks of RFC 5961. */
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_byteorder.h>

/* What to do with a segment after a step. */
enum step {
	STEP_ON,   /* go on with the next check */
	STEP_STOP, /* done with it; the endpoint lives */
	STEP_GONE  /* the endpoint is gone */
};

static force_inline void seg_read_hdr(const struct pkt *p, struct seg_in *s)
{
	const struct tcp_hdr *th = (const struct tcp_hdr *)p->l4;
	uint16_t hlen = (th->off >> 4) * 4;

	s->seq = rte_be_to_cpu_32(th->seq_be32);
	s->ack = rte_be_to_cpu_32(th->ack_be32);
	s->wnd = rte_be_to_cpu_16(th->wnd_be16);
	s->flags = th->flags;
	s->len = p->l4_len - hlen;
	s->data = p->l4 + hlen;
}

/* RTT and congestion */

uint16_t tcp_rto(const struct tc_run *tc, const struct tcb *t)
{
	uint32_t ms = (t->srtt_us + MAX_OF(4 * t->rttvar_us, 1000u)) / 1000;

	if (t->srtt_us == 0)
		return (uint16_t)tc->rto_ms;
	return (uint16_t)MIN_OF(MAX_OF(ms, tc->rto_ms), TCP_RTO_MAX_MS);
}

/* RFC 6298 §2; the configured rto is the least and the first. */
static void rtt_sample(struct tc_run *tc, struct tcb *t, uint32_t us)
{
	if (t->srtt_us == 0) {
		t->srtt_us = us | 1;
		t->rttvar_us = us / 2;
	} else {
		uint32_t err = us > t->srtt_us ? us - t->srtt_us : t->srtt_us - us;

		t->rttvar_us += ((int32_t)err - (int32_t)t->rttvar_us) / 4;
		t->srtt_us = (t->srtt_us + ((int32_t)us - (int32_t)t->srtt_us) / 8) | 1;
	}
	t->rto_ms = tcp_rto(tc, t);
}

/* RFC 5681 §3.1: slow start, then a segment a window. */
static force_inline void cwnd_grow(struct tcb *t, uint32_t acked)
{
	if (t->cwnd >= 0x3fffffff)
		return;
	if (t->cwnd < t->ssthresh)
		t->cwnd += MIN_OF(acked, t->c.mss);
	else
		t->cwnd += MAX_OF((uint32_t)t->c.mss * t->c.mss / t->cwnd, 1u);
}

/* RFC 5681 §3.2: the third duplicate says that the first unacknowledged segment is lost; while
 * recovery lasts each one more says that a segment has left the network. RFC 6582: not twice for
 * one window. */
static cold_path void dup_ack(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t)
{
	uint32_t flight = t->snd_max - t->snd_una;

	if (t->c.flags & CF_RECOVERY) {
		t->cwnd += t->c.mss;
		return;
	}
	if (flight == 0 || (t->c.flags & CF_RETRANS) || ++t->dupacks != TCP_DUPACKS
		|| !seq_lt(t->recover, t->snd_una))
		return;
	t->recover = t->snd_max;
	t->ssthresh = MAX_OF(flight / 2, 2u * t->c.mss);
	t->cwnd = t->ssthresh + TCP_DUPACKS * t->c.mss;
	t->c.flags |= CF_RECOVERY;
	tcp_resend_first(lc, lp, tc, t);
}

/* New data is acknowledged during recovery: all of it, or up to the next hole (RFC 6582 §3.2). */
static cold_path void recovery_ack(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t acked)
{
	if (!seq_lt(t->snd_una, t->recover)) {
		t->c.flags &= ~CF_RECOVERY;
		t->cwnd = MIN_OF(t->ssthresh, t->snd_max - t->snd_una + t->c.mss);
		return;
	}
	t->cwnd -= MIN_OF(acked, t->cwnd - t->c.mss);
	t->cwnd += acked >= t->c.mss ? t->c.mss : 0;
	tcp_resend_first(lc, lp, tc, t);
}

/* the steps of §3.10.7.4 */

/* First: is it in the window? Trims what is not. A segment that is old altogether is acknowledged.
 */
static enum step step_window(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct seg_in *s)
{
	uint32_t old = t->rcv_nxt - s->seq, edge = t->rcv_nxt + tc->win;

	if (likely(old == 0 && s->len <= tc->win))
		return STEP_ON;
	if ((int32_t)old > 0) {
		uint32_t n = old;

		if (s->flags & TCP_RST) { /* RFC 5961 §3: only at exactly rcv_nxt */
			lp->st->drop.tcp_rst_seq++;
			return STEP_STOP;
		}
		if (s->flags & TCP_SYN) {
			s->flags &= ~TCP_SYN;
			n--;
		}
		if (n > s->len || (n == s->len && !(s->flags & TCP_FIN))) {
			t->c.flags |= CF_ACK_NOW;
			lp->st->drop.tcp_old++;
			lp->st->tcp.rx_dup++;
			if (t->c.state == CS_TIME_WAIT)
				t->c.t_life = deadline_in(lc, tc->twait_to_ms);
			return STEP_STOP;
		}
		s->seq = t->rcv_nxt;
		s->data += n;
		s->len -= n;
	} else if (!seq_lt(s->seq, edge)) {
		lp->st->drop.tcp_seq++;
		if (!(s->flags & TCP_RST))
			t->c.flags |= CF_ACK_NOW;
		return STEP_STOP;
	}
	if (seq_lt(edge, s->seq + s->len)) {
		s->len = edge - s->seq;
		s->flags &= ~TCP_FIN;
	}
	return STEP_ON;
}

/* Second and fourth: RST ends it at exactly rcv_nxt; elsewhere in the window, like SYN, it earns a
 * challenge ACK. */
static cold_path enum step step_rst_syn(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t id, const struct seg_in *s)
{
	if ((s->flags & TCP_RST) && s->seq == t->rcv_nxt) {
		lp->st->tcp.rx_rst++;
		if ((t->c.state == CS_CLOSING || t->c.state == CS_LAST_ACK)
			&& t->snd_max - t->snd_una <= 1) /* all but our FIN has arrived */
			traffic_closed(tc, &t->c);
		else
			traffic_failed(tc, &t->c, &tc->st->failed_rst);
		tcp_end(lc, lp, tc, t, id);
		return STEP_GONE;
	}
	lp->st->tcp.tx_chal_ack++;
	t->c.flags |= CF_ACK_NOW;
	return STEP_STOP;
}

/* What the ACK completes in the closing states. */
static enum step fin_acked(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	switch (t->c.state) {
	case CS_FIN_WAIT_1:
		tcp_state_set(lp, t, CS_FIN_WAIT_2);
		t->c.t_life = tc->fin_to_ms ? deadline_in(lc, tc->fin_to_ms) : 0;
		return STEP_ON;
	case CS_CLOSING:
		tcp_time_wait(lc, lp, tc, t, id);
		return t->c.state == CS_TIME_WAIT ? STEP_STOP : STEP_GONE;
	case CS_LAST_ACK:
		traffic_closed(tc, &t->c);
		tcp_end(lc, lp, tc, t, id);
		return STEP_GONE;
	default:
		return STEP_ON;
	}
}

/* New data is acknowledged: una moves, timers and RTT follow. */
static force_inline void ack_advance(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t ack)
{
	uint32_t acked = ack - t->snd_una;

	t->snd_una = ack;
	if (seq_lt(t->snd_nxt, ack))
		t->snd_nxt = ack;
	if ((t->c.flags & CF_RTT_TIMING) && seq_lt(t->rtt_seq, ack)) {
		t->c.flags &= ~CF_RTT_TIMING;
		rtt_sample(tc, t, (uint32_t)lc->now_us - t->rtt_start_us);
	}
	t->c.flags &= ~CF_RETRANS;
	t->retries = 0;
	t->dupacks = 0;
	t->c.t_rtx = ack == t->snd_max ? 0 : deadline_in(lc, t->rto_ms);
	if (unlikely(t->c.flags & CF_RECOVERY))
		recovery_ack(lc, lp, tc, t, acked);
	else
		cwnd_grow(t, acked);
	if (seq_lt(t->recover, ack)) /* comes along: left 2^31 behind, it would seem to lie ahead */
		t->recover = ack - 1;
}

/* The window opens again: what was sent past its edge, probes among it, may have been thrown away,
 * and how long it was shut says nothing of the path. */
static cold_path void window_opens(struct tc_run *tc, struct tcb *t)
{
	t->snd_nxt = t->snd_una;
	t->c.t_rtx = 0;
	t->rto_ms = tcp_rto(tc, t);
	t->retries = t->dupacks = t->probes = 0;
	t->c.flags &= ~(CF_RTT_TIMING | CF_RETRANS);
}

/* SYN-RECEIVED: the ACK that makes it ESTABLISHED, or one that earns a RST. */
static enum step step_ack_syn_rcvd(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t id, const struct pkt *p, struct seg_in *s)
{
	if (s->ack != t->snd_una + 1) {
		lp->st->drop.tcp_ack++;
		tcp_refuse(lc, lp, p, s);
		return STEP_STOP;
	}
	if (t->retries != 0)
		t->cwnd = t->c.mss; /* RFC 5681 §3.1: a SYN-ACK was lost */
	ack_advance(lc, lp, tc, t, s->ack);
	t->snd_wnd = s->wnd << t->snd_wscale;
	t->snd_wl1 = s->seq;
	tcp_established(lc, tc, t, id);
	return t->c.state > CS_CLOSED ? STEP_ON : STEP_GONE;
}

/* Fifth: the ACK field. */
static enum step step_ack(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, const struct pkt *p, struct seg_in *s)
{
	uint32_t wnd = s->wnd << t->snd_wscale;

	if (unlikely(!(s->flags & TCP_ACK))) {
		lp->st->drop.tcp_state++;
		return STEP_STOP;
	}
	if (unlikely(t->c.state == CS_SYN_RCVD))
		return step_ack_syn_rcvd(lc, lp, tc, t, id, p, s);
	/* not yet sent, or older than any window of the peer's: RFC 5961 §5.2 */
	if (unlikely(seq_lt(t->snd_max, s->ack)
		    || seq_lt(s->ack, t->snd_una - (UINT32_C(65535) << t->snd_wscale)))) {
		lp->st->drop.tcp_ack++;
		t->c.flags |= CF_ACK_NOW;
		return STEP_STOP;
	}
	if (seq_lt(t->snd_una, s->ack)) {
		ack_advance(lc, lp, tc, t, s->ack);
	} else if (unlikely(wnd == 0)) {
		t->retries = 0; /* a shut window is answered, not lost */
	} else if (s->ack == t->snd_una && s->len == 0 && wnd == t->snd_wnd
		&& t->snd_max != t->snd_una && !(s->flags & TCP_FIN)) {
		dup_ack(lc, lp, tc, t);
	}
	if (seq_le(t->snd_una, s->ack) && seq_le(t->snd_wl1, s->seq)) {
		if (unlikely(t->snd_wnd == 0 && wnd != 0))
			window_opens(tc, t);
		t->snd_wnd = wnd;
		t->snd_wl1 = s->seq;
	}
	if ((t->c.flags & CF_FIN_SENT) && t->snd_una == t->snd_max)
		return fin_acked(lc, lp, tc, t, id);
	return STEP_ON;
}

void tcp_deliver(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id,
	const uint8_t *data, uint32_t len)
{
	uint8_t kind = 0;
	enum app_act act;

	t->rcv_nxt += len;
	tc->st->rx_bytes += len;
	/* what fills a hole is acknowledged at once, RFC 5681 §4.2 */
	if (tc->ack_delay && !(t->c.flags & CF_ACK_NOW) && t->c.t_ack == 0 && t->side == CONN_NONE)
		t->c.t_ack = deadline_in(lc, TCP_DELACK_MS);
	else
		t->c.flags |= CF_ACK_NOW;
	act = app_deliver(tc->app, &t->c.app, traffic_app_stats(lp, tc), data, len,
		!(t->c.flags & (CF_SENDING | CF_WAIT_ACKED)), &kind);
	traffic_act(lc, tc, &t->c, id, act, kind, false);
}

/* Seventh: the text, in order, or kept for later: then true. */
static bool step_text(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, struct pkt *p, struct seg_in *s, bool *fin)
{
	if (s->len == 0 && !(s->flags & TCP_FIN))
		return false;
	if (unlikely(t->c.state != CS_ESTAB && t->c.state != CS_FIN_WAIT_1
		    && t->c.state != CS_FIN_WAIT_2)) {
		if (s->len != 0)
			lp->st->drop.app_closed++;
		return false;
	}
	if (unlikely(s->seq != t->rcv_nxt)) {
		t->c.flags |= CF_ACK_NOW; /* a duplicate ACK tells of the hole */
		return tcp_ooo_keep(lc, lp, t, p, s);
	}
	if (s->len != 0)
		tcp_deliver(lc, lp, tc, t, id, s->data, s->len);
	*fin = s->flags & TCP_FIN;
	if (unlikely(t->side != CONN_NONE && t->c.state != CS_CLOSED))
		*fin |= tcp_ooo_deliver(lc, lp, tc, t, id);
	return false;
}

/* Eighth: the peer's FIN, in order. */
static void step_fin(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	enum app_act act;

	lp->st->tcp.rx_fin++;
	t->rcv_nxt++;
	t->c.flags |= CF_ACK_NOW;
	switch (t->c.state) {
	case CS_ESTAB:
		tcp_state_set(lp, t, CS_CLOSE_WAIT);
		act = app_peer_closed(tc->app, &t->c.app, traffic_app_stats(lp, tc));
		traffic_act(lc, tc, &t->c, id, act, 0, false);
		break;
	case CS_FIN_WAIT_1:
		tcp_state_set(lp, t, CS_CLOSING);
		break;
	case CS_FIN_WAIT_2:
		tcp_time_wait(lc, lp, tc, t, id);
		break;
	default:
		break;
	}
}

/* Any state from SYN-RECEIVED on. True: the buffer is kept. */
static bool tcp_segment(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, struct pkt *p, struct seg_in *s)
{
	bool fin = false, kept = false;
	enum step step = step_window(lc, lp, tc, t, s);

	if (step == STEP_ON && unlikely(s->flags & (TCP_RST | TCP_SYN)))
		step = step_rst_syn(lc, lp, tc, t, id, s);
	if (step == STEP_ON)
		step = step_ack(lc, lp, tc, t, id, p, s);
	if (step == STEP_ON) {
		kept = step_text(lc, lp, tc, t, id, p, s, &fin);
		if (fin && t->c.state != CS_CLOSED && t->c.state != CS_FREE)
			step_fin(lc, lp, tc, t, id);
	}
	if (step != STEP_GONE && t->c.state > CS_CLOSED)
		tcp_output(lc, lp, tc, t, id);
	return kept;
}

/* connections that begin */

static void syn_sent_in(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, struct pkt *p, struct seg_in *s)
{
	bool acks = s->flags & TCP_ACK;

	if (acks && s->ack != t->snd_una + 1) {
		lp->st->drop.tcp_ack++;
		if (!(s->flags & TCP_RST))
			tcp_refuse(lc, lp, p, s);
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
	tcp_parse_syn_options((struct tcp_hdr *)p->l4, s);
	tcp_take_syn(tc, t, s);
	if (!acks) { /* simultaneous open */
		tcp_state_set(lp, t, CS_SYN_RCVD);
		tcp_send_syn(lc, lp, tc, t, id, TCP_SYN | TCP_ACK);
		return;
	}
	ack_advance(lc, lp, tc, t, s->ack);
	t->c.flags |= CF_ACK_NOW; /* rides on the first data, when there is some */
	tcp_established(lc, tc, t, id);
	if (t->c.state > CS_CLOSED)
		tcp_output(lc, lp, tc, t, id);
}

/* A SYN for a listening test case. */
static void listen_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct pkt *p, struct seg_in *s)
{
	uint32_t id = tcb_alloc(lc, lp, p->hash);
	struct tcb *t;

	if (unlikely(id == CONN_NONE)) {
		tc->st->no_tcb++;
		lp->st->drop.tcp_no_tcb++;
		return;
	}
	t = (struct tcb *)pool_at(&lc->tcbs, id);
	t->c.laddr = p->dst;
	t->c.raddr = p->src;
	t->c.lport = p->dport;
	t->c.rport = p->sport;
	t->c.port = lp->port->id;
	t->c.tcid = tc->tcid;
	t->c.flags = 0;
	t->c.state = CS_FREE;
	lp->st->tcp.rx_syn++;
	tcp_init_snd(lc, tc, t, false);
	tcp_parse_syn_options((struct tcp_hdr *)p->l4, s);
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
		tcp_refuse(lc, lp, p, s);
}

/* RFC 9293 §3.10.7.4, RFC 1122 §4.2.2.13: a new SYN beyond the old connection's numbers ends
 * TIME-WAIT. */
static bool reopens(const struct tcb *t, const struct seg_in *s)
{
	return t->c.state == CS_TIME_WAIT && (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN
		&& seq_lt(t->rcv_nxt - 1, s->seq);
}

static void in_listen(struct lcore *lc, struct lport *lp, struct pkt *p, struct seg_in *s)
{
	struct tc_run *tc;

	/* RFC 1122 §4.2.3.10: a SYN to a group is ignored */
	if ((s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN && !p->group) {
		tc = traffic_listener(lc, lp, p);
		if (tc != NULL) {
			listen_in(lc, lp, tc, p, s);
			return;
		}
	}
	no_conn(lc, lp, p, s);
}

/* The peer has not seen our SYN-ACK: once more, the timer goes on. */
static void syn_came_again(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t)
{
	t->c.flags &= ~CF_RTT_TIMING; /* Karn */
	if (!tcp_send(lc, lp, tc, t, t->snd_una, TCP_SYN | TCP_ACK, 0))
		return;
	lp->st->tcp.tx_syn++;
	lp->st->tsm.retrans_pkts++;
}

bool tcp_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct seg_in s;
	struct tc_run *tc;
	struct tcb *t;

	lp->st->tcp.rx_pkts++;
	seg_read_hdr(p, &s);
	lp->st->tcp.rx_bytes += s.len;
	if (p->id == CONN_NONE
		|| unlikely(!conn_is(pool_at(&lc->tcbs, p->id), lp->port->id, p->dst, p->src,
			p->dport, p->sport)))
		p->id = flow_find(
			&lc->tcp_flows, p->hash, lp->port->id, p->dst, p->src, p->dport, p->sport);
	if (p->id == CONN_NONE) {
		in_listen(lc, lp, p, &s);
		return false;
	}
	t = (struct tcb *)pool_at(&lc->tcbs, p->id);
	tc = lcore_tc(lc, lp->port->id, t->c.tcid);
	if (unlikely(tc->vlan != p->vlan
		    || p->group)) { /* the hash knows the VLAN, the block does not */
		in_listen(lc, lp, p, &s);
		return false;
	}
	if (likely(t->c.state != CS_SYN_SENT)) {
		if (unlikely(reopens(t, &s))) {
			tcp_end(lc, lp, tc, t, p->id);
			in_listen(lc, lp, p, &s);
			return false;
		}
		if (unlikely(t->c.state == CS_SYN_RCVD && (s.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN
			    && s.seq == t->rcv_nxt - 1)) {
			syn_came_again(lc, lp, tc, t);
			return false;
		}
		return tcp_segment(lc, lp, tc, t, p->id, p, &s);
	}
	syn_sent_in(lc, lp, tc, t, p->id, p, &s);
	return false;
}
