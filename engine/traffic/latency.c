/* One-way latencies: the time of receipt, read once a burst, less the time that the sender wrote
 * into its packet (IPv4 option) or message (RAW). Both are the TSC's, so sender and receiver are of
 * one engine. */
#include "engine/l4_conn/l4_conn.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic_priv.h"

#include <rte_byteorder.h>

#include <string.h>

void latency_start(struct lcore *lc, struct tc_run *tc, struct stats_latency *st)
{
	const struct tc_config *cfg = tc->cfg;
	struct lport *lp = lcore_lport(lc, tc->port);

	tc->latency_st = st;
	tc->latency = seg_latency(lc->seg, lc->index, tc->port, tc->tcid);
	memset(tc->latency, 0, sizeof(*tc->latency)); /* this worker alone writes it */
	tc->latency_max_ns = cfg->latency.max_us ? cfg->latency.max_us * UINT64_C(1000)
						 : UINT64_MAX;
	tc->latency_avg_ns = cfg->latency.max_avg_us ? cfg->latency.max_avg_us * UINT64_C(1000)
						     : UINT64_MAX;
	tc->ip_rx_stamp = cfg->ipv4.rx_ts != 0;
	lp->n_ip_stamps += tc->ip_rx_stamp;
	tc->has_latency = tc->ip_rx_stamp;
	for (uint32_t i = 0; i < IMIX_GROUP_APPS && tc->app[i] != NULL; i++)
		tc->has_latency |= tc->app[i]->rx_stamp;
	lp->n_latencies += tc->has_latency;
}

void latency_stop(struct lcore *lc, struct tc_run *tc)
{
	struct lport *lp = lcore_lport(lc, tc->port);

	lp->n_ip_stamps -= tc->ip_rx_stamp;
	lp->n_latencies -= tc->has_latency;
}

/* Of this worker: sum / n > average, whatever they are. */
static bool average_above(const struct stats_latency *st, uint64_t average_ns)
{
	return st->sum_ns > (unsigned __int128)average_ns * st->samples;
}

static void latency_record(struct tc_run *tc, uint64_t ns)
{
	struct stats_latency *st = tc->latency_st;
	struct latency_block *b = tc->latency;

	if (likely(b->n != 0)) {
		STAT_INC(st->pairs);
		STAT_ADD(st->jitter_ns, ns > b->last_ns ? ns - b->last_ns : b->last_ns - ns);
		b->min_ns = MIN_OF(b->min_ns, ns);
	} else {
		b->min_ns = ns;
	}
	b->last_ns = ns;
	STAT_INC(st->samples);
	STAT_ADD(st->sum_ns, ns);
	st->max_ns = MAX_OF(st->max_ns, ns);
	st->over_max += ns > tc->latency_max_ns;
	st->over_avg += average_above(st, tc->latency_avg_ns);
	hist_record(&b->hist, ns);
	__atomic_store_n(&b->recent[b->n % LATENCY_RING], ns, __ATOMIC_RELAXED);
	__atomic_store_n(&b->n, b->n + 1, __ATOMIC_RELEASE); /* pairs with recent_add() */
}

static void latency_sample(struct lcore *lc, struct tc_run *tc, uint64_t sent_ns)
{
	uint64_t now_ns = lcore_ns(lc, lc->rx_tsc);

	if (unlikely(sent_ns == 0 || sent_ns > now_ns))
		STAT_INC(tc->latency_st->invalid);
	else
		latency_record(tc, now_ns - sent_ns);
}

void latency_burst_begin(struct lcore *lc, struct pkt *p, uint32_t n)
{
	lc->rx_tsc = lcore_tsc_now(lc);
	for (uint32_t i = 0; i < n; i++)
		p[i].stamp = 0;
}

static void ip_sample(struct lcore *lc, struct tc_run *tc, const struct pkt *p)
{
	const uint8_t *at = rte_pktmbuf_mtod_offset(p->m, uint8_t *, p->l2_len + p->stamp);
	uint32_t word[2];
	uint64_t ns = 0;

	memcpy(word, at, sizeof(word));
	if (word[0] & word[1] & RTE_BE32(IP_STAMP_OURS)) /* else ms since midnight, or none */
		ns = (uint64_t)(rte_be_to_cpu_32(word[0]) & ~IP_STAMP_OURS) << 31
			| (rte_be_to_cpu_32(word[1]) & ~IP_STAMP_OURS);
	latency_sample(lc, tc, ns);
}

/* The test case of a packet's connection, or the one that listens for it; NULL: there is none. TCP
 * and UDP find it again: they do not pay for this when nobody measures. */
static struct tc_run *owner(struct lcore *lc, struct lport *lp, const struct pkt *p)
{
	bool udp = p->class == PKT_UDP;
	struct conn_pool *pool = udp ? &lc->ucbs : &lc->tcbs;
	uint8_t port = lp->port->id;
	uint32_t id = p->id;

	if (id == CONN_NONE
		|| !conn_is(pool_at(pool, id), port, p->dst, p->src, p->dport, p->sport))
		id = flow_find(udp ? &lc->udp_flows : &lc->tcp_flows, p->hash, port, p->dst, p->src,
			p->dport, p->sport);
	if (id != CONN_NONE)
		return lcore_tc(lc, port, pool_at(pool, id)->tcid);
	if (udp || (((const struct tcp_hdr *)p->l4)->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
		return traffic_listener(lc, lp, p);
	return NULL;
}

void latency_burst(struct lcore *lc, struct lport *lp, struct pkt *p, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		struct tc_run *tc;

		if ((p[i].class != PKT_TCP && p[i].class != PKT_UDP) || p[i].group
			|| p[i].stamp == 0)
			continue;
		tc = owner(lc, lp, &p[i]);
		if (tc != NULL && tc->vlan == p[i].vlan && tc->ip_rx_stamp)
			ip_sample(lc, tc, &p[i]);
	}
}

void latency_app_in(struct lcore *lc, struct tc_run *tc, const struct conn *c, const uint8_t *data,
	uint32_t len)
{
	uint32_t at = 0;
	uint64_t ns;

	while (app_stamp_next(conn_app(tc, c), &c->app, data, len, &at, &ns))
		latency_sample(lc, tc, ns);
}
