/* See stack.h. */
#include "test/unit/stack.h"

#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"
#include "test/unit/world.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <stdio.h>
#include <string.h>

#define TURN_US 50
#define QUEUE_MAX 65536

struct stack stack;

/* To be received by a port; sent by it and not yet taken by the test's peer. */
struct queue {
	struct rte_mbuf *m[QUEUE_MAX];
	uint32_t head, n;
};
static struct queue in[2], out[2];
static struct rte_mbuf *held[2]; /* one that the next overtakes */

static void put(struct queue *q, struct rte_mbuf *m)
{
	assert_true(q->n < QUEUE_MAX);
	q->m[(q->head + q->n++) % QUEUE_MAX] = m;
}

static struct rte_mbuf *get(struct queue *q)
{
	struct rte_mbuf *m = q->n == 0 ? NULL : q->m[q->head];

	if (m != NULL) {
		q->head = (q->head + 1) % QUEUE_MAX;
		q->n--;
	}
	return m;
}

static bool chance(uint32_t of_1000)
{
	stack.rng = stack.rng * 1664525 + 1013904223;
	return of_1000 != 0 && (stack.rng >> 8) % 1000 < of_1000;
}

static struct rte_mbuf *copy(struct rte_mbuf *m)
{
	return rte_pktmbuf_copy(m, m->pool, 0, UINT32_MAX);
}

static void wire(uint16_t port, struct rte_mbuf *m)
{
	struct rte_mbuf *again;

	if (stack.on_wire != NULL && stack.on_wire(port, m)) {
		pkt_free(stack.lc, m);
		return;
	}
	if (!stack.wired) {
		put(&out[port], m);
		return;
	}
	if (chance(stack.lose)) {
		stack.lost[port]++;
		pkt_free(stack.lc, m);
		return;
	}
	again = chance(stack.twice) ? copy(m) : NULL;
	if (held[port] == NULL && chance(stack.late)) {
		held[port] = m;
	} else {
		put(&in[1 - port], m);
		if (held[port] != NULL)
			put(&in[1 - port], held[port]);
		held[port] = NULL;
	}
	if (again != NULL)
		put(&in[1 - port], again);
}

static uint16_t fake_tx(void *txq, struct rte_mbuf **m, uint16_t n)
{
	const struct queue *to = &in[2 - (uintptr_t)txq];

	if (stack.stuck)
		return 0;
	if (stack.room != 0)
		n = to->n >= stack.room ? 0 : MIN_OF(n, (uint16_t)(stack.room - to->n));
	for (uint16_t i = 0; i < n; i++)
		wire((uint16_t)(uintptr_t)txq - 1, m[i]);
	return n;
}

static uint16_t fake_rx(void *rxq, struct rte_mbuf **m, uint16_t n)
{
	struct queue *q = &in[(uintptr_t)rxq - 1];
	uint16_t i = 0;

	while (i < n && q->n != 0)
		m[i++] = get(q);
	return i;
}

int stack_eal(void **state)
{
	(void)state;
	return world_eal("w17-unit");
}

/* The test's peers answer no ARP: each port knows the other. */
static void neighbour(uint16_t port)
{
	uint8_t f[42] = {0};
	uint32_t spa = rte_cpu_to_be_32(port == 0 ? SERVER_IP : CLIENT_IP);

	memcpy(f, ports[port].mac, 6);
	memcpy(f + 6, ports[1 - port].mac, 6);
	memcpy(f + 12, (uint8_t[]){8, 6, 0, 1, 8, 0, 6, 4, 0, 2}, 10);
	memcpy(f + 22, ports[1 - port].mac, 6);
	memcpy(f + 28, &spa, 4);
	peer_frame(port, f, sizeof(f));
}

void stack_begin(uint32_t n_tcbs, uint32_t n_ucbs, uint32_t n_mbufs)
{
	static int n_begun;
	char name[16];

	memset(&stack, 0, sizeof(stack));
	stack.rng = 1;
	stack.wired = true;
	stack.tsc = 1000 * WORLD_HZ;
	snprintf(name, sizeof(name), "unit%d", n_begun++);
	world_begin(1);
	stack.seg = world.seg;
	stack.lc = world_lcore(n_tcbs, n_ucbs, world_mbufs(name, n_mbufs));
	world_port(stack.lc, 0, CLIENT_IP, 1500, fake_rx, fake_tx);
	world_port(stack.lc, 1, SERVER_IP, 1500, fake_rx, fake_tx);
	world_start(stack.lc, stack.tsc);
	neighbour(0);
	neighbour(1);
	stack_run_us(TURN_US);
}

