/* The fault stage as a link on a virtual clock: what it is told is what happens, in the shares and
 * at the times it was told, and every packet is accounted for. */
#include "engine/l1_port/l1_port.h"
#include "test/unit/stack.h"

#include <rte_ip.h>

#include <stdlib.h>
#include <string.h>

#define N_MBUFS 16383
#define N_HELD 8192
#define LEN 1000 /* of a frame */

static struct rte_mempool *mbufs;
static struct faults_pool held;
static struct faults f;
static uint64_t count[FAULTS_COUNTS], now;
static void *memory;
static struct faults_config cfg;
/* what came out: number and time of each */
static uint32_t out[1 << 18];
static uint64_t out_us[1 << 18];
static uint32_t n_out, n_in;

static void begin(void)
{
	static int n_begun;
	char name[16];

	snprintf(name, sizeof(name), "faults%d", n_begun++);
	mbufs = rte_pktmbuf_pool_create_by_ops(name, N_MBUFS, 0, 0, 2176, SOCKET_ID_ANY, "stack");
	assert_non_null(mbufs);
	memory = malloc(faults_pool_bytes(N_HELD));
	assert_non_null(memory);
	faults_pool_init(&held, memory, N_HELD);
	memset(count, 0, sizeof(count));
	faults_init(&f, &held, count, 0);
	cfg = faults_config_none();
	now = 1000000;
	n_in = n_out = 0;
}

static void set(void)
{
	faults_set(&f, &cfg, now);
}

static void check_counts(void)
{
	assert_int_equal(count[FAULTS_OFFERED] + count[FAULTS_DUPLICATED],
		count[FAULTS_LOST] + count[FAULTS_QUEUE_FULL] + count[FAULTS_OVERFLOW]
			+ count[FAULTS_PASSED] + count[FAULTS_HELD]);
	assert_int_equal(count[FAULTS_OFFERED], n_in);
	assert_int_equal(count[FAULTS_PASSED], n_out);
	assert_int_equal(count[FAULTS_HELD], f.n);
}

static void end(void)
{
	check_counts();
	faults_drain(&f);
	check_counts();
	assert_int_equal(held.n_free, held.n);
	assert_int_equal(faults_next_us(&f), UINT64_MAX);
	assert_int_equal(rte_mempool_avail_count(mbufs), N_MBUFS);
	rte_mempool_free(mbufs);
	free(memory);
}

/* An IPv4 frame with its number behind the headers. */
static struct rte_mbuf *frame(uint16_t len)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(mbufs);
	uint8_t *p;

	assert_non_null(m);
	p = (uint8_t *)rte_pktmbuf_append(m, len);
	memset(p, 0, len);
	p[12] = 8;
	p[14] = 0x45;
	p[16] = (uint8_t)((len - 14) >> 8);
	p[17] = (uint8_t)(len - 14);
	memcpy(p + 40, &n_in, sizeof(n_in));
	n_in++;
	return m;
}

static void offer(uint16_t len)
{
	faults_in(&f, now, frame(len));
}

static void take(void)
{
	struct rte_mbuf *m[16];
	uint32_t n;

	while ((n = faults_out(&f, now, m, ARRAY_SIZE(m))) != 0) {
		for (uint32_t i = 0; i < n; i++, n_out++) {
			memcpy(&out[n_out], rte_pktmbuf_mtod(m[i], char *) + 40, sizeof(out[0]));
			out_us[n_out] = now;
			rte_pktmbuf_free(m[i]);
		}
	}
}

/* Until nothing is held, at the times at which something happens. */
static void take_all(void)
{
	while (faults_next_us(&f) != UINT64_MAX) {
		now = MAX_OF(now, faults_next_us(&f));
		take();
	}
}

/* n packets, one every gap_us. */
static void pass(uint32_t n, uint32_t gap_us)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t next = now + gap_us;

		offer(LEN);
		while (faults_next_us(&f) <= next) {
			now = MAX_OF(now, faults_next_us(&f));
			take();
		}
		now = next;
	}
	take_all();
}

static void assert_near(double is, double should, double tolerance)
{
	if (is < should - tolerance || is > should + tolerance)
		fail_msg("%f, expected %f +- %f", is, should, tolerance);
}

static void none_changes_nothing(void **state)
{
	(void)state;
	begin();
	set();
	assert_true(faults_idle(&f));
	pass(1000, 0);
	assert_int_equal(n_out, 1000);
	for (uint32_t i = 0; i < n_out; i++)
		assert_true(out[i] == i && out_us[i] == 1000000);
	end();
}

