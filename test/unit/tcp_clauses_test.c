/* Clauses of RFC 9293, one or some a test, on the wire between the engine and a peer of the test's;
 * doc/tcp-conformance.md says which. */
#include "test/unit/tcp_peer.h"

static uint32_t isn_for(uint16_t sport)
{
	struct peer_seg s = peer_syn(sport, NULL, 0), got = peer_syn_ack(&s);

	s.seq = 5001; /* away again, so that the tuple is free */
	s.flags = TCP_RST;
	peer_say(1, &s);
	return got.seq;
}

static void initial_sequence_numbers_follow_the_clock(void **state)
{
	uint32_t first, ms = 3000;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	first = isn_for(1000);
	stack_run_ms(ms);
	/* RFC 9293 §3.4.1: one for every 4 us */
	assert_in_range(isn_for(1000) - first, ms * 1000 / 4, ms * 1000 / 4 + 100);
	assert_not_in_range(isn_for(1001) - first, 0, 2 * ms * 1000 / 4);
	stack_end();
}

static void options_that_it_does_not_know_are_skipped(void **state)
{
	/* an experiment, one nobody has assigned, NOP, and the end before rubbish */
	static const uint8_t soup[] = {253, 6, 1, 2, 3, 4, 1, 199, 3, 9, 1, 0, 77, 99, 255, 2};
	struct peer_seg s = peer_up_mss(10, 0), got;

	(void)state;
	s.opts = soup;
	s.opts_len = sizeof(soup);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	assert_int_equal(peer_count(1, &s.ack, &got), 1);
	assert_int_equal(got.ack, s.seq);
	s.flags = TCP_ACK; /* of the response, with them as well */
	peer_say(1, &s);
	stack_run_ms(500);
	assert_int_equal(peer_count(1, NULL, NULL), 0);
	assert_int_equal(stack_stats(1, 0)->requests, 1);
	stack_end();
}

static void illegal_option_lengths_do_no_harm(void **state)
{
	/* length 0, 1, behind the end, cut off after the kind; an MSS of the wrong length */
	static const uint8_t bad[][4] = {{2, 0, 1, 0}, {2, 1, 1, 0}, {2, 40, 1, 0}, {1, 1, 1, 2},
		{2, 3, 1, 0}, {3, 2, 14, 0}};
	struct peer_seg s, got;
	uint32_t end;

	(void)state;
	peer_server(2000);
	stack_start(1, 0);
	for (uint16_t i = 0; i < ARRAY_SIZE(bad); i++) {
		s = peer_syn(1000 + i, bad[i], 4);
		peer_syn_ack(&s);
		s.flags = TCP_ACK | TCP_PSH;
		s.opts_len = 4; /* in a data segment too */
		end = s.ack;
		peer_text(1, &s, REQUEST);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.len, 536); /* nothing of it was taken for an MSS */
		peer_count(1, &end, NULL);
		assert_true(end - s.ack > 2000);
		s.flags = TCP_RST;
		s.opts_len = 0;
		peer_say(1, &s);
	}
	assert_int_equal(stack_stats(1, 0)->requests, ARRAY_SIZE(bad));
	stack_end();
}

static void options_need_no_alignment(void **state)
{
	static const uint8_t mss[] = {1, 2, 4, 3, 232, 1, 1, 3, 3, 7, 0, 0}; /* 1000, shift 7 */
	struct peer_seg s, got;

	(void)state;
	peer_server(5000);
	stack_start(1, 0);
	s = peer_syn(1000, mss, sizeof(mss));
	peer_syn_ack(&s);
	s.flags = TCP_ACK | TCP_PSH;
	s.wnd = 24; /* of 128 */
	peer_text(1, &s, REQUEST);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.len, 1000);
	assert_int_equal(peer_count(1, NULL, NULL), 2); /* as 3072 bytes hold */
	stack_end();
}

static void mss_is_sent_on_syn_segments_only(void **state)
{
	struct peer_seg s, got;
	bool end = false;

	(void)state;
	peer_server(100);
	stack_start(1, 0);
	s = peer_syn(1000, NULL, 0);
	peer_send(1, &s);
	stack_run_us(50);
	assert_true(peer_take(1, &got));
	assert_true(got.opts_len >= 4);
	assert_memory_equal(got.opts, ((uint8_t[]){2, 4, 1460 >> 8, 1460 & 255}), 4);
	for (uint8_t i = 4; i < got.opts_len; i += end || got.opts[i] < 2 ? 1 : got.opts[i + 1]) {
		if (end)
			assert_int_equal(got.opts[i], 0); /* padding */
		end |= got.opts[i] == 0;
		if (!end && got.opts[i] != 1)
			assert_in_range(got.opts[i + 1], 2, got.opts_len - i);
	}
	s.seq++;
	s.ack = got.seq + 1;
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	while (peer_take(1, &got)) {
		for (uint8_t i = 0; i < got.opts_len; i++)
			assert_int_not_equal(got.opts[i], 2);
	}
	stack_end();
}

