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
		TEST(what_cannot_be_read_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
