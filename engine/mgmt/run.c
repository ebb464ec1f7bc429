/* The course of a port's test cases: in order of their ids, the next when the one before is done or
 * async; criteria; what the segment says of it all. */
#include "engine/l2_eth/l2_eth.h"
#include "engine/mgmt/mgmt_priv.h"

#include <rte_ethdev.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define GRACE_MS 1000
#define RATE_FEW 10

struct tc_course tc_states[PORTS_MAX][TCS_MAX];
enum port_run port_runs[PORTS_MAX];

static void tc_start(uint32_t port, uint32_t tcid)
{
	struct tc_course *t = &tc_states[port][tcid];

	if (fanout_start(port, tcid) != 0)
		return; /* next tick */
	t->state = tc_state_RUNNING;
	t->start_ns = mono_ns();
	for (int i = 0; i < RATES; i++)
		t->rate[i] = (struct rate_meter){.from_ns = t->start_ns, .quiet = true};
	t->posted = true;
	event_of(event_kind_TEST_STARTED, loglevel_INFO, port, tcid, "port %u test case %u started",
		port, tcid);
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
		const struct tc_config *c = &tc_cfgs[port][i];

		memset(&tc_states[port][i], 0, sizeof(tc_states[port][i]));
		if (c->kind == tc_kind_NONE)
			continue;
		rc = c->imix != 0 ? imix_start(c->imix - 1, c->proto, err, sizeof(err))
				  : app_tc_init(app_tc_of(port, i), &c->app, c->kind, c->proto, err,
					  sizeof(err));
		if (rc != 0)
			return reply_fail(r, rc, "test case %u: %s", i, err);
		rc = times_begin(port, i, r);
		if (rc != 0)
			return rc;
		publish_tc(port, i);
	}
	rc = times_ready(port, r);
	if (rc == 0 && fanout(port, m) != 0)
		rc = reply_fail(r, -EAGAIN, "the workers of port %u are busy, try again", port);
	if (rc != 0) {
		times_over();
		return rc;
	}
	port_runs[port] = PORT_RUNNING;
	event_by(r->by, event_kind_PORT_STARTED, loglevel_INFO, port, NULL, "port %u started by %s",
		port, r->by->name);
	start_ready(port);
	publish_port(port);
	return 0;
}

/* Workers take a second order to stop for none. */
static void tc_stop(uint32_t port, uint32_t tcid)
{
	struct lmsg m = {.id = LMSG_TC_STOP, .tcid = (uint8_t)tcid, .grace_ms = GRACE_MS};

	tc_states[port][tcid].stop_due = fanout(port, m) != 0;
}

int run_stop(uint32_t port)
{
	if (port_runs[port] != PORT_RUNNING)
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
			event_of(event_kind_TEST_STOPPED, loglevel_INFO, port, i,
				"port %u test case %u STOPPED", port, i);
		}
		publish_tc(port, i);
	}
	return 0;
}

static void stopping_tick(uint32_t port)
{
	struct lmsg m = {.id = LMSG_PORT_STOP};

	/* what they have not handled yet looks idle */
	if (!fanout_handled(port))
		return;
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		const struct tc_course *t = &tc_states[port][i];

		if (t->posted && (t->stop_due || !fanout_idle(port, i)))
			return;
	}
	if (port_runs[port] == PORT_STOPPING) {
		port_runs[port] = fanout(port, m) == 0 ? PORT_STOPPED : PORT_STOPPING;
		return;
	}
	port_runs[port] = PORT_IDLE;
	times_over();
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		memset(tc_states[port][i].rate, 0, sizeof(tc_states[port][i].rate));
		publish_tc(port, i);
	}
	event_of(event_kind_PORT_STOPPED, loglevel_INFO, port, NOTE_NONE, "port %u stopped", port);
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
		/* at the same time; sessions that end in order, by us or the peer, may never all be
		 * up at once: each counts, but once */
		t->estab_max = MAX_OF(t->estab_max, st->estab_now);
		if (tc_ends_sessions(c) || st->closed != 0)
			return MAX_OF(t->estab_max, st->estab_once);
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
	event_of(state == tc_state_PASSED ? event_kind_TEST_PASSED : event_kind_TEST_FAILED,
		loglevel_INFO, port, tcid, "port %u test case %u %s%s%s%s%s", port, tcid,
		tc_state_word(state), t->reason[0] ? " " : "", t->reason, t->behind[0] ? ", " : "",
		t->behind);
	if (c->kind == tc_kind_CLIENT
		&& (c->criterion == criterion_RUN_TIME || another_waits(port, tcid)))
		tc_stop(port, tcid);
}

/* Rates over the last whole second: how far the counter went between two times when it was seen to
 * change, so that one a second shows 1 however our seconds lie. second: one is over. */
static void rate_take(struct rate_meter *r, uint64_t counter, uint64_t now, bool second)
{
	uint64_t span;

	if (counter != r->seen) {
		r->seen = counter;
		r->seen_ns = now;
		if (r->from == 0 && counter < RATE_FEW) { /* the first did not wait for its turn */
			r->from = counter;
			r->from_ns = now;
			r->quiet = false;
		}
	}
	if (!second)
		return;
	span = r->seen_ns - r->from_ns;
	if (r->seen != r->from) {
		span = r->quiet ? now - r->from_ns : span;
		r->per_second = (uint64_t)((double)(r->seen - r->from) * (double)SECOND_NS
				/ (double)MAX_OF(span, UINT64_C(1))
			+ 0.5);
		r->from = r->seen;
		r->from_ns = r->seen_ns;
		r->quiet = false;
	} else if (r->per_second != 1 || now - r->from_ns > 3 * SECOND_NS / 2) {
		r->per_second = 0; /* of one a second none may be in ours */
		r->from_ns = now;
		r->quiet = true;
	}
}

