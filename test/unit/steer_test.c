/* Workers that share a port's queue: whose a packet is, and the rings between them. */
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"
#include "test/unit/stack.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <stdlib.h>
#include <string.h>

#define WORKERS 7
static void *memory;

static struct handoff *begin(uint32_t n)
{
	stack_begin(64, 64, 2048);
	ports[0].n_queues = (uint16_t)n;
	memory = aligned_alloc(4096, (handoff_bytes(n) + 4095) & ~(size_t)4095);
	handoff_init(&ports[0], memory);
	stack.lc->lports[0].handoff = ports[0].handoff[0];
	return ports[0].handoff[0];
}

static void end(void)
{
	stack.lc->lports[0].handoff = NULL;
	ports[0].n_queues = 1;
	memset(ports[0].handoff, 0, sizeof(ports[0].handoff));
	stack_end();
	free(memory);
}

/* Sessions over all four dimensions. */
static struct tc_config *clients(uint8_t tcid, enum l4proto proto)
{
	struct tc_config *c = stack_tc(0, tcid, proto, 5);

	c->src.hi = ip4_addr(ip4_of(&c->src.lo) + 2);
	c->dst.hi = ip4_addr(ip4_of(&c->dst.lo) + 1);
	c->dport.hi = c->dport.lo + 3;
	return c;
}

/* The tuple of session i, as clients.c opens it. */
static struct flow_tuple tuple(uint8_t tcid, uint64_t i)
{
	struct lmsg m = {.id = LMSG_TC_START, .tcid = tcid, .share_first = i, .share_n = 1};
	struct tc_run *tc = lcore_tc(stack.lc, 0, tcid);
	struct flow_tuple t;

	tc_cfgs[0][tcid].rate_open = 0;
	tc_run_start(stack.lc, &m);
	t = (struct flow_tuple){.laddr = tc->own.at.src,
		.raddr = tc->own.at.dst,
		.lport = tc->own.at.sport,
		.rport = tc->own.at.dport,
		.vlan = tc->vlan};
	stack_stop(0, tcid);
	return t;
}

static void session_is_its_workers(void **state)
{
	struct handoff *h = begin(WORKERS);
	uint64_t n_of[WORKERS] = {0};

	(void)state;
	steer_begin(h);
	for (uint8_t tcid = 0; tcid < 2; tcid++)
		steer_clients(h, clients(tcid, tcid == 0 ? l4proto_UDP : l4proto_TCP));
	for (uint64_t i = 0; i < 5 * 3 * 4 * 2; i++) {
		struct flow_tuple t = tuple(1, i);
		uint32_t k = steer_tuple(h, 0, IPPROTO_TCP4, &t);
		uint64_t first, n;

		assert_true(k < WORKERS);
		share_of(120, k, WORKERS, &first, &n);
		assert_in_range(i, first, first + n - 1);
		n_of[k]++;
	}
	for (uint32_t k = 0; k < WORKERS; k++)
		assert_in_range(n_of[k], 17, 18);
	end();
}

static void shares_and_owners_agree(void **state)
{
	(void)state;
	for (uint64_t total = 1; total < 200; total += 7) {
		for (uint32_t n = 1; n <= 127; n++) {
			for (uint64_t i = 0; i < total; i++) {
				uint64_t first, count;

				share_of(total, share_owner(total, i, n), n, &first, &count);
				assert_true(i >= first && i - first < count);
			}
		}
	}
}

static void others_are_spread_evenly(void **state)
{
	struct handoff *h = begin(WORKERS);
	uint32_t n_of[WORKERS] = {0};
	struct flow_tuple t = {.laddr = SERVER_IP, .lport = 80};

	(void)state;
	steer_begin(h);
	for (uint32_t i = 0; i < 70000; i++) {
		t.raddr = CLIENT_IP + i / 1000;
		t.rport = 1000 + i % 1000;
		n_of[steer_tuple(h, 0, IPPROTO_TCP4, &t)]++;
	}
	for (uint32_t k = 0; k < WORKERS; k++)
		assert_in_range(n_of[k], 9000, 11000);
	end();
}

