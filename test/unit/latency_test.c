/* Latencies that test cases measure, on wires whose delay the test knows. */
#include "test/unit/stack.h"

#include <rte_byteorder.h>

#include <string.h>

#define TURN_NS \
	50000 /* what the wire of the harness takes: until the next turn, or this one's end */
#define HELD 8192
#define OURS UINT32_C(0x80000000) /* no ms since midnight */

/* Packets of port 0 take so much longer. */
static uint32_t delay_us;
static struct {
	uint64_t due;
	uint16_t len;
	uint8_t bytes[1600];
} held[HELD];
static uint32_t n_held, n_let;

static bool slow(uint16_t port, struct rte_mbuf *m)
{
	if (port != 0 || delay_us == 0)
		return false;
	assert_true(n_held - n_let < HELD);
	held[n_held % HELD].due = stack.tsc + delay_us * UINT64_C(1000);
	held[n_held % HELD].len = m->data_len;
	memcpy(held[n_held++ % HELD].bytes, rte_pktmbuf_mtod(m, void *), m->data_len);
	return true;
}

static void run_ms(uint32_t ms)
{
	for (uint32_t i = 0; i < ms * 20; i++) {
		for (; n_let != n_held && held[n_let % HELD].due <= stack.tsc; n_let++)
			peer_frame(1, held[n_let % HELD].bytes, held[n_let % HELD].len);
		stack_run_us(50);
	}
}

static void begin(enum l4proto proto, uint32_t n, uint32_t req, uint32_t resp)
{
	stack_begin(64, 64, 8192);
	delay_us = n_held = n_let = 0;
	stack.on_wire = slow;
	for (uint16_t p = 0; p < 2; p++) {
		struct tc_config *c = stack_tc(p, 0, proto, n);

		c->app.raw = (struct raw_config){.req_bytes = req, .resp_bytes = resp};
		if (p == 0)
			c->rate_send = 1000;
	}
}

static struct tc_config *cfg_of(uint16_t port)
{
	return &tc_cfgs[port][0];
}

static const struct stats_latency *measured(uint16_t port)
{
	return &seg_stats_tc(stack.seg, 0, port, 0)->latency;
}

static const struct latency_total *total(uint16_t port)
{
	static struct latency_total t;

	seg_sum_latency(stack.seg, port, 0, cfg_of(port)->latency.samples, &t);
	return &t;
}

static void end(void)
{
	delay_us = 0;
	run_ms(100);
	stack_end();
}

static void start(void)
{
	stack_start(1, 0);
	stack_start(0, 0);
}

/* By the IPv4 option: each packet once. By RAW: each message once. */
static void known_delay_is_measured(void **state)
{
	(void)state;
	for (uint32_t raw = 0; raw < 2; raw++) {
		for (uint32_t udp = 0; udp < 2; udp++) {
			uint64_t ns;

			begin(udp ? l4proto_UDP : l4proto_TCP, 4, 100, 100);
			delay_us = 3000;
			if (raw) {
				cfg_of(0)->app.raw.tx_ts = cfg_of(1)->app.raw.rx_ts = 1;
			} else {
				cfg_of(0)->ipv4.tx_ts = cfg_of(1)->ipv4.rx_ts = 1;
			}
			cfg_of(1)->latency = (struct latency_config){
				.max_us = 3001, .max_avg_us = 2999, .samples = 7};
			start();
			run_ms(1000);
			assert_true(measured(1)->samples > 100);
			if (raw)
				assert_int_equal(measured(1)->samples, stack_stats(1, 0)->requests);
			else
				assert_int_equal(measured(1)->samples, stack_port(1)->ipv4.rx_opts);
			assert_int_equal(measured(1)->invalid, 0);
			ns = measured(1)->sum_ns / measured(1)->samples;
			assert_in_range(ns, 3000000, 3000000 + TURN_NS);
			assert_int_equal(hist_count(&total(1)->hist), measured(1)->samples);
			assert_in_range(
				latency_quantile(total(1), measured(1), 0), 3000000, 3050000);
			assert_in_range(total(1)->min_ns, 3000000, ns);
			assert_in_range(measured(1)->max_ns, ns, 3000000 + TURN_NS);
			assert_int_equal(measured(1)->over_max,
				measured(1)->max_ns > 3001000 ? measured(1)->samples : 0);
			assert_int_equal(measured(1)->over_avg, measured(1)->samples);
			assert_int_equal(measured(1)->pairs, measured(1)->samples - 1);
			assert_in_range(measured(1)->jitter_ns, 0, TURN_NS);
			assert_int_equal(total(1)->recent.samples, 7);
			/* the way back is not stamped, and nobody asked about it */
			assert_int_equal(measured(0)->samples, 0);
			end();
		}
	}
}