static void held_free(uint16_t port)
{
	struct rte_mbuf *m;

	if (held[port] != NULL)
		pkt_free(stack.lc, held[port]);
	held[port] = NULL;
	while ((m = get(&in[port])) != NULL)
		pkt_free(stack.lc, m);
	peer_flush(port);
}

void stack_end(void)
{
	struct lcore *lc = stack.lc;
	const char *why;

	for (uint16_t p = 0; p < 2; p++) {
		for (uint8_t i = 0; i < TCS_MAX; i++)
			stack_stop(p, i);
	}
	stack_run_ms(5); /* queues forget those that are gone */
	stack_check_sums();
	for (uint16_t p = 0; p < 2; p++) {
		held_free(p);
		arp_port_stop(lc, &lc->lports[p]);
	}
	why = world_pools(lc);
	if (why != NULL)
		fail_msg("%s", why);
	rte_mempool_free(lc->stash.pool);
	world_end();
}

struct tc_config *stack_tc(uint16_t port, uint8_t tcid, enum l4proto proto, uint32_t n)
{
	struct tc_config *c = &tc_cfgs[port][tcid];

	tc_config_init(c, port == 0 ? tc_kind_CLIENT : tc_kind_SERVER, proto);
	c->src.lo = c->src.hi = ip4_addr(port == 0 ? CLIENT_IP : SERVER_IP);
	c->sport = port == 0 ? (struct u16_range){1000, (uint16_t)(999 + n)}
			     : (struct u16_range){80, 80};
	c->dst.lo = c->dst.hi = ip4_addr(SERVER_IP);
	c->dport = (struct u16_range){80, 80};
	return c;
}

void stack_start(uint16_t port, uint8_t tcid)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	struct lmsg m = {.id = LMSG_TC_START,
		.port = (uint8_t)port,
		.tcid = tcid,
		.share_n = tc_sessions(c)};
	char err[200];

	if (c->imix == 0)
		assert_int_equal(app_tc_init(&app_tcs[port * TCS_MAX + tcid], &c->app, c->kind,
					 c->proto, err, sizeof(err)),
			0);
	if (c->times.from != times_from_OFF)
		app_tcs[port * TCS_MAX + tcid].rx_watch |= APP_WATCH_TIMES;
	assert_int_equal(mailbox_post(stack.lc, &m), 0);
	stack_run_us(TURN_US);
}

void stack_stop(uint16_t port, uint8_t tcid)
{
	struct tc_run *tc = lcore_tc(stack.lc, (uint8_t)port, tcid);

	tc_run_stop(stack.lc, tc, 1000);
	for (int i = 0; i < 20000 && tc->run != TCR_IDLE; i++)
		stack_run_ms(1);
	assert_int_equal(tc->run, TCR_IDLE);
}

void stack_run_us(uint32_t us)
{
	for (uint32_t i = 0; i < us; i += TURN_US) {
		stack.tsc += TURN_US * (WORLD_HZ / 1000000);
		lcore_turn(stack.lc, stack.tsc);
	}
}

void stack_run_ms(uint32_t ms)
{
	stack_run_us(ms * 1000);
}

struct stats_tc *stack_stats(uint16_t port, uint8_t tcid)
{
	return &seg_stats_tc(stack.seg, 0, port, tcid)->tc;
}

struct stats_port_block *stack_port(uint16_t port)
{
	return seg_stats_port(stack.seg, 0, port);
}

void stack_check_sums(void)
{
	for (uint16_t p = 0; p < 2; p++) {
		for (uint8_t i = 0; i < TCS_MAX; i++)
			assert_true(world_sums(stack_stats(p, i)));
	}
}

/* Ethernet, tag and IPv4 from the other port's address: where the transport header goes. */
static uint8_t *headers(uint8_t *f, uint16_t port, uint16_t vlan, bool group, uint8_t tos,
	uint8_t proto, uint16_t l4_len)
{
	struct ip4_hdr ip = {.ver_ihl = 0x45,
		.tos = tos,
		.total_len_be16 = rte_cpu_to_be_16(sizeof(ip) + l4_len),
		.ttl = 64,
		.proto = proto,
		.src_be32 = rte_cpu_to_be_32(port == 0 ? SERVER_IP : CLIENT_IP),
		.dst_be32 = rte_cpu_to_be_32(port == 0 ? CLIENT_IP : SERVER_IP)};

	memcpy(f, ports[port].mac, 6);
	if (group)
		memset(f, 255, 6);
	memcpy(f + 6, ports[1 - port].mac, 6);
	f += 12;
	if (vlan != 0) {
		memcpy(f, (uint8_t[]){0x81, 0, (uint8_t)(vlan >> 8), (uint8_t)vlan}, 4);
		f += 4;
	}
	memcpy(f, (uint8_t[]){8, 0}, 2);
	memcpy(f + 2, &ip, sizeof(ip));
	return f + 2 + sizeof(ip);
}

