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
#define NEIGHBOUR_WAIT_MS 1000
#define FOREVER_S 1000000000 /* 30 years, of which cycles fit 63 bits */

/* The tuple of session i. Sessions of a test case are numbered source port first, then source
 * address, destination port, destination address. */
static struct tuple tuple_of(const struct tc_config *cfg, uint64_t i)
{
	uint64_t n_sport = cfg->sport.hi - cfg->sport.lo + 1u,
		 n_dport = cfg->dport.hi - cfg->dport.lo + 1u;
	uint64_t n_src = (uint64_t)ip4_of(&cfg->src.hi) - ip4_of(&cfg->src.lo) + 1;
	struct tuple t;

	t.sport = (uint16_t)(cfg->sport.lo + i % n_sport);
	i /= n_sport;
	t.src = (uint32_t)(ip4_of(&cfg->src.lo) + i % n_src);
	i /= n_src;
	t.dport = (uint16_t)(cfg->dport.lo + i % n_dport);
	t.dst = (uint32_t)(ip4_of(&cfg->dst.lo) + i / n_dport);
	return t;
}

static void tuple_next(const struct tc_config *cfg, struct tuple *t)
{
	if (t->sport++ != cfg->sport.hi)
		return;
	t->sport = cfg->sport.lo;
	if (t->src++ != ip4_of(&cfg->src.hi))
		return;
	t->src = ip4_of(&cfg->src.lo);
	if (t->dport++ != cfg->dport.hi)
		return;
	t->dport = cfg->dport.lo;
	t->dst++;
}

static uint32_t tuple_hash(const struct tc_run *tc, const struct tuple *t)
{
	return flow_hash(tc->port, tc->vlan, t->src, t->dst, t->sport, t->dport);
}

static struct flow_table *flows_of(struct lcore *lc, const struct tc_run *tc)
{
	return tc->is_udp ? &lc->udp_flows : &lc->tcp_flows;
}

void clients_start(struct lcore *lc, struct tc_run *tc, const struct lmsg *m)
{
	const struct tc_config *cfg = tc->cfg;
	uint64_t total = tc_sessions(cfg);
	double share = total == 0 ? 0 : (double)m->share_n / (double)total;
	uint64_t init_s = cfg->init_s == TC_FOREVER ? FOREVER_S : cfg->init_s;
	uint64_t start = m->start_tsc != 0 ? m->start_tsc : lc->now_tsc; /* of all workers */

	tc->n = (uint32_t)m->share_n;
	tc->at = tuple_of(cfg, m->share_first);
	tc->ahead = tuple_of(cfg, m->share_first + AHEAD);
	tc->open_tsc = start + init_s * 1000 * lc->cycles_per_ms;
	tc->start_us = start / lc->cycles_per_us + init_s * 1000000;
	pacer_share(&tc->open, total, m->share_k, m->share_of);
	tc->close = tc->send = tc->open;
	pacer_start(&tc->open, tc->open_tsc, cfg->rate_open, share, lc->tsc_hz);
	pacer_start(&tc->close, tc->open_tsc, cfg->rate_close, share, lc->tsc_hz);
	pacer_start(&tc->send, tc->open_tsc, cfg->rate_send, share, lc->tsc_hz);
}

/* May a packet be sent to the next destination? Until its neighbour has answered, for a second,
 * nothing is opened. */
static bool neighbour_ready(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	if (likely(eth_hop(lc, lp, tc->vlan_tci, tc->at.dst) != NULL))
		return true;
	return lc->now_tsc - tc->open_tsc > NEIGHBOUR_WAIT_MS * lc->cycles_per_ms;
}

/* A block for session tc->at, in the flow table. */
static uint32_t block_new(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	uint32_t hash = tuple_hash(tc, &tc->at);
	uint32_t id = tc->is_udp ? ucb_alloc(lc, lp, hash) : tcb_alloc(lc, lp, hash);
	struct conn *c;

	if (id == CONN_NONE)
		return id;
	c = conn_at(lc, id);
	c->laddr = tc->at.src;
	c->raddr = tc->at.dst;
	c->lport = tc->at.sport;
	c->rport = tc->at.dport;
	c->port = tc->port;
	c->tcid = tc->tcid;
	c->tx_kind = 0;
	c->flags = 0;
	c->state = CS_FREE;
	return id;
}

static void session_open(struct lcore *lc, struct tc_run *tc, uint32_t id, bool again)
{
	if (tc->is_udp)
		udp_open(lc, tc, conn_at(lc, id), id);
	else
		tcp_open(lc, tc, (struct tcb *)conn_at(lc, id), id, again);
}

/* One that was open before. False: no room in the flow table; it goes back to the end of the queue.
 */
