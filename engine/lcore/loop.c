/* The worker: one turn receives a burst of each port, then timers, then what the test cases want,
 * then sends. */
#include "engine/l1_port/l1_port.h"
#include "engine/l4_conn/l4_conn.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/l4_udp/l4_udp.h"
#include "engine/lcore/first_look.h"
#include "engine/lcore/lcore.h"
#include "engine/lcore/lcore_priv.h"
#include "engine/lcore/preempt.h"
#include "engine/traffic/traffic.h"

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_prefetch.h>

#define TIMER_BUDGET 512

static void clock_set(struct lcore *lc, uint64_t tsc)
{
	lc->now_tsc = tsc;
	lc->near_left = 0;
	lc->now_us = tsc / lc->cycles_per_us;
	lc->now_ms = (uint32_t)(tsc / lc->cycles_per_ms);
	if (unlikely(lc->now_ms == 0))
		lc->now_ms = 1;
}

/* Looks up the endpoints of a burst: tags first, then the lines of the candidates, so that the
 * misses overlap. */
static force_inline void burst_lookup(struct lcore *lc, struct pkt *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (likely(p[i].class == PKT_TCP)) {
			p[i].id = flow_candidate(&lc->tcp_flows, p[i].hash, p[i].id);
			if (p[i].id != CONN_NONE) {
				rte_prefetch0(tcb_at(lc, p[i].id));
				rte_prefetch0((char *)tcb_at(lc, p[i].id) + CACHE_LINE);
			}
		} else if (p[i].class == PKT_UDP) {
			p[i].id = flow_candidate(&lc->udp_flows, p[i].hash, p[i].id);
			if (p[i].id != CONN_NONE)
				rte_prefetch0(pool_at(&lc->ucbs, p[i].id));
		}
	}
}

/* What was looked at by itself: an ICMP message may be about a connection. True: the buffer is
 * kept. */
static bool odd_taken(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct icmp_quote q;
	bool kept = false;

	p->id = CONN_NONE; /* to be looked up */
	if (p->class == PKT_OTHER) {
		kept = eth_in_slow(lc, lp, p);
	} else if (p->class == PKT_TCP) {
		lp->st->tcp.rx_pkts++;
		kept = tcp_in(lc, lp, p);
	} else if (p->class == PKT_UDP) {
		udp_in(lc, lp, p);
	}
	if (p->class != PKT_ICMP_ERR || !icmp_quote_read(lp, p, &q))
		return kept;
	if (q.proto == IPPROTO_TCP4)
		tcp_icmp_error(lc, lp, &q);
	else
		udp_icmp_error(lc, lp, &q);
	return false;
}

/* What needs more than one look: a fragment may make a datagram whole. */
static cold_path bool odd_handle(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	if (p->class == PKT_FRAG && !frag_in(lc, lp, p))
		return true;
	return odd_taken(lc, lp, p);
}

static force_inline void pkt_handle(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	bool kept = false;

	if (likely(p->class == PKT_TCP))
		kept = tcp_in(lc, lp, p);
	else if (likely(p->class == PKT_UDP))
		udp_in(lc, lp, p);
	else if (p->class == PKT_OTHER || p->class == PKT_FRAG)
		kept = odd_handle(lc, lp, p);
	if (unlikely(kept))
		return;
	if (likely(p->plain))
		pkt_free_plain(lc, p->m);
	else
		pkt_free(lc, p->m);
}

/* No test runs on the port. */
static cold_path void burst_stopped(struct lcore *lc, struct lport *lp, struct pkt *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		bool flow = p[i].class == PKT_TCP || p[i].class == PKT_UDP;

		lp->st->drop.stopped += flow;
		if (flow || (p[i].class != PKT_OTHER && p[i].class != PKT_FRAG)
			|| !odd_handle(lc, lp, &p[i]))
			pkt_free(lc, p[i].m);
	}
}

