/* Segments out: what may be sent now (RFC 9293 §3.8, 5681), and how a segment is built. */
#include "engine/l3_ip/l3_ip_hot.h"
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_atomic.h>
#include <rte_byteorder.h>

#include <string.h>

/* The bytes of the stream at seq, out of the application's messages. Bytes before tx_base belong to
 * earlier messages of the same kind: kinds change only when all is acknowledged. */
static force_inline void payload_copy(struct lcore *lc, const struct tc_run *tc,
	const struct tcb *t, uint32_t seq, uint8_t *to, uint32_t len)
{
	const struct app_tc *app = conn_app(tc, &t->c);
	uint8_t kind = TXK_NOW(t->c.tx_kind);
	uint32_t off = seq - t->c.tx_base;

	if (unlikely(seq_lt(seq, t->c.tx_base))) {
		uint32_t size = app->msg[kind].len;

		off = (t->c.tx_base - seq) % size;
		off = off == 0 ? 0 : size - off;
	}
	if (unlikely(!app_short_copy(app, kind, off, to, len)))
		traffic_payload(app, kind, off, to, len);
	if (unlikely(app->tx_stamp))
		traffic_stamp(lc, app, off, to, len);
}

/* The window to advertise: data is consumed at once, so it is always the configured one. */
static uint16_t window_field(const struct tc_run *tc, const struct tcb *t, bool syn)
{
	uint32_t w = tc->win;

	if (syn)
		return MIN_OF(w, UINT16_MAX);
	w >>= t->rcv_wscale;
	return MIN_OF(w, UINT16_MAX);
}

/* Five words; off_wnd: the one of data offset, flags and window. */
static force_inline void header_words(
	struct tcp_hdr *th, const struct tcb *t, uint32_t seq, uint32_t ack, uint32_t off_wnd)
{
	uint32_t pair = be_32(load_32(&t->c.lport)); /* both, and the second first */

	static_assert(offsetof(struct conn, rport) == offsetof(struct conn, lport) + 2);
	pair = pair << 16 | pair >> 16;
	memcpy(&th->sport_be16, &pair, sizeof(pair));
	th->seq_be32 = be_32(seq);
	rte_compiler_barrier(); /* else they are put together in vector registers: 5 instructions more */
	th->ack_be32 = be_32(ack);
	memcpy(&th->off, &off_wnd, sizeof(off_wnd));
	memset(&th->csum, 0, sizeof(th->csum) + sizeof(th->urg_be16));
}

static force_inline void header_write(struct tcp_hdr *th, const struct tcb *t, uint32_t seq,
	uint8_t flags, uint16_t wnd, uint16_t opt_len)
{
	uint32_t off_wnd = (uint32_t)(sizeof(*th) + opt_len) << 2 | (uint32_t)flags << 8
		| (uint32_t)be_16(wnd) << 16;

	header_words(th, t, seq, flags & TCP_ACK ? t->rcv_nxt : 0, off_wnd);
}

/* RFC 3168: on a SYN that we can, on an ACK what was seen; new data may be marked on its way, but no
 * probe of a window (§6.1.6). */
static cold_path uint8_t ecn_out(
	struct lport *lp, struct tcb *t, uint32_t seq, uint8_t flags, uint32_t len, uint8_t *tos)
{
	if (flags & TCP_SYN)
		return flags & TCP_ACK ? flags | TCP_ECE : flags | TCP_ECE | TCP_CWR;
	if ((t->opts & TO_ECE) && (flags & TCP_ACK))
		flags |= TCP_ECE;
	if (len == 0 || seq_lt(seq, t->snd_max) || t->probes != 0)
		return flags;
	*tos = IP_ECN_ECT0;
	if (t->opts & TO_CWR) {
		t->opts &= ~TO_CWR;
		flags |= TCP_CWR;
		lp->st->tcp.tx_cwr++;
	}
	return flags;
}

/* The SACK option: which data is here beyond a hole. */
static cold_path uint16_t sack_out(
	const struct lcore *lc, const struct tcb *t, uint8_t flags, uint32_t len, uint8_t *at)
{
	uint32_t room = TCP_OPTS_MAX - (t->opts & TO_TS ? TCP_OPT_TS_LEN : 0);

	if (!(t->opts & TO_SACK) || !(flags & TCP_ACK) || len >= t->c.mss)
		return 0;
	return tcp_write_sack(tcp_side(lc, t), at, MIN_OF(room, t->c.mss - len));
}

