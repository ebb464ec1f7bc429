/* Selective acknowledgments: RFC 2018, 2883, 6675, as a sender. */
#include "test/unit/tcp_peer.h"

#define MSS 1000
#define IW 10

/* The peer's receiving end, of segments of MSS each, by number. */
struct rcv {
	struct peer_seg s; /* its next ACK */
	uint32_t base;     /* sequence number of segment 0 */
	bool got[256];
	uint32_t n;         /* in order so far */
	uint32_t sent[256]; /* how often each has come over the wire */
	uint32_t top;       /* behind the highest of them */
	bool again_sacked;  /* one came that it had */
	uint32_t order[64]; /* of what came a second time */
	uint32_t n_again;
	uint8_t opts[40];
	bool mute; /* no SACK blocks */
};

static const uint8_t mss_sack[] = {2, 4, MSS >> 8, MSS & 255, 1, 1, 4, 2};

/* A server asked for a long response: what its first window held has been taken, nothing is
 * acknowledged. */
static struct rcv *asked_for(uint32_t body, uint32_t rto_ms, enum congestion congestion)
{
	static struct rcv r;
	struct tc_config *c = peer_server(body);

	memset(&r, 0, sizeof(r));
	c->tcp.rto_ms = rto_ms;
	c->tcp.congestion = congestion;
	stack_start(1, 0);
	r.s = peer_syn(1000, mss_sack, sizeof(mss_sack));
	peer_syn_ack(&r.s);
	r.base = r.s.ack;
	r.s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &r.s, REQUEST);
	r.s.flags = TCP_ACK;
	return &r;
}

static struct rcv *asked(uint32_t rto_ms, enum congestion congestion)
{
	return asked_for(10000000, rto_ms, congestion);
}

/* What has come since, noted. Returns how many segments. */
static uint32_t taken(struct rcv *r)
{
	struct peer_seg got;
	uint32_t n = 0;

	while (peer_take(1, &got)) {
		uint32_t first = (got.seq - r->base) / MSS, end = first + (got.len + MSS - 1) / MSS;

		for (uint32_t i = first; i < end; i++) {
			assert_true(i < ARRAY_SIZE(r->sent));
			if (r->sent[i]++ != 0) {
				assert_true(r->n_again < ARRAY_SIZE(r->order));
				r->order[r->n_again++] = i;
			}
			r->again_sacked |= r->got[i];
			r->top = MAX_OF(r->top, i + 1);
			n++;
		}
	}
	return n;
}

/* The runs of what it has beyond the first hole; that of `newest` comes first, then the highest. */
static uint8_t blocks(const struct rcv *r, uint32_t newest, uint32_t (*b)[2])
{
	uint8_t n = 1;

	for (uint32_t end = r->top, i; end > r->n; end = i) {
		for (i = end; i > r->n && r->got[i - 1]; i--)
			;
		if (i == end) {
			i--;
			continue;
		}
		if (newest >= i && newest < end) {
			b[0][0] = r->base + i * MSS;
			b[0][1] = r->base + end * MSS;
		} else if (n < 4) {
			b[n][0] = r->base + i * MSS;
			b[n++][1] = r->base + end * MSS;
		}
	}
	return n;
}

/* Segment i comes to the peer, which answers. */
static void arrives(struct rcv *r, uint32_t i)
{
	uint32_t b[4][2];

	r->got[i] = true;
	while (r->got[r->n])
		r->n++;
	r->s.ack = r->base + r->n * MSS;
	r->s.opts = r->opts;
	r->s.opts_len = 0;
	if (i > r->n && !r->mute)
		r->s.opts_len = peer_put_sack(r->opts, (const uint32_t(*)[2])b, blocks(r, i, b));
	peer_say(1, &r->s);
}

/* All up to `top` that are not lost come, one by one. */
static void rest_arrives(struct rcv *r, uint32_t from, uint32_t top, const uint32_t *lost, size_t n)
{
	for (uint32_t i = from; i < top; i++) {
		bool gone = false;

		for (size_t k = 0; k < n; k++)
			gone |= lost[k] == i;
		if (!gone)
			arrives(r, i);
		taken(r);
	}
}

/* What was sent again of the first `end` comes, and what that brings, until all of them are there. */
static void all_arrives(struct rcv *r, uint32_t end)
{
	for (int turns = 0; r->n < end; turns++) {
		for (uint32_t i = r->n; i < end; i++) {
			if (r->sent[i] > 1 && !r->got[i])
				arrives(r, i);
			taken(r);
		}
		stack_run_ms(10);
		taken(r);
		assert_true(turns < 100);
	}
}

static uint32_t sides_taken(void)
{
	return stack.lc->sides.n - pool_n_free(&stack.lc->sides);
}

