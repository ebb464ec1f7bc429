/* Test cases on a worker: rates, restarts, UDP, pools that run dry, a bad wire. */
#include "test/unit/stack.h"
#include "test/unit/world.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include <stdlib.h>
#include <string.h>

/* A server on port 1 and a client of n sessions on port 0, RAW. */
static struct tc_config *pair(enum l4proto proto, uint32_t n, uint32_t req, uint32_t resp)
{
	struct tc_config *c = stack_tc(1, 0, proto, 0);

	c->app.raw = (struct raw_config){.req_bytes = req, .resp_bytes = resp};
	c = stack_tc(0, 0, proto, n);
	c->app.raw = (struct raw_config){.req_bytes = req, .resp_bytes = resp};
	return c;
}

static void close_rate_0_is_never(void **state)
{
	struct tc_config *c;

	(void)state;
	stack_begin(256, 16, 2048);
	c = pair(l4proto_TCP, 10, 1, 1);
	c->uptime_s = 1;
	c->rate_close = 0;
	c->rate_send = 10;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(3000);
	assert_int_equal(stack_stats(0, 0)->estab_now, 10);
	assert_int_equal(stack_stats(0, 0)->closed, 0);
	stack_end();
}

/* Nothing could be closed for five seconds: that is no reason for a burst, nor for saying "behind".
 */
static void idle_time_earns_no_burst(void **state)
{
	struct tc_config *c;

	(void)state;
	stack_begin(512, 16, 4096);
	c = pair(l4proto_TCP, 200, 1, 1);
	c->uptime_s = 5;
	c->rate_close = 100;
	c->rate_send = 10;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(5000 + 500);
	assert_in_range(stack_stats(0, 0)->closed, 45, 52);
	assert_int_equal(stack_stats(0, 0)->behind_close, 0);
	stack_run_ms(1000);
	assert_in_range(stack_stats(0, 0)->closed, 145, 152);
	stack_end();
}

static void open_rate_is_kept_from_one_a_second_on(void **state)
{
	static const uint32_t rates[] = {1, 7, 1000, 50000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		struct tc_config *c;

		stack_begin(200 * 1024, 16, 4096);
		c = pair(l4proto_TCP, 60000, 0, 0);
		c->rate_open = rates[i];
		stack_start(1, 0);
		stack_start(0, 0);
		stack_run_ms(100);
		for (uint32_t s = 1; s <= 1; s++) {
			uint64_t was = stack_stats(0, 0)->opened, now;

			stack_run_ms(1000);
			now = stack_stats(0, 0)->opened - was;
			assert_in_range(now, rates[i] - rates[i] / 100,
				rates[i] + rates[i] / 100 + (rates[i] < 100));
		}
		assert_int_equal(stack_stats(0, 0)->behind_open, 0);
		stack_end();
	}
}

static void client_restarts_beside_a_running_server(void **state)
{
	(void)state;
	stack_begin(4096, 64, 4096);
	pair(l4proto_TCP, 1000, 10, 10);
	stack_start(1, 0);
	for (int i = 0; i < 20; i++) {
		stack_start(0, 0);
		stack_run_ms(20);
		assert_int_equal(stack_stats(0, 0)->estab_now, 1000);
		stack_stop(0, 0);
	}
	stack_end();
}

static void udp_abort_is_counted_once(void **state)
{
	(void)state;
	stack_begin(64, 64, 2048);
	stack.wired = false;
	pair(l4proto_UDP, 1, 1, 1);
	stack_start(1, 0);
	peer_datagram(1, 5, 80, 1000); /* a thousand requests that nobody waits for */
	stack_run_us(50);
	assert_int_equal(stack_stats(1, 0)->failed_app, 1);
	assert_int_equal(stack_stats(1, 0)->closed, 0);
	stack_check_sums();
	stack_end();
}

