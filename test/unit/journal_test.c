/* A journal: records in order, how many a slow reader lost, and a reader beside a writer that never stops. */
#include "common/abi/journal.h"
#include "test/unit/unit.h"

#include <pthread.h>
#include <string.h>

static struct journal journal;

static void add(uint64_t n)
{
	struct note note = {.port = (uint32_t)n, .tcid = ~(uint32_t)n};

	memset(note.text, 'a' + (int)(n % 26), sizeof(note.text) - 1);
	journal_add(&journal, &note);
}

/* Nothing of it is another's. */
static void is_whole(const struct note *n)
{
	assert_int_equal(n->port, ~n->tcid);
	for (size_t i = 1; i < sizeof(n->text) - 1; i++)
		assert_int_equal(n->text[i], n->text[0]);
}

static int begin(void **state)
{
	(void)state;
	memset(&journal, 0, sizeof(journal));
	return 0;
}

static void in_order(void **state)
{
	uint64_t next = 0, lost;
	struct note n;

	(void)state;
	assert_false(journal_read(&journal, &next, &n, &lost));
	assert_int_equal(lost, 0);
	for (uint64_t i = 1; i <= 10; i++)
		add(i);
	for (uint64_t i = 1; i <= 10; i++) {
		assert_true(journal_read(&journal, &next, &n, &lost));
		assert_int_equal(n.no, i);
		assert_int_equal(n.port, i);
		assert_true(n.realtime_ns != 0);
		assert_int_equal(lost, 0);
	}
	assert_false(journal_read(&journal, &next, &n, &lost));
	add(11);
	assert_true(journal_read(&journal, &next, &n, &lost));
	assert_int_equal(n.no, 11);
}

static void slow_reader_is_told(void **state)
{
	uint64_t next = 1, lost;
	struct note n;

	(void)state;
	for (uint64_t i = 1; i <= JOURNAL_MAX + 100; i++)
		add(i);
	assert_true(journal_read(&journal, &next, &n, &lost));
	assert_int_equal(lost, 100);
	assert_int_equal(n.no, 101);
	assert_true(journal_read(&journal, &next, &n, &lost));
	assert_int_equal(lost, 0);
	assert_int_equal(n.no, 102);
}

/* What a record holds may come from a client's memory. */
static void texts_end(void **state)
{
	uint64_t next = 1, lost;
	struct note n;

	(void)state;
	memset(&n, 'x', sizeof(n));
	journal_add(&journal, &n);
	assert_true(journal_read(&journal, &next, &n, &lost));
	assert_int_equal(strlen(n.who), sizeof(n.who) - 1);
	assert_int_equal(strlen(n.text), sizeof(n.text) - 1);
	assert_int_equal(strlen(n.why), sizeof(n.why) - 1);
}

#define MANY 300000

static void *writer(void *arg)
{
	for (uint64_t i = 1; i <= MANY; i++)
		add(i);
	return arg;
}

static void beside_a_writer(void **state)
{
	uint64_t next = 1, lost, seen = 0, passed = 0, was = 0;
	pthread_t thread;
	struct note n;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, writer, NULL), 0);
	while (was < MANY) {
		if (!journal_read(&journal, &next, &n, &lost)) {
			passed += lost;
			continue;
		}
		is_whole(&n);
		assert_true(n.no > was);
		was = n.no;
		seen++;
		passed += lost;
	}
	pthread_join(thread, NULL);
	assert_int_equal(seen + passed, MANY); /* each was read or counted as lost */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(in_order, begin),
		cmocka_unit_test_setup(slow_reader_is_told, begin),
		cmocka_unit_test_setup(texts_end, begin),
		cmocka_unit_test_setup(beside_a_writer, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
