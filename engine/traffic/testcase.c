/* Test cases on this worker: start, one turn, stop. */
#include "engine/l1_port/l1_port.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic_priv.h"

#include <rte_prefetch.h>

#include <string.h>

struct tc_config tc_cfgs[PORTS_MAX][TCS_MAX];
struct app_tc *app_tcs;
struct app_mix app_mixes[IMIX_GROUPS_MAX];

#define BLOCKED_BURST 64
#define HEADERS_TCP 40 /* IPv4 and TCP without options */
#define HEADERS_UDP 28

static uint32_t ms_of(uint32_t seconds)
{
	return seconds == TC_FOREVER ? TC_FOREVER : seconds * 1000;
}

static void settings_take(struct lcore *lc, struct tc_run *tc)
{
	const struct tc_config *cfg = tc->cfg;
	const struct tcp_options *o = &cfg->tcp;
	struct lport *lp = lcore_lport(lc, tc->port);
	uint16_t mtu = lp->port->mtu;
	bool timed = cfg->times.from != times_from_OFF;

	tc->is_client = cfg->kind == tc_kind_CLIENT;
	tc->is_udp = cfg->proto == l4proto_UDP;
	tc->rto_ms = MAX_OF(o->rto_ms, 1u);
	tc->fin_to_ms = o->fin_to_ms;
	tc->twait_to_ms = o->twait_to_ms;
	tc->orphan_to_ms = o->orphan_to_ms;
	tc->uptime_ms = tc->is_client ? ms_of(cfg->uptime_s) : TC_FOREVER;
	tc->downtime_ms = tc->is_client ? ms_of(cfg->downtime_s) : TC_FOREVER;
	tc->syn_retry = o->syn_retry;
	tc->syn_ack_retry = o->syn_ack_retry;
	tc->data_retry = o->data_retry;
	tc->retry = o->retry;
	tc->twait_skip = o->twait_skip != 0 || o->twait_to_ms == 0;
	tc->ack_delay = o->ack_delay != 0;
	tc->win = o->wscale ? o->win_size : MIN_OF(o->win_size, UINT16_MAX);
	tc->wscale = o->wscale ? tcp_wscale_for(o->win_size) : 0;
	tc->offers = (o->wscale ? TO_WSCALE : 0) | (o->ts ? TO_TS : 0) | (o->sack ? TO_SACK : 0)
		| (o->ecn ? TO_ECN : 0) | (o->ack_on_data ? 0 : TO_ACK_APART)
		| (o->fin_on_data ? 0 : TO_FIN_APART);
	tc->congestion = o->congestion;
	tc->user_to_ms = o->user_to_ms;
	tc->vlan_tci = cfg->vlan_id != 0 ? cfg->vlan_id | cfg->vlan_pri << 13 : 0;
	tc->ip_how = cfg->ipv4.tos | (cfg->ipv4.tx_ts ? IP_STAMP : 0);
	lp->txq.tagged |= tc->ip_how >= IP_STAMP && tc->vlan_tci != 0;
	tc->mss = mtu - (tc->is_udp ? HEADERS_UDP : HEADERS_TCP);
	tc->mss_say = o->mss != 0 ? MIN_OF(o->mss, tc->mss) : tc->mss;
	tc->vlan = (uint16_t)cfg->vlan_id;
	tc->send_limited = tc->is_client && cfg->rate_send != RATE_INFINITE;
	tc->open_plain = !tc->is_udp && !timed;
	tc->send_plain = !tc->send_limited && !timed;
	tc->close_limited = tc->is_client && cfg->rate_close != RATE_INFINITE;
	tc->close_plain = !tc->is_udp && !tc->close_limited;
	tc->pkt_word = pkt_word(tc->vlan, tc->is_udp ? PKT_UDP : PKT_TCP);
	tcp_forms(tc);
}