static void udp_without_a_neighbour_does_not_spin(void **state)
{
	struct tc_config *c;

	(void)state;
	stack_begin(64, 256, 2048);
	stack.wired = false;
	c = pair(l4proto_UDP, 100, 10, 10);
	c->dst.lo = c->dst.hi = ip4_addr(CLIENT_IP + 77); /* nobody there */
	stack_start(0, 0);
	stack_run_ms(4000);
	assert_in_range(stack_port(0)->drop.no_neighbour, 100, 100 * 25);
	assert_in_range(stack_port(0)->arp.tx_req, 10, 25);
	assert_int_equal(stack_stats(0, 0)->estab, 0); /* nothing went out */
	stack_stop(0, 0);
	assert_int_equal(stack_stats(0, 0)->closed, 0);
	assert_int_equal(stack_stats(0, 0)->failed_stop, 100);
	stack_end();
}

static void udp_request_that_came_in_part_is_not_answered_later(void **state)
{
	(void)state;
	stack_begin(64, 64, 2048);
	stack.wired = false;
	pair(l4proto_UDP, 1, 2000, 10);
	stack_start(1, 0);
	peer_datagram(1, 5, 80, 1472);
	stack_run_ms(5000);
	peer_datagram(1, 5, 80, 1472);
	stack_run_ms(1);
	assert_int_equal(stack_stats(1, 0)->requests, 0);
	peer_datagram(1, 5, 80, 528);
	stack_run_ms(1);
	assert_int_equal(stack_stats(1, 0)->requests, 1);
	stack_end();
}

static void clients_are_not_up_before_their_init_is_over(void **state)
{
	struct tc_config *c;

	(void)state;
	stack_begin(64, 16, 2048);
	c = pair(l4proto_TCP, 10, 10, 10);
	c->init_s = 1;
	c->rate_open = 0;
	stack_start(0, 0);
	stack_run_ms(900);
	assert_int_equal(stack_stats(0, 0)->up, 0);
	stack_run_ms(200);
	assert_int_equal(stack_stats(0, 0)->up, 10);
	stack_stop(0, 0);
	assert_int_equal(stack_stats(0, 0)->up, 0);
	stack_end();
}

static void session_that_reopens_counts_once(void **state)
{
	struct tc_config *c;

	(void)state;
	stack_begin(64, 16, 2048);
	c = pair(l4proto_TCP, 5, 10, 10);
	c->dport.hi = 81; /* nobody is there: 5 of 10 can come up */
	c->uptime_s = 1;
	c->downtime_s = 0;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(3500);
	assert_true(stack_stats(0, 0)->estab > 10);
	assert_int_equal(stack_stats(0, 0)->estab_once, 5);
	stack_end();
}

static void thousands_of_neighbours_are_known_at_once(void **state)
{
	static const uint32_t from[] = {0x0a000100, 0x0a7fff00}; /* the other across octets */

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(from); k++) {
		struct tc_config *c;

		stack_begin(8192, 16, 8192);
		for (int i = 0; i < 2; i++)
			port_l3[i].intf[0].mask = ip4_addr(0xff000000);
		c = pair(l4proto_TCP, 1, 10, 10);
		c->src.lo = ip4_addr(from[k]);
		c->src.hi = ip4_addr(from[k] + 1999);
		stack_start(1, 0);
		stack_start(0, 0);
		stack_run_ms(5000);
		assert_int_equal(stack_stats(0, 0)->estab_now, 2000);
		assert_int_equal(stack_port(1)->arp.full, 0);
		stack_end();
	}
}

static uint32_t lose_next;
static bool lose_one(uint16_t port, struct rte_mbuf *m)
{
	if (port != 0 || m->data_len < 1000 || lose_next == 0)
		return false;
	lose_next--;
	return true;
}

/* One segment is lost: one is sent again, and no time is lost. */
static void loss_costs_one_retransmission(uint32_t ms_before)
{
	struct tc_config *c;
	uint64_t before;

	stack_begin(64, 16, 4096);
	c = pair(l4proto_TCP, 1, 1000000000, 0);
	c->tcp.rto_ms = 10000;
	stack_start(1, 0);
	stack_start(0, 0);
	stack.on_wire = lose_one;
	stack_run_ms(ms_before);
	before = stack_stats(1, 0)->rx_bytes;
	lose_next = 1;
	stack_run_ms(45);
	assert_int_equal(lose_next, 0);
	assert_int_equal(stack_port(0)->tsm.retrans_pkts, 1);
	assert_true(stack_stats(1, 0)->rx_bytes - before > 10000000);
	stack_end();
}

