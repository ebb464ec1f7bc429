/* What a test case's packets have in their IPv4 headers, from the packets: ToS, and the Internet
 * Timestamp option with all that depends on the header's length. */
#include "engine/l1_port/l1_port.h"
#include "test/unit/tcp_peer.h"

#include <rte_byteorder.h>

#include <stdlib.h>
#include <string.h>

/* What was on the wire, by the sending port. */
static struct seen {
	uint32_t pkts, data, syn, fin, rst, udp;
	uint8_t tos[256]; /* of how many packets; by saturation */
	uint32_t largest; /* of IP */
	uint32_t bad;     /* header or checksums */
	uint64_t last_ns;
	uint32_t stamped;
} seen[2];
static bool csums; /* they are there */

static void stamp_look(struct seen *s, const uint8_t *ip, uint16_t hlen)
{
	uint32_t w[2];

	if (hlen == 20)
		return;
	s->stamped++;
	/* RFC 791 §3.1: type 68, length 12, pointer 13, no overflow, flag 0 */
	if (hlen != 32 || memcmp(ip + 20, (uint8_t[]){68, 12, 13, 0}, 4) != 0)
		s->bad++;
	memcpy(w, ip + 24, 8);
	w[0] = rte_be_to_cpu_32(w[0]);
	w[1] = rte_be_to_cpu_32(w[1]);
	if (!(w[0] >> 31) || !(w[1] >> 31))
		s->bad++; /* "if the time is not available in ms: any, with the high order bit" */
	s->last_ns = (uint64_t)(w[0] & 0x7fffffff) << 31 | (w[1] & 0x7fffffff);
}

static bool look(uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *), *ip = f + 14, *l4;
	struct seen *s = &seen[port];
	uint16_t hlen, total;

	if (f[12] != 8 || f[13] != 0)
		return false;
	hlen = (ip[0] & 15) * 4;
	total = (uint16_t)(ip[2] << 8 | ip[3]);
	l4 = ip + hlen;
	s->pkts++;
	s->tos[ip[1]] += s->tos[ip[1]] < 255;
	s->largest = MAX_OF(s->largest, (uint32_t)total);
	s->bad += m->pkt_len != 14u + total;
	stamp_look(s, ip, hlen);
	if (csums && csum_fold(csum_add(ip, hlen, 0)) != 0xffff)
		s->bad++;
	if (ip[9] == IPPROTO_UDP4) {
		s->udp++;
	} else {
		s->syn += (l4[13] & TCP_SYN) != 0;
		s->fin += (l4[13] & TCP_FIN) != 0;
		s->rst += (l4[13] & TCP_RST) != 0;
		s->data += total > hlen + (l4[12] >> 4) * 4;
	}
	if (csums) {
		uint16_t sum = csum_l4(rte_be_to_cpu_32(((const struct ip4_hdr *)ip)->src_be32),
			rte_be_to_cpu_32(((const struct ip4_hdr *)ip)->dst_be32), ip[9], l4,
			total - hlen);

		s->bad += sum != 0 && sum != 0xffff;
	}
	return false;
}

static void watch(void)
{
	memset(seen, 0, sizeof(seen));
	csums = false;
	stack.on_wire = look;
}

static struct tc_config *cfg_of(uint16_t port)
{
	return &tc_cfgs[port][0];
}

static void both(enum l4proto proto, uint32_t n, uint32_t req, uint32_t resp)
{
	for (uint16_t p = 0; p < 2; p++) {
		struct tc_config *c = stack_tc(p, 0, proto, n);

		c->app.raw = (struct raw_config){.req_bytes = req, .resp_bytes = resp};
		c->app.requests = 2;
		c->tcp.twait_skip = 1;
	}
}

static void run(uint32_t ms)
{
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(ms);
}

/* All that a port sent had that tos, and nothing else. */
static void only_tos(uint16_t port, uint8_t tos)
{
	for (uint32_t i = 0; i < 256; i++) {
		if (i == tos)
			assert_true(seen[port].tos[i] != 0);
		else
			assert_int_equal(seen[port].tos[i], 0);
	}
}

