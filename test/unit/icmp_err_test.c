/* ICMP errors about what we sent: whom they meet, and what they do. */
#include "test/unit/tcp_peer.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <string.h>

#define BODY 30000

/* The first bytes of a segment that `port` is said to have sent. */
struct quoted {
	uint8_t type, code, proto;
	uint16_t mtu, total_len; /* total_len 0: 1500 */
	uint16_t sport, dport;
	uint32_t seq;
	uint32_t src; /* 0: the port's address */
};

static void error_send(uint16_t port, const struct quoted *q)
{
	uint32_t us = port == 0 ? CLIENT_IP : SERVER_IP, them = port == 0 ? SERVER_IP : CLIENT_IP;
	struct {
		struct ip4_hdr ip;
		struct icmp_hdr ic;
		struct ip4_hdr quote;
		uint16_t sport, dport;
		uint32_t seq;
	} packed2_struct e = {.ip = {.ver_ihl = 0x45,
				      .total_len_be16 = rte_cpu_to_be_16(sizeof(e)),
				      .proto = IPPROTO_ICMP4,
				      .src_be32 = rte_cpu_to_be_32(them + 1), /* a router */
				      .dst_be32 = rte_cpu_to_be_32(us)},
		.ic = {.type = q->type, .code = q->code, .rest = rte_cpu_to_be_32(q->mtu)},
		.quote = {.ver_ihl = 0x45,
			.total_len_be16 = rte_cpu_to_be_16(q->total_len ? q->total_len : 1500),
			.frag_be16 = rte_cpu_to_be_16(IP_DF),
			.proto = q->proto ? q->proto : IPPROTO_TCP4,
			.src_be32 = rte_cpu_to_be_32(q->src ? q->src : us),
			.dst_be32 = rte_cpu_to_be_32(them)},
		.sport = rte_cpu_to_be_16(q->sport),
		.dport = rte_cpu_to_be_16(q->dport),
		.seq = rte_cpu_to_be_32(q->seq)};
	uint8_t f[14 + sizeof(e)];

	e.ic.csum = ~csum_fold(csum_add(&e.ic, sizeof(e) - sizeof(e.ip), 0));
	memcpy(f, ports[port].mac, 6);
	memcpy(f + 6, ports[1 - port].mac, 6);
	memcpy(f + 12, (uint8_t[]){8, 0}, 2);
	memcpy(f + 14, &e, sizeof(e));
	peer_frame(port, f, sizeof(f));
	stack_run_us(50);
}

static uint32_t client_syn(void)
{
	struct peer_seg syn;

	stack_begin(256, 16, 2048);
	stack.wired = false;
	stack_tc(0, 0, l4proto_TCP, 1)->app.kind = app_kind_HTTP;
	tc_cfgs[0][0].downtime_s = 1000;
	stack_start(0, 0);
	stack_run_us(100);
	assert_true(peer_take(0, &syn));
	assert_int_equal(syn.flags, TCP_SYN);
	return syn.seq;
}

static void hard_errors_end_what_opens(void **state)
{
	static const struct {
		uint8_t type, code;
		bool hard;
	} kind[] = {{3, 2, true}, {3, 3, true}, {3, 9, true}, {3, 10, true}, {3, 13, true},
		{3, 0, false}, {3, 1, false}, {3, 4, false}, {3, 5, false}, {11, 0, false},
		{12, 0, false}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(kind); i++) {
		uint32_t iss = client_syn();
		struct quoted q = {.type = kind[i].type,
			.code = kind[i].code,
			.sport = 1000,
			.dport = 80,
			.seq = iss,
			.total_len = 48};

		error_send(0, &q);
		assert_int_equal(stack_stats(0, 0)->failed_icmp, kind[i].hard);
		assert_int_equal(stack_stats(0, 0)->open_now, !kind[i].hard);
		assert_int_equal(stack_stats(0, 0)->icmp_errors, 1);
		assert_int_equal(stack_port(0)->icmp.err_matched, 1);
		stack_end();
	}
}