static force_inline void timestamps_write(
	const struct lcore *lc, const struct tcb *t, uint8_t flags, uint8_t *at)
{
	uint32_t o[3] = {RTE_BE32(0x0101080a), be_32(tcp_ts_now(lc)),
		flags & TCP_ACK ? be_32(t->ts.recent) : 0};

	memcpy(at, o, sizeof(o));
}

/* No buffer, or nobody is there. */
static cold_path bool not_out(struct lport *lp, uint32_t len)
{
	if (len != 0)
		lp->st->tcp.tx_data_failed++;
	else
		lp->st->tcp.tx_ctrl_failed++;
	return false;
}

/* What nearly every segment is: an ACK, without options of TCP. */
static force_inline bool segment_is_plain(const struct tcb *t)
{
	return likely(!(t->opts & (TO_TS | TO_ECN | TO_ACK_APART)) && t->side == CONN_NONE);
}

/* how: ipv4_out()'s. */
static force_inline bool segment_plain(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t seq, uint8_t flags, uint32_t len, uint16_t how)
{
	struct rte_mbuf *m;
	uint8_t *l4;

	static_assert(TO_WSCALE == 1, "which of the two windows");
	if (unlikely(ipv4_out(lc, lp, tc->vlan_tci, how, t->c.laddr, t->c.raddr, IPPROTO_TCP4,
			     (uint16_t)(sizeof(struct tcp_hdr) + len), &m, &l4)
		    != 0))
		return not_out(lp, len);
	header_words((struct tcp_hdr *)l4, t, seq, t->rcv_nxt,
		tc->off_wnd[t->opts & TO_WSCALE] | (uint32_t)flags << 8);
	if (len != 0) {
		payload_copy(lc, tc, t, seq, l4 + sizeof(struct tcp_hdr), len);
		lp->st->tcp.tx_data_pkts++;
		lp->st->tcp.tx_data_bytes += len;
	} else {
		lp->st->tcp.tx_ctrl_pkts++;
	}
	ipv4_send(lc, lp, m, l4, how);
	t->c.flags &= ~CF_ACK_NOW;
	t->c.t_ack = 0;
	return true;
}

/* Builds and sends it; syn is constant. extra: options that not every segment has, n_extra bytes.
 * how: ipv4_out()'s. */
static force_inline bool segment_out(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t seq, uint8_t flags, uint32_t len, bool syn, const uint8_t *extra,
	uint16_t n_extra, uint16_t how)
{
	bool ts = !syn && (t->opts & TO_TS);
	uint16_t opt = (syn ? tcp_syn_options_len(t) : ts ? TCP_OPT_TS_LEN : 0) + n_extra;
	struct rte_mbuf *m;
	uint8_t *l4, *at;

	if (unlikely(ipv4_out(lc, lp, tc->vlan_tci, how, t->c.laddr, t->c.raddr, IPPROTO_TCP4,
			     sizeof(struct tcp_hdr) + opt + len, &m, &l4)
		    != 0))
		return not_out(lp, len);
	header_write((struct tcp_hdr *)l4, t, seq, flags, window_field(tc, t, syn), opt);
	at = l4 + sizeof(struct tcp_hdr);
	if (syn)
		tcp_write_syn_options(lc, tc, t, flags & TCP_ACK, at);
	else if (ts)
		timestamps_write(lc, t, flags, at);
	if (n_extra != 0)
		memcpy(at + opt - n_extra, extra, n_extra);
	if (len != 0) {
		payload_copy(lc, tc, t, seq, at + opt, len);
		lp->st->tcp.tx_data_pkts++;
		lp->st->tcp.tx_data_bytes += len;
	} else {
		lp->st->tcp.tx_ctrl_pkts++;
	}
	ipv4_send(lc, lp, m, l4, how);
	if (flags & TCP_ACK) {
		t->c.flags &= ~CF_ACK_NOW;
		t->c.t_ack = 0;
		if (ts)
			t->ts.last_ack = t->rcv_nxt;
	}
	return true;
}

/* With what only some segments have: ECN, SACK; or what goes before it: an ACK that is owed, and
 * may not ride (ack-on-data 0). */
