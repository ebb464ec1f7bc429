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

/* Sessions opened in a turn, beside a burst received of each port: neither starves the other. Handshakes of so many
 * fill the port: where data waits for room, fewer leave it a quarter. */
#define OPEN_BURST 32
#define OPEN_BESIDE_DATA 24
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

/* On to the lane's next session, by way of those of other lanes. Ports that follow each other have
 * all slots in turn, so it is not far. */
static void lane_skip(const struct tc_run *tc, struct lane *l)
{
	const struct tuple *t = &l->at;

	while (l->next < tc->n
		&& imix_slot(tc->mix, t->src, t->dst, t->sport, t->dport) != l - tc->lane) {
		tuple_next(tc->cfg, &l->at);
		l->next++;
	}
}

void clients_start(struct lcore *lc, struct tc_run *tc, const struct lmsg *m)
{
	const struct tc_config *cfg = tc->cfg;
	uint64_t total = tc_sessions(cfg);
	double share = total == 0 ? 0 : (double)m->share_n / (double)total;
	uint64_t init_s = cfg->init_s == TC_FOREVER ? FOREVER_S : cfg->init_s;
	uint64_t start = m->start_tsc != 0 ? m->start_tsc : lc->now_tsc; /* of all workers */

	tc->n = (uint32_t)m->share_n;
	tc->open_tsc = start + init_s * 1000 * lc->cycles_per_ms;
	tc->start_us = start / lc->cycles_per_us + init_s * 1000000;
	for (uint32_t i = 0; i < tc->n_lanes; i++) {
		struct lane *l = &tc->lane[i];
		double part = tc->mix == NULL ? 1 : (double)tc->mix->weight[i] / tc->mix->total;

		l->at = tuple_of(cfg, m->share_first);
		l->ahead = tuple_of(cfg, m->share_first + AHEAD);
		if (tc->mix != NULL)
			lane_skip(tc, l);
		pacer_share(&l->open, total, m->share_k, m->share_of);
		l->close = l->send = l->open;
		pacer_start(&l->open, tc->open_tsc, cfg->rate_open * part, share, lc->tsc_hz);
		pacer_start(&l->close, tc->open_tsc, cfg->rate_close * part, share, lc->tsc_hz);
		pacer_start(&l->send, tc->open_tsc, cfg->rate_send * part, share, lc->tsc_hz);
	}
}

/* May a packet be sent to the next destination? Until its neighbour has answered, for a second,
 * nothing is opened. */
static bool neighbour_ready(
	struct lcore *lc, struct lport *lp, const struct tc_run *tc, const struct lane *l)
{
	if (likely(eth_hop(lc, lp, tc->vlan_tci, l->at.dst) != NULL))
		return true;
	return lc->now_tsc - tc->open_tsc > NEIGHBOUR_WAIT_MS * lc->cycles_per_ms;
}

/* A block for a session, in the flow table. */
static uint32_t block_new(
	struct lcore *lc, struct lport *lp, const struct tc_run *tc, const struct tuple *t)
{
	uint32_t hash = tuple_hash(tc, t);
	uint32_t id = tc->is_udp ? ucb_alloc(lc, lp, hash) : tcb_alloc(lc, lp, hash);
	struct conn *c;

	if (id == CONN_NONE)
		return id;
	c = conn_at(lc, id);
	c->laddr = t->src;
	c->raddr = t->dst;
	c->lport = t->sport;
	c->rport = t->dport;
	c->port = tc->port;
	c->tcid = tc->tcid;
	c->tx_kind = 0;
	c->flags = 0;
	c->state = CS_FREE;
	return id;
}

static void session_open(struct lcore *lc, struct tc_run *tc, uint32_t id, bool again)
{
	if (likely(tc->open_plain)) {
		tcp_open(lc, tc, (struct tcb *)conn_at(lc, id), id, again);
		return;
	}
	if (tc->times_from != times_from_OFF)
		times_opens(lc, tc, id);
	if (tc->is_udp)
		udp_open(lc, tc, conn_at(lc, id), id);
	else
		tcp_open(lc, tc, (struct tcb *)conn_at(lc, id), id, again);
}

/* One that was open before. False: there is none, or no room in the flow table: then it goes back to
 * the end of the queue. */
