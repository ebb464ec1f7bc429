/* A run: two stacks, one clock. Time goes on to whatever comes next: a packet that arrives, a
 * deadline, a rate's turn, what the scenario does. */
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"
#include "engine/l4_tcp/tcp_priv.h"
#include "engine/l7_app/l7_app.h"
#include "test/sim/sim.h"

#include <rte_mbuf.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NS_MS UINT64_C(1000000)
#define CLIENT_NET UINT32_C(0x0a000000) /* both sides' interfaces: 10.0.0.1 and 10.0.0.253 */
#define STOP_MS 10000                   /* the engine's own bound for FIN to all sessions */
#define STOP_MORE_MS 5000               /* and what we grant beyond that and the grace time */
#define TURNS_MAX 20000000
#define IDLE_PKTS_FEW 1000
#define TURNS_PER_PKT 20 /* of the budget: sessions may open and close without one */

struct sim sim;

/* What the scenario does. */
enum deed {
	DEED_START,
	DEED_STOP,
};
struct event {
	uint64_t at;
	uint8_t deed, tc, end;
	bool did;
};
static struct event events[SIM_TCS * 4];
static uint32_t n_events;
static bool stopping;
static uint64_t stop_bound; /* by then all is idle */

static struct rte_mempool *pools[4][2];
static const uint32_t pool_sizes[] = {64, 128, 512, 4096};
static uint64_t wake[2], busy[2]; /* when it wants its next turn; until when the last one takes */
static uint32_t tx_left;

static uint32_t side_ip(uint32_t port)
{
	return CLIENT_NET + (port == 0 ? 1 : 253);
}

void sim_init(void)
{
	char name[24];

	for (uint32_t i = 0; i < ARRAY_SIZE(pool_sizes); i++) {
		for (uint32_t side = 0; side < 2; side++) {
			snprintf(name, sizeof(name), "sim%u%c", i, "ab"[side]);
			pools[i][side] = world_mbufs(name, pool_sizes[i]);
		}
	}
	link_init();
}

/* ports */

static uint16_t sim_rx(void *rxq, struct rte_mbuf **m, uint16_t n)
{
	uint16_t port = (uint16_t)(uintptr_t)rxq - 1, i = 0;

	while (i < n && (m[i] = link_take(port)) != NULL)
		i++;
	return i;
}

/* As much as the port takes a turn; its device gives the buffers back at once. */
static uint16_t sim_tx(void *txq, struct rte_mbuf **m, uint16_t n)
{
	uint16_t port = (uint16_t)(uintptr_t)txq - 1;

	n = (uint16_t)MIN_OF(tx_left, n);
	tx_left -= n;
	for (uint16_t i = 0; i < n; i++) {
		check_sent(port, m[i]);
		digest_packet(port, m[i]);
		link_send(port, m[i]);
		rte_pktmbuf_free(m[i]);
	}
	return n;
}

/* setting up */

static void vlan_add(uint32_t port, uint32_t vlan)
{
	struct port_l3 *l3 = &port_l3[port];

	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		if (l3->intf[i].vlan_id == vlan)
			return;
	}
	l3->intf[l3->n_intfs++] = (struct l3_intf){
		.ip = ip4_addr(side_ip(port)), .mask = ip4_addr(0xffffff00), .vlan_id = vlan};
}

#define OPTION_RUN(name)
#define OPTION_SIDE(name)
#define OPTION_TC(name)
#define OPTION_END(name) o->name = (uint32_t)e->name;
static void end_options(struct tcp_options *o, const struct sc_end *e)
{
#define PARAM(scope, name, ...) OPTION_##scope(name)
#include "test/sim/scenario.def"
}

