/* TCP against a peer of the test's own, segment by segment, and both ends over a wire with mishaps.
 * Tests are named after the symptom that once was, or the clause they show. */
#include "test/unit/tcp_peer.h"

#include <rte_mbuf.h>

static void send_text(uint16_t port, struct peer_seg *s, const char *text)
{
	s->data = text;
	s->len = (uint32_t)strlen(text);
	peer_send(port, s);
	s->seq += s->len;
	s->len = 0;
	stack_run_us(50);
}

/* Takes all that came; acknowledges it. Bytes of payload; *flags all that were set. */
static uint32_t drain(uint16_t port, struct peer_seg *s, uint8_t *flags)
{
	struct peer_seg got;
	uint32_t bytes = 0;

	*flags = 0;
	while (peer_take(port, &got)) {
		if (got.seq == s->ack) {
			s->ack += got.len + !!(got.flags & TCP_FIN);
			bytes += got.len;
		}
		*flags |= got.flags;
	}
	return bytes;
}

/* An established connection to the server, the peer's next segment. */
static struct peer_seg peer_up(uint32_t body)
{
	struct peer_seg s = {.sport = 1000, .dport = 80, .wnd = 65535, .flags = TCP_ACK | TCP_PSH};

	peer_server(body);
	stack_start(1, 0);
	s.ack = peer_connect(1000, 5000) + 1;
	s.seq = 5001;
	return s;
}

static void every_hash_is_inserted(void **state)
{
	/* of this tuple the hash was 0 once, which was taken for "not in the table" */
	struct peer_seg s = {
		.sport = 56116, .dport = 80, .seq = 1000, .flags = TCP_SYN, .wnd = 65535};

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	for (uint32_t i = 1; i < 65536; i += 257) {
		s.sport = (uint16_t)i;
		peer_send(1, &s);
		stack_run_us(50);
	}
	peer_flush(1);
	stack_end();
}

static void half_closed_client_gets_its_last_response(void **state)
{
	struct peer_seg s = peer_up(100);
	uint8_t flags;

	(void)state;
	send_text(1, &s, REQUEST REQUEST_CLOSE);
	s.flags = TCP_ACK | TCP_FIN;
	peer_send(1, &s);
	s.seq++;
	s.flags = TCP_ACK;
	for (int i = 0; i < 5; i++) {
		stack_run_us(50);
		if (drain(1, &s, &flags) != 0)
			peer_send(1, &s);
	}
	assert_int_equal(stack_stats(1, 0)->responses, 2);
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(stack_stats(1, 0)->closed, 1);
	stack_end();
}

static void bad_ack_in_syn_received_earns_a_rst(void **state)
{
	struct peer_seg s = peer_syn(1000, NULL, 0), got;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	peer_syn_ack(&s);
	s.ack += 76;
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_RST);
	assert_int_equal(got.seq, s.ack);
	assert_int_equal(stack_port(1)->tsm.in_syn_rcvd, 1); /* RFC 9293 §3.10.7.4: it stays */
	stack_end();
}

static void fin_behind_kept_segments_is_not_forgotten(void **state)
{
	struct peer_seg s = {.sport = 1000, .dport = 80, .wnd = 65535, .flags = TCP_ACK};
	const char text[] = REQUEST;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	s.ack = peer_connect(1000, 5000) + 1;
	s.seq = 5011;
	send_text(1, &s, text + 10);
	s.flags = TCP_ACK | TCP_FIN;
	peer_send(1, &s);
	s.flags = TCP_ACK;
	s.seq = 5001;
	s.data = text;
	s.len = 10;
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(stack_stats(1, 0)->requests, 1);
	assert_int_equal(stack_port(1)->tsm.in_last_ack, 1);
	stack_end();
}

static void rst_is_taken_at_rcv_nxt_only(void **state)
{
	struct peer_seg s = {.sport = 1000, .dport = 80, .wnd = 65535, .flags = TCP_RST}, got;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	s.ack = peer_connect(1000, 5000) + 1;
	s.seq = 4990; /* below, and reaching into the window */
	s.data = REQUEST;
	s.len = 20;
	peer_send(1, &s);
	s.len = 0;
	s.seq = 5002; /* in the window: a challenge ACK, RFC 5961 §3.2 */
	peer_send(1, &s);
	s.seq = 5001 + 100000; /* beyond it */
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_ACK);
	assert_false(peer_take(1, &got));
	s.seq = 5001;
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(stack_stats(1, 0)->failed_rst, 1);
	stack_end();
}

