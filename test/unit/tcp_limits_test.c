/* What a test case sets and what a peer asks at the edges: user time-out, windows from nothing to 1
 * GiB, segment sizes, challenge ACKs, initial sequence numbers. */
#include "engine/l4_tcp/aes.h"
#include "engine/l4_tcp/tcp_priv.h"
#include "test/unit/tcp_peer.h"

static const uint8_t big[] = {2, 4, 3, 232, 1, 3, 3, 14}; /* MSS 1000, scale 14 */

/* user time-out */

/* ms until it is over: the server's response is not acknowledged. */
static uint32_t given_up_after(uint32_t user_to_ms, uint32_t rto_ms)
{
	struct tc_config *c = peer_server(100);
	struct peer_seg s;
	uint32_t ms = 0;

	c->tcp.user_to_ms = user_to_ms;
	c->tcp.rto_ms = rto_ms;
	stack_start(1, 0);
	s = peer_estab(1460);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	while (stack_stats(1, 0)->failed_retry == 0 && ms < 100000) {
		stack_run_ms(1);
		peer_flush(1);
		ms++;
	}
	stack_end();
	return ms;
}

static void user_timeout_ends_a_connection_in_time(void **state)
{
	(void)state;
	assert_in_range(given_up_after(1000, 50), 995, 1010); /* between two retransmissions */
	assert_in_range(given_up_after(5000, 50), 4995, 5010);
	assert_in_range(given_up_after(5000, 1000), 4995, 5010);
	assert_int_equal(given_up_after(0, 50), 100000); /* by the retries alone: hours */
}

/* Several segments, to a peer that speaks SACK: a tail loss probe takes a try, and no time. */
static void user_timeout_counts_a_tail_probe(void **state)
{
	static const uint8_t opt[] = {2, 4, 3, 232, 1, 1, 4, 2};
	struct tc_config *c = peer_server(5000);
	struct peer_seg s = peer_syn(1000, opt, sizeof(opt));
	uint32_t ms = 0;

	(void)state;
	c->tcp.user_to_ms = 250;
	c->tcp.rto_ms = 100;
	stack_start(1, 0);
	peer_syn_ack(&s);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	while (stack_stats(1, 0)->failed_retry == 0 && ms < 1000) {
		stack_run_ms(1);
		peer_flush(1);
		ms++;
	}
	assert_int_equal(stack_port(1)->tsm.tail_probes, 1);
	assert_in_range(ms, 245, 260);
	stack_end();
}

static void user_timeout_ends_an_open_that_nobody_answers(void **state)
{
	struct tc_config *c;
	uint32_t ms = 0;

	(void)state;
	stack_begin(256, 16, 2048);
	stack.wired = false;
	c = stack_tc(0, 0, l4proto_TCP, 1);
	c->tcp.user_to_ms = 1000;
	c->downtime_s = TC_FOREVER;
	stack_start(0, 0);
	while (stack_stats(0, 0)->failed_syn == 0 && ms < 10000) {
		stack_run_ms(1);
		peer_flush(0);
		ms++;
	}
	assert_in_range(ms, 990, 1010);
	stack_end();
}

/* It is of one silence: what is acknowledged in between begins it anew, and so does a peer that says
 * its window is shut. */
static void user_timeout_does_not_count_what_is_answered(void **state)
{
	struct tc_config *c = peer_server(10000000);
	struct peer_seg s, got;

	(void)state;
	c->tcp.user_to_ms = 1000;
	stack_start(1, 0);
	s = peer_estab(1000);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
	for (int i = 0; i < 20; i++) {
		stack_run_ms(100);
		peer_count(1, &s.ack, NULL);
		peer_say(1, &s);
	}
	s.wnd = 0;
	for (int ms = 0; ms < 60000; ms++) {
		stack_run_ms(1);
		while (peer_take(1, &got)) {
			if (got.len != 0)
				peer_send(1, &s);
		}
	}
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	stack_end();
}

/* windows */

