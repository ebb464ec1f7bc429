/* Clients: sessions open in the order of their tuples (source port fastest), send and close as the
 * rates allow. */
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/l4_udp/l4_udp.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/pacer.h"
#include "engine/traffic/traffic_priv.h"

#include <rte_prefetch.h>

#define OPEN_BURST 32 /* sessions opened in a turn */
#define OPEN_BURST_BUSY \
	8 /* ... that received whole bursts: neither opening nor receiving starves the other */
#define SEND_BURST 128
#define CLOSE_BURST 64
#define AHEAD 6 /* endpoints prefetched ahead */
#define NEIGHBOUR_WAIT_MS 1000

/* The tuple of this worker's first session. Sessions of a test case are numbered source port first,
 * then source address, destination port, destination address. */
static void tuple_first(struct tc_run *tc, uint64_t i)
{
	const struct tc_config *cfg = tc->cfg;
	uint32_t n_sport = cfg->sport.hi - cfg->sport.lo + 1u;
	uint32_t n_src = ip4_of(&cfg->src.hi) - ip4_of(&cfg->src.lo) + 1;
	uint32_t n_dport = cfg->dport.hi - cfg->dport.lo + 1u;

	tc->at_sport = cfg->sport.lo + i % n_sport;
	i /= n_sport;
	tc->at_src = ip4_of(&cfg->src.lo) + i % n_src;
	i /= n_src;
	tc->at_dport = cfg->dport.lo + i % n_dport;
	tc->at_dst = ip4_of(&cfg->dst.lo) + i / n_dport;
}

static void tuple_next(struct tc_run *tc)
{
	const struct tc_config *cfg = tc->cfg;

	if (tc->at_sport++ != cfg->sport.hi)
		return;
	tc->at_sport = cfg->sport.lo;
	if (tc->at_src++ != ip4_of(&cfg->src.hi))
		return;
	tc->at_src = ip4_of(&cfg->src.lo);
	if (tc->at_dport++ != cfg->dport.hi)
		return;
	tc->at_dport = cfg->dport.lo;
	tc->at_dst++;
}

void clients_start(struct lcore *lc, struct tc_run *tc, const struct lmsg *m)
{
	const struct tc_config *cfg = tc->cfg;
	uint64_t total = tc_sessions(cfg);
	double share = total == 0 ? 0 : (double)m->share_n / (double)total;
	uint64_t init = (uint64_t)(cfg->init_s == TC_FOREVER ? 1000000 : cfg->init_s) * 1000
		* lc->cycles_per_ms;

	tc->first = m->share_first;
	tc->n = m->share_n;
	tc->st->up = tc->n;
	tuple_first(tc, tc->first);
	tc->open_tsc = lc->now_tsc + init;
	if (cfg->rate_open != RATE_INFINITE)
		pacer_start(&tc->open, tc->open_tsc, cfg->rate_open * share, lc->tsc_hz);
	if (cfg->rate_close != RATE_INFINITE)
		pacer_start(&tc->close, lc->now_tsc, cfg->rate_close * share, lc->tsc_hz);
	if (cfg->rate_send != RATE_INFINITE)
		pacer_start(&tc->send, tc->open_tsc, cfg->rate_send * share, lc->tsc_hz);
}

/* May a packet be sent to the next destination? Until its neighbour has answered, for a second,
 * nothing is opened. */
static bool neighbour_ready(struct lcore *lc, struct lport *lp, struct tc_run *tc, uint32_t dst)
{
	uint8_t mac[6];

	if (likely(eth_next_hop(lc, lp, tc->vlan_tci & 0xfff, dst, mac) == 0))
		return true;
	return lc->now_tsc - tc->open_tsc > NEIGHBOUR_WAIT_MS * lc->cycles_per_ms;
}

static uint32_t block_new(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	uint32_t hash = flow_hash(tc->port, tc->at_src, tc->at_dst, tc->at_sport, tc->at_dport);
	uint32_t id = tc->is_udp ? ucb_alloc(lc, lp, hash) : tcb_alloc(lc, lp, hash);
	struct conn *c;

	if (id == CONN_NONE)
		return id;
	c = conn_at(lc, id);
	c->laddr = tc->at_src;
	c->raddr = tc->at_dst;
	c->lport = tc->at_sport;
	c->rport = tc->at_dport;
	c->port = tc->port;
	c->tcid = tc->tcid;
	c->tx_kind = 0;
	c->flags &= CF_IN_WHEEL;
	c->flags |= CF_CLIENT;
	c->state = CS_FREE;
	return id;
}

