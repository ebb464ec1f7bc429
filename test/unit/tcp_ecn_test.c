/* Explicit congestion notification: RFC 3168 §6.1. */
#include "test/unit/tcp_peer.h"

#define MSS 1000
#define IW 10

static const uint8_t mss[] = {2, 4, MSS >> 8, MSS & 255};

static const struct tcb *tcb(void)
{
	return (const struct tcb *)pool_at(&stack.lc->tcbs, 0);
}

/* A connection with ECN, whose server is asked for a response of so many bytes; what came is taken,
 * nothing of it acknowledged. */
static struct peer_seg asked(uint32_t body, uint32_t rto_ms, uint16_t wnd)
{
	struct tc_config *c = peer_server(body);
	struct peer_seg s, got;

	c->tcp.ecn = 1;
	c->tcp.rto_ms = rto_ms;
	c->tcp.congestion = congestion_NEWRENO;
	stack_start(1, 0);
	s = peer_syn(1000, mss, sizeof(mss));
	s.flags = TCP_SYN | TCP_ECE | TCP_CWR;
	peer_send(1, &s);
	stack_run_us(50);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_SYN | TCP_ACK | TCP_ECE);
	assert_int_equal(got.tos, 0);
	assert_int_equal(got.tos, 0);
	s.seq++;
	s.ack = got.seq + 1;
	s.flags = TCP_ACK | TCP_PSH;
	s.wnd = wnd;
	s.opts_len = 0;
	peer_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
	return s;
}

static void server_agrees_and_marks_data_alone(void **state)
{
	struct peer_seg s = asked(3000, 1000, 65535), got;
	uint32_t n = 0;

	(void)state;
	while (peer_take(1, &got)) {
		assert_int_equal(got.tos, got.len != 0 ? IP_ECN_ECT0 : 0);
		assert_int_equal(got.flags & (TCP_ECE | TCP_CWR), 0);
		n += got.len != 0;
	}
	assert_int_equal(n, 4);
	peer_text(1, &s, "G");
	assert_true(peer_take(1, &got));
	assert_int_equal(got.tos, 0); /* a bare ACK */
	stack_end();
}

static void syn_without_both_flags_gets_none(void **state)
{
	static const uint8_t flags[] = {0, TCP_ECE, TCP_CWR, TCP_ECE | TCP_CWR};
	struct peer_seg s, got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		/* of the last both are there, but the test case does not want it */
		peer_server(3000)->tcp.ecn = i < ARRAY_SIZE(flags) - 1;
		stack_start(1, 0);
		s = peer_syn(1000, mss, sizeof(mss));
		s.flags |= flags[i];
		got = peer_syn_ack(&s);
		s.flags = TCP_ACK | TCP_PSH;
		peer_text(1, &s, REQUEST);
		while (peer_take(1, &got))
			assert_int_equal(got.tos, 0);
		stack_end();
	}
}

/* The client's SYN, and the first data when the SYN-ACK has these flags. */
static struct peer_seg client_data(uint8_t flags, uint32_t lost_syns)
{
	struct peer_seg syn = {0}, s, got;

	stack_begin(256, 16, 4096);
	stack.wired = false;
	stack_tc(0, 0, l4proto_TCP, 1)->app.kind = app_kind_HTTP;
	tc_cfgs[0][0].tcp.ecn = 1;
	stack_start(0, 0);
	for (uint32_t i = 0; i <= lost_syns; i++) {
		stack_run_ms(i == 0 ? 1 : 51);
		assert_true(peer_take(0, &syn));
		assert_int_equal(syn.tos, 0);
		assert_int_equal(syn.flags, TCP_SYN | (i == 0 ? TCP_ECE | TCP_CWR : 0));
	}
	s = (struct peer_seg){.sport = 80,
		.dport = syn.sport,
		.seq = 9000,
		.ack = syn.seq + 1,
		.wnd = 65535,
		.flags = (uint8_t)(TCP_SYN | TCP_ACK | flags)};
	peer_say(0, &s);
	assert_true(peer_take(0, &got));
	assert_true(got.len != 0);
	stack_end();
	return got;
}

static void client_asks_and_heeds_the_answer(void **state)
{
	(void)state;
	assert_int_equal(client_data(TCP_ECE, 0).tos, IP_ECN_ECT0);
	assert_int_equal(client_data(0, 0).tos, 0);
	assert_int_equal(client_data(TCP_ECE | TCP_CWR, 0).tos, 0); /* one that mirrors flags */
}

static void lost_syn_is_sent_again_without(void **state)
{
	(void)state;
	assert_int_equal(client_data(0, 1).tos, 0);
}

static void mark_is_echoed_until_the_peer_has_reacted(void **state)
{
	struct peer_seg s = asked(10, 1000, 65535), got;

	(void)state;
	peer_count(1, &s.ack, NULL);
	s.tos = IP_ECN_CE;
	peer_text(1, &s, "G");
	s.tos = IP_ECN_ECT0;
	for (int i = 0; i < 5; i++) {
		assert_true(peer_take(1, &got));
		assert_true(got.flags & TCP_ECE);
		peer_text(1, &s, "E");
	}
	peer_flush(1);
	s.flags |= TCP_CWR;
	peer_text(1, &s, "T");
	assert_true(peer_take(1, &got));
	assert_false(got.flags & TCP_ECE);
	s.tos = IP_ECN_CE; /* marked again, and CWR of the last: begins anew */
	peer_text(1, &s, "T");
	assert_true(peer_take(1, &got));
	assert_true(got.flags & TCP_ECE);
	assert_int_equal(stack_port(1)->tcp.rx_ce, 2);
	stack_end();
}

