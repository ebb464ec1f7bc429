/* IPv4 packets that are not one header and one payload: options, fragments, echo replies, and the
 * errors we owe. The test's peer is the client's host, the server is on port 1. */
#include "test/unit/stack.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <stdlib.h>
#include <string.h>

#define MBUFS 2048
#define REQUEST_BYTES 7200

static uint8_t sent[8][1600]; /* IP packets that port 1 sent since forget() */
static uint16_t sent_len[8];
static uint32_t n_sent;

static bool record(uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);

	if (port != 1 || f[12] != 8 || f[13] != 0)
		return false;
	if (n_sent < ARRAY_SIZE(sent)) {
		sent_len[n_sent] = m->data_len - 14;
		memcpy(sent[n_sent], f + 14, sent_len[n_sent]);
	}
	n_sent++;
	return true;
}

static void forget(void)
{
	n_sent = 0;
}

static void begin(void)
{
	stack_begin(256, 64, MBUFS);
	stack.wired = false;
	stack.on_wire = record;
	stack_tc(1, 0, l4proto_UDP, 0)->app.raw.req_bytes = REQUEST_BYTES;
	stack_tc(1, 1, l4proto_TCP, 0)->app.kind = app_kind_HTTP;
	stack_start(1, 0);
	stack_start(1, 1);
	forget();
}

/* One IP packet from the client's host. */
struct packet {
	uint8_t proto;
	uint16_t id, frag;
	const void *options;
	uint8_t options_len; /* of 4 */
	const void *payload;
	uint16_t len;
	bool to_all;
};

static void send_ip(const struct packet *k)
{
	uint8_t f[1700] = {0};
	uint16_t hlen = sizeof(struct ip4_hdr) + k->options_len;
	struct ip4_hdr ip = {.ver_ihl = 0x40 | (uint8_t)(hlen / 4),
		.total_len_be16 = rte_cpu_to_be_16((uint16_t)(hlen + k->len)),
		.id_be16 = rte_cpu_to_be_16(k->id),
		.frag_be16 = rte_cpu_to_be_16(k->frag),
		.ttl = 1, /* it is for us: nobody asks */
		.proto = k->proto,
		.src_be32 = rte_cpu_to_be_32(CLIENT_IP),
		.dst_be32 = rte_cpu_to_be_32(SERVER_IP)};

	memcpy(f, ports[1].mac, 6);
	if (k->to_all)
		memset(f, 255, 6);
	memcpy(f + 6, ports[0].mac, 6);
	f[12] = 8;
	memcpy(f + 14, &ip, sizeof(ip));
	if (k->options_len != 0)
		memcpy(f + 14 + sizeof(ip), k->options, k->options_len);
	memcpy(f + 14 + hlen, k->payload, k->len);
	peer_frame(1, f, MAX_OF((uint16_t)(14 + hlen + k->len), 60));
	stack_run_us(50);
}

/* Bytes [at, end) of a datagram of total. */
static void send_part(
	uint8_t proto, uint16_t id, const uint8_t *dgram, uint16_t total, uint16_t at, uint16_t end)
{
	struct packet k = {.proto = proto,
		.id = id,
		.frag = (uint16_t)(at / 8 | (end < total ? IP_MF : 0)),
		.payload = dgram + at,
		.len = end - at};

	send_ip(&k);
}

static uint8_t dgram[UINT16_MAX];
static uint16_t udp_make(uint16_t sport, uint16_t dport, uint16_t n)
{
	struct udp_hdr uh = {.sport_be16 = rte_cpu_to_be_16(sport),
		.dport_be16 = rte_cpu_to_be_16(dport),
		.len_be16 = rte_cpu_to_be_16((uint16_t)(sizeof(uh) + n))};

	memset(dgram, 0, sizeof(uh) + n);
	memcpy(dgram, &uh, sizeof(uh));
	return sizeof(uh) + n;
}

static uint16_t tcp_make(uint8_t flags)
{
	struct tcp_hdr th = {.sport_be16 = rte_cpu_to_be_16(4000),
		.dport_be16 = rte_cpu_to_be_16(80),
		.off = 0x50,
		.flags = flags,
		.wnd_be16 = 0xffff};

	memcpy(dgram, &th, sizeof(th));
	return sizeof(th);
}

