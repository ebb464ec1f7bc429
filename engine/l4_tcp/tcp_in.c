/* Segments in: RFC 9293 §3.10.7, with the checks of RFC 5961. */
#include "common/util/bytes.h"
#include "engine/l4_tcp/tcp_ack.h"
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_byteorder.h>

#include <stdlib.h>
#include <string.h>

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

	s->seq = be_32(th->seq_be32);
	s->ack = be_32(th->ack_be32);
	s->wnd = be_16(th->wnd_be16);
	s->flags = th->flags;
	s->len = p->l4_len - hlen;
	s->data = p->l4 + hlen;
	s->n_sack = 0;
}

/* Those of a connection's segment: most have none, or timestamps alone. */
static force_inline void seg_read_options(const struct pkt *p, struct seg_in *s)
{
	const struct tcp_hdr *th = (const struct tcp_hdr *)p->l4;
	uint32_t o[3];

	s->has_ts = false;
	if (th->off == 0x50)
		return;
	if (likely(th->off == 0x80)) {
		memcpy(o, th + 1, sizeof(o));
		if (likely(o[0] == RTE_BE32(0x0101080a))) {
			s->has_ts = true;
			s->tsval = rte_be_to_cpu_32(o[1]);
			s->tsecr = rte_be_to_cpu_32(o[2]);
			return;
		}
	}
	tcp_parse_options(th, s);
}

/* the steps of §3.10.7.4 */

/* An ACK in answer to what does not fit. Without data such a segment may itself be an answer of that
 * kind: then only so many, else two ends that disagree answer each other for ever. */
static enum step unacceptable(
	struct lcore *lc, struct lport *lp, struct tcb *t, const struct seg_in *s)
{
	if (s->flags & TCP_RST)
		return STEP_STOP;
	if (s->len != 0 || (s->flags & TCP_FIN) || s->seq == t->rcv_nxt - 1)
		t->c.flags |= CF_ACK_NOW; /* sent again, or a keep-alive */
	else
		tcp_challenge(lc, lp, t);
	return STEP_STOP;
}

/* RFC 7323 §5.3: R1, and §3.2: what must be there is. */
static force_inline enum step step_paws(
	struct lcore *lc, struct lport *lp, struct tcb *t, const struct seg_in *s)
{
	if (unlikely(!s->has_ts)) {
		if (s->flags & TCP_RST)
			return STEP_ON;
		lp->st->drop.tcp_no_ts++;
		return STEP_STOP;
	}
	if (unlikely(seq_lt(s->tsval, t->ts.recent) && !(s->flags & TCP_RST))) {
		lp->st->drop.tcp_paws++;
		return unacceptable(lc, lp, t, s);
	}
	return STEP_ON;
}

/* Begins before rcv_nxt: cut off what is old; all of it is when nothing is left. */
static cold_path enum step step_old(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct seg_in *s)
{
	uint32_t old = t->rcv_nxt - s->seq;

	if (s->flags & TCP_RST) { /* RFC 5961 §3: only at exactly rcv_nxt */
		lp->st->drop.tcp_rst_seq++;
		return STEP_STOP;
	}
	if (t->c.state == CS_SYN_RCVD && old == 1 && (s->flags & TCP_SYN) && (s->flags & TCP_ACK)) {
		s->flags &= ~TCP_SYN; /* of a simultaneous open: it acknowledges our SYN */
		s->seq++;
		return STEP_ON;
	}
	if (s->flags & TCP_SYN) { /* RFC 5961 §4.2: an ACK, whatever its number */
		lp->st->drop.tcp_old++;
		return unacceptable(lc, lp, t, s);
	}
	if (old > s->len || (old == s->len && !(s->flags & TCP_FIN))) {
		lp->st->drop.tcp_old++;
		lp->st->tcp.rx_dup++;
		if (t->c.state == CS_TIME_WAIT && (s->flags & TCP_FIN))
			t->c.t_life = deadline_in(lc, tc->twait_to_ms);
		return unacceptable(lc, lp, t, s);
	}
	s->seq = t->rcv_nxt;
	s->data += old;
	s->len -= old;
	return STEP_ON;
}

