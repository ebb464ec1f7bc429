/* Response times on wires whose delay the test knows: on a virtual clock they are exact. */
#include "common/abi/baseline.h"
#include "test/unit/stack.h"

#include <stdlib.h>
#include <string.h>

#define TURN_US 50
#define MS UINT64_C(1000000)
#define HELD 8192
#define WAY_OUT_MS 3 /* of what the client sends */
#define WAY_BACK_MS 2
#define RTT (UINT64_C(5) * MS)

static struct {
	uint64_t due;
	uint16_t port, len;
	uint8_t bytes[1600];
} held[HELD];
static uint32_t n_held, n_let;
static uint32_t to_lose; /* of the packets that the client sends next */

/* Both ways keep their order, and one is as long as the other for all. */
static bool slow(uint16_t port, struct rte_mbuf *m)
{
	if (port == 0 && to_lose != 0) {
		to_lose--;
		return true;
	}
	assert_true(n_held - n_let < HELD);
	held[n_held % HELD].due = stack.tsc + (port == 0 ? WAY_OUT_MS : WAY_BACK_MS) * MS;
	held[n_held % HELD].port = port;
	held[n_held % HELD].len = m->data_len;
	memcpy(held[n_held++ % HELD].bytes, rte_pktmbuf_mtod(m, void *), m->data_len);
	return true;
}

/* What is due then comes with the turn of that time. */
static void let(void)
{
	uint64_t now = stack.tsc + TURN_US * UINT64_C(1000);

	for (uint32_t i = n_let; i != n_held; i++) {
		if (held[i % HELD].due == 0 || held[i % HELD].due > now)
			continue;
		peer_frame(1 - held[i % HELD].port, held[i % HELD].bytes, held[i % HELD].len);
		held[i % HELD].due = 0;
	}
	while (n_let != n_held && held[n_let % HELD].due == 0)
		n_let++;
}

static void run_ms(uint32_t ms)
{
	for (uint32_t i = 0; i < ms * 1000 / TURN_US; i++) {
		let();
		stack_run_us(TURN_US);
	}
}

/* n sessions of one request each, between the test case of port 0, which measures, and that of 1. */
static struct tc_config *begin(enum l4proto proto, uint32_t from, uint32_t n)
{
	struct tc_config *c = NULL;

	stack_begin(64, 64, 8192);
	n_held = n_let = to_lose = 0;
	for (uint32_t i = 0; i < 2; i++)
		stack.lc->times[i] = calloc(64, sizeof(*stack.lc->times[i]));
	for (uint16_t p = 2; p-- > 0;) {
		c = stack_tc(p, 0, proto, n);
		c->app.raw = (struct raw_config){.req_bytes = 100, .resp_bytes = 100};
		c->app.requests = p == 0;
	}
	c->times = (struct times_config){.from = from, .slot = from != times_from_OFF};
	return c;
}

static void reopening(uint32_t n)
{
	struct tc_config *c = begin(l4proto_TCP, times_from_SYN, n);

	c->downtime_s = 0;
	c->tcp.twait_skip = 1;
}

static void start(void)
{
	seg_tc(stack.seg, 0, 0)->cfg = tc_cfgs[0][0];
	if (tc_cfgs[1][0].kind != tc_kind_NONE)
		stack_start(1, 0);
	stack_start(0, 0);
}

static void end(void)
{
	stack.on_wire = NULL;
	run_ms(10);
	stack_stop(0, 0);
	assert_int_equal(lcore_lport(stack.lc, 0)->n_latencies, 0);
	stack_end();
	for (uint32_t i = 0; i < 2; i++)
		free(stack.lc->times[i]);
}

static const struct times_part *part(enum times_byte which)
{
	static struct times_total t;

	seg_sum_times(stack.seg, 0, 0, &t);
	return &t.of[which];
}

/* So many, all of exactly that time. */
static void all_are(enum times_byte which, uint64_t n, uint64_t ns)
{
	const struct times_part *p = part(which);

	assert_int_equal(p->samples, n);
	assert_int_equal(p->sum_ns, n * ns);
	assert_int_equal(hist_count(&p->hist), n);
	if (n == 0)
		return;
	assert_int_equal(p->min_ns, ns);
	assert_int_equal(p->max_ns, ns);
	for (uint32_t i = 0; i < LATENCY_QUANTILES; i++)
		assert_int_equal(times_quantile(p, i), ns);
}