static void end_config(uint32_t k, uint32_t end)
{
	const struct sc_tc *t = &sim.sc.tc[k];
	const struct sc_end *e = &sim.sc.end[k][end];
	uint16_t port = scenario_port(&sim.sc, k, end);
	struct tc_config *c = &tc_cfgs[port][k];
	struct u16_range one = {(uint16_t)(80 + k), (uint16_t)(80 + k)};
	struct u16_range many = {
		(uint16_t)(1000 * (k + 1)), (uint16_t)(1000 * (k + 1) + t->sessions - 1)};
	bool client = end == 0 || t->simopen;
	char err[200];

	tc_config_init(
		c, client ? tc_kind_CLIENT : tc_kind_SERVER, t->udp ? l4proto_UDP : l4proto_TCP);
	c->src.lo = c->src.hi = ip4_addr(side_ip(port));
	c->dst.lo = c->dst.hi = ip4_addr(side_ip(1 - port));
	c->sport = end == 0 ? many : one;
	c->dport = end == 0 ? one : many;
	c->init_s = (uint32_t)t->init_s;
	c->uptime_s = (uint32_t)t->uptime_s;
	c->downtime_s = (uint32_t)t->downtime_s;
	c->rate_open = (uint32_t)t->rate_open;
	c->rate_send = (uint32_t)t->rate_send;
	c->rate_close = (uint32_t)t->rate_close;
	c->vlan_id = (uint32_t)t->vlan;
	vlan_add(port, c->vlan_id);
	end_options(&c->tcp, e);
	c->app.kind = t->http ? app_kind_HTTP : app_kind_RAW;
	c->app.requests = (uint32_t)(client ? t->requests_c : t->requests_s);
	c->app.raw.req_bytes = (uint32_t)t->req;
	c->app.raw.resp_bytes = (uint32_t)t->resp;
	c->app.http.method = t->head ? http_method_HEAD : http_method_GET;
	c->app.http.status = t->ok ? http_status_OK_200 : http_status_NOT_FOUND_404;
	c->app.http.body_bytes = (uint32_t)(client ? t->req : t->resp);
	if (client && t->asks_close)
		snprintf(c->app.http.fields, sizeof(c->app.http.fields), "Connection: close\r\n");
	if (app_tc_init(&app_tcs[port * TCS_MAX + k], &c->app, c->kind, c->proto, err, sizeof(err))
		!= 0)
		sim_fail("scenario makes no sense: %s", err);
}

static void event_add(uint64_t at_ms, enum deed deed, uint32_t tc, uint32_t end)
{
	events[n_events++] = (struct event){
		.at = at_ms * NS_MS, .deed = (uint8_t)deed, .tc = (uint8_t)tc, .end = (uint8_t)end};
}

static void plan(void)
{
	n_events = 0;
	for (uint32_t k = 0; k < sim.sc.run.n_tcs; k++) {
		if (sim.sc.tc[k].start_ms >= sim.sc.run.stop_ms)
			continue;
		event_add(sim.sc.tc[k].simopen ? sim.sc.tc[k].start_ms : 0, DEED_START, k, 1);
		event_add(sim.sc.tc[k].start_ms, DEED_START, k, 0);
		for (uint32_t end = 0; end < 2; end++)
			event_add(sim.sc.run.stop_ms
					+ ((end == 0) == !sim.sc.run.servers_first
							? 0
							: sim.sc.run.gap_ms),
				DEED_STOP, k, end);
	}
}

static void worker_make(uint32_t i)
{
	const struct sc_side *s = &sim.sc.side[i];
	struct lcore *lc = world_lcore((uint32_t)s->tcbs, (uint32_t)s->ucbs, pools[s->mbufs][i]);

	lc->isn_secret[0] = sim.sc.seed;
	lc->isn_secret[1] = i;
	lc->sides.n = (uint32_t)MIN_OF(s->sides, lc->sides.n);
	world_port(lc, (uint16_t)i, side_ip(i), (uint16_t)s->mtu, sim_rx, sim_tx);
	ports[i].sw_csum = (uint8_t)sim.sc.run.csum;
}

/* Starts the clock; when the first connection's ISS is to lie before the wrap, at a time that makes
 * it so: the numbers are a clock's (RFC 6528), of 4 us. */
static void clock_start(uint32_t i)
{
	struct lcore *lc = world.lc[i];
	const struct tc_config *c = &tc_cfgs[i][0];
	struct tcb t = {.c = {.laddr = ip4_of(&c->src.lo),
				.raddr = side_ip(1 - i),
				.lport = c->sport.lo,
				.rport = tc_cfgs[1 - i][0].sport.lo,
				.port = (uint8_t)i}};

	if (sim.sc.side[i].iss_wrap != 0) {
		lc->now_us = sim.origin[i] / 1000;
		tcp_init_snd(lc, lcore_tc(lc, (uint8_t)i, 0), &t, false);
		sim.origin[i] += (uint64_t)(uint32_t)(-(uint32_t)sim.sc.side[i].iss_wrap
					 - t.snd_una)
			* 4000;
	}
	world_start(lc, sim.origin[i]);
	mailbox_post(lc, &(struct lmsg){.id = LMSG_PORT_START, .port = (uint8_t)i});
	wake[i] = busy[i] = 0;
}