/* First: is it in the window? Trims what is not. A segment that is old altogether is acknowledged.
 */
static force_inline enum step step_window(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct seg_in *s)
{
	uint32_t edge = t->rcv_nxt + tc->win;

	if (unlikely(s->seq != t->rcv_nxt)) {
		if (seq_lt(s->seq, t->rcv_nxt)) {
			if (step_old(lc, lp, tc, t, s) != STEP_ON)
				return STEP_STOP;
		} else if (!seq_lt(s->seq, edge)) {
			lp->st->drop.tcp_seq++;
			return unacceptable(lc, lp, t, s);
		}
	}
	if (unlikely(s->len > edge - s->seq)) {
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
	if (!(s->flags & TCP_RST) && t->c.state == CS_SYN_RCVD && !tc->is_client) { /* LISTEN */
		traffic_failed(tc, &t->c, &tc->st->failed_rst);
		tcp_end(lc, lp, tc, t, id);
		return STEP_GONE;
	}
	tcp_challenge(lc, lp, t);
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
		tcp_time_wait(lc, lp, tc, t, id, conn_hash(&t->c, tc->vlan));
		return t->c.state == CS_TIME_WAIT ? STEP_STOP : STEP_GONE;
	case CS_LAST_ACK:
		traffic_closed(tc, &t->c);
		tcp_end(lc, lp, tc, t, id);
		return STEP_GONE;
	default:
		return STEP_ON;
	}
}

/* round-trip time: RFC 6298 §2 */

/* A sample for each ACK weighs less than one a round trip: RFC 7323 appendix G, with its number of
 * samples, flight / (2 MSS), taken to the next power of two. */
static force_inline int samples_log2(const struct tcb *t, uint32_t flight)
{
	int n = __builtin_clz(2u * t->c.mss) - __builtin_clz(flight | 1);

	return n > 0 ? n : 0;
}

void tcp_syn_acked(const struct lcore *lc, const struct tc_run *tc, struct tcb *t)
{
	t->snd_una = t->snd_max;
	t->c.t_rtx = 0;
	if (likely(t->c.flags & CF_RTT_TIMING)) {
		uint32_t us = (uint32_t)lc->now_us - t->timed.start_us;

		t->c.flags &= ~CF_RTT_TIMING;
		t->srtt_us = us | 1;
		t->rttvar_us = us / 2;
		t->rto_ms = tcp_rto(tc, t);
	}
	tcp_cwnd_init(tc, t, false);
}

/* A round trip that this ACK has ended: with timestamps each does (RFC 7323 §4.1), else the one that
 * was timed. */
static force_inline void rtt_take(
	struct lcore *lc, struct tc_run *tc, struct tcb *t, const struct seg_in *s, uint32_t flight)
{
	if (t->opts & TO_TS) {
		uint32_t ms = tcp_ts_now(lc) - s->tsecr;

		if (likely(s->has_ts && ms < 1u << 20))
			tcp_rtt_sample(tc, t, ms * 1000, samples_log2(t, flight));
	} else if ((t->c.flags & CF_RTT_TIMING) && seq_lt(t->timed.seq, s->ack)) {
		t->c.flags &= ~CF_RTT_TIMING;
		tcp_rtt_sample(tc, t, (uint32_t)lc->now_us - t->timed.start_us, 0);
	}
}

