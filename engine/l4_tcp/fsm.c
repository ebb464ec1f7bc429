/* How a connection begins, changes state and ends. */
#include "engine/l4_tcp/tcp_priv.h"

#include <rte_prefetch.h>

#include <string.h>

/* Gauge of a state; CS_FREE has none. */
static uint64_t *state_gauge(struct lport *lp, uint8_t state)
{
	static const uint16_t off[CS_COUNT] = {
#define TCP_STATE(NAME, field, ...) [CS_##NAME] = offsetof(struct stats_tsm, field),
#include "common/stats/tcp_states.def"
	};

	return (uint64_t *)((char *)&lp->st->tsm + off[state]);
}

void tcp_state_set(struct lport *lp, struct tcb *t, uint8_t state)
{
	if (t->c.state != CS_FREE)
		(*state_gauge(lp, t->c.state))--;
	if (state != CS_FREE)
		(*state_gauge(lp, state))++;
	t->c.state = state;
}

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
	t->c.tx_base = t->c.tx_end = iss + 1;
	t->c.tx_kind = 0;
	t->c.mss = tc->mss;
	t->c.t_rtx = t->c.t_ack = t->c.t_life = 0;
	t->snd_wnd = 0;
	t->srtt_us = t->rttvar_us = 0;
	t->side = CONN_NONE;
	t->retries = t->dup_probes = 0;
	t->rto_ms = (uint16_t)tc->rto_ms;
	t->snd_wscale = 0;
	t->rcv_wscale = tc->wscale;
	t->opts = tc->offers;
	t->rcv_nxt = 0;
	t->cwnd = 0;
	t->ssthresh = SSTHRESH_NONE;
	t->w_max = t->epoch = 0;
}

void tcp_take_syn(struct tc_run *tc, struct tcb *t, const struct seg_in *s)
{
	bool ecn_setup = s->flags & TCP_ACK
		? (s->flags & (TCP_ECE | TCP_CWR)) == TCP_ECE
		: (s->flags & (TCP_ECE | TCP_CWR)) == (TCP_ECE | TCP_CWR); /* RFC 3168 §6.1.1 */

	t->opts &= s->opts | TO_APART | (ecn_setup ? TO_ECN : 0);
	t->rcv_nxt = s->seq + 1;
	/* RFC 9293 §3.7.1: what is sent counts its options, IP's too; what is announced does not */
	t->c.mss = MIN_OF(tc->mss, s->mss) - ipv4_opts_len(tc->ip_how);
	if (t->opts & TO_TS) {
		t->c.mss -= TCP_OPT_TS_LEN;
		t->c.flags &= ~CF_RTT_TIMING;
		t->ts.recent = s->tsval;
		t->ts.last_ack = t->rcv_nxt;
	}
	if (!(t->opts & TO_WSCALE))
		t->rcv_wscale = 0;
	t->snd_wscale = t->opts & TO_WSCALE ? s->wscale : 0;
	t->snd_wnd = s->wnd; /* of a SYN: never scaled */
	t->snd_wl1 = s->seq;
}

void tcp_established(struct lcore *lc, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	struct lport *lp = lcore_lport(lc, t->c.port);

	if (unlikely(lp->pmtu_learnt))
		tcp_path_mtu(lc, lp, tc, t);
	tcp_state_set(lp, t, CS_ESTAB);
	t->retries = 0;
	t->c.t_rtx = 0;
	if (t->srtt_us == 0) /* the SYN was sent again: its backed-off RTO is not the data's, RFC
	                        6298 §5.7 */
		t->rto_ms = (uint16_t)tc->rto_ms;
	traffic_up(lc, tc, &t->c, id);
}

void tcp_end(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	flow_remove(&lc->tcp_flows, conn_hash(&t->c, tc->vlan), id);
	if (unlikely(t->side != CONN_NONE))
		tcp_side_free(lc, lp, t);
	t->c.t_rtx = t->c.t_ack = t->c.t_life = 0;
	t->c.flags &= ~(CF_SENDING | CF_CLOSE | CF_FIN_SENT | CF_ACK_NOW | CF_WANT_CLOSE
		| CF_WAIT_ACKED | CF_RTT_TIMING | CF_RETRANS | CF_RECOVERY);
	t->c.tx_kind = 0;
	app_conn_down(conn_app(tc, &t->c), &t->c.app, traffic_app_stats(lp, conn_st(tc, &t->c)));
	tcp_state_set(lp, t, CS_CLOSED);
	traffic_gone(lc, tc, &t->c, id);
}

void tcp_time_wait(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id)
{
	traffic_closed(tc, &t->c);
	if (tc->twait_skip || tc->run == TCR_STOPPING) {
		if (t->c.flags & CF_ACK_NOW)
			tcp_ack(lc, lp, tc, t);
		tcp_end(lc, lp, tc, t, id);
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