/* One that needs more than the first look. */
static cold_path void look_again(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	eth_in(lc, lp, p);
	p->plain = 0;
	if (p->class == PKT_TCP) {
		pkt_bucket(&lc->tcp_flows, p);
		lp->st->tcp.rx_pkts += lp->running;
	} else if (p->class == PKT_UDP) {
		pkt_bucket(&lc->udp_flows, p);
	}
}

/* A stamp may be all that it has beside. What it counts is not the loop's, which stays in registers. */
static apart bool stamped_look(
	struct lcore *lc, const struct lport *lp, struct pkt *p, struct looked *n)
{
	bool is = first_look(lc, lp, p, n, LOOK_STAMPED);

	n->n += is;
	n->n_opts += is;
	return is;
}

static force_inline void burst_count(struct lport *lp, const struct looked *n)
{
	looked_count(lp, n);
	if (likely(lp->running))
		lp->st->tcp.rx_pkts += n->n - n->n_udp;
}

/* A burst looked at; its bytes. stamps, constant: some test case of the port measures by them, so
 * that most packets have one. */
static force_inline uint64_t burst_look(struct lcore *lc, struct lport *lp, struct rte_mbuf **m,
	struct pkt *p, uint32_t n, bool stamps)
{
	struct looked looked = {0}, stamped = {0};
	uint64_t bytes = 0;
	uint32_t odd = 0, bare = 0;

	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint32_t i = 0; i < n; i++) {
		p[i].m = m[i];
		bytes += m[i]->pkt_len;
		if (stamps && likely(first_look(lc, lp, &p[i], &looked, LOOK_STAMPED)))
			continue;
		bare++;
		if (likely(first_look(lc, lp, &p[i], &looked, LOOK_IP)))
			continue;
		odd++;
		if (!stamps && stamped_look(lc, lp, &p[i], &stamped))
			continue;
		p[i].stamp = 0;
		look_again(lc, lp, &p[i]);
	}
	looked.n = n - odd;
	looked.n_opts = stamps ? n - bare : 0;
	burst_count(lp, &looked);
	if (unlikely(stamped.n != 0))
		burst_count(lp, &stamped);
	return bytes;
}

static apart uint64_t stamped_burst(
	struct lcore *lc, struct lport *lp, struct rte_mbuf **m, struct pkt *p, uint32_t n)
{
	return burst_look(lc, lp, m, p, n, true);
}

/* A stamped segment of which the candidate is the endpoint, as for nearly all: that is looked for once, for
 * its sample and for TCP. False: it is something else. */
static force_inline bool stamped_segment(
	struct lcore *lc, struct lport *lp, struct pkt *p, struct latency_run *r)
{
	struct tcb *t = tcb_at(lc, p->id);
	struct tc_run *tc;

	if (unlikely(p->plain != PKT_STAMPED || p->id == CONN_NONE || !conn_has(&t->c, &p->dst)))
		return false;
	tc = &lp->tcs[t->c.tcid];
	if (unlikely(tc->pkt_word != load_32(&p->vlan)))
		return false;
	latency_stamp(lc, r, tc, p->l4);
	if (likely(!tcp_known_in(lc, lp, tc, t, p)))
		pkt_free_plain(lc, p->m);
	return true;
}

static apart void stamped_handle(struct lcore *lc, struct lport *lp, struct pkt *p, uint32_t n)
{
	struct latency_run r = {0};

	for (uint32_t i = 0; i < n; i++) {
		if (likely(stamped_segment(lc, lp, &p[i], &r)))
			continue;
		latency_packet(lc, lp, &p[i], &r);
		pkt_handle(lc, lp, &p[i]);
	}
	latency_run_end(lc, &r);
}

/* Times of receipt and of sending are those of now. */
static force_inline void burst_begin(struct lcore *lc, const struct lport *lp)
{
	lc->near_left = 0;
	if (unlikely(lp->n_latencies != 0))
		lc->rx_tsc = lcore_tsc_now(lc);
}

static force_inline void burst_end(struct lcore *lc, const struct lport *lp)
{
	if (unlikely(lp->n_latencies != 0))
		latency_messages_end(lc);
}

