/* The course of a port's test cases: in order of their ids, the next when the one before is done or
 * async; criteria; what the segment says of it all. */
#include "engine/l2_eth/l2_eth.h"
#include "engine/mgmt/mgmt_priv.h"

#include <rte_ethdev.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define GRACE_MS 1000
#define FAIL_AFTER_S 600 /* criteria other than run-time */

struct tc_course tc_states[PORTS_MAX][TCS_MAX];
enum port_run port_runs[PORTS_MAX];

uint64_t mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

void publish_tc(uint32_t port, uint32_t tcid)
{
	struct seg_tc *s = seg_tc(segment, port, tcid);
	const struct tc_course *t = &tc_states[port][tcid];

	seg_write_begin(&s->seq);
	s->cfg = tc_cfgs[port][tcid];
	s->state = t->state;
	s->fell_behind = t->fell_behind;
	s->start_ns = t->start_ns;
	s->end_ns = t->end_ns;
	s->achieved = t->achieved;
	s->estab_us = t->estab_us;
	s->rate_estab = t->rate[0];
	s->rate_closed = t->rate[1];
	s->rate_send = t->rate[2];
	s->rate_req = t->rate[3];
	memcpy(s->reason, t->reason, sizeof(s->reason));
	seg_write_end(&s->seq);
}

void publish_port(uint32_t port)
{
	struct seg_port *s = seg_port(segment, port);
	const struct port_l3 *l3 = &port_l3[port];

	seg_write_begin(&s->seq);
	s->running = port_runs[port] != PORT_IDLE;
	s->n_intfs = l3->n_intfs;
	memcpy(s->intfs, l3->intf, sizeof(s->intfs));
	s->gw = l3->gw ? ip4_addr(l3->gw) : (struct ip_addr){0};
	seg_write_end(&s->seq);
}

static int post_all(uint32_t port, struct lmsg m)
{
	int rc = 0;

	m.port = port;
	for (uint32_t q = 0; q < ports[port].n_queues; q++)
		rc |= mailbox_post(lcores[ports[port].queue_worker[q]], &m);
	segment->hdr.n_lcores
		? seg_stats_lcore(segment, n_workers)->msg.sent += ports[port].n_queues
		: 0;
	return rc;
}

/* Sessions [first, first + n) of worker k of n_queues. */
static void share(uint64_t total, uint32_t k, uint32_t n, uint64_t *first, uint64_t *count)
{
	*first = total * k / n;
	*count = total * (k + 1) / n - *first;
}

static void tc_start(uint32_t port, uint32_t tcid)
{
	struct tc_course *t = &tc_states[port][tcid];
	uint64_t total = tc_sessions(&tc_cfgs[port][tcid]);
	uint32_t n = ports[port].n_queues;

	for (uint32_t q = 0; q < n; q++) {
		struct lmsg m = {.id = LMSG_TC_START, .port = port, .tcid = tcid};

		share(total, q, n, &m.share_first, &m.share_n);
		mailbox_post(lcores[ports[port].queue_worker[q]], &m);
	}
	t->state = tc_state_RUNNING;
	t->start_ns = mono_ns();
	t->posted = true;
	log_line(loglevel_INFO, "port %u test case %u started", port, tcid);
	publish_tc(port, tcid);
}

/* Does the next test case have to wait for this one? */
static bool blocks_next(uint32_t port, uint32_t tcid)
{
	return tc_states[port][tcid].state == tc_state_RUNNING && !tc_cfgs[port][tcid].async;
}

static void start_ready(uint32_t port)
{
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		if (tc_cfgs[port][i].kind == tc_kind_NONE)
			continue;
		if (!tc_states[port][i].posted && tc_states[port][i].state == tc_state_IDLE)
			tc_start(port, i);
		if (blocks_next(port, i))
			return;
	}
}

/* Do source addresses and ways to destinations exist? */
static int addresses_check(uint32_t port, uint32_t tcid, struct reply *r)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	char a[IP_STRLEN];

	if (c->kind == tc_kind_CLIENT && route_next_hop(port, c->vlan_id, ip4_of(&c->dst.lo)) == 0)
		return reply_fail(r, -EHOSTUNREACH,
			"test case %u: no way to %s: no interface of port %u%s in its subnet "
			"and no gateway (add tests l3_intf, add tests l3_gw)",
			tcid, ip_str(&c->dst.lo, a), port, c->vlan_id ? " on its VLAN" : "");
	if (c->kind == tc_kind_SERVER && route_next_hop(port, c->vlan_id, ip4_of(&c->src.lo)) == 0)
		return reply_fail(r, -EADDRNOTAVAIL,
			"test case %u: %s is outside the subnets of port %u, and there is no "
			"gateway (add tests l3_intf, add tests l3_gw)",
			tcid, ip_str(&c->src.lo, a), port);
	return 0;
}

/* Endpoints of one worker that test cases want. */
struct want {
	uint64_t tcbs, ucbs;
};