/* The delay changes: the recent ones forget the old one, the average does not; jitter is the step's
 * share. */
static void recent_follows_the_delay(void **state)
{
	uint64_t n, before;

	(void)state;
	begin(l4proto_UDP, 1, 100, 0);
	cfg_of(0)->ipv4.tx_ts = cfg_of(1)->ipv4.rx_ts = 1;
	cfg_of(0)->rate_send = 100;
	cfg_of(1)->latency.samples = 20;
	cfg_of(1)->latency.max_us = 5000;
	delay_us = 1000;
	start();
	run_ms(2000);
	n = measured(1)->samples;
	before = measured(1)->jitter_ns;
	assert_in_range(n, 150, 250);
	assert_int_equal(total(1)->recent.max_ns, total(1)->recent.min_ns);
	assert_int_equal(measured(1)->over_max, 0);
	delay_us = 11000;
	run_ms(500);
	assert_in_range(total(1)->recent.min_ns, 11000000, 11000000 + TURN_NS);
	assert_int_equal(total(1)->recent.samples, 20);
	assert_in_range(measured(1)->over_max, 20, measured(1)->samples - n + 1);
	assert_in_range(measured(1)->jitter_ns - before, 10000000, 10000000 + TURN_NS);
	assert_in_range(measured(1)->sum_ns / measured(1)->samples, 2000000, 6000000);
	end();
}

static void a_new_start_counts_from_zero(void **state)
{
	(void)state;
	begin(l4proto_UDP, 1, 100, 0);
	cfg_of(0)->ipv4.tx_ts = cfg_of(1)->ipv4.rx_ts = 1;
	delay_us = 1000;
	start();
	run_ms(100);
	assert_true(measured(1)->samples > 10);
	delay_us = 0;
	run_ms(10);
	stack_stop(0, 0);
	stack_stop(1, 0);
	assert_int_equal(lcore_lport(stack.lc, 1)->n_latencies, 0);
	assert_int_equal(lcore_lport(stack.lc, 1)->n_ip_stamps, 0);
	stack_start(1, 0);
	assert_int_equal(measured(1)->samples, 0);
	assert_int_equal(hist_count(&total(1)->hist), 0);
	assert_int_equal(seg_latency(stack.seg, 0, 1, 0)->n, 0);
	end();
}

/* A datagram for the server with an option of these words behind w bytes of NOP. */
static void optioned(uint32_t high, uint32_t low, uint8_t flag, uint8_t len, uint8_t nops)
{
	uint8_t f[200] = {0}, *o = f + 34;
	uint8_t hlen = (uint8_t)(20 + (nops + 12 + 3) / 4 * 4);
	struct ip4_hdr ip = {.ver_ihl = (uint8_t)(0x40 | hlen / 4),
		.total_len_be16 = rte_cpu_to_be_16(hlen + 8 + 100),
		.ttl = 64,
		.proto = IPPROTO_UDP4,
		.src_be32 = rte_cpu_to_be_32(CLIENT_IP),
		.dst_be32 = rte_cpu_to_be_32(SERVER_IP)};
	struct udp_hdr uh = {.sport_be16 = rte_cpu_to_be_16(5000),
		.dport_be16 = rte_cpu_to_be_16(80),
		.len_be16 = rte_cpu_to_be_16(108)};

	memcpy(f, ports[1].mac, 6);
	memcpy(f + 6, ports[0].mac, 6);
	f[12] = 8;
	memcpy(f + 14, &ip, 20);
	memset(o, 1, nops);
	o += nops;
	high = rte_cpu_to_be_32(high);
	low = rte_cpu_to_be_32(low);
	memcpy(o, (uint8_t[]){68, len, 13, flag}, 4);
	memcpy(o + 4, &high, 4);
	memcpy(o + 8, &low, 4);
	memcpy(f + 14 + hlen, &uh, sizeof(uh));
	peer_frame(1, f, (uint16_t)(14 + hlen + 108));
	stack_run_us(50);
}

