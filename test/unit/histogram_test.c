/* The distribution of latencies: its error bound, its ends, adding and subtracting; and what readers
 * make of workers' blocks. */
#include "common/stats/latency.h"
#include "test/unit/unit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct histogram h, h2, sum;

static void buckets_are_in_order_and_close(void **state)
{
	uint32_t last = 0;

	(void)state;
	for (uint64_t v = 0; v < UINT64_C(1) << HIST_TOP_BITS; v += 1 + v / 1000) {
		uint32_t b = hist_bucket(v);
		double at = (double)hist_value(b);

		assert_true(b < HIST_BUCKETS);
		assert_true(b >= last && b <= last + 1);
		assert_true(fabs(at - (double)v) <= (double)v / 100);
		if (v < 128)
			assert_int_equal(hist_value(b), v);
		assert_int_equal(hist_bucket(hist_value(b)), b);
		last = b;
	}
	/* no gap at an octave's end, whichever */
	for (uint32_t i = 1; i < HIST_TOP_BITS; i++) {
		uint64_t v = UINT64_C(1) << i;

		assert_int_equal(hist_bucket(v), hist_bucket(v - 1) + 1);
	}
	assert_int_equal(last, HIST_BUCKETS - 1);
}

static void ends(void **state)
{
	(void)state;
	assert_int_equal(hist_bucket(0), 0);
	assert_int_equal(hist_bucket((UINT64_C(1) << HIST_TOP_BITS) - 1), HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket(UINT64_C(1) << HIST_TOP_BITS), HIST_BUCKETS - 1);
	assert_int_equal(hist_bucket(UINT64_MAX), HIST_BUCKETS - 1);
	memset(&h, 0, sizeof(h));
	assert_int_equal(hist_quantile(&h, 0.5), 0);
	hist_record(&h, 0);
	assert_int_equal(hist_quantile(&h, 0), 0);
	assert_int_equal(hist_quantile(&h, 1), 0);
	hist_record(&h, UINT64_MAX);
	assert_int_equal(hist_quantile(&h, 0.5), 0);
	assert_int_equal(hist_quantile(&h, 1), hist_value(HIST_BUCKETS - 1));
	assert_int_equal(hist_count(&h), 2);
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define N 20000
static uint64_t value[2 * N];

/* Of log-uniform values, against their sorted list. */
static void quantiles_of_two_workers(void **state)
{
	static const double of[] = {0.001, 0.5, 0.9, 0.99, 0.999, 1};

	(void)state;
	memset(&h, 0, sizeof(h));
	memset(&h2, 0, sizeof(h2));
	memset(&sum, 0, sizeof(sum));
	srand(1);
	for (uint32_t i = 0; i < 2 * N; i++) {
		value[i] = (uint64_t)exp2((rand() % 36000) / 1000.0);
		hist_record(i < N ? &h : &h2, value[i]);
	}
	hist_add(&sum, &h);
	hist_add(&sum, &h2);
	assert_int_equal(hist_count(&sum), 2 * N);
	/* a part taken away leaves the other */
	for (uint32_t i = 0; i < HIST_BUCKETS; i++)
		assert_int_equal(sum.n[i] - h.n[i], h2.n[i]);
	qsort(value, 2 * N, sizeof(value[0]), by_size);
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		double want = (double)value[(uint32_t)ceil(of[i] * 2 * N) - 1],
		       got = (double)hist_quantile(&sum, of[i]);

		assert_true(fabs(got - want) <= want / 100);
	}
}

static struct latency_block block[2];
static struct latency_total total;
static const struct stats_latency any = {.max_ns = UINT64_MAX};

static void put(struct latency_block *b, uint64_t v)
{
	b->min_ns = b->n == 0 ? v : MIN_OF(b->min_ns, v);
	b->recent[b->n++ % LATENCY_RING] = v;
	hist_record(&b->hist, v);
}

/* The newest of each worker, each once, however long it runs: the original's window stood still
 * when it was full, and its workers' counts were doubled. */
static void recent_ones_of_two_workers(void **state)
{
	(void)state;
	memset(block, 0, sizeof(block));
	for (uint32_t i = 1; i <= 5000; i++)
		put(&block[0], i);
	for (uint32_t i = 0; i < 3; i++)
		put(&block[1], 10000 + (i & 1) * 100);
	latency_total_begin(&total);
	for (uint32_t w = 0; w < 2; w++)
		latency_total_add(&total, &block[w], &any, 1000);
	assert_int_equal(total.recent.samples, 1000 + 3);
	assert_int_equal(total.recent.min_ns, 4001);
	assert_int_equal(total.recent.max_ns, 10100);
	assert_int_equal(total.recent.sum_ns, (4001 + 5000) * 500 + 30100);
	assert_int_equal(total.recent.pairs, 999 + 2);
	assert_int_equal(total.recent.jitter_ns, 999 + 200);
	assert_int_equal(hist_count(&total.hist), 5003);
	assert_int_equal(total.min_ns, 1);
	/* three more push out three */
	for (uint32_t i = 0; i < 3; i++)
		put(&block[0], 7000);
	latency_total_begin(&total);
	latency_total_add(&total, &block[0], &any, 10);
	assert_int_equal(total.recent.samples, 10);
	assert_int_equal(total.recent.min_ns, 4994);
	assert_int_equal(total.recent.max_ns, 7000);
	assert_int_equal(total.recent.pairs, 9);
}

/* Only the buckets between the least and the largest are looked at, and those whole. */
static void what_is_added_is_all_that_is_there(void **state)
{
	static const uint64_t ends[] = {0, 1, 63, 64, 127, 128, 129, 1000, 1 << 20,
		(UINT64_C(1) << HIST_TOP_BITS) - 1, UINT64_C(1) << HIST_TOP_BITS, UINT64_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ends); i++) {
		for (size_t k = i; k < ARRAY_SIZE(ends); k++) {
			struct stats_latency st = {.max_ns = ends[k]};

			memset(block, 0, sizeof(block));
			put(&block[0], ends[k]);
			put(&block[0], ends[i]);
			put(&block[0], ends[i] + (ends[k] - ends[i]) / 2);
			latency_total_begin(&total);
			latency_total_add(&total, &block[0], &st, 0);
			assert_memory_equal(&total.hist, &block[0].hist, sizeof(total.hist));
		}
	}
}

static void quantiles_stay_within_what_was_measured(void **state)
{
	struct stats_latency st = {.samples = 3, .max_ns = 1000001};

	(void)state;
	memset(block, 0, sizeof(block));
	latency_total_begin(&total);
	latency_total_add(&total, &block[0], &any, 10);
	assert_int_equal(latency_quantile(&total, &st, 0), 0);
	assert_int_equal(total.recent.samples, 0);
	for (uint32_t i = 0; i < 3; i++)
		put(&block[0], 1000001);
	latency_total_add(&total, &block[0], &any, 10);
	for (uint32_t q = 0; q < LATENCY_QUANTILES; q++)
		assert_int_equal(latency_quantile(&total, &st, q), 1000001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_are_in_order_and_close),
		cmocka_unit_test(ends),
		cmocka_unit_test(quantiles_of_two_workers),
		cmocka_unit_test(recent_ones_of_two_workers),
		cmocka_unit_test(what_is_added_is_all_that_is_there),
		cmocka_unit_test(quantiles_stay_within_what_was_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
