/* One-way latencies: the time of receipt, read once a burst, less the time that the sender wrote
 * into its packet (IPv4 option) or message (RAW). Both are the TSC's, so sender and receiver are of
 * one engine. */
#include "engine/l1_port/l1_port.h"
#include "engine/l4_conn/l4_conn.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic_priv.h"

#include <string.h>

void latency_start(struct lcore *lc, struct tc_run *tc, struct stats_latency *st)
{
	const struct tc_config *cfg = tc->cfg;

	tc->latency_st = st;
	tc->latency = seg_latency(lc->seg, lc->index, tc->port, tc->tcid);
	memset(tc->latency, 0, sizeof(*tc->latency)); /* this worker alone writes it */
	tc->latency_max_ns = cfg->latency.max_us ? cfg->latency.max_us * UINT64_C(1000)
						 : UINT64_MAX;
	tc->latency_avg_ns = cfg->latency.max_avg_us ? cfg->latency.max_avg_us * UINT64_C(1000)
						     : UINT64_MAX;
	tc->ip_rx_stamp = cfg->ipv4.rx_ts != 0;
	tc->wants_rx_tsc = tc->ip_rx_stamp;
	lcore_lport(lc, tc->port)->n_ip_stamps += tc->ip_rx_stamp;
	for (uint32_t i = 0; i < IMIX_GROUP_APPS && tc->app[i] != NULL; i++)
		tc->wants_rx_tsc |= tc->app[i]->rx_watch != 0;
}

void latency_stop(struct lcore *lc, struct tc_run *tc)
{
	lcore_lport(lc, tc->port)->n_ip_stamps -= tc->ip_rx_stamp;
}

/* By what is allowed, of k equal samples that were counted. */
static cold_path void samples_judge(const struct tc_run *tc, uint64_t ns, uint32_t k)
{
	struct stats_latency *st = tc->latency_st;
	uint64_t sum = st->sum_ns, n = st->samples;

	st->over_max += ns > tc->latency_max_ns ? k : 0;
	for (; k != 0; k--) {
		/* of this worker: sum / n > average, whatever they are */
		st->over_avg += sum > (unsigned __int128)tc->latency_avg_ns * n;
		sum -= ns;
		n--;
	}
}

/* Those that recent_add() reads. */
static apart void recent_put(struct latency_block *b, uint64_t ns, uint32_t k)
{
	uint64_t n = b->n;

	for (; k != 0; k--) {
		__atomic_store_n(&b->recent[n++ % LATENCY_RING], ns, __ATOMIC_RELAXED);
		__atomic_store_n(&b->n, n, __ATOMIC_RELEASE);
	}
}

/* k samples of a test case that follow one another and are equal: a burst is received at one time, and
 * most of it was sent at one. */
static void samples_take(struct tc_run *tc, uint64_t ns, uint32_t k)
{
	struct stats_latency *st = tc->latency_st;
	struct latency_block *b = tc->latency;
	int64_t more = (int64_t)(ns - b->last_ns);

	if (unlikely(b->n == 0)) { /* the first has none before it */
		b->min_ns = ns;
		st->pairs--;
		more = 0;
	}
	b->last_ns = ns;
	b->min_ns = MIN_OF(b->min_ns, ns);
	hist_record_all(&b->hist, ns, k);
	if (tc->cfg->latency.samples != 0) /* else nobody asks for them */
		recent_put(b, ns, k);
	else
		__atomic_store_n(&b->n, b->n + k, __ATOMIC_RELAXED);
	st->pairs += k;
	st->jitter_ns += (uint64_t)(more < 0 ? -more : more);
	st->samples += k;
	st->sum_ns += ns * k;
	st->max_ns = MAX_OF(st->max_ns, ns);
	if (unlikely(ns > tc->latency_max_ns || tc->latency_avg_ns != UINT64_MAX))
		samples_judge(tc, ns, k);
}

/* n things that were sent at one time. */
static force_inline void sent_take(struct tc_run *tc, uint64_t now_ns, uint64_t sent_ns, uint32_t n)
{
	if (likely(sent_ns - 1 < now_ns))
		samples_take(tc, now_ns - sent_ns, n);
	else /* none, or in the future */
		tc->latency_st->invalid += n;
}

/* The test case of a packet's connection, or the one that listens for it; NULL: there is none. TCP
 * and UDP find it again: they do not pay for this when nobody measures. */
static struct tc_run *owner(struct lcore *lc, struct lport *lp, const struct pkt *p)
{
	bool udp = p->class == PKT_UDP;
	uint8_t port = lp->port->id;
	uint32_t id = flow_find(udp ? &lc->udp_flows : &lc->tcp_flows, p->hash, port, p->dst,
		p->src, p->dport, p->sport);

	if (id != CONN_NONE)
		return lcore_tc(lc, port, pool_at(udp ? &lc->ucbs : &lc->tcbs, id)->tcid);
	if (udp || (((const struct tcp_hdr *)p->l4)->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return traffic_listener(lc, lp, p);
	return NULL;
}

/* A packet with a stamp of which nothing is known yet. */
static apart void odd_sample(
	struct lcore *lc, struct lport *lp, const struct pkt *p, uint64_t now_ns)
{
	struct tc_run *tc;

	if ((p->class != PKT_TCP && p->class != PKT_UDP) || p->group)
		return;
	tc = owner(lc, lp, p);
	if (tc == NULL || tc->vlan != p->vlan || !tc->ip_rx_stamp)
		return;
	sent_take(tc, now_ns,
		stamp_ns(load_64(
			rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->l2_len + p->stamp))),
		1);
}

void latency_run_end(struct lcore *lc, struct latency_run *r)
{
	if (r->n == 0)
		return;
	if (r->tc->ip_rx_stamp && r->tc->vlan == 0)
		sent_take(r->tc, lcore_ns(lc, lc->rx_tsc), stamp_ns(r->stamp), r->n);
	r->n = 0;
}

void latency_packet(struct lcore *lc, struct lport *lp, const struct pkt *p, struct latency_run *r)
{
	const struct conn *c;

	if (p->stamp == 0)
		return;
	if (likely(p->plain && p->id != CONN_NONE)) { /* then it stands just before l4 */
		c = pool_at(p->class == PKT_UDP ? &lc->ucbs : &lc->tcbs, p->id);
		if (likely(conn_has(c, &p->dst))) {
			latency_stamp(lc, r, lcore_tc(lc, lp->port->id, c->tcid), p->l4);
			return;
		}
	}
	latency_run_end(lc, r);
	odd_sample(lc, lp, p, lcore_ns(lc, lc->rx_tsc));
}

void latency_messages_end(struct lcore *lc)
{
	struct latency_run *r = &lc->messages;

	if (r->n == 0)
		return;
	sent_take(r->tc, lcore_ns(lc, lc->rx_tsc), app_stamp_ns(r->stamp), r->n);
	r->n = 0;
}

void latency_messages(struct lcore *lc, struct tc_run *tc, const struct conn *c,
	const uint8_t *data, uint32_t len)
{
	uint32_t at = 0;
	uint64_t stamp;

	while (app_stamp_next(conn_app(tc, c), &c->app, data, len, &at, &stamp))
		latency_message(lc, tc, stamp);
}
