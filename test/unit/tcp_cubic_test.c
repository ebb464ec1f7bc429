/* CUBIC (RFC 9438), against its formulas reckoned here; and congestion control switched off. */
#include "test/unit/tcp_peer.h"

#include <math.h>

#define MSS 1000
#define C 0.4
#define BETA 0.7
#define ALPHA (3 * (1 - BETA) / (1 + BETA))

static const uint8_t opts[] = {2, 4, MSS >> 8, MSS & 255, 1, 3, 3, 8, 4, 2, 1, 1};
static uint32_t rtt_ms;
static struct peer_seg s;

static struct tcb *tcb(void)
{
	return (struct tcb *)pool_at(&stack.lc->tcbs, 0);
}

static double cwnd(void)
{
	return (double)tcb()->cwnd / MSS;
}

/* A server asked for a response without end, over a path of so many ms. */
static void asked(uint32_t ms, enum congestion congestion)
{
	struct tc_config *c = peer_server(100000000);

	rtt_ms = ms;
	c->tcp.rto_ms = 1000;
	c->tcp.congestion = congestion;
	stack_start(1, 0);
	s = peer_syn(1000, opts, sizeof(opts));
	peer_syn_ack(&s);
	stack_run_ms(ms);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
}

/* A round trip: all that has come is acknowledged, segment by segment. */
static void round_trip(void)
{
	uint32_t n = peer_count(1, NULL, NULL);
	uint64_t end = stack.tsc + UINT64_C(1000000) * rtt_ms;

	while (stack.tsc < end)
		stack_run_us(50);
	for (; n != 0; n--) {
		s.ack += MSS;
		peer_send(1, &s);
		if (n % 32 == 1)
			stack_run_us(50);
	}
}

static void slow_start_up_to(uint32_t segments)
{
	while (cwnd() < segments)
		round_trip();
}

/* One of what is under way is lost, and repaired within a round trip: ms, when the epoch begins. */
static uint32_t loss(void)
{
	for (int i = 0; i < 3; i++)
		peer_say(1, &s);
	assert_true(tcb()->c.flags & CF_RECOVERY);
	s.ack = tcb()->snd_max;
	peer_flush(1);
	peer_say(1, &s);
	assert_false(tcb()->c.flags & CF_RECOVERY);
	return stack.lc->now_ms;
}

static double w_cubic(double w_max, double begin, double t)
{
	return C * pow(t - cbrt((w_max - begin) / C), 3) + w_max;
}

static void near(double is, double want)
{
	if (fabs(is - want) > 0.03 * want + 1)
		fail_msg("%.1f segments, expected %.1f", is, want);
}

static void loss_leaves_seven_tenths(void **state)
{
	double w;

	(void)state;
	asked(100, congestion_CUBIC);
	slow_start_up_to(200);
	w = cwnd();
	loss();
	near(cwnd(), BETA * w);
	near(tcb()->w_max, w);
	stack_end();
}

/* Concave up to where the loss was, convex beyond: at each moment as RFC 9438's equation 1 says. */
static void window_follows_the_cubic_curve(void **state)
{
	uint32_t begun;
	double w_max, begin, t, at_k = 0;

	(void)state;
	asked(100, congestion_CUBIC);
	slow_start_up_to(200);
	w_max = cwnd();
	begun = loss();
	begin = cwnd();
	assert_true(begin >= 100);
	for (int i = 0; i < 150; i++) {
		round_trip();
		t = (stack.lc->now_ms - begun) / 1000.0;
		near(cwnd(), w_cubic(w_max, begin, t));
		if (t < cbrt((w_max - begin) / C))
			at_k = cwnd();
	}
	assert_in_range((uint32_t)at_k, (uint32_t)(0.95 * w_max), (uint32_t)w_max + 1);
	assert_true(cwnd() > 1.5 * w_max);
	stack_end();
}

/* §4.6: two thirds of the window are under way, as the peer's is no larger. */
static void window_that_is_not_used_does_not_grow(void **state)
{
	double was;

	(void)state;
	asked(100, congestion_CUBIC);
	slow_start_up_to(60);
	loss();
	was = cwnd();
	s.wnd = (uint16_t)(tcb()->cwnd * 2 / 3 >> tcb()->snd_wscale);
	for (int i = 0; i < 3; i++) /* until what was sent before is through */
		round_trip();
	was = cwnd();
	for (int i = 0; i < 20; i++) {
		round_trip();
		assert_true(tcb()->snd_max - tcb()->snd_una > tcb()->cwnd / 2);
	}
	assert_int_equal(was * MSS, cwnd() * MSS);
	stack_end();
}

