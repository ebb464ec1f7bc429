/* Clauses on time-outs, congestion and window scale: RFC 5681, 6298, 6582, 7323 §2, as they show on the
 * wire; doc/tcp-conformance.md says which. */
#include "test/unit/tcp_peer.h"

#define MSS 1000
#define IW 10 /* segments, RFC 6928 */

/* An established connection whose server is asked for a long response; what its initial window held
 * has been taken, s acknowledges nothing of it yet. */
static struct peer_seg asked(uint32_t rto_ms)
{
	struct tc_config *c = peer_server(10000000);
	struct peer_seg s;

	c->tcp.rto_ms = rto_ms;
	c->tcp.congestion = congestion_NEWRENO;
	stack_start(1, 0);
	s = peer_estab(MSS);
	s.flags = TCP_ACK | TCP_PSH;
	peer_flush(1);
	peer_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
	return s;
}

static void ack_segments(struct peer_seg *s, uint32_t n)
{
	s->ack += n * MSS;
	peer_say(1, s);
}

static uint32_t taken(void)
{
	return peer_count(1, NULL, NULL);
}

/* The segments with data that come within ms, as the peer hears nothing and says nothing: the time of
 * the first, and its number. */
static uint32_t silence(uint32_t ms, uint32_t *seq)
{
	struct peer_seg got;

	for (uint32_t t = 1; t <= ms; t++) {
		stack_run_ms(1);
		while (peer_take(1, &got)) {
			if (got.len != 0) {
				*seq = got.seq;
				return t;
			}
		}
	}
	return 0;
}

static void initial_window_is_that_of_rfc_6928(void **state)
{
	static const struct {
		uint16_t mss, segments;
	} want[] = {{536, 10}, {1000, 10}, {1460, 10}};
	const struct tcb *t;
	struct peer_seg s;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		s = peer_up_mss(100000, want[i].mss);
		/* to the byte: the handshake's ACK has added nothing */
		t = (const struct tcb *)pool_at(&stack.lc->tcbs, 0);
		assert_int_equal(t->cwnd, want[i].segments * want[i].mss);
		s.flags = TCP_ACK | TCP_PSH;
		peer_text(1, &s, REQUEST);
		assert_int_equal(taken(), want[i].segments);
		stack_end();
	}
}

static void slow_start_adds_a_segment_an_ack_at_most(void **state)
{
	struct peer_seg s = asked(1000);

	(void)state;
	assert_int_equal(taken(), IW);
	for (int i = 0; i < 3; i++) {
		ack_segments(&s, 1);
		assert_int_equal(taken(), 2);
	}
	ack_segments(&s, 4); /* one for all four */
	assert_int_equal(taken(), 5);
	s.ack -= 3 * MSS; /* an old one: nothing */
	peer_say(1, &s);
	assert_int_equal(taken(), 0);
	stack_end();
}

/* After a time-out of 10 segments ssthresh is 5: slow start from 1 to there, then one a round trip. */
static void after_a_timeout_slow_start_leads_to_congestion_avoidance(void **state)
{
	struct peer_seg s = asked(1000);
	uint32_t base = s.ack, seq, n, last = 1, end;

	(void)state;
	assert_int_equal(taken(), IW);
	assert_in_range(silence(1100, &seq), 990, 1010);
	assert_int_equal(seq, base);
	assert_int_equal(taken(), 0); /* cwnd: one segment */
	end = base + MSS;
	for (int rtt = 0; rtt < 12; rtt++) {
		for (n = 0; seq_lt(s.ack, end); n++)
			ack_segments(&s, 1);
		end = s.ack;
		assert_true(n >= 1);
		/* all that is out there was sent in this round trip */
		peer_count(1, &end, NULL);
		n = (end - s.ack) / MSS;
		if (rtt == 0)
			assert_int_equal(n, 2);
		else if (last >= 5) /* no more than a segment a round trip */
			assert_in_range(n, last, last + 1);
		else
			assert_in_range(n, last + 1, 2 * last);
		last = n;
	}
	assert_in_range(last, 8, 15);
	stack_end();
}

