/* Timestamps: RFC 7323 §3 to §5, RFC 6191; and the numbers of a connection that follows one in
 * TIME-WAIT. */
#include "test/unit/tcp_peer.h"

#define MSS 1000
#define TS0 UINT32_C(0xfffffff0) /* the peer's clock at its SYN: it will wrap */

static uint8_t opts[40];

/* Its option from now on. */
static void stamp(struct peer_seg *s, uint32_t val, uint32_t ecr)
{
	s->opts = opts;
	s->opts_len = peer_put_ts(opts, val, ecr);
}

static uint32_t val_of(const struct peer_seg *got)
{
	const uint8_t *o = peer_option(got, 8);

	assert_non_null(o);
	assert_int_equal(o[1], 10);
	return peer_get32(o + 2);
}

static uint32_t ecr_of(const struct peer_seg *got)
{
	return val_of(got), peer_get32(peer_option(got, 8) + 6);
}

/* The SYN of a peer with timestamps. */
static struct peer_seg ts_syn(uint16_t sport, uint32_t seq, uint32_t val)
{
	struct peer_seg s;

	memcpy(opts, ((uint8_t[]){2, 4, MSS >> 8, MSS & 255}), 4);
	s = peer_syn(sport, opts, (uint8_t)(4 + peer_put_ts(opts + 4, val, 0)));
	s.seq = seq;
	return s;
}

/* An established connection with timestamps, to a server that was set up; *tsval: ours of the
 * SYN-ACK. */
static struct peer_seg ts_estab(uint32_t *tsval)
{
	struct peer_seg s = ts_syn(1000, 5000, TS0), got;

	got = peer_syn_ack(&s);
	assert_int_equal(ecr_of(&got), TS0);
	if (tsval != NULL)
		*tsval = val_of(&got);
	stamp(&s, TS0 + 1, val_of(&got));
	peer_say(1, &s);
	return s;
}

static struct peer_seg ts_up(uint32_t body)
{
	peer_server(body)->tcp.ts = 1;
	stack_start(1, 0);
	return ts_estab(NULL);
}

static void agreed_on_they_are_on_every_segment(void **state)
{
	struct peer_seg s = ts_up(5000), got;
	uint32_t n = 0, last = 0;

	(void)state;
	s.flags = TCP_ACK | TCP_PSH;
	stamp(&s, TS0 + 7, 0);
	peer_text(1, &s, REQUEST_CLOSE);
	while (peer_take(1, &got)) {
		assert_int_equal(ecr_of(&got), TS0 + 7);
		assert_int_equal(got.opts_len, 12);
		assert_in_range(got.len, 1, MSS - 12); /* the MSS counts the option */
		last = got.flags;
		n++;
	}
	assert_int_equal(n, 6);
	assert_true(last & TCP_FIN);
	stack_end();
}

static void client_asks_and_takes_the_answer(void **state)
{
	struct peer_seg syn, s, got;

	(void)state;
	for (int with = 0; with < 2; with++) {
		stack_begin(256, 16, 4096);
		stack.wired = false;
		stack_tc(0, 0, l4proto_TCP, 1)->app.kind = app_kind_HTTP;
		tc_cfgs[0][0].tcp.ts = 1;
		stack_start(0, 0);
		stack_run_us(100);
		assert_true(peer_take(0, &syn));
		assert_int_equal(ecr_of(&syn), 0); /* nothing to echo yet */
		s = (struct peer_seg){.sport = 80,
			.dport = syn.sport,
			.seq = 9000,
			.ack = syn.seq + 1,
			.wnd = 65535,
			.flags = TCP_SYN | TCP_ACK};
		if (with)
			stamp(&s, 4711, val_of(&syn));
		peer_say(0, &s);
		assert_true(peer_take(0, &got)); /* its request */
		assert_true(got.len != 0);
		if (with)
			assert_int_equal(ecr_of(&got), 4711);
		else
			assert_int_equal(got.opts_len, 0);
		stack_end();
	}
}