/* 20000 bytes are more than the ten segments that go at first: the rest is a round trip later. From
 * syn there are the handshake and the request before. */
static void known_delays_are_measured(void **state)
{
	(void)state;
	for (uint32_t from = times_from_SYN; from <= times_from_REQUEST; from++) {
		uint64_t hand = from == times_from_SYN ? RTT : 0;

		begin(l4proto_TCP, from, 2); /* of more a turn would not take all at once */
		tc_cfgs[0][0].app.raw.resp_bytes = tc_cfgs[1][0].app.raw.resp_bytes = 20000;
		stack.on_wire = slow;
		start();
		run_ms(60);
		assert_int_equal(stack_stats(0, 0)->responses, 2);
		all_are(TIMES_FIRST, 2, hand + RTT);
		all_are(TIMES_LAST, 2, hand + 2 * RTT);
		end();
	}
}

/* From syn it is the first response of a connection alone, from request each. */
static void each_response_or_the_first(void **state)
{
	(void)state;
	for (uint32_t from = times_from_SYN; from <= times_from_REQUEST; from++) {
		bool syn = from == times_from_SYN;

		begin(l4proto_TCP, from, 4)->app.requests = 5;
		stack.on_wire = slow;
		start();
		run_ms(60);
		assert_int_equal(stack_stats(0, 0)->responses, 20);
		all_are(TIMES_FIRST, syn ? 4 : 20, syn ? 2 * RTT : RTT);
		all_are(TIMES_LAST, syn ? 4 : 20, syn ? 2 * RTT : RTT);
		end();
	}
}

/* The first SYN counts, whichever is answered; it is no business of a request's. */
static void a_lost_syn_is_in_it(void **state)
{
	(void)state;
	for (uint32_t from = times_from_SYN; from <= times_from_REQUEST; from++) {
		uint64_t ns;

		begin(l4proto_TCP, from, 1);
		stack.on_wire = slow;
		to_lose = 1;
		start();
		run_ms(120);
		assert_int_equal(stack_port(0)->tsm.retrans_pkts, 1);
		ns = part(TIMES_FIRST)->min_ns;
		if (from == times_from_SYN)
			assert_in_range(ns, 50 * MS + 2 * RTT, 53 * MS + 2 * RTT);
		else
			assert_int_equal(ns, RTT);
		all_are(TIMES_LAST, 1, ns);
		end();
	}
}

/* A session that opens again begins anew. */
static void a_reopened_session_begins_anew(void **state)
{
	(void)state;
	reopening(3);
	stack.on_wire = slow;
	start();
	run_ms(200);
	assert_true(stack_stats(0, 0)->responses >= 12);
	all_are(TIMES_FIRST, stack_stats(0, 0)->responses, 2 * RTT);
	all_are(TIMES_LAST, stack_stats(0, 0)->responses, 2 * RTT);
	end();
}

/* Sessions that wait for their turn to send are not waiting for a response. */
static void waiting_to_send_is_not_in_it(void **state)
{
	(void)state;
	begin(l4proto_TCP, times_from_REQUEST, 4)->rate_send = 20;
	stack.on_wire = slow;
	start();
	run_ms(400);
	all_are(TIMES_LAST, 4, RTT);
	end();
}

static void off_counts_nothing(void **state)
{
	(void)state;
	begin(l4proto_TCP, times_from_OFF, 4);
	stack.on_wire = slow;
	start();
	assert_int_equal(app_tc_of(0, 0)->rx_watch, 0);
	assert_int_equal(lcore_lport(stack.lc, 0)->n_latencies, 0);
	run_ms(60);
	assert_int_equal(stack_stats(0, 0)->responses, 4);
	all_are(TIMES_FIRST, 0, 0);
	assert_int_equal(seg_stats_tc(stack.seg, 0, 0, 0)->times.last_samples, 0);
	end();
}

