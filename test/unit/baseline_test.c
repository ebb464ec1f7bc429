/* Counters since a baseline: what is subtracted, what is not, and what begins anew. */
#include "common/abi/baseline.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

static struct seg *seg;
static struct baseline base;

static int up(void **state)
{
	(void)state;
	seg = aligned_alloc(4096, seg_size(2, 2));
	if (seg == NULL)
		return -1;
	seg_init(seg, 2, 2);
	return 0;
}

static int down(void **state)
{
	(void)state;
	baseline_free(&base);
	free(seg);
	return 0;
}

static struct stats_port_block port_since(uint32_t port)
{
	struct stats_port_block b;

	baseline_sum_port(&base, seg, 0, seg->hdr.n_lcores, port, &b);
	return b;
}

static struct stats_tc_block tc_since(uint32_t port, uint32_t tcid)
{
	struct stats_tc_block b;

	baseline_sum_tc(&base, seg, port, tcid, &b);
	return b;
}

static void counters_count_from_then_and_gauges_do_not(void **state)
{
	struct stats_port_block b;

	(void)state;
	seg_stats_port(seg, 0, 1)->port.rx_pkts = 100;
	seg_stats_port(seg, 1, 1)->port.rx_pkts = 10;
	seg_stats_port(seg, 0, 1)->tsm.in_estab = 5;
	assert_int_equal(port_since(1).port.rx_pkts, 110); /* no baseline yet */
	assert_int_equal(baseline_take(&base, seg, 1, 2, false), 0);
	seg_stats_port(seg, 0, 1)->port.rx_pkts += 3;
	seg_stats_port(seg, 1, 1)->port.rx_pkts += 4;
	seg_stats_port(seg, 0, 0)->port.rx_pkts = 50;
	assert_int_equal(port_since(1).port.rx_pkts, 7);
	assert_int_equal(port_since(1).tsm.in_estab, 5);
	assert_int_equal(port_since(0).port.rx_pkts, 50); /* another port has none */
	baseline_sum_port(&base, seg, 1, 2, 1, &b);
	assert_int_equal(b.port.rx_pkts, 4); /* each lcore has its own */
	assert_int_equal(seg_stats_port(seg, 0, 1)->port.rx_pkts, 103);
}

static void lcores_count_from_then_when_all_is_meant(void **state)
{
	struct stats_lcore_block b;

	(void)state;
	seg_stats_lcore(seg, 1)->lcore.loops = 1000;
	seg_stats_lcore(seg, 1)->lcore.longest = 77;
	assert_int_equal(baseline_take(&base, seg, 0, 1, false), 0);
	baseline_sum_lcore(&base, seg, 0, seg->hdr.n_lcores, &b);
	assert_int_equal(b.lcore.loops, 1000);
	assert_int_equal(baseline_take(&base, seg, 0, 2, true), 0);
	seg_stats_lcore(seg, 1)->lcore.loops = 1001;
	baseline_sum_lcore(&base, seg, 0, seg->hdr.n_lcores, &b);
	assert_int_equal(b.lcore.loops, 1);
	assert_int_equal(b.lcore.longest, 77); /* a maximum */
}

static void a_test_case_that_began_anew_counts_from_its_beginning(void **state)
{
	struct stats_tc *tc = &seg_stats_tc(seg, 0, 1, 3)->tc;

	(void)state;
	seg_tc(seg, 1, 3)->start_ns = 5;
	tc->estab = 100;
	tc->open_now = 9;
	assert_int_equal(baseline_take(&base, seg, 0, 2, true), 0);
	tc->estab = 130;
	assert_int_equal(tc_since(1, 3).tc.estab, 30);
	assert_int_equal(tc_since(1, 3).tc.open_now, 9);
	/* its counters are zeroed a moment before its start is told */
	tc->estab = 2;
	assert_int_equal(tc_since(1, 3).tc.estab, 2);
	seg_tc(seg, 1, 3)->start_ns = 6;
	tc->estab = 150; /* more than there were, and none of them from then */
	assert_int_equal(tc_since(1, 3).tc.estab, 150);
	assert_int_equal(baseline_take(&base, seg, 1, 2, false), 0);
	assert_int_equal(tc_since(1, 3).tc.estab, 0);
}