static void not_agreed_on_they_are_ignored_and_not_sent(void **state)
{
	struct peer_seg s, got;

	(void)state;
	for (int ours = 0; ours < 2; ours++) { /* we do not want them; the peer does not offer */
		peer_server(10)->tcp.ts = ours;
		stack_start(1, 0);
		s = ours ? peer_syn(1000, NULL, 0) : ts_syn(1000, 5000, TS0);
		got = peer_syn_ack(&s);
		assert_null(peer_option(&got, 8));
		s.flags = TCP_ACK | TCP_PSH;
		stamp(&s, TS0 - 1000, 1); /* an old one, too */
		peer_text(1, &s, REQUEST);
		assert_int_equal(stack_stats(1, 0)->requests, 1);
		while (peer_take(1, &got))
			assert_int_equal(got.opts_len, 0);
		stack_end();
	}
}

static void clock_ticks_once_a_millisecond(void **state)
{
	struct peer_seg s = ts_up(10), got;
	uint32_t first;

	(void)state;
	peer_flush(1);
	peer_text(1, &s, "G");
	assert_true(peer_take(1, &got));
	first = val_of(&got);
	stack_run_ms(12345);
	peer_text(1, &s, "E");
	assert_true(peer_take(1, &got));
	assert_in_range(val_of(&got) - first, 12345, 12346);
	stack_end();
}

/* RFC 7323 §4.3: of what one ACK answers the first. */
static void delayed_ack_echoes_the_first_it_answers(void **state)
{
	struct peer_seg s, got;
	struct tc_config *c = peer_server(10);

	(void)state;
	c->tcp.ts = 1;
	c->tcp.ack_delay = 1;
	stack_start(1, 0);
	s = ts_estab(NULL);
	peer_flush(1);
	stamp(&s, TS0 + 100, 0);
	peer_text(1, &s, "GE");
	assert_false(peer_take(1, &got));
	stamp(&s, TS0 + 101, 0);
	peer_text(1, &s, "T ");
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, s.seq);
	assert_int_equal(ecr_of(&got), TS0 + 100);
	stamp(&s, TS0 + 102, 0); /* and then that of the next */
	peer_text(1, &s, "/ ");
	stack_run_ms(100);
	assert_true(peer_take(1, &got));
	assert_int_equal(ecr_of(&got), TS0 + 102);
	stack_end();
}

static void early_segments_are_not_echoed_what_fills_the_hole_is(void **state)
{
	struct peer_seg s = ts_up(10), got;

	(void)state;
	peer_flush(1);
	stamp(&s, TS0 + 5, 0);
	peer_text(1, &s, "GE");
	assert_true(peer_take(1, &got));
	stamp(&s, TS0 + 9, 0);
	s.seq += 2;
	peer_text(1, &s, "/ ");
	assert_true(peer_take(1, &got));
	assert_int_equal(ecr_of(&got), TS0 + 5); /* the last in order */
	stamp(&s, TS0 + 11, 0);
	s.seq -= 4;
	peer_text(1, &s, "T ");
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, s.seq + 2);
	assert_int_equal(ecr_of(&got), TS0 + 11);
	stack_end();
}

static void older_timestamp_is_dropped_and_answered(void **state)
{
	struct peer_seg s = ts_up(10), got;

	(void)state;
	stamp(&s, TS0 + 50, 0); /* past the wrap */
	peer_text(1, &s, "GE");
	peer_flush(1);
	for (uint32_t back = 1; back < 0x80000000; back *= 3) {
		stamp(&s, TS0 + 50 - back, 0);
		s.len = 2;
		s.data = "XX";
		peer_say(1, &s);
		assert_true(peer_take(1, &got));
		assert_int_equal(got.flags, TCP_ACK);
		assert_int_equal(got.ack, s.seq);
		assert_int_equal(ecr_of(&got), TS0 + 50);
		assert_false(peer_take(1, &got));
	}
	assert_int_equal(stack_stats(1, 0)->rx_bytes, 2);
	assert_true(stack_port(1)->drop.tcp_paws > 10);
	stamp(&s, TS0 + 50, 0); /* as old as the last is not older */
	peer_text(1, &s, "T ");
	assert_int_equal(stack_stats(1, 0)->rx_bytes, 4);
	stack_end();
}

static void rst_needs_no_timestamp_and_no_newer_one(void **state)
{
	struct peer_seg s;

	(void)state;
	for (int with = 0; with < 2; with++) {
		s = ts_up(10);
		s.flags = TCP_RST;
		s.opts_len = 0;
		if (with)
			stamp(&s, TS0 - 100000, 0);
		peer_say(1, &s);
		assert_int_equal(stack_stats(1, 0)->failed_rst, 1);
		stack_end();
	}
}