static void second_timeout_of_a_segment_leaves_ssthresh(void **state)
{
	struct peer_seg s = asked(100);
	uint32_t base = s.ack, seq = 0, end;

	(void)state;
	assert_int_equal(taken(), IW);
	for (int i = 0; i < 4; i++) {
		assert_true(silence(2000, &seq) != 0);
		assert_int_equal(seq, base); /* the earliest, alone */
		assert_int_equal(taken(), 0);
	}
	for (int i = 0; i < IW; i++) /* ssthresh 5 still: slow start up to there */
		ack_segments(&s, 1);
	end = s.ack;
	peer_count(1, &end, NULL);
	assert_in_range((end - s.ack) / MSS, 5, 7);
	stack_end();
}

static void duplicates_inflate_the_window_and_a_full_ack_deflates_it(void **state)
{
	struct peer_seg s = asked(1000), got;
	uint32_t base = s.ack, end = base, n;

	(void)state;
	assert_int_equal(peer_count(1, &end, NULL), IW);
	for (int i = 0; i < 2; i++) {
		peer_say(1, &s);
		assert_in_range(taken(), 0, 1); /* RFC 3042: one new segment may go */
	}
	peer_say(1, &s);
	assert_true(peer_take(1, &got)); /* long before the RTO */
	assert_int_equal(got.seq, base);
	assert_int_equal(got.len, MSS);
	for (n = 0; n < 10; n++)
		peer_say(1, &s); /* of 13 the window is 5 + 13: new data goes */
	while (peer_take(1, &got)) {
		assert_int_equal(got.seq == base, 0);
		if (seq_lt(end, got.seq + got.len))
			end = got.seq + got.len;
	}
	assert_in_range((end - base) / MSS, IW + 2, 5 + 13);
	s.ack = end;
	peer_say(1, &s);
	assert_in_range(taken(), 1, 5); /* ssthresh, no burst of what was inflated */
	stack_end();
}

/* RFC 6582: segments 0, 3 and 6 of ten are lost; each partial ACK brings the next, none twice. */
static void partial_ack_brings_the_next_hole(void **state)
{
	struct peer_seg s = asked(1000), got;
	uint32_t base = s.ack, again = 0;

	(void)state;
	assert_int_equal(taken(), IW);
	for (int i = 0; i < 7; i++)
		peer_say(1, &s);
	for (uint32_t hole = 0; hole <= 6; hole += 3) {
		while (peer_take(1, &got)) {
			if (seq_lt(got.seq, base + IW * MSS)) {
				assert_int_equal(got.seq, base + hole * MSS);
				again++;
			}
		}
		/* two more went at the first duplicates, RFC 3042 */
		s.ack = base + (hole == 6 ? IW + 2 : hole + 3) * MSS;
		peer_say(1, &s);
	}
	assert_int_equal(again, 3);
	while (peer_take(1, &got))
		assert_true(seq_le(base + IW * MSS, got.seq));
	assert_int_equal(stack_port(1)->tsm.retrans_pkts, 3);
	stack_end();
}

/* RFC 6582 §3.2 step 4 and §4: duplicates of what go-back-N sent twice say nothing of a loss. */
static void duplicates_after_a_timeout_start_no_recovery(void **state)
{
	struct peer_seg s = asked(100);
	uint32_t seq;

	(void)state;
	assert_int_equal(taken(), IW);
	assert_true(silence(200, &seq) != 0);
	ack_segments(&s, 1); /* recover is not passed */
	taken();
	for (int i = 0; i < 5; i++)
		peer_say(1, &s);
	assert_int_equal(taken(), 0);
	stack_end();
}

static void retransmission_timer_is_kept_by_new_acks_only(void **state)
{
	struct peer_seg s = asked(200);
	uint32_t base = s.ack, seq;

	(void)state;
	assert_int_equal(taken(), IW);
	stack_run_ms(150);
	ack_segments(&s, 1); /* restarts it */
	taken();
	assert_in_range(silence(1000, &seq), 195, 1000);
	assert_int_equal(seq, base + MSS);
	taken();
	s.ack += MSS * 40; /* of what was never sent: does nothing */
	peer_say(1, &s);
	assert_true(silence(2000, &seq) != 0);
	assert_int_equal(seq, base + MSS);
	stack_end();
}