/* Takes 1..RX_BURST packets; counted: they are the port's news. */
static force_inline void burst_in(
	struct lcore *lc, struct lport *lp, struct rte_mbuf **m, uint32_t n, bool counted)
{
	struct pkt p[RX_BURST];
	uint64_t bytes;

	burst_begin(lc, lp);
	if (unlikely(lp->n_ip_stamps != 0))
		bytes = stamped_burst(lc, lp, m, p, n);
	else
		bytes = burst_look(lc, lp, m, p, n, false);
	if (counted) {
		lp->st->port.rx_pkts += n;
		lp->st->port.rx_bytes += bytes;
	}
	burst_lookup(lc, p, n);
	if (unlikely(!lp->running)) {
		burst_stopped(lc, lp, p, n);
	} else if (unlikely(lp->n_ip_stamps != 0)) {
		stamped_handle(lc, lp, p, n);
	} else {
		for (uint32_t i = 0; i < n; i++)
			pkt_handle(lc, lp, &p[i]);
	}
	burst_end(lc, lp);
}

/* What came takes its time, and more or less of it arrives. */
static cold_path uint32_t faulty_in(
	struct lcore *lc, struct lport *lp, struct rte_mbuf **m, uint32_t n)
{
	uint32_t got = RX_BURST, all = 0;

	for (uint32_t i = 0; i < n; i++)
		lp->st->port.rx_bytes += m[i]->pkt_len;
	lp->st->port.rx_pkts += n;
	rx_faults_in(lc, lp, m, n);
	for (; got == RX_BURST && lp->rx_faults != NULL; all += got) {
		uint32_t mine = got = rx_faults_out(lc, lp, m);

		if (lp->handoff != NULL)
			mine = steer_burst(lc, lp, m, got);
		burst_in(lc, lp, m, mine, false);
	}
	return all;
}

/* From the worker that has the queue: packets as they came, and datagrams that it has joined. */
static uint32_t handed_in(struct lcore *lc, struct lport *lp)
{
	struct rte_mbuf *m[RX_BURST];
	uint32_t n = handoff_in(lp->handoff, m), left = 0;

	burst_begin(lc, lp);
	for (uint32_t i = 0; i < n; i++) {
		struct pkt p = {.m = m[i]};

		if (likely(!(m[i]->ol_flags & HANDOFF_WHOLE))) {
			m[left++] = m[i];
			continue;
		}
		frag_whole(lc, lp, &p);
		if (!odd_taken(lc, lp, &p))
			pkt_free(lc, p.m);
	}
	burst_end(lc, lp);
	if (left != 0)
		burst_in(lc, lp, m, left, false);
	return n;
}

/* The queue is shared: its worker keeps what is its own, and sends what the others do. */
static apart uint32_t shared_rx(struct lcore *lc, struct lport *lp)
{
	struct rte_mbuf *m[RX_BURST];
	uint32_t n, all;

	if (lp->handoff->in != NULL)
		return handed_in(lc, lp);
	all = handoff_collect(lc, lp);
	n = rte_eth_rx_burst(lp->port->dev_id, lp->queue, m, RX_BURST);
	if (lp->rx_faults != NULL)
		return all + faulty_in(lc, lp, m, n);
	for (uint32_t i = 0; i < n; i++)
		lp->st->port.rx_bytes += m[i]->pkt_len;
	lp->st->port.rx_pkts += n;
	all += n;
	n = steer_burst(lc, lp, m, n);
	if (n != 0)
		burst_in(lc, lp, m, n, false);
	return all;
}

static uint32_t port_rx(struct lcore *lc, struct lport *lp)
{
	struct rte_mbuf *m[RX_BURST];
	uint32_t n;

	if (unlikely(lp->handoff != NULL))
		return shared_rx(lc, lp);
	n = rte_eth_rx_burst(lp->port->dev_id, lp->queue, m, RX_BURST);
	if (unlikely(lp->rx_faults != NULL))
		return faulty_in(lc, lp, m, n);
	if (n != 0)
		burst_in(lc, lp, m, n, true);
	return n;
}