/* What is counted of options that others may send. */
static void options_of_others(void **state)
{
	uint64_t ns;
	uint32_t hi, lo;

	(void)state;
	begin(l4proto_UDP, 1, 100, 0);
	cfg_of(1)->ipv4.rx_ts = 1;
	stack_start(1, 0);
	ns = stack.tsc - 1000;
	hi = OURS | (uint32_t)(ns >> 31);
	lo = OURS | (uint32_t)ns;
	optioned(hi, lo, 0, 12, 0);
	assert_int_equal(measured(1)->samples, 1);
	assert_int_equal(measured(1)->max_ns, 1000 + TURN_NS);
	optioned(hi, lo, 0, 12, 3);    /* elsewhere in the header */
	optioned(hi, lo, 0x50, 12, 0); /* five routers had no room in it */
	assert_int_equal(measured(1)->samples, 3);
	optioned(hi, lo, 1, 12, 0); /* with addresses: another's */
	optioned(hi, lo, 0, 8, 0);  /* one time alone */
	optioned(hi, lo, 0, 40, 0); /* longer than the header */
	peer_datagram(1, 5000, 80, 100);
	stack_run_us(50);
	assert_int_equal(measured(1)->samples, 3);
	assert_int_equal(measured(1)->invalid, 0);
	ns = stack.tsc + 1000 * TURN_NS;
	optioned(OURS | (uint32_t)(ns >> 31), OURS | (uint32_t)ns, 0, 12, 0);
	assert_int_equal(measured(1)->invalid, 1); /* in the future */
	optioned(0, 0, 0, 12, 0);
	assert_int_equal(measured(1)->invalid, 2);
	optioned(OURS, OURS, 0, 12, 0);
	assert_int_equal(measured(1)->invalid, 3);
	optioned(3600000, 3600001, 0, 12, 0); /* ms since midnight */
	assert_int_equal(measured(1)->invalid, 4);
	assert_int_equal(measured(1)->samples, 3);
	assert_int_equal(stack_stats(1, 0)->rx_bytes, 1100); /* all were delivered all the same */
	end();
}

/* Stamps of the wire's messages, as they stand; how many begin in a packet whole. */
static uint32_t n_magic, n_bad;
static uint64_t last_ns;
static bool magic_look(uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *), *end = f + m->data_len;

	for (f += 54; port == 0 && f + 8 <= end; f++) {
		if (memcmp(f, "WLATENCY", 8) != 0)
			continue;
		n_magic++;
		n_bad += end - f < 16;
		if (end - f >= 16)
			last_ns = (uint64_t)f[15] << 32 | (uint64_t)f[14] << 40
				| (uint64_t)f[13] << 48 | (uint64_t)f[12] << 56 | f[11]
				| (uint32_t)f[10] << 8 | (uint32_t)f[9] << 16
				| (uint32_t)f[8] << 24;
	}
	return false;
}

static void raw_stamp_on_the_wire(void **state)
{
	(void)state;
	begin(l4proto_TCP, 1, 16, 0);
	n_magic = n_bad = 0;
	last_ns = 0;
	stack.on_wire = magic_look;
	cfg_of(0)->app.requests = cfg_of(1)->app.requests = 50;
	cfg_of(0)->app.raw.tx_ts = cfg_of(1)->app.raw.rx_ts = 1;
	start();
	run_ms(500);
	assert_int_equal(n_magic, 50);
	assert_int_equal(n_bad, 0);
	assert_in_range(last_ns, stack.tsc - 500000000, stack.tsc);
	assert_int_equal(measured(1)->samples, 50);
	end();
}

/* Messages of every length around a segment's, over a wire that loses, doubles and swaps: no sample
 * may be garbage, whatever was sent again in which pieces. */