static uint16_t echo_make(uint16_t n)
{
	struct icmp_hdr ic = {.type = ICMP_ECHO_REQUEST, .rest = 0x12345678};

	for (uint16_t i = 0; i < n; i++)
		dgram[sizeof(ic) + i] = (uint8_t)(i * 7);
	memcpy(dgram, &ic, sizeof(ic));
	ic.csum = ~csum_fold(csum_add(dgram, sizeof(ic) + n, 0));
	memcpy(dgram, &ic, sizeof(ic));
	return sizeof(ic) + n;
}

static struct ip4_hdr header_of(uint32_t i)
{
	struct ip4_hdr ip;

	assert_true(i < n_sent);
	memcpy(&ip, sent[i], sizeof(ip));
	assert_int_equal(csum_fold(csum_add(&ip, (ip.ver_ihl & 15) * 4u, 0)), 0xffff);
	assert_int_equal(rte_be_to_cpu_16(ip.total_len_be16), sent_len[i]);
	assert_int_equal(ip.ttl, 64);
	return ip;
}

static void options_are_skipped(void **state)
{
	/* NOP, record route, timestamp, router alert; lengths of 0, 1 and beyond; all ends */
	static const uint8_t opt[][12] = {{1, 1, 1, 1, 7, 7, 4, 0, 0, 0, 0, 0}, {68, 12, 5, 0},
		{148, 4, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1}, {7, 0, 1}, {7, 1, 131, 3}, {68, 255},
		{0, 131, 11, 4}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 7}};
	struct packet k = {.proto = IPPROTO_TCP4,
		.options_len = 12,
		.payload = dgram,
		.len = tcp_make(TCP_SYN)};

	(void)state;
	begin();
	for (uint32_t i = 0; i < ARRAY_SIZE(opt); i++) {
		dgram[1] = (uint8_t)i;
		k.options = opt[i];
		send_ip(&k);
		assert_int_equal(stack_stats(1, 1)->opened, i + 1);
	}
	assert_int_equal(stack_port(1)->ipv4.rx_opts, ARRAY_SIZE(opt));
	stack_end();
}

static void source_routes_are_refused(void **state)
{
	static const uint8_t opt[][8] = {
		{131, 7, 4, 10, 0, 0, 9}, {137, 7, 8, 10, 0, 0, 9}, {1, 131, 3, 4}};
	struct packet k = {.proto = IPPROTO_TCP4,
		.options_len = 8,
		.payload = dgram,
		.len = tcp_make(TCP_SYN)};

	(void)state;
	begin();
	for (uint32_t i = 0; i < ARRAY_SIZE(opt); i++) {
		k.options = opt[i];
		send_ip(&k);
	}
	assert_int_equal(stack_port(1)->drop.ip_src_route, ARRAY_SIZE(opt));
	assert_int_equal(stack_stats(1, 1)->opened, 0);
	stack_end();
}

static void echo_of_a_packet_with_options(void **state)
{
	static const uint8_t rr[40] = {7, 39, 4};
	struct packet k = {.proto = IPPROTO_ICMP4,
		.options = rr,
		.options_len = 40,
		.payload = dgram,
		.len = echo_make(56)};
	struct ip4_hdr ip;

	(void)state;
	begin();
	send_ip(&k);
	ip = header_of(0);
	assert_int_equal(ip.ver_ihl, 0x45);
	assert_int_equal(rte_be_to_cpu_32(ip.dst_be32), CLIENT_IP);
	assert_int_equal(ip.frag_be16, rte_cpu_to_be_16(IP_DF));
	assert_int_equal(sent[0][20], ICMP_ECHO_REPLY);
	assert_int_equal(csum_fold(csum_add(sent[0] + 20, 64, 0)), 0xffff);
	assert_memory_equal(sent[0] + 24, dgram + 4, 60);
	k.to_all = true; /* RFC 1122 §3.2.2.6: may be ignored, is */
	send_ip(&k);
	assert_int_equal(n_sent, 1);
	stack_end();
}