void tcp_ack_advance(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	const struct seg_in *s)
{
	uint32_t ack = s->ack, acked = ack - t->snd_una, flight = t->snd_max - t->snd_una;
	enum tcp_retried retried = unlikely(t->retries != 0) ? tcp_retried(lc, t, s) : RETRIED_LOST;

	t->snd_una = ack;
	if (seq_lt(t->snd_nxt, ack))
		t->snd_nxt = ack;
	rtt_take(lc, tc, t, s, flight);
	t->c.flags &= ~CF_RETRANS;
	t->retries = 0;
	t->dupacks = 0;
	t->c.t_rtx = ack == t->snd_max ? 0 : deadline_in(lc, t->rto_ms);
	if (unlikely(t->side != CONN_NONE))
		tcp_sack_advance(lc, t);
	if (unlikely(t->c.flags & CF_RECOVERY))
		tcp_recovery_ack(lc, lp, tc, t, acked);
	else
		tcp_cwnd_grow(lc, tc, t, acked, flight);
	if (unlikely(retried != RETRIED_LOST))
		tcp_retried_acked(lc, lp, tc, t, s, acked, retried);
	if (seq_lt(t->recover, ack)) /* comes along: left 2^31 behind, it would seem to lie ahead */
		t->recover = ack - 1;
}

/* The window opens again: what was sent past its edge, probes among it, may have been thrown away,
 * and how long it was shut says nothing of the path. */
static cold_path void window_opens(struct lcore *lc, struct tc_run *tc, struct tcb *t)
{
	tcp_sack_clear(lc, t);
	t->snd_nxt = t->snd_una;
	t->c.t_rtx = 0;
	t->rto_ms = tcp_rto(tc, t);
	t->retries = t->dup_probes = 0;
	t->c.flags &= ~(CF_RTT_TIMING | CF_RETRANS | CF_RECOVERY);
}

/* SYN-RECEIVED: the ACK that makes it ESTABLISHED, or one that earns a RST. */
static enum step step_ack_syn_rcvd(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t id, const struct pkt *p, struct seg_in *s)
{
	bool syn_lost = t->retries != 0 || t->cwnd != 0;

	if (s->ack != t->snd_una + 1) {
		lp->st->drop.tcp_ack++;
		tcp_refuse(lc, lp, p, s, tcp_refuse_how(tc, t));
		return STEP_STOP;
	}
	tcp_ack_advance(lc, lp, tc, t, s);
	tcp_cwnd_init(tc, t, syn_lost);
	t->snd_wnd = s->wnd << t->snd_wscale;
	t->snd_wl1 = s->seq;
	tcp_established(lc, lp, tc, t, id);
	return t->c.state > CS_CLOSED ? STEP_ON : STEP_GONE;
}

/* Fifth: the ACK field. */
static enum step step_ack(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, const struct pkt *p, struct seg_in *s)
{
	uint32_t wnd = s->wnd << t->snd_wscale, acked = 0;
	bool news = false;

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
		tcp_challenge(lc, lp, t);
		return STEP_STOP;
	}
	if (unlikely(s->n_sack != 0) && (t->opts & TO_SACK))
		news = tcp_sack_take(lc, t, s);
	if (seq_lt(t->snd_una, s->ack)) {
		acked = s->ack - t->snd_una;
		tcp_ack_advance(lc, lp, tc, t, s);
		if (unlikely(news)) /* RFC 6675 §2: a duplicate all the same */
			tcp_dup_ack(lc, lp, tc, t, acked);
	} else if (unlikely(wnd == 0)) {
		t->retries = 0; /* a shut window is answered, not lost */
	} else if (unlikely(news)
		|| (s->ack == t->snd_una && s->len == 0 && wnd == t->snd_wnd
			&& t->snd_max != t->snd_una
			&& !(s->flags & TCP_FIN)
			/* blocks of what is known: something came there twice */
			&& (s->n_sack == 0 || !(t->opts & TO_SACK)))) {
		tcp_dup_ack(lc, lp, tc, t, 0);
	}
	if (unlikely(t->opts & TO_ECN) && (s->flags & TCP_ECE))
		tcp_ece(lc, lp, tc, t, acked);
	if (seq_le(t->snd_una, s->ack) && seq_le(t->snd_wl1, s->seq)) {
		if (unlikely(t->snd_wnd == 0 && wnd != 0))
			window_opens(lc, tc, t);
		t->snd_wnd = wnd;
		t->snd_wl1 = s->seq;
	}
	if ((t->c.flags & CF_FIN_SENT) && t->snd_una == t->snd_max)
		return fin_acked(lc, lp, tc, t, id);
	return STEP_ON;
}