/* Of segments with data in a long response: the largest, and that all but the last are as long. */
static uint32_t segment_size(uint16_t mss)
{
	struct peer_seg s = peer_up_mss(6000, mss), got;
	uint32_t size = 0, n = 0, bytes = 0;

	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	while (peer_take(1, &got)) {
		size = MAX_OF(size, got.len);
		n += got.len != 0;
		bytes += got.len;
		assert_int_equal(!!(got.flags & TCP_PSH), got.len != size);
	}
	assert_int_equal(n, (bytes + size - 1) / size);
	stack_end();
	return size;
}

static void segments_are_as_long_as_the_peer_takes(void **state)
{
	(void)state;
	assert_int_equal(segment_size(0), 536); /* no option */
	assert_int_equal(segment_size(1460), 1460);
	assert_int_equal(segment_size(9000), 1460); /* what the port takes */
	assert_int_equal(segment_size(1001), 1001);
}

static void push_goes_with_the_last_segment(void **state)
{
	struct peer_seg s = peer_up_mss(3000, 1460), got, last = {0};

	(void)state;
	s.flags = TCP_ACK;
	peer_text(1, &s, REQUEST); /* served at once, pushed or not */
	while (peer_take(1, &got)) {
		assert_false(last.flags & TCP_PSH);
		last = got;
	}
	assert_true(last.flags & TCP_PSH);
	stack_end();
}

static void segment_of_no_connection_earns_a_rst(void **state)
{
	struct peer_seg s = {.sport = 1000, .dport = 81, .seq = 100, .ack = 777, .wnd = 1}, got;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	s.flags = TCP_SYN; /* nobody listens: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_RST | TCP_ACK);
	assert_int_equal(got.seq, 0);
	assert_int_equal(got.ack, 101);
	s.dport =
		80; /* an ACK to a listener, <SEQ=SEG.ACK><CTL=RST>; so for one with data and FIN */
	for (s.flags = TCP_ACK; s.flags != 0;
		s.flags = s.flags == TCP_ACK ? TCP_ACK | TCP_FIN : 0) {
		peer_say(1, &s);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.flags, TCP_RST);
		assert_int_equal(got.seq, 777);
	}
	s.flags = TCP_RST; /* never answered */
	peer_say(1, &s);
	s.flags = TCP_RST | TCP_ACK;
	peer_say(1, &s);
	assert_false(peer_take(1, &got));
	assert_int_equal(stack_port(1)->drop.tcp_no_conn, 5);
	stack_end();
}

static void rst_in_syn_received_returns_to_listen(void **state)
{
	struct peer_seg s, got;

	(void)state;
	peer_server(0);
	stack_start(1, 0);
	s = peer_syn(1000, NULL, 0);
	peer_syn_ack(&s);
	s.flags = TCP_RST;
	peer_say(1, &s);
	assert_int_equal(stack_port(1)->tsm.in_syn_rcvd, 0);
	assert_false(peer_take(1, &got));
	peer_estab(0);
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	stack_end();
}

static void syn_sent_takes_what_answers_its_syn_only(void **state)
{
	struct peer_seg syn = peer_client(), got,
			s = {.sport = 80, .dport = syn.sport, .seq = 9000, .wnd = 65535};

	(void)state;
	s.ack = syn.seq; /* acknowledges what was not sent: RST there */
	s.flags = TCP_SYN | TCP_ACK;
	peer_say(0, &s);
	assert_true(peer_take(0, &got));
	assert_int_equal(got.flags, TCP_RST);
	assert_int_equal(got.seq, s.ack);
	s.flags = TCP_RST | TCP_ACK; /* somebody guesses */
	peer_say(0, &s);
	s.flags = TCP_RST;
	s.ack = 0;
	peer_say(0, &s);
	s.flags = TCP_ACK; /* neither SYN nor RST */
	s.ack = syn.seq + 1;
	peer_say(0, &s);
	assert_false(peer_take(0, &got));
	assert_int_equal(stack_port(0)->tsm.in_syn_sent, 1);
	s.flags = TCP_RST | TCP_ACK;
	peer_say(0, &s);
	assert_int_equal(stack_stats(0, 0)->failed_rst, 1);
	stack_end();
}

