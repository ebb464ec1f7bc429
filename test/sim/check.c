/* What must hold. The linker hands the engine's calls to its applications and test cases to us first
 * (--wrap), so each byte that is sent or delivered is seen, and how each connection ended. What is
 * right is worked out here from the scenario alone. */
#include "engine/l2_eth/l2_eth.h"
#include "engine/l4_tcp/tcp_priv.h"
#include "test/sim/rng.h"
#include "test/sim/sim.h"

#include <rte_byteorder.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
#define WRAPPED(type, name, ...) type __real_##name(__VA_ARGS__); type __wrap_##name(__VA_ARGS__);
WRAPPED(enum app_act, app_conn_up, const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
WRAPPED(enum app_act, app_deliver, const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
WRAPPED(const uint8_t *, app_payload, const struct app_tc *at, uint8_t kind, uint32_t off, uint32_t *len)
WRAPPED(void, traffic_begun, struct tc_run *tc, struct conn *c)
WRAPPED(void, traffic_closed, struct tc_run *tc, struct conn *c)
WRAPPED(void, traffic_failed, struct tc_run *tc, struct conn *c, uint64_t *failure)
/* clang-format on */

/* A connection as both its ends knew it: found by their first sequence numbers. */
enum fate {
	FATE_UNSEEN,
	FATE_UP,
	FATE_CLOSED,
	FATE_FAILED
};
struct pair {
	uint32_t iss[2]; /* client's, server's */
	uint16_t sport;  /* the client's */
	uint8_t tc;
	uint8_t fate[2];
	uint32_t rx[2];    /* bytes delivered */
	uint32_t tx[2];    /* bytes sent, known once it has ended */
	uint32_t seen[2];  /* bytes seen on their way, up to the highest */
	uint32_t acked[2]; /* of segments without data and FIN, the highest ACK */
	uint32_t next;     /* of its hash chain, 0 none */
};
#define IDLE_PKTS_MAX 1000000
#define CHAINS 1024
static struct pair *pairs;
static uint32_t n_pairs, max_pairs, chain[CHAINS];

/* The connection that a block is used for; 0 none. */
#define BLOCKS_MAX 1024
static uint32_t pair_of_block[2][BLOCKS_MAX];

/* Bodies: nothing in them comes twice within 64 KB, so that bytes out of their place show. */
#define PAGE 65536u
static uint8_t page[2 * PAGE];

/* Something has come of the packets: bytes sent for the first time, or delivered, a connection begun,
 * up or ended. */
static void progress(void)
{
	sim.n_idle_pkts = 0;
}

void check_begin(void)
{
	progress();
	if (page[0] == 0) {
		uint64_t rng = 1;

		for (uint32_t i = 0; i < PAGE; i++)
			page[i] = page[i + PAGE] = (uint8_t)(rng_next(&rng) | (i == 0));
	}
	n_pairs = 1; /* 0 is none */
	memset(chain, 0, sizeof(chain));
	memset(pair_of_block, 0, sizeof(pair_of_block));
}

static uint16_t port_of(const struct app_tc *at)
{
	return (uint16_t)((at - app_tcs) / TCS_MAX);
}

static uint32_t tc_of(const struct app_tc *at)
{
	return (uint32_t)((at - app_tcs) % TCS_MAX);
}

static uint32_t block_of(uint16_t port, const struct conn *c)
{
	const struct conn_pool *p = &world.lc[port]->tcbs;

	return (uint32_t)(((const char *)c - p->base) / p->stride);
}

static uint32_t end_of(uint16_t port, uint32_t k)
{
	return port == scenario_port(&sim.sc, k, 0) ? 0 : 1;
}

/* what is right */

const uint8_t *__wrap_app_payload(
	const struct app_tc *at, uint8_t kind, uint32_t off, uint32_t *len)
{
	const struct app_msg *m = &at->msg[kind];

	if (off >= m->len)
		sim_fail("byte %u of a message of %u is asked for", off, m->len);
	if (off < m->head_len)
		return __real_app_payload(at, kind, off, len);
	*len = MIN_OF(m->len - off, PAGE);
	return page + (off - m->head_len) % PAGE;
}

/* The kind of the i-th message of an end, and whether there is one. */
static bool message_kind(uint32_t k, uint32_t end, uint64_t i, uint8_t *kind)
{
	const struct sc_tc *t = &sim.sc.tc[k];
	uint64_t last = end == 0 || t->simopen ? t->requests_c : t->requests_s;
	bool close = i + 1 == last;

	*kind = 0;
	if (end == 1 && t->http) {
		close = close || t->asks_close;
		*kind = (t->head ? 1 : 0) | (close ? 2 : 0);
		if (t->asks_close && i > 0)
			return false;
	}
	return last == 0 || i < last;
}

/* Compares bytes with those that end `end` of test case k sends from `off` on. NULL, or what is
 * wrong. */
static const char *stream_differs(
	uint32_t k, uint32_t end, uint64_t off, const uint8_t *data, uint32_t len)
{
	const struct app_tc *at = &app_tcs[scenario_port(&sim.sc, k, end) * TCS_MAX + k];
	uint64_t size = at->msg[end == 1 && sim.sc.tc[k].http && sim.sc.tc[k].head ? 1 : 0].len;
	uint64_t i;

	if (size == 0)
		return len != 0 ? "bytes where none are sent" : NULL;
	i = off / size;
	off %= size;
	/* the last answer of a HTTP server differs, and may be longer */
	if (end == 1 && sim.sc.tc[k].http) {
		uint64_t last = sim.sc.tc[k].asks_close ? 1 : sim.sc.tc[k].requests_s;

		if (last != 0 && i >= last) {
			off += (i - (last - 1)) * size;
			i = last - 1;
		}
	}
	while (len != 0) {
		uint32_t n;
		uint8_t kind;
		const uint8_t *want;

		if (!message_kind(k, end, i, &kind) || off >= at->msg[kind].len)
			return "bytes behind the last message";
		want = __wrap_app_payload(at, kind, (uint32_t)off, &n);
		n = MIN_OF(n, len);
		if (memcmp(want, data, n) != 0)
			return "bytes that are not those";
		data += n;
		len -= n;
		off += n;
		if (off == at->msg[kind].len) {
			off = 0;
			i++;
		}
	}
	return NULL;
}

/* what is */

static uint32_t pair_hash(uint32_t iss_c, uint32_t iss_s)
{
	return (uint32_t)rng_mix((uint64_t)iss_c << 32 | iss_s) % CHAINS;
}

static uint32_t pair_find(uint32_t tc, uint16_t sport, uint32_t iss_c, uint32_t iss_s)
{
	uint32_t h = pair_hash(iss_c, iss_s), p = chain[h];

	while (p != 0
		&& (pairs[p].iss[0] != iss_c || pairs[p].iss[1] != iss_s || pairs[p].tc != tc
			|| pairs[p].sport != sport))
		p = pairs[p].next;
	if (p != 0)
		return p;
	if (n_pairs >= max_pairs) {
		max_pairs = max_pairs == 0 ? 256 : 2 * max_pairs;
		pairs = realloc(pairs, max_pairs * sizeof(*pairs));
		BUG_ON(pairs == NULL);
	}
	p = n_pairs++;
	pairs[p] = (struct pair){.iss = {iss_c, iss_s},
		.sport = sport,
		.tc = (uint8_t)tc,
		.acked = {iss_s + 1, iss_c + 1},
		.next = chain[h]};
	chain[h] = p;
	return p;
}

enum app_act __wrap_app_conn_up(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	struct conn *conn = (struct conn *)((char *)c - offsetof(struct conn, app));
	uint16_t port = port_of(at);
	uint32_t k = tc_of(at), end = end_of(port, k), b, p;
	const struct tcb *t = (struct tcb *)conn;

	if (sim.sc.tc[k].udp)
		return __real_app_conn_up(at, c, st, kind);
	/* both SYNs are acknowledged, nothing else is */
	p = end == 0 ? pair_find(k, conn->lport, t->snd_una - 1, t->rcv_nxt - 1)
		     : pair_find(k, conn->rport, t->rcv_nxt - 1, t->snd_una - 1);
	if (pairs[p].fate[end] != FATE_UNSEEN)
		sim_fail("%s of port %u is established twice", end == 0 ? "client" : "server",
			pairs[p].sport);
	pairs[p].fate[end] = FATE_UP;
	b = block_of(port, conn);
	pair_of_block[port][b] = p;
	return __real_app_conn_up(at, c, st, kind);
}

static void delivered_udp(uint32_t k, uint32_t end, const uint8_t *data, uint32_t len)
{
	const struct app_tc *from = &app_tcs[scenario_port(&sim.sc, k, 1 - end) * TCS_MAX + k];
	uint32_t mss = ports[scenario_port(&sim.sc, k, 1 - end)].mtu - 28;

	for (uint64_t off = 0; off < from->msg[0].len; off += mss) {
		if (len == MIN_OF(from->msg[0].len - off, mss)
			&& stream_differs(k, 1 - end, off, data, len) == NULL)
			return;
	}
	sim_fail("a datagram of %u bytes is none of the peer's", len);
}

enum app_act __wrap_app_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	struct conn *conn = (struct conn *)((char *)c - offsetof(struct conn, app));
	uint16_t port = port_of(at);
	uint32_t k = tc_of(at), end = end_of(port, k);
	struct pair *p;
	const char *why;

	progress();
	if (sim.sc.run.sabotage == 1)
		((uint8_t *)(uintptr_t)data)[0] ^= 1;
	BUG_ON(sim.sc.run.sabotage == 2);
	if (sim.sc.tc[k].udp) {
		delivered_udp(k, end, data, len);
		return __real_app_deliver(at, c, st, data, len, idle, kind);
	}
	if (pair_of_block[port][block_of(port, conn)] == 0)
		sim_fail("bytes for a connection that is not established");
	p = &pairs[pair_of_block[port][block_of(port, conn)]];
	why = stream_differs(k, 1 - end, p->rx[end], data, len);
	if (why != NULL)
		sim_fail("%s of port %u, at byte %u, is given %u %s",
			end == 0 ? "client" : "server", p->sport, p->rx[end], len, why);
	p->rx[end] += len;
	return __real_app_deliver(at, c, st, data, len, idle, kind);
}

static void ended(const struct tc_run *tc, const struct conn *c, enum fate fate)
{
	uint32_t b, end = end_of(tc->port, tc->tcid), fin = (c->flags & CF_FIN_SENT) != 0;
	const struct tcb *t = (const struct tcb *)c;
	struct pair *p;

	progress();
	if (tc->is_udp || !(c->flags & CF_COUNTED))
		return;
	b = block_of(tc->port, c);
	if (pair_of_block[tc->port][b] == 0) {
		if (fate == FATE_CLOSED)
			sim_fail("a connection is closed that was not established");
		return;
	}
	p = &pairs[pair_of_block[tc->port][b]];
	p->tx[end] = t->snd_max - p->iss[end] - 1 - fin;
	p->fate[end] = (uint8_t)fate;
	if (fate != FATE_CLOSED)
		pair_of_block[tc->port][b] = 0;
	if (fate == FATE_CLOSED && t->rcv_nxt != p->iss[1 - end] + 1 + p->rx[end] + 1)
		sim_fail("%s of port %u closes at %u, of which %u bytes and a FIN",
			end == 0 ? "client" : "server", p->sport, t->rcv_nxt - p->iss[1 - end] - 1,
			p->rx[end]);
	if (fate == FATE_CLOSED && !fin)
		sim_fail("closed without a FIN of its own");
	pair_of_block[tc->port][b] = 0;
}

void __wrap_traffic_begun(struct tc_run *tc, struct conn *c)
{
	progress();
	__real_traffic_begun(tc, c);
}

void __wrap_traffic_closed(struct tc_run *tc, struct conn *c)
{
	ended(tc, c, FATE_CLOSED);
	__real_traffic_closed(tc, c);
}

void __wrap_traffic_failed(struct tc_run *tc, struct conn *c, uint64_t *failure)
{
	ended(tc, c, FATE_FAILED);
	__real_traffic_failed(tc, c, failure);
}

/* ACK and FIN ride on data only where they may. */
static void rides_check(
	const struct conn *c, struct pair *p, uint32_t end, const struct tcp_hdr *th, uint32_t len)
{
	const struct sc_end *e = &sim.sc.end[c->tcid][end];
	uint32_t ack = rte_be_to_cpu_32(th->ack_be32);

	if (th->flags & (TCP_SYN | TCP_RST))
		return;
	if (len != 0 && (th->flags & TCP_FIN) && !e->fin_on_data)
		sim_fail("%s of port %u: FIN rides on data", end == 0 ? "client" : "server",
			p->sport);
	if (len == 0 && !(th->flags & TCP_FIN)) {
		if (seq_lt(p->acked[end], ack))
			p->acked[end] = ack;
		return;
	}
	/* unless it was dropped before it came to the link */
	if (!e->ack_on_data && seq_lt(p->acked[end], ack)
		&& seg_stats_port(world.seg, c->port, c->port)->drop.tx_full == 0)
		sim_fail("%s of port %u: an ACK rides", end == 0 ? "client" : "server", p->sport);
}

/* A segment with payload says what its sender's stream has there. */
static void sent_tcp(uint16_t port, const struct ip4_hdr *ip, uint16_t vlan)
{
	const struct tcp_hdr *th = (const struct tcp_hdr *)(ip + 1);
	const struct lcore *lc = world.lc[port];
	uint32_t hlen = (th->off >> 4) * 4u, id, end;
	uint32_t len = rte_be_to_cpu_16(ip->total_len_be16) - sizeof(*ip) - hlen;
	uint32_t src = rte_be_to_cpu_32(ip->src_be32), dst = rte_be_to_cpu_32(ip->dst_be32);
	uint16_t sport = rte_be_to_cpu_16(th->sport_be16), dport = rte_be_to_cpu_16(th->dport_be16);
	const struct conn *c;
	struct pair *p;
	const char *why;
	uint32_t off;

	id = flow_find(&lc->tcp_flows, flow_hash((uint8_t)port, vlan, src, dst, sport, dport),
		(uint8_t)port, src, dst, sport, dport);
	if (id == CONN_NONE || id >= BLOCKS_MAX || pair_of_block[port][id] == 0)
		return; /* ended meanwhile */
	c = pool_at(&lc->tcbs, id);
	p = &pairs[pair_of_block[port][id]];
	end = end_of(port, c->tcid);
	rides_check(c, p, end, th, len);
	if (len == 0)
		return;
	off = rte_be_to_cpu_32(th->seq_be32) - p->iss[end] - 1;
	why = stream_differs(c->tcid, end, off, (const uint8_t *)th + hlen, len);
	if (why != NULL)
		sim_fail("%s of port %u sends %u %s at byte %u", end == 0 ? "client" : "server",
			p->sport, len, why, off);
	if (off + len > p->seen[end]) { /* never sent before */
		p->seen[end] = off + len;
		progress();
	}
}

void check_sent(uint16_t port, const struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);
	bool tagged = f[12] == 0x81;
	const struct ip4_hdr *ip = (const struct ip4_hdr *)(f + (tagged ? 18 : 14));

	if (f[tagged ? 16 : 12] != 8 || f[tagged ? 17 : 13] != 0 || ip->proto != IPPROTO_TCP4)
		return;
	if (++sim.n_idle_pkts > IDLE_PKTS_MAX)
		sim_fail("%u packets, and nothing comes of them", IDLE_PKTS_MAX);
	sent_tcp(port, ip, tagged ? (uint16_t)((f[14] & 15) << 8 | f[15]) : 0);
}

