/* How a connection begins, changes state and ends. */
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_prefetch.h>

#include <string.h>

uint32_t tcb_alloc(struct lcore *lc, struct lport *lp, uint32_t hash)
{
	uint32_t id = pool_get(&lc->tcbs);

	if (unlikely(id != CONN_NONE && flow_insert(&lc->tcp_flows, hash, id) != 0)) {
		pool_put(&lc->tcbs, id);
		id = CONN_NONE;
	}
	if (likely(id != CONN_NONE))
		lp->st->tcp.tcb_alloc++;
	else
		lp->st->tcp.tcb_alloc_err++;
	return id;
}

void tcp_init_snd(struct lcore *lc, struct tc_run *tc, struct tcb *t, bool again)
{
	uint32_t iss = tcp_isn(lc, &t->c);

	/* the clock may not have come past what a fast connection sent: a peer in TIME-WAIT takes
	 * only what is newer */
	if (again && seq_le(iss, t->snd_max))
		iss = t->snd_max + 1;
	t->snd_una = t->snd_nxt = t->snd_max = t->recover = iss;
	t->snd_wnd = t->rcv_nxt = t->cwnd = 0;
	memcpy((uint8_t *)t + TCB_FORM, tc->tcb_form, sizeof(tc->tcb_form));
	t->c.tx_base = t->c.tx_end = iss + 1;
	t->c.tx_kind = 0;
	t->c.mss = tc->mss;
	t->c.t_rtx = t->c.t_ack = t->c.t_life = 0;
}

void tcp_tcb_form(struct tc_run *tc)
{
	struct tcb t = {.side = CONN_NONE,
		.rto_ms = (uint16_t)tc->rto_ms,
		.rcv_wscale = tc->wscale,
		.opts = tc->offers,
		.ssthresh = SSTHRESH_NONE};

	static_assert(TCB_FORM + FIELD_SIZE(struct tc_run, tcb_form) == sizeof(struct tcb));
	memcpy(tc->tcb_form, (const uint8_t *)&t + TCB_FORM, sizeof(tc->tcb_form));
}

/* RFC 3168 §6.1.1: does the peer's SYN, or SYN-ACK, agree to ECN? */
static bool ecn_setup(const struct seg_in *s)
{
	return (s->flags & (TCP_ECE | TCP_CWR))
		== (s->flags & TCP_ACK ? TCP_ECE : TCP_ECE | TCP_CWR);
}

void tcp_take_syn(struct tc_run *tc, struct tcb *t, const struct seg_in *s)
{
	uint8_t opts = s->opts;

	if (unlikely(t->opts & TO_ECN) && ecn_setup(s))
		opts |= TO_ECN;
	opts = (opts | TO_APART) & t->opts;
	t->opts = opts;
	t->rcv_nxt = s->seq + 1;
	/* RFC 9293 §3.7.1: what is sent counts its options, IP's too; what is announced does not */
	t->c.mss = MIN_OF(tc->mss, s->mss) - ipv4_opts_len(tc->ip_how);
	if (unlikely(opts & TO_TS)) {
		t->c.mss -= TCP_OPT_TS_LEN;
		t->c.flags &= ~CF_RTT_TIMING;
		t->ts.recent = s->tsval;
		t->ts.last_ack = t->rcv_nxt;
	}
	t->snd_wscale = opts & TO_WSCALE ? s->wscale : 0;
	if (!(opts & TO_WSCALE))
		t->rcv_wscale = 0;
	t->snd_wnd = s->wnd; /* of a SYN: never scaled */
	t->snd_wl1 = s->seq;
}

void tcp_established(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	if (unlikely(lp->pmtu_learnt))
		tcp_path_mtu(lc, lp, tc, t);
	tcp_state_set(lp, t, CS_ESTAB);
	t->retries = 0;
	t->c.t_rtx = 0;
	if (t->srtt_us == 0) /* the SYN was sent again: its backed-off RTO is not the data's, RFC
	                        6298 §5.7 */
		t->rto_ms = (uint16_t)tc->rto_ms;
	traffic_up(lc, lp, tc, &t->c, id);
}

void tcp_end(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	tcp_end_known(lc, lp, tc, t, id, conn_hash(&t->c, tc->vlan));
}

void tcp_end_known(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, uint32_t hash)
{
	flow_remove(&lc->tcp_flows, hash, id);
	if (unlikely(t->side != CONN_NONE))
		tcp_side_free(lc, lp, t);
	t->c.t_rtx = t->c.t_ack = t->c.t_life = 0;
	t->c.flags &= ~(CF_SENDING | CF_CLOSE | CF_FIN_SENT | CF_ACK_NOW | CF_WANT_CLOSE
		| CF_WAIT_ACKED | CF_RTT_TIMING | CF_RETRANS | CF_RECOVERY);
	t->c.tx_kind = 0;
	app_conn_down(conn_app(tc, &t->c), &t->c.app, traffic_app_stats(lp, conn_st(tc, &t->c)));
	tcp_state_set(lp, t, CS_CLOSED);
	traffic_gone(lc, lp, tc, &t->c, id);
}

void tcp_time_wait(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, uint32_t hash)
{
	traffic_closed(tc, &t->c);
	if (tc->twait_skip || tc->run == TCR_STOPPING) {
		if (t->c.flags & CF_ACK_NOW)
			tcp_ack(lc, lp, tc, t);
		tcp_end_known(lc, lp, tc, t, id, hash);
		return;
	}
	tcp_state_set(lp, t, CS_TIME_WAIT);
	t->c.t_rtx = 0;
	t->c.t_life = deadline_in(lc, tc->twait_to_ms);
	wheel_arm(lc, &t->c, id);
}

void tcp_abort(struct lcore *lc, struct tcb *t, uint32_t id, uint64_t *failure)
{
	struct lport *lp = lcore_lport(lc, t->c.port);
	struct tc_run *tc = lcore_tc(lc, t->c.port, t->c.tcid);

	if (t->c.state != CS_TIME_WAIT && t->c.state != CS_SYN_SENT
		&& tcp_send(lc, lp, tc, t, t->snd_max, TCP_RST | TCP_ACK, 0))
		lp->st->tcp.tx_rst++;
	traffic_failed(tc, &t->c, failure);
	tcp_end(lc, lp, tc, t, id);
}

void tcp_open(struct lcore *lc, struct tc_run *tc, struct tcb *t, uint32_t id, bool again)
{
	struct lport *lp = lcore_lport(lc, t->c.port);

	tcp_init_snd(lc, tc, t, again);
	tcp_state_set(lp, t, CS_SYN_SENT);
	traffic_begun(tc, &t->c);
	tcp_send_syn(lc, lp, tc, t, id, TCP_SYN);
}
