/* A TCP endpoint's deadlines: retransmission (RFC 6298 §5), persist, delayed ACK, and how long the
 * closing states may last. */
#include "engine/l4_tcp/tcp_priv.h"

static bool due(uint32_t deadline, uint32_t now)
{
	return deadline != 0 && (int32_t)(deadline - now) <= 0;
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

	if (t->retries >= (active ? tc->syn_retry : tc->syn_ack_retry)) {
		if (active)
			lp->st->tsm.syn_to++;
		else
			lp->st->tsm.synack_to++;
		tc->st->failed_syn++;
		tcp_end(lc, lp, tc, t, id);
		return false;
	}
	t->retries++;
	back_off(t);
	tcp_send_syn(lc, lp, tc, t, id, active ? TCP_SYN : TCP_SYN | TCP_ACK);
	return true;
}

/* Data or FIN was not acknowledged, or the window stays shut. False: given up. */
static bool data_again(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	uint32_t flight = t->snd_max - t->snd_una;
	bool fin_only = flight == 1 && (t->c.flags & CF_FIN_SENT);

	if (t->retries >= (fin_only ? tc->retry : tc->data_retry)) {
		lp->st->tsm.retrans_to++;
		tcp_abort(lc, t, id, &tc->st->failed_retry);
		return false;
	}
	t->retries++;
	back_off(t);
	t->c.flags |= CF_RETRANS;
	t->c.flags &= ~CF_RTT_TIMING;
	t->dupacks = 0;
	if (t->snd_wnd == 0) { /* persist: one byte past the window */
		uint32_t was = t->snd_wnd;

		lp->st->tsm.win_probes++;
		t->snd_nxt = t->snd_una;
		t->snd_wnd = 1;
		tcp_output(lc, lp, tc, t, id);
		t->snd_wnd = was;
		t->c.t_rtx = (lc->now_ms + t->rto_ms) | 1;
		return true;
	}
	t->ssthresh = MAX_OF(flight / 2, 2u * t->c.mss);
	t->cwnd = t->c.mss;
	t->snd_nxt = t->snd_una;
	tcp_output(lc, lp, tc, t, id);
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

	if (due(t->c.t_rtx, lc->now_ms)) {
		bool opening = t->c.state == CS_SYN_SENT || t->c.state == CS_SYN_RCVD;

		t->c.t_rtx = 0;
		if (!(opening ? syn_again(lc, lp, tc, t, id) : data_again(lc, lp, tc, t, id)))
			return;
	}
	if (due(t->c.t_ack, lc->now_ms)) {
		t->c.t_ack = 0;
		tcp_ack(lc, lp, tc, t);
	}
	if (due(t->c.t_life, lc->now_ms))
		life_over(lc, lp, tc, t, id);
}