/* A TCP endpoint that awaits something has a timer, or stands in a queue. */
static const char *tcb_stuck(const struct tcb *t)
{
	const struct conn *c = &t->c;
	bool unsent = (c->flags & CF_SENDING) || seq_lt(t->snd_max, c->tx_end);

	switch (c->state) {
	case CS_SYN_SENT:
	case CS_SYN_RCVD:
		return c->t_rtx == 0 ? "opening without a timer" : NULL;
	case CS_TIME_WAIT:
		return c->t_life == 0 ? "in TIME-WAIT without a timer" : NULL;
	case CS_FIN_WAIT_1:
	case CS_CLOSING:
	case CS_LAST_ACK:
		return c->t_rtx == 0 ? "a FIN is out without a timer" : NULL;
	case CS_ESTAB:
	case CS_CLOSE_WAIT:
		if (t->snd_una != t->snd_max)
			return c->t_rtx == 0 ? "unacknowledged data without a timer" : NULL;
		if (unsent && c->t_rtx == 0 && !(c->flags & CF_BLOCKED))
			return "unsent data without a timer";
		if ((c->flags & (CF_CLOSE | CF_SENDING | CF_WAIT_ACKED)) == CF_CLOSE
			&& c->t_rtx == 0 && !(c->flags & CF_BLOCKED))
			return "a FIN is to be sent, without a timer";
		return NULL;
	default:
		return NULL;
	}
}