static cold_path bool segment_out_rare(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t seq, uint8_t flags, uint32_t len)
{
	uint8_t sack[TCP_OPTS_MAX], ecn = 0;
	uint16_t n = 0, owed, how = tc->ip_how;
	bool ok;

	if ((t->opts & TO_ACK_APART) && (len != 0 || (flags & TCP_FIN))
		&& ((t->c.flags & CF_ACK_NOW) || t->c.t_ack != 0)
		&& !segment_out_rare(lc, lp, tc, t, t->snd_max, TCP_ACK, 0))
		return false;
	if (t->opts & TO_ECN) { /* then two bits of tos are TCP's, whatever the user has set */
		flags = ecn_out(lp, t, seq, flags, len, &ecn);
		how = (how & ~IP_ECN_MASK) | ecn;
	}
	if (flags & TCP_SYN)
		return segment_out(lc, lp, tc, t, seq, flags, len, true, NULL, 0, how);
	if (!tcp_has_hole(lc, t))
		return segment_out(lc, lp, tc, t, seq, flags, len, false, NULL, 0, how);
	n = sack_out(lc, t, flags, len, sack);
	/* data without blocks is no duplicate ACK: that which the hole is owed goes by itself */
	owed = len != 0 && n == 0 ? t->c.flags & CF_ACK_NOW : 0;
	ok = segment_out(lc, lp, tc, t, seq, flags, len, false, sack, n, how);
	t->c.flags |= owed;
	return ok;
}

/* A SYN, or one that has options: of IP or of TCP. Its timestamps alone are not rare. */
static apart bool segment_other(struct lcore *lc, struct lport *lp, struct tc_run *tc,
	struct tcb *t, uint32_t seq, uint8_t flags, uint32_t len)
{
	if (segment_is_plain(t) && !(flags & TCP_SYN))
		return segment_plain(lc, lp, tc, t, seq, flags, len, tc->ip_how);
	if (unlikely((t->opts & (TO_ECN | TO_ACK_APART)) || t->side != CONN_NONE))
		return segment_out_rare(lc, lp, tc, t, seq, flags, len);
	if (flags & TCP_SYN)
		return segment_out(lc, lp, tc, t, seq, flags, 0, true, NULL, 0, tc->ip_how);
	return segment_out(lc, lp, tc, t, seq, flags, len, false, NULL, 0, tc->ip_how);
}

bool tcp_send(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t seq,
	uint8_t flags, uint32_t len)
{
	if (unlikely(!segment_is_plain(t)))
		return segment_other(lc, lp, tc, t, seq, flags, len);
	if (likely(tc->ip_how < IP_STAMP))
		return segment_plain(lc, lp, tc, t, seq, flags, len, (uint8_t)tc->ip_how);
	return segment_plain(lc, lp, tc, t, seq, flags, len, IP_STAMP | (uint8_t)tc->ip_how);
}

void tcp_ack(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t)
{
	if (segment_is_plain(t) && likely(tc->ip_how < IP_STAMP))
		segment_plain(lc, lp, tc, t, t->snd_max, TCP_ACK, 0, (uint8_t)tc->ip_how);
	else
		segment_other(lc, lp, tc, t, t->snd_max, TCP_ACK, 0);
}

/* With all the options that the test case offers, none of them a timestamp. */
static force_inline bool syn_plain(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint8_t flags)
{
	const struct syn_form *f = &tc->syn;
	struct rte_mbuf *m;
	uint8_t *l4, tos = (uint8_t)tc->ip_how;

	if (unlikely(ipv4_out(lc, lp, tc->vlan_tci, tos, t->c.laddr, t->c.raddr, IPPROTO_TCP4,
			     (uint16_t)(sizeof(struct tcp_hdr) + f->len), &m, &l4)
		    != 0))
		return not_out(lp, 0);
	header_words((struct tcp_hdr *)l4, t, t->snd_una, flags & TCP_ACK ? t->rcv_nxt : 0,
		f->off_wnd | (uint32_t)flags << 8);
	memcpy(l4 + sizeof(struct tcp_hdr), f->opt, sizeof(f->opt)); /* some are too many */
	lp->st->tcp.tx_ctrl_pkts++;
	ipv4_send(lc, lp, m, l4, tos);
	return true;
}

static bool syn_out(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint8_t flags)
{
	if (likely(t->opts == tc->offers && tc->syn.len != 0))
		return syn_plain(lc, lp, tc, t, flags);
	return segment_other(lc, lp, tc, t, t->snd_una, flags, 0);
}