static void window_behind_a_lost_segment_is_kept(void **state)
{
	(void)state;
	loss_costs_one_retransmission(200);
}

static void loss_behind_two_gigabytes_is_recovered_at_once(void **state)
{
	(void)state;
	loss_costs_one_retransmission(3000);
}

static void udp_answer_that_is_lost_does_not_silence_a_client(void **state)
{
	(void)state;
	stack_begin(64, 64, 2048);
	pair(l4proto_UDP, 1, 10, 10)->rate_send = 1000;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(100);
	stack.lose = 1000;
	stack_run_ms(10);
	stack.lose = 0;
	stack_run_ms(2000);
	assert_in_range(stack_stats(0, 0)->resp_lost, 1, 2);
	assert_in_range(stack_stats(0, 0)->responses, 900, 1500);
	assert_in_range(stack_stats(0, 0)->requests - stack_stats(0, 0)->responses
			- stack_stats(0, 0)->resp_lost,
		0, 1);
	stack_end();
}

static void pool_that_is_too_small_is_said_once_and_used_whole(void **state)
{
	(void)state;
	stack_begin(64, 16, 2048);
	pair(l4proto_TCP, 100, 10, 10);
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(1000);
	assert_int_equal(pool_n_free(&stack.lc->tcbs), 0);
	assert_true(stack_stats(0, 0)->no_tcb + stack_stats(1, 0)->no_tcb > 0);
	stack_end();
}

/* What a retransmission says must be what was said before. */

#define STREAM_MAX 65536
static struct stream {
	uint32_t iss;
	uint8_t known[STREAM_MAX], byte[STREAM_MAX];
} * streams; /* by client port and direction */

static struct stream *stream_of(uint16_t port, const struct tcp_hdr *th)
{
	uint16_t p = rte_be_to_cpu_16(port == 0 ? th->sport_be16 : th->dport_be16);

	return &streams[(p - 1000) * 2 + port];
}

static bool compare_bytes(uint16_t port, struct rte_mbuf *m)
{
	uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);
	struct ip4_hdr *ip = (struct ip4_hdr *)(f + 14);
	struct tcp_hdr *th = (struct tcp_hdr *)(ip + 1);
	uint8_t *data = (uint8_t *)th + (th->off >> 4) * 4;
	uint32_t len = (uint32_t)(f + m->data_len - data), off;
	struct stream *st;

	if (f[12] != 8 || f[13] != 0 || ip->proto != IPPROTO_TCP4)
		return false;
	st = stream_of(port, th);
	if (th->flags & TCP_SYN) {
		uint32_t iss = rte_be_to_cpu_32(th->seq_be32);

		if (iss != st->iss)
			memset(st, 0, sizeof(*st));
		st->iss = iss;
	}
	off = rte_be_to_cpu_32(th->seq_be32) - st->iss;
	for (uint32_t i = 0; i < len && off + i < STREAM_MAX; i++) {
		if (st->known[off + i])
			assert_int_equal(st->byte[off + i], data[i]);
		st->known[off + i] = 1;
		st->byte[off + i] = data[i];
	}
	return false;
}