void peer_send(uint16_t port, const struct peer_seg *s)
{
	struct tcp_hdr th = {.sport_be16 = rte_cpu_to_be_16(s->sport),
		.dport_be16 = rte_cpu_to_be_16(s->dport),
		.seq_be32 = rte_cpu_to_be_32(s->seq),
		.ack_be32 = rte_cpu_to_be_32(s->ack),
		.off = (uint8_t)((sizeof(th) + s->opts_len + 3) / 4 << 4),
		.flags = s->flags,
		.wnd_be16 = rte_cpu_to_be_16(s->wnd),
		.urg_be16 = rte_cpu_to_be_16(s->urg)};
	uint16_t hlen = (th.off >> 4) * 4;
	uint8_t f[1700] = {0}, *l4;

	assert_true(s->opts_len <= 40);
	l4 = headers(f, port, s->vlan, s->group, s->tos, IPPROTO_TCP4, (uint16_t)(hlen + s->len));
	memcpy(l4, &th, sizeof(th));
	if (s->opts_len != 0)
		memcpy(l4 + sizeof(th), s->opts, s->opts_len);
	if (s->len != 0)
		memcpy(l4 + hlen, s->data, s->len);
	peer_frame(port, f, (uint16_t)(l4 + hlen + s->len - f));
}

void peer_datagram(uint16_t port, uint16_t sport, uint16_t dport, uint16_t n)
{
	struct udp_hdr uh = {.sport_be16 = rte_cpu_to_be_16(sport),
		.dport_be16 = rte_cpu_to_be_16(dport),
		.len_be16 = rte_cpu_to_be_16((uint16_t)(sizeof(uh) + n))};
	uint8_t f[1600] = {0},
		*l4 = headers(f, port, 0, false, 0, IPPROTO_UDP4, (uint16_t)(sizeof(uh) + n));

	memcpy(l4, &uh, sizeof(uh));
	peer_frame(port, f, (uint16_t)(l4 + sizeof(uh) + n - f));
}

void peer_frame(uint16_t port, const void *bytes, uint16_t len)
{
	struct rte_mbuf *m = pkt_alloc(stack.lc, len);

	assert_non_null(m);
	memcpy(rte_pktmbuf_mtod(m, void *), bytes, len);
	put(&in[port], m);
}

bool peer_take(uint16_t port, struct peer_seg *s)
{
	struct rte_mbuf *m;

	while ((m = get(&out[port])) != NULL) {
		uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);
		struct ip4_hdr *ip = (struct ip4_hdr *)(f + 14);
		struct tcp_hdr *th = (struct tcp_hdr *)(ip + 1);
		bool tcp = f[12] == 8 && f[13] == 0 && ip->proto == IPPROTO_TCP4;

		pkt_free(stack.lc, m); /* its bytes stay until it is used again */
		if (!tcp)
			continue;
		*s = (struct peer_seg){.sport = rte_be_to_cpu_16(th->sport_be16),
			.dport = rte_be_to_cpu_16(th->dport_be16),
			.seq = rte_be_to_cpu_32(th->seq_be32),
			.ack = rte_be_to_cpu_32(th->ack_be32),
			.wnd = rte_be_to_cpu_16(th->wnd_be16),
			.flags = th->flags,
			.tos = ip->tos,
			.urg = rte_be_to_cpu_16(th->urg_be16),
			.opts = (uint8_t *)(th + 1),
			.opts_len = (uint8_t)((th->off >> 4) * 4u - sizeof(*th)),
			.len = rte_be_to_cpu_16(ip->total_len_be16) - sizeof(*ip)
				- (th->off >> 4) * 4u,
			.data = (uint8_t *)th + (th->off >> 4) * 4};
		return true;
	}
	return false;
}

void peer_flush(uint16_t port)
{
	struct rte_mbuf *m;

	while ((m = get(&out[port])) != NULL)
		pkt_free(stack.lc, m);
}

uint32_t peer_connect(uint16_t sport, uint32_t iss)
{
	struct peer_seg s = {.sport = sport,
				.dport = 80,
				.seq = iss,
				.flags = TCP_SYN,
				.wnd = 65535},
			got;

	peer_send(1, &s);
	stack_run_us(TURN_US);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(got.ack, iss + 1);
	s.seq = iss + 1;
	s.ack = got.seq + 1;
	s.flags = TCP_ACK;
	peer_send(1, &s);
	stack_run_us(TURN_US);
	return got.seq;
}