/* Does it go on for longer than it may? */
static const char *tcb_endless(const struct lcore *lc, const struct tcb *t)
{
	const struct tc_run *tc = lcore_tc((struct lcore *)(uintptr_t)lc, t->c.port, t->c.tcid);
	uint32_t most = MAX_OF(tc->data_retry, tc->retry);

	if (t->c.state == CS_SYN_SENT)
		most = tc->syn_retry;
	else if (t->c.state == CS_SYN_RCVD)
		most = tc->syn_ack_retry;
	if (t->retries > most)
		return "more retries than configured";
	if (t->c.t_rtx != 0 && (int32_t)(t->c.t_rtx - lc->now_ms) > TCP_RTO_MAX_MS + 1)
		return "a retransmission that is too far off";
	if (t->c.t_ack != 0 && (int32_t)(t->c.t_ack - lc->now_ms) > TCP_DELACK_MS + 1)
		return "an ACK that is delayed for too long";
	return NULL;
}

static uint64_t deadline_check(const struct lcore *lc, uint32_t worker, uint32_t id)
{
	const struct conn *c = conn_at(lc, id);
	uint32_t d = conn_deadline(c);
	const char *why;

	if (c->state == CS_FREE)
		return UINT64_MAX;
	if (c->state > CS_CLOSED && !(id & CONN_UDP)) {
		why = tcb_stuck((const struct tcb *)c);
		if (why == NULL)
			why = tcb_endless(lc, (const struct tcb *)c);
		if (why != NULL)
			sim_fail("side %c, test case %u, ports %u and %u: %s", "ab"[worker],
				c -> tcid, c -> lport, c -> rport, why);
	}
	if (d == 0)
		return UINT64_MAX;
	/* a deadline of this very ms, set after the wheel had its turn, is for its next tick */
	if ((int32_t)(d - lc->now_ms) < 0 && lc->wheel.firing == 0 && !lc->wheel.starved)
		sim_fail("side %c, test case %u, ports %u and %u: a deadline was missed",
			"ab"[worker], c -> tcid, c -> lport, c -> rport);
	return (lc->now_tsc / lc->cycles_per_ms + MAX_OF(d - lc->now_ms, 1u)) * lc->cycles_per_ms
		- sim.origin[worker];
}