static bool reopen_one(struct lcore *lc, struct tc_run *tc)
{
	uint32_t id = idq_get(&lc->queues, &tc->q_open);
	struct conn *c = conn_at(lc, id);
	struct flow_table *flows = flows_of(lc, tc);

	if (tc->q_open.n > AHEAD) {
		prefetch_conn(lc, &tc->q_open, AHEAD - 1);
		flow_prefetch(flows,
			conn_hash(conn_at(lc, idq_peek(&lc->queues, &tc->q_open, AHEAD / 2 - 1)),
				tc->vlan));
	}
	if (!conn_unqueue(lc, c, id, CF_Q_OPEN) || c->state != CS_CLOSED)
		return true;
	if (unlikely(flow_insert(flows, conn_hash(c, tc->vlan), id & ~CONN_UDP) != 0)) {
		session_requeue(lc, tc, c, id);
		return false;
	}
	session_open(lc, tc, id, true);
	return true;
}

static bool open_one(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	uint32_t id;

	if (tc->next == tc->n)
		return reopen_one(lc, tc);
	if (!neighbour_ready(lc, lp, tc)) {
		pacer_rest(&tc->open, &tc->st->behind_open);
		return false;
	}
	flow_prefetch(flows_of(lc, tc), tuple_hash(tc, &tc->ahead));
	id = block_new(lc, lp, tc);
	if (unlikely(id == CONN_NONE)) {
		tc->st->no_tcb += !tc->no_room;
		tc->no_room = 1;
		return false;
	}
	tc->no_room = 0;
	tuple_next(tc->cfg, &tc->at);
	tuple_next(tc->cfg, &tc->ahead);
	tc->next++;
	session_open(lc, tc, id, false);
	return true;
}

static uint32_t open_run(struct lcore *lc, struct lport *lp, struct tc_run *tc, bool rx_busy)
{
	uint32_t ready = tc->n - tc->next + tc->q_open.n, i;
	uint32_t n = MIN_OF(ready, (uint32_t)(rx_busy ? OPEN_BURST_BUSY : OPEN_BURST));

	if (n == 0) {
		pacer_rest(&tc->open, &tc->st->behind_open);
		return 0;
	}
	if (tc->cfg->rate_open != RATE_INFINITE)
		n = pacer_allow(&tc->open, lc->now_tsc, n, &tc->st->behind_open);
	for (i = 0; i < n && tx_room_session(lc, lp); i++) {
		if (!open_one(lc, lp, tc))
			break;
	}
	tc->open.done += i;
	return i;
}

static uint32_t send_run(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	uint32_t n = MIN_OF(tc->q_send.n, (uint32_t)SEND_BURST), i, begun = 0;

	if (n == 0) {
		pacer_rest(&tc->send, &tc->st->behind_send);
		return 0;
	}
	if (tc->send_limited)
		n = pacer_allow(&tc->send, lc->now_tsc, n, &tc->st->behind_send);
	for (i = 0; i < n && tx_room(lc, lp); i++) {
		uint32_t id = idq_get(&lc->queues, &tc->q_send);
		struct conn *c = conn_at(lc, id);

		if (tc->q_send.n > AHEAD)
			prefetch_conn(lc, &tc->q_send, AHEAD - 1);
		if (conn_unqueue(lc, c, id, CF_Q_SEND))
			begun += session_send(lc, tc, c, id);
	}
	tc->send.done += begun;
	return i;
}

static uint32_t close_run(struct lcore *lc, struct lport *lp, struct tc_run *tc)
{
	uint32_t n = MIN_OF(tc->q_close.n, (uint32_t)CLOSE_BURST), i;

	if (n == 0) {
		pacer_rest(&tc->close, &tc->st->behind_close);
		return 0;
	}
	if (tc->close_limited)
		n = pacer_allow(&tc->close, lc->now_tsc, n, &tc->st->behind_close);
	for (i = 0; i < n && tx_room_session(lc, lp); i++) {
		uint32_t id = idq_get(&lc->queues, &tc->q_close);
		struct conn *c = conn_at(lc, id);

		if (!conn_unqueue(lc, c, id, CF_Q_CLOSE) || !(c->flags & CF_WANT_CLOSE)
			|| c->state <= CS_CLOSED)
			continue;
		tc->close.done++;
		session_close(lc, tc, c, id);
		if (c->state > CS_CLOSED)
			session_output(lc, lp, tc, c, id);
	}
	return i;
}

uint32_t clients_run(struct lcore *lc, struct tc_run *tc, bool rx_busy)
{
	struct lport *lp = lcore_lport(lc, tc->port);
	uint32_t done = close_run(lc, lp, tc);

	if (unlikely((int64_t)(lc->now_tsc - tc->open_tsc) < 0))
		return done;
	tc->st->up = tc->n;
	done += send_run(lc, lp, tc);
	return done + open_run(lc, lp, tc, rx_busy);
}