/* RFC 3168 §6.1.5: who is not in the connection could halve its rate. */
static void mark_outside_the_window_is_ignored(void **state)
{
	struct peer_seg s = asked(10, 1000, 65535), got;

	(void)state;
	peer_count(1, &s.ack, NULL);
	for (int i = 0; i < 2; i++) {
		s.seq += i == 0 ? 70000 : -70020;
		s.data = "forged";
		s.len = 6;
		s.tos = IP_ECN_CE;
		peer_say(1, &s);
		assert_true(peer_take(1, &got));
		assert_false(got.flags & TCP_ECE);
	}
	stack_end();
}

static void echo_halves_the_window_once_a_round_trip(void **state)
{
	struct peer_seg s = asked(10000000, 1000, 65535), got;
	uint32_t n = 0, cwr = 0, end = s.ack, once;

	(void)state;
	assert_int_equal(peer_count(1, &end, NULL), IW);
	s.flags = TCP_ACK | TCP_ECE;
	for (int i = 0; i < IW; i++) { /* of the whole window each ACK says so */
		s.ack += MSS;
		peer_say(1, &s);
	}
	once = tcb()->ssthresh;
	assert_in_range(once, 4, 5); /* of ten; twice would be two */
	while (peer_take(1, &got)) {
		n++;
		assert_int_equal(got.tos, IP_ECN_ECT0);
		if (got.flags & TCP_CWR) {
			cwr++;
			assert_int_equal(n, 1); /* the first new data */
		}
	}
	assert_int_equal(cwr, 1);
	assert_int_equal(stack_port(1)->tcp.tx_cwr, 1);
	s.ack += MSS; /* one more, of a later window */
	peer_say(1, &s);
	assert_true(tcb()->ssthresh < once);
	assert_int_equal(stack_port(1)->tsm.retrans_pkts, 0);
	stack_end();
}

static void three_duplicates(struct peer_seg *s)
{
	for (int i = 0; i < 3; i++)
		peer_say(1, s);
}

/* §6.1.2: the window is cut for any reason, CWR says so; §6.1.5: what is sent again carries no mark. */
static void retransmission_is_not_marked_and_what_follows_says_cwr(void **state)
{
	struct peer_seg s, got;

	(void)state;
	for (int timeout = 0; timeout < 2; timeout++) {
		s = asked(10000000, 100, 65535);
		peer_count(1, NULL, NULL);
		if (timeout) {
			stack_run_ms(150);
		} else {
			three_duplicates(&s);
			while (peer_take(1, &got) && got.seq != s.ack) /* limited transmit */
				assert_int_equal(got.tos, IP_ECN_ECT0);
		}
		if (timeout)
			assert_true(peer_take(1, &got));
		assert_int_equal(got.seq, s.ack);
		assert_int_equal(got.tos, 0);
		assert_false(got.flags & TCP_CWR);
		s.ack = tcb()->snd_max;
		peer_say(1, &s);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.tos, IP_ECN_ECT0);
		assert_true(got.flags & TCP_CWR);
		stack_end();
	}
}

/* A segment is lost of a window that ECE has cut already: it is sent again, the window not cut
 * again. */
static void loss_in_the_window_of_an_echo_is_repaired(void **state)
{
	struct peer_seg s = asked(10000000, 10000, 65535), got;
	bool again = false;
	uint32_t once;

	(void)state;
	peer_count(1, NULL, NULL);
	s.flags = TCP_ACK | TCP_ECE;
	s.ack += MSS;
	peer_say(1, &s);
	once = tcb()->ssthresh;
	s.flags = TCP_ACK;
	peer_flush(1);
	three_duplicates(&s);
	while (peer_take(1, &got))
		again |= got.seq == s.ack;
	assert_true(again);
	assert_int_equal(tcb()->ssthresh, once);
	s.ack = tcb()->snd_max;
	peer_say(1, &s);
	assert_in_range(tcb()->cwnd, 1 * MSS, once * MSS);
	stack_end();
}

/* §6.1.6: nobody would tell of a mark that a probe got. */
static void probes_of_a_shut_window_are_not_marked(void **state)
{
	struct peer_seg s = asked(10000, 50, 0), got;
	uint32_t n = 0;

	(void)state;
	(void)s;
	stack_run_ms(1000);
	while (peer_take(1, &got)) {
		assert_int_equal(got.tos, 0);
		n += got.len == 1;
	}
	assert_true(n >= 2);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_agrees_and_marks_data_alone),
		cmocka_unit_test(syn_without_both_flags_gets_none),
		cmocka_unit_test(client_asks_and_heeds_the_answer),
		cmocka_unit_test(lost_syn_is_sent_again_without),
		cmocka_unit_test(mark_is_echoed_until_the_peer_has_reacted),
		cmocka_unit_test(mark_outside_the_window_is_ignored),
		cmocka_unit_test(echo_halves_the_window_once_a_round_trip),
		cmocka_unit_test(retransmission_is_not_marked_and_what_follows_says_cwr),
		cmocka_unit_test(loss_in_the_window_of_an_echo_is_repaired),
		cmocka_unit_test(probes_of_a_shut_window_are_not_marked),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
