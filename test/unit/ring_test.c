/* The rings of an operator's slot: order, full, empty, wrap of the indices, and an other end that
 * lies. */
#include "common/abi/ring.h"
#include "test/unit/unit.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

static struct ring_idx prod, cons;
static uint32_t cell[RING_CELLS];

static int put(uint32_t *own, uint32_t v)
{
	int rc = ring_room(*own, &cons);

	if (rc != 0)
		return rc;
	cell[*own % RING_CELLS] = v;
	ring_give(&prod, own);
	return 0;
}

static int get(uint32_t *own, uint32_t *v)
{
	int rc = ring_ready(*own, &prod);

	if (rc != 0)
		return rc;
	*v = cell[*own % RING_CELLS];
	ring_take(&cons, own);
	return 0;
}

static void at(uint32_t i)
{
	prod.v = cons.v = i;
}

static void full_and_empty(void **state)
{
	uint32_t p = 0, c = 0, v;

	(void)state;
	at(0);
	assert_int_equal(get(&c, &v), -EAGAIN);
	for (uint32_t i = 0; i < RING_CELLS; i++)
		assert_int_equal(put(&p, i), 0);
	assert_int_equal(put(&p, 99), -EAGAIN);
	for (uint32_t i = 0; i < RING_CELLS; i++) {
		assert_int_equal(get(&c, &v), 0);
		assert_int_equal(v, i);
	}
	assert_int_equal(get(&c, &v), -EAGAIN);
}

static void indices_wrap(void **state)
{
	uint32_t p = UINT32_MAX - 20, c = p, v;

	(void)state;
	at(p);
	for (uint32_t i = 0; i < 200; i++) {
		for (uint32_t k = 0; k <= i % RING_CELLS; k++)
			assert_int_equal(put(&p, i * 100 + k), 0);
		for (uint32_t k = 0; k <= i % RING_CELLS; k++) {
			assert_int_equal(get(&c, &v), 0);
			assert_int_equal(v, i * 100 + k);
		}
	}
	assert_true(p < 10000); /* it did wrap */
}

static void a_lying_index_is_corruption(void **state)
{
	static const uint32_t lies[] = {RING_CELLS + 1, 1000, UINT32_MAX, 0x80000000u};
	uint32_t p = 7, c = 7, v;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		at(7);
		prod.v = 7 + lies[i];
		assert_int_equal(get(&c, &v), -EBADMSG);
		at(7);
		cons.v = 7 - lies[i];
		assert_int_equal(put(&p, 1), -EBADMSG);
		assert_int_equal(p, 7);
		assert_int_equal(c, 7);
	}
}

/* What the other end does to this end's word changes nothing. */
static void own_index_is_private(void **state)
{
	uint32_t p = 0, c = 0, v;

	(void)state;
	at(0);
	assert_int_equal(put(&p, 1), 0);
	assert_int_equal(put(&p, 2), 0);
	cons.v = 1; /* scribbled over */
	assert_int_equal(get(&c, &v), 0);
	assert_int_equal(v, 1);
	assert_int_equal(cons.v, 1);
	assert_int_equal(get(&c, &v), 0);
	assert_int_equal(v, 2);
}

#define MANY 300000u
static void *producer(void *arg)
{
	uint32_t p = 0;

	for (uint32_t i = 0; i < MANY;) {
		if (put(&p, i) == 0)
			i++;
		else
			sched_yield();
	}
	return arg;
}

static void two_threads_keep_order(void **state)
{
	uint32_t c = 0, v = 0;
	pthread_t t;

	(void)state;
	at(0);
	assert_int_equal(pthread_create(&t, NULL, producer, NULL), 0);
	for (uint32_t i = 0; i < MANY;) {
		if (get(&c, &v) != 0) {
			sched_yield();
			continue;
		}
		assert_int_equal(v, i);
		i++;
	}
	pthread_join(t, NULL);
	assert_int_equal(get(&c, &v), -EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_and_empty),
		cmocka_unit_test(indices_wrap),
		cmocka_unit_test(a_lying_index_is_corruption),
		cmocka_unit_test(own_index_is_private),
		cmocka_unit_test(two_threads_keep_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