/* timed, constant: the application has APP_WATCH_TIMES. */
static force_inline void deliver(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t id, const uint8_t *data, uint32_t len, bool timed)
{
	uint8_t slot = t->c.app.slot, kind = 0;
	const struct app_tc *app = tc->app[slot];
	struct stats_tc *st = tc->app_st[slot];
	uint64_t responses = timed ? times_in(lc, tc, &t->c, id, len) : 0;
	enum app_act act;

	t->rcv_nxt += len;
	st->rx_bytes += len;
	/* what fills a hole is acknowledged at once, RFC 5681 §4.2 */
	if (tc->ack_delay && !(t->c.flags & CF_ACK_NOW) && t->c.t_ack == 0 && !tcp_has_hole(lc, t))
		t->c.t_ack = deadline_in(lc, TCP_DELACK_MS);
	else
		t->c.flags |= CF_ACK_NOW;
	act = app_deliver(app, &t->c.app, traffic_app_stats(lp, st), data, len,
		!(t->c.flags & (CF_SENDING | CF_WAIT_ACKED)), &kind);
	if (timed)
		times_out(lc, tc, &t->c, id, responses);
	traffic_act(lc, lp, tc, &t->c, id, act, kind, false);
}

static hot_path void deliver_timed(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t id, const uint8_t *data, uint32_t len)
{
	deliver(lc, lp, tc, t, id, data, len, true);
}

void tcp_deliver(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id,
	const uint8_t *data, uint32_t len)
{
	uint8_t watch = conn_app(tc, &t->c)->rx_watch;

	if (unlikely(watch != 0)) {
		if (watch & APP_WATCH_STAMPS)
			latency_bytes(lc, tc, &t->c, data, len);
		if (watch & APP_WATCH_TIMES) {
			deliver_timed(lc, lp, tc, t, id, data, len);
			return;
		}
	}
	deliver(lc, lp, tc, t, id, data, len, false);
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
	if (tcp_has_hole(lc, t)) {
		*fin = tcp_hole_filled(lc, lp, tc, t, id, s);
		return false;
	}
	if (s->len != 0)
		tcp_deliver(lc, lp, tc, t, id, s->data, s->len);
	*fin = s->flags & TCP_FIN;
	return false;
}

static force_inline enum app_act peer_closed(struct lport *lp, struct tc_run *tc, struct tcb *t)
{
	return app_peer_closed(
		conn_app(tc, &t->c), &t->c.app, traffic_app_stats(lp, conn_st(tc, &t->c)));
}

/* It may be the end of a response. */
static apart enum app_act peer_closed_timed(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	uint64_t responses = times_in(lc, tc, &t->c, id, 0);
	enum app_act act = peer_closed(lp, tc, t);

	times_out(lc, tc, &t->c, id, responses);
	return act;
}

/* Eighth: the peer's FIN, in order. */
void tcp_step_fin(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	enum app_act act;

	lp->st->tcp.rx_fin++;
	t->rcv_nxt++;
	t->c.flags |= CF_ACK_NOW;
	switch (t->c.state) {
	case CS_ESTAB:
		tcp_state_set(lp, t, CS_CLOSE_WAIT);
		act = unlikely(conn_app(tc, &t->c)->rx_watch & APP_WATCH_TIMES)
			? peer_closed_timed(lc, lp, tc, t, id)
			: peer_closed(lp, tc, t);
		traffic_act(lc, lp, tc, &t->c, id, act, 0, false);
		break;
	case CS_FIN_WAIT_1:
		tcp_state_set(lp, t, CS_CLOSING);
		break;
	case CS_FIN_WAIT_2:
		tcp_time_wait(lc, lp, tc, t, id, conn_hash(&t->c, tc->vlan));
		break;
	default:
		break;
	}
}

