/* Queues of endpoints when there is no chunk: nobody is lost, nobody comes twice, and a queue that
 * does not move holds up no other. */
#include "engine/traffic/traffic_priv.h"
#include "test/unit/stack.h"

#include <stdlib.h>

enum {
	N = 40000
};
static const uint16_t kinds[] = {CF_Q_OPEN, CF_Q_CLOSE, CF_Q_SEND, CF_BLOCKED};
static struct idq *queues[ARRAY_SIZE(kinds)];
static uint8_t *taken[ARRAY_SIZE(kinds)];

/* As many TCBs and UCBs, all there are, of an idle test case each; and a queue of each kind for them.
 */
static void begin(void)
{
	struct lane *l;

	stack_begin(N, N, 1024);
	for (uint8_t i = 0; i < 2; i++) {
		stack_tc(0, i, i == 0 ? l4proto_TCP : l4proto_UDP, 1)->rate_open = 0;
		stack_start(0, i);
		lcore_tc(stack.lc, 0, i)->run = TCR_IDLE; /* what waits is ours to take */
	}
	l = &lcore_tc(stack.lc, 0, 1)->own;
	lcore_tc(stack.lc, 0, 0)->lane = l; /* all in the same queues */
	queues[0] = &l->q_open;
	queues[1] = &l->q_close;
	queues[2] = &l->q_send;
	queues[3] = &stack.lc->lports[0].blocked;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		taken[k] = calloc(2 * N, 1);
	for (uint32_t i = 0; i < 2 * N; i++) {
		uint32_t id = i < N ? pool_get(&stack.lc->tcbs)
				    : pool_get(&stack.lc->ucbs) | CONN_UDP;
		struct conn *c = conn_at(stack.lc, id);

		c->port = 0;
		c->tcid = i < N ? 0 : 1;
		c->state = CS_CLOSED;
	}
}

static void end(void)
{
	struct lane *own = &lcore_tc(stack.lc, 0, 0)->own;

	lcore_tc(stack.lc, 0, 0)->lane = own;
	for (uint8_t i = 0; i < 2; i++)
		lcore_tc(stack.lc, 0, i)->run = TCR_RUNNING;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		free(taken[k]);
	assert_int_equal(stack.lc->n_missed, 0);
	stack_end();
}

static uint32_t id_of(uint32_t i)
{
	return i < N ? i : (i - N) | CONN_UDP;
}

static void all_into(size_t kind)
{
	for (uint32_t i = 0; i < 2 * N; i++)
		conn_queue(
			stack.lc, queues[kind], conn_at(stack.lc, id_of(i)), id_of(i), kinds[kind]);
}

/* Takes everything out of a queue, its marked ones too, as turns do. drop: and gives the block back.
 */
static void all_out_of(size_t kind, bool drop)
{
	uint32_t n = 0;

	for (uint32_t turn = 0; turn < 1000000 && n < 2 * N; turn++) {
		if (stack.lc->n_missed != 0)
			queues_refill(stack.lc);
		for (uint32_t i = 0; i < 64 && queues[kind]->n != 0; i++, n++) {
			uint32_t id = idq_get(&stack.lc->queues, queues[kind]);
			uint32_t at = id & CONN_UDP ? N + (id & ~CONN_UDP) : id;

			assert_int_equal(taken[kind][at]++, 0);
			assert_true(conn_at(stack.lc, id)->flags & kinds[kind]);
			assert_true(conn_unqueue(stack.lc, conn_at(stack.lc, id), id, kinds[kind]));
			if (drop) {
				conn_at(stack.lc, id)->state = CS_FREE;
				pool_put(id & CONN_UDP ? &stack.lc->ucbs : &stack.lc->tcbs,
					id & ~CONN_UDP);
			}
		}
	}
	assert_int_equal(n, 2 * N);
}

/* Every endpoint in every kind of queue: the most there can be. The others stand still while one is
 * emptied. */
static void all_in_every_queue_come_out_once(void **state)
{
	(void)state;
	for (size_t first = 0; first < ARRAY_SIZE(kinds); first++) {
		begin();
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			all_into((first + k) % ARRAY_SIZE(kinds));
		assert_true(stack.lc->lst->lcore.queue_misses >= 2 * N);
		/* the one that was filled last, and was left with marks alone, goes first */
		for (size_t k = ARRAY_SIZE(kinds); k-- > 0;)
			all_out_of((first + k) % ARRAY_SIZE(kinds), k == 0);
		end();
	}
}

/* What the engine's tests do is far from that: one kind for each, and some. */
static void all_in_one_queue_miss_nothing(void **state)
{
	(void)state;
	begin();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		all_into(k);
		assert_int_equal(stack.lc->lst->lcore.queue_misses, 0);
		all_out_of(k, k == ARRAY_SIZE(kinds) - 1);
	}
	end();
}

/* Blocks that are freed while marks name them go back to their pools by and by: stack_end() looks. */
static void freed_ones_leave_their_marks(void **state)
{
	(void)state;
	begin();
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		all_into(k);
	for (uint32_t i = 0; i < 2 * N; i++) {
		conn_at(stack.lc, id_of(i))->state = CS_FREE;
		conn_at(stack.lc, id_of(i))->flags &= CF_QUEUED;
	}
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		while (queues[k]->n != 0) {
			uint32_t id = idq_get(&stack.lc->queues, queues[k]);

			conn_unqueue(stack.lc, conn_at(stack.lc, id), id, kinds[k]);
		}
	}
	for (uint32_t turn = 0; turn < 100000 && stack.lc->n_missed != 0; turn++)
		queues_refill(stack.lc);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_in_every_queue_come_out_once),
		cmocka_unit_test(all_in_one_queue_miss_nothing),
		cmocka_unit_test(freed_ones_leave_their_marks),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