static void window_of_a_gibibyte_is_said_and_held(void **state)
{
	struct peer_seg s, got;
	uint32_t next;

	(void)state;
	peer_server(10)->tcp.win_size = TCP_WIN_MAX;
	stack_start(1, 0);
	s = peer_syn(1000, big, sizeof(big));
	got = peer_syn_ack(&s);
	assert_int_equal(got.wnd, 65535);
	assert_non_null(peer_option(&got, 3));
	assert_int_equal(peer_option(&got, 3)[2], 14);
	peer_say(1, &s);
	next = s.seq;
	s.data = "early";
	s.len = 5;
	s.seq = next + TCP_WIN_MAX - 5; /* the last five bytes of it */
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, next);
	assert_int_equal(got.wnd, 65535);
	assert_int_equal(stack_port(1)->tcp.rx_ooo, 1);
	s.seq = next + TCP_WIN_MAX; /* the first byte behind */
	peer_say(1, &s);
	assert_int_equal(stack_port(1)->tcp.rx_ooo, 1);
	assert_int_equal(stack_port(1)->drop.tcp_seq, 1);
	stack_end();
}

static void window_of_a_gibibyte_is_filled(void **state)
{
	struct tc_config *c = peer_server(2000000);
	struct peer_seg s;

	(void)state;
	c->tcp.congestion = congestion_NONE;
	stack_start(1, 0);
	s = peer_syn(1000, big, sizeof(big));
	peer_syn_ack(&s);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST); /* a window of 65535 << 14 */
	assert_in_range(peer_count(1, NULL, NULL), 2000, 2002);
	stack_end();
}

static void without_window_scale_none_is_offered_nor_heeded(void **state)
{
	struct tc_config *c = peer_server(100000);
	struct peer_seg s, got;

	(void)state;
	c->tcp.win_size = 1 << 20;
	c->tcp.wscale = 0;
	c->tcp.congestion = congestion_NONE;
	stack_start(1, 0);
	s = peer_syn(1000, big, sizeof(big));
	got = peer_syn_ack(&s);
	assert_null(peer_option(&got, 3));
	s.wnd = 3000;
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.wnd, 65535);
	assert_int_equal(peer_count(1, NULL, NULL), 2);
	stack_end();
}

/* segment sizes */

static void segment_size_of_the_peer_may_be_anything(void **state)
{
	static const struct {
		uint16_t mss, len;
	} want[] = {{28, 28}, {1, 28}, {0, 28}, {65535, 1460}, {1460, 1460}, {1461, 1460}};
	struct peer_seg s, got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const uint8_t opt[] = {2, 4, want[i].mss >> 8, want[i].mss & 255};

		peer_server(50000);
		stack_start(1, 0);
		s = peer_syn(1000, opt, sizeof(opt));
		peer_syn_ack(&s);
		s.flags = TCP_ACK | TCP_PSH;
		peer_text(1, &s, REQUEST);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.len, want[i].len);
		stack_end();
	}
}

static void segment_size_that_is_set_is_said(void **state)
{
	static const struct {
		uint16_t set, said;
	} want[] = {{0, 1460}, {28, 28}, {536, 536}, {1460, 1460}, {9000, 1460}};
	struct peer_seg s, got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		peer_server(50000)->tcp.mss = want[i].set;
		stack_start(1, 0);
		s = peer_syn(1000, big, sizeof(big));
		got = peer_syn_ack(&s);
		assert_non_null(peer_option(&got, 2));
		assert_int_equal(peer_get32(peer_option(&got, 2)) & 0xffff, want[i].said);
		s.flags = TCP_ACK | TCP_PSH;
		peer_text(1, &s, REQUEST); /* it says what we take, not what the peer does */
		assert_true(peer_take(1, &got));
		assert_int_equal(got.len, 1000);
		stack_end();
	}
}

/* RFC 5961 §7 */

static void challenge_acks_are_so_many_a_second(void **state)
{
	struct peer_seg s = peer_up_mss(10, 1460), bad = s;

	(void)state;
	peer_flush(1);
	bad.ack += 5; /* of what was never sent */
	for (int second = 1; second <= 2; second++) {
		for (int i = 0; i < 12000; i++) {
			peer_send(1, &bad);
			if (i % 100 == 99) {
				stack_run_us(200);
				peer_flush(1);
			}
		}
		assert_int_equal(stack_port(1)->tcp.tx_chal_ack, second * 10000);
		assert_int_equal(stack_port(1)->tcp.chal_limited, second * 2000);
		stack_run_ms(1001);
	}
	s.flags = TCP_ACK | TCP_PSH; /* the connection has not noticed */
	peer_text(1, &s, REQUEST);
	assert_int_equal(stack_stats(1, 0)->requests, 1);
	stack_end();
}

/* RFC 6528 */

