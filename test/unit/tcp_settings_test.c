/* The original's TCP options, each shown by the segments that a test case sends and when it sends them:
 * set tests tcp-options win-size, *-retry, rto, fin-to, orphan-to, twait-to, twait-skip, ack-delay. ack-on-data and
 * fin-on-data: tcp_apart_test.c. */
#include "engine/l4_tcp/tcp_priv.h"
#include "test/unit/tcp_peer.h"
#include "test/unit/world.h"

/* A client of one session with those settings, that nobody has answered. */
static struct tc_config *client(void)
{
	struct tc_config *c;

	stack_begin(256, 16, 2048);
	stack.wired = false;
	c = stack_tc(0, 0, l4proto_TCP, 1);
	c->app.kind = app_kind_HTTP;
	return c;
}

static uint32_t scale_of(const struct peer_seg *s)
{
	return peer_option(s, 3) != NULL ? peer_option(s, 3)[2] : 0;
}

/* The SYN says it unscaled, what follows scaled, by both ends. */
static void win_size_is_the_window_advertised(void **state)
{
	static const uint32_t sizes[] = {
		1, 1000, 1024, 65535, 65536, 100000, 1 << 20, 10000000, TCP_WIN_MAX};
	static const uint8_t opts[] = {2, 4, 5, 180, 1, 3, 3, 7};
	struct peer_seg s, got;
	uint32_t scale;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		peer_server(10)->tcp.win_size = sizes[i];
		stack_start(1, 0);
		s = peer_syn(1000, opts, sizeof(opts));
		got = peer_syn_ack(&s);
		assert_int_equal(got.wnd, MIN_OF(sizes[i], 65535u));
		scale = scale_of(&got);
		assert_true(sizes[i] >> scale <= 65535
			&& (scale == 0 || sizes[i] >> (scale - 1) > 65535));
		peer_say(1, &s);
		s.flags = TCP_ACK | TCP_PSH;
		s.data = "G";
		s.len = 1;
		peer_say(1, &s);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.wnd, sizes[i] >> scale);
		stack_end();

		client()->tcp.win_size = sizes[i];
		stack_start(0, 0);
		stack_run_us(100);
		assert_true(peer_take(0, &s));
		assert_int_equal(s.wnd, MIN_OF(sizes[i], 65535u));
		assert_int_equal(scale_of(&s), scale);
		stack_end();
	}
}

/* What is sent again while the virtual clock goes: when, and with which flags. */
struct again {
	uint32_t n, ms[200]; /* since the one before, or since the beginning */
	uint8_t flags[200];
	uint32_t rsts, over; /* ms when the test case counted a failure, 0 never */
};

static struct again watch(uint16_t port, const uint64_t *failed, uint32_t most_ms)
{
	struct again a = {0};
	struct peer_seg got;
	uint32_t at = 0;

	for (uint32_t ms = 1; ms <= most_ms && a.over == 0; ms++) {
		stack.tsc += WORLD_HZ / 1000; /* one turn a ms: hours go by */
		lcore_turn(stack.lc, stack.tsc);
		if (*failed != 0)
			a.over = ms;
		while (peer_take(port, &got)) {
			if (got.flags & TCP_RST) {
				a.rsts++;
				continue;
			}
			assert_true(a.n < ARRAY_SIZE(a.ms));
			a.flags[a.n] = got.flags;
			a.ms[a.n++] = ms - at;
			at = ms;
		}
	}
	return a;
}

static const uint32_t counts[] = {0, 1, 5, 128};
#define LONG_MS 9000000 /* 128 times 60 s */

static void syn_retry_is_the_number_of_syns_sent_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct tc_config *c = client();
		struct again a;

		c->tcp.syn_retry = counts[i];
		c->tcp.syn_ack_retry = c->tcp.data_retry = c->tcp.retry = 3;
		stack_start(0, 0);
		a = watch(0, &stack_stats(0, 0)->failed_syn, LONG_MS);
		assert_int_equal(a.n, 1 + counts[i]);
		for (uint32_t k = 0; k < a.n; k++)
			assert_int_equal(a.flags[k] & ~(TCP_ECE | TCP_CWR), TCP_SYN);
		assert_true(a.over != 0);
		assert_int_equal(stack_port(0)->tsm.syn_to, 1);
		stack_end();
	}
}