/* A frame to the client's session i, of that many bytes behind the IP header; vlan 0: untagged. */
static struct rte_mbuf *frame(const struct flow_tuple *t, uint8_t proto, uint16_t frag, bool quoted)
{
	uint8_t bytes[100] = {0}, *at = bytes + 12;
	struct ip4_hdr ip = {.ver_ihl = 0x45, .proto = proto, .frag_be16 = rte_cpu_to_be_16(frag)};
	struct rte_mbuf *m = pkt_alloc(stack.lc, sizeof(bytes));
	uint16_t l4[2] = {rte_cpu_to_be_16(t->rport), rte_cpu_to_be_16(t->lport)};

	if (t->vlan) {
		memcpy(at, (uint8_t[]){0x81, 0, (uint8_t)(t->vlan >> 8 | 0x20), (uint8_t)t->vlan},
			4);
		at += 4;
	}
	memcpy(at, (uint8_t[]){8, 0}, 2);
	at += 2;
	if (quoted) { /* by a router: where we sent it */
		struct ip4_hdr outer = {.ver_ihl = 0x46, .proto = IPPROTO_ICMP4};

		memcpy(at, &outer, sizeof(outer));
		at += sizeof(outer) + 4;
		*at = ICMP_TIME_EXCEEDED;
		at += sizeof(struct icmp_hdr);
		l4[0] = rte_cpu_to_be_16(t->lport);
		l4[1] = rte_cpu_to_be_16(t->rport);
	}
	ip.src_be32 = rte_cpu_to_be_32(quoted ? t->laddr : t->raddr);
	ip.dst_be32 = rte_cpu_to_be_32(quoted ? t->raddr : t->laddr);
	memcpy(at, &ip, sizeof(ip));
	memcpy(at + sizeof(ip), l4, sizeof(l4));
	memcpy(rte_pktmbuf_mtod(m, void *), bytes, sizeof(bytes));
	return m;
}

static uint32_t owner(struct rte_mbuf *m)
{
	uint32_t k = steer_frame(&stack.lc->lports[0], m);

	pkt_free(stack.lc, m);
	return k;
}

static void frames_are_read_to_their_tuple(void **state)
{
	struct handoff *h = begin(WORKERS);
	struct tc_config *c;

	(void)state;
	c = clients(0, l4proto_UDP);
	c->vlan_id = 77;
	steer_begin(h);
	steer_clients(h, c);
	c = clients(1, l4proto_TCP);
	steer_clients(h, c);
	for (uint64_t i = 0; i < 120; i++) {
		for (uint8_t tcid = 0; tcid < 2; tcid++) {
			struct flow_tuple t = tuple(tcid, i);
			uint32_t want = share_owner(120, i, WORKERS);
			uint8_t proto = tcid == 0 ? IPPROTO_UDP4 : IPPROTO_TCP4;

			assert_int_equal(t.vlan, tcid == 0 ? 77 : 0);
			assert_int_equal(owner(frame(&t, proto, IP_DF, false)), want);
			assert_int_equal(owner(frame(&t, proto, IP_DF, true)), want);
			assert_int_equal(owner(frame(&t, proto, IP_MF, true)), want);
			/* no tuple to be seen */
			assert_int_equal(owner(frame(&t, proto, IP_MF, false)), 0);
			assert_int_equal(owner(frame(&t, proto, 3, false)), 0);
			assert_int_equal(owner(frame(&t, proto, 3, true)), 0);
			assert_int_equal(owner(frame(&t, IPPROTO_ICMP4, 0, false)), 0);
		}
	}
	end();
}