static void secret_set(uint64_t lo, uint64_t hi)
{
	stack.lc->isn_secret[0] = lo;
	stack.lc->isn_secret[1] = hi;
	tcp_isn_begin(stack.lc);
}

static void isn_is_keyed(uint32_t (*isn_of)(const struct lcore *, const struct conn *))
{
	struct conn c[7] = {{.laddr = 1, .raddr = 2, .lport = 3, .rport = 4}}, same;
	uint32_t isn[9];

	for (size_t i = 1; i < ARRAY_SIZE(c); i++)
		c[i] = c[0];
	c[1].laddr = 5;
	c[2].raddr = 6;
	c[3].lport = 7;
	c[4].rport = 8;
	c[5].port = 1;
	c[6] = (struct conn){.laddr = 2, .raddr = 1, .lport = 4, .rport = 3}; /* the other end */
	secret_set(3, 5);
	for (size_t i = 0; i < ARRAY_SIZE(c); i++)
		isn[i] = isn_of(stack.lc, &c[i]);
	secret_set(2, 5);
	isn[7] = isn_of(stack.lc, &c[0]);
	secret_set(3, 5 ^ UINT64_C(1) << 63);
	isn[8] = isn_of(stack.lc, &c[0]);
	secret_set(3, 5);
	for (size_t i = 0; i < ARRAY_SIZE(isn); i++) {
		for (size_t k = 0; k < i; k++) /* nowhere near each other */
			assert_true(abs((int32_t)(isn[i] - isn[k])) > 1000);
	}
	same = c[0]; /* nothing else of the endpoint counts */
	same.state = same.tcid = same.tx_kind = 0xff;
	same.flags = 1;
	assert_int_equal(isn_of(stack.lc, &same), isn[0]);
}

static void initial_number_is_a_keyed_function_of_the_tuple(void **state)
{
	struct conn c = {.laddr = 1, .raddr = 2, .lport = 3, .rport = 4};
	uint32_t isn;

	(void)state;
	stack_begin(16, 16, 256);
	isn_is_keyed(tcp_isn);
	isn_is_keyed(tcp_isn_sip);
	isn = tcp_isn(stack.lc, &c);
	stack_run_ms(1000); /* and the clock of 4 us */
	assert_in_range(tcp_isn(stack.lc, &c) - isn, 249990, 250010);
	stack_end();
}

#ifdef __AES__
/* FIPS 197, appendix C.1 */
static void aes_is_that_of_the_standard(void **state)
{
	static const uint8_t want[16] = {0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30, 0xd8, 0xcd,
		0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a};
	uint8_t key[16], b[16];
	__m128i k[AES_KEYS];

	(void)state;
	for (uint8_t i = 0; i < 16; i++) {
		key[i] = i;
		b[i] = (uint8_t)(i * 0x11);
	}
	aes_expand(k, _mm_loadu_si128((const __m128i *)key));
	_mm_storeu_si128((__m128i *)b, aes_block(k, _mm_loadu_si128((const __m128i *)b)));
	assert_memory_equal(b, want, sizeof(b));
}
#endif

/* What stands in every packet tells nothing of the key of sequence numbers. */
static void timestamps_tell_nothing_of_the_key(void **state)
{
	uint32_t ts;

	(void)state;
	stack_begin(16, 16, 256);
	ts = tcp_ts_now(stack.lc);
	secret_set(0x0123456789abcdef, 0x0123456789abcdef);
	assert_int_equal(tcp_ts_now(stack.lc), ts);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(user_timeout_ends_a_connection_in_time),
		cmocka_unit_test(user_timeout_counts_a_tail_probe),
		cmocka_unit_test(user_timeout_ends_an_open_that_nobody_answers),
		cmocka_unit_test(user_timeout_does_not_count_what_is_answered),
		cmocka_unit_test(window_of_a_gibibyte_is_said_and_held),
		cmocka_unit_test(window_of_a_gibibyte_is_filled),
		cmocka_unit_test(without_window_scale_none_is_offered_nor_heeded),
		cmocka_unit_test(segment_size_of_the_peer_may_be_anything),
		cmocka_unit_test(segment_size_that_is_set_is_said),
		cmocka_unit_test(challenge_acks_are_so_many_a_second),
		cmocka_unit_test(initial_number_is_a_keyed_function_of_the_tuple),
#ifdef __AES__
		cmocka_unit_test(aes_is_that_of_the_standard),
#endif
		cmocka_unit_test(timestamps_tell_nothing_of_the_key),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