static void timer_is_off_when_all_is_acknowledged(void **state)
{
	struct peer_seg s = peer_up_mss(100, MSS);
	uint32_t seq;

	(void)state;
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	assert_int_equal(peer_count(1, &s.ack, NULL), 1);
	s.flags = TCP_ACK;
	peer_say(1, &s);
	assert_int_equal(silence(5000, &seq), 0);
	assert_int_equal(stack_port(1)->tsm.retrans_pkts, 0);
	stack_end();
}

/* A round trip of 300 ms, whose first sample is R: RTO = R + 4 * R/2 = 900 ms; the handshake has been
 * the sample. */
static struct peer_seg far_away(uint32_t rto_ms, uint32_t rtt_ms)
{
	struct peer_seg s;

	peer_server(10000000)->tcp.rto_ms = rto_ms;
	stack_start(1, 0);
	s = peer_syn(1000, (const uint8_t[]){2, 4, MSS >> 8, MSS & 255}, 4);
	peer_syn_ack(&s);
	stack_run_ms(rtt_ms);
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
	return s;
}

static void first_sample_makes_the_rto(void **state)
{
	struct peer_seg s = far_away(400, 300);
	uint32_t seq;

	(void)state;
	assert_int_equal(taken(), IW);
	assert_in_range(silence(2000, &seq), 890, 910);
	assert_int_equal(seq, s.ack);
	stack_end();
}

/* What was sent again is not timed (Karn): the ACK that comes 1 s later is of the first copy. */
static void retransmitted_segments_are_not_timed(void **state)
{
	struct peer_seg s = far_away(400, 300);
	uint32_t seq, t;

	(void)state;
	taken();
	t = silence(2000, &seq); /* 900 ms: time-out, RTO 1800 */
	assert_true(t != 0);
	stack_run_ms(50);
	s.ack += MSS;
	peer_say(1, &s); /* 50 ms after the copy, 950 after the original: neither counts */
	taken();
	/* a sample of 50 ms would have made it about 700, the backed-off one stays until a new sample */
	assert_in_range(silence(4000, &seq), 1750, 1850);
	stack_end();
}

static void samples_are_smoothed(void **state)
{
	struct peer_seg s = far_away(310, 300);
	uint32_t seq;

	(void)state;
	for (int i = 0; i < 40;
		i++) { /* the same 300 ms again and again: RTTVAR goes, SRTT stays */
		stack_run_ms(300);
		s.ack += MSS * taken();
		peer_say(1, &s);
	}
	taken();
	assert_in_range(silence(2000, &seq), 308, 340);
	stack_end();
}

static void rto_is_never_less_than_the_users(void **state)
{
	struct peer_seg s = asked(250);
	uint32_t seq;

	(void)state;
	for (int i = 0; i < 20; i++) { /* round trips of a turn */
		s.ack += MSS * taken();
		peer_say(1, &s);
	}
	taken();
	assert_in_range(silence(1000, &seq), 248, 255);
	stack_end();
}

static uint32_t segments_of_window(const uint8_t *opts, uint8_t n, uint16_t wnd)
{
	struct peer_seg s;
	uint32_t sent;

	peer_server(100000);
	stack_start(1, 0);
	s = peer_syn(1000, opts, n);
	s.wnd = wnd;
	peer_syn_ack(&s);
	s.wnd = wnd;
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	sent = taken();
	stack_end();
	return sent;
}

static void window_scale_of_the_peer_is_heeded(void **state)
{
	static const uint8_t none[] = {2, 4, MSS >> 8, MSS & 255},
			     two[] = {2, 4, 3, 232, 1, 3, 3, 2},
			     mad[] = {2, 4, 3, 232, 1, 3, 3, 255},
			     most[] = {2, 4, 3, 232, 1, 3, 3, 14};

	(void)state;
	assert_int_equal(segments_of_window(none, sizeof(none), 2000), 2);
	assert_int_equal(segments_of_window(two, sizeof(two), 2000), 8);
	/* more than 14 is 14: 16384, as much as of 14 */
	assert_int_equal(
		segments_of_window(mad, sizeof(mad), 1), segments_of_window(most, sizeof(most), 1));
}