static void segment_without_one_is_dropped_and_harms_nothing(void **state)
{
	struct peer_seg s = ts_up(10), got;

	(void)state;
	peer_flush(1);
	s.opts_len = 0;
	s.flags = TCP_ACK | TCP_PSH;
	s.len = sizeof(REQUEST) - 1;
	s.data = REQUEST;
	peer_say(1, &s);
	assert_false(peer_take(1, &got));
	assert_int_equal(stack_port(1)->drop.tcp_no_ts, 1);
	assert_int_equal(stack_port(1)->tsm.in_estab, 1);
	stamp(&s, TS0 + 3, 0);
	peer_say(1, &s);
	assert_int_equal(stack_stats(1, 0)->requests, 1);
	stack_end();
}

static void rst_of_ours_has_one(void **state)
{
	struct peer_seg s, got;
	struct tc_config *c = peer_server(10);

	(void)state;
	c->tcp.ts = 1;
	c->tcp.data_retry = 1;
	stack_start(1, 0);
	s = ts_estab(NULL);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	stack_run_ms(1000);
	while (peer_take(1, &got))
		val_of(&got);
	assert_true(got.flags & TCP_RST);
	stack_end();
}

/* The first data that comes within ms, as the peer is silent: after so many. */
static uint32_t silence(uint32_t ms, struct peer_seg *got)
{
	for (uint32_t t = 1; t <= ms; t++) {
		stack_run_ms(1);
		while (peer_take(1, got)) {
			if (got->len != 0)
				return t;
		}
	}
	return 0;
}

/* Karn needs not be heeded: which copy is answered the echo tells (RFC 7323 §4). */
static void retransmitted_segments_are_timed_by_their_echo(void **state)
{
	struct peer_seg s, got;
	struct tc_config *c = peer_server(10000000);
	uint32_t val;

	(void)state;
	c->tcp.ts = 1;
	c->tcp.rto_ms = 100;
	stack_start(1, 0);
	s = ts_syn(1000, 5000, TS0);
	got = peer_syn_ack(&s);
	stack_run_ms(90); /* the first sample: RTO 90 + 4 * 45 */
	stamp(&s, TS0 + 1, val_of(&got));
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
	peer_count(1, NULL, NULL);
	assert_in_range(silence(1000, &got), 265, 275); /* a time-out, RTO 540 */
	val = val_of(&got);
	stack_run_ms(10);
	stamp(&s, TS0 + 2, val); /* the copy took 10 ms */
	s.ack += got.len;
	peer_say(1, &s);
	peer_count(1, NULL, NULL);
	assert_in_range(silence(1000, &got), 100, 300);
	stack_end();
}

/* RFC 7323 §4.2: ten samples a round trip weigh together what one would. */
static void many_samples_a_round_trip_smooth_no_faster(void **state)
{
	const struct tcb *t;
	struct peer_seg s, got;
	struct tc_config *c = peer_server(10000000);
	uint32_t n = 0, val = 0;

	(void)state;
	c->tcp.ts = 1;
	c->tcp.rto_ms = 10000;
	stack_start(1, 0);
	s = ts_syn(1000, 5000, TS0);
	got = peer_syn_ack(&s);
	stack_run_ms(100); /* SRTT */
	stamp(&s, TS0 + 1, val_of(&got));
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
	for (; peer_take(1, &got); n += got.len != 0)
		val = val_of(&got);
	assert_int_equal(n, 10);
	stack_run_ms(500); /* and then all take 500 ms */
	for (uint32_t i = 0; i < n; i++) {
		s.ack += MSS - 12;
		stamp(&s, TS0 + 2 + i, val);
		peer_say(1, &s);
	}
	t = (const struct tcb *)pool_at(&stack.lc->tcbs, 0);
	/* one sample would make 150 ms of it, ten of full weight 395 */
	assert_in_range(t->srtt_us, 130000, 190000);
	stack_end();
}

static void echoes_from_elsewhere_are_no_sample(void **state)
{
	struct peer_seg s = ts_up(10000000), got;

	(void)state;
	s.flags = TCP_ACK | TCP_PSH;
	stamp(&s, TS0 + 2, 0);
	peer_text(1, &s, REQUEST);
	assert_true(peer_take(1, &got));
	s.flags = TCP_ACK;
	s.ack += got.len;
	stamp(&s, TS0 + 3, val_of(&got) + 0x40000000);
	peer_say(1, &s);
	s.ack += got.len;
	stamp(&s, TS0 + 3, val_of(&got) - 0x40000000);
	peer_say(1, &s);
	peer_count(1, NULL, NULL);
	assert_in_range(silence(1000, &got), 48, 60); /* the RTO is what it was */
	stack_end();
}

