/* A TCP endpoint's deadlines: retransmission (RFC 6298 §5), persist, delayed ACK, and how long the
 * closing states may last. */
#include "engine/l4_tcp/tcp_priv.h"

/* ms that the peer has been silent for, when the timer has fired n times: RFC 9293 §3.8.3 counts the
 * user time-out from the first transmission. */
static uint32_t silent_ms(const struct tc_run *tc, const struct tcb *t, uint32_t n)
{
	uint32_t ms = tcp_rto(tc, t), sum = 0;

	for (uint32_t i = 0; i < n; i++, ms = MIN_OF(2 * ms, TCP_RTO_MAX_MS))
		sum += ms;
	return sum;
}

static bool user_timeout(const struct tc_run *tc, const struct tcb *t)
{
	return tc->user_to_ms != 0 && silent_ms(tc, t, t->retries + 1u) >= tc->user_to_ms;
}

/* It comes before the next retransmission would. */
static void user_timeout_next(struct lcore *lc, const struct tc_run *tc, struct tcb *t, uint32_t id)
{
	if (likely(tc->user_to_ms == 0) || !user_timeout(tc, t))
		return;
	t->c.t_rtx = deadline_in(lc, tc->user_to_ms - silent_ms(tc, t, t->retries));
	wheel_arm(lc, &t->c, id);
}

static void back_off(struct tcb *t)
{
	t->rto_ms = MIN_OF((uint32_t)t->rto_ms * 2, TCP_RTO_MAX_MS);
}

/* SYN or SYN-ACK was not answered. False: given up, the endpoint is gone. */
static bool syn_again(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	bool active = t->c.state == CS_SYN_SENT;

	if (t->retries >= (active ? tc->syn_retry : tc->syn_ack_retry) || user_timeout(tc, t)) {
		if (active)
			lp->st->tsm.syn_to++;
		else
			lp->st->tsm.synack_to++;
		traffic_failed(tc, &t->c, &tc->st->failed_syn);
		tcp_end(lc, lp, tc, t, id);
		return false;
	}
	t->retries++;
	back_off(t);
	tcp_send_syn(lc, lp, tc, t, id, active ? TCP_SYN : TCP_SYN | TCP_ACK);
	user_timeout_next(lc, tc, t, id);
	return true;
}

/* The window stays shut: one byte past it asks for news (RFC 9293 §3.8.6.1). The intervals grow,
 * the RTO does not. */
static void probe(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	uint32_t ms = (uint32_t)tcp_rto(tc, t) << MIN_OF(t->probes, 16);

	lp->st->tsm.win_probes++;
	t->probes += t->probes < PROBES_MAX;
	t->snd_nxt = t->snd_una;
	t->snd_wnd = 1;
	tcp_output(lc, lp, tc, t, id);
	t->snd_wnd = 0;
	t->c.t_rtx = deadline_in(lc, MIN_OF(ms, TCP_RTO_MAX_MS));
}

/* Data or FIN was not acknowledged, or the window stays shut. False: given up. */
static bool data_again(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	uint32_t flight = t->snd_max - t->snd_una;
	bool fin_only = flight == 1 && (t->c.flags & CF_FIN_SENT);
	bool again = t->retries != 0 && (t->c.flags & CF_RETRANS);

	if (t->retries >= (fin_only ? tc->retry : tc->data_retry) || user_timeout(tc, t)) {
		lp->st->tsm.retrans_to++;
		tcp_abort(lc, t, id, &tc->st->failed_retry);
		return false;
	}
	if (t->snd_wnd != 0 && tcp_tail_probe(lc, lp, tc, t, id)) {
		t->retries++;
		back_off(t);
		t->c.t_rtx = deadline_in(lc, t->rto_ms);
		user_timeout_next(lc, tc, t, id);
		return true;
	}
	t->retries++;
	t->c.flags |= CF_RETRANS;
	t->c.flags &= ~(CF_RTT_TIMING | CF_RECOVERY);
	t->dupacks = 0;
	tcp_sack_clear(lc, t);
	if (t->snd_wnd == 0 && !fin_only) {
		probe(lc, lp, tc, t, id);
		return true;
	}
	lp->st->tsm.rto++;
	back_off(t);
	t->recover = t->snd_max;
	tcp_cwnd_collapse(tc, t, again);
	t->snd_nxt = t->snd_una;
	tcp_output(lc, lp, tc, t, id);
	user_timeout_next(lc, tc, t, id);
	return true;
}

static void life_over(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	t->c.t_life = 0;
	switch (t->c.state) {
	case CS_TIME_WAIT:
		tcp_end(lc, lp, tc, t, id);
		break;
	case CS_FIN_WAIT_1:
	case CS_FIN_WAIT_2:
		tcp_abort(lc, t, id, &tc->st->failed_to);
		break;
	default:
		break;
	}
}

void tcp_timer(struct lcore *lc, struct tcb *t, uint32_t id)
{
	struct lport *lp = lcore_lport(lc, t->c.port);
	struct tc_run *tc = lcore_tc(lc, t->c.port, t->c.tcid);

	if (deadline_due(t->c.t_rtx, lc->now_ms)) {
		bool opening = t->c.state == CS_SYN_SENT || t->c.state == CS_SYN_RCVD;

		t->c.t_rtx = 0;
		if (!(opening ? syn_again(lc, lp, tc, t, id) : data_again(lc, lp, tc, t, id)))
			return;
	}
	if (deadline_due(t->c.t_ack, lc->now_ms)) {
		t->c.t_ack = deadline_in(lc, 1);
		if (likely(tx_room_session(lc, lp))) /* many may be due at once */
			tcp_ack(lc, lp, tc, t);
	}
	if (deadline_due(t->c.t_life, lc->now_ms))
		life_over(lc, lp, tc, t, id);
}
