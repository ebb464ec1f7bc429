/* IMIX: who has which application, and what each gets of the rates. */
#include "test/unit/stack.h"
#include "test/unit/world.h"

#include <inttypes.h>

/* Weights add up to 100. */
static const uint8_t weights[] = {50, 30, 15, 5};
#define N_APPS ARRAY_SIZE(weights)

static void turns_are_as_many_as_the_weights_say(void **state)
{
	(void)state;
	for (uint32_t n = 1; n <= IMIX_GROUP_APPS; n++) {
		uint8_t w[IMIX_GROUP_APPS + 1];
		uint32_t seen[IMIX_GROUP_APPS] = {0};
		struct app_mix m;

		for (uint32_t i = 0; i < n; i++)
			w[i] = (uint8_t)(1 + i * 5 % 7);
		imix_build(&m, w, n);
		for (uint32_t port = 40000; port < 40000 + m.total; port++)
			seen[imix_slot(&m, CLIENT_IP, SERVER_IP, (uint16_t)port, 80)]++;
		for (uint32_t i = 0; i < n; i++)
			assert_int_equal(seen[i], w[i]);
	}
}

/* However few ports an address has, many addresses make the shares. */
static void addresses_take_turns_too(void **state)
{
	uint32_t seen[N_APPS] = {0};
	struct app_mix m;

	(void)state;
	imix_build(&m, weights, N_APPS);
	for (uint32_t ip = 0; ip < 100; ip++) {
		for (uint16_t port = 1; port <= 3; port++)
			seen[imix_slot(&m, CLIENT_IP + ip, SERVER_IP, port, 80)]++;
	}
	for (uint32_t i = 0; i < N_APPS; i++)
		assert_int_equal(seen[i], 3 * weights[i]);
}

static void both_ends_say_the_same(void **state)
{
	struct app_mix m;

	(void)state;
	imix_build(&m, weights, N_APPS);
	for (uint32_t i = 0; i < 10000; i++) {
		uint32_t a = i * 2654435761u, b = i * 40503u + 7;

		assert_int_equal(imix_slot(&m, a, b, (uint16_t)i, (uint16_t)(i * 3)),
			imix_slot(&m, b, a, (uint16_t)(i * 3), (uint16_t)i));
	}
}

/* A group of RAW applications for a test case: slot i asks with 10 * (i + 1) bytes, and is answered
 * with 7 * (i + 1). */
static void group(uint16_t port, uint32_t id)
{
	struct tc_config *c = &tc_cfgs[port][0];
	char err[200];

	c->imix = id + 1;
	imix_build(&app_mixes[id], weights, N_APPS);
	for (uint32_t i = 0; i < N_APPS; i++) {
		struct app_config a = {.kind = app_kind_RAW,
			.raw = {.req_bytes = 10 * (i + 1), .resp_bytes = 7 * (i + 1)}};

		assert_int_equal(app_tc_init(app_tc_imix(n_ports, id, i), &a, c->kind, c->proto,
					 err, sizeof(err)),
			0);
	}
}

static struct tc_config *begin(enum l4proto proto, uint32_t n)
{
	struct tc_config *c;

	stack_begin(2 * n + 16, 2 * n + 16, 4096);
	stack_tc(1, 0, proto, 0);
	c = stack_tc(0, 0, proto, n);
	group(0, 3);
	group(1, 5);
	stack_start(1, 0);
	return c;
}

static struct stats_tc *app_stats(uint16_t port, uint32_t slot)
{
	return &seg_stats_imix(stack.seg, 0, port == 0 ? 3 : 5, slot)->tc;
}

static void assert_near(uint64_t is, double should, double part)
{
	if ((double)is < should * (1 - part) - 1 || (double)is > should * (1 + part) + 1)
		fail_msg("%" PRIu64 " is not %.1f", is, should);
}

/* 1 000 messages a second over sessions that are shared out otherwise than the weights. */
static void send_rate_is_shared_by_weight(void **state)
{
	static const enum l4proto protos[] = {l4proto_TCP, l4proto_UDP};

	(void)state;
	for (size_t p = 0; p < ARRAY_SIZE(protos); p++) {
		begin(protos[p], 137)->rate_send = 1000;
		stack_start(0, 0);
		stack_run_ms(5000);
		for (uint32_t i = 0; i < N_APPS; i++)
			assert_near(app_stats(0, i)->requests, 5000.0 * weights[i] / 100, 0.02);
		stack_stop(0, 0); /* nothing is under way then */
		for (uint32_t i = 0; i < N_APPS; i++) {
			const struct stats_tc *c = app_stats(0, i), *s = app_stats(1, i);

			assert_int_equal(c->tx_bytes, c->tx_msgs * 10 * (i + 1));
			assert_int_equal(c->rx_bytes, c->responses * 7 * (i + 1));
			assert_int_equal(s->rx_bytes, c->tx_bytes);
			assert_int_equal(s->requests, c->requests);
			assert_int_equal(s->estab, c->estab);
			assert_true(c->estab > 0);
		}
		assert_int_equal(stack_stats(0, 0)->requests, 0); /* counted once */
		assert_int_equal(
			stack_stats(0, 0)->behind_open + stack_stats(0, 0)->behind_send, 0);
		for (uint32_t i = 0; i < N_APPS; i++)
			assert_true(world_sums(app_stats(0, i)) && world_sums(app_stats(1, i)));
		stack_end();
	}
}