void tcp_forms(struct tc_run *tc)
{
	struct tcb t = {.opts = tc->offers, .rcv_wscale = tc->wscale};

	tc->off_wnd[TO_WSCALE] = 0x50 | (uint32_t)be_16(window_field(tc, &t, false)) << 16;
	tc->syn = (struct syn_form){0};
	if (!(tc->offers & (TO_TS | TO_ECN)) && tc->ip_how < IP_STAMP) {
		tc->syn.len = tcp_syn_options_len(&t);
		tc->syn.off_wnd = (uint32_t)(sizeof(struct tcp_hdr) + tc->syn.len) << 2
			| (uint32_t)be_16(window_field(tc, &t, true)) << 16;
		tcp_write_syn_options(NULL, tc, &t, false, tc->syn.opt);
	}
	t.rcv_wscale = 0;
	tc->off_wnd[0] = 0x50 | (uint32_t)be_16(window_field(tc, &t, false)) << 16;
	tcp_tcb_form(tc);
}

void tcp_syn_again(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t)
{
	t->c.flags &= ~CF_RTT_TIMING; /* Karn */
	if (!syn_out(lc, lp, tc, t, TCP_SYN | TCP_ACK))
		return;
	lp->st->tcp.tx_syn++;
	lp->st->tsm.retrans_pkts++;
}

void tcp_send_syn(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id,
	uint8_t flags)
{
	if (t->retries != 0)
		t->opts &= ~TO_ECN; /* RFC 3168 §6.1.1.1: perhaps it was dropped for that */
	if (syn_out(lc, lp, tc, t, flags)) {
		lp->st->tcp.tx_syn++;
		if (t->retries == 0) {
			/* a SYN-ACK's timestamp is in use: then that tells */
			if (!(flags & TCP_ACK) || !(t->opts & TO_TS)) {
				t->c.flags |= CF_RTT_TIMING;
				t->timed.seq = t->snd_una;
				t->timed.start_us = (uint32_t)lc->now_us;
			}
		} else {
			t->c.flags &= ~CF_RTT_TIMING; /* Karn */
			lp->st->tsm.retrans_pkts++;
		}
	}
	t->snd_nxt = t->snd_max = t->snd_una + 1;
	t->c.t_rtx = deadline_in(lc, t->rto_ms); /* the only deadline */
	wheel_arm_at(lc, &t->c, id, t->c.t_rtx);
}

void tcp_refuse(struct lcore *lc, struct lport *lp, const struct pkt *p, const struct seg_in *s,
	uint16_t how)
{
	struct tcb t = {.c = {.lport = p->dport, .rport = p->sport}};
	uint32_t seq = s->flags & TCP_ACK ? s->ack : 0;
	uint8_t flags = s->flags & TCP_ACK ? TCP_RST : TCP_RST | TCP_ACK, *l4;
	struct rte_mbuf *m;

	t.rcv_nxt = s->seq + s->len + !!(s->flags & TCP_SYN) + !!(s->flags & TCP_FIN);
	if (ipv4_out(lc, lp, p->vlan, how, p->dst, p->src, IPPROTO_TCP4, sizeof(struct tcp_hdr), &m,
		    &l4)
		!= 0)
		return;
	header_write((struct tcp_hdr *)l4, &t, seq, flags, 0, 0);
	ipv4_send(lc, lp, m, l4, how);
	lp->st->tcp.tx_ctrl_pkts++;
	lp->st->tcp.tx_rst++;
}

/* Counts a segment at snd_nxt that is on its way and moves snd_nxt; starts timing and the
 * retransmission timer. */
static force_inline void sent(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t len, bool fin)
{
	uint32_t end = t->snd_nxt + len, fresh = len;

	if (unlikely(seq_lt(t->snd_nxt, t->snd_max))) { /* again, at least in part */
		fresh = seq_lt(t->snd_max, end) ? end - t->snd_max : 0;
		lp->st->tsm.retrans_pkts++;
		lp->st->tsm.retrans_bytes += len - fresh;
	} else if (!(t->opts & TO_TS) && !(t->c.flags & CF_RTT_TIMING)) {
		t->c.flags |= CF_RTT_TIMING;
		t->timed.seq = t->snd_nxt;
		t->timed.start_us = (uint32_t)lc->now_us;
	}
	conn_st(tc, &t->c)->tx_bytes += fresh;
	if (fin) {
		lp->st->tcp.tx_fin++;
		t->c.flags |= CF_FIN_SENT;
	}
	t->snd_nxt = end + fin;
	if (seq_lt(t->snd_max, t->snd_nxt))
		t->snd_max = t->snd_nxt;
	if (t->c.t_rtx == 0)
		t->c.t_rtx = deadline_in(lc, t->rto_ms);
}