/* A connection that the server closed first, by now in TIME-WAIT, whose last timestamp is TS0 + 9; the
 * peer's next segment. *end: behind our last. */
static struct peer_seg time_wait(bool ts, uint32_t body, uint32_t *end)
{
	struct tc_config *c = peer_server(body);
	struct peer_seg s, got;
	bool fin = false;

	c->tcp.ts = ts;
	c->tcp.congestion = congestion_NONE;
	c->tcp.twait_to_ms = 10000;
	stack_start(1, 0);
	s = ts ? ts_estab(NULL) : peer_estab(MSS);
	peer_flush(1);
	s.flags = TCP_ACK | TCP_PSH;
	if (ts)
		stamp(&s, TS0 + 9, 0);
	peer_text(1, &s, REQUEST_CLOSE);
	s.flags = TCP_ACK;
	for (int turns = 0; !fin && turns < 10000; turns++) {
		while (peer_take(1, &got)) {
			s.ack = got.seq + got.len + !!(got.flags & TCP_FIN);
			fin |= got.flags & TCP_FIN;
		}
		if (!fin)
			peer_say(1, &s);
	}
	s.flags = TCP_ACK | TCP_FIN;
	peer_say(1, &s);
	assert_int_equal(stack_port(1)->tsm.in_time_wait, 1);
	peer_flush(1);
	*end = s.ack;
	s.seq++;
	return s;
}

/* Does this SYN open again? */
static bool opens(struct peer_seg *s)
{
	struct peer_seg got;

	peer_say(1, s);
	while (peer_take(1, &got)) {
		if (got.flags == (TCP_SYN | TCP_ACK)) {
			assert_int_equal(stack_port(1)->tsm.in_time_wait, 0);
			return true;
		}
	}
	assert_int_equal(stack_port(1)->tsm.in_time_wait, 1);
	return false;
}

static void later_timestamp_ends_time_wait(void **state)
{
	static const struct {
		int32_t seq, val; /* beyond the last of the old connection */
		bool opens;
	} want[] = {{-1000, 1, true}, {1000, 1, true}, {1000, -1, false}, {-1000, -1, false},
		{1000, 0, true}, {-1000, 0, false}};
	struct peer_seg s, syn;
	uint32_t end;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		s = time_wait(true, 10, &end);
		syn = ts_syn(1000, s.seq + (uint32_t)want[i].seq, TS0 + 9 + (uint32_t)want[i].val);
		assert_int_equal(opens(&syn), want[i].opens);
		stack_end();
	}
}

/* RFC 9293 §3.6.1: its own numbers go on from where the old ones ended, however fast that was. */
static void connection_after_time_wait_begins_above_the_old_one(void **state)
{
	struct peer_seg s, syn, got = {0};
	uint32_t end;

	(void)state;
	s = time_wait(false, 5000000, &end);
	syn = peer_syn(1000, NULL, 0);
	syn.seq = s.seq + 1000;
	peer_say(1, &syn);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_SYN | TCP_ACK);
	assert_true(seq_le(end, got.seq));
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(agreed_on_they_are_on_every_segment),
		cmocka_unit_test(client_asks_and_takes_the_answer),
		cmocka_unit_test(not_agreed_on_they_are_ignored_and_not_sent),
		cmocka_unit_test(clock_ticks_once_a_millisecond),
		cmocka_unit_test(delayed_ack_echoes_the_first_it_answers),
		cmocka_unit_test(early_segments_are_not_echoed_what_fills_the_hole_is),
		cmocka_unit_test(older_timestamp_is_dropped_and_answered),
		cmocka_unit_test(rst_needs_no_timestamp_and_no_newer_one),
		cmocka_unit_test(segment_without_one_is_dropped_and_harms_nothing),
		cmocka_unit_test(rst_of_ours_has_one),
		cmocka_unit_test(retransmitted_segments_are_timed_by_their_echo),
		cmocka_unit_test(many_samples_a_round_trip_smooth_no_faster),
		cmocka_unit_test(echoes_from_elsewhere_are_no_sample),
		cmocka_unit_test(later_timestamp_ends_time_wait),
		cmocka_unit_test(connection_after_time_wait_begins_above_the_old_one),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
