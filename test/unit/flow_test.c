/* The flow table against a model: what was inserted is found, what was removed is not, overflow
 * buckets come back. */
#include "engine/l4_conn/l4_conn.h"
#include "test/unit/unit.h"

#include <stdlib.h>
#include <string.h>

#define N 20000

static void *zeroed(size_t len)
{
	return memset(aligned_alloc(64, len), 0, len);
}

static void insert_find_remove(void **state)
{
	void *blocks = aligned_alloc(64, conn_pool_bytes(N, sizeof(struct conn)));
	void *mem = zeroed(flow_table_bytes(N));
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

/* How tuples of real tests are dealt out over the buckets, every block of the pool in use. */
#define FULL (4u << 20)

static uint32_t rng = 1;
static uint32_t rnd(void)
{
	rng = rng * 1664525 + 1013904223;
	return rng >> 16 | rng << 16;
}

static uint32_t ports_first(uint32_t i)
{
	return flow_hash(0, 0, 0x0a000001 + i / 60000, 0x0a0100fd, 1024 + i % 60000, 80);
}

/* Client and server of each session in one table. */
static uint32_t both_ends(uint32_t i)
{
	uint32_t s = i / 2, a = 0x0a000001 + s / 60000;

	return i % 2 ? flow_hash(0, 0, a, 0x0a0100fd, 1024 + s % 60000, 80)
		     : flow_hash(1, 0, 0x0a0100fd, a, 80, 1024 + s % 60000);
}

static uint32_t addresses_only(uint32_t i)
{
	return flow_hash(3, 100, 0x30000000 + i, 0xc0a80001, 5000, 443);
}

static uint32_t servers_many(uint32_t i)
{
	return flow_hash(
		0, 0, 0x0a000001, 0x0b000001 + i / 40000, 20000 + i / 100 % 400, 8000 + i % 100);
}

static uint32_t even_ports(uint32_t i)
{
	return flow_hash(0, 0, 0x0a000001 + i / 32768 * 256, 0x0a0100fd, i % 32768 * 2, 6000);
}

static uint32_t random_tuple(uint32_t i)
{
	(void)i;
	return flow_hash(0, 0, rnd(), rnd(), (uint16_t)rnd(), (uint16_t)rnd());
}

static uint32_t (*const shapes[])(uint32_t i) = {
	ports_first, both_ends, addresses_only, servers_many, even_ports, random_tuple};

/* Of look-ups by the thousand: those that read a second line, of what is there and of what is not.
 */
static void check_lines(const struct flow_table *t)
{
	uint32_t chained = 0, beyond = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		chained += t->bucket[i].next != 0;
		for (uint32_t o = t->bucket[i].next; o != 0; o = t->bucket[o].next)
			beyond += FLOW_WAYS
				- (uint32_t)__builtin_popcount(flow_match(&t->bucket[o], 0));
	}
	assert_in_range(1000 * (uint64_t)beyond / FULL, 0, 40);
	assert_in_range(1000 * (uint64_t)chained / t->n, 0, 105);
}

static void full_pool_fits_whatever_the_tuples(void **state)
{
	void *mem = malloc(flow_table_bytes(FULL) + 64),
	     *line = (void *)(((uintptr_t)mem + 63) & ~(uintptr_t)63);

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(shapes); k++) {
		struct flow_table t;

		memset(line, 0, flow_table_bytes(FULL));
		flow_table_init(&t, line, FULL, NULL);
		for (uint32_t i = 0; i < FULL; i++)
			assert_int_equal(flow_insert(&t, shapes[k](i), i), 0);
		check_lines(&t);
	}
	free(mem);
}

/* Endpoints come and go, the pool stays full: it must not need more overflow buckets than before. */
static void full_pool_stays_in_order_as_tuples_change(void **state)
{
	uint32_t *hash = malloc(FULL * sizeof(*hash)), spare;
	void *mem = malloc(flow_table_bytes(FULL) + 64),
	     *line = (void *)(((uintptr_t)mem + 63) & ~(uintptr_t)63);
	struct flow_table t;

	(void)state;
	memset(line, 0, flow_table_bytes(FULL));
	flow_table_init(&t, line, FULL, NULL);
	spare = t.n_spare;
	for (uint32_t i = 0; i < FULL; i++)
		assert_int_equal(flow_insert(&t, hash[i] = random_tuple(i), i), 0);
	for (uint32_t n = 0; n < 3 * FULL; n++) {
		uint32_t i = (uint32_t)(((uint64_t)rnd() * FULL) >> 32);

		flow_remove(&t, hash[i], i);
		assert_int_equal(flow_insert(&t, hash[i] = random_tuple(i), i), 0);
	}
	check_lines(&t);
	for (uint32_t i = 0; i < FULL; i++)
		flow_remove(&t, hash[i], i);
	assert_int_equal(t.n_spare, spare);
	free(mem);
	free(hash);
}

/* All in one bucket: overflow buckets of overflow buckets, taken out from every end. */
static void chains_close_up(void **state)
{
	static const uint32_t step[] = {1, 3, 7, 77};
	struct flow_table t;
	void *mem = zeroed(flow_table_bytes(1000));

	(void)state;
	flow_table_init(&t, mem, 1000, NULL);
	for (size_t k = 0; k < ARRAY_SIZE(step); k++) {
		uint32_t spare = t.n_spare;

		for (uint32_t i = 0; i < 100; i++)
			assert_int_equal(flow_insert(&t, i * 2, i), 0);
		assert_int_equal(spare - t.n_spare, 9);
		for (uint32_t i = 0; i < 100; i++) {
			flow_remove(&t, i * step[k] % 100 * 2, i * step[k] % 100);
			assert_int_equal(spare - t.n_spare, i == 99 ? 0 : (98 - i) / 10);
		}
	}
	free(mem);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(insert_find_remove),
		cmocka_unit_test(full_pool_fits_whatever_the_tuples),
		cmocka_unit_test(full_pool_stays_in_order_as_tuples_change),
		cmocka_unit_test(chains_close_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