bool tcp_resend(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t seq,
	uint32_t max)
{
	bool fin_sent = t->c.flags & CF_FIN_SENT;
	uint32_t left = t->snd_max - seq - fin_sent, len = MIN_OF(left, max);
	bool fin = fin_sent && len == left && (len == 0 || !(t->opts & TO_FIN_APART));
	uint8_t flags = fin ? TCP_ACK | TCP_FIN : TCP_ACK;

	t->c.flags &= ~CF_RTT_TIMING; /* Karn */
	if (seq == t->snd_una)
		t->c.t_rtx = deadline_in(lc, t->rto_ms);
	if (!tcp_send(lc, lp, tc, t, seq, flags, len))
		return false;
	if (tcp_has_sacked(lc, t))
		tcp_sack_resent(lc, t, seq, len + fin);
	lp->st->tsm.retrans_pkts++;
	lp->st->tsm.retrans_bytes += len;
	lp->st->tcp.tx_fin += fin;
	return true;
}

#define CHALLENGES_A_SECOND 10000

void tcp_challenge(struct lcore *lc, struct lport *lp, struct tcb *t)
{
	if (lc->now_ms - lc->challenge_ms >= 1000) {
		lc->challenge_ms = lc->now_ms;
		lc->n_challenges = 0;
	}
	if (lc->n_challenges == CHALLENGES_A_SECOND) {
		lp->st->tcp.chal_limited++;
		return;
	}
	lc->n_challenges++;
	lp->st->tcp.tx_chal_ack++;
	t->c.flags |= CF_ACK_NOW;
}

/* FIN is on its way for the first time. */
static force_inline void fin_sent(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t)
{
	if (t->c.state == CS_ESTAB || t->c.state == CS_SYN_RCVD) {
		tcp_state_set(lp, t, CS_FIN_WAIT_1);
		t->c.t_life = tc->orphan_to_ms ? deadline_in(lc, tc->orphan_to_ms) : 0;
	} else if (t->c.state == CS_CLOSE_WAIT) {
		tcp_state_set(lp, t, CS_LAST_ACK);
		t->c.t_life = 0;
	}
}

static apart void sent_act(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, enum app_act act, uint8_t kind)
{
	traffic_act(lc, lp, tc, &t->c, id, act, kind, true);
}

/* The whole of the message has been sent once: what next? */
static void message_sent(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	uint8_t kind = TXK_NOW(t->c.tx_kind);
	uint8_t slot = t->c.app.slot;
	struct stats_tc *st = tc->app_st[slot];
	enum app_act act;

	t->c.flags &= ~CF_SENDING;
	st->tx_msgs++;
	act = app_sent(tc->app[slot], &t->c.app, traffic_app_stats(lp, st), &kind);
	if (act != APP_NONE && !traffic_close_plain(lp, tc, &t->c, act))
		sent_act(lc, lp, tc, t, id, act, kind);
}

/* The same when ACKs tell of a hole: what has left the network makes room. */
static cold_path uint32_t usable_rare(const struct lcore *lc, const struct tcb *t, uint32_t flight)
{
	uint32_t pipe = tcp_pipe(lc, t), cwnd = t->cwnd;

	if (!tcp_has_sacked(lc, t) && !(t->c.flags & CF_RECOVERY))
		cwnd += MIN_OF((uint32_t)t->dupacks, TCP_DUPACKS - 1u) * t->c.mss; /* RFC 3042 */
	if (cwnd <= pipe || t->snd_wnd <= flight)
		return 0;
	return MIN_OF(t->snd_wnd - flight, cwnd - pipe);
}

/* Bytes that may be sent from snd_nxt on, by the peer's window and ours of congestion. */
static force_inline uint32_t usable(const struct lcore *lc, const struct tcb *t)
{
	uint32_t wnd = MIN_OF(t->snd_wnd, t->cwnd), flight = t->snd_nxt - t->snd_una;

	if (unlikely(t->side != CONN_NONE || t->dupacks != 0))
		return usable_rare(lc, t, flight);
	return wnd > flight ? wnd - flight : 0;
}

/* May FIN go with len bytes from snd_nxt on? */
static bool fin_follows(const struct tcb *t, uint32_t len)
{
	return t->snd_nxt + len == t->c.tx_end
		&& ((t->c.flags & (CF_CLOSE | CF_SENDING | CF_WAIT_ACKED)) == CF_CLOSE
			|| (t->c.flags & CF_FIN_SENT))
		&& (len == 0 || likely(!(t->opts & TO_FIN_APART)));
}