/* Datagrams from small enough for one buffer to 7.2 KB, in order and reversed. */
static void fragments_in_any_order(void **state)
{
	uint16_t n[] = {1600, 4000, REQUEST_BYTES};

	(void)state;
	begin();
	for (uint32_t i = 0; i < 2 * ARRAY_SIZE(n); i++) {
		uint16_t total = udp_make((uint16_t)(5000 + i), 80, n[i / 2]);
		uint64_t was = stack_stats(1, 0)->rx_bytes, whole = stack_port(1)->ipv4.reasm;
		uint16_t parts = (total + 1479) / 1480;

		for (uint16_t k = 0; k < parts; k++) {
			uint16_t at = (i % 2 ? parts - 1 - k : k) * 1480;

			assert_int_equal(stack_stats(1, 0)->rx_bytes, was);
			send_part(IPPROTO_UDP4, (uint16_t)i, dgram, total, at,
				(uint16_t)MIN_OF(at + 1480, total));
		}
		assert_int_equal(stack_stats(1, 0)->rx_bytes, was + n[i / 2]);
		assert_int_equal(stack_port(1)->ipv4.reasm, whole + 1);
	}
	assert_int_equal(stack_stats(1, 0)->requests, 2);
	assert_int_equal(stack.lc->n_frags, 0);
	stack_end();
}

static void segment_in_fragments(void **state)
{
	(void)state;
	begin();
	memset(dgram, 0, sizeof(dgram));
	tcp_make(TCP_SYN);
	dgram[12] = 0xf0; /* 40 bytes of options */
	send_part(IPPROTO_TCP4, 1, dgram, 60, 24, 60);
	send_part(IPPROTO_TCP4, 1, dgram, 60, 0, 24);
	assert_int_equal(stack_stats(1, 1)->opened, 1);
	/* one that no MSS of ours asked for, and no buffer holds */
	for (uint16_t at = 0; at < 2960; at += 1480)
		send_part(IPPROTO_TCP4, 2, dgram, 2960, at, at + 1480);
	assert_int_equal(stack_port(1)->drop.frag_too_long, 1);
	stack_end();
}

/* The ids are equal, the datagrams are not: by protocol and by source. */
static void fragments_of_two_datagrams_do_not_mix(void **state)
{
	uint16_t total = udp_make(5000, 80, 2000);

	(void)state;
	begin();
	send_part(IPPROTO_UDP4, 7, dgram, total, 0, 1480);
	send_part(IPPROTO_ICMP4, 7, dgram, total, 1480, total);
	assert_int_equal(stack_port(1)->ipv4.reasm, 0);
	send_part(IPPROTO_UDP4, 7, dgram, total, 1480, total);
	assert_int_equal(stack_port(1)->ipv4.reasm, 1);
	assert_int_equal(stack_stats(1, 0)->rx_bytes, 2000);
	stack_end();
}

static void overlapping_and_tiny_fragments(void **state)
{
	struct packet k = {.proto = IPPROTO_UDP4, .frag = IP_MF, .payload = dgram, .len = 100};
	uint16_t total = udp_make(5000, 80, 2000);

	(void)state;
	begin();
	/* teardrop: the last lies in the first */
	send_part(IPPROTO_UDP4, 1, dgram, total, 0, 1480);
	send_part(IPPROTO_UDP4, 1, dgram, 104, 24, 104);
	assert_int_equal(stack_port(1)->drop.frag_bad, 2);
	/* overlap in the middle */
	send_part(IPPROTO_UDP4, 2, dgram, total, 0, 1000);
	send_part(IPPROTO_UDP4, 2, dgram, total, 800, 1480);
	send_part(IPPROTO_UDP4, 2, dgram, total, 1480, total);
	assert_int_equal(stack_port(1)->drop.frag_bad, 5);
	/* the first twice */
	send_part(IPPROTO_UDP4, 3, dgram, total, 0, 1480);
	send_part(IPPROTO_UDP4, 3, dgram, total, 0, 1480);
	assert_int_equal(stack_port(1)->drop.frag_bad, 7);
	assert_int_equal(stack_port(1)->ipv4.reasm_fail, 3);
	/* too many: the ninth */
	for (uint16_t at = 0; at < 72; at += 8)
		send_part(IPPROTO_UDP4, 4, dgram, total, at, at + 8);
	assert_int_equal(stack_port(1)->drop.frag_bad, 15);
	assert_int_equal(stack.lc->n_frags, 1);
	/* refused one by one: not of 8 bytes; empty; beyond 64 KB; in TCP's header; for a group */
	send_ip(&k);
	k.len = 0;
	send_ip(&k);
	k.frag = IP_OFFSET;
	k.len = 80;
	send_ip(&k);
	k.proto = IPPROTO_TCP4;
	k.frag = 1;
	send_ip(&k);
	k.frag = IP_MF;
	k.len = 16;
	send_ip(&k);
	assert_int_equal(stack_port(1)->drop.frag_bad, 20);
	k.to_all = true;
	send_ip(&k);
	assert_int_equal(stack_port(1)->drop.frag_not_mine, 1);
	assert_int_equal(stack.lc->n_frags, 1);
	assert_int_equal(stack_port(1)->ipv4.reasm, 0);
	stack_end();
}