static void scale_in_other_segments_is_ignored(void **state)
{
	static const uint8_t mss[] = {2, 4, MSS >> 8, MSS & 255}, scale[] = {1, 3, 3, 4};
	struct peer_seg s;

	(void)state;
	peer_server(100000);
	stack_start(1, 0);
	s = peer_syn(1000, mss, sizeof(mss));
	peer_syn_ack(&s);
	s.wnd = 2000;
	s.flags = TCP_ACK | TCP_PSH;
	s.opts = scale;
	s.opts_len = sizeof(scale);
	peer_text(1, &s, REQUEST);
	assert_int_equal(taken(), 2);
	ack_segments(&s, 2);
	assert_int_equal(taken(), 2);
	stack_end();
}

static void window_of_a_syn_is_never_scaled(void **state)
{
	static const uint8_t opts[] = {2, 4, 3, 232, 1, 3, 3, 10};
	struct peer_seg syn, s, got = {0};

	(void)state;
	stack_begin(256, 16, 4096);
	stack.wired = false;
	stack_tc(0, 0, l4proto_TCP, 1)->app.kind = app_kind_HTTP;
	tc_cfgs[0][0].app.http.body_bytes = 20000;
	tc_cfgs[0][0].tcp.win_size = 1 << 20;
	stack_start(0, 0);
	stack_run_us(100);
	assert_true(peer_take(0, &syn));
	assert_int_equal(syn.wnd, 65535); /* nor is ours */
	assert_memory_equal(syn.opts + syn.opts_len - 3, ((uint8_t[]){3, 3, 5}), 3);
	s = (struct peer_seg){.sport = 80,
		.dport = syn.sport,
		.seq = 9000,
		.ack = syn.seq + 1,
		.wnd = 2500,
		.flags = TCP_SYN | TCP_ACK,
		.opts = opts,
		.opts_len = sizeof(opts)};
	peer_say(0, &s);
	assert_int_equal(peer_count(0, NULL, &got), 2); /* of 2500 bytes, not of 2500 << 10 */
	assert_int_equal((uint32_t)got.wnd << 5, 1 << 20);
	stack_end();
}

static void scale_is_offered_to_whom_offered_it(void **state)
{
	static const uint8_t with[] = {2, 4, 3, 232, 1, 3, 3, 2}, without[] = {2, 4, 3, 232};
	struct peer_seg s, got;

	(void)state;
	peer_server(0)->tcp.win_size = 1 << 20;
	stack_start(1, 0);
	s = peer_syn(1000, without, sizeof(without));
	got = peer_syn_ack(&s);
	for (uint8_t i = 0; i < got.opts_len; i += got.opts[i] < 2 ? 1 : got.opts[i + 1])
		assert_int_not_equal(got.opts[i], 3);
	peer_text(1, &s, "GET ");
	assert_true(peer_take(1, &got));
	assert_int_equal(got.wnd, 65535); /* as much as can be said */
	s = peer_syn(1001, with, sizeof(with));
	peer_syn_ack(&s);
	peer_text(1, &s, "GET ");
	assert_true(peer_take(1, &got));
	assert_int_equal(got.wnd, (1 << 20) >> 5);
	stack_end();
}

/* As asked(), of a peer that speaks SACK, with a response of so many bytes. */
static struct peer_seg asked_sack(uint32_t body, uint32_t rto_ms)
{
	static const uint8_t opt[] = {2, 4, MSS >> 8, MSS & 255, 1, 1, 4, 2};
	struct tc_config *c = peer_server(body);
	struct peer_seg s = peer_syn(1000, opt, sizeof(opt));

	c->tcp.rto_ms = rto_ms;
	c->tcp.congestion = congestion_NEWRENO;
	stack_start(1, 0);
	peer_syn_ack(&s);
	s.opts = NULL;
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	s.flags = TCP_ACK;
	return s;
}