/* Nothing is in flight and the window is shut: the persist timer (RFC 9293 §3.8.6.1). */
static apart void window_shut(struct lcore *lc, struct lport *lp, struct tcb *t)
{
	if (t->snd_nxt != t->snd_una || t->c.t_rtx != 0)
		return;
	lp->st->tsm.snd_win_full++;
	t->c.t_rtx = deadline_in(lc, t->rto_ms);
}

/* One segment of data, FIN with the last or after it. False: nothing more may be sent now. */
static force_inline bool output_one(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	uint32_t left = seq_lt(t->snd_nxt, t->c.tx_end) ? t->c.tx_end - t->snd_nxt : 0;
	uint32_t len = MIN_OF(left, MIN_OF(usable(lc, t), t->c.mss));
	uint8_t flags = TCP_ACK;
	bool fin;

	if (len == 0 && left != 0) {
		window_shut(lc, lp, t);
		return false;
	}
	/* sender's silly window avoidance, RFC 9293 §3.8.6.2.1 */
	if (len < left && len < t->c.mss && t->snd_nxt != t->snd_una)
		return false;
	if (unlikely(len != 0 && !tx_room(lc, lp))) {
		traffic_block(lc, lp, &t->c, id);
		return false;
	}
	if (len == left && len != 0)
		flags |= TCP_PSH;
	/* before it is built, so that the FIN of an application that is done rides on its last
	 * segment */
	if (len == left && (t->c.flags & CF_SENDING))
		message_sent(lc, lp, tc, t, id);
	fin = fin_follows(t, len);
	if (len == 0 && !fin)
		return false;
	if (fin)
		flags |= TCP_FIN;
	if (unlikely(!tcp_send(lc, lp, tc, t, t->snd_nxt, flags, len))) {
		if (t->c.t_rtx == 0)
			t->c.t_rtx = deadline_in(lc, t->rto_ms);
		return false;
	}
	sent(lc, lp, tc, t, len, fin);
	if (fin)
		fin_sent(lc, lp, tc, t);
	return !fin
		&& (t->snd_nxt != t->c.tx_end
			|| (t->c.flags & (CF_CLOSE | CF_SENDING | CF_FIN_SENT)));
}

/* With a side block: holes first, and nothing again that the peer has. */
static cold_path void output_holes(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	if ((t->c.flags & CF_RECOVERY) && tcp_has_sacked(lc, t))
		tcp_recovery_output(lc, lp, tc, t);
	do {
		if (tcp_has_sacked(lc, t) && seq_lt(t->snd_nxt, t->snd_max))
			t->snd_nxt = tcp_sack_skip(lc, t, t->snd_nxt);
	} while (output_one(lc, lp, tc, t, id));
}

#define RIDE_MAX 16384 /* that wait for room: fewer are through before their peers wonder */
#define RIDE_MS 10     /* else it goes by itself */

/* Data waits for room in the port: its ACK waits with it, as one that is delayed, and rides on it. But
 * each segment beyond a hole has its own at once (RFC 5681 §4.2), and one that may not ride waits for
 * nothing. */
static apart bool ack_waits(const struct lcore *lc, const struct lport *lp, struct tcb *t)
{
	if (lp->blocked.n > RIDE_MAX || t->side != CONN_NONE || (t->opts & TO_ACK_APART))
		return false;
	t->c.flags &= ~CF_ACK_NOW;
	if (t->c.t_ack == 0)
		t->c.t_ack = deadline_in(lc, RIDE_MS);
	return true;
}

void tcp_output(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	if (likely(t->c.state >= CS_ESTAB && t->c.state < CS_TIME_WAIT
		    && t->c.state != CS_FIN_WAIT_2)) {
		if (unlikely((t->c.flags & CF_WAIT_ACKED) && t->snd_una == t->c.tx_end))
			conn_begin_waiting(tc, &t->c);
		if (unlikely(t->side != CONN_NONE))
			output_holes(lc, lp, tc, t, id);
		else
			while (output_one(lc, lp, tc, t, id))
				;
	}
	if ((t->c.flags & CF_ACK_NOW)
		&& likely(!(t->c.flags & CF_BLOCKED) || !ack_waits(lc, lp, t)))
		tcp_ack(lc, lp, tc, t);
	wheel_arm(lc, &t->c, id);
}
