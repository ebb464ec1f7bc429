/* Reading records of the segment while management changes them: whole copies, and an end to
 * waiting. And what the table of counters must hold. */
#include "common/abi/segment.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#define WORDS 500

static struct record {
	struct seg_seq seq;
	uint64_t w[WORDS];
} record;
static _Atomic int running;

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000) + ts.tv_nsec / 1000;
}

static void nap_us(long us)
{
	nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

/* One change; in_us: how long management is without a CPU in the middle of it. */
static void change(uint64_t v, long in_us)
{
	seg_write_begin(&record.seq);
	for (int i = 0; i < WORDS; i++) {
		__atomic_store_n(&record.w[i], v, __ATOMIC_RELAXED);
		if (in_us && i == WORDS / 2)
			nap_us(in_us);
	}
	seg_write_end(&record.seq);
}

static void whole(const struct record *r)
{
	for (int i = 1; i < WORDS; i++)
		assert_int_equal(r->w[i], r->w[0]);
}

static void a_record_at_rest_is_read(void **state)
{
	struct record copy;

	(void)state;
	memset(&record, 0, sizeof(record));
	change(7, 0);
	assert_int_equal(seg_read(&record, &copy, sizeof(copy)), 0);
	assert_int_equal(copy.w[WORDS - 1], 7);
	whole(&copy);
}

/* The writer died inside a change: no reader waits for ever, none takes half a record for one. */
static void a_change_without_end_is_given_up(void **state)
{
	struct record copy;
	int64_t t;

	(void)state;
	memset(&record, 0, sizeof(record));
	seg_write_begin(&record.seq);
	t = now_us();
	assert_int_equal(seg_read(&record, &copy, sizeof(copy)), -EAGAIN);
	t = now_us() - t;
	assert_in_range(t, 490 * 1000, 5000 * 1000);
	seg_write_end(&record.seq);
	assert_int_equal(seg_read(&record, &copy, sizeof(copy)), 0);
}

static void *writer(void *arg)
{
	const long *in_us = arg;

	for (uint64_t v = 1; running; v++) {
		change(v, *in_us);
		nap_us(*in_us ? 1000 : 0);
	}
	return NULL;
}

/* Reads beside the writer until so many of its changes were seen. */
static void read_beside(long in_us, int changes)
{
	static struct record copy;
	uint64_t last = 0;
	pthread_t t;

	memset(&record, 0, sizeof(record));
	running = 1;
	assert_int_equal(pthread_create(&t, NULL, writer, &in_us), 0);
	for (int seen = 0; seen < changes;) {
		int rc = seg_read(&record, &copy, sizeof(copy));

		/* the writer may have had no CPU for longer than a reader waits, but not again and again */
		for (int more = 0; rc == -EAGAIN && more < 50; more++)
			rc = seg_read(&record, &copy, sizeof(copy));
		assert_int_equal(rc, 0);
		whole(&copy);
		assert_true(copy.w[0] >= last);
		seen += copy.w[0] != last;
		last = copy.w[0];
	}
	running = 0;
	pthread_join(t, NULL);
}

static void copies_beside_a_writer_are_whole(void **state)
{
	(void)state;
	read_beside(0, 5000);
}

/* Management that loses its CPU inside a change for tens of milliseconds is waited for. */
static void a_slow_change_is_waited_for(void **state)
{
	(void)state;
	read_beside(20000, 10);
}

/* The CLI's tables show labels, not the names that programs use. */
static void every_counter_has_a_label_of_its_own(void **state)
{
	(void)state;
	for (size_t g = 0; g < stats_n_groups; g++) {
		const struct stats_group *group = &stats_groups[g];

		for (size_t i = 0; i < group->n; i++) {
			const char *label = group->stats[i].label;

			if (*label < 'A' || *label > 'Z' || strchr(label, '_') != NULL)
				fail_msg("%s: label '%s'", group->stats[i].name, label);
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(label, group->stats[k].label);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_at_rest_is_read),
		cmocka_unit_test(a_change_without_end_is_given_up),
		cmocka_unit_test(copies_beside_a_writer_are_whole),
		cmocka_unit_test(a_slow_change_is_waited_for),
		cmocka_unit_test(every_counter_has_a_label_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