static void session_open(struct lcore *lc, struct tc_run *tc, uint32_t id)
{
	if (tc->is_udp)
		udp_open(lc, tc, conn_at(lc, id), id);
	else
		tcp_open(lc, tc, (struct tcb *)conn_at(lc, id), id);
}

/* One that was open before. False: no room in the flow table; it goes back to the end of the queue.
 */
static bool reopen_one(struct lcore *lc, struct tc_run *tc)
{
	uint32_t id = idq_get(&lc->queues, &tc->q_open);
	struct conn *c = conn_at(lc, id);
	struct flow_table *flows = tc->is_udp ? &lc->udp_flows : &lc->tcp_flows;

	if (tc->q_open.n > AHEAD) {
		uint32_t ahead = idq_peek(&lc->queues, &tc->q_open, AHEAD - 1);

		rte_prefetch0(conn_at(lc, ahead));
		rte_prefetch0((char *)conn_at(lc, ahead) + 64);
		flow_prefetch(flows,
			conn_hash(conn_at(lc, idq_peek(&lc->queues, &tc->q_open, AHEAD / 2 - 1))));
	}
	if (!conn_unqueue(lc, c, id, CF_Q_OPEN) || c->state != CS_CLOSED)
		return true;
	if (unlikely(flow_insert(flows, conn_hash(c), id & ~CONN_UDP) != 0)) {
		session_requeue(lc, tc, c, id);
		return false;
	}
	session_open(lc, tc, id);
	return true;
}

static bool open_one(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	uint32_t id;

	if (tc->next == tc->n)
		return reopen_one(lc, tc);
	if (!neighbour_ready(lc, lp, tc, tc->at_dst))
		return false;
	id = block_new(lc, lp, tc);
	if (unlikely(id == CONN_NONE)) {
		tc->st->no_tcb++;
		return false;
	}
	tuple_next(tc);
	tc->next++;
	session_open(lc, tc, id);
	return true;
}

static uint32_t open_run(struct lcore *lc, struct lport *lp, struct tc_run *tc, bool rx_busy)
{
	uint32_t ready = tc->n - tc->next + tc->q_open.n, i;
	uint32_t n = MIN_OF(ready, (uint32_t)(rx_busy ? OPEN_BURST_BUSY : OPEN_BURST));

	if (n == 0)
		return 0;
	if (tc->cfg->rate_open != RATE_INFINITE)
		n = pacer_allow(&tc->open, lc->now_tsc, n, &tc->st->behind);
	for (i = 0; i < n && tx_room_session(lc, lp); i++) {
		if (!open_one(lc, lp, tc))
			break;
	}
	tc->open.done += i;
	return i;
}

static uint32_t send_run(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	uint32_t n = MIN_OF(tc->q_send.n, (uint32_t)SEND_BURST), i;

	if (n != 0 && tc->send_limited)
		n = pacer_allow(&tc->send, lc->now_tsc, n, &tc->st->behind);
	for (i = 0; i < n && tx_room(lc, lp); i++) {
		uint32_t id = idq_get(&lc->queues, &tc->q_send);
		struct conn *c = conn_at(lc, id);

		if (tc->q_send.n > AHEAD) {
			struct conn *ahead = conn_at(
				lc, idq_peek(&lc->queues, &tc->q_send, AHEAD - 1));

			rte_prefetch0(ahead);
			if (!tc->is_udp)
				rte_prefetch0((char *)ahead + 64);
		}
		if (conn_unqueue(lc, c, id, CF_Q_SEND))
			session_send(lc, tc, c, id);
	}
	tc->send.done += i;
	return i;
}

static uint32_t close_run(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	uint32_t n = MIN_OF(tc->q_close.n, (uint32_t)CLOSE_BURST);

	if (n != 0)
		n = pacer_allow(&tc->close, lc->now_tsc, n, &tc->st->behind);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t id = idq_get(&lc->queues, &tc->q_close);
		struct conn *c = conn_at(lc, id);

		if (!conn_unqueue(lc, c, id, CF_Q_CLOSE) || !(c->flags & CF_WANT_CLOSE)
			|| c->state <= CS_CLOSED)
			continue;
		session_close(lc, tc, c, id);
		if (c->state > CS_CLOSED)
			session_output(lc, lp, tc, c, id);
	}
	tc->close.done += n;
	return n;
}

uint32_t clients_run(struct lcore *lc, struct tc_run *tc, bool rx_busy)
{
	struct lport *lp = lcore_lport(lc, tc->port);
	uint32_t done = 0;

	if (tc->close.per_cycle != 0)
		done += close_run(lc, lp, tc);
	if (unlikely((int64_t)(lc->now_tsc - tc->open_tsc) < 0))
		return done;
	done += send_run(lc, lp, tc);
	return done + open_run(lc, lp, tc, rx_busy);
}