static void begin(void)
{
	sim.now = 0;
	sim.n_pkts = 0;
	sim.n_turns = 0;
	stopping = false;
	sim.done = true;
	world_begin(2);
	link_begin();
	check_begin();
	digest_begin();
	for (uint32_t i = 0; i < 2; i++)
		worker_make(i);
	for (uint32_t k = 0; k < sim.sc.run.n_tcs; k++) {
		end_config(k, 0);
		end_config(k, 1);
	}
	for (uint32_t i = 0; i < 2; i++)
		clock_start(i);
	plan();
}

/* what happens when */

static void deed(struct event *e)
{
	uint16_t port = scenario_port(&sim.sc, e->tc, e->end);
	struct lmsg m = {.id = e->deed == DEED_STOP ? LMSG_TC_STOP : LMSG_TC_START,
		.port = (uint8_t)port,
		.tcid = e->tc,
		.grace_ms = (uint32_t)sim.sc.run.grace_ms,
		.share_n = tc_sessions(&tc_cfgs[port][e->tc])};

	e->did = true;
	if (mailbox_post(world.lc[port], &m) != 0)
		sim_fail("mailbox is full");
	wake[port] = sim.now;
	if (e->deed == DEED_STOP && !stopping) {
		stopping = true;
		stop_bound = sim.now
			+ (STOP_MS + sim.sc.run.gap_ms + 2 * sim.sc.run.grace_ms + STOP_MORE_MS)
				* NS_MS;
	}
}

static uint64_t events_run(void)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < n_events; i++) {
		if (!events[i].did && events[i].at <= sim.now)
			deed(&events[i]);
		if (!events[i].did && events[i].at < next)
			next = events[i].at;
	}
	return next;
}

/* Enough packets: everything is stopped now. */
static void stop_early(void)
{
	uint64_t planned = sim.sc.run.stop_ms * NS_MS;

	sim.done = false;
	for (uint32_t i = 0; i < n_events; i++) {
		if (events[i].did)
			continue;
		events[i].at = events[i].deed == DEED_STOP ? sim.now + events[i].at - planned
							   : sim.now;
	}
}

static uint64_t pacer_next(const struct pacer *p, const struct lcore *lc, uint64_t soon)
{
	uint64_t at;

	if (p->per_cycle == 0)
		return UINT64_MAX;
	at = p->t0 + (uint64_t)((double)p->done / p->per_cycle) + 1;
	return p->idle || at <= lc->now_tsc ? soon : sim.now + at - lc->now_tsc;
}

/* When a test case of a worker that has nothing to do now wants its next turn. */
static uint64_t tc_next(const struct lcore *lc, const struct tc_run *tc)
{
	const struct lane *l = &tc->own; /* no scenario has IMIX groups */
	uint64_t soon = sim.now + NS_MS, next = UINT64_MAX;

	if (tc->run == TCR_STOPPING) {
		if (tc->st->open_now != 0 && tc->stop_deadline > lc->now_tsc)
			return MIN_OF(soon, sim.now + tc->stop_deadline - lc->now_tsc);
		return sim.now + sim.sc.run.turn_ns;
	}
	if (tc->run != TCR_RUNNING || !tc->is_client)
		return UINT64_MAX;
	if (lc->now_tsc < tc->open_tsc)
		return sim.now + tc->open_tsc - lc->now_tsc;
	if (tc->n - l->next + l->q_open.n != 0)
		next = tc->cfg->rate_open == RATE_INFINITE ? soon : pacer_next(&l->open, lc, soon);
	if (l->q_send.n != 0)
		next = MIN_OF(next, tc->send_limited ? pacer_next(&l->send, lc, soon) : soon);
	if (l->q_close.n != 0)
		next = MIN_OF(next, tc->close_limited ? pacer_next(&l->close, lc, soon) : soon);
	return next;
}

