/* The timer wheel on a virtual clock: no deadline fires early, none late, whatever its distance and
 * phase. */
#include "test/unit/stack.h"

#include <stdlib.h>

/* Blocks with nothing but a deadline: UDP ones, of a test case whose uptime ends. */
static uint64_t late_max(void)
{
	return stack.lc->lst->timer.late_max_ms;
}

static void begin(uint32_t n)
{
	stack_begin(64, n, 1024);
	stack.wired = false;
	stack_tc(0, 0, l4proto_UDP, 1)->app.raw.req_bytes = 0;
	stack_start(0, 0);
	lcore_tc(stack.lc, 0, 0)
		->run = TCR_IDLE; /* a block whose time has come is freed, not opened again */
}

static void end(void)
{
	lcore_tc(stack.lc, 0, 0)->run = TCR_RUNNING;
	stack_end();
}

static struct conn *block(uint32_t *id)
{
	struct conn *c;

	*id = pool_get(&stack.lc->ucbs);
	assert_int_not_equal(*id, CONN_NONE);
	c = pool_at(&stack.lc->ucbs, *id);
	*id |= CONN_UDP;
	c->port = 0;
	c->tcid = 0;
	c->state = CS_CLOSED; /* its deadline: back to the pool */
	return c;
}

/* Turns of 1 ms: a deadline may be seen that late. */
static void run_ms(uint32_t ms)
{
	for (uint32_t i = 0; i < ms; i++) {
		stack.tsc += 1000000;
		lcore_turn(stack.lc, stack.tsc);
	}
}

static void deadlines_of_every_residue_fire_in_time(void **state)
{
	static const uint32_t far[] = {0, 1, 2, 5, 300};

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(far); f++) {
		begin(8192);
		for (uint32_t phase = 0; phase < 3; phase++) {
			uint64_t fired = stack.lc->lst->timer.fired;

			run_ms(phase * 341);
			for (uint32_t ms = 1; ms <= 2048; ms++) {
				uint32_t id;
				struct conn *c = block(&id);

				c->t_life = deadline_in(stack.lc, far[f] * 1024 + ms);
				wheel_arm(stack.lc, c, id);
			}
			run_ms(far[f] * 1024 + 2048 + 2);
			assert_int_equal(stack.lc->lst->timer.fired - fired, 2048);
		}
		assert_in_range(late_max(), 0, 1);
		assert_int_equal(stack.lc->lst->timer.starved, 0);
		end();
	}
}

/* A long uptime behind short retransmission timers: entries that move must not fill the wheel with
 * holes. */
static void short_deadlines_before_a_long_one_leave_no_holes(void **state)
{
	enum {
		N = 1000
	};
	struct conn *c[N];
	uint32_t id[N];

	(void)state;
	begin(N + 100);
	for (uint32_t i = 0; i < N; i++) {
		c[i] = block(&id[i]);
		c[i]->t_life = deadline_in(stack.lc, 300000);
		wheel_arm(stack.lc, c[i], id[i]);
	}
	for (uint32_t s = 0; s < 60; s++) {
		for (uint32_t i = 0; i < N; i++) {
			c[i]->t_rtx = deadline_in(stack.lc, 50);
			wheel_arm(stack.lc, c[i], id[i]);
			c[i]->t_rtx = 0; /* acknowledged */
			if (i % 100 == 0)
				run_ms(10);
		}
		run_ms(900);
	}
	assert_int_equal(stack.lc->lst->timer.starved, 0);
	assert_int_equal(stack.lc->lst->timer.fired, 0);
	assert_true(stack.lc->wheel.pool.n - stack.lc->wheel.pool.n_free < 2 * N / CHUNK_IDS + 300);
	run_ms(300000);
	assert_int_equal(stack.lc->lst->timer.fired, N);
	assert_in_range(late_max(), 0, 1);
	end();
}

static void deadline_that_moves_earlier_fires_early(void **state)
{
	uint32_t id;
	struct conn *c;

	(void)state;
	begin(64);
	c = block(&id);
	c->t_life = deadline_in(stack.lc, 100000);
	wheel_arm(stack.lc, c, id);
	c->t_life = deadline_in(stack.lc, 5000);
	wheel_arm(stack.lc, c, id);
	c->t_life = deadline_in(stack.lc, 700);
	wheel_arm(stack.lc, c, id);
	c->t_life = deadline_in(stack.lc, 30);
	wheel_arm(stack.lc, c, id);
	run_ms(28);
	assert_int_equal(stack.lc->lst->timer.fired, 0);
	run_ms(4);
	assert_int_equal(stack.lc->lst->timer.fired, 1);
	run_ms(120000); /* what was left behind is looked at, and nothing comes of it */
	assert_int_equal(stack.lc->lst->timer.fired, 1);
	end();
}

/* 49.7 days after the machine's start the clock wraps. */
static void deadline_across_the_wrap_of_the_clock_fires_in_time(void **state)
{
	uint32_t id;
	struct conn *c;

	(void)state;
	begin(64);
	stack.tsc = (UINT64_C(0x100000000) - 5000) * 1000000;
	lcore_clock_start(stack.lc, stack.tsc);
	c = block(&id);
	c->t_life = deadline_in(stack.lc, 600000);
	wheel_arm(stack.lc, c, id);
	c->t_life = deadline_in(stack.lc, 10000);
	wheel_arm(stack.lc, c, id);
	run_ms(700000);
	assert_int_equal(stack.lc->lst->timer.fired, 1);
	assert_in_range(late_max(), 0, 1);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadlines_of_every_residue_fire_in_time),
		cmocka_unit_test(short_deadlines_before_a_long_one_leave_no_holes),
		cmocka_unit_test(deadline_that_moves_earlier_fires_early),
		cmocka_unit_test(deadline_across_the_wrap_of_the_clock_fires_in_time),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