static void reset_may_carry_data(void **state)
{
	struct peer_seg s = peer_up_mss(0, 0);

	(void)state;
	s.flags = TCP_RST;
	peer_text(1, &s, "out of memory");
	assert_int_equal(stack_stats(1, 0)->failed_rst, 1);
	assert_int_equal(stack_stats(1, 0)->rx_bytes, 0);
	stack_end();
}

/* Two segments may be sent; then the peer takes the window back below what it has seen. */
static void shrunk_window_is_borne(void **state)
{
	struct peer_seg s = peer_up_mss(20000, 1000), got;
	uint32_t base = s.ack, again = 0, end = base;

	(void)state;
	s.flags = TCP_ACK | TCP_PSH;
	s.wnd = 4000;
	peer_text(1, &s, REQUEST);
	assert_int_equal(peer_count(1, &end, NULL), 4);
	s.flags = TCP_ACK;
	s.wnd = 1500; /* 4000 are in flight */
	peer_say(1, &s);
	assert_int_equal(peer_count(1, NULL, NULL), 0); /* nothing new */
	for (int ms = 0; ms < 60000; ms++) { /* the old is sent again within the window, for long */
		stack_run_ms(1);
		while (peer_take(1, &got)) {
			assert_true(got.seq + got.len - base <= 1500);
			again += got.seq == base;
		}
		if (ms % 5000 == 0)
			peer_say(1, &s);
	}
	assert_true(again >= 5);
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	s.ack = base + 4000;
	s.wnd = 65535;
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.seq, base + 4000);
	stack_end();
}

static void zero_window_is_probed_for_as_long_as_it_is_answered(void **state)
{
	struct peer_seg s = peer_up_mss(20000, 1000), got;
	uint32_t gap[64], n = 0, at = 0, ms;

	(void)state;
	s.flags = TCP_ACK | TCP_PSH;
	s.wnd = 0;
	peer_text(1, &s, REQUEST);
	peer_count(1, NULL, NULL);
	s.flags = TCP_ACK;
	for (ms = 1; ms < 1200000; ms++) {
		stack_run_ms(1);
		while (peer_take(1, &got)) {
			assert_in_range(got.len, 0, 1);
			assert_true(n < ARRAY_SIZE(gap));
			gap[n++] = ms - at;
			at = ms;
			peer_send(1, &s);
		}
	}
	assert_in_range(gap[0], 49, 52); /* after the RTO */
	for (uint32_t i = 2; i < n; i++)
		assert_in_range(gap[i], MIN_OF(gap[i - 1] * 19 / 10, 59000), 61000);
	assert_in_range(gap[n - 1], 59000, 61000);
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	stack_end();
}

static void window_is_never_taken_back(void **state)
{
	struct peer_seg s = peer_up_mss(0, 1460), got;
	uint32_t edge = 0;

	(void)state;
	s.flags = TCP_ACK;
	for (int i = 0; i < 50; i++) { /* bytes one by one, and a segment behind a hole */
		s.data = "GGGGGGGGGG";
		s.len = 1;
		peer_say(1, &s);
		s.seq += 5;
		s.len = 5;
		peer_say(1, &s);
		s.seq -= 4;
		while (peer_take(1, &got)) {
			assert_int_equal(got.wnd, 65535); /* the whole, not a silly part of it */
			assert_true(edge == 0 || seq_le(edge, got.ack + got.wnd));
			edge = got.ack + got.wnd;
		}
	}
	assert_true(edge != 0);
	stack_end();
}

static void window_is_an_unsigned_number(void **state)
{
	static const uint8_t opts[] = {2, 4, 5, 180, 1, 3, 3, 14};
	struct peer_seg s;

	(void)state;
	peer_server(3000);
	stack_start(1, 0);
	s = peer_syn(1000, opts, sizeof(opts));
	s.wnd = 0xffff;
	peer_syn_ack(&s);
	s.wnd = 0xffff; /* scaled: 2^30 less 2^14 */
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	assert_int_equal(peer_count(1, NULL, NULL), 3);
	assert_int_equal(stack_port(1)->tsm.snd_win_full, 0);
	s.sport++;
	s = peer_syn(1001, NULL, 0);
	s.wnd = 0x8000; /* negative to whom takes it for signed */
	peer_syn_ack(&s);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	assert_int_equal(peer_count(1, NULL, NULL), 6);
	stack_end();
}