/* Gauges that nobody needs more often than once a second. */
static void gauges_update(struct lcore *lc)
{
	struct stats_memory *g = &lc->lst->memory;

	g->tcb_total = lc->tcbs.n;
	g->tcb_free = pool_n_free(&lc->tcbs);
	g->ucb_total = lc->ucbs.n;
	g->ucb_free = pool_n_free(&lc->ucbs);
	g->side_total = lc->sides.n;
	g->side_free = pool_n_free(&lc->sides);
	g->mbuf_total = lc->stash.pool->size;
	g->mbuf_free = rte_mempool_avail_count(lc->stash.pool) + lc->stash.n;
}

uint32_t lcore_turn(struct lcore *lc, uint64_t tsc)
{
	uint32_t done = 0;

	clock_set(lc, tsc);
	if (unlikely(__atomic_load_n(&lc->mbox.prod, __ATOMIC_RELAXED) != lc->mbox.cons)) {
		mailbox_poll(lc);
		done = 1;
	}
	for (uint32_t i = 0; i < lc->n_lports; i++) {
		struct lport *lp = &lc->lports[i];

		lp->arp_epoch = arp_epoch((uint8_t)lp->port->id);
		done += port_rx(lc, lp);
		done += tx_flush(lc, lp);
	}
	if (unlikely(lc->n_frags != 0))
		frags_poll(lc);
	if (lc->wheel.now != lc->now_ms || lc->wheel.firing != 0 || lc->wheel.starved)
		done += wheel_run(lc, TIMER_BUDGET);
	done += traffic_run(lc);
	for (uint32_t i = 0; i < lc->n_lports; i++)
		done += tx_flush(lc, &lc->lports[i]);
	return done;
}

void lcore_clock_start(struct lcore *lc, uint64_t tsc)
{
	lc->ns_q32 = (UINT64_C(1000000000) << 32) / lc->tsc_hz;
	tcp_isn_begin(lc);
	for (uint32_t i = 0; i < lc->n_lports; i++) {
		struct lport *lp = &lc->lports[i];

		look_begin(lp);
		lp->tcs = lc->tcs[lp->port->id];
		lp->hops = lp->hop_slots;
	}
	clock_set(lc, tsc);
	lc->wheel.now = lc->now_ms;
}

/* longest: of the turns since it was 0. */
static force_inline void turn_count(
	struct stats_lcore *st, uint32_t done, uint64_t cycles, bool interrupted, uint64_t *longest)
{
	st->loops++;
	st->all_cycles += cycles;
	if (done != 0) {
		st->busy_loops++;
		st->busy_cycles += cycles;
	}
	if (unlikely(interrupted)) {
		st->interrupted++;
		st->longest_interrupted = MAX_OF(st->longest_interrupted, cycles);
	} else if (done != 0 && unlikely(cycles > *longest)) {
		*longest = cycles;
		st->longest = MAX_OF(st->longest, cycles);
	}
}

int lcore_loop(void *arg)
{
	struct lcore *lc = arg;
	struct stats_lcore *st = &lc->lst->lcore;
	uint64_t start = rte_rdtsc(), gauges_at = start, longest = 0, longest_at = start;
	bool before = preempted();

	lc->tsc_is_real = 1;
	lcore_clock_start(lc, start);
	gauges_update(lc);
	while (!lc->quit) {
		uint32_t done = lcore_turn(lc, start);
		uint64_t end = rte_rdtsc();
		bool now = preempted(); /* perhaps after the end: that is the next turn's time */

		turn_count(st, done, end - start, now || before, &longest);
		before = now;
		start = end;
		if (likely(end - gauges_at <= lc->tsc_hz / 4))
			continue;
		gauges_at = end;
		gauges_update(lc);
		if (end - longest_at > lc->tsc_hz) {
			st->longest_now = longest;
			longest = 0;
			longest_at = end;
		}
	}
	return 0;
}
