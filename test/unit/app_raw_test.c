/* RAW: messages counted in bytes, however they are cut. */
#include "engine/l7_app/l7_app.h"
#include "test/unit/unit.h"

#include <string.h>

static struct app_tc tc;
static struct app_conn conn;
static struct stats_tc tc_stats;
static struct stats_http http_stats;
static const uint8_t data[70000];
static uint8_t kind;

static struct app_stats st(void)
{
	return (struct app_stats){&tc_stats, &http_stats};
}

static enum app_act deliver(uint32_t len, int idle)
{
	return app_deliver(&tc, &conn, st(), data, len, idle, &kind);
}

static enum app_act sent(void)
{
	return app_sent(&tc, &conn, st(), &kind);
}

static enum app_act begin(enum tc_kind side, uint32_t req, uint32_t resp, uint32_t requests)
{
	struct tc_config cfg = {.kind = side,
		.app = {.kind = app_kind_RAW,
			.requests = requests,
			.raw = {.req_bytes = req, .resp_bytes = resp}}};
	char err[80];

	memset(&tc_stats, 0, sizeof(tc_stats));
	memset(&conn, 0xff, sizeof(conn));
	kind = 9;
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
	return app_conn_up(&tc, &conn, st(), &kind);
}

static void client_asks_again_after_each_response(void **state)
{
	(void)state;
	assert_int_equal(begin(tc_kind_CLIENT, 100, 10, 0), APP_SEND);
	assert_int_equal(kind, 0);
	assert_int_equal(sent(), APP_NONE);
	assert_int_equal(tc_stats.requests, 1);
	assert_int_equal(deliver(9, 1), APP_NONE);
	assert_int_equal(tc_stats.responses, 0);
	assert_int_equal(deliver(1, 1), APP_SEND);
	assert_int_equal(tc_stats.responses, 1);
	assert_int_equal(deliver(5, 1), APP_NONE); /* more than asked for */
	assert_int_equal(sent(), APP_NONE);
	assert_int_equal(
		deliver(30, 1), APP_SEND); /* excess is swallowed, not counted as a response */
	assert_int_equal(tc_stats.responses, 2);
	assert_int_equal(conn.n_done, 2);
}

static void client_closes_at_its_limit(void **state)
{
	(void)state;
	assert_int_equal(begin(tc_kind_CLIENT, 1, 1, 2), APP_SEND);
	assert_int_equal(sent(), APP_NONE);
	assert_int_equal(deliver(1, 1), APP_SEND);
	assert_int_equal(sent(), APP_NONE);
	assert_int_equal(deliver(1, 1), APP_CLOSE);
	assert_int_equal(deliver(1, 1), APP_NONE);
	assert_int_equal(tc_stats.requests, 2);
	assert_int_equal(tc_stats.responses, 2);
}

static void client_streams_without_responses(void **state)
{
	(void)state;
	assert_int_equal(begin(tc_kind_CLIENT, 1000, 0, 3), APP_SEND);
	assert_int_equal(sent(), APP_SEND);
	assert_int_equal(sent(), APP_SEND);
	assert_int_equal(deliver(10, 0), APP_NONE);
	assert_int_equal(sent(), APP_CLOSE);
	assert_int_equal(tc_stats.requests, 3);
	assert_int_equal(tc_stats.responses, 0);
}

static void client_without_request_is_silent(void **state)
{
	(void)state;
	assert_int_equal(begin(tc_kind_CLIENT, 0, 10, 0), APP_NONE);
	assert_int_equal(deliver(10, 1), APP_NONE);
	assert_int_equal(app_peer_closed(&tc, &conn, st()), APP_CLOSE);
}

static void server_answers_each_request(void **state)
{
	(void)state;
	assert_int_equal(begin(tc_kind_SERVER, 10, 20, 0), APP_NONE);
	assert_int_equal(deliver(9, 1), APP_NONE);
	assert_int_equal(deliver(1, 1), APP_SEND);
	assert_int_equal(tc_stats.requests, 1);
	assert_int_equal(deliver(25, 0), APP_NONE); /* while answering: two more, and half of one */
	assert_int_equal(tc_stats.requests, 3);
	assert_int_equal(conn.pending, 2);
	assert_int_equal(sent(), APP_SEND);
	assert_int_equal(sent(), APP_SEND);
	assert_int_equal(sent(), APP_NONE);
	assert_int_equal(deliver(5, 1), APP_SEND);
	assert_int_equal(tc_stats.responses, 3);
	assert_int_equal(deliver(30, 0), APP_NONE);
	assert_int_equal(
		app_peer_closed(&tc, &conn, st()), APP_NONE); /* those three are answered yet */
	for (int i = 0; i < 3; i++)
		assert_int_equal(sent(), APP_SEND);
	assert_int_equal(sent(), APP_CLOSE);
}