/* Over UDP a response of several datagrams; one that is lost is none, and does not disturb the next. */
static void datagrams(void **state)
{
	const struct stats_tc *st;

	(void)state;
	begin(l4proto_UDP, times_from_REQUEST, 2)->app.requests = 3;
	tc_cfgs[0][0].app.raw.resp_bytes = tc_cfgs[1][0].app.raw.resp_bytes = 4000;
	stack.on_wire = slow;
	to_lose = 1;
	start();
	run_ms(1200);
	st = stack_stats(0, 0);
	assert_int_equal(st->resp_lost, 1);
	assert_int_equal(st->responses, 5);
	all_are(TIMES_FIRST, 5, RTT);
	all_are(TIMES_LAST, 5, RTT);
	end();
}

/* Whatever the wire does, each response has a time, and none is counted twice. */
static void a_bad_wire_loses_no_sample(void **state)
{
	(void)state;
	for (uint32_t udp = 0; udp < 2; udp++) {
		const struct stats_tc *st;

		begin(udp ? l4proto_UDP : l4proto_TCP, times_from_REQUEST, 32)->app.requests = 0;
		tc_cfgs[0][0].app.raw.resp_bytes = tc_cfgs[1][0].app.raw.resp_bytes = 4000;
		stack.lose = stack.twice = stack.late = 20;
		start();
		run_ms(1500);
		st = stack_stats(0, 0);
		assert_true(st->responses > 1000);
		assert_int_equal(part(TIMES_LAST)->samples, st->responses);
		assert_int_equal(hist_count(&part(TIMES_LAST)->hist), st->responses);
		assert_true(part(TIMES_FIRST)->samples >= st->responses);
		assert_true(part(TIMES_FIRST)->samples <= st->requests + 32);
		assert_true(part(TIMES_FIRST)->min_ns <= part(TIMES_LAST)->min_ns);
		assert_true(part(TIMES_FIRST)->sum_ns <= part(TIMES_LAST)->sum_ns);
		stack.lose = stack.twice = stack.late = 0;
		end();
	}
}

/* by hand, against a server of the test's */

static struct peer_seg to_client; /* what the server's next segment is made of */

/* The one session's SYN is answered and its request is there, at once. */
static void hand_open(uint16_t wnd)
{
	struct peer_seg got;

	assert_true(peer_take(0, &got));
	assert_int_equal(got.flags, TCP_SYN);
	to_client = (struct peer_seg){.sport = 80,
		.dport = got.sport,
		.seq = 7000,
		.ack = got.seq + 1,
		.flags = TCP_SYN | TCP_ACK,
		.wnd = wnd};
	peer_send(0, &to_client);
	stack_run_us(TURN_US);
	to_client.seq++;
	to_client.flags = TCP_ACK;
	while (peer_take(0, &got))
		to_client.ack = got.seq + got.len;
}

static void hand_say(const char *text, uint8_t flags)
{
	struct peer_seg got;

	to_client.len = (uint32_t)strlen(text);
	to_client.data = text;
	to_client.flags = TCP_ACK | flags;
	peer_send(0, &to_client);
	stack_run_us(TURN_US);
	to_client.seq += to_client.len + !!(flags & TCP_FIN);
	while (peer_take(0, &got))
		to_client.ack = got.seq + got.len + !!(got.flags & TCP_FIN);
}

static void hand_begin(enum app_kind kind)
{
	struct tc_config *c = begin(l4proto_TCP, times_from_REQUEST, 1);

	tc_cfgs[1][0].kind = tc_kind_NONE;
	c->app.kind = kind;
	stack.wired = false;
}

/* The first byte is one, the last never came: and the next life of the session does not get it. */
static void reset_in_a_response(void **state)
{
	(void)state;
	hand_begin(app_kind_RAW);
	tc_cfgs[0][0].downtime_s = 1;
	start();
	hand_open(65535);
	stack_run_us(100 * TURN_US);
	hand_say("half of it", 0);
	all_are(TIMES_FIRST, 1, 101 * TURN_US * UINT64_C(1000));
	hand_say("", TCP_RST);
	assert_int_equal(stack_stats(0, 0)->failed_rst, 1);
	all_are(TIMES_LAST, 0, 0);
	stack_run_ms(1100);
	hand_open(65535);
	all_are(TIMES_FIRST, 1, 101 * TURN_US * UINT64_C(1000));
	hand_say("123456789012345678901234567890123456789012345678901234567890123456789012345678901"
		 "2345"
		 "678901234567890",
		0);
	all_are(TIMES_LAST, 1, TURN_US * UINT64_C(1000));
	end();
}