static void every_packet_has_the_tos(void **state)
{
	(void)state;
	stack_begin(64, 64, 1024);
	watch();
	both(l4proto_TCP, 5, 3000, 5000);
	cfg_of(0)->ipv4.tos = 0xb8;
	cfg_of(1)->ipv4.tos = 0x29; /* ECN bits too */
	run(200);
	assert_int_equal(stack_stats(0, 0)->closed, 5);
	only_tos(0, 0xb8);
	only_tos(1, 0x29);
	for (uint16_t p = 0; p < 2; p++) {
		assert_int_equal(seen[p].syn, 5);
		assert_int_equal(seen[p].fin, 5);
		assert_true(seen[p].data >= 10);
	}
	stack_end();

	stack_begin(64, 64, 1024);
	watch();
	both(l4proto_UDP, 5, 3000, 5000);
	cfg_of(0)->ipv4.tos = 0xff;
	cfg_of(1)->ipv4.tos = 1;
	run(200);
	only_tos(0, 0xff);
	only_tos(1, 1);
	assert_int_equal(seen[0].udp, 5 * 2 * 3);
	stack_end();
}

/* Those that a stop sends, and what answers an ACK that is of no use to a connection. */
static void resets_have_it_too(void **state)
{
	struct peer_seg s = peer_syn(7000, NULL, 0), got;

	(void)state;
	stack_begin(64, 64, 1024);
	stack.wired = false;
	both(l4proto_TCP, 1, 1, 1);
	cfg_of(1)->ipv4.tos = 0x48;
	stack_start(1, 0);
	peer_syn_ack(&s);
	s.ack += 76;
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_RST);
	assert_int_equal(got.tos, 0x48);
	peer_connect(7001, 100);
	peer_flush(1);
	tc_run_stop(stack.lc, lcore_tc(stack.lc, 1, 0), 10);
	stack_run_ms(200); /* FIN is not answered */
	while (peer_take(1, &got) && !(got.flags & TCP_RST))
		assert_int_equal(got.tos, 0x48);
	assert_true(got.flags & TCP_RST);
	assert_int_equal(got.tos, 0x48);
	stack_end();
}

/* 21 code points, each with each of the four ECN values. RFC 2474, 2597, 3246; RFC 3168 §5 */
static void every_dscp_with_every_ecn(void **state)
{
	static const struct {
		const char *name;
		uint8_t bits;
	} dscps[] = {{"be", 0x00}, {"cs1", 0x20}, {"cs2", 0x40}, {"cs3", 0x60}, {"cs4", 0x80},
		{"cs5", 0xa0}, {"cs6", 0xc0}, {"cs7", 0xe0}, {"ef", 0xb8}, {"af11", 0x28},
		{"af12", 0x30}, {"af13", 0x38}, {"af21", 0x48}, {"af22", 0x50}, {"af23", 0x58},
		{"af31", 0x68}, {"af32", 0x70}, {"af33", 0x78}, {"af41", 0x88}, {"af42", 0x90},
		{"af43", 0x98}};
	static const struct {
		const char *name;
		uint8_t bits;
	} ecns[] = {{"Non-ECT", 0}, {"ECT0", 2}, {"ECT1", 1}, {"CE", 3}};

	(void)state;
	assert_int_equal(ARRAY_SIZE(dscps), dscp_COUNT);
	for (size_t d = 0; d < ARRAY_SIZE(dscps); d++) {
		for (size_t e = 0; e < ARRAY_SIZE(ecns); e++) {
			uint32_t dscp = 0, ecn = 0;

			while (strcmp(dscp_word(dscp), dscps[d].name) != 0)
				assert_true(++dscp < dscp_COUNT);
			while (strcmp(ecn_word(ecn), ecns[e].name) != 0)
				assert_true(++ecn < ecn_COUNT);
			stack_begin(16, 16, 512);
			watch();
			both(l4proto_TCP, 1, 10, 10);
			cfg_of(0)->ipv4.tos = tc_dscp_bits(dscp) << 2 | ecn;
			run(20);
			only_tos(0, dscps[d].bits | ecns[e].bits);
			only_tos(1, 0);
			assert_string_equal(tc_dscp_name(dscps[d].bits >> 2), dscps[d].name);
			stack_end();
		}
	}
	assert_null(tc_dscp_name(1));
}

