/* Frames that no honest peer sends: each is counted, none hurts. Whole frames are cut at every
 * length, and have every field and random bytes changed; afterwards the server serves as before and
 * no buffer is missing. */
#include "test/unit/stack.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <string.h>

/* A SYN with options, as a kernel sends it, behind a tag or not. */
static uint16_t syn_frame(uint8_t *f, bool tagged)
{
	static const uint8_t tcp[] = {0x03, 0xe8, 0, 80, 0, 0, 0x13, 0x88, 0, 0, 0, 0, 0xa0,
		TCP_SYN, 0xff, 0xff, 0, 0, 0, 0, 2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0,
		1, 3, 3, 7};
	static const uint8_t ip[] = {
		0x45, 0, 0, 60, 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 253};
	uint16_t at = 12;

	memcpy(f, (uint8_t[]){2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0}, 12);
	if (tagged) {
		memcpy(f + at, (uint8_t[]){0x81, 0, 0, 0}, 4);
		at += 4;
	}
	memcpy(f + at, (uint8_t[]){8, 0}, 2);
	memcpy(f + at + 2, ip, sizeof(ip));
	memcpy(f + at + 2 + sizeof(ip), tcp, sizeof(tcp));
	return at + 2 + sizeof(ip) + sizeof(tcp);
}

static void begin(void)
{
	struct tc_config *c;

	stack_begin(1024, 64, 4096);
	stack.wired = false;
	c = stack_tc(1, 0, l4proto_TCP, 0);
	c->app.kind = app_kind_HTTP;
	c->tcp.syn_ack_retry = 0;
	stack_tc(1, 1, l4proto_UDP, 0)->app.raw.req_bytes = 1000;
	stack_start(1, 0);
	stack_start(1, 1);
}

static void still_serves(void)
{
	struct peer_seg s = {.sport = 64000, .dport = 80, .wnd = 65535, .flags = TCP_ACK | TCP_PSH};
	uint64_t requests;

	stack_run_ms(200); /* half-open ones are given up */
	peer_flush(1);
	requests = stack_stats(1, 0)->requests;
	s.ack = peer_connect(64000, 5000) + 1;
	s.seq = 5001;
	s.data = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	s.len = (uint32_t)strlen(s.data);
	peer_send(1, &s);
	stack_run_us(100);
	assert_int_equal(stack_stats(1, 0)->requests, requests + 1);
	peer_flush(1);
}

static void send_frame(const uint8_t *f, uint16_t len)
{
	peer_frame(1, f, len);
	stack_run_us(50);
	peer_flush(1);
}

static void frames_cut_at_every_length(void **state)
{
	uint8_t f[128];

	(void)state;
	begin();
	for (int tagged = 0; tagged < 2; tagged++) {
		uint16_t len = syn_frame(f, tagged);

		for (uint16_t n = 0; n < len; n++)
			send_frame(f, n);
		assert_int_equal(stack_stats(1, 0)->opened, 0);
	}
	still_serves();
	stack_end();
}

/* Lengths that point beyond what is there. */
static void fields_that_lie(void **state)
{
	static const struct {
		uint8_t at, value;
		size_t counter;
	} lie[] = {
#define D(field) offsetof(struct stats_port_block, drop.field)
		{14, 0x65, D(ip_version)},
		{14, 0x44, D(ip_hdr_len)},
		{14, 0x4f, D(tcp_hdr_len)},
		{16, 0x10, D(ip_total_len)},
		{17, 10, D(ip_total_len)},
		{21, 0x01, D(frag_bad)},
		{23, 200, D(ip_proto)},
		{26, 224, D(ip_src)},
		{46, 0x40, D(tcp_hdr_len)},
		{46, 0xf0, D(tcp_hdr_len)},
		{33, 99, D(tcp_no_conn)},
		{37, 81, D(tcp_no_conn)},
		{12, 0x86, D(eth_type)},
		{5, 77, D(eth_not_mine)},
#undef D
	};

	(void)state;
	begin();
	for (size_t i = 0; i < ARRAY_SIZE(lie); i++) {
		uint64_t *counter = (uint64_t *)((char *)stack_port(1) + lie[i].counter),
			 was = *counter;
		uint8_t f[128];
		uint16_t len = syn_frame(f, false);

		f[lie[i].at] = lie[i].value;
		send_frame(f, len);
		assert_int_equal(*counter, was + 1);
	}
	assert_int_equal(stack_stats(1, 0)->opened, 0);
	still_serves();
	stack_end();
}