/* Of an IMIX group's user: its applications' counters, one by one and in its own. */
static void applications_count_from_then(void **state)
{
	struct stats_tc_block b;

	(void)state;
	seg_tc(seg, 1, 3)->cfg.kind = tc_kind_CLIENT;
	seg_tc(seg, 1, 3)->cfg.imix = 7 + 1;
	seg_stats_imix(seg, 0, 7, 0)->tc.estab = 100;
	seg_stats_imix(seg, 1, 7, 2)->tc.estab = 10;
	seg_stats_tc(seg, 0, 1, 3)->tc.estab = 1;
	seg_stats_imix(seg, 0, 8, 0)->tc.estab = 40; /* nobody's */
	assert_int_equal(tc_since(1, 3).tc.estab, 111);
	assert_int_equal(baseline_take(&base, seg, 0, 2, true), 0);
	assert_int_equal(tc_since(1, 3).tc.estab, 0);
	seg_stats_imix(seg, 0, 7, 0)->tc.estab += 5;
	seg_stats_imix(seg, 0, 7, 2)->tc.estab += 2;
	assert_int_equal(tc_since(1, 3).tc.estab, 7);
	baseline_sum_imix(&base, seg, 7, 0, &b);
	assert_int_equal(b.tc.estab, 5);
	baseline_sum_imix(&base, seg, 7, 2, &b);
	assert_int_equal(b.tc.estab, 2);
	baseline_sum_imix(&base, seg, 8, 0, &b);
	assert_int_equal(b.tc.estab, 40);
	seg_tc(seg, 1, 3)->start_ns = 6;
	baseline_sum_imix(&base, seg, 7, 0, &b);
	assert_int_equal(b.tc.estab, 105);
}

/* As latency_record() does. */
static void sample_of_us(uint32_t worker, uint64_t us)
{
	struct latency_block *l = seg_latency(seg, worker, 1, 3);
	struct stats_latency *st = &seg_stats_tc(seg, worker, 1, 3)->latency;
	uint64_t ns = us * 1000;

	l->min_ns = l->n == 0 ? ns : MIN_OF(l->min_ns, ns);
	l->recent[l->n++ % LATENCY_RING] = ns;
	hist_record(&l->hist, ns);
	st->samples++;
	st->sum_ns += ns;
	st->max_ns = MAX_OF(st->max_ns, ns);
}

static struct stats_tc_block latency_since(struct latency_total *t)
{
	struct stats_tc_block b = tc_since(1, 3);

	baseline_sum_latency(&base, seg, 1, 3, 10, &b.latency, t);
	return b;
}

static void latencies_are_those_since(void **state)
{
	struct latency_total t;
	struct stats_tc_block b;

	(void)state;
	seg_tc(seg, 1, 3)->has_latency = 1;
	for (uint64_t us = 1; us <= 1000; us++)
		sample_of_us((uint32_t)(us % 2), us);
	b = latency_since(&t); /* no baseline yet */
	assert_int_equal(b.latency.samples, 1000);
	assert_int_equal(b.latency.max_ns, 1000000);
	assert_int_equal(t.min_ns, 1000);
	assert_int_equal(t.recent.samples, 20);
	assert_int_equal(baseline_take(&base, seg, 1, 2, false), 0);
	b = latency_since(&t);
	assert_int_equal(b.latency.samples, 0);
	assert_int_equal(b.latency.max_ns, 0);
	assert_int_equal(t.min_ns, UINT64_MAX);
	assert_int_equal(t.recent.samples, 0);
	assert_int_equal(latency_quantile(&t, &b.latency, 0), 0);
	for (uint64_t us = 401; us <= 500; us++)
		sample_of_us(0, us);
	sample_of_us(1, 450);
	b = latency_since(&t);
	assert_int_equal(b.latency.samples, 101);
	assert_in_range(t.min_ns, 401000 * 99ull / 100, 401000 * 101ull / 100);
	assert_in_range(b.latency.max_ns, 500000 * 99ull / 100, 500000 * 101ull / 100);
	assert_in_range(
		latency_quantile(&t, &b.latency, 0), 450000 * 99ull / 100, 450000 * 101ull / 100);
	assert_in_range(
		latency_quantile(&t, &b.latency, 2), 499000 * 99ull / 100, 499000 * 101ull / 100);
	assert_int_equal(t.recent.samples, 11);
	assert_int_equal(t.recent.min_ns, 450000); /* exact: of the ring */
	sample_of_us(0, 1000);                     /* the largest of all, again */
	b = latency_since(&t);
	assert_int_equal(b.latency.max_ns, 1000000);
	/* a new start counts from its own beginning */
	seg_tc(seg, 1, 3)->start_ns = 9;
	b = latency_since(&t);
	assert_int_equal(b.latency.samples, 1102);
	assert_int_equal(t.min_ns, 1000);
}

static void what_cannot_be_read_changes_nothing(void **state)
{
	(void)state;
	seg_stats_port(seg, 0, 0)->port.rx_pkts = 100;
	seg_write_begin(&seg_tc(seg, 1, 3)->seq); /* and no end */
	assert_int_equal(baseline_take(&base, seg, 0, 2, true), -EAGAIN);
	assert_int_equal(port_since(0).port.rx_pkts, 100);
	assert_int_equal(baseline_take(&base, seg, 0, 1, false), 0);
	assert_int_equal(port_since(0).port.rx_pkts, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, up, down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(counters_count_from_then_and_gauges_do_not),
		TEST(lcores_count_from_then_when_all_is_meant),
		TEST(a_test_case_that_began_anew_counts_from_its_beginning),
		TEST(applications_count_from_then),
		TEST(latencies_are_those_since),
		TEST(what_cannot_be_read_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