static void syn_in_the_window_earns_a_challenge_ack(void **state)
{
	struct peer_seg s = {.sport = 1000, .dport = 80, .wnd = 65535, .flags = TCP_SYN}, got;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	peer_connect(1000, 5000);
	s.seq = 6000;
	peer_send(1, &s);
	stack_run_us(50);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_ACK);
	assert_int_equal(got.ack, 5001);
	assert_int_equal(stack_port(1)->tcp.tx_chal_ack, 1);
	stack_end();
}

static void syn_to_a_group_is_ignored(void **state)
{
	struct peer_seg s = {.sport = 1000,
				.dport = 80,
				.seq = 1,
				.flags = TCP_SYN,
				.wnd = 65535,
				.group = true},
			got;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	peer_send(1, &s);
	stack_run_us(50);
	assert_false(peer_take(1, &got));
	assert_int_equal(stack_stats(1, 0)->opened, 0);
	stack_end();
}

static void other_vlan_is_another_network(void **state)
{
	struct peer_seg s = {.sport = 1000,
				.dport = 80,
				.seq = 1,
				.flags = TCP_SYN,
				.wnd = 65535,
				.vlan = 7},
			got;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(stack_stats(1, 0)->opened, 0);
	s.vlan = 0;
	peer_send(1, &s);
	stack_run_us(50);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(stack_stats(1, 0)->opened, 1);
	stack_end();
}

static void data_does_not_wait_for_the_rto_of_a_syn(void **state)
{
	struct peer_seg syn = peer_client(), s, got;
	int again = 0;

	(void)state;
	stack_run_ms(8000); /* SYN goes unanswered, its RTO grows to seconds */
	peer_flush(0);
	s = (struct peer_seg){.sport = 80,
		.dport = syn.sport,
		.seq = 9000,
		.ack = syn.seq + 1,
		.wnd = 65535,
		.flags = TCP_SYN | TCP_ACK};
	peer_send(0, &s);
	stack_run_us(100);
	assert_true(peer_take(0, &got)); /* the request, which gets lost */
	assert_true(got.len != 0);
	stack_run_ms(200);
	while (peer_take(0, &got))
		again += got.len != 0;
	assert_true(again >= 1);
	stack_end();
}

/* RFC 9293 §3.8.6.1, and what a kernel does with the probe: it throws the byte away. */
static void shut_window_is_probed_and_its_byte_sent_again(void **state)
{
	struct peer_seg s = {.sport = 1000,
				.dport = 80,
				.wnd = 2 * 536,
				.flags = TCP_ACK | TCP_PSH},
			got;
	uint32_t probes = 0, first;
	uint8_t flags;

	(void)state;
	peer_server(3000);
	stack_start(1, 0);
	s.ack = peer_connect(1000, 5000) + 1;
	s.seq = 5001;
	send_text(1, &s, REQUEST);
	assert_int_equal(drain(1, &s, &flags), 2 * 536); /* of the default MSS */
	s.flags = TCP_ACK;
	s.wnd = 0;
	peer_send(1, &s);
	for (int ms = 0; ms < 400; ms++) {
		stack_run_ms(1);
		while (peer_take(1, &got)) {
			assert_int_equal(got.seq, s.ack);
			assert_int_equal(got.len, 1);
			probes++;
			peer_send(1, &s);
		}
	}
	assert_in_range(probes, 2, 4); /* 50, 100, 200 ms apart */
	s.wnd = 65535;
	peer_send(1, &s);
	stack_run_us(100);
	assert_true(peer_take(1, &got));
	first = got.seq;
	assert_int_equal(first, s.ack);
	assert_true(got.len > 1);
	stack_end();
}

static void rst_before_the_data_arrived_is_a_failure(void **state)
{
	struct peer_seg s = peer_up(5000);

	(void)state;
	s.flags = TCP_ACK | TCP_FIN;
	send_text(1, &s, REQUEST);
	s.seq++;
	peer_flush(1);
	s.flags = TCP_RST;
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(stack_stats(1, 0)->failed_rst, 1);
	assert_int_equal(stack_stats(1, 0)->closed, 0);
	stack_end();
}