/* RFC 9293 §3.1: an option's length of 0, or beyond the header, ends the list. */
static void options_that_lie(void **state)
{
	uint8_t f[128];
	uint16_t len = syn_frame(f, false);

	(void)state;
	begin();
	for (uint32_t at = 0; at < 20; at++) {
		for (uint32_t v = 0; v < 256; v += 5) {
			syn_frame(f, false);
			f[54 + at] = (uint8_t)v;
			f[34] = (uint8_t)(at + 8); /* another port each */
			f[35] = (uint8_t)v;
			send_frame(f, len);
			if (v == 200)
				stack_run_ms(100);
		}
	}
	still_serves();
	stack_end();
}

/* Random changes; half of the frames keep to a connection that is open. */
static void random_changes(void **state)
{
	uint8_t f[1600];

	(void)state;
	begin();
	stack.rng = 99;
	for (uint32_t i = 0; i < 20000; i++) {
		uint16_t len = syn_frame(f, i % 7 == 0);

		memset(f + len, (int)i, 100);
		len += i % 100;
		if (i % 2) {
			f[47 + (i % 7 == 0 ? 4 : 0)] = TCP_ACK;
			f[34] = (uint8_t)(stack.rng >> 24 & 15);
		}
		if (i % 5 == 0)
			f[23] = i % 10 == 0 ? IPPROTO_UDP4 : IPPROTO_ICMP4;
		for (uint32_t k = 0; k < 1 + i % 4; k++) {
			stack.rng = stack.rng * 1664525 + 1013904223;
			f[6 + (stack.rng >> 16) % (uint32_t)(len - 6)] = (uint8_t)(stack.rng >> 8);
		}
		send_frame(f, len);
		if (i % 1000 == 0)
			stack_run_ms(100);
	}
	still_serves();
	stack_end();
}

static void arp_that_is_no_arp(void **state)
{
	uint8_t f[60] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 0, 8, 6, 0, 1, 8, 0, 6, 4, 0,
		1, 2, 0, 0, 0, 0, 0, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 253};
	uint64_t replies;

	(void)state;
	begin();
	replies = stack_port(1)->arp.tx_rep;
	for (uint16_t n = 0; n < 42; n++)
		send_frame(f, n);
	for (uint32_t at = 14; at < 22; at++) {
		f[at] ^= 1;
		send_frame(f, 42);
		f[at] ^= 1;
	}
	assert_int_equal(stack_port(1)->arp.tx_rep, replies);
	send_frame(f, 60);
	assert_int_equal(stack_port(1)->arp.tx_rep, replies + 1);
	still_serves();
	stack_end();
}

static void datagram_to_all_stations_opens_nothing(void **state)
{
	uint8_t frame[64] = {255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 9, 8, 0};
	struct ip4_hdr *ip = (struct ip4_hdr *)(frame + 14);
	struct udp_hdr *uh = (struct udp_hdr *)(ip + 1);

	(void)state;
	stack_begin(64, 64, 1024);
	stack.wired = false;
	stack_tc(1, 0, l4proto_UDP, 0);
	stack_start(1, 0);
	ip->ver_ihl = 0x45;
	ip->total_len_be16 = rte_cpu_to_be_16(28);
	ip->ttl = 64;
	ip->proto = IPPROTO_UDP4;
	ip->src_be32 = rte_cpu_to_be_32(CLIENT_IP);
	ip->dst_be32 = rte_cpu_to_be_32(SERVER_IP);
	uh->sport_be16 = rte_cpu_to_be_16(5);
	uh->dport_be16 = rte_cpu_to_be_16(80);
	uh->len_be16 = rte_cpu_to_be_16(8);
	peer_frame(1, frame, 60);
	stack_run_us(50);
	assert_int_equal(stack_stats(1, 0)->opened, 0);
	assert_int_equal(stack_port(1)->drop.udp_no_socket, 1);
	memcpy(frame, ports[1].mac, 6); /* to one: that is all the difference */
	peer_frame(1, frame, 60);
	stack_run_us(50);
	assert_int_equal(stack_stats(1, 0)->opened, 1);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_cut_at_every_length),
		cmocka_unit_test(fields_that_lie),
		cmocka_unit_test(options_that_lie),
		cmocka_unit_test(random_changes),
		cmocka_unit_test(arp_that_is_no_arp),
		cmocka_unit_test(datagram_to_all_stations_opens_nothing),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