static void split_and_lost_stamps_give_no_garbage(void **state)
{
	static const uint32_t sizes[] = {16, 17, 31, 100, 1459, 1460, 1461, 1470, 2935, 5000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t t0;

		begin(l4proto_TCP, 8, sizes[i], 0);
		stack.on_wire = NULL;
		stack.lose = stack.twice = stack.late = 30;
		cfg_of(0)->rate_send = RATE_INFINITE;
		cfg_of(0)->app.raw.tx_ts = cfg_of(1)->app.raw.rx_ts = 1;
		cfg_of(0)->tcp.mss = 0;
		t0 = stack.tsc;
		start();
		run_ms(300);
		stack.lose = stack.twice = stack.late = 0;
		assert_true(measured(1)->samples > 10);
		assert_true(measured(1)->samples <= stack_stats(1, 0)->requests + 8);
		assert_int_equal(measured(1)->invalid, 0);
		assert_true(measured(1)->max_ns <= stack.tsc - t0);
		end();
	}
}

/* Pieces by hand: the first 16 bytes in one piece count, in two they do not. */
static void only_whole_stamps_count(void **state)
{
	static uint8_t msg[60];
	struct peer_seg s = {.dport = 80, .sport = 7000, .wnd = 9000, .flags = TCP_ACK};
	uint64_t ns;

	(void)state;
	begin(l4proto_TCP, 1, 30, 0);
	stack.on_wire = NULL;
	stack.wired = false;
	cfg_of(1)->app.raw.rx_ts = 1;
	stack_start(1, 0);
	s.ack = peer_connect(7000, 99) + 1;
	s.seq = 100;
	for (uint32_t i = 0; i < 2; i++) {
		uint8_t *m = msg + 30 * i;

		ns = stack.tsc - 1000000 * (i + 1);
		memcpy(m, "WLATENCY", 8);
		for (uint32_t k = 0; k < 4; k++) {
			m[8 + k] = (uint8_t)(ns >> (24 - 8 * k));
			m[12 + k] = (uint8_t)(ns >> (56 - 8 * k));
		}
	}
	s.data = msg;
	s.len = 60; /* two messages at once */
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(measured(1)->samples, 2);
	assert_int_equal(total(1)->min_ns, 1000000 + TURN_NS);
	assert_int_equal(measured(1)->max_ns, 2000000 + TURN_NS);
	s.seq += 60;
	s.len = 15; /* split in the 16 bytes */
	peer_send(1, &s);
	s.seq += 15;
	s.data = msg + 15;
	s.len = 45; /* the rest, and a whole one: behind 15 bytes */
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(measured(1)->samples, 3);
	s.seq += 45;
	msg[0] = 'w';           /* not ours */
	memset(msg + 38, 0, 8); /* no time */
	s.data = msg;
	s.len = 60;
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(measured(1)->samples, 3);
	assert_int_equal(measured(1)->invalid, 1);
	assert_int_equal(stack_stats(1, 0)->requests, 6);
	peer_flush(1);
	stack_end();
}

/* A message in several datagrams has one, in the first; a client measures answers. */
static void udp_messages_in_pieces(void **state)
{
	(void)state;
	begin(l4proto_UDP, 3, 5000, 4000);
	cfg_of(0)->app.raw.tx_ts = cfg_of(0)->app.raw.rx_ts = 1;
	cfg_of(1)->app.raw.tx_ts = cfg_of(1)->app.raw.rx_ts = 1;
	cfg_of(0)->app.requests = cfg_of(1)->app.requests = 20;
	start();
	run_ms(300);
	assert_int_equal(stack_stats(0, 0)->responses, 60);
	for (uint16_t p = 0; p < 2; p++) {
		assert_int_equal(measured(p)->samples, 60);
		assert_int_equal(measured(p)->invalid, 0);
		assert_true(measured(p)->max_ns <= 4 * TURN_NS);
	}
	end();
}