static void ack_from_long_ago_is_not_taken(void **state)
{
	struct peer_seg s = peer_up(10), got;

	(void)state;
	s.ack -= 1000000000;
	send_text(1, &s, REQUEST);
	assert_int_equal(stack_stats(1, 0)->requests, 0);
	assert_true(peer_take(1, &got)); /* RFC 5961 §5.2: an ACK says where we are */
	assert_int_equal(got.ack, 5001);
	stack_end();
}

static void ack_of_a_segment_that_fills_a_hole_is_not_delayed(void **state)
{
	struct peer_seg s, got, last = {0};

	(void)state;
	peer_server(10)->tcp.ack_delay = 1;
	stack_start(1, 0);
	s = (struct peer_seg){.sport = 1000, .dport = 80, .wnd = 65535, .flags = TCP_ACK};
	s.ack = peer_connect(1000, 5000) + 1;
	s.seq = 5001 + 8;
	send_text(1, &s, "TTP/");
	s.seq = 5001;
	peer_flush(1);
	send_text(1, &s, "GET ");
	while (peer_take(1, &got))
		last = got;
	assert_int_equal(last.ack, 5005);
	stack_end();
}

static void one_segment_after_a_lost_syn(void **state)
{
	struct peer_seg s = {.sport = 1000, .dport = 80, .seq = 5000, .wnd = 65535}, got;
	uint32_t n = 0;

	(void)state;
	peer_server(100000);
	stack_start(1, 0);
	s.flags = TCP_SYN;
	peer_send(1, &s);
	stack_run_ms(3000);
	assert_true(peer_take(1, &got));
	peer_flush(1); /* the SYN-ACK, and once more */
	s.flags = TCP_ACK | TCP_PSH;
	s.seq++;
	s.ack = got.seq + 1;
	send_text(1, &s, REQUEST);
	while (peer_take(1, &got))
		n += got.len != 0;
	assert_int_equal(n, 1);
	stack_end();
}

