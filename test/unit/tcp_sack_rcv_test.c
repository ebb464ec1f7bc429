/* Selective acknowledgments as a receiver: the blocks that we send (RFC 2018 §4). */
#include "test/unit/tcp_peer.h"

#define MSS 1000

static const uint8_t mss_sack[] = {2, 4, MSS >> 8, MSS & 255, 1, 1, 4, 2};

static uint32_t sides_taken(void)
{
	return stack.lc->sides.n - pool_n_free(&stack.lc->sides);
}

/* An established connection, quiet: the peer's next segment. */
static struct peer_seg quiet(bool sack, bool ts)
{
	static uint8_t opts[40];
	struct tc_config *c = peer_server(10);
	struct peer_seg s;
	uint8_t n = 8;

	memcpy(opts, mss_sack, sizeof(mss_sack));
	if (!sack)
		n = 4;
	if (ts)
		n += peer_put_ts(opts + n, 77, 0);
	c->tcp.ts = ts;
	stack_start(1, 0);
	s = peer_syn(1000, opts, n);
	peer_syn_ack(&s);
	if (ts) {
		s.opts = opts;
		s.opts_len = peer_put_ts(opts, 77, 0);
	}
	peer_say(1, &s);
	peer_flush(1);
	return s;
}

#define A25 "aaaaaaaaaaaaaaaaaaaaaaaaa"
static const char text[] = "GET / HTTP/1.1\r\nX: " A25 A25 A25 A25;

/* Sends n bytes at offset off (of the peer's stream) and takes the answer. */
static struct peer_seg early(const struct peer_seg *s, uint32_t off, uint32_t n)
{
	struct peer_seg put = *s, got;

	put.seq += off;
	put.len = n;
	put.data = text + off;
	peer_say(1, &put);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, s->seq);
	return got;
}

/* Its blocks are these, offsets from the peer's next. */
static void says(
	const struct peer_seg *got, const struct peer_seg *s, const uint32_t (*want)[2], uint8_t n)
{
	const uint8_t *o = peer_option(got, 5);

	if (n == 0) {
		assert_null(o);
		return;
	}
	assert_non_null(o);
	assert_int_equal(o[1], 2 + 8 * n);
	for (uint8_t i = 0; i < n; i++) {
		assert_int_equal(peer_get32(o + 2 + 8 * i) - s->seq, want[i][0]);
		assert_int_equal(peer_get32(o + 6 + 8 * i) - s->seq, want[i][1]);
	}
	assert_int_equal(got->opts_len % 4, 0);
}
#define SAYS(got, s, n, ...) says(got, s, (const uint32_t[][2]){__VA_ARGS__}, n)

static void first_block_is_the_newest_and_the_last_ones_are_repeated(void **state)
{
	struct peer_seg s = quiet(true, false), got;

	(void)state;
	got = early(&s, 10, 5);
	SAYS(&got, &s, 1, {10, 15});
	got = early(&s, 50, 5);
	SAYS(&got, &s, 2, {50, 55}, {10, 15});
	got = early(&s, 30, 5);
	SAYS(&got, &s, 3, {30, 35}, {50, 55}, {10, 15});
	got = early(&s, 70, 5);
	SAYS(&got, &s, 4, {70, 75}, {30, 35}, {50, 55}, {10, 15});
	got = early(&s, 90, 5); /* there is room for four */
	SAYS(&got, &s, 4, {90, 95}, {70, 75}, {30, 35}, {50, 55});
	got = early(&s, 12, 8); /* grows one: first again */
	SAYS(&got, &s, 4, {10, 20}, {90, 95}, {70, 75}, {30, 35});
	got = early(&s, 35, 15); /* joins two */
	SAYS(&got, &s, 4, {30, 55}, {10, 20}, {90, 95}, {70, 75});
	stack_end();
}

static void three_blocks_have_room_beside_timestamps(void **state)
{
	struct peer_seg s = quiet(true, true), got;

	(void)state;
	early(&s, 10, 5);
	early(&s, 30, 5);
	early(&s, 50, 5);
	got = early(&s, 70, 5);
	SAYS(&got, &s, 3, {70, 75}, {50, 55}, {30, 35});
	assert_non_null(peer_option(&got, 8));
	assert_int_equal(got.opts_len, 12 + 28);
	stack_end();
}