/* Near by, it does as Reno would: alpha a round trip, 1 once it is where the loss was. */
static void near_by_it_grows_as_reno(void **state)
{
	double w_max, begin, rtts, want;
	uint32_t begun;

	(void)state;
	asked(10, congestion_CUBIC);
	slow_start_up_to(20);
	w_max = cwnd();
	begun = loss();
	begin = cwnd();
	for (int i = 0; i < 60; i++) {
		round_trip();
		rtts = (stack.lc->now_ms - begun) / (double)rtt_ms;
		want = begin + ALPHA * rtts;
		if (want > w_max)
			want = w_max + rtts - (w_max - begin) / ALPHA;
		/* the clock of epochs ticks every 16 ms */
		assert_true(cwnd() > want - 3.5 && cwnd() < want + 2.5);
	}
	stack_end();
}

static void second_loss_below_the_first_converges_fast(void **state)
{
	double w;

	(void)state;
	asked(100, congestion_CUBIC);
	slow_start_up_to(200);
	loss();
	round_trip();
	round_trip();
	w = cwnd();
	assert_true(w < tcb()->w_max);
	loss();
	near(tcb()->w_max, w * (1 + BETA) / 2);
	stack_end();
}

/* §4.8: K is 0 and W_max where slow start ended. */
static void after_a_timeout_the_curve_begins_flat(void **state)
{
	uint32_t begun;
	double begin, t;

	(void)state;
	asked(100, congestion_CUBIC);
	slow_start_up_to(200);
	loss(); /* which the curve must forget */
	round_trip();
	for (int ms = 0; tcb()->cwnd != MSS; ms++) {
		assert_true(ms < 5000);
		stack_run_ms(1);
	}
	s.ack = tcb()->snd_max; /* only ACKs were lost */
	peer_flush(1);
	peer_say(1, &s);
	while (tcb()->cwnd < (uint32_t)tcb()->ssthresh * MSS)
		round_trip();
	begun = stack.lc->now_ms;
	begin = cwnd();
	near(begin, tcb()->ssthresh);
	for (int i = 0; i < 60; i++) {
		round_trip();
		t = (stack.lc->now_ms - begun) / 1000.0;
		/* Reno's line, then the curve */
		near(cwnd(), fmax(begin + t * 1000 / rtt_ms, begin + C * t * t * t));
	}
	stack_end();
}

/* RFC 9438 §5.8: what does not fill the window does not enlarge it, and time without growth is no
 * time. */
static void idle_time_does_not_count(void **state)
{
	uint32_t begun;
	double w_max, begin, idle, t;

	(void)state;
	asked(100, congestion_CUBIC);
	slow_start_up_to(200);
	w_max = cwnd();
	begun = loss();
	begin = cwnd();
	for (int i = 0; i < 60; i++)
		round_trip();
	s.ack = tcb()->snd_nxt;
	s.wnd = 1; /* 256 bytes: nothing goes */
	peer_flush(1);
	peer_say(1, &s);
	idle = stack.lc->now_ms;
	t = cwnd();
	for (int i = 0; i < 300; i++) { /* 30 s */
		stack_run_ms(100);
		peer_count(1, &s.ack, NULL);
		peer_say(1, &s);
	}
	near(cwnd(), t);
	idle = stack.lc->now_ms - idle;
	s.wnd = 65535;
	peer_count(1, &s.ack, NULL);
	peer_say(1, &s);
	for (int i = 0; i < 20; i++)
		round_trip();
	t = (stack.lc->now_ms - begun - idle) / 1000.0;
	assert_true(cwnd() < 1.3 * w_cubic(w_max, begin, t));
	stack_end();
}

static void without_congestion_control_the_peers_window_is_filled(void **state)
{
	uint32_t n = 0;

	(void)state;
	asked(10, congestion_NONE);
	n = peer_count(1, NULL, NULL);
	assert_in_range(n, 2000, 4096); /* as many as there are buffers */
	for (int i = 0; i < 3; i++)
		peer_say(1, &s);
	assert_true(tcb()->c.flags & CF_RECOVERY);
	assert_int_equal(tcb()->cwnd, 0x3fffffff);
	stack_run_ms(1500);
	assert_true(stack_port(1)->tsm.rto != 0);
	assert_int_equal(tcb()->cwnd, 0x3fffffff);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loss_leaves_seven_tenths),
		cmocka_unit_test(window_follows_the_cubic_curve),
		cmocka_unit_test(window_that_is_not_used_does_not_grow),
		cmocka_unit_test(near_by_it_grows_as_reno),
		cmocka_unit_test(second_loss_below_the_first_converges_fast),
		cmocka_unit_test(after_a_timeout_the_curve_begins_flat),
		cmocka_unit_test(idle_time_does_not_count),
		cmocka_unit_test(without_congestion_control_the_peers_window_is_filled),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