static void responses_that_nobody_asked_for_are_refused_in_every_cut(void **state)
{
	struct peer_seg s = {.sport = 80, .dport = 1000, .seq = 9000, .wnd = 65535}, syn;
	uint8_t flags;

	(void)state;
	stack_begin(256, 16, 2048);
	stack.wired = false;
	stack_tc(0, 0, l4proto_TCP, 1)->app.kind = app_kind_HTTP;
	tc_cfgs[0][0].rate_send = 1; /* the next request has to wait */
	stack_start(0, 0);
	stack_run_us(100);
	assert_true(peer_take(0, &syn));
	s.flags = TCP_SYN | TCP_ACK;
	s.ack = syn.seq + 1;
	peer_send(0, &s);
	stack_run_ms(10);
	drain(0, &s, &flags);
	s.seq++;
	s.flags = TCP_ACK;
	for (int i = 0; i < 3; i++)
		send_text(0, &s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
	assert_int_equal(stack_stats(0, 0)->requests, 1);
	assert_int_equal(stack_stats(0, 0)->responses, 1);
	assert_int_equal(stack_port(0)->http.invalid, 1);
	stack_end();
}

static void simultaneous_open_establishes(void **state)
{
	struct peer_seg syn = peer_client(), s, got;

	(void)state;
	s = (struct peer_seg){
		.sport = 80, .dport = syn.sport, .seq = 9000, .wnd = 65535, .flags = TCP_SYN};
	peer_send(0, &s);
	stack_run_us(50);
	assert_true(peer_take(0, &got));
	assert_int_equal(got.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(got.seq, syn.seq);
	assert_int_equal(stack_port(0)->tsm.in_syn_rcvd, 1);
	s = (struct peer_seg){.sport = 80,
		.dport = syn.sport,
		.seq = 9000,
		.ack = syn.seq + 1,
		.wnd = 65535,
		.flags = TCP_SYN | TCP_ACK};
	peer_send(0, &s);
	s.seq = 9001;
	s.flags = TCP_ACK;
	peer_send(0, &s);
	stack_run_us(50);
	assert_int_equal(stack_stats(0, 0)->estab, 1);
	stack_end();
}

static void simultaneous_close_goes_through_closing(void **state)
{
	struct peer_seg s = peer_up(10);
	uint8_t flags;

	(void)state;
	send_text(1, &s, REQUEST_CLOSE);
	drain(1, &s, &flags);
	assert_true(flags & TCP_FIN);
	s.ack--; /* our FIN crosses theirs */
	s.flags = TCP_ACK | TCP_FIN;
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(stack_port(1)->tsm.in_closing, 1);
	s.seq++;
	s.ack++;
	s.flags = TCP_ACK;
	peer_send(1, &s);
	stack_run_us(50);
	assert_int_equal(stack_port(1)->tsm.in_time_wait, 1);
	assert_int_equal(stack_stats(1, 0)->closed, 1);
	stack_check_sums(); /* closed, and no longer open, from TIME-WAIT on */
	stack_run_ms(600);
	assert_int_equal(stack_port(1)->tsm.in_time_wait, 0);
	stack_end();
}

static void fin_again_restarts_time_wait_and_a_new_syn_ends_it(void **state)
{
	struct peer_seg s = peer_up(10), got;
	uint8_t flags;

	(void)state;
	send_text(1, &s, REQUEST_CLOSE);
	drain(1, &s, &flags);
	s.flags = TCP_ACK | TCP_FIN;
	peer_send(1, &s);
	stack_run_ms(400);
	assert_int_equal(stack_port(1)->tsm.in_time_wait, 1);
	peer_flush(1);
	peer_send(1, &s); /* our ACK of it was lost */
	stack_run_ms(400);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, s.seq + 1);
	assert_int_equal(stack_port(1)->tsm.in_time_wait, 1);
	peer_connect(1000, s.seq + 1000);
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	stack_end();
}

/* RFC 5681 §3.2 with the recovery of RFC 6582: one lost segment costs one segment. */
static void third_duplicate_ack_sends_the_lost_one_only(void **state)
{
	struct peer_seg s = peer_up(30000), got;
	uint32_t next, n = 0, old = 0;

	(void)state;
	send_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
	assert_true(peer_take(1, &got)); /* lost */
	next = got.seq + got.len;
	while (peer_take(1, &got)) {
		next = got.seq + got.len;
		peer_send(1, &s); /* a duplicate for each that follows */
		n++;
	}
	assert_int_equal(n, 9); /* initial window of ten */
	stack_run_us(50);
	while (peer_take(1, &got)) {
		if (got.seq == s.ack)
			old++;
		else
			assert_int_equal((int32_t)(got.seq - next) >= 0, 1);
	}
	assert_int_equal(old, 1);
	assert_int_equal(stack_port(1)->tsm.retrans_pkts, 1);
	stack_end();
}

static void reopened_session_counts_on_from_where_it_was(void **state)
{
	struct tc_config *c;

	(void)state;
	stack_begin(256, 16, 4096);
	c = stack_tc(1, 0, l4proto_TCP, 0);
	c->app.kind = app_kind_HTTP;
	c->app.http.status = http_status_OK_200;
	c = stack_tc(0, 0, l4proto_TCP, 4);
	c->app.kind = app_kind_HTTP;
	c->app.http.body_bytes = 20000; /* more than the clock of RFC 6528 advances meanwhile */
	c->app.requests = 5;
	c->downtime_s = 0;
	tc_cfgs[1][0].app.requests = 5; /* the server closes, and has TIME-WAIT */
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(1000);
	assert_true(stack_stats(0, 0)->closed > 100);
	assert_int_equal(stack_port(0)->tsm.retrans_pkts, 0);
	stack_end();
}

/* Several messages in flight: what is sent again may begin in one before the last. */
static void pipelined_responses_are_rebuilt(void **state)
{
	struct peer_seg s = {.sport = 1000, .dport = 80, .wnd = 65535, .flags = TCP_ACK | TCP_PSH},
			got;
	static uint8_t first[8192], again[8192];
	uint32_t n = 0, base;

	(void)state;
	peer_server(1000);
	stack_start(1, 0);
	s.ack = base = peer_connect(1000, 5000) + 1;
	s.seq = 5001;
	send_text(1, &s, REQUEST REQUEST REQUEST);
	while (peer_take(1, &got)) {
		memcpy(first + (got.seq - base), got.data, got.len);
		n += got.len;
	}
	assert_true(n > 3000);
	s.flags = TCP_ACK; /* of nothing: all was lost */
	for (int ms = 0; ms < 500; ms++) {
		stack_run_ms(1);
		while (peer_take(1, &got)) {
			memcpy(again + (got.seq - base), got.data, got.len);
			if (got.seq == s.ack)
				s.ack += got.len;
			peer_send(1, &s);
		}
	}
	assert_int_equal(s.ack - base, n);
	assert_memory_equal(first, again, n);
	stack_end();
}

static void kept_segments_leave_buffers_for_the_missing_ones(void **state)
{
	struct peer_seg s = {
		.dport = 80, .wnd = 65535, .flags = TCP_ACK, .data = REQUEST, .len = 10};
	uint32_t ack[200];

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	for (uint16_t i = 0; i < 200; i++)
		ack[i] = peer_connect(1000 + i, 5000) + 1;
	for (uint32_t k = 1; k <= 14; k++) {
		for (uint16_t i = 0; i < 200; i++) {
			s.sport = 1000 + i;
			s.ack = ack[i];
			s.seq = 5001 + k * 10;
			peer_send(1, &s);
			if (i % 50 == 0)
				stack_run_us(50);
			peer_flush(1);
		}
	}
	stack_run_us(100);
	peer_flush(1);
	assert_in_range(stack.lc->n_kept, 400, 2048 / 4);
	assert_true(stack_port(1)->drop.tcp_ooo_full > 0);
	stack_end();
}

static void syn_flood_empties_the_pool_and_nothing_else(void **state)
{
	struct peer_seg s = {.dport = 80, .seq = 7, .flags = TCP_SYN, .wnd = 65535};

	(void)state;
	peer_server(0)->tcp.syn_ack_retry = 1;
	stack_start(1, 0);
	for (uint16_t i = 0; i < 1000; i++) {
		s.sport = 2000 + i;
		peer_send(1, &s);
		if (i % 32 == 0)
			stack_run_us(50);
	}
	stack_run_ms(1);
	assert_int_equal(stack_stats(1, 0)->no_tcb, 1000 - 256);
	stack_run_ms(500);
	peer_flush(1);
	assert_int_equal(stack_stats(1, 0)->failed_syn, 256);
	peer_connect(1000, 5000);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_hash_is_inserted),
		cmocka_unit_test(half_closed_client_gets_its_last_response),
		cmocka_unit_test(bad_ack_in_syn_received_earns_a_rst),
		cmocka_unit_test(fin_behind_kept_segments_is_not_forgotten),
		cmocka_unit_test(rst_is_taken_at_rcv_nxt_only),
		cmocka_unit_test(syn_in_the_window_earns_a_challenge_ack),
		cmocka_unit_test(syn_to_a_group_is_ignored),
		cmocka_unit_test(other_vlan_is_another_network),
		cmocka_unit_test(data_does_not_wait_for_the_rto_of_a_syn),
		cmocka_unit_test(shut_window_is_probed_and_its_byte_sent_again),
		cmocka_unit_test(simultaneous_open_establishes),
		cmocka_unit_test(rst_before_the_data_arrived_is_a_failure),
		cmocka_unit_test(ack_from_long_ago_is_not_taken),
		cmocka_unit_test(ack_of_a_segment_that_fills_a_hole_is_not_delayed),
		cmocka_unit_test(one_segment_after_a_lost_syn),
		cmocka_unit_test(responses_that_nobody_asked_for_are_refused_in_every_cut),
		cmocka_unit_test(simultaneous_close_goes_through_closing),
		cmocka_unit_test(fin_again_restarts_time_wait_and_a_new_syn_ends_it),
		cmocka_unit_test(third_duplicate_ack_sends_the_lost_one_only),
		cmocka_unit_test(reopened_session_counts_on_from_where_it_was),
		cmocka_unit_test(pipelined_responses_are_rebuilt),
		cmocka_unit_test(kept_segments_leave_buffers_for_the_missing_ones),
		cmocka_unit_test(syn_flood_empties_the_pool_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
