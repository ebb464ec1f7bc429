/* set tests timeouts: init, uptime, downtime of a client test case, from none to weeks, on a clock that
 * jumps. */
#include "engine/l4_tcp/l4_tcp.h"
#include "test/unit/stack.h"
#include "test/unit/world.h"

#define NEVER TC_FOREVER
#define DAYS_S 86400u
#ifdef __SANITIZE_ADDRESS__ /* slow */
#define LONG_S 86400u
#else
#define LONG_S SECONDS_MAX
#endif

/* Seconds, in turns of a hundred as long as there are. */
static void jump(uint32_t seconds)
{
	for (uint32_t step; seconds != 0; seconds -= step) {
		step = seconds > 200 ? 100 : 1;
		stack.tsc += step * WORLD_HZ;
		lcore_turn(stack.lc, stack.tsc);
	}
	stack_run_ms(1); /* what was due is said and answered */
}

static const uint32_t spans[] = {1, 2, 59, 3600, 4295 /* us of 2^32 */};
static const enum l4proto protos[] = {l4proto_TCP, l4proto_UDP};

/* A server on port 1, a client of one session on port 0 that says nothing; not started. */
static struct tc_config *client(enum l4proto proto)
{
	struct tc_config *c;

	stack_begin(16, 16, 512);
	stack_tc(1, 0, proto, 0);
	stack_start(1, 0);
	c = stack_tc(0, 0, proto, 1);
	c->tcp.twait_skip = 1;
	return c;
}

static void init_is_when_the_first_opens(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(protos); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
			client(protos[k])->init_s = spans[i];
			stack_start(0, 0);
			jump(spans[i] - 1);
			assert_int_equal(stack_stats(0, 0)->opened, 0);
			assert_int_equal(stack_stats(0, 0)->up, 0);
			jump(2);
			assert_int_equal(stack_stats(0, 0)->up, 1);
			assert_int_equal(stack_stats(0, 0)->estab, 1);
			assert_true(stack_stats(0, 0)->last_estab_us < 2000000); /* since then */
			stack_end();
		}
		client(protos[k])->init_s = 0;
		stack_start(0, 0);
		stack_run_us(100);
		assert_int_equal(stack_stats(0, 0)->estab, 1);
		stack_end();
	}
}

static void up_for(enum l4proto proto, uint32_t seconds)
{
	client(proto)->uptime_s = seconds;
	stack_start(0, 0);
	stack_run_us(200);
	assert_int_equal(stack_stats(0, 0)->estab_now, 1);
	jump(seconds - 1);
	assert_int_equal(stack_stats(0, 0)->estab_now, 1);
	jump(2);
	assert_int_equal(stack_stats(0, 0)->closed, 1);
	assert_int_equal(stack_stats(0, 0)->open_now, 0);
	stack_end();
}

static void uptime_is_from_established_to_closing(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(protos); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(spans); i++)
			up_for(protos[k], spans[i]);
		client(protos[k])->uptime_s = 0;
		stack_start(0, 0);
		stack_run_ms(1);
		assert_int_equal(stack_stats(0, 0)->closed, 1);
		stack_end();
	}
	up_for(l4proto_TCP, LONG_S); /* weeks: ms short of 2^31 */
}

static void downtime_is_from_closed_to_opening(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(protos); k++) {
		for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
			struct tc_config *c = client(protos[k]);

			c->uptime_s = 1;
			c->downtime_s = spans[i];
			stack_start(0, 0);
			stack_run_us(200);
			jump(2);
			assert_int_equal(stack_stats(0, 0)->closed, 1);
			if (spans[i] > 3) {
				jump(spans[i] - 3);
				assert_int_equal(stack_stats(0, 0)->opened, 1);
				jump(3);
			} else {
				jump(spans[i] + 1);
			}
			assert_int_equal(stack_stats(0, 0)->opened, 2);
			assert_int_equal(stack_stats(0, 0)->estab_once, 1);
			stack_end();
		}
	}
}

static void none_of_them_reopens_at_once(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(protos); k++) {
		struct tc_config *c = client(protos[k]);

		c->uptime_s = c->downtime_s = 0;
		stack_start(0, 0);
		stack_run_ms(100);
		assert_true(stack_stats(0, 0)->closed > 100);
		stack_end();
	}
}

static void infinite_is_for_ever(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(protos); k++) {
		struct tc_config *c = client(protos[k]);

		c->init_s = NEVER;
		stack_start(0, 0);
		jump(DAYS_S);
		assert_int_equal(stack_stats(0, 0)->opened, 0);
		assert_int_equal(stack_stats(0, 0)->up, 0);
		stack_end();

		client(protos[k])->uptime_s = NEVER;
		stack_start(0, 0);
		jump(DAYS_S);
		assert_int_equal(stack_stats(0, 0)->estab_now, 1);
		assert_int_equal(stack_stats(0, 0)->closed, 0);
		stack_end();

		c = client(protos[k]);
		c->uptime_s = 1;
		c->downtime_s = NEVER;
		stack_start(0, 0);
		stack_run_us(200);
		jump(2);
		jump(DAYS_S);
		assert_int_equal(stack_stats(0, 0)->closed, 1);
		assert_int_equal(stack_stats(0, 0)->opened, 1);
		stack_end();
	}
}

/* Closing takes as long as it goes on: here a FIN a millisecond. */
static void many_are_closed_however_long_it_takes(void **state)
{
	enum {
		N = 20000
	};
	struct tc_run *tc;

	(void)state;
	stack_begin(2 * N + 100, 16, 4096);
	stack_tc(1, 0, l4proto_TCP, 0);
	stack_start(1, 0);
	stack_tc(0, 0, l4proto_TCP, N)->tcp.twait_skip = 1;
	stack_start(0, 0);
	for (int i = 0; i < 1000 && stack_stats(0, 0)->estab_now != N; i++)
		stack_run_ms(10);
	assert_int_equal(stack_stats(0, 0)->estab_now, N);
	stack.room = 2;
	tc = lcore_tc(stack.lc, 0, 0);
	tc_run_stop(stack.lc, tc, 1000);
	for (int ms = 0; ms < 10 * N && tc->run != TCR_IDLE; ms++) {
		stack.tsc += WORLD_HZ / 1000;
		lcore_turn(stack.lc, stack.tsc);
	}
	assert_int_equal(tc->run, TCR_IDLE);
	assert_int_equal(stack_stats(0, 0)->closed, N);
	assert_int_equal(stack_stats(0, 0)->failed_stop, 0);
	stack.room = 0;
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_are_closed_however_long_it_takes),
		cmocka_unit_test(init_is_when_the_first_opens),
		cmocka_unit_test(uptime_is_from_established_to_closing),
		cmocka_unit_test(downtime_is_from_closed_to_opening),
		cmocka_unit_test(none_of_them_reopens_at_once),
		cmocka_unit_test(infinite_is_for_ever),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
