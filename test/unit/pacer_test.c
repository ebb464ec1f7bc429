/* Rates on the virtual clock: the pacer's arithmetic on one and on several workers, and what test
 * cases make of it, second by second. */
#include "engine/traffic/pacer.h"
#include "test/unit/stack.h"

#include <stdlib.h>

#define HZ UINT64_C(2999876543) /* no round number */
#define MANY 128

/* The workers of a test case, as fanout_start() and clients_start() have them. */
static struct pacer pacers[MANY];
static uint64_t behind;

static void workers(double rate, uint64_t sessions, uint32_t n)
{
	behind = 0;
	for (uint32_t k = 0; k < n; k++) {
		uint64_t first = sessions * k / n, count = sessions * (k + 1) / n - first;

		pacers[k] = (struct pacer){0};
		pacer_share(&pacers[k], sessions, k, n);
		pacer_start(&pacers[k], 1000, rate, (double)count / (double)sessions, HZ);
	}
}

/* All do what they may at time now, with that much to do each; how many it were. */
static uint64_t turn(uint32_t n, uint64_t now, uint32_t max)
{
	uint64_t all = 0;

	for (uint32_t k = 0; k < n; k++) {
		uint32_t allowed = pacer_allow(&pacers[k], now, max, &behind);

		pacers[k].done += allowed;
		all += allowed;
	}
	return all;
}

static void workers_deal_out_what_one_would_do(void **state)
{
	static const uint32_t counts[] = {1, 2, 3, 7, 64, 127};
	static const uint64_t sessions[] = {1, 2, 3, 10, 100, 127, 1000003};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		for (size_t s = 0; s < ARRAY_SIZE(sessions); s++) {
			uint32_t n = counts[i];
			uint64_t last[MANY] = {0};

			workers(1000, sessions[s], n);
			for (uint64_t all = 1; all < 3000; all++) {
				uint64_t sum = 0;

				for (uint32_t k = 0; k < n; k++) {
					uint64_t due = n == 1 ? all : pacer_due_of(&pacers[k], all);

					assert_in_range(due, last[k], last[k] + 1);
					last[k] = due;
					sum += due;
				}
				assert_int_equal(sum, all);
			}
		}
	}
}

/* Every second of a hundred, and all of them. */
static void keeps(double rate, uint64_t sessions, uint32_t n)
{
	uint64_t all = 0, was = 0;

	workers(rate, sessions, n);
	all += turn(n, 1000, UINT32_MAX);
	assert_int_equal(all, 1); /* the first at once, on one of them alone */
	for (uint32_t s = 1; s <= 100; s++) {
		for (uint32_t i = 1; i <= 50; i++)
			all += turn(n, 1000 + HZ * (s - 1) + HZ * i / 50, UINT32_MAX);
		assert_in_range(all - was, (uint64_t)(rate * 0.999), (uint64_t)(rate * 1.001) + 1);
		was = all;
	}
	assert_in_range(all, (uint64_t)(100 * rate), (uint64_t)(100 * rate) + 1);
	assert_int_equal(behind, 0);
}

static void every_second_has_its_rate_on_any_number_of_workers(void **state)
{
	static const double rates[] = {1, 3, 10, 999, 100000, 10000000};
	static const uint32_t counts[] = {1, 2, 7, 64};

	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rates); r++) {
		for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
			keeps(rates[r], 1000000, counts[i]);
			keeps(rates[r], 3, counts[i]); /* some have no session at all */
		}
	}
}

static void days_later_it_is_still_exact(void **state)
{
	uint64_t day = HZ * 86400, done = 0;

	(void)state;
	workers(10000000, 1, 1);
	for (uint64_t d = 1; d <= 30; d++) {
		uint64_t due = pacer_due(&pacers[0], 1000 + d * day);

		assert_in_range(due - done, UINT64_C(864000000000) - 1, UINT64_C(864000000000) + 2);
		done = due;
	}
}

/* What arrives in bursts with nothing between them is done at the rate, if there is enough of it. */
static void bursts_shorter_than_the_slack_lose_nothing(void **state)
{
	static const uint32_t rates[] = {1000, 100000, 5000000};

	(void)state;
	for (size_t r = 0; r < ARRAY_SIZE(rates); r++) {
		uint64_t all = 0, work = 0, came = 0;

		workers(rates[r], 1, 1);
		/* as much as the rate wants, every 4 ms at once; looked at every 20 us */
		for (uint64_t us = 0; us < 2000000; us += 20) {
			uint64_t now = 1000 + HZ / 1000000 * us;

			if (us % 4000 == 0) {
				work += rates[r] / 250;
				came += rates[r] / 250;
			}
			if (work == 0) {
				pacer_rest(&pacers[0], &behind);
				continue;
			}
			for (uint64_t n;
				(n = turn(1, now, (uint32_t)MIN_OF(work, UINT64_C(32)))) != 0;) {
				all += n;
				work -= n;
				if (work == 0)
					break;
			}
		}
		assert_in_range(all, came * 99 / 100, came);
		assert_int_equal(behind, 0);
	}
}

static void long_rest_earns_slack_and_no_more(void **state)
{
	(void)state;
	workers(100000, 1, 1);
	turn(1, 1000, 1);
	pacer_rest(&pacers[0], &behind);
	assert_int_equal(turn(1, 1000 + 10 * HZ, UINT32_MAX), 100000 / PACER_SLACK + 1);
	assert_int_equal(behind, 0);
}