static void unanswered_data_backs_off_and_is_given_up(void **state)
{
	struct peer_seg s, got;
	uint32_t gap[32], n = 0, at = 0, data_retry = 12;

	(void)state;
	peer_server(100)->tcp.data_retry = data_retry;
	stack_start(1, 0);
	s = peer_estab(1460);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	peer_flush(1);
	for (uint32_t ms = 1; ms < 300000 && stack_stats(1, 0)->failed_retry == 0; ms++) {
		stack_run_ms(1);
		while (peer_take(1, &got)) {
			if (got.len == 0) {
				assert_true(got.flags & TCP_RST);
				continue;
			}
			gap[n++] = ms - at;
			at = ms;
		}
	}
	assert_int_equal(n, data_retry);
	assert_in_range(gap[0], 49, 52);
	for (uint32_t i = 1; i < n; i++)
		assert_in_range(gap[i], MIN_OF(2 * gap[i - 1] - 2, 59900),
			MIN_OF(2 * gap[i - 1] + 2, 60100));
	assert_in_range(gap[n - 1], 59900, 60100); /* RFC 6298 §5.5: at least 60 s, if bounded */
	assert_int_equal(stack_stats(1, 0)->failed_retry, 1); /* the user is told, by name */
	stack_end();
}

static void unanswered_syn_backs_off_and_is_given_up(void **state)
{
	struct tc_config *c;
	struct peer_seg got;
	uint32_t gap[16], n = 0, at = 0;

	(void)state;
	stack_begin(256, 16, 2048);
	stack.wired = false;
	c = stack_tc(0, 0, l4proto_TCP, 1);
	c->tcp.syn_retry = 5;
	c->downtime_s = TC_FOREVER;
	stack_start(0, 0);
	for (uint32_t ms = 1; ms < 10000; ms++) {
		stack_run_ms(1);
		while (peer_take(0, &got)) {
			assert_int_equal(got.flags, TCP_SYN);
			gap[n++] = ms - at;
			at = ms;
		}
	}
	assert_int_equal(n, 6);
	for (uint32_t i = 2; i < n; i++)
		assert_in_range(gap[i], 2 * gap[i - 1] - 2, 2 * gap[i - 1] + 2);
	assert_int_equal(stack_stats(0, 0)->failed_syn, 1);
	stack_end();
}

static void delayed_ack_waits_for_a_second_segment_only(void **state)
{
	struct peer_seg s, got;
	uint32_t ms;

	(void)state;
	peer_server(0)->tcp.ack_delay = 1;
	stack_start(1, 0);
	s = peer_estab(1460);
	peer_flush(1);
	peer_text(1, &s, "GET ");
	assert_false(peer_take(1, &got));
	for (ms = 1; ms < 500 && !peer_take(1, &got); ms++)
		stack_run_ms(1);
	assert_in_range(ms, 2, 499);
	assert_int_equal(got.ack, s.seq);
	peer_text(1, &s, "/ HT");
	assert_false(peer_take(1, &got));
	peer_text(1, &s, "TP/1");
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, s.seq);
	stack_end();
}

static void early_segments_are_kept_and_tell_of_the_hole(void **state)
{
	struct peer_seg s = peer_up_mss(10, 1460), got;
	const char text[] = REQUEST;

	(void)state;
	peer_flush(1);
	s.flags = TCP_ACK;
	for (uint32_t off = 20; off != 0; off -= 5) { /* back to front */
		s.seq = 5001 + off;
		s.data = text + off;
		s.len = off == 20 ? sizeof(text) - 1 - off : 5;
		peer_say(1, &s);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.ack, 5001); /* at once, and again */
		assert_false(peer_take(1, &got));
	}
	assert_int_equal(stack_port(1)->tcp.rx_ooo, 4);
	s.seq = 5001;
	s.data = text;
	s.len = 5;
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, 5001 + sizeof(text) - 1);
	assert_int_equal(stack_stats(1, 0)->requests, 1);
	assert_int_equal(stack_stats(1, 0)->rx_bytes, sizeof(text) - 1);
	stack_end();
}

static void keep_alive_of_the_peer_is_answered(void **state)
{
	struct peer_seg s = peer_up_mss(0, 0), got;

	(void)state;
	peer_flush(1);
	s.flags = TCP_ACK;
	s.seq--; /* one byte it had long ago, or none */
	for (s.len = 0; s.len < 2; s.len++) {
		s.data = "x";
		peer_say(1, &s);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.flags, TCP_ACK);
		assert_int_equal(got.ack, 5001);
		assert_false(peer_take(1, &got));
	}
	stack_run_ms(3 * 3600 * 100); /* and never asked for: 18 minutes of silence */
	assert_false(peer_take(1, &got));
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	stack_end();
}