uint64_t check_idle(uint32_t worker)
{
	const struct lcore *lc = world.lc[worker];
	uint64_t next = UINT64_MAX;

	for (uint32_t i = 0; i < lc->tcbs.fresh; i++) {
		uint64_t at = deadline_check(lc, worker, i);

		next = MIN_OF(next, at);
	}
	for (uint32_t i = 0; i < lc->ucbs.fresh; i++) {
		uint64_t at = deadline_check(lc, worker, i | CONN_UDP);

		next = MIN_OF(next, at);
	}
	return next;
}

/* afterwards */

static void equal(uint16_t port, const char *what, uint64_t a, uint64_t b)
{
	if (a != b)
		sim_fail("side %c: %s: %" PRIu64 " is not %" PRIu64, "ab"[port], what, a, b);
}

static void port_sums(uint16_t port)
{
	const struct stats_port_block *s = seg_stats_port(world.seg, port, port);
	const struct link_stats *to = link_stats(port), *from = link_stats(1 - port);
	uint64_t ip_drops = s->drop.ip_version + s->drop.ip_hdr_len + s->drop.ip_total_len
		+ s->drop.ip_src + s->drop.ip_checksum + s->drop.ip_src_route;
	uint64_t l4_drops = s->drop.tcp_hdr_len + s->drop.tcp_checksum + s->drop.udp_bad
		+ s->drop.udp_checksum + s->drop.stopped;
	uint64_t icmp_errors = s->icmp.rx_unreach + s->icmp.rx_need_frag + s->icmp.rx_time_exc
		+ s->icmp.rx_param;
	const uint64_t *state = (const uint64_t *)&s->tsm;

	equal(port, "packets sent, taken by the link", s->port.tx_pkts, to->in);
	equal(port, "packets received, out of the link", s->port.rx_pkts, from->out);
	equal(port, "packets of the link", from->in + from->fault[FAULTS_DUPLICATED],
		from->out + from->parted + from->no_buf + from->fault[FAULTS_LOST]
			+ from->fault[FAULTS_QUEUE_FULL] + from->fault[FAULTS_OVERFLOW]);
	equal(port, "frames by type", s->port.rx_pkts,
		s->eth.rx_arp + s->eth.rx_ipv4 + s->eth.rx_ipv6 + s->eth.rx_other + s->drop.rx_runt
			+ s->drop.eth_not_mine + s->drop.vlan_bad);
	equal(port, "IPv4 by protocol", s->ipv4.rx_pkts,
		s->ipv4.rx_icmp + s->ipv4.rx_tcp + s->ipv4.rx_udp + s->ipv4.rx_other + ip_drops);
	equal(port, "next layer", s->ipv4.rx_tcp + s->ipv4.rx_udp + s->ipv4.rx_icmp,
		s->tcp.rx_pkts + s->udp.rx_pkts + s->icmp.rx_echo_req + icmp_errors
			+ s->icmp.rx_quench + s->icmp.rx_other + s->drop.icmp_bad + l4_drops);
	equal(port, "ICMP errors by whose they are", icmp_errors,
		s->icmp.err_matched + s->icmp.err_seq + s->icmp.err_unmatched);
	equal(port, "fragments", s->ipv4.rx_frags + s->ipv4.tx_frags, 0);
	equal(port, "packets built and sent",
		s->tcp.tx_ctrl_pkts + s->tcp.tx_data_pkts + s->udp.tx_pkts + s->arp.tx_req
			+ s->arp.tx_rep + s->icmp.tx_echo_rep + s->icmp.tx_unreach,
		s->port.tx_pkts + s->port.tx_failures);
	equal(port, "TCBs taken and given back", s->tcp.tcb_alloc, s->tcp.tcb_free);
	equal(port, "UCBs taken and given back", s->udp.ucb_alloc, s->udp.ucb_free);
	equal(port, "connections that wait for a hole", s->tsm.missing_seq, 0);
	equal(port, "test cases that listen", s->tsm.in_listen, 0);
	for (uint32_t i = 1; i < CS_COUNT; i++)
		equal(port, "connections in a state", state[i], 0);
	if (sim.sc.side[1 - port].corrupt == 0 && sim.sc.run.csum)
		equal(port, "bad headers", ip_drops + l4_drops, 0);
}