static void losses_are_as_many_as_asked_for(void **state)
{
	/* the last: 4 sigma of 200000 packets */
	static const uint32_t ppm[][2] = {{100, 18}, {10000, 178}, {500000, 894}, {999000, 57}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ppm); i++) {
		begin();
		cfg.loss_ppm = ppm[i][0];
		set();
		pass(200000, 1);
		assert_near((double)count[FAULTS_LOST], ppm[i][0] / 5.0, ppm[i][1]);
		end();
	}
	begin();
	cfg.loss_ppm = FAULTS_PPM;
	set();
	pass(1000, 1);
	assert_int_equal(count[FAULTS_LOST], 1000);
	end();
}

/* Mean and number of the gaps in what came out. */
static void bursts_have_the_mean_asked_for_and_the_same_loss(void **state)
{
	static const uint32_t burst[] = {2, 5, 20};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(burst); i++) {
		uint32_t n = 250000, n_bursts = 0;

		begin();
		cfg.loss_ppm = 50000;
		cfg.burst = burst[i];
		set();
		pass(n, 1);
		for (uint32_t o = 1; o < n_out; o++)
			n_bursts += out[o] != out[o - 1] + 1;
		assert_near((double)count[FAULTS_LOST] / n, 0.05, 0.004);
		assert_near((double)count[FAULTS_LOST] / n_bursts, burst[i], burst[i] * 0.06);
		end();
	}
	assert_int_equal(faults_burst_least(0), 1);
	assert_int_equal(faults_burst_least(500000), 1);
	assert_int_equal(faults_burst_least(900000), 9);
	assert_int_equal(faults_burst_least(FAULTS_PPM), 1);
}

static void duplicates_follow_the_first_and_are_equal(void **state)
{
	uint32_t twice = 0;

	(void)state;
	begin();
	cfg.duplicate_ppm = 100000;
	set();
	pass(50000, 1);
	assert_near((double)count[FAULTS_DUPLICATED], 5000, 4 * 67);
	for (uint32_t i = 1; i < n_out; i++) {
		assert_true(out[i] == out[i - 1] || out[i] == out[i - 1] + 1);
		twice += out[i] == out[i - 1];
	}
	assert_int_equal(twice, count[FAULTS_DUPLICATED]);
	end();
}

static void twins_are_two_buffers(void **state)
{
	struct rte_mbuf *m[2];

	(void)state;
	begin();
	cfg.duplicate_ppm = FAULTS_PPM;
	set();
	offer(LEN);
	assert_int_equal(faults_out(&f, now, m, 2), 2);
	n_out = 2;
	assert_ptr_not_equal(m[0]->buf_addr, m[1]->buf_addr);
	assert_memory_equal(rte_pktmbuf_mtod(m[0], void *), rte_pktmbuf_mtod(m[1], void *), LEN);
	rte_pktmbuf_free(m[0]);
	rte_pktmbuf_free(m[1]);
	end();
}

static void held_back_packets_are_overtaken_and_no_others(void **state)
{
	uint32_t late = 0, highest = 0;

	(void)state;
	begin();
	cfg.reorder_ppm = 20000;
	cfg.reorder_us = 50;
	set();
	pass(100000, 10);
	assert_int_equal(n_out, 100000);
	for (uint32_t i = 0; i < n_out; i++) {
		if (out[i] < highest) {
			late++;
			assert_int_equal(out_us[i], 1000000 + out[i] * 10 + 50);
		} else {
			highest = out[i];
		}
	}
	assert_int_equal(late, count[FAULTS_REORDERED]);
	assert_near(late, 2000, 4 * 45);
	end();
}

static void a_delay_is_exact_and_keeps_order(void **state)
{
	(void)state;
	begin();
	cfg.delay_us = 20000;
	set();
	pass(5000, 7);
	for (uint32_t i = 0; i < n_out; i++)
		assert_true(out[i] == i && out_us[i] == 1000000 + i * 7 + 20000);
	end();
}

static void jitter_stays_within_and_keeps_order(void **state)
{
	uint64_t least = UINT64_MAX, most = 0;

	(void)state;
	begin();
	cfg.delay_us = 1000;
	cfg.jitter_us = 300;
	set();
	pass(50000, 200);
	assert_int_equal(n_out, 50000);
	for (uint32_t i = 0; i < n_out; i++) {
		uint64_t took = out_us[i] - (1000000 + i * UINT64_C(200));

		assert_int_equal(out[i], i);
		least = MIN_OF(least, took);
		most = MAX_OF(most, took);
	}
	assert_in_range(least, 700, 705);
	assert_in_range(most, 1295, 1300);
	end();
}