static void urgent_data_is_delivered_in_line(void **state)
{
	struct peer_seg s = peer_up_mss(10, 0);

	(void)state;
	s.flags = TCP_ACK | TCP_PSH | 0x20;
	s.urg = 65535; /* far behind what came */
	peer_text(1, &s, REQUEST);
	s.urg = 3;
	peer_text(1, &s, REQUEST);
	s.urg = 0;
	peer_text(1, &s, REQUEST);
	assert_int_equal(stack_stats(1, 0)->requests, 3);
	assert_int_equal(stack_stats(1, 0)->rx_bytes, 3 * (sizeof(REQUEST) - 1));
	stack_end();
}

/* §3.10.7.4, first and fifth: each is answered with where we are, and changes nothing. */
static void unacceptable_segments_are_answered_with_an_ack(void **state)
{
	struct peer_seg up = peer_up_mss(0, 0), s, got;

	(void)state;
	peer_flush(1);
	for (int i = 0; i < 5; i++) {
		s = up;
		s.data = "0123456789";
		s.len = 10;
		if (i == 0)
			s.seq -= 10; /* all of it came before */
		else if (i == 1)
			s.seq += 65535; /* the first byte behind the window */
		else if (i == 2)
			s.seq += UINT32_C(0x7fffffff);
		else if (i == 3)
			s.ack += 1; /* of what was never sent */
		else
			s.ack -= 200000; /* of what no window ever held: RFC 5961 §5.2 */
		peer_say(1, &s);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.flags, TCP_ACK);
		assert_int_equal(got.seq, up.ack);
		assert_int_equal(got.ack, up.seq);
		assert_false(peer_take(1, &got));
	}
	assert_int_equal(stack_stats(1, 0)->rx_bytes, 0);
	up.flags = 0; /* no ACK bit: dropped */
	up.len = 3;
	up.data = "GET";
	peer_say(1, &up);
	assert_false(peer_take(1, &got));
	assert_int_equal(stack_port(1)->drop.tcp_state, 1);
	stack_end();
}

static void bytes_behind_the_window_are_cut_off(void **state)
{
	struct peer_seg s, got;

	(void)state;
	peer_server(10)->tcp.win_size = 20;
	stack_start(1, 0);
	s = peer_estab(0);
	peer_flush(1);
	s.data = REQUEST;
	s.len = sizeof(REQUEST) - 1;
	s.flags = TCP_ACK | TCP_FIN; /* behind it too */
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, 5001 + 20);
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	peer_say(1, &s); /* again, of which the rest is now in the window */
	assert_int_equal(stack_stats(1, 0)->requests, 1);
	assert_int_equal(stack_stats(1, 0)->rx_bytes, sizeof(REQUEST) - 1);
	assert_int_equal(stack_port(1)->tsm.in_estab, 0);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_sequence_numbers_follow_the_clock),
		cmocka_unit_test(options_that_it_does_not_know_are_skipped),
		cmocka_unit_test(illegal_option_lengths_do_no_harm),
		cmocka_unit_test(options_need_no_alignment),
		cmocka_unit_test(mss_is_sent_on_syn_segments_only),
		cmocka_unit_test(segments_are_as_long_as_the_peer_takes),
		cmocka_unit_test(push_goes_with_the_last_segment),
		cmocka_unit_test(segment_of_no_connection_earns_a_rst),
		cmocka_unit_test(rst_in_syn_received_returns_to_listen),
		cmocka_unit_test(syn_sent_takes_what_answers_its_syn_only),
		cmocka_unit_test(reset_may_carry_data),
		cmocka_unit_test(shrunk_window_is_borne),
		cmocka_unit_test(zero_window_is_probed_for_as_long_as_it_is_answered),
		cmocka_unit_test(window_is_never_taken_back),
		cmocka_unit_test(window_is_an_unsigned_number),
		cmocka_unit_test(unanswered_data_backs_off_and_is_given_up),
		cmocka_unit_test(unanswered_syn_backs_off_and_is_given_up),
		cmocka_unit_test(delayed_ack_waits_for_a_second_segment_only),
		cmocka_unit_test(early_segments_are_kept_and_tell_of_the_hole),
		cmocka_unit_test(keep_alive_of_the_peer_is_answered),
		cmocka_unit_test(urgent_data_is_delivered_in_line),
		cmocka_unit_test(unacceptable_segments_are_answered_with_an_ack),
		cmocka_unit_test(bytes_behind_the_window_are_cut_off),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