static void bad_wire(uint32_t seed, uint32_t lose, uint32_t twice, uint32_t late, uint32_t n_mbufs)
{
	struct tc_config *c;

	stack_begin(256, 16, n_mbufs);
	stack.rng = seed;
	stack.lose = lose;
	stack.twice = twice;
	stack.late = late;
	stack.on_wire = compare_bytes;
	streams = calloc(2 * 64, sizeof(*streams));
	c = stack_tc(1, 0, l4proto_TCP, 0);
	c->app.kind = app_kind_HTTP;
	c->app.http.status = http_status_OK_200;
	c->app.http.body_bytes = 9000 + seed % 5000;
	c->tcp.ack_delay = seed & 1;
	c->tcp.win_size = seed & 2 ? 65535 : 4000;
	c = stack_tc(0, 0, l4proto_TCP, 50);
	c->app.kind = app_kind_HTTP;
	c->app.http.body_bytes = seed & 4 ? 3000 : 0;
	c->app.requests = 3;
	c->downtime_s = 0;
	c->tcp.ack_delay = seed & 1;
	c->tcp.rto_ms = 20;
	tc_cfgs[1][0].tcp.rto_ms = 20;
	for (uint16_t port = 0; port < 2; port++) {
		struct tcp_options *o = &tc_cfgs[port][0].tcp;

		o->ts = o->ecn = seed / 8 & 1;
		o->sack = !(seed / 16 & 1);
		o->wscale = o->sack || seed & 1;
		o->congestion = seed % 3;
		o->mss = seed & 8 ? 500 + seed : 0;
		o->ack_on_data = seed / 4 % 4 != port;
		o->fin_on_data = seed / 8 % 4 != port;
	}
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(4000);
	assert_true(stack_stats(0, 0)->closed > 50);
	assert_int_equal(stack_stats(0, 0)->failed_app, 0);
	assert_int_equal(stack_stats(1, 0)->failed_app, 0);
	assert_int_equal(stack_stats(0, 0)->failed_rst, 0);
	stack.lose = stack.twice = stack.late = 0;
	stack_end();
	free(streams);
}

static void every_byte_is_rebuilt_as_it_was(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed < 32; seed++)
		bad_wire(seed, 30, 20, 30, 4096);
}

/* More sessions than a port has room for: requests wait, before they are sent; answers do not wait
 * behind them. */
static void answers_do_not_wait_behind_requests(void **state)
{
	uint32_t asking = 0, answering = 0;

	(void)state;
	stack_begin(2 * 4096, 16, 16384);
	stack.room = 256;
	pair(l4proto_TCP, 4000, 100, 1000);
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(50);
	for (uint32_t i = 0; i < 100; i++) {
		stack_run_us(50);
		asking = MAX_OF(asking, stack.lc->lports[0].blocked.n);
		answering = MAX_OF(answering, stack.lc->lports[1].blocked.n);
	}
	assert_in_range(asking, 3000, 4000);
	assert_in_range(answering, 0, 500);
	/* requests that still wait are not sent any more, so that closing is quick */
	asking = (uint32_t)stack_stats(0, 0)->requests;
	stack_stop(0, 0);
	assert_in_range(stack_stats(0, 0)->requests - asking, 0, 1000);
	assert_int_equal(stack_stats(0, 0)->closed, 4000);
	assert_int_equal(stack_stats(0, 0)->requests, stack_stats(0, 0)->responses);
	stack_end();
}

/* As fast as they come up they ask, and are answered: openings and requests share the port. */
static void openings_leave_room_for_requests(void **state)
{
	const uint32_t half = 20000;

	(void)state;
	stack_begin(4 * half + 64, 16, 16384);
	stack.room = 1024;
	pair(l4proto_TCP, 2 * half, 16, 16);
	stack_start(1, 0);
	stack_start(0, 0);
	for (uint32_t i = 0; stack_stats(0, 0)->estab_now < half; i++) {
		assert_true(i < 10000);
		stack_run_us(50);
	}
	assert_in_range(stack_stats(0, 0)->estab_now, half, 2 * half - 1000);
	assert_in_range(stack_stats(0, 0)->responses, half / 5, 4 * half);
	stack_stop(0, 0);
	stack_run_ms(100); /* the queue forgets those that wanted to ask */
	stack_end();
}