static void want_add(struct want *w, const struct tc_config *c, uint64_t n)
{
	uint64_t *to = c->proto == l4proto_UDP ? &w->ucbs : &w->tcbs;

	*to += n;
}

/* Does a server test case of the port speak that transport? */
static bool serves(uint32_t port, uint32_t proto)
{
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		if (tc_cfgs[port][i].kind == tc_kind_SERVER && tc_cfgs[port][i].proto == proto)
			return true;
	}
	return false;
}

/* A client test case's sessions, by the workers that will have them; over a ring pair the servers'
 * ends are ours too. */
static void want_tc(struct want *want, uint32_t port, const struct tc_config *c)
{
	const struct port *p = &ports[port];
	bool both = p->kind == port_kind_RING && serves(p->peer, c->proto);

	for (uint32_t q = 0; q < p->n_queues; q++) {
		uint64_t first, n;

		share(tc_sessions(c), q, p->n_queues, &first, &n);
		want_add(&want[p->queue_worker[q]], c, n);
		if (both)
			want_add(&want[ports[p->peer].queue_worker[q]], c, n);
	}
}

static int pool_check(
	uint32_t worker, const char *what, uint64_t want, uint32_t have, struct reply *r)
{
	if (want <= have)
		return 0;
	return reply_fail(r, -ENOSPC,
		"%" PRIu64
		" %s endpoints are wanted of lcore %u, its pool holds %u: raise --%s-pool-sz "
		"to %" PRIu64,
		want, what[0] == 't' ? "TCP" : "UDP", lcores[worker]->lcore_id, have, what,
		(want * n_workers + 1023) / 1024);
}

/* Do the pools hold the sessions of all that runs, and of this port? */
static int pools_check(uint32_t port, struct reply *r)
{
	struct want want[WORKERS_MAX] = {0};
	int rc = 0;

	for (uint32_t p = 0; p < n_ports; p++) {
		for (uint32_t i = 0; i < TCS_MAX; i++) {
			if (tc_cfgs[p][i].kind == tc_kind_CLIENT
				&& (p == port || port_runs[p] != PORT_IDLE))
				want_tc(want, p, &tc_cfgs[p][i]);
		}
	}
	for (uint32_t w = 0; w < n_workers && rc == 0; w++) {
		rc = pool_check(w, "tcb", want[w].tcbs, lcores[w]->tcbs.n, r);
		if (rc == 0)
			rc = pool_check(w, "ucb", want[w].ucbs, lcores[w]->ucbs.n, r);
	}
	return rc;
}

static int start_check(uint32_t port, struct reply *r)
{
	uint32_t n = 0;
	int rc = 0;

	for (uint32_t i = 0; i < TCS_MAX && rc == 0; i++) {
		if (tc_cfgs[port][i].kind == tc_kind_NONE)
			continue;
		n++;
		rc = addresses_check(port, i, r);
	}
	if (rc == 0 && n == 0)
		rc = reply_fail(r, -ENOENT, "port %u has no test case", port);
	if (rc == 0 && !seg_port(segment, port)->link_up)
		rc = reply_fail(r, -ENETDOWN, "the link of port %u is down", port);
	return rc != 0 ? rc : pools_check(port, r);
}

int run_start(uint32_t port, struct reply *r)
{
	struct lmsg m = {.id = LMSG_PORT_START};
	char err[200];
	int rc;

	ports_poll_link(segment);
	rc = start_check(port, r);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		memset(&tc_states[port][i], 0, sizeof(tc_states[port][i]));
		if (tc_cfgs[port][i].kind == tc_kind_NONE)
			continue;
		rc = app_tc_init(&app_tcs[port * TCS_MAX + i], &tc_cfgs[port][i], err, sizeof(err));
		if (rc != 0)
			return reply_fail(r, rc, "test case %u: %s", i, err);
		publish_tc(port, i);
	}
	port_runs[port] = PORT_RUNNING;
	post_all(port, m);
	start_ready(port);
	publish_port(port);
	return 0;
}

static bool tc_idle_on_workers(uint32_t port, uint32_t tcid)
{
	for (uint32_t q = 0; q < ports[port].n_queues; q++) {
		struct lcore *lc = lcores[ports[port].queue_worker[q]];

		if (!mailbox_idle(lc)
			|| __atomic_load_n(&lc->tcs[port][tcid].run, __ATOMIC_ACQUIRE) != TCR_IDLE)
			return false;
	}
	return true;
}

static void tc_stop(uint32_t port, uint32_t tcid)
{
	struct lmsg m = {.id = LMSG_TC_STOP, .tcid = tcid, .grace_ms = GRACE_MS};

	post_all(port, m);
}

int run_stop(uint32_t port)
{
	if (port_runs[port] == PORT_STOPPING)
		return 0;
	port_runs[port] = PORT_STOPPING;
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		struct tc_course *t = &tc_states[port][i];

		if (!t->posted)
			continue;
		tc_stop(port, i);
		if (t->state == tc_state_RUNNING) {
			t->state = tc_state_STOPPED;
			t->end_ns = mono_ns();
		}
		publish_tc(port, i);
	}
	return 0;
}