/* An ACK of s->ack with one SACK block. */
static void say_sack(struct peer_seg s, uint32_t start, uint32_t end)
{
	const uint8_t opt[] = {1, 1, 5, 10, start >> 24, start >> 16 & 255, start >> 8 & 255,
		start & 255, end >> 24, end >> 16 & 255, end >> 8 & 255, end & 255};

	s.opts = opt;
	s.opts_len = sizeof(opt);
	peer_say(1, &s);
}

static void a_lost_ack_costs_a_probe_and_not_the_window(void **state)
{
	struct peer_seg s = asked_sack(10000000, 100);
	uint32_t seq = 0;

	(void)state;
	assert_int_equal(taken(), IW);
	assert_in_range(silence(200, &seq), 95, 110);
	assert_int_equal(seq, s.ack + IW * MSS); /* new data */
	assert_int_equal(taken(), 0);
	ack_segments(&s, IW + 1);
	assert_int_equal(taken(), IW + 1); /* slow start goes on */
	stack_end();
}

static void a_probe_without_an_answer_is_followed_by_the_timeout(void **state)
{
	struct peer_seg s = asked_sack(10000000, 100);
	uint32_t base = s.ack, seq = 0, end;

	(void)state;
	assert_int_equal(taken(), IW);
	assert_in_range(silence(200, &seq), 95, 110);
	assert_in_range(silence(300, &seq), 190, 215);
	assert_int_equal(seq, base);
	assert_int_equal(taken(), 0);
	for (int i = 0; i < IW + 1; i++) /* ssthresh is half of what was in flight */
		ack_segments(&s, 1);
	end = s.ack;
	peer_count(1, &end, NULL);
	assert_in_range((end - s.ack) / MSS, 5, 7);
	stack_end();
}

/* Five segments are the whole response. */
static void probed_tail(bool was_lost)
{
	struct peer_seg s = asked_sack(4500, 100);
	uint32_t seq = 0, end = s.ack;

	assert_int_equal(peer_count(1, &end, NULL), 5);
	assert_in_range(silence(200, &seq), 95, 110);
	assert_int_equal(seq, end - MSS); /* the last bytes again */
	s.ack = end;
	if (was_lost)
		peer_say(1, &s);
	else
		say_sack(s, end - MSS, end); /* RFC 2883: twice */
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	assert_int_equal(taken(), was_lost ? 2 : 5);
	stack_end();
}

static void a_probe_that_repairs_a_loss_shrinks_the_window(void **state)
{
	(void)state;
	probed_tail(true);
	probed_tail(false);
}

/* An ACK with timestamps. */
static void say_ts(struct peer_seg *s, uint32_t tsval, uint32_t tsecr)
{
	const uint8_t opt[] = {1, 1, 8, 10, tsval >> 24, tsval >> 16 & 255, tsval >> 8 & 255,
		tsval & 255, tsecr >> 24, tsecr >> 16 & 255, tsecr >> 8 & 255, tsecr & 255};

	s->opts = opt;
	s->opts_len = sizeof(opt);
	peer_say(1, s);
	s->opts_len = 0;
}

static uint32_t tsval_of(const struct peer_seg *got)
{
	const uint8_t *o = got->opts;

	while (*o != 8) {
		assert_true(o < got->opts + got->opts_len);
		o += *o < 2 ? 1 : o[1];
	}
	o += 2;
	return (uint32_t)o[0] << 24 | (uint32_t)o[1] << 16 | (uint32_t)o[2] << 8 | o[3];
}

/* The time-out sends the first segment again; the ACK that comes then is for its first copy, or for
 * the second. */
