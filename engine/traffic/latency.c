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

/* By what is allowed, of samples that were counted. */
static cold_path void samples_judge(const struct tc_run *tc, const uint64_t *ns, uint32_t k)
{
	struct stats_latency *st = tc->latency_st;
	uint64_t sum = st->sum_ns, n = st->samples;

	for (uint32_t i = k; i-- > 0;) {
		st->over_max += ns[i] > tc->latency_max_ns;
		/* of this worker: sum / n > average, whatever they are */
		st->over_avg += sum > (unsigned __int128)tc->latency_avg_ns * n;
		sum -= ns[i];
		n--;
	}
}

/* Samples of a test case, ns, in the order of their receipt. */
static void samples_take(struct tc_run *tc, const uint64_t *ns, uint32_t k)
{
	struct stats_latency *st = tc->latency_st;
	struct latency_block *b = tc->latency;
	uint64_t n = b->n, last = b->last_ns, sum = 0, jitter = 0;
	uint64_t least = n != 0 ? b->min_ns : UINT64_MAX, most = st->max_ns;
	bool recent = tc->cfg->latency.samples != 0; /* else nobody asks for them */

	for (uint32_t i = 0; i < k; i++) {
		int64_t more = (int64_t)(ns[i] - last);

		last = ns[i];
		jitter += (uint64_t)(more < 0 ? -more : more);
		sum += last;
		if (unlikely(last < least))
			least = last;
		if (unlikely(last > most))
			most = last;
		hist_record(&b->hist, last);
		if (recent) {
			__atomic_store_n(&b->recent[n++ % LATENCY_RING], last, __ATOMIC_RELAXED);
			__atomic_store_n(&b->n, n, __ATOMIC_RELEASE); /* recent_add() */
		}
	}
	if (!recent)
		__atomic_store_n(&b->n, n + k, __ATOMIC_RELAXED);
	b->last_ns = last;
	b->min_ns = least;
	if (unlikely(b->n == k)) { /* the first has none before it */
		jitter -= ns[0];
		st->pairs--;
	}
	st->pairs += k;
	st->jitter_ns += jitter;
	st->samples += k;
	st->sum_ns += sum;
	st->max_ns = most;
	if (unlikely(most > tc->latency_max_ns || tc->latency_avg_ns != UINT64_MAX))
		samples_judge(tc, ns, k);
}

/* Times of sending, until they are those of another test case. */
struct taking {
	struct tc_run *tc; /* NULL: none */
	uint32_t n;
	uint64_t ns[RX_BURST];
};

static force_inline void taking_end(struct taking *t)
{
	if (t->n != 0)
		samples_take(t->tc, t->ns, t->n);
	t->n = 0;
}

static force_inline void taking_sample(struct taking *t, uint64_t now_ns, uint64_t sent_ns)
{
	if (likely(sent_ns - 1 < now_ns))
		t->ns[t->n++] = now_ns - sent_ns;
	else /* none, or in the future */
		STAT_INC(t->tc->latency_st->invalid);
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
	struct taking t;

	if ((p->class != PKT_TCP && p->class != PKT_UDP) || p->group)
		return;
	tc = owner(lc, lp, p);
	if (tc == NULL || tc->vlan != p->vlan || !tc->ip_rx_stamp)
		return;
	t.tc = tc;
	t.n = 0;
	taking_sample(&t, now_ns,
		stamp_ns(load_64(
			rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->l2_len + p->stamp))));
	taking_end(&t);
}

/* The stamp stands just before the transport's header where the first look was enough. Then its connection, if the
 * candidate is it; else NULL. */
static force_inline const struct conn *plain_conn(const struct lcore *lc, const struct pkt *p)
{
	const struct conn *c;

	if (unlikely(!p->plain || p->stamp == 0 || p->id == CONN_NONE))
		return NULL;
	c = pool_at(p->class == PKT_UDP ? &lc->ucbs : &lc->tcbs, p->id);
	return likely(conn_has(c, &p->dst)) ? c : NULL;
}

void latency_burst(struct lcore *lc, struct lport *lp, struct pkt *p, uint32_t n)
{
	uint64_t now_ns = lcore_ns(lc, lc->rx_tsc);
	uint32_t tcid = TCS_MAX; /* whose samples are taken, or are not wanted */
	struct taking t;

	t.tc = NULL;
	t.n = 0;
	for (uint32_t i = 0; i < n; i++) {
		const struct conn *c = plain_conn(lc, &p[i]);

		if (unlikely(c == NULL)) {
			if (p[i].stamp == 0)
				continue;
			taking_end(&t);
			odd_sample(lc, lp, &p[i], now_ns);
			continue;
		}
		if (unlikely(c->tcid != tcid)) {
			struct tc_run *tc = lcore_tc(lc, c->port, c->tcid);

			taking_end(&t);
			t.tc = tc->ip_rx_stamp && tc->vlan == 0 ? tc : NULL;
			tcid = c->tcid;
		}
		if (likely(t.tc != NULL))
			taking_sample(&t, now_ns, stamp_ns(load_64(p[i].l4 - STAMP_BYTES)));
	}
	taking_end(&t);
}

void latency_app_in(struct lcore *lc, struct tc_run *tc, const struct conn *c, const uint8_t *data,
	uint32_t len)
{
	uint64_t now_ns = lcore_ns(lc, lc->rx_tsc), ns;
	struct taking t;
	uint32_t at = 0;

	t.tc = tc;
	t.n = 0;
	while (app_stamp_next(conn_app(tc, c), &c->app, data, len, &at, &ns)) {
		if (t.n == RX_BURST)
			taking_end(&t);
		taking_sample(&t, now_ns, ns);
	}
	taking_end(&t);
}