static void stopping_tick(uint32_t port)
{
	struct lmsg m = {.id = LMSG_PORT_STOP};

	for (uint32_t i = 0; i < TCS_MAX; i++) {
		if (tc_states[port][i].posted && !tc_idle_on_workers(port, i))
			return;
	}
	post_all(port, m);
	port_runs[port] = PORT_IDLE;
	log_line(loglevel_INFO, "port %u stopped", port);
	publish_port(port);
}

/* How much of the criterion is there; runtime in seconds. */
static uint64_t achieved(const struct tc_config *c, struct tc_course *t, const struct stats_tc *st,
	uint32_t n_queues, uint64_t now)
{
	switch ((enum criterion)c->criterion) {
	case criterion_RUN_TIME:
		return (now - t->start_ns) / SECOND_NS;
	case criterion_SERVERS_UP:
		return st->up / n_queues; /* each worker listens on all */
	case criterion_CLIENTS_UP:
		return st->up;
	case criterion_CLIENTS_ESTAB:
		/* at the same time; sessions that close by themselves may never all be up at once
		 */
		t->estab_max = MAX_OF(t->estab_max, st->estab_now);
		if (c->requests != 0 || c->uptime_s != TC_FOREVER)
			return MAX_OF(t->estab_max, st->estab);
		return t->estab_max;
	case criterion_DATA_MB:
		return st->tx_bytes / 1000000;
	case criterion_COUNT:
		break;
	}
	return 0;
}

static bool another_waits(uint32_t port, uint32_t tcid)
{
	for (uint32_t i = tcid + 1; i < TCS_MAX; i++) {
		if (tc_cfgs[port][i].kind != tc_kind_NONE && !tc_states[port][i].posted)
			return true;
	}
	return false;
}

/* Clients that have done their time are closed; those that had to reach a number stay up until
 * stop, unless the next test case waits. Servers stay. */
static void tc_over(uint32_t port, uint32_t tcid, enum tc_state state, uint64_t now)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	struct tc_course *t = &tc_states[port][tcid];

	t->state = state;
	t->end_ns = now;
	log_line(loglevel_INFO, "port %u test case %u %s %s", port, tcid, tc_state_word(state),
		t->reason);
	if (c->kind == tc_kind_CLIENT
		&& (c->criterion == criterion_RUN_TIME || another_waits(port, tcid)))
		tc_stop(port, tcid);
}

/* second: ns since the last look at the rates, 0 not now. */
static void tc_tick(uint32_t port, uint32_t tcid, uint64_t now, uint64_t second)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	struct tc_course *t = &tc_states[port][tcid];
	struct stats_tc_block b;
	const struct stats_tc *st = &b.tc;

	seg_sum_tc(segment, port, tcid, &b);
	if (second != 0) {
		uint64_t at[4] = {st->estab, st->closed, st->tx_msgs,
			c->kind == tc_kind_CLIENT ? st->responses : st->requests};

		for (int i = 0; i < 4; i++) {
			t->rate[i] = (uint64_t)((double)(at[i] - t->last[i]) * (double)SECOND_NS
				/ (double)second);
			t->last[i] = at[i];
		}
	}
	t->fell_behind = st->behind != 0;
	if (t->state == tc_state_RUNNING && tc_idle_on_workers(port, tcid)) {
		publish_tc(port, tcid);
		return; /* not begun yet */
	}
	if (t->state == tc_state_RUNNING) {
		t->achieved = achieved(c, t, st, ports[port].n_queues, now);
		t->estab_us = st->last_estab_us;
		if (t->achieved >= c->criterion_count) {
			tc_over(port, tcid, tc_state_PASSED, now);
		} else if (c->criterion != criterion_RUN_TIME
			&& now - t->start_ns > FAIL_AFTER_S * SECOND_NS) {
			snprintf(t->reason, sizeof(t->reason), "%s: %" PRIu64 " of %u after %u s",
				criterion_word(c->criterion), t->achieved, c->criterion_count,
				FAIL_AFTER_S);
			tc_over(port, tcid, tc_state_FAILED, now);
		}
	}
	publish_tc(port, tcid);
}

void run_tick(uint64_t now)
{
	static uint64_t last_second;
	uint64_t second = now - last_second >= SECOND_NS ? now - last_second : 0;

	if (second != 0) {
		last_second = now;
		ports_poll_link(segment);
		arp_snapshot(segment);
	}
	for (uint32_t p = 0; p < n_ports; p++) {
		if (port_runs[p] == PORT_IDLE)
			continue;
		for (uint32_t i = 0; i < TCS_MAX; i++) {
			if (tc_states[p][i].posted)
				tc_tick(p, i, now, second);
		}
		if (port_runs[p] == PORT_STOPPING)
			stopping_tick(p);
		else
			start_ready(p);
	}
}