static void syn_ack_retry_is_the_number_of_syn_acks_sent_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct tc_config *c = peer_server(10);
		struct peer_seg s = peer_syn(1000, NULL, 0);
		struct again a;

		c->tcp.syn_ack_retry = counts[i];
		c->tcp.syn_retry = c->tcp.data_retry = c->tcp.retry = 3;
		stack_start(1, 0);
		peer_send(1, &s);
		a = watch(1, &stack_stats(1, 0)->failed_syn, LONG_MS);
		assert_int_equal(a.n, 1 + counts[i]);
		for (uint32_t k = 0; k < a.n; k++)
			assert_int_equal(a.flags[k], TCP_SYN | TCP_ACK);
		assert_int_equal(stack_port(1)->tsm.synack_to, 1);
		stack_end();
	}
}

/* A server of a response of 100 bytes that was asked for it and nothing said since; or, closing, of one
 * whose response is acknowledged and whose FIN is not. */
static struct peer_seg asked(bool closing)
{
	struct peer_seg s;
	uint32_t end;

	stack_start(1, 0);
	s = peer_estab(1460);
	s.flags = TCP_ACK | TCP_PSH;
	end = s.ack;
	peer_text(1, &s, closing ? REQUEST_CLOSE : REQUEST);
	s.flags = TCP_ACK;
	if (!closing)
		return s;
	assert_int_equal(peer_count(1, &end, NULL), 1);
	s.ack = end; /* not the FIN behind */
	peer_say(1, &s);
	peer_flush(1);
	return s;
}

static void data_retry_is_the_number_of_times_data_is_sent_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct tc_config *c = peer_server(100);
		struct again a;

		c->tcp.data_retry = counts[i];
		c->tcp.syn_retry = c->tcp.syn_ack_retry = c->tcp.retry = 3;
		asked(false);
		a = watch(1, &stack_stats(1, 0)->failed_retry, LONG_MS);
		assert_int_equal(a.n, 1 + counts[i]); /* the first is among them */
		assert_int_equal(a.rsts, 1);
		assert_true(a.over != 0);
		stack_end();
	}
}

static void retry_is_the_number_of_fins_sent_again(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		struct tc_config *c = peer_server(100);
		struct again a;

		c->tcp.retry = counts[i];
		c->tcp.syn_retry = c->tcp.syn_ack_retry = c->tcp.data_retry = 3;
		c->tcp.orphan_to_ms = 0; /* no limit */
		asked(true);
		a = watch(1, &stack_stats(1, 0)->failed_retry, LONG_MS);
		assert_int_equal(a.n, counts[i]); /* the first was taken */
		for (uint32_t k = 0; k < a.n; k++)
			assert_true(a.flags[k] & TCP_FIN);
		assert_int_equal(a.rsts, 1);
		stack_end();
	}
}

/* RFC 6298 §5.5: each time twice as long, up to a minute. */
static void rto_is_the_first_time_out(void **state)
{
	static const uint32_t rtos[] = {1, 10, 50, 777, 10000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rtos); i++) {
		for (int syn = 0; syn < 2; syn++) {
			struct tc_config *c = syn ? client() : peer_server(100);
			uint32_t want = rtos[i];
			struct again a;

			c->tcp.rto_ms = rtos[i];
			c->tcp.data_retry = c->tcp.syn_retry = 10;
			if (syn)
				stack_start(0, 0);
			else
				asked(false);
			a = watch(syn ? 0 : 1,
				syn ? &stack_stats(0, 0)->failed_syn
				    : &stack_stats(1, 0)->failed_retry,
				LONG_MS);
			assert_int_equal(a.n, 11);
			for (uint32_t k = 1; k < a.n; k++) {
				assert_in_range(a.ms[k], want - 1, want + 2);
				want = MIN_OF(2 * want, 60000u);
			}
			stack_end();
		}
	}
}

/* The peer acknowledges our FIN and does not close. */
static void fin_to_ends_fin_wait_2(void **state)
{
	static const uint32_t tos[] = {1, 100, 1000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tos); i++) {
		struct tc_config *c = peer_server(100);
		struct peer_seg s;
		struct again a;

		c->tcp.fin_to_ms = tos[i];
		c->tcp.orphan_to_ms = 2000;
		s = asked(true);
		s.ack++;
		peer_say(1, &s);
		assert_int_equal(stack_port(1)->tsm.in_fin_wait_2, 1);
		a = watch(1, &stack_stats(1, 0)->failed_to, 5000);
		assert_in_range(a.over, tos[i], tos[i] + 2);
		assert_int_equal(a.n, 0);
		assert_int_equal(a.rsts, 1); /* the peer is told */
		assert_int_equal(stack_port(1)->tsm.in_fin_wait_2, 0);
		stack_end();
	}
}