/* Its application, or those of its IMIX group. */
static void slots_take(struct lcore *lc, struct tc_run *tc)
{
	uint32_t group = tc->cfg->imix - 1;

	tc->n_lanes = 1;
	tc->lane = &tc->own;
	tc->app[0] = app_tc_of(tc->port, tc->tcid);
	tc->app_st[0] = tc->st;
	if (tc->cfg->imix == 0)
		return;
	tc->mix = &app_mixes[group];
	tc->n_lanes = (uint8_t)tc->mix->n;
	tc->lane = lc->lanes[group];
	memset(tc->lane, 0, sizeof(lc->lanes[group]));
	for (uint32_t i = 0; i < tc->n_lanes; i++) {
		struct stats_tc *st = &seg_stats_imix(lc->seg, lc->index, group, i)->tc;

		memset(st, 0, sizeof(*st));
		tc->app[i] = app_tc_imix(lc->seg->hdr.n_ports, group, i);
		tc->app_st[i] = st;
		tc->lane_shift += i != 0 && (i & (i - 1)) == 0; /* so many bits as n - 1 has */
	}
}

void tc_run_start(struct lcore *lc, const struct lmsg *m)
{
	struct tc_run *tc = lcore_tc(lc, m->port, m->tcid);
	struct stats_tc_block *block;

	if (tc->run != TCR_IDLE) {
		lc->lst->msg.errors++;
		return;
	}
	memset(tc, 0, sizeof(*tc));
	tc->port = m->port;
	tc->tcid = m->tcid;
	tc->cfg = &tc_cfgs[m->port][m->tcid];
	block = seg_stats_tc(lc->seg, lc->index, m->port, m->tcid);
	memset(block, 0, sizeof(*block)); /* a new run counts from 0; this worker alone writes it */
	tc->st = &block->tc;
	slots_take(lc, tc);
	tc->start_us = lc->now_us;
	settings_take(lc, tc);
	latency_start(lc, tc, &block->latency);
	times_start(lc, tc, &block->times);
	lcore_lport(lc, tc->port)->n_latencies += tc->wants_rx_tsc;
	lc->tc_list[lc->n_tcs++] = tc;
	__atomic_store_n(&tc->run, TCR_RUNNING, __ATOMIC_RELAXED);
	if (tc->is_client)
		clients_start(lc, tc, m);
	else
		servers_start(lc, tc);
}

void tc_run_stop(struct lcore *lc, struct tc_run *tc, uint32_t grace_ms)
{
	if (tc->run != TCR_RUNNING)
		return;
	__atomic_store_n(&tc->run, TCR_STOPPING, __ATOMIC_RELAXED);
	tc->stop_phase = 0;
	tc->stop_scan = 0;
	tc->grace_ms = grace_ms;
	tc->stop_deadline = lc->now_tsc + STOP_STUCK_MS * lc->cycles_per_ms;
	servers_unlisten(lc, tc);
}

/* Those that had something to send when the port had no room. Each port has its queue: a server's
 * answers on one do not wait behind a million requests on the other. */
static uint32_t blocked_run(struct lcore *lc, struct lport *lp)
{
	uint32_t n = MIN_OF(lp->blocked.n, (uint32_t)BLOCKED_BURST), i;

	/* without room they wait where they are: it is data that they all have to send */
	for (i = 0; i < n && tx_room(lc, lp); i++) {
		uint32_t id = idq_get(&lc->queues, &lp->blocked);
		struct conn *c = conn_at(lc, id);

		if (lp->blocked.n > AHEAD)
			prefetch_conn(lc, &lp->blocked, AHEAD - 1);
		if (conn_unqueue(lc, c, id, CF_BLOCKED) && c->state > CS_CLOSED)
			session_output(lc, lp, lcore_tc(lc, c->port, c->tcid), c, id);
	}
	return i;
}

uint32_t traffic_run(struct lcore *lc)
{
	uint32_t done = 0;

	if (unlikely(lc->n_missed != 0))
		done += queues_refill(lc);
	for (uint32_t i = 0; i < lc->n_lports; i++)
		done += blocked_run(lc, &lc->lports[i]);

	for (uint32_t i = 0; i < lc->n_tcs; i++) {
		struct tc_run *tc = lc->tc_list[i];

		if (unlikely(tc->run == TCR_STOPPING)) {
			done += stop_run(lc, tc);
			if (tc->run == TCR_IDLE) {
				latency_stop(lc, tc);
				lcore_lport(lc, tc->port)->n_latencies -= tc->wants_rx_tsc;
				lc->tc_list[i--] = lc->tc_list[--lc->n_tcs];
			}
		} else if (tc->is_client) {
			done += clients_run(lc, tc);
		}
	}
	return done;
}