static void server_closes_at_its_limit(void **state)
{
	(void)state;
	assert_int_equal(begin(tc_kind_SERVER, 10, 20, 2), APP_NONE);
	assert_int_equal(deliver(100, 1), APP_SEND);
	assert_int_equal(tc_stats.requests, 2);
	assert_int_equal(deliver(100, 0), APP_NONE);
	assert_int_equal(sent(), APP_SEND);
	assert_int_equal(sent(), APP_CLOSE);
	assert_int_equal(tc_stats.responses, 2);

	assert_int_equal(begin(tc_kind_SERVER, 10, 0, 2), APP_NONE);
	assert_int_equal(deliver(19, 1), APP_NONE);
	assert_int_equal(deliver(1, 1), APP_CLOSE);
	assert_int_equal(deliver(50, 1), APP_NONE);
	assert_int_equal(tc_stats.requests, 2);
}

static void server_counts_what_it_does_not_answer(void **state)
{
	(void)state;
	assert_int_equal(begin(tc_kind_SERVER, 7, 0, 0), APP_NONE);
	assert_int_equal(deliver(70000, 1), APP_NONE);
	assert_int_equal(tc_stats.requests, 10000);
	assert_int_equal(begin(tc_kind_SERVER, 0, 7, 0), APP_NONE);
	assert_int_equal(deliver(70000, 1), APP_NONE);
	assert_int_equal(tc_stats.requests, 0);
}

static void server_aborts_a_peer_that_never_waits(void **state)
{
	(void)state;
	begin(tc_kind_SERVER, 1, 1, 0);
	assert_int_equal(deliver(256, 1), APP_SEND);
	assert_int_equal(conn.pending, 255);
	assert_int_equal(deliver(1, 0), APP_ABORT);
	begin(tc_kind_SERVER, 1, 1, 0);
	assert_int_equal(deliver(257, 1), APP_ABORT);
}

static void every_cut_counts_the_same(void **state)
{
	(void)state;
	for (uint32_t cut = 1; cut < 100; cut++) {
		begin(tc_kind_SERVER, 13, 5, 0);
		for (uint32_t at = 0; at < 1300; at += cut) {
			if (deliver(MIN_OF(cut, 1300 - at), 1) != APP_SEND)
				continue;
			while (sent() == APP_SEND)
				;
		}
		assert_int_equal(tc_stats.requests, 100);
		assert_int_equal(tc_stats.responses, 100);
		assert_int_equal(conn.rx_left, 13);
	}
}

static void body_is_stars(void **state)
{
	uint32_t off = 0, len;

	(void)state;
	begin(tc_kind_CLIENT, 200000, 10, 0);
	assert_int_equal(tc.msg[0].len, 200000);
	for (; off < tc.msg[0].len; off += len) {
		const uint8_t *p = app_payload(&tc, 0, off, &len);

		assert_true(len > 0);
		assert_int_equal(p[0], 0x2a);
		assert_int_equal(p[len - 1], 0x2a);
	}
}

static void too_large_a_message_is_refused(void **state)
{
	struct tc_config cfg = {.kind = tc_kind_SERVER, .app = {.kind = app_kind_RAW}};
	char err[80] = "";

	(void)state;
	cfg.app.raw.resp_bytes = APP_SIZE_MAX;
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
	cfg.app.raw.resp_bytes++;
	assert_true(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)) < 0);
	assert_true(err[0] != '\0');
	cfg.app.kind = app_kind_COUNT;
	assert_true(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_asks_again_after_each_response),
		cmocka_unit_test(client_closes_at_its_limit),
		cmocka_unit_test(client_streams_without_responses),
		cmocka_unit_test(client_without_request_is_silent),
		cmocka_unit_test(server_answers_each_request),
		cmocka_unit_test(server_closes_at_its_limit),
		cmocka_unit_test(server_counts_what_it_does_not_answer),
		cmocka_unit_test(server_aborts_a_peer_that_never_waits),
		cmocka_unit_test(every_cut_counts_the_same),
		cmocka_unit_test(body_is_stars),
		cmocka_unit_test(too_large_a_message_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
