/* ECHO: what is sent comes back, however it is cut; what differs is counted. */
#include "test/unit/stack.h"
#include "test/unit/world.h"

#include <string.h>

#define SIZE 150000

static uint8_t message[2 * SIZE];
static struct app_tc tc;
static struct app_conn conn;
static struct stats_tc tc_stats;
static struct stats_http http_stats;
static uint8_t kind;

static struct app_stats st(void)
{
	return (struct app_stats){&tc_stats, &http_stats};
}

static enum app_act begin(enum tc_kind side, uint32_t bytes, uint32_t requests)
{
	struct app_config cfg = {
		.kind = app_kind_ECHO, .requests = requests, .echo = {.bytes = bytes}};
	char err[80];
	uint32_t len;

	memset(&tc_stats, 0, sizeof(tc_stats));
	memset(&conn, 0xff, sizeof(conn));
	assert_int_equal(app_tc_init(&tc, &cfg, side, l4proto_TCP, err, sizeof(err)), 0);
	for (uint32_t off = 0; off < 2 * bytes; off += len) {
		const uint8_t *p = app_payload(&tc, 0, off % bytes, &len);

		memcpy(message + off, p, len);
	}
	return app_conn_up(&tc, &conn, st(), &kind);
}

static enum app_act deliver(uint32_t off, uint32_t len, int idle)
{
	return app_deliver(&tc, &conn, st(), message + off, len, idle, &kind);
}

static enum app_act sent(void)
{
	return app_sent(&tc, &conn, st(), &kind);
}

static void client_asks_again_when_all_is_back(void **state)
{
	(void)state;
	for (uint32_t cut = 1; cut < SIZE; cut = cut * 7 + 1) {
		enum app_act act = begin(tc_kind_CLIENT, SIZE, 2);

		for (int i = 0; i < 2; i++) {
			assert_int_equal(act, APP_SEND);
			assert_int_equal(sent(), APP_NONE);
			for (uint32_t at = 0; at < SIZE; at += cut)
				act = deliver(at, MIN_OF(cut, SIZE - at), 1);
		}
		assert_int_equal(act, APP_CLOSE);
		assert_int_equal(tc_stats.responses, 2);
		assert_int_equal(tc_stats.mismatches, 0);
	}
}

static void client_counts_each_message_that_differs(void **state)
{
	(void)state;
	begin(tc_kind_CLIENT, SIZE, 0);
	for (uint32_t at = 0; at < SIZE; at += SIZE / 10) {
		sent();
		message[at]++;
		assert_int_equal(deliver(0, SIZE, 1), APP_SEND); /* it goes on */
		message[at]--;
	}
	assert_int_equal(tc_stats.mismatches, 10);
	sent();
	assert_int_equal(deliver(0, SIZE, 1), APP_SEND);
	assert_int_equal(tc_stats.mismatches, 10);
	assert_int_equal(tc_stats.responses, 11);
	sent();
	assert_int_equal(deliver(1, SIZE, 1), APP_SEND); /* moved by a byte */
	assert_int_equal(tc_stats.mismatches, 11);
	sent();
	assert_int_equal(deliver(0, SIZE + 1, 1), APP_ABORT); /* more than was sent */
}

static void server_answers_what_it_knows(void **state)
{
	(void)state;
	assert_int_equal(begin(tc_kind_SERVER, 100, 0), APP_NONE);
	assert_int_equal(deliver(0, 99, 1), APP_NONE);
	assert_int_equal(deliver(99, 101, 1), APP_SEND); /* the rest, and another one */
	assert_int_equal(sent(), APP_SEND);
	assert_int_equal(deliver(0, 100, 0), APP_NONE);
	assert_int_equal(app_peer_closed(&tc, &conn, st()), APP_NONE);
	assert_int_equal(sent(), APP_SEND);
	assert_int_equal(sent(), APP_CLOSE);
	assert_int_equal(tc_stats.requests, 3);
	assert_int_equal(tc_stats.responses, 3);
	begin(tc_kind_SERVER, 100, 0);
	message[50]++;
	assert_int_equal(deliver(0, 100, 1), APP_ABORT);
	assert_int_equal(tc_stats.mismatches, 1);
}

/* Both ends, over a wire that loses, doubles and swaps; messages of more than a segment. */
static void all_comes_back_over_a_bad_wire(void **state)
{
	static const enum l4proto protos[] = {l4proto_TCP, l4proto_UDP};

	(void)state;
	for (size_t p = 0; p < ARRAY_SIZE(protos); p++) {
		bool tcp = protos[p] == l4proto_TCP;

		stack_begin(64, 64, 4096);
		if (tcp)
			stack.lose = stack.twice = stack.late = 20;
		for (uint16_t port = 0; port < 2; port++) {
			struct tc_config *c = stack_tc(port, 0, protos[p], 10);

			c->app.kind = app_kind_ECHO;
			c->app.echo.bytes = tcp ? 20000 : 5000;
			c->app.requests = port == 0 ? 20 : 0;
		}
		stack_start(1, 0);
		stack_start(0, 0);
		stack_run_ms(20000);
		assert_int_equal(stack_stats(0, 0)->closed, 10);
		assert_int_equal(stack_stats(0, 0)->responses, 200);
		assert_int_equal(stack_stats(1, 0)->requests, 200);
		assert_int_equal(stack_stats(0, 0)->mismatches, 0);
		assert_int_equal(stack_stats(1, 0)->mismatches, 0);
		stack_end();
	}
}

static void a_size_of_nothing_is_refused(void **state)
{
	struct app_config cfg = {.kind = app_kind_ECHO};
	char err[80] = "";

	(void)state;
	assert_true(app_tc_init(&tc, &cfg, tc_kind_CLIENT, l4proto_TCP, err, sizeof(err)) < 0);
	assert_true(err[0] != '\0');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_asks_again_when_all_is_back),
		cmocka_unit_test(client_counts_each_message_that_differs),
		cmocka_unit_test(server_answers_what_it_knows),
		cmocka_unit_test(all_comes_back_over_a_bad_wire),
		cmocka_unit_test(a_size_of_nothing_is_refused),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