static void a_rate_is_exact(void **state)
{
	/* 3 kbit/s that divide nothing; 8000 bits each */
	static const uint32_t kbps[] = {3, 1000, 9973, 10000000};

	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kbps); k++) {
		begin();
		cfg.rate_kbps = kbps[k];
		cfg.queue_pkts = 0;
		set();
		pass(5000, 0);
		for (uint32_t i = 0; i < n_out; i++) {
			uint64_t us = (UINT64_C(8000000) * (i + 1) + kbps[k] - 1) / kbps[k];

			assert_true(out[i] == i && out_us[i] == 1000000 + us);
		}
		end();
	}
}

static void a_rate_that_is_not_used_up_is_not_saved(void **state)
{
	(void)state;
	begin();
	cfg.rate_kbps = 8000; /* a frame a ms */
	set();
	pass(100, 5000);
	for (uint32_t i = 0; i < n_out; i++)
		assert_int_equal(out_us[i], 1000000 + i * 5000 + 1000);
	n_out = n_in = 0;
	memset(count, 0, sizeof(count));
	now = 9000000;
	pass(100, 0);
	assert_int_equal(out_us[99], 9000000 + 100 * 1000);
	end();
}

static void the_queue_drops_at_its_tail(void **state)
{
	(void)state;
	begin();
	cfg.rate_kbps = 8000;
	cfg.queue_pkts = 10;
	cfg.delay_us = 50000; /* does not count */
	set();
	for (uint32_t i = 0; i < 100; i++)
		offer(LEN);
	assert_int_equal(count[FAULTS_QUEUE_FULL], 90);
	now += 5000;
	take();
	assert_int_equal(n_out, 0);
	for (uint32_t i = 0; i < 100; i++)
		offer(LEN);
	assert_int_equal(count[FAULTS_QUEUE_FULL], 90 + 95);
	take_all();
	assert_int_equal(n_out, 15);
	for (uint32_t i = 0; i < n_out; i++)
		assert_int_equal(out_us[i], 1000000 + (i + 1) * 1000 + 50000);
	end();
}

static void what_is_corrupted_has_one_bit_flipped_behind_ethernet(void **state)
{
	uint32_t n_bad = 0, where[4] = {0};
	static uint8_t good[LEN];

	(void)state;
	begin();
	cfg.corrupt_ppm = 300000;
	set();
	for (uint32_t i = 0; i < 20000; i++) {
		struct rte_mbuf *m = frame(LEN), *got;
		uint32_t bits = 0, at = 0;

		memcpy(good, rte_pktmbuf_mtod(m, void *), LEN);
		faults_in(&f, now, m);
		assert_int_equal(faults_out(&f, now, &got, 1), 1);
		n_out++;
		for (uint32_t b = 0; b < LEN; b++) {
			uint8_t x = rte_pktmbuf_mtod(got, uint8_t *)[b] ^ good[b];

			bits += (uint32_t)__builtin_popcount(x);
			at = x ? b : at;
		}
		assert_true(bits == 0 || (bits == 1 && at >= 14));
		n_bad += bits;
		if (bits)
			where[(at - 14) * 4 / (LEN - 14)]++;
		rte_pktmbuf_free(got);
	}
	assert_int_equal(n_bad, count[FAULTS_CORRUPTED]);
	assert_near(n_bad, 6000, 4 * 65);
	for (size_t i = 0; i < ARRAY_SIZE(where); i++)
		assert_near(where[i], n_bad / 4.0, 4 * 34);
	end();
}

static void arp_and_padding_are_not_corrupted(void **state)
{
	(void)state;
	begin();
	cfg.corrupt_ppm = FAULTS_PPM;
	set();
	for (uint32_t i = 0; i < 2000; i++) {
		struct rte_mbuf *m = frame(60), *got;
		uint8_t good[60], *p = rte_pktmbuf_mtod(m, uint8_t *);

		p[17] = 26; /* 20 bytes of padding */
		if (i % 2)
			p[13] = 6;
		memcpy(good, p, 60);
		faults_in(&f, now, m);
		assert_int_equal(faults_out(&f, now, &got, 1), 1);
		n_out++;
		p = rte_pktmbuf_mtod(got, uint8_t *);
		assert_memory_equal(p + 40, good + 40, 20);
		assert_int_equal(memcmp(p, good, 60) == 0, i % 2);
		rte_pktmbuf_free(got);
	}
	assert_int_equal(count[FAULTS_CORRUPTED], 1000);
	end();
}