static void holes_are_sent_again_once_each_and_in_order(void **state)
{
	static const uint32_t lost[] = {0, 2, 4};
	struct rcv *r = asked(1000, congestion_NEWRENO);

	(void)state;
	assert_int_equal(taken(r), IW);
	rest_arrives(r, 0, IW, lost, ARRAY_SIZE(lost));
	rest_arrives(r, IW, r->top, NULL, 0); /* what limited transmit sent went before the holes */
	assert_int_equal(r->n_again, 3);      /* within one round trip, no timer has fired */
	for (int i = 0; i < 3; i++)
		assert_int_equal(r->order[i], lost[i]);
	assert_false(r->again_sacked);
	for (int i = 0; i < 3; i++)
		arrives(r, lost[i]);
	taken(r);
	assert_true(seq_le(r->base + (IW + 2) * MSS, r->s.ack));
	assert_int_equal(r->n_again, 3);
	assert_int_equal(stack_port(1)->tsm.retrans_pkts, 3);
	assert_int_equal(stack_port(1)->tsm.rto, 0);
	for (uint32_t i = r->n; i < r->top; i++)
		arrives(r, i);
	assert_int_equal(sides_taken(), 0);
	stack_end();
}

/* RFC 6675: once a window is cwnd cut, to half, and what is under way stays within. */
static void recovery_keeps_to_half_the_window(void **state)
{
	static const uint32_t lost[] = {0, 1, 2, 3, 4};
	struct rcv *r = asked(1000, congestion_NEWRENO);
	const struct tcb *t = (const struct tcb *)pool_at(&stack.lc->tcbs, 0);

	(void)state;
	taken(r);
	rest_arrives(r, 0, IW, lost, ARRAY_SIZE(lost));
	assert_int_equal(t->ssthresh, 5);
	assert_int_equal(t->cwnd, 5 * MSS);
	/* five are under way: two by limited transmit, three again */
	assert_int_equal(r->top, IW + 2);
	assert_int_equal(r->n_again, 3);
	for (uint32_t i = 0; i < 2; i++) { /* each that arrives lets another go */
		arrives(r, IW + i);
		assert_int_equal(taken(r), 1);
	}
	assert_int_equal(r->n_again, 5);
	for (uint32_t i = 0; i < 4; i++) {
		arrives(r, lost[i]);
		assert_int_equal(taken(r), 1);
	}
	assert_int_equal(r->n_again, 5);
	assert_int_equal(t->ssthresh, 5);
	assert_int_equal(stack_port(1)->tsm.fast_rtx, 1);
	stack_end();
}

static void one_block_far_ahead_begins_recovery_at_once(void **state)
{
	struct rcv *r = asked(1000, congestion_NEWRENO);

	(void)state;
	taken(r);
	r->got[1] = r->got[2] = true; /* those ACKs were lost */
	arrives(r, 3);
	taken(r);
	assert_int_equal(r->n_again, 1); /* by one ACK: three segments are beyond the hole */
	assert_int_equal(r->order[0], 0);
	stack_end();
}

static void limited_transmit_sends_new_data_on_the_first_duplicates(void **state)
{
	struct rcv *r = asked(1000, congestion_NEWRENO);

	(void)state;
	taken(r);
	for (uint32_t i = 1; i < 3; i++) {
		arrives(r, i);
		assert_int_equal(taken(r), 1);
		assert_int_equal(r->top, IW + i);
	}
	assert_int_equal(r->n_again, 0);
	stack_end();
}

/* RFC 6675 NextSeg (3): too little is behind the last hole to call it lost, but nothing else is to be
 * sent. */
static void last_hole_is_sent_again_when_there_is_nothing_new(void **state)
{
	static const uint32_t lost[] = {0, 2};
	struct rcv *r = asked_for(5500, 10000, congestion_NONE);

	(void)state;
	assert_int_equal(taken(r), 6);
	rest_arrives(r, 0, 5, lost, ARRAY_SIZE(lost));
	assert_int_equal(r->n_again, 2);
	assert_int_equal(r->order[0], 0);
	assert_int_equal(r->order[1], 2);
	stack_end();
}

static void lost_retransmission_is_found_by_order(void **state)
{
	struct rcv *r = asked(10000, congestion_NEWRENO);
	uint32_t turns;

	(void)state;
	taken(r);
	rest_arrives(r, 1, IW, NULL, 0);
	assert_int_equal(r->sent[0], 2);
	for (turns = 0; r->sent[0] == 2 && turns < 20; turns++) {
		arrives(r, IW + turns);
		taken(r);
	}
	assert_int_equal(r->sent[0], 3); /* long before its 10 s are over */
	assert_in_range(turns, 3, 8);
	arrives(r, 0);
	assert_int_equal(stack_port(1)->tsm.rto, 0);
	assert_false(r->again_sacked);
	stack_end();
}

