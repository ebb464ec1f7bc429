/* The flow table against a model: what was inserted is found, what was removed is not, overflow
 * buckets come back. */
#include "engine/l4_conn/l4_conn.h"
#include "test/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define N 20000

static void insert_find_remove(void **state)
{
	void *blocks = aligned_alloc(64, conn_pool_bytes(N, sizeof(struct conn)));
	void *mem = aligned_alloc(64, flow_table_bytes(N));
	struct conn_pool pool;
	struct flow_table t;
	uint32_t spare;

	(void)state;
	conn_pool_init(&pool, blocks, N, sizeof(struct conn));
	flow_table_init(&t, mem, N, &pool);
	spare = t.n_spare;
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < N; i++) {
			struct conn *c = pool_at(&pool, i);

			*c = (struct conn){.laddr = 0x0a000001 + i / 5000,
				.raddr = 0x0a0000fd,
				.lport = 10000 + i % 5000,
				.rport = 80 + round,
				.port = 1,
				.state = CS_ESTAB};
			assert_int_equal(flow_insert(&t, conn_hash(c, 7), i), 0);
		}
		for (uint32_t i = 0; i < N; i++) {
			struct conn *c = pool_at(&pool, i);

			assert_int_equal(flow_find(&t, conn_hash(c, 7), 1, c->laddr, c->raddr,
						 c->lport, c->rport),
				i);
			assert_int_equal(
				flow_find(&t, conn_hash(c, 7), 1, c->laddr, c->raddr, c->lport, 9),
				CONN_NONE);
		}
		for (uint32_t i = 0; i < N; i += 2)
			flow_remove(&t, conn_hash(pool_at(&pool, i), 7), i);
		for (uint32_t i = 0; i < N; i++) {
			struct conn *c = pool_at(&pool, i);
			uint32_t id = flow_find(
				&t, conn_hash(c, 7), 1, c->laddr, c->raddr, c->lport, c->rport);

			assert_int_equal(id, i % 2 ? i : CONN_NONE);
		}
		for (uint32_t i = 1; i < N; i += 2)
			flow_remove(&t, conn_hash(pool_at(&pool, i), 7), i);
		assert_int_equal(t.n_spare, spare);
	}
	free(blocks);
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(insert_find_remove)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