static uint64_t worker_next(uint32_t i)
{
	const struct lcore *lc = world.lc[i];
	uint64_t next = check_idle(i);

	for (uint32_t k = 0; k < lc->n_tcs; k++)
		next = MIN_OF(next, tc_next(lc, lc->tc_list[k]));
	if (lc->lports[0].blocked.n != 0 || lc->lports[0].txq.n != 0 || lc->wheel.firing != 0
		|| lc->wheel.starved)
		next = sim.now + 10 * sim.sc.run.turn_ns;
	return next;
}

/* The worker gets no CPU: when it does again. */
static uint64_t stalled_until(uint32_t i)
{
	const struct sc_side *s = &sim.sc.side[i];
	uint64_t every = s->stall_every_ms * NS_MS, since;

	if (every == 0)
		return 0;
	since = sim.now % (every + s->stall_ms * NS_MS);
	return since < every ? 0 : sim.now - since + every + s->stall_ms * NS_MS;
}

static void worker_turn(uint32_t i)
{
	uint64_t stalled = stalled_until(i);

	if (stalled != 0) {
		wake[i] = stalled;
		return;
	}
	sim.n_turns++;
	busy[i] = sim.now + sim.sc.run.turn_ns;
	if (sim.n_turns > TURNS_MAX)
		sim_fail("no end after %u turns", TURNS_MAX);
	tx_left = sim.sc.side[i].tx_burst != 0 ? (uint32_t)sim.sc.side[i].tx_burst : UINT32_MAX;
	if (lcore_turn(world.lc[i], sim.origin[i] + sim.now) != 0)
		wake[i] = sim.now + sim.sc.run.turn_ns;
	else
		wake[i] = worker_next(i);
}

/* Have the workers nothing to do any more? */
static bool workers_idle(void)
{
	for (uint32_t i = 0; i < n_events; i++) {
		if (!events[i].did)
			return false;
	}
	for (uint32_t i = 0; i < 2; i++) {
		if (world.lc[i]->n_tcs != 0 || !mailbox_idle(world.lc[i])
			|| world.lc[i]->lports[0].txq.n != 0)
			return false;
	}
	return true;
}

static bool all_idle(void)
{
	return workers_idle() && link_idle();
}

static void step(void)
{
	uint64_t next = events_run(), arrival;

	for (uint16_t i = 0; i < 2; i++) {
		if (MIN_OF(wake[i], link_next(i)) <= sim.now && busy[i] <= sim.now)
			worker_turn(i);
	}
	for (uint16_t i = 0; i < 2; i++) {
		arrival = MAX_OF(link_next(i), stalled_until(i));
		next = MIN_OF(next, MAX_OF(MIN_OF(wake[i], arrival), busy[i]));
	}
	/* those of which nothing comes are not cut short: they have to end */
	if (((sim.n_pkts > sim.sc.run.budget && sim.n_idle_pkts < IDLE_PKTS_FEW)
		    || sim.n_turns > TURNS_PER_PKT * sim.sc.run.budget)
		&& sim.done && !stopping) {
		stop_early();
		next = sim.now;
	}
	if (next == UINT64_MAX && !all_idle())
		sim_fail("nothing is left to happen, and not all is idle");
	if (next == UINT64_MAX)
		return;
	if (stopping && next > stop_bound && !workers_idle())
		sim_fail("test cases are not idle %" PRIu64 " ms after their stop",
			(next - stop_bound) / NS_MS);
	sim.now = MAX_OF(next, sim.now);
}

void sim_run(void)
{
	const char *why;

	for (uint32_t i = 0; i < 2; i++)
		sim.origin[i] = sim.sc.side[i].clock_ms * NS_MS;
	begin();
	while (!all_idle())
		step();
	check_end();
	for (uint32_t i = 0; i < 2; i++) {
		arp_port_stop(world.lc[i], &world.lc[i]->lports[0]);
		why = world_pools(world.lc[i]);
		if (why != NULL)
			sim_fail("side %c: %s", "ab"[i], why);
	}
	why = link_end();
	if (why != NULL)
		sim_fail("%s", why);
	sim.digest = digest_end();
	world_end();
}