static void what_a_long_stall_cost_is_counted(void **state)
{
	(void)state;
	workers(1000, 1, 1);
	turn(1, 1000, 1);
	assert_int_equal(turn(1, 1001 + HZ / 20, UINT32_MAX), 50); /* made up for */
	assert_int_equal(behind, 0);
	assert_int_equal(turn(1, 1002 + HZ / 20 + HZ, UINT32_MAX), 101);
	assert_int_equal(behind, 899);
}

/* It had everything to do at once and could not; that is over before 100 ms are. */
static void work_that_ends_late_is_behind(void **state)
{
	(void)state;
	workers(50000000, 1, 1);
	for (uint32_t ms = 0; ms < 50; ms++)
		turn(1, 1000 + HZ / 1000 * ms, 2000);
	pacer_rest(&pacers[0], &behind);
	assert_in_range(behind, 48 * 48000, 50 * 50000);
}

/* A stall of 90 ms while there was little to do: nothing is missing. */
static void little_work_after_a_stall_is_not_behind(void **state)
{
	(void)state;
	workers(1000, 1, 1);
	assert_int_equal(turn(1, 1000, 1), 1);
	for (uint32_t i = 1; i <= 20; i++) {
		assert_int_equal(turn(1, 1000 + HZ * 9 / 100 * i, 1), 1);
		pacer_rest(&pacers[0], &behind);
	}
	assert_int_equal(behind, 0);
}

/* Test cases. */

enum kind {
	OPENS,
	SENDS,
	CLOSES
};

static uint64_t count_of(enum kind kind)
{
	const struct stats_tc *s = stack_stats(0, 0);

	return kind == OPENS ? s->opened : kind == SENDS ? s->requests : s->closed;
}

static void behind_nowhere(void)
{
	assert_int_equal(stack_stats(0, 0)->behind_open, 0);
	assert_int_equal(stack_stats(0, 0)->behind_send, 0);
	assert_int_equal(stack_stats(0, 0)->behind_close, 0);
}

/* Sessions enough for three seconds of that rate, or, for sends, ten of them that ask without end. */
static void test_case(enum l4proto proto, enum kind kind, uint32_t rate)
{
	struct tc_config *c;
	uint64_t was, now;

	stack_begin(proto == l4proto_TCP ? 70000 : 64, proto == l4proto_UDP ? 70000 : 64, 8192);
	stack_tc(1, 0, proto, 0)->app.raw = (struct raw_config){.req_bytes = 1, .resp_bytes = 1};
	c = stack_tc(0, 0, proto, kind == SENDS ? 10 : MAX_OF(3 * rate, 3u));
	c->app.raw = (struct raw_config){.req_bytes = 1, .resp_bytes = 1};
	c->downtime_s = TC_FOREVER;
	c->rate_open = kind == OPENS ? rate : RATE_INFINITE;
	c->rate_send = kind == SENDS ? rate : RATE_INFINITE;
	c->rate_close = kind == CLOSES ? rate : RATE_INFINITE;
	c->app.requests = kind == SENDS ? 0 : 1;
	if (kind == OPENS)
		c->uptime_s = 1;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(200);
	was = count_of(kind);
	for (uint32_t s = 0; s < 2; s++) {
		stack_run_ms(1000);
		now = count_of(kind);
		assert_in_range(now - was, rate - rate / 100 - (rate < 100),
			rate + rate / 100 + (rate < 100));
		was = now;
	}
	behind_nowhere();
	stack_end();
}

static void every_kind_keeps_its_rate_over_tcp(void **state)
{
	static const uint32_t rates[] = {1, 30, 10000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		test_case(l4proto_TCP, OPENS, rates[i]);
		test_case(l4proto_TCP, SENDS, rates[i]);
		test_case(l4proto_TCP, CLOSES, rates[i]);
	}
}

static void every_kind_keeps_its_rate_over_udp(void **state)
{
	static const uint32_t rates[] = {1, 30, 10000};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rates); i++) {
		test_case(l4proto_UDP, OPENS, rates[i]);
		test_case(l4proto_UDP, SENDS, rates[i]);
		test_case(l4proto_UDP, CLOSES, rates[i]);
	}
}

static void rate_that_cannot_be_kept_is_said(void **state)
{
	struct tc_config *c;

	(void)state;
	stack_begin(64 * 1024, 64, 8192);
	stack_tc(1, 0, l4proto_TCP, 0);
	c = stack_tc(0, 0, l4proto_TCP, 60000);
	c->rate_open = 50000000; /* a turn of 50 us opens 32 */
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(200);
	assert_true(stack_stats(0, 0)->behind_open > 1000000);
	assert_int_equal(stack_stats(0, 0)->behind_send, 0);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(workers_deal_out_what_one_would_do),
		cmocka_unit_test(every_second_has_its_rate_on_any_number_of_workers),
		cmocka_unit_test(days_later_it_is_still_exact),
		cmocka_unit_test(bursts_shorter_than_the_slack_lose_nothing),
		cmocka_unit_test(long_rest_earns_slack_and_no_more),
		cmocka_unit_test(what_a_long_stall_cost_is_counted),
		cmocka_unit_test(work_that_ends_late_is_behind),
		cmocka_unit_test(little_work_after_a_stall_is_not_behind),
		cmocka_unit_test(every_kind_keeps_its_rate_over_tcp),
		cmocka_unit_test(every_kind_keeps_its_rate_over_udp),
		cmocka_unit_test(rate_that_cannot_be_kept_is_said),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