static void fin_to_of_0_waits_for_ever(void **state)
{
	struct peer_seg s;

	(void)state;
	peer_server(100)->tcp.fin_to_ms = 0;
	s = asked(true);
	s.ack++;
	peer_say(1, &s);
	stack_run_ms(100000);
	assert_int_equal(stack_port(1)->tsm.in_fin_wait_2, 1);
	s.flags = TCP_FIN | TCP_ACK;
	peer_say(1, &s);
	assert_int_equal(stack_stats(1, 0)->closed, 1);
	stack_end();
}

/* The peer does not acknowledge our FIN. */
static void orphan_to_ends_fin_wait_1(void **state)
{
	static const uint32_t tos[] = {1, 333, 2000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tos); i++) {
		struct again a;

		peer_server(100)->tcp.orphan_to_ms = tos[i];
		asked(true);
		a = watch(1, &stack_stats(1, 0)->failed_to, 5000);
		assert_in_range(a.over, tos[i] == 1 ? 1 : tos[i] - 2, tos[i] + 2);
		assert_int_equal(a.rsts, 1);
		assert_int_equal(stack_port(1)->tsm.in_fin_wait_1, 0);
		stack_end();
	}
}

/* Closes in order, we first; ms in TIME-WAIT. */
static uint32_t time_wait_of(struct tc_config *c)
{
	struct peer_seg s = asked(true), got;
	uint32_t ms = 0;

	(void)c;
	s.ack++;
	s.flags = TCP_FIN | TCP_ACK;
	peer_say(1, &s);
	assert_int_equal(stack_stats(1, 0)->closed, 1);
	assert_true(peer_take(1, &got)); /* its FIN is acknowledged */
	assert_int_equal(got.flags, TCP_ACK);
	assert_int_equal(got.ack, s.seq + 1);
	while (stack_port(1)->tsm.in_time_wait != 0 && ms < 20000) {
		stack_run_ms(1);
		ms++;
	}
	assert_int_equal(stack_port(1)->tcp.tcb_free, 1);
	assert_false(peer_take(1, &got)); /* and no RST says so */
	stack_end();
	return ms;
}

static void twait_to_is_the_stay_in_time_wait(void **state)
{
	static const uint32_t tos[] = {1, 10, 500, 10000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tos); i++) {
		struct tc_config *c = peer_server(100);

		c->tcp.twait_to_ms = tos[i];
		assert_in_range(time_wait_of(c), tos[i], tos[i] + 2);
	}
}

static void twait_skip_leaves_no_time_wait(void **state)
{
	struct tc_config *c = peer_server(100);

	(void)state;
	c->tcp.twait_to_ms = 10000;
	c->tcp.twait_skip = 1;
	assert_int_equal(time_wait_of(c), 0);
}

/* RFC 1122 §4.2.3.2: off, each segment has its ACK at once; on, one waits for the next, but not long,
 * and goes with an answer. */
static void ack_delay_lets_an_ack_wait(void **state)
{
	struct peer_seg s, got;
	uint32_t ms;

	(void)state;
	for (uint32_t on = 0; on < 2; on++) {
		peer_server(10)->tcp.ack_delay = on;
		stack_start(1, 0);
		s = peer_estab(1460);
		peer_flush(1);
		s.flags = TCP_ACK | TCP_PSH;
		peer_text(1, &s, "GET / HTTP/1.1\r\n");
		assert_int_equal(peer_take(1, &got), !on);
		for (ms = 0; on && !peer_take(1, &got); ms++) {
			assert_true(ms < 500);
			stack_run_ms(1);
		}
		assert_int_equal(got.flags, TCP_ACK);
		assert_int_equal(got.ack, s.seq);
		assert_int_equal(got.len, 0);
		peer_text(1, &s, "Host: a\r\n\r\n");
		assert_true(peer_take(1, &got)); /* the response is the acknowledgment */
		assert_true(got.len != 0);
		assert_int_equal(got.ack, s.seq);
		assert_false(peer_take(1, &got));
		stack_end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(win_size_is_the_window_advertised),
		cmocka_unit_test(syn_retry_is_the_number_of_syns_sent_again),
		cmocka_unit_test(syn_ack_retry_is_the_number_of_syn_acks_sent_again),
		cmocka_unit_test(data_retry_is_the_number_of_times_data_is_sent_again),
		cmocka_unit_test(retry_is_the_number_of_fins_sent_again),
		cmocka_unit_test(rto_is_the_first_time_out),
		cmocka_unit_test(fin_to_ends_fin_wait_2),
		cmocka_unit_test(fin_to_of_0_waits_for_ever),
		cmocka_unit_test(orphan_to_ends_fin_wait_1),
		cmocka_unit_test(twait_to_is_the_stay_in_time_wait),
		cmocka_unit_test(twait_skip_leaves_no_time_wait),
		cmocka_unit_test(ack_delay_lets_an_ack_wait),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