/* RFC 3168: SYN and pure ACKs are not ECT, new data is ECT(0), whatever the user has set: the DSCP
 * stays. With a peer that does no ECN the user's bits are sent. */
static void negotiated_ecn_owns_its_bits(void **state)
{
	(void)state;
	for (uint32_t peer_too = 0; peer_too < 2; peer_too++) {
		stack_begin(16, 16, 512);
		watch();
		both(l4proto_TCP, 1, 3000, 10);
		cfg_of(0)->tcp.ecn = 1;
		cfg_of(1)->tcp.ecn = peer_too;
		cfg_of(0)->ipv4.tos = 0x28 | 3;
		run(100);
		assert_int_equal(stack_stats(0, 0)->closed, 1);
		if (peer_too) {
			assert_int_equal(seen[0].tos[0x2b], 0);
			assert_int_equal(seen[0].tos[0x2a], seen[0].data);
			assert_int_equal(seen[0].tos[0x28], seen[0].pkts - seen[0].data);
			assert_int_equal(stack_port(1)->tcp.rx_ce, 0);
		} else {
			assert_int_equal(seen[0].tos[0x28], 1); /* the SYN that asks */
			assert_int_equal(seen[0].tos[0x2b], seen[0].pkts - 1);
		}
		stack_end();
	}
}

/* Every packet of either transport, full ones are the MTU, checksums by us are right. */
static void stamp_is_in_every_packet(void **state)
{
	(void)state;
	for (uint32_t udp = 0; udp < 2; udp++) {
		for (uint32_t ts = 0; ts < 2; ts++) {
			stack_begin(64, 64, 1024);
			watch();
			csums = true;
			ports[0].sw_csum = ports[1].sw_csum = 1;
			both(udp ? l4proto_UDP : l4proto_TCP, 3, 20000, 20000);
			cfg_of(0)->ipv4.tx_ts = 1;
			cfg_of(0)->ipv4.tos = 4;
			cfg_of(0)->tcp.ts = cfg_of(1)->tcp.ts = ts;
			run(300);
			assert_int_equal(stack_stats(0, 0)->responses, 6);
			assert_int_equal(stack_stats(1, 0)->rx_bytes, 6 * 20000);
			assert_int_equal(seen[0].stamped, seen[0].pkts);
			assert_int_equal(seen[1].stamped, 0);
			assert_int_equal(seen[0].bad, 0);
			assert_int_equal(seen[1].bad, 0);
			/* UDP: multiples of 1500 - 32 - 8; fragments of none */
			assert_int_equal(seen[0].largest, 1500);
			assert_int_equal(seen[1].largest, 1500);
			assert_int_equal(stack_port(1)->ipv4.rx_frags, 0);
			assert_int_equal(stack_port(1)->ipv4.rx_opts, seen[0].pkts);
			assert_int_equal(stack_port(1)->ipv4.bad_csum, 0);
			assert_int_equal(stack_port(1)->tcp.bad_csum, 0);
			assert_int_equal(stack_port(1)->udp.bad_csum, 0);
			assert_int_equal(seen[0].syn, udp ? 0 : 3);
			only_tos(0, 4);
			/* the harness's clock is in ns */
			assert_in_range(seen[0].last_ns, stack.tsc - 300000000, stack.tsc);
			stack_end();
		}
	}
}

static struct rte_mbuf last;
static bool offload_look(uint16_t port, struct rte_mbuf *m)
{
	if (port == 0)
		last = *m;
	return false;
}

/* What a device is told of the header's length. */
static void offload_knows_the_length(void **state)
{
	(void)state;
	for (uint32_t on = 0; on < 2; on++) {
		stack_begin(16, 16, 512);
		stack.on_wire = offload_look;
		ports[0].tx_offload = 1;
		both(l4proto_TCP, 1, 10, 10);
		cfg_of(0)->ipv4.tx_ts = on;
		run(20);
		assert_int_equal(last.l2_len, 14);
		assert_int_equal(last.l3_len, on ? 32 : 20);
		assert_true(last.ol_flags & RTE_MBUF_F_TX_TCP_CKSUM);
		stack_end();
	}
}