static void missing_fragment_times_out(void **state)
{
	uint16_t total = udp_make(5000, 80, 4000);

	(void)state;
	begin();
	send_part(IPPROTO_UDP4, 1, dgram, total, 0, 1480);
	send_part(IPPROTO_UDP4, 1, dgram, total, 2960, total);
	stack_run_ms(14900);
	assert_int_equal(stack.lc->n_frags, 2);
	stack_run_ms(200);
	assert_int_equal(stack.lc->n_frags, 0);
	assert_int_equal(stack_port(1)->drop.frag_timeout, 2);
	assert_int_equal(stack_port(1)->ipv4.reasm_timeout, 1);
	stack_end();
}

static void stopped_port_keeps_no_fragment(void **state)
{
	struct lmsg stop = {.id = LMSG_PORT_STOP, .port = 1};
	uint16_t total = udp_make(5000, 80, 4000);

	(void)state;
	begin();
	send_part(IPPROTO_UDP4, 1, dgram, total, 0, 1480);
	stack_stop(1, 0);
	stack_stop(1, 1);
	assert_int_equal(stack.lc->n_frags, 1);
	mailbox_post(stack.lc, &stop);
	stack_run_us(50);
	assert_int_equal(stack.lc->n_frags, 0);
	send_part(IPPROTO_UDP4, 2, dgram, total, 0, 1480);
	assert_int_equal(stack_port(1)->drop.stopped, 1);
	stack_end();
}

/* First fragments alone, by the thousand: bounded, and a second later there is room again. */
static void flood_of_fragments_leaves_room(void **state)
{
	uint16_t total = udp_make(5000, 80, 3000);
	uint64_t bytes;

	(void)state;
	begin();
	for (uint16_t i = 0; i < 3000; i++) {
		send_part(IPPROTO_UDP4, i, dgram, total, 0, 1480);
		if (i % 2)
			send_part(IPPROTO_UDP4, i, dgram, total, 1480, 2960);
		assert_true(stack.lc->n_frags <= MBUFS / 8);
	}
	assert_true(stack.lc->n_frags > MBUFS / 16);
	assert_true(stack_port(1)->drop.frag_full > 2000);
	stack_run_ms(1100);
	bytes = stack_stats(1, 0)->rx_bytes;
	for (uint16_t at = 0; at < total; at += 1480)
		send_part(IPPROTO_UDP4, 9999, dgram, total, at, (uint16_t)MIN_OF(at + 1480, total));
	assert_int_equal(stack_stats(1, 0)->rx_bytes, bytes + 3000);
	stack_end();
}