/* An interim response is the first of its answer, not the end; without a length FIN is. */
static void http_ends_with_its_connection(void **state)
{
	(void)state;
	hand_begin(app_kind_HTTP);
	start();
	hand_open(65535);
	stack_run_us(9 * TURN_US);
	hand_say("HTTP/1.1 100 Continue\r\n\r\n", 0);
	all_are(TIMES_FIRST, 1, 10 * TURN_US * UINT64_C(1000));
	stack_run_us(9 * TURN_US);
	hand_say("HTTP/1.1 200 OK\r\n\r\nbody", 0);
	stack_run_us(9 * TURN_US);
	all_are(TIMES_LAST, 0, 0);
	hand_say("", TCP_FIN);
	assert_int_equal(stack_stats(0, 0)->responses, 1);
	all_are(TIMES_FIRST, 1, 10 * TURN_US * UINT64_C(1000));
	all_are(TIMES_LAST, 1, 30 * TURN_US * UINT64_C(1000));
	end();
}

/* A response that comes before its request is out altogether; the next request begins only then. */
static void answered_before_it_is_asked(void **state)
{
	(void)state;
	hand_begin(app_kind_HTTP);
	tc_cfgs[0][0].app.requests = 2;
	tc_cfgs[0][0].app.http.method = http_method_POST;
	tc_cfgs[0][0].app.http.body_bytes = 5000;
	start();
	hand_open(1000);
	hand_say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0);
	all_are(TIMES_LAST, 1, TURN_US * UINT64_C(1000));
	for (int i = 0; i < 200 && stack_stats(0, 0)->requests < 2; i++) {
		to_client.wnd = 20000;
		hand_say("", 0);
	}
	assert_int_equal(stack_stats(0, 0)->requests, 2);
	hand_say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 0);
	assert_int_equal(stack_stats(0, 0)->responses, 2);
	assert_int_equal(part(TIMES_FIRST)->samples, 2);
	assert_int_equal(part(TIMES_LAST)->samples, 2);
	assert_in_range(part(TIMES_LAST)->max_ns, 1, 10 * TURN_US * UINT64_C(1000));
	end();
}

/* What was before a reader's clear is no longer in it, nor are its extremes. */
static void since_a_baseline(void **state)
{
	struct baseline b = {0};
	struct times_total t;

	(void)state;
	reopening(1);
	stack.on_wire = slow;
	to_lose = 1; /* the first takes longer */
	start();
	run_ms(70);
	assert_int_equal(part(TIMES_LAST)->samples, 1);
	assert_int_equal(baseline_take(&b, stack.seg, 0, 2, true), 0);
	baseline_sum_times(&b, stack.seg, 0, 0, &t);
	assert_int_equal(t.of[TIMES_LAST].samples, 0);
	assert_int_equal(t.of[TIMES_LAST].sum_ns, 0);
	assert_true(t.of[TIMES_FIRST].min_ns == UINT64_MAX && t.of[TIMES_FIRST].max_ns == 0);
	run_ms(100);
	baseline_sum_times(&b, stack.seg, 0, 0, &t);
	assert_int_equal(t.of[TIMES_LAST].samples, part(TIMES_LAST)->samples - 1);
	assert_int_equal(t.of[TIMES_LAST].sum_ns, t.of[TIMES_LAST].samples * 2 * RTT);
	assert_int_equal(t.of[TIMES_LAST].min_ns, 2 * RTT);
	assert_int_equal(hist_bucket(t.of[TIMES_LAST].max_ns), hist_bucket(2 * RTT));
	baseline_free(&b);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_delays_are_measured),
		cmocka_unit_test(each_response_or_the_first),
		cmocka_unit_test(a_lost_syn_is_in_it),
		cmocka_unit_test(a_reopened_session_begins_anew),
		cmocka_unit_test(waiting_to_send_is_not_in_it),
		cmocka_unit_test(off_counts_nothing),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(a_bad_wire_loses_no_sample),
		cmocka_unit_test(reset_in_a_response),
		cmocka_unit_test(http_ends_with_its_connection),
		cmocka_unit_test(answered_before_it_is_asked),
		cmocka_unit_test(since_a_baseline),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