static void timeout_forgets_what_the_peer_may_have_reneged(void **state)
{
	struct rcv *r = asked(100, congestion_NEWRENO);

	(void)state;
	taken(r);
	r->got[5] = true; /* one ACK tells of it, too little for recovery */
	arrives(r, 6);
	taken(r);
	assert_int_equal(sides_taken(), 1);
	assert_int_equal(r->n_again, 0);
	stack_run_ms(150);
	assert_true(stack_port(1)->tsm.rto >= 1);
	assert_int_equal(sides_taken(), 0);
	memset(r->got, 0, sizeof(r->got)); /* thrown away */
	r->mute = true;
	taken(r);
	assert_int_equal(r->order[0], 0); /* the left edge, whatever was said */
	for (uint32_t i = 0; i < IW; i++) {
		assert_true(r->sent[i] >= 2);
		arrives(r, i);
		taken(r);
	}
	stack_end();
}

/* After a time-out what the peer tells then is skipped. */
static void go_back_n_leaves_out_what_is_there(void **state)
{
	struct rcv *r = asked(100, congestion_NEWRENO);

	(void)state;
	taken(r);
	stack_run_ms(350); /* a tail loss probe, then the time-out */
	taken(r);
	assert_int_equal(r->sent[0], 2);
	r->got[0] = true;
	r->got[3] = r->got[4] = r->got[5] = true;
	arrives(r, 4); /* a cumulative ACK of 0 that has a block of 3..5 */
	all_arrives(r, IW);
	assert_int_equal(r->sent[3] + r->sent[4] + r->sent[5], 3);
	assert_false(r->again_sacked);
	stack_end();
}

/* Each is said five times over; nothing is remembered, nothing sent. */
static void blocks_that_make_no_sense_are_ignored(void **state)
{
	struct rcv *r = asked(10000, congestion_NEWRENO);
	uint32_t una = r->base + 2 * MSS, end = r->base + IW * MSS, n;
	const uint32_t bad[][2] = {
		{una - MSS, una},                      /* D-SACK: acknowledged already */
		{r->base - 100, r->base - 50},         /* from before the connection */
		{una + MSS, una + MSS},                /* empty */
		{una + 2 * MSS, una + MSS},            /* reversed */
		{end + 5 * MSS, end + 6 * MSS},        /* never sent */
		{una + MSS, end + 9 * MSS},            /* in part never sent */
		{una + 1, una + UINT32_C(0x80000000)}, /* half the space */
	};

	(void)state;
	taken(r);
	arrives(r, 0);
	arrives(r, 1);
	taken(r);
	end = r->base + r->top * MSS;
	n = r->top;
	r->s.opts = r->opts;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		r->s.opts_len = peer_put_sack(r->opts, &bad[i], 1);
		for (int k = 0; k < 5; k++) {
			r->s.wnd ^= 1; /* no duplicate by RFC 5681 */
			peer_say(1, &r->s);
		}
	}
	r->opts[3] = 9; /* of half a block */
	r->s.wnd ^= 1;
	peer_say(1, &r->s);
	taken(r);
	assert_int_equal(r->n_again, 0);
	assert_int_equal(r->top, n);
	assert_int_equal(sides_taken(), 0);
	stack_end();
}

/* RFC 6675 §2: an ACK is a duplicate when its blocks tell something new; RFC 2883: what came twice is
 * told of, and is no loss. */
static void what_the_peer_has_twice_is_no_loss(void **state)
{
	struct rcv *r = asked(10000, congestion_NEWRENO);
	const uint32_t twice[][2] = {{r->base, r->base + MSS}};

	(void)state;
	taken(r);
	arrives(r, 0);
	taken(r);
	r->s.opts = r->opts;
	r->s.opts_len = peer_put_sack(r->opts, twice, 1);
	for (int k = 0; k < 6; k++)
		peer_say(1, &r->s);
	taken(r);
	assert_int_equal(r->n_again, 0);
	assert_int_equal(stack_port(1)->tsm.fast_rtx, 0);
	stack_end();
}

/* Duplicates without any block, as of a receiver that has no room left to remember: RFC 5681. */
static void duplicates_without_blocks_count_all_the_same(void **state)
{
	struct rcv *r = asked(10000, congestion_NEWRENO);

	(void)state;
	taken(r);
	r->mute = true;
	for (uint32_t i = 1; i < 4; i++)
		arrives(r, i);
	taken(r);
	assert_int_equal(r->n_again, 1);
	assert_int_equal(r->order[0], 0);
	stack_end();
}