static void rates_take(struct tc_course *t, const struct tc_config *c, const struct stats_tc *st,
	uint64_t now, bool second)
{
	uint64_t at[RATES] = {st->estab, st->closed, st->tx_msgs,
		c->kind == tc_kind_CLIENT ? st->responses : st->requests};

	for (int i = 0; i < RATES; i++)
		rate_take(&t->rate[i], at[i], now, second);
}

/* Which rates were not kept, and what of them was. */
static void behind_say(struct tc_course *t, const struct tc_config *c, const struct stats_tc *st)
{
	const struct {
		const char *what;
		uint64_t lost, done;
		uint32_t rate;
	} rates[] = {{"open", st->behind_open, st->opened, c->rate_open},
		{"close", st->behind_close, st->closed, c->rate_close},
		{"send", st->behind_send, st->tx_msgs, c->rate_send}};
	size_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		double all = (double)rates[i].done + (double)rates[i].lost;

		if (rates[i].lost == 0 || at >= sizeof(t->behind))
			continue;
		at += (size_t)snprintf(t->behind + at, sizeof(t->behind) - at,
			"%sbehind its %s rate: %.0f of %u/s", at ? "; " : "", rates[i].what,
			(double)rates[i].done / all * rates[i].rate, rates[i].rate);
	}
}

/* What stood in the way: what most connections ended by, and who does not answer ARP. Appended. */
static void why_not(uint32_t port, const struct stats_tc *st, char *buf, size_t len)
{
	const struct {
		uint64_t n;
		const char *what;
	} ends[] = {{st->failed_syn, "not answered"}, {st->failed_rst, "reset by the peer"},
		{st->failed_retry, "given up after retries"}, {st->failed_to, "timed out"},
		{st->failed_icmp, "refused by an ICMP error"},
		{st->failed_app, "closed for what the peer said"},
		{st->no_tcb, "without a control block"}},
	  *most = &ends[0];
	const struct seg_port *p = seg_port(segment, port);
	size_t at = strlen(buf);
	char a[IP_STRLEN];

	for (size_t i = 1; i < ARRAY_SIZE(ends); i++)
		most = ends[i].n > most->n ? &ends[i] : most;
	if (most->n != 0)
		at += (size_t)snprintf(buf + at, len - at, "; %" PRIu64 " %s", most->n, most->what);
	for (uint32_t i = 0; i < p->n_arps && at < len; i++) {
		if (p->arps[i].flags & SEG_ARP_PENDING) {
			snprintf(buf + at, len - at, "; %s does not answer ARP",
				ip_str(&p->arps[i].ip, a));
			break;
		}
	}
}

/* PASSED, FAILED, or neither yet. */
static void judge(uint32_t port, uint32_t tcid, const struct stats_tc *st, uint64_t now)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	struct tc_course *t = &tc_states[port][tcid];

	t->achieved = achieved(c, t, st, ports[port].n_queues, now);
	t->estab_us = st->last_estab_us;
	if (t->achieved >= c->criterion_count) {
		tc_over(port, tcid, tc_state_PASSED, now);
	} else if (c->criterion != criterion_RUN_TIME
		&& now - t->start_ns > c->criterion_s * SECOND_NS) {
		snprintf(t->reason, sizeof(t->reason), "%s: %" PRIu64 " of %u within %u s",
			criterion_word(c->criterion), t->achieved, c->criterion_count,
			c->criterion_s);
		why_not(port, st, t->reason, sizeof(t->reason));
		tc_over(port, tcid, tc_state_FAILED, now);
	}
}

/* second: ns since the last look at rates, 0 not now. */
static void tc_tick(uint32_t port, uint32_t tcid, uint64_t now, uint64_t second)
{
	struct tc_course *t = &tc_states[port][tcid];
	struct stats_tc_block b;

	if (t->stop_due)
		tc_stop(port, tcid);
	/* until all workers have begun, the counters are those of the run before */
	t->begun |= fanout_handled(port);
	if (!t->begun)
		return;
	seg_sum_tc(segment, port, tcid, &b);
	rates_take(t, &tc_cfgs[port][tcid], &b.tc, mono_ns(), second != 0);
	behind_say(t, &tc_cfgs[port][tcid], &b.tc);
	if (t->behind[0] != '\0' && !t->behind_said) {
		t->behind_said = true;
		event_of(event_kind_TEST_BEHIND, loglevel_WARNING, port, tcid,
			"port %u test case %u is %s", port, tcid, t->behind);
	}
	if (t->state == tc_state_RUNNING)
		judge(port, tcid, &b.tc, now);
	publish_tc(port, tcid);
}

void run_tick(uint64_t now)
{
	static uint64_t last_second;
	uint64_t second = now - last_second >= SECOND_NS ? now - last_second : 0;

	if (second != 0) {
		last_second = now;
		ports_poll_link(segment);
		ports_poll_device(segment);
		notice_tick();
	}
	arp_snapshot(segment);
	for (uint32_t p = 0; p < n_ports; p++) {
		if (port_runs[p] == PORT_IDLE)
			continue;
		for (uint32_t i = 0; i < TCS_MAX; i++) {
			if (tc_states[p][i].posted)
				tc_tick(p, i, now, second);
		}
		if (port_runs[p] == PORT_RUNNING)
			start_ready(p);
		else
			stopping_tick(p);
	}
}