static void open_and_close_rates_are_shared_by_weight(void **state)
{
	struct tc_config *c;

	(void)state;
	c = begin(l4proto_TCP, 400);
	c->rate_open = 200;
	c->rate_close = 100;
	c->uptime_s = 0;
	c->downtime_s = 0;
	c->tcp.twait_skip = 1;
	c->rate_send = 0;
	stack_start(0, 0);
	stack_run_ms(1000);
	for (uint32_t i = 0; i < N_APPS; i++)
		assert_near(app_stats(0, i)->opened, 200.0 * weights[i] / 100, 0.02);
	stack_run_ms(9000);
	for (uint32_t i = 0; i < N_APPS; i++)
		assert_near(app_stats(0, i)->closed, 1000.0 * weights[i] / 100, 0.02);
	stack_stop(0, 0);
	stack_end();
}

/* Clients whose answers never come keep what is theirs; the others have no less for it. */
static void an_app_that_hangs_holds_up_no_other(void **state)
{
	char err[200];
	struct app_config a = {
		.kind = app_kind_RAW, .raw = {.req_bytes = 10, .resp_bytes = 1000000}};

	(void)state;
	begin(l4proto_TCP, 100)->rate_send = 1000;
	assert_int_equal(app_tc_init(app_tc_imix(n_ports, 3, 0), &a, tc_kind_CLIENT, l4proto_TCP,
				 err, sizeof(err)),
		0);
	stack_start(0, 0);
	stack_run_ms(4000);
	assert_int_equal(app_stats(0, 0)->requests, 50); /* one each */
	for (uint32_t i = 1; i < N_APPS; i++)
		assert_near(app_stats(0, i)->requests, 4000.0 * weights[i] / 100, 0.02);
	stack_stop(0, 0);
	stack_end();
}

/* Without limits all sessions come up, each once, also those of lanes that have none of the last
 * tuples; and again after each end. */
static void every_session_opens(void **state)
{
	(void)state;
	for (uint32_t n = 1; n < 130; n += 9) {
		uint64_t estab = 0;

		begin(l4proto_TCP, n);
		stack_start(0, 0);
		stack_run_ms(300);
		for (uint32_t i = 0; i < N_APPS; i++)
			estab += app_stats(0, i)->estab_now;
		assert_int_equal(estab, n);
		assert_int_equal(app_stats(0, 0)->opened + app_stats(0, 1)->opened
				+ app_stats(0, 2)->opened + app_stats(0, 3)->opened,
			n);
		stack_stop(0, 0);
		stack_end();
	}
}

/* A reader sees the test case's sums: its own counters and its applications'. */
static void the_test_case_is_the_sum_of_its_apps(void **state)
{
	struct stats_tc_block b, a;
	uint64_t sum = 0;

	(void)state;
	begin(l4proto_TCP, 60);
	stack_start(0, 0);
	seg_tc(stack.seg, 0, 0)->cfg.imix = 3 + 1; /* as management publishes it */
	stack_run_ms(300);
	seg_sum_tc(stack.seg, 0, 0, &b);
	for (uint32_t i = 0; i < N_APPS; i++) {
		seg_sum_imix(stack.seg, 3, i, &a);
		sum += a.tc.requests;
	}
	assert_int_equal(b.tc.requests, sum);
	assert_int_equal(b.tc.estab_now, 60);
	assert_int_equal(b.tc.up, 60);
	assert_true(b.tc.requests > 60);
	stack_stop(0, 0);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_are_as_many_as_the_weights_say),
		cmocka_unit_test(addresses_take_turns_too),
		cmocka_unit_test(both_ends_say_the_same),
		cmocka_unit_test(send_rate_is_shared_by_weight),
		cmocka_unit_test(open_and_close_rates_are_shared_by_weight),
		cmocka_unit_test(an_app_that_hangs_holds_up_no_other),
		cmocka_unit_test(every_session_opens),
		cmocka_unit_test(the_test_case_is_the_sum_of_its_apps),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