/* A hole shorter than a segment: what is behind it has arrived. */
static void hole_is_not_sent_beyond_its_end(void **state)
{
	struct rcv *r = asked(10000, congestion_NEWRENO);
	uint32_t b[][2] = {{r->base + 300, r->base + 4 * MSS}};
	struct peer_seg got;

	(void)state;
	taken(r);
	r->s.opts = r->opts;
	r->s.opts_len = peer_put_sack(r->opts, (const uint32_t(*)[2])b, 1);
	peer_say(1, &r->s);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.seq, r->base);
	assert_int_equal(got.len, 300);
	stack_end();
}

/* Takes all of them away, or gives them back. */
static void side_blocks(bool there)
{
	struct conn_pool *p = &stack.lc->sides;

	while (!there && pool_get(p) != CONN_NONE)
		;
	for (uint32_t i = 0; there && i < p->n; i++)
		pool_put(p, i);
}

static void without_side_blocks_newreno_does_it(void **state)
{
	static const uint32_t lost[] = {0, 3, 6};
	struct rcv *r = asked(10000, congestion_NEWRENO);

	(void)state;
	side_blocks(false);
	taken(r);
	rest_arrives(r, 0, IW, lost, ARRAY_SIZE(lost));
	rest_arrives(r, IW, IW + 2, NULL, 0);
	assert_int_equal(r->n_again, 1);
	for (uint32_t i = 0; i < 3; i++) { /* one a round trip, by partial ACKs */
		assert_int_equal(r->n_again, i + 1);
		assert_int_equal(r->order[i], lost[i]);
		arrives(r, lost[i]);
		taken(r);
	}
	assert_int_equal(r->n_again, 3);
	assert_int_equal(stack_port(1)->tsm.rto, 0);
	side_blocks(true);
	stack_end();
}

static void full_scoreboard_is_borne(void **state)
{
	struct rcv *r = asked(200, congestion_NONE);
	const struct tcp_side *sd;

	(void)state;
	assert_int_equal(taken(r), 65); /* the window */
	for (uint32_t i = 1; i < 65; i += 2)
		arrives(r, i);
	sd = (const struct tcp_side *)stack.lc->sides.base;
	assert_int_equal(sides_taken(), 1);
	assert_int_equal(sd->n_sacked, SIDE_SACKED);
	for (uint32_t i = 0; i < sd->n_sacked; i++)
		assert_true(seq_lt(sd->sacked[i].start, sd->sacked[i].end));
	taken(r);
	all_arrives(r, 65);
	stack_end();
}

static void blocks_are_ignored_when_not_agreed(void **state)
{
	static const uint8_t mss[] = {2, 4, MSS >> 8, MSS & 255};
	uint8_t opts[40];
	struct peer_seg s, got;
	uint32_t b[1][2];

	(void)state;
	peer_server(100000);
	stack_start(1, 0);
	s = peer_syn(1000, mss, sizeof(mss));
	got = peer_syn_ack(&s);
	assert_null(peer_option(&got, 4)); /* not offered to whom did not offer it */
	s.flags = TCP_ACK | TCP_PSH;
	peer_text(1, &s, REQUEST);
	peer_flush(1);
	b[0][0] = s.ack + MSS;
	b[0][1] = s.ack + 6 * MSS;
	s.flags = TCP_ACK;
	s.opts = opts;
	s.opts_len = peer_put_sack(opts, (const uint32_t(*)[2])b, 1);
	peer_say(1, &s); /* would be enough for recovery */
	while (peer_take(1, &got))
		assert_int_not_equal(got.seq, s.ack);
	assert_int_equal(sides_taken(), 0);
	assert_int_equal(stack_port(1)->tsm.retrans_pkts, 0);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holes_are_sent_again_once_each_and_in_order),
		cmocka_unit_test(recovery_keeps_to_half_the_window),
		cmocka_unit_test(one_block_far_ahead_begins_recovery_at_once),
		cmocka_unit_test(limited_transmit_sends_new_data_on_the_first_duplicates),
		cmocka_unit_test(last_hole_is_sent_again_when_there_is_nothing_new),
		cmocka_unit_test(lost_retransmission_is_found_by_order),
		cmocka_unit_test(timeout_forgets_what_the_peer_may_have_reneged),
		cmocka_unit_test(go_back_n_leaves_out_what_is_there),
		cmocka_unit_test(blocks_that_make_no_sense_are_ignored),
		cmocka_unit_test(what_the_peer_has_twice_is_no_loss),
		cmocka_unit_test(duplicates_without_blocks_count_all_the_same),
		cmocka_unit_test(hole_is_not_sent_beyond_its_end),
		cmocka_unit_test(without_side_blocks_newreno_does_it),
		cmocka_unit_test(full_scoreboard_is_borne),
		cmocka_unit_test(blocks_are_ignored_when_not_agreed),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