/* Nothing went wrong on the way: nothing may have been done about it. */
static void clean_sums(uint16_t port)
{
	const struct stats_port_block *s = seg_stats_port(world.seg, port, port);

	equal(port, "segments sent again on a clean link", s->tsm.retrans_pkts, 0);
	equal(port, "duplicates on a clean link", s->tcp.rx_dup, 0);
	equal(port, "segments out of order on a clean link", s->tcp.rx_ooo, 0);
	if (!scenario_is_finite(&sim.sc) || !sim.done || sim.sc.run.stop_ms < 3600000)
		return;
	equal(port, "wrong segments on a clean link",
		s->drop.tcp_seq + s->drop.tcp_ack + s->drop.tcp_rst_seq + s->drop.tcp_state, 0);
	equal(port, "RSTs on a clean link", s->tcp.tx_rst, 0);
	equal(port, "segments of no connection on a clean link", s->drop.tcp_no_conn, 0);
	for (uint32_t k = 0; k < sim.sc.run.n_tcs; k++) {
		const struct stats_tc *t = &seg_stats_tc(world.seg, port, port, k)->tc;

		if (sim.sc.tc[k].udp)
			continue;
		equal(port, "sessions of a clean link that are closed", t->closed,
			sim.sc.tc[k].sessions);
		equal(port, "connections opened on a clean link", t->opened, t->closed);
	}
}