static void uptimes_that_end_together_wait_for_room(void **state)
{
	struct tc_config *c;

	(void)state;
	stack_begin(2 * 4096, 16, 16384);
	stack.room = 64;
	c = pair(l4proto_TCP, 4000, 0, 0);
	c->uptime_s = 1;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(1500);
	assert_int_equal(stack_stats(0, 0)->closed, 4000);
	assert_int_equal(stack_port(0)->drop.tx_full, 0);
	assert_int_equal(stack_port(0)->tsm.retrans_pkts, 0);
	stack_end();
}

static uint64_t stopped_tsc;

/* The FIN of the first session comes through after 0.6 s, that of the second after 1.2 s. */
static bool late_fin(uint16_t port, struct rte_mbuf *m)
{
	const uint8_t *f = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t sport = f[34] * 256u + f[35];

	return port == 0 && f[12] == 8 && f[13] == 0 && (f[47] & TCP_FIN)
		&& stack.tsc - stopped_tsc < (sport - 999) * 6 * (WORLD_HZ / 10);
}

static void grace_time_goes_on_while_sessions_close(void **state)
{
	(void)state;
	stack_begin(256, 16, 2048);
	pair(l4proto_TCP, 2, 0, 0);
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(100);
	stack.on_wire = late_fin;
	stopped_tsc = stack.tsc;
	stack_stop(0, 0); /* with a grace time of 1 s */
	assert_int_equal(stack_stats(0, 0)->closed, 2);
	assert_int_equal(stack_stats(0, 0)->failed_stop, 0);
	stack_end();
}

static void few_buffers_on_a_bad_wire_do_not_lock_up(void **state)
{
	(void)state;
	bad_wire(9, 50, 20, 50, 256);
}

/* More sessions have something to say than there is room for: what waits takes its ACK along. */
static void what_waits_for_room_takes_its_ack_along(void **state)
{
	struct stats_tcp was;
	uint64_t data, ctrl;

	(void)state;
	stack_begin(4096, 16, 8192);
	pair(l4proto_TCP, 1500, 64, 64);
	stack.room = 128;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(100);
	assert_int_equal(stack_stats(0, 0)->estab_now, 1500);
	was = stack_port(0)->tcp;
	stack_run_ms(100);
	data = stack_port(0)->tcp.tx_data_pkts - was.tx_data_pkts;
	ctrl = stack_port(0)->tcp.tx_ctrl_pkts - was.tx_ctrl_pkts;
	assert_true(data > 50000);
	assert_true(ctrl < data / 100);
	assert_int_equal(stack_port(0)->tsm.retrans_pkts + stack_port(1)->tsm.retrans_pkts, 0);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_waits_for_room_takes_its_ack_along),
		cmocka_unit_test(close_rate_0_is_never),
		cmocka_unit_test(idle_time_earns_no_burst),
		cmocka_unit_test(open_rate_is_kept_from_one_a_second_on),
		cmocka_unit_test(client_restarts_beside_a_running_server),
		cmocka_unit_test(udp_abort_is_counted_once),
		cmocka_unit_test(udp_without_a_neighbour_does_not_spin),
		cmocka_unit_test(udp_request_that_came_in_part_is_not_answered_later),
		cmocka_unit_test(clients_are_not_up_before_their_init_is_over),
		cmocka_unit_test(session_that_reopens_counts_once),
		cmocka_unit_test(thousands_of_neighbours_are_known_at_once),
		cmocka_unit_test(window_behind_a_lost_segment_is_kept),
		cmocka_unit_test(loss_behind_two_gigabytes_is_recovered_at_once),
		cmocka_unit_test(udp_answer_that_is_lost_does_not_silence_a_client),
		cmocka_unit_test(pool_that_is_too_small_is_said_once_and_used_whole),
		cmocka_unit_test(every_byte_is_rebuilt_as_it_was),
		cmocka_unit_test(answers_do_not_wait_behind_requests),
		cmocka_unit_test(openings_leave_room_for_requests),
		cmocka_unit_test(uptimes_that_end_together_wait_for_room),
		cmocka_unit_test(grace_time_goes_on_while_sessions_close),
		cmocka_unit_test(few_buffers_on_a_bad_wire_do_not_lock_up),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