/* Cut off anywhere it is for the worker with the queue, and nothing behind the end is read. */
static void short_frames_are_the_first_workers(void **state)
{
	struct handoff *h = begin(WORKERS);
	struct flow_tuple t;

	(void)state;
	steer_begin(h);
	steer_clients(h, clients(0, l4proto_TCP));
	t = tuple(0, 119);
	for (uint16_t len = 0; len < 14 + 20 + 4; len++) {
		struct rte_mbuf *m = frame(&t, IPPROTO_TCP4, 0, false);

		m->data_len = m->pkt_len = len;
		assert_int_equal(owner(m), 0);
	}
	for (uint16_t len = 0; len < 14 + 24 + 8 + 20 + 4; len++) {
		struct rte_mbuf *m = frame(&t, IPPROTO_TCP4, 0, true);

		m->data_len = m->pkt_len = len;
		assert_int_equal(owner(m), 0);
	}
	assert_int_equal(owner(frame(&t, IPPROTO_TCP4, 0, false)), WORKERS - 1);
	end();
}

static void what_a_worker_does_not_take_is_dropped_by_name(void **state)
{
	struct handoff *h = begin(2);
	struct rte_mbuf *m[RX_BURST];
	struct lport *lp = &stack.lc->lports[0];
	struct flow_tuple first, last;
	uint32_t given = 0, came = 0;

	(void)state;
	steer_begin(h);
	steer_clients(h, clients(0, l4proto_TCP));
	first = tuple(0, 0);
	last = tuple(0, 119);
	for (int burst = 0; burst < 20; burst++) {
		for (uint32_t i = 0; i < RX_BURST; i++)
			m[i] = frame(i % 4 == 0 ? &first : &last, IPPROTO_TCP4, 0, false);
		assert_int_equal(steer_burst(stack.lc, lp, m, RX_BURST), RX_BURST / 4);
		given += RX_BURST / 4 * 3;
		for (uint32_t i = 0; i < RX_BURST / 4; i++)
			pkt_free(stack.lc, m[i]);
	}
	for (uint32_t n; (n = handoff_in(ports[0].handoff[1], m)) != 0; came += n) {
		for (uint32_t i = 0; i < n; i++)
			pkt_free(stack.lc, m[i]);
	}
	assert_true(came > 500 && came < given);
	assert_int_equal(lp->st->drop.handoff_full, given - came);
	end();
}

/* By the worker that its first byte names. */
static void count_sent(struct lport *lp, uint32_t *sent)
{
	for (uint32_t i = 0; i < lp->txq.n; i++) {
		sent[*rte_pktmbuf_mtod(lp->txq.pkt[i], uint8_t *)]++;
		pkt_free(stack.lc, lp->txq.pkt[i]);
	}
	lp->txq.n = lp->txq.offered = 0;
	lp->txq.bytes = 0;
}

/* What two others send goes out by the worker with the queue, in its turn; none starves. */
static void packets_of_the_others_are_sent(void **state)
{
	struct handoff *h = begin(3);
	struct lport *lp = &stack.lc->lports[0];
	struct flow_tuple t = {.laddr = CLIENT_IP, .raddr = SERVER_IP};
	uint32_t sent[3] = {0};

	(void)state;
	stack.wired = false;
	for (uint32_t k = 1; k < 3; k++) {
		for (uint32_t i = 0; i < 400; i++) {
			struct rte_mbuf *m = frame(&t, IPPROTO_TCP4, 0, false);

			*rte_pktmbuf_mtod(m, uint8_t *) = (uint8_t)k;
			assert_int_equal(handoff_out(ports[0].handoff[k], &m, 1), 1);
		}
	}
	for (int turn = 0; turn < 3; turn++) {
		handoff_collect(stack.lc, lp);
		assert_true(lp->txq.n > 0 && lp->txq.n < TXQ_LEN);
		count_sent(lp, sent);
		assert_in_range(sent[1], sent[2] - RX_BURST, sent[2] + RX_BURST);
	}
	while (handoff_collect(stack.lc, lp) != 0)
		count_sent(lp, sent);
	assert_int_equal(sent[1], 400);
	assert_int_equal(sent[2], 400);
	(void)h;
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_is_its_workers),
		cmocka_unit_test(shares_and_owners_agree),
		cmocka_unit_test(others_are_spread_evenly),
		cmocka_unit_test(frames_are_read_to_their_tuple),
		cmocka_unit_test(short_frames_are_the_first_workers),
		cmocka_unit_test(what_a_worker_does_not_take_is_dropped_by_name),
		cmocka_unit_test(packets_of_the_others_are_sent),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