/* An MSS that the peer announces is without options (RFC 9293 §3.7.1), and so is ours. */
static void mss_counts_the_option(void **state)
{
	static const uint8_t mss[] = {2, 4, 536 >> 8, 536 & 255};
	struct peer_seg s = {.dport = 80,
				.sport = 7000,
				.seq = 5,
				.flags = TCP_SYN,
				.wnd = 9000,
				.opts = mss,
				.opts_len = 4},
			got;
	uint8_t req[10] = {0};

	(void)state;
	stack_begin(64, 64, 1024);
	stack.wired = false;
	watch();
	both(l4proto_TCP, 1, 10, 3000);
	cfg_of(1)->ipv4.tx_ts = 1;
	stack_start(1, 0);
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(seen[1].syn, 1);
	assert_int_equal(seen[1].largest, 20 + 12 + 20 + 4);
	while (peer_take(1, &got))
		;
	s = (struct peer_seg){.dport = 80,
		.sport = 7000,
		.seq = 6,
		.ack = ((struct tcb *)pool_at(&stack.lc->tcbs, 0))->snd_max,
		.flags = TCP_ACK,
		.wnd = 9000,
		.data = req,
		.len = 10};
	peer_send(1, &s);
	stack_run_ms(1);
	assert_true(seen[1].data >= 2);
	assert_int_equal(seen[1].largest, 536 + 40); /* and not 12 more */
	peer_flush(1);
	stack_end();
}

static const struct tcb *client_tcb(void)
{
	const struct tcb *t = (struct tcb *)pool_at(&stack.lc->tcbs, 0);

	return t->c.port == 0 ? t : (struct tcb *)pool_at(&stack.lc->tcbs, 1);
}

/* "Fragmentation needed" about a packet with the option: what comes then fits, option and all. */
static void path_mtu_counts_the_option(void **state)
{
	struct icmp_quote q = {.laddr = CLIENT_IP,
		.raddr = SERVER_IP,
		.lport = 1000,
		.rport = 80,
		.mtu = 600,
		.effect = ICMP_PMTU};

	(void)state;
	stack_begin(64, 64, 1024);
	watch();
	both(l4proto_TCP, 1, 100000, 10);
	cfg_of(0)->ipv4.tx_ts = 1;
	cfg_of(0)->app.requests = cfg_of(1)->app.requests = 0;
	run(20);
	while (stack_port(0)->icmp.pmtu_less == 0) { /* something is under way */
		stack_run_us(50);
		q.seq = client_tcb()->snd_una;
		tcp_icmp_error(stack.lc, lcore_lport(stack.lc, 0), &q);
	}
	memset(seen, 0, sizeof(seen));
	stack_run_ms(20);
	assert_true(seen[0].data > 10);
	assert_int_equal(seen[0].largest, 600);
	assert_int_equal(seen[0].bad, 0);
	stack_end();
}

#define UNSENT UINT64_C(0xeeeeeeeeeeeeeeee) /* where a time goes */

/* A frame that waits for port 0: with such a beginning of its IPv4 header, all the option's bytes but for the time.
 * Where that goes. */
static const uint8_t *queued(bool tag, uint8_t ver_ihl, uint8_t proto)
{
	static const uint8_t vlan[] = {0x81, 0, 0, 100};
	const uint32_t head = IP_STAMP_HEAD;
	const uint64_t unsent = UNSENT;
	struct rte_mbuf *m = pkt_alloc(stack.lc, tag ? 104 : 100);
	uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *), *ip = f + (tag ? 18 : 14);

	memset(f, 0, m->data_len);
	memcpy(f + 12, vlan, sizeof(vlan));
	memcpy(ip - 2, (uint8_t[]){8, 0, ver_ihl}, 3);
	ip[9] = proto;
	memcpy(ip + 20, &head, 4);
	memcpy(ip + 24, &unsent, 8);
	tx_push(stack.lc, &stack.lc->lports[0], m);
	stack.lc->lports[0].txq.n_stamps += ver_ihl == 0x48 && proto != IPPROTO_ICMP4;
	return ip + 24;
}