/* RFC 1122 §3.2.2.6: all of the data comes back. */
static void large_echo_comes_back_in_fragments(void **state)
{
	static uint8_t back[8000];
	uint16_t total = echo_make(5000), got = 0;

	(void)state;
	begin();
	for (uint16_t at = 0; at < total; at += 1480)
		send_part(IPPROTO_ICMP4, 9, dgram, total, at, (uint16_t)MIN_OF(at + 1480, total));
	assert_int_equal(n_sent, 4);
	for (uint32_t i = 0; i < 4; i++) {
		struct ip4_hdr ip = header_of(i);
		uint16_t frag = rte_be_to_cpu_16(ip.frag_be16);

		assert_int_equal((frag & IP_OFFSET) * 8, got);
		assert_int_equal(frag & (IP_MF | IP_DF), i < 3 ? IP_MF : 0);
		memcpy(back + got, sent[i] + 20, sent_len[i] - 20);
		got += sent_len[i] - 20;
	}
	assert_int_equal(got, total);
	assert_int_equal(back[0], ICMP_ECHO_REPLY);
	assert_int_equal(csum_fold(csum_add(back, got, 0)), 0xffff);
	assert_memory_equal(back + 4, dgram + 4, total - 4);
	/* fits a buffer, but not the MTU */
	forget();
	total = echo_make(1600);
	send_part(IPPROTO_ICMP4, 10, dgram, total, 0, 800);
	send_part(IPPROTO_ICMP4, 10, dgram, total, 800, total);
	assert_int_equal(n_sent, 2);
	assert_int_equal(stack_port(1)->icmp.tx_echo_rep, 2);
	assert_int_equal(stack_port(1)->ipv4.tx_frags, 4);
	stack_end();
}

static void unreachable_is_said(void **state)
{
	struct packet k = {.proto = IPPROTO_UDP4, .payload = dgram, .len = udp_make(5000, 81, 30)};

	(void)state;
	begin();
	send_ip(&k);
	header_of(0);
	assert_int_equal(sent_len[0], 20 + 8 + 28);
	assert_int_equal(sent[0][20], ICMP_UNREACHABLE);
	assert_int_equal(sent[0][21], ICMP_PORT_UNREACH);
	assert_int_equal(csum_fold(csum_add(sent[0] + 20, 36, 0)), 0xffff);
	assert_memory_equal(sent[0] + 48, dgram, 8);
	k.proto = 47;
	send_ip(&k);
	assert_int_equal(sent[1][21], ICMP_PROTO_UNREACH);
	k.to_all = true;
	send_ip(&k);
	k.proto = IPPROTO_UDP4;
	send_ip(&k);
	assert_int_equal(n_sent, 2);
	assert_int_equal(stack_port(1)->icmp.tx_unreach, 2);
	/* 2000 in 100 ms earn no more than the burst, and one a ms */
	k.to_all = false;
	for (int i = 0; i < 2000; i++)
		send_ip(&k);
	assert_true(n_sent > 100 && n_sent <= 2 + 50 + 101);
	assert_int_equal(stack_port(1)->icmp.tx_unreach + stack_port(1)->icmp.tx_limited, 2002);
	stack_end();
}

/* RFC 1071 §1, two bytes at a time. */
static uint16_t plain_sum(const uint8_t *p, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += (uint32_t)p[i] << (i % 2 ? 8 : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

static void sums_of_any_length_are_those_of_the_rfc(void **state)
{
	static uint8_t bytes[300];

	(void)state;
	srand(3);
	for (int round = 0; round < 200; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = round % 3 == 0 ? 0xff : (uint8_t)rand();
		for (size_t n = 0; n < sizeof(bytes) - 8; n++)
			assert_int_equal(csum_fold(csum_add(bytes + n % 8, n, 0)),
				plain_sum(bytes + n % 8, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_of_any_length_are_those_of_the_rfc),
		cmocka_unit_test(options_are_skipped),
		cmocka_unit_test(source_routes_are_refused),
		cmocka_unit_test(echo_of_a_packet_with_options),
		cmocka_unit_test(fragments_in_any_order),
		cmocka_unit_test(segment_in_fragments),
		cmocka_unit_test(fragments_of_two_datagrams_do_not_mix),
		cmocka_unit_test(overlapping_and_tiny_fragments),
		cmocka_unit_test(missing_fragment_times_out),
		cmocka_unit_test(stopped_port_keeps_no_fragment),
		cmocka_unit_test(flood_of_fragments_leaves_room),
		cmocka_unit_test(large_echo_comes_back_in_fragments),
		cmocka_unit_test(unreachable_is_said),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