static void server_gives_up_a_handshake_for_a_hard_error(void **state)
{
	struct peer_seg s = {.sport = 1000, .dport = 80, .seq = 1, .flags = TCP_SYN, .wnd = 9999},
			got;
	struct quoted q = {.type = 3, .code = 3, .sport = 80, .dport = 1000};

	(void)state;
	stack_begin(256, 16, 2048);
	stack.wired = false;
	stack_tc(1, 0, l4proto_TCP, 0)->app.kind = app_kind_HTTP;
	stack_start(1, 0);
	peer_send(1, &s);
	stack_run_us(50);
	assert_true(peer_take(1, &got));
	q.seq = got.seq;
	error_send(1, &q);
	assert_int_equal(stack_stats(1, 0)->failed_icmp, 1);
	assert_false(peer_take(1, &got));
	stack_end();
}

static void forged_errors_change_nothing(void **state)
{
	uint32_t iss = client_syn();
	struct quoted good = {.type = 3, .code = 3, .sport = 1000, .dport = 80, .seq = iss}, q;

	(void)state;
	q = good;
	q.seq = iss - 1;
	error_send(0, &q);
	q.seq = iss + 1;
	error_send(0, &q);
	assert_int_equal(stack_port(0)->icmp.err_seq, 2);
	q = good;
	q.sport++;
	error_send(0, &q);
	q = good;
	q.dport++;
	error_send(0, &q);
	q = good;
	q.src = CLIENT_IP + 5;
	error_send(0, &q);
	q = good;
	q.proto = IPPROTO_UDP4;
	error_send(0, &q);
	q.proto = 47;
	error_send(0, &q);
	assert_int_equal(stack_port(0)->icmp.err_unmatched, 5);
	q = good;
	q.type = 4; /* RFC 6633 */
	error_send(0, &q);
	assert_int_equal(stack_port(0)->icmp.rx_quench, 1);
	assert_int_equal(stack_stats(0, 0)->open_now, 1);
	assert_int_equal(stack_stats(0, 0)->icmp_errors, 0);
	stack_end();
}

static void server(void)
{
	peer_server(BODY);
	stack_start(1, 0);
}

/* It has sent its first window of a response; the peer, who takes segments of 1460 bytes, has
 * acknowledged nothing of it. */
static struct peer_seg response_on_its_way(uint16_t sport)
{
	static const uint8_t mss[] = {2, 4, 1460 >> 8, 1460 & 255};
	struct peer_seg s = peer_syn(sport, mss, sizeof(mss));

	peer_syn_ack(&s);
	peer_text(1, &s, REQUEST);
	return s;
}

/* Takes all and acknowledges it until nothing comes; the largest segment. Each byte comes once. */
static uint32_t read_all(struct peer_seg *s, uint32_t *bytes)
{
	struct peer_seg got;
	uint32_t largest = 0;
	bool any = true;

	for (*bytes = 0; any; peer_send(1, s), stack_run_us(50)) {
		any = false;
		while (peer_take(1, &got)) {
			if (got.len == 0)
				continue;
			assert_int_equal(got.seq, s->ack);
			s->ack += got.len;
			*bytes += got.len;
			largest = MAX_OF(largest, got.len);
			any = true;
		}
	}
	return largest;
}

static void too_large_a_segment_is_sent_again_smaller(void **state)
{
	struct quoted q = {.type = 3, .code = 4, .mtu = 1000, .sport = 80, .dport = 1000};
	struct peer_seg s, got;
	struct tcb *t;
	uint32_t bytes, cwnd, sent = 0;

	(void)state;
	server();
	s = response_on_its_way(1000);
	t = (struct tcb *)pool_at(&stack.lc->tcbs, 0);
	cwnd = t->cwnd;
	while (peer_take(1, &got)) {
		assert_int_equal(got.len, 1460);
		sent++;
	}
	assert_int_equal(sent, 10);
	/* a router says so of each */
	for (uint32_t i = 0; i < sent; i++) {
		q.seq = s.ack + i * 1460;
		error_send(1, &q);
	}
	assert_int_equal(stack_port(1)->icmp.rx_need_frag, 10);
	assert_int_equal(stack_port(1)->icmp.pmtu_less, 1);
	assert_int_equal(t->c.mss, 960);
	assert_int_equal(t->cwnd, cwnd); /* RFC 1191 §6.4: no congestion */
	assert_int_equal(read_all(&s, &bytes), 960);
	assert_true(bytes > BODY);
	assert_int_equal(stack_stats(1, 0)->responses, 1);
	assert_int_equal(stack_port(1)->tsm.retrans_pkts, 16); /* 14600 bytes, once */
	/* the next connection there knows */
	s = response_on_its_way(1001);
	assert_int_equal(read_all(&s, &bytes), 960);
	/* for ten minutes */
	stack_run_ms(10 * 60 * 1000);
	s = response_on_its_way(1002);
	assert_int_equal(read_all(&s, &bytes), 1460);
	stack_end();
}