static void a_shared_buffer_is_copied_before_it_is_corrupted(void **state)
{
	struct rte_mbuf *m, *got;
	uint8_t good[LEN];

	(void)state;
	begin();
	cfg.corrupt_ppm = FAULTS_PPM;
	set();
	m = frame(LEN);
	memcpy(good, rte_pktmbuf_mtod(m, void *), LEN);
	rte_mbuf_refcnt_update(m, 1);
	faults_in(&f, now, m);
	assert_int_equal(faults_out(&f, now, &got, 1), 1);
	n_out = 1;
	assert_memory_equal(rte_pktmbuf_mtod(m, void *), good, LEN);
	assert_memory_not_equal(rte_pktmbuf_mtod(got, void *), good, LEN);
	assert_int_equal(rte_mbuf_refcnt_read(m), 1);
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(got);
	end();
}

static void the_same_seed_does_the_same(void **state)
{
	static uint32_t first[1 << 15];
	static uint64_t first_us[1 << 15];
	uint32_t n_first = 0;

	(void)state;
	for (uint32_t run = 0; run < 4; run++) {
		begin();
		f.stream = run == 3;
		cfg = (struct faults_config){.seed = run == 2 ? 8 : 7,
			.loss_ppm = 30000,
			.burst = 3,
			.duplicate_ppm = 20000,
			.reorder_ppm = 10000,
			.reorder_us = 100,
			.corrupt_ppm = 1000,
			.delay_us = 500,
			.jitter_us = 400,
			.rate_kbps = 900000,
			.queue_pkts = 100};
		set();
		pass(20000, 10);
		if (run == 0) {
			n_first = n_out;
			memcpy(first, out, sizeof(first));
			memcpy(first_us, out_us, sizeof(first_us));
		} else {
			assert_int_equal(run == 1,
				n_out == n_first && memcmp(first, out, n_out * sizeof(out[0])) == 0
					&& memcmp(first_us, out_us, n_out * sizeof(out_us[0]))
						== 0);
		}
		end();
	}
}

/* Which packets are lost does not depend on what else happens to them. */
static void one_fault_does_not_change_anothers_chances(void **state)
{
	static bool came[2][10000];

	(void)state;
	for (uint32_t run = 0; run < 2; run++) {
		begin();
		cfg.loss_ppm = 100000;
		if (run == 1) {
			cfg.duplicate_ppm = cfg.reorder_ppm = cfg.corrupt_ppm = 200000;
			cfg.jitter_us = 100;
		}
		set();
		for (uint32_t i = 0; i < 10000; i++) {
			uint64_t lost = count[FAULTS_LOST];

			offer(LEN);
			came[run][i] = count[FAULTS_LOST] == lost;
			take();
			now += 10;
		}
		take_all();
		end();
	}
	assert_memory_equal(came[0], came[1], sizeof(came[0]));
}

static void what_does_not_fit_is_dropped_and_counted(void **state)
{
	(void)state;
	begin();
	cfg.delay_us = 1000000;
	set();
	for (uint32_t i = 0; i < N_HELD + 500; i++)
		offer(LEN);
	assert_int_equal(count[FAULTS_OVERFLOW], 500);
	assert_int_equal(count[FAULTS_HELD], N_HELD);
	take_all();
	assert_int_equal(n_out, N_HELD);
	for (uint32_t i = 0; i < n_out; i++)
		assert_int_equal(out[i], i);
	for (uint32_t i = 0; i < 100; i++)
		offer(LEN);
	end(); /* with some held */
}

static void a_pool_is_shared_and_bounds_all(void **state)
{
	static uint64_t count2[FAULTS_COUNTS];
	static struct faults f2;

	(void)state;
	begin();
	faults_init(&f2, &held, count2, 1);
	cfg.delay_us = 1000;
	set();
	faults_set(&f2, &cfg, now);
	for (uint32_t i = 0; i < N_HELD; i++)
		faults_in(i % 2 ? &f : &f2, now, frame(100));
	n_in = N_HELD / 2;
	assert_int_equal(held.n_free, 0);
	offer(LEN);
	assert_int_equal(count[FAULTS_OVERFLOW], 1);
	faults_drain(&f2);
	assert_int_equal(count2[FAULTS_LOST], N_HELD / 2);
	offer(LEN);
	assert_int_equal(count[FAULTS_OVERFLOW], 1);
	take_all();
	end();
}