static void timeout_answered(bool spurious)
{
	static const uint8_t opt[] = {
		2, 4, MSS >> 8, MSS & 255, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0};
	struct tc_config *c = peer_server(10000000);
	struct peer_seg s = peer_syn(1000, opt, sizeof(opt)), got;
	uint32_t sent, again, base, end;

	c->tcp.rto_ms = 100;
	c->tcp.ts = 1;
	c->tcp.congestion = congestion_NEWRENO;
	stack_start(1, 0);
	got = peer_syn_ack(&s);
	s.flags = TCP_ACK | TCP_PSH;
	s.data = REQUEST;
	s.len = sizeof(REQUEST) - 1;
	say_ts(&s, 2, tsval_of(&got));
	s.seq += s.len;
	s.len = 0;
	s.flags = TCP_ACK;
	base = end = s.ack;
	assert_true(peer_take(1, &got));
	sent = tsval_of(&got);
	peer_count(1, &end, NULL);
	assert_in_range(end - base, 9 * (MSS - 12), 10 * MSS);
	for (int ms = 0; !peer_take(1, &got); ms++) {
		assert_true(ms < 200);
		stack_run_ms(1);
	}
	assert_int_equal(got.seq, base);
	again = tsval_of(&got);
	assert_in_range(again - sent, 90, 110);
	s.ack = end;
	say_ts(&s, 3, spurious ? sent : again);
	assert_int_equal(taken(), spurious ? IW : 2);
	stack_end();
}

static void a_timeout_for_nothing_is_undone(void **state)
{
	(void)state;
	timeout_answered(true);
	timeout_answered(false);
}

/* As a receiver that takes a burst at once does: one ACK for what is before the hole and beyond. */
static void an_ack_that_advances_tells_of_a_loss_too(void **state)
{
	struct peer_seg s = asked_sack(10000000, 1000), got;
	uint32_t base = s.ack, end = base;

	(void)state;
	assert_int_equal(peer_count(1, &end, NULL), IW);
	s.ack = base + 3 * MSS;
	say_sack(s, base + 4 * MSS, base + 10 * MSS);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.seq, base + 3 * MSS);
	/* half of the ten that were in flight, not of the seven that this ACK leaves: 4 beside it */
	end = base;
	assert_int_equal(peer_count(1, &end, NULL), 4);
	assert_int_equal(end, base + 14 * MSS);
	/* then a segment more each round trip, that of recovery too, though one ACK answers all */
	s.ack = end;
	for (uint32_t n = 6; n < 10; n++) {
		peer_say(1, &s);
		peer_count(1, &end, NULL);
		assert_int_equal((end - s.ack) / MSS, n);
		s.ack = end;
	}
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(initial_window_is_that_of_rfc_6928),
		cmocka_unit_test(slow_start_adds_a_segment_an_ack_at_most),
		cmocka_unit_test(after_a_timeout_slow_start_leads_to_congestion_avoidance),
		cmocka_unit_test(second_timeout_of_a_segment_leaves_ssthresh),
		cmocka_unit_test(duplicates_inflate_the_window_and_a_full_ack_deflates_it),
		cmocka_unit_test(partial_ack_brings_the_next_hole),
		cmocka_unit_test(duplicates_after_a_timeout_start_no_recovery),
		cmocka_unit_test(retransmission_timer_is_kept_by_new_acks_only),
		cmocka_unit_test(timer_is_off_when_all_is_acknowledged),
		cmocka_unit_test(first_sample_makes_the_rto),
		cmocka_unit_test(retransmitted_segments_are_not_timed),
		cmocka_unit_test(samples_are_smoothed),
		cmocka_unit_test(rto_is_never_less_than_the_users),
		cmocka_unit_test(window_scale_of_the_peer_is_heeded),
		cmocka_unit_test(scale_in_other_segments_is_ignored),
		cmocka_unit_test(window_of_a_syn_is_never_scaled),
		cmocka_unit_test(scale_is_offered_to_whom_offered_it),
		cmocka_unit_test(a_lost_ack_costs_a_probe_and_not_the_window),
		cmocka_unit_test(a_probe_without_an_answer_is_followed_by_the_timeout),
		cmocka_unit_test(a_probe_that_repairs_a_loss_shrinks_the_window),
		cmocka_unit_test(a_timeout_for_nothing_is_undone),
		cmocka_unit_test(an_ack_that_advances_tells_of_a_loss_too),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