static void path_mtu_that_cannot_be(void **state)
{
	static const struct {
		uint16_t mtu, total_len, mss;
	} told[] = {{0, 1500, 1452}, {0, 1492, 966}, {0, 1006, 468}, {0, 508, 256},
		{0, 296, 1460},                                              /* RFC 1191 §7 */
		{67, 1500, 1460}, {295, 1500, 1460}, {296, 1500, 256},       /* too small */
		{1500, 1500, 1460}, {9000, 1500, 1460}, {1400, 1300, 1460}}; /* not smaller */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(told); i++) {
		struct quoted q = {.type = 3,
			.code = 4,
			.mtu = told[i].mtu,
			.total_len = told[i].total_len,
			.sport = 80,
			.dport = 1000};
		struct peer_seg s;

		server();
		s = response_on_its_way(1000);
		q.seq = s.ack;
		error_send(1, &q);
		assert_int_equal(((struct tcb *)pool_at(&stack.lc->tcbs, 0))->c.mss, told[i].mss);
		assert_int_equal(stack_port(1)->icmp.err_matched, 1);
		peer_flush(1);
		stack_end();
	}
}

static void hard_error_does_not_end_what_stands(void **state)
{
	struct quoted q = {.type = 3, .code = 3, .sport = 80, .dport = 1000};
	struct peer_seg s;
	uint32_t bytes;

	(void)state;
	server();
	s = response_on_its_way(1000);
	q.seq = s.ack;
	error_send(1, &q);
	assert_int_equal(stack_stats(1, 0)->icmp_errors, 1);
	assert_int_equal(read_all(&s, &bytes), 1460);
	assert_int_equal(stack_stats(1, 0)->responses, 1);
	stack_end();
}

/* Nobody listens: the client learns it from a real error of our own other port. */
static void udp_client_meets_a_shut_port(void **state)
{
	struct quoted q = {.type = 3,
		.code = 4,
		.mtu = 500,
		.proto = IPPROTO_UDP4,
		.sport = 1000,
		.dport = 80};

	(void)state;
	stack_begin(16, 64, 1024);
	stack_tc(0, 0, l4proto_UDP, 1)->app.raw = (struct raw_config){
		.req_bytes = 900, .resp_bytes = 9};
	stack_start(0, 0);
	stack_run_ms(10);
	assert_int_equal(stack_port(1)->icmp.tx_unreach, 1);
	assert_int_equal(stack_port(0)->icmp.rx_unreach, 1);
	assert_int_equal(stack_port(0)->icmp.err_matched, 1);
	assert_int_equal(stack_stats(0, 0)->icmp_errors, 1);
	stack_run_ms(1000);
	assert_int_equal(stack_stats(0, 0)->resp_lost, 1);
	assert_int_equal(stack_port(0)->udp.tx_pkts, 2);
	/* smaller datagrams from now on */
	error_send(0, &q);
	stack_run_ms(1100);
	assert_int_equal(stack_port(0)->udp.tx_pkts, 4);
	assert_int_equal(pool_at(&stack.lc->ucbs, 0)->mss, 472);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hard_errors_end_what_opens),
		cmocka_unit_test(server_gives_up_a_handshake_for_a_hard_error),
		cmocka_unit_test(forged_errors_change_nothing),
		cmocka_unit_test(too_large_a_segment_is_sent_again_smaller),
		cmocka_unit_test(path_mtu_that_cannot_be),
		cmocka_unit_test(hard_error_does_not_end_what_stands),
		cmocka_unit_test(udp_client_meets_a_shut_port),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