static void no_blocks_to_whom_did_not_permit_them(void **state)
{
	struct peer_seg s = quiet(false, false), got;

	(void)state;
	got = early(&s, 10, 5);
	SAYS(&got, &s, 0, {0, 0});
	assert_int_equal(got.opts_len, 0);
	stack_end();
}

/* The runs that grew last are delivered; an older one is still there, and is told of. */
static void older_runs_are_told_of_once_the_newer_are_gone(void **state)
{
	struct peer_seg s = quiet(true, false), got;

	(void)state;
	early(&s, 90, 5);
	early(&s, 70, 5);
	early(&s, 50, 5);
	early(&s, 30, 5);
	early(&s, 10, 5);
	s.data = text;
	s.len = 10;
	peer_say(1, &s); /* up to 15 */
	s.seq += 15;
	s.len = 0;
	while (peer_take(1, &got))
		;
	assert_int_equal(got.ack, s.seq);
	SAYS(&got, &s, 4, {15, 20}, {35, 40}, {55, 60}, {75, 80});
	stack_end();
}

static void early_fin_waits_for_what_is_before_it(void **state)
{
	struct peer_seg s = quiet(true, false), got;
	const char request[] = REQUEST_CLOSE;
	uint32_t len = sizeof(request) - 1;

	(void)state;
	s.flags = TCP_ACK | TCP_FIN;
	s.seq += 20;
	s.data = request + 20;
	s.len = len - 20;
	peer_say(1, &s);
	assert_true(peer_take(1, &got));
	s.seq -= 20;
	SAYS(&got, &s, 1, {20, len});
	s.flags = TCP_ACK;
	s.data = request;
	s.len = 20;
	peer_say(1, &s);
	assert_int_equal(stack_stats(1, 0)->requests, 1);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.ack, s.seq + len + 1);
	assert_null(peer_option(&got, 5));
	assert_int_equal(sides_taken(), 0);
	stack_end();
}

static void blocks_ride_on_data_that_has_room_for_them(void **state)
{
	struct peer_seg s = quiet(true, false), got;
	const uint32_t len = sizeof(REQUEST) - 1;

	(void)state;
	early(&s, 100, 5);
	peer_text(1, &s, REQUEST); /* its answer is short */
	assert_true(peer_take(1, &got));
	assert_true(got.len != 0);
	SAYS(&got, &s, 1, {100 - len, 105 - len});
	assert_false(peer_take(1, &got));
	stack_end();
}

/* A data segment is no duplicate ACK, and a full one has no room for blocks: an early segment is told
 * of all the same. */
static void full_segments_do_not_swallow_the_blocks(void **state)
{
	struct peer_seg s, got;
	bool told = false;

	(void)state;
	peer_server(10000000);
	stack_start(1, 0);
	s = peer_syn(1000, mss_sack, sizeof(mss_sack));
	peer_syn_ack(&s);
	peer_text(1, &s, REQUEST);
	peer_flush(1);
	s.ack += 2 * MSS;
	s.seq += 100; /* early, and makes room for data */
	s.len = 5;
	s.data = "early";
	peer_say(1, &s);
	while (peer_take(1, &got)) {
		assert_true(got.len + got.opts_len <= MSS);
		told |= peer_option(&got, 5) != NULL && got.len == 0;
	}
	assert_true(told);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_block_is_the_newest_and_the_last_ones_are_repeated),
		cmocka_unit_test(three_blocks_have_room_beside_timestamps),
		cmocka_unit_test(no_blocks_to_whom_did_not_permit_them),
		cmocka_unit_test(older_runs_are_told_of_once_the_newer_are_gone),
		cmocka_unit_test(early_fin_waits_for_what_is_before_it),
		cmocka_unit_test(blocks_ride_on_data_that_has_room_for_them),
		cmocka_unit_test(full_segments_do_not_swallow_the_blocks),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