static void has_time(const uint8_t *at, uint64_t ns)
{
	assert_int_equal(load_64(at), ns == UNSENT ? UNSENT : stamp_of(ns));
}

/* The time at which a packet is offered to the port first: of all that is offered together, with a tag or without, what else
 * there is stays as it is. */
static void stamped_when_offered_first(void **state)
{
	struct lport *lp;
	const uint8_t *a, *b, *c, *d, *e, *f, *g;

	(void)state;
	stack_begin(16, 16, 512);
	stack.wired = false;
	stack.stuck = true;
	lp = &stack.lc->lports[0];
	a = queued(false, 0x48, IPPROTO_TCP4);
	b = queued(false, 0x45, IPPROTO_TCP4); /* they are of its payload */
	stack.lc->now_tsc = 1000;
	tx_flush(stack.lc, lp);
	has_time(a, 1000);
	has_time(b, UNSENT);
	c = queued(false, 0x48, IPPROTO_UDP4);
	d = queued(true, 0x48, IPPROTO_TCP4);
	e = queued(false, 0x48, IPPROTO_ICMP4); /* an echo's */
	lp->txq.tagged = 1;
	stack.lc->now_tsc = 2000;
	tx_flush(stack.lc, lp);
	has_time(c, 2000);
	has_time(d, 2000);
	has_time(e, UNSENT);
	lp->txq.tagged = 0;
	f = queued(false, 0x48, IPPROTO_TCP4);
	g = queued(false, 0x48, IPPROTO_UDP4);
	stack.lc->now_tsc = 3000;
	tx_flush(stack.lc, lp);
	has_time(f, 3000);
	has_time(g, 3000);
	stack.lc->now_tsc = 4000;
	tx_flush(stack.lc, lp);
	has_time(a, 1000);
	has_time(b, UNSENT);
	has_time(c, 2000);
	has_time(g, 3000);
	stack.stuck = false;
	stack_run_ms(1);
	peer_flush(0);
	stack_end();
}

/* Those of workers that share its queue have theirs already. */
static void stamps_of_other_workers_stay(void **state)
{
	const uint8_t *mine, *theirs, *next;
	struct lport *lp;
	void *memory;

	(void)state;
	stack_begin(16, 16, 512);
	stack.wired = false;
	stack.stuck = true;
	lp = &stack.lc->lports[0];
	memory = aligned_alloc(4096, (handoff_bytes(2) + 4095) & ~(size_t)4095);
	ports[0].n_queues = 2;
	handoff_init(&ports[0], memory);
	theirs = queued(false, 0x48, IPPROTO_TCP4);
	assert_int_equal(handoff_out(ports[0].handoff[1], lp->txq.pkt, 1), 1);
	lp->txq.n = lp->txq.n_stamps = 0;
	lp->txq.bytes = 0;
	lp->handoff = ports[0].handoff[0];
	mine = queued(false, 0x48, IPPROTO_TCP4);
	stack.lc->now_tsc = 1000;
	assert_int_equal(handoff_collect(stack.lc, lp), 1);
	next = queued(false, 0x48, IPPROTO_TCP4);
	stack.lc->now_tsc = 2000;
	tx_flush(stack.lc, lp);
	has_time(mine, 1000);
	has_time(theirs, UNSENT);
	has_time(next, 2000);
	lp->handoff = NULL;
	memset(ports[0].handoff, 0, sizeof(ports[0].handoff));
	ports[0].n_queues = 1;
	free(memory);
	stack.stuck = false;
	stack_run_ms(1);
	peer_flush(0);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packet_has_the_tos),
		cmocka_unit_test(resets_have_it_too),
		cmocka_unit_test(every_dscp_with_every_ecn),
		cmocka_unit_test(negotiated_ecn_owns_its_bits),
		cmocka_unit_test(stamp_is_in_every_packet),
		cmocka_unit_test(offload_knows_the_length),
		cmocka_unit_test(mss_counts_the_option),
		cmocka_unit_test(path_mtu_counts_the_option),
		cmocka_unit_test(stamped_when_offered_first),
		cmocka_unit_test(stamps_of_other_workers_stay),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