static void sizes_of_stamps(void **state)
{
	static struct app_tc at;
	struct tc_config c;
	char err[200];

	(void)state;
	for (uint32_t server = 0; server < 2; server++) {
		tc_config_init(&c, server ? tc_kind_SERVER : tc_kind_CLIENT, l4proto_TCP);
		for (uint32_t n = 15; n <= 16; n++) {
			uint32_t *tx = server ? &c.app.raw.resp_bytes : &c.app.raw.req_bytes,
				 *rx = server ? &c.app.raw.req_bytes : &c.app.raw.resp_bytes;

			c.app.raw = (struct raw_config){.tx_ts = 1};
			*tx = n;
			assert_int_equal(
				app_tc_init(&at, &c.app, c.kind, c.proto, err, sizeof(err)) == 0,
				n == 16);
			c.app.raw = (struct raw_config){.rx_ts = 1};
			*rx = n;
			assert_int_equal(
				app_tc_init(&at, &c.app, c.kind, c.proto, err, sizeof(err)) == 0,
				n == 16);
		}
	}
}

/* By the test case of its port: what the servers received. */
static uint32_t n_stamped[4];
static bool stamped_look(uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);

	if (port == 0 && f[14] == 0x48)
		n_stamped[f[14 + 32 + 3] & 3]++;
	return false;
}

/* Clients and server of test case k: 0 and 1 are measured, 2 is stamped for nobody, 3 is measured and not
 * stamped. */
static void one_of_several(enum l4proto proto, uint8_t k)
{
	const struct raw_config raw = {.req_bytes = 20, .resp_bytes = 20};
	struct tc_config *c = stack_tc(0, k, proto, 5), *s = stack_tc(1, k, proto, 0);

	c->app.raw = s->app.raw = raw;
	c->dport.lo = c->dport.hi = s->sport.lo = s->sport.hi = 80 + k;
	c->rate_send = 5000;
	c->ipv4.tx_ts = k != 3;
	s->ipv4.rx_ts = k != 2;
	stack_start(1, k);
}

/* Their packets lie in the same bursts, sent at one time. */
static void bursts_of_several_test_cases(void **state)
{
	(void)state;
	for (uint32_t udp = 0; udp < 2; udp++) {
		begin(udp ? l4proto_UDP : l4proto_TCP, 5, 20, 20);
		stack.on_wire = stamped_look;
		memset(n_stamped, 0, sizeof(n_stamped));
		for (uint8_t k = 0; k < 4; k++)
			one_of_several(udp ? l4proto_UDP : l4proto_TCP, k);
		for (uint8_t k = 0; k < 4; k++)
			stack_start(0, k);
		stack_run_ms(200);
		for (uint8_t k = 0; k < 4; k++)
			stack_stop(0, k);
		for (uint8_t k = 0; k < 4; k++) {
			const struct stats_latency *l = &seg_stats_tc(stack.seg, 0, 1, k)->latency;

			assert_true(k == 3 || n_stamped[k] > 500);
			assert_int_equal(l->samples, k < 2 ? n_stamped[k] : 0);
			assert_int_equal(l->invalid, 0);
		}
		stack_end();
	}
}

/* Told NEAR_USES times, then read again; and anew with each turn. */
static void a_near_time_is_not_told_for_ever(void **state)
{
	struct lcore *lc;

	(void)state;
	begin(l4proto_TCP, 1, 16, 0);
	lc = stack.lc;
	lcore_turn(lc, stack.tsc);
	for (uint32_t i = 0; i < 3 * NEAR_USES; i++) {
		lc->now_tsc = stack.tsc + 1000 * i;
		assert_int_equal(
			lcore_ns_near(lc), lcore_ns(lc, stack.tsc + 1000 * (i - i % NEAR_USES)));
	}
	lcore_ns_near(lc);
	lcore_turn(lc, stack.tsc + 5000000);
	assert_int_equal(lcore_ns_near(lc), lcore_ns(lc, stack.tsc + 5000000));
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_delay_is_measured),
		cmocka_unit_test(recent_follows_the_delay),
		cmocka_unit_test(a_new_start_counts_from_zero),
		cmocka_unit_test(options_of_others),
		cmocka_unit_test(raw_stamp_on_the_wire),
		cmocka_unit_test(split_and_lost_stamps_give_no_garbage),
		cmocka_unit_test(only_whole_stamps_count),
		cmocka_unit_test(udp_messages_in_pieces),
		cmocka_unit_test(sizes_of_stamps),
		cmocka_unit_test(bursts_of_several_test_cases),
		cmocka_unit_test(a_near_time_is_not_told_for_ever),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
