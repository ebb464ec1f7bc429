/* What a worker calls work: of its turns those that found some are busy. */
#include "test/unit/stack.h"

static uint32_t turn(void)
{
	stack.tsc += stack.lc->tsc_hz / 20000;
	return lcore_turn(stack.lc, stack.tsc);
}

static struct tc_config *pair(enum l4proto proto, uint32_t n, uint32_t req, uint32_t resp)
{
	struct tc_config *c = NULL;

	for (uint16_t side = 2; side-- > 0;) {
		c = stack_tc(side, 0, proto, side == 0 ? n : 0);
		c->app.raw = (struct raw_config){.req_bytes = req, .resp_bytes = resp};
	}
	return c;
}

static void nothing_to_do_is_no_work(void **state)
{
	(void)state;
	stack_begin(256, 256, 2048);
	for (int i = 0; i < 100; i++)
		assert_int_equal(turn(), 0);
	pair(l4proto_TCP, 10, 1, 1)->rate_send = 0;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(20); /* all are open, and nobody asks */
	assert_int_equal(stack_stats(0, 0)->estab_now, 10);
	for (int i = 0; i < 100; i++)
		assert_int_equal(turn(), 0);
	stack_end();
}

static void mail_is_work(void **state)
{
	struct lmsg m = {.id = LMSG_TC_STOP, .port = 0, .tcid = 0};

	(void)state;
	stack_begin(256, 256, 2048);
	assert_int_equal(mailbox_post(stack.lc, &m), 0);
	assert_int_not_equal(turn(), 0);
	assert_int_equal(turn(), 0);
	stack_end();
}

static void each_turn_of_a_closed_loop_is_busy(void **state)
{
	(void)state;
	stack_begin(256, 256, 2048);
	pair(l4proto_TCP, 10, 1, 1);
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(20);
	for (int i = 0; i < 100; i++)
		assert_int_not_equal(turn(), 0);
	stack_end();
}

/* Sessions wait for room in a port that takes nothing: there is no more load on the worker than if
 * they had nothing to say. Afterwards none is forgotten. */
static void waiting_for_room_is_no_work(void **state)
{
	const enum l4proto proto = *state ? l4proto_UDP : l4proto_TCP;
	uint32_t busy = 0;
	uint64_t sent;

	stack_begin(2048, 2048, 8192);
	stack.room = 256;
	pair(proto, 500, 100, 100);
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(20);
	stack.stuck = true;
	for (int i = 0; turn() != 0; i++) /* until what is on the wire has been received */
		assert_true(i < 200);
	assert_true(stack.lc->lports[0].blocked.n + stack.lc->lports[1].blocked.n > 100);
	for (int i = 0; i < 100; i++)
		busy += turn() != 0;
	assert_true(busy <= 2); /* TCP's timers */
	sent = stack_stats(0, 0)->requests;
	stack.stuck = false;
	stack_run_ms(20);
	assert_true(stack_stats(0, 0)->requests > sent + 500);
	assert_int_equal(stack_port(0)->port.tx_failures, 0);
	stack_end();
}

static void what_is_left_to_send_is_work(void **state)
{
	(void)state;
	stack_begin(256, 256, 2048);
	pair(l4proto_UDP, 10, 100, 0)->rate_send = 10000;
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(20);
	stack.stuck = true;
	turn();
	turn();
	assert_int_equal(turn(), 0);
	stack_stop(1, 0); /* whatever else would be to do */
	stack.stuck = false;
	assert_int_not_equal(turn(), 0);
	stack_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_do_is_no_work),
		cmocka_unit_test(mail_is_work),
		cmocka_unit_test(each_turn_of_a_closed_loop_is_busy),
		cmocka_unit_test_prestate(waiting_for_room_is_no_work, NULL),
		cmocka_unit_test_prestate(waiting_for_room_is_no_work, &stack),
		cmocka_unit_test(what_is_left_to_send_is_work),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