static void without_a_buffer_nothing_is_doubled(void **state)
{
	static struct rte_mbuf *m[N_MBUFS + 1];
	uint32_t n = 0;

	(void)state;
	begin();
	cfg.duplicate_ppm = FAULTS_PPM;
	set();
	m[n++] = frame(LEN);
	while ((m[n] = rte_pktmbuf_alloc(mbufs)) != NULL)
		n++;
	faults_in(&f, now, m[0]);
	take_all();
	assert_int_equal(n_out, 1);
	assert_int_equal(count[FAULTS_NO_BUFFER], 1);
	assert_int_equal(count[FAULTS_DUPLICATED], 0);
	while (--n != 0)
		rte_pktmbuf_free(m[n]);
	end();
}

static void off_lets_go_what_is_held_in_order(void **state)
{
	(void)state;
	begin();
	cfg.delay_us = 1000000;
	cfg.rate_kbps = 8000;
	cfg.queue_pkts = 0;
	set();
	for (uint32_t i = 0; i < 500; i++) {
		offer(LEN);
		now += 500; /* half of them are past the rate */
		take();
	}
	cfg = faults_config_none();
	set();
	assert_false(faults_idle(&f));
	for (uint32_t i = 0; i < 10; i++)
		offer(LEN); /* not before those */
	take();
	assert_true(faults_idle(&f));
	assert_int_equal(n_out, 510);
	for (uint32_t i = 0; i < n_out; i++)
		assert_int_equal(out[i], i);
	end();
}

/* Rates and delays up and down at random: never out of order, never later than the settings say. */
static void changes_under_way_keep_order(void **state)
{
	(void)state;
	begin();
	srandom(5);
	for (uint32_t i = 0; i < 3000; i++) {
		static const uint32_t kbps[] = {0, 100, 7777, 1000000, 40000000};

		cfg.rate_kbps = kbps[random() % 5];
		cfg.delay_us = (uint32_t)random() % 2000;
		cfg.jitter_us = (uint32_t)random() % 500;
		cfg.queue_pkts = 100;
		set();
		for (uint32_t n = (uint32_t)random() % 20; n != 0; n--) {
			offer((uint16_t)(60 + random() % 1400));
			now += (uint32_t)random() % 100;
			if (random() % 2)
				take();
		}
	}
	cfg.rate_kbps = 0;
	set();
	now += cfg.delay_us + cfg.jitter_us;
	take();
	assert_int_equal(f.n, 0);
	assert_int_equal(n_out + count[FAULTS_QUEUE_FULL], n_in);
	assert_true(n_out > 10000);
	for (uint32_t i = 1; i < n_out; i++)
		assert_true(out[i] > out[i - 1]);
	end();
}

/* A faster rate works off what waits at the faster rate, from now on. */
static void a_new_rate_holds_for_what_waits(void **state)
{
	(void)state;
	begin();
	cfg.rate_kbps = 8000;
	set();
	for (uint32_t i = 0; i < 100; i++)
		offer(LEN);
	now += 50000;
	take();
	assert_int_equal(n_out, 50);
	cfg.rate_kbps = 80000;
	set();
	take_all();
	for (uint32_t i = 50; i < 100; i++)
		assert_int_equal(out_us[i], 1050000 + (i - 49) * 100);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_changes_nothing),
		cmocka_unit_test(losses_are_as_many_as_asked_for),
		cmocka_unit_test(bursts_have_the_mean_asked_for_and_the_same_loss),
		cmocka_unit_test(duplicates_follow_the_first_and_are_equal),
		cmocka_unit_test(twins_are_two_buffers),
		cmocka_unit_test(held_back_packets_are_overtaken_and_no_others),
		cmocka_unit_test(a_delay_is_exact_and_keeps_order),
		cmocka_unit_test(jitter_stays_within_and_keeps_order),
		cmocka_unit_test(a_rate_is_exact),
		cmocka_unit_test(a_rate_that_is_not_used_up_is_not_saved),
		cmocka_unit_test(the_queue_drops_at_its_tail),
		cmocka_unit_test(what_is_corrupted_has_one_bit_flipped_behind_ethernet),
		cmocka_unit_test(arp_and_padding_are_not_corrupted),
		cmocka_unit_test(a_shared_buffer_is_copied_before_it_is_corrupted),
		cmocka_unit_test(the_same_seed_does_the_same),
		cmocka_unit_test(one_fault_does_not_change_anothers_chances),
		cmocka_unit_test(what_does_not_fit_is_dropped_and_counted),
		cmocka_unit_test(a_pool_is_shared_and_bounds_all),
		cmocka_unit_test(without_a_buffer_nothing_is_doubled),
		cmocka_unit_test(off_lets_go_what_is_held_in_order),
		cmocka_unit_test(changes_under_way_keep_order),
		cmocka_unit_test(a_new_rate_holds_for_what_waits),
	};

	return cmocka_run_group_tests(tests, stack_eal, NULL);
}