/* RFC 3168 §6.1.3: CE is told with ECE until CWR comes. */
static cold_path void ecn_in(
	struct lport *lp, struct tcb *t, const struct pkt *p, const struct seg_in *s)
{
	const struct ip4_hdr *ip = rte_pktmbuf_mtod_offset(p->m, struct ip4_hdr *, p->l2_len);

	if (s->flags & TCP_CWR)
		t->opts &= ~TO_ECE;
	if ((ip->tos & IP_ECN_CE) == IP_ECN_CE) {
		t->opts |= TO_ECE;
		lp->st->tcp.rx_ce++;
	}
}

/* The window, for a segment with options or a connection that wants some. */
static force_inline enum step step_options(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, const struct pkt *p, struct seg_in *s)
{
	uint32_t seq = s->seq;
	enum step step = STEP_ON;

	seg_read_options(p, s);
	if (t->opts & TO_TS)
		step = step_paws(lc, lp, t, s);
	if (likely(step == STEP_ON))
		step = step_window(lc, lp, tc, t, s);
	if ((t->opts & TO_TS) && step == STEP_ON && s->has_ts && seq_le(seq, t->ts.last_ack))
		t->ts.recent = s->tsval;                   /* RFC 7323 §4.3 */
	if (unlikely(t->opts & TO_ECN) && step == STEP_ON) /* RFC 3168 §6.1.5 */
		ecn_in(lp, t, p, s);
	return step;
}

/* Any other, in any state from SYN-RECEIVED on. True: the buffer is kept. */
static bool steps(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	struct pkt *p, struct seg_in *s)
{
	bool fin = false, kept = false;
	enum step step;

	if (likely(((struct tcp_hdr *)p->l4)->off == 0x50 && !(t->opts & (TO_TS | TO_ECN))))
		step = step_window(lc, lp, tc, t, s);
	else
		step = step_options(lc, lp, tc, t, p, s);
	if (step == STEP_ON && unlikely(s->flags & (TCP_RST | TCP_SYN)))
		step = step_rst_syn(lc, lp, tc, t, p->id, s);
	if (step == STEP_ON)
		step = step_ack(lc, lp, tc, t, p->id, p, s);
	if (step == STEP_ON) {
		kept = step_text(lc, lp, tc, t, p->id, p, s, &fin);
		if (fin && t->c.state > CS_CLOSED)
			tcp_step_fin(lc, lp, tc, t, p->id);
	}
	if (step != STEP_GONE && t->c.state > CS_CLOSED)
		tcp_output(lc, lp, tc, t, p->id);
	return kept;
}

bool tcp_stray_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct seg_in s;

	seg_read_hdr(p, &s);
	lp->st->tcp.rx_bytes += s.len;
	tcp_listen_in(lc, lp, p, &s, NULL);
	return false;
}

bool tcp_opening_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p)
{
	struct seg_in s;

	seg_read_hdr(p, &s);
	lp->st->tcp.rx_bytes += s.len;
	tcp_syn_sent_in(lc, lp, tc, t, p->id, p, &s);
	return false;
}

bool tcp_other_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p)
{
	struct seg_in s;

	seg_read_hdr(p, &s);
	lp->st->tcp.rx_bytes += s.len;
	if (unlikely(tcp_reopens(t, p, &s))) {
		uint32_t used = t->snd_max;

		tcp_end(lc, lp, tc, t, p->id);
		tcp_listen_in(lc, lp, p, &s, &used);
		return false;
	}
	if (unlikely(t->c.state == CS_SYN_RCVD && (s.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN
		    && s.seq == t->rcv_nxt - 1)) {
		tcp_syn_again(lc, lp, tc, t);
		return false;
	}
	return steps(lc, lp, tc, t, p, &s);
}