static bool reopen_one(struct lcore *lc, struct tc_run *tc, struct lane *l)
{
	struct flow_table *flows = flows_of(lc, tc);
	struct conn *c;
	uint32_t id;

	if (unlikely(l->q_open.n == 0))
		return false; /* the lane's last tuples were other lanes' */
	id = idq_get(&lc->queues, &l->q_open);
	c = conn_at(lc, id);
	if (l->q_open.n > AHEAD) {
		prefetch_conn(lc, &l->q_open, AHEAD - 1);
		flow_prefetch(flows,
			conn_hash(conn_at(lc, idq_peek(&lc->queues, &l->q_open, AHEAD / 2 - 1)),
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

static bool open_one(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct lane *l)
{
	uint32_t id;

	if (l->next == tc->n)
		return reopen_one(lc, tc, l);
	if (!neighbour_ready(lc, lp, tc, l)) {
		pacer_rest(&l->open, &tc->st->behind_open);
		return false;
	}
	flow_prefetch(flows_of(lc, tc), tuple_hash(tc, &l->ahead));
	id = block_new(lc, lp, tc, &l->at);
	if (unlikely(id == CONN_NONE)) {
		tc->st->no_tcb += !tc->no_room;
		tc->no_room = 1;
		return false;
	}
	tc->no_room = 0;
	tuple_next(tc->cfg, &l->at);
	tuple_next(tc->cfg, &l->ahead);
	l->next++;
	if (unlikely(tc->mix != NULL))
		lane_skip(tc, l);
	session_open(lc, tc, id, false);
	return true;
}

/* A lane's part of what a test case does in a turn. */
static inline uint32_t part_of(const struct tc_run *tc, uint32_t burst)
{
	return MAX_OF(burst >> tc->lane_shift, 1u);
}

static uint32_t open_run(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct lane *l)
{
	uint32_t ready = tc->n - l->next + l->q_open.n, i;
	uint32_t burst = lp->blocked.n != 0 ? OPEN_BESIDE_DATA : OPEN_BURST;
	uint32_t n = MIN_OF(ready, part_of(tc, burst));

	if (n == 0) {
		pacer_rest(&l->open, &tc->st->behind_open);
		return 0;
	}
	if (tc->cfg->rate_open != RATE_INFINITE)
		n = pacer_allow(&l->open, lc->now_tsc, n, &tc->st->behind_open);
	for (i = 0; i < n && tx_room_session(lc, lp); i++) {
		if (!open_one(lc, lp, tc, l))
			break;
	}
	l->open.done += i;
	return i;
}

static uint32_t send_run(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct lane *l)
{
	uint32_t n = MIN_OF(l->q_send.n, part_of(tc, SEND_BURST)), i, begun = 0;

	if (n == 0) {
		pacer_rest(&l->send, &tc->st->behind_send);
		return 0;
	}
	if (tc->send_limited)
		n = pacer_allow(&l->send, lc->now_tsc, n, &tc->st->behind_send);
	for (i = 0; i < n && tx_room(lc, lp); i++) {
		uint32_t id = idq_get(&lc->queues, &l->q_send);
		struct conn *c = conn_at(lc, id);

		if (l->q_send.n > AHEAD)
			prefetch_conn(lc, &l->q_send, AHEAD - 1);
		if (conn_unqueue(lc, c, id, CF_Q_SEND))
			begun += session_send(lc, tc, c, id);
	}
	l->send.done += begun;
	return i;
}

static uint32_t close_run(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct lane *l)
{
	uint32_t n = MIN_OF(l->q_close.n, part_of(tc, CLOSE_BURST)), i;

	if (n == 0) {
		pacer_rest(&l->close, &tc->st->behind_close);
		return 0;
	}
	if (tc->close_limited)
		n = pacer_allow(&l->close, lc->now_tsc, n, &tc->st->behind_close);
	for (i = 0; i < n && tx_room_session(lc, lp); i++) {
		uint32_t id = idq_get(&lc->queues, &l->q_close);
		struct conn *c = conn_at(lc, id);

		if (!conn_unqueue(lc, c, id, CF_Q_CLOSE) || !(c->flags & CF_WANT_CLOSE)
			|| c->state <= CS_CLOSED)
			continue;
		l->close.done++;
		session_close(lc, tc, c, id);
		if (c->state > CS_CLOSED)
			session_output(lc, lp, tc, c, id);
	}
	return i;
}

static uint32_t lane_run(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct lane *l)
{
	uint32_t done = close_run(lc, lp, tc, l);

	if (unlikely((int64_t)(lc->now_tsc - tc->open_tsc) < 0))
		return done;
	tc->st->up = tc->n;
	done += send_run(lc, lp, tc, l);
	return done + open_run(lc, lp, tc, l);
}

uint32_t clients_run(struct lcore *lc, struct tc_run *tc)
{
	struct lport *lp = lcore_lport(lc, tc->port);
	uint32_t done = 0;

	if (likely(tc->mix == NULL))
		return lane_run(lc, lp, tc, &tc->own);
	/* where there is room for some only, each lane is the first in its turn */
	for (uint32_t i = tc->first_lane; i < tc->n_lanes; i++)
		done += lane_run(lc, lp, tc, &tc->lane[i]);
	for (uint32_t i = 0; i < tc->first_lane; i++)
		done += lane_run(lc, lp, tc, &tc->lane[i]);
	if (++tc->first_lane >= tc->n_lanes)
		tc->first_lane = 0;
	return done;
}