static void tc_sums(uint16_t port, uint32_t k)
{
	const struct stats_tc *t = &seg_stats_tc(world.seg, port, port, k)->tc;

	if (!world_sums(t))
		sim_fail("side %c, test case %u: opened is not closed and failed", "ab"[port], k);
	equal(port, "connections open", t->open_now, 0);
	equal(port, "connections established", t->estab_now, 0);
}

static void pair_check(const struct pair *p)
{
	for (uint32_t end = 0; end < 2; end++) {
		uint32_t got = p->rx[1 - end];

		if (p->fate[end] == FATE_UNSEEN)
			continue;
		if (p->fate[end] == FATE_UP)
			sim_fail("the %s of port %u has no end", end == 0 ? "client" : "server",
				p->sport);
		if (p->fate[end] == FATE_CLOSED && p->fate[1 - end] == FATE_UNSEEN)
			sim_fail("port %u: closed, and the other end was never established",
				p->sport);
		if (got > p->tx[end] || (p->fate[end] == FATE_CLOSED && got != p->tx[end]))
			sim_fail("port %u: %s sent %u bytes, %u were delivered", p->sport,
				end == 0 ? "client" : "server", p->tx[end], got);
		if (p->fate[1 - end] == FATE_CLOSED && got != p->tx[end])
			sim_fail("port %u: closed after %u bytes, of %u sent", p->sport, got,
				p->tx[end]);
	}
}

/* Packets that only the simulator's own bounds threw away. */
static uint64_t outgrown(void)
{
	uint64_t n = 0;

	for (uint16_t port = 0; port < 2; port++)
		n += link_stats(port)->no_buf + link_stats(port)->fault[FAULTS_OVERFLOW];
	return n;
}

void check_end(void)
{
	sim.n_conns = n_pairs - 1;
	sim.n_closed = 0;
	for (uint32_t i = 1; i < n_pairs; i++) {
		pair_check(&pairs[i]);
		sim.n_closed += pairs[i].fate[0] == FATE_CLOSED && pairs[i].fate[1] == FATE_CLOSED;
	}
	for (uint16_t port = 0; port < 2; port++) {
		port_sums(port);
		for (uint32_t k = 0; k < sim.sc.run.n_tcs; k++)
			tc_sums(port, k);
		if (scenario_is_clean(&sim.sc) && outgrown() == 0)
			clean_sums(port);
	}
}
