/* The CLI's views of a segment, without an engine: what is not there, and what cannot be read. */
#include "cli/show.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <stdlib.h>

static struct seg *seg;
static struct cli cli;
static char err[200];

static int segment_up(void **state)
{
	(void)state;
	seg = aligned_alloc(4096, seg_size(1, 1));
	if (seg == NULL)
		return -1;
	seg_init(seg, 1, 1);
	cli.client.seg = seg;
	return 0;
}

static int segment_down(void **state)
{
	(void)state;
	free(seg);
	return 0;
}

static json_t *view(const char *command)
{
	const char *word[CMD_WORDS_MAX];
	char line[100];
	union cmd_req req;
	enum cmd_id id;
	int n;

	snprintf(line, sizeof(line), "%s", command);
	n = cmd_split(line, word, CMD_WORDS_MAX, err, sizeof(err));
	assert_int_equal(cmd_parse(word, n, &id, &req, err, sizeof(err)), 0);
	return show(&cli, id, &req, err, sizeof(err));
}

static void not_there_is_told_from_not_to_be_read(void **state)
{
	(void)state;
	assert_null(view("show tests stats port 0 test-case-id 3"));
	assert_int_equal(errno, ENOENT);
	assert_string_equal(err, "port 0 has no test case 3");
	assert_null(view("show tests state port 1"));
	assert_int_equal(errno, ENOENT);
	seg_write_begin(&seg_tc(seg, 0, 3)->seq); /* and no end */
	assert_null(view("show tests stats port 0 test-case-id 3"));
	assert_int_equal(errno, EAGAIN);
	assert_string_equal(err, "cannot be read: the engine stopped inside a change of it");
	assert_null(view("show tests state port 0"));
	assert_int_equal(errno, EAGAIN);
}

static void a_gateway_that_is_not_there_is_null(void **state)
{
	json_t *o = view("show tests config port 0");

	(void)state;
	assert_true(json_is_null(json_object_get(o, "gw")));
	json_decref(o);
	seg_port(seg, 0)->gw = ip4_addr(0x0a000001);
	o = view("show tests config port 0");
	assert_string_equal(json_string_value(json_object_get(o, "gw")), "10.0.0.1");
	json_decref(o);
}

static double number(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	assert_true(json_is_number(v));
	return json_number_value(v);
}

static void load_is_the_busy_part_of_the_last_second(void **state)
{
	struct seg_worker *w = seg_worker(seg, 0);
	const json_t *row;
	json_t *o;

	(void)state;
	seg->hdr.tsc_hz = 2000000000;
	w->lcore_id = 3;
	w->cpu = 1;
	o = view("show lcore load"); /* nothing has been counted yet, or the worker hangs */
	row = json_array_get(json_object_get(o, "workers"), 0);
	assert_int_equal(json_integer_value(json_object_get(row, "lcore")), 3);
	assert_int_equal(json_integer_value(json_object_get(row, "cpu")), 1);
	assert_true(json_is_null(json_object_get(row, "load_percent")));
	assert_true(json_is_null(json_object_get(row, "cycles_per_packet")));
	json_decref(o);
	w->load = (struct seg_load){.cycles = 2200000000, /* 1.1 s */
		.busy_cycles = 550000000,
		.busy_turns = 550000,
		.rx_pkts = 1100000,
		.tx_pkts = 2200000};
	seg_stats_lcore(seg, 0)->lcore.longest = 4000000;
	seg_stats_lcore(seg, 0)->lcore.longest_now = 25000;
	o = view("show lcore load");
	row = json_array_get(json_object_get(o, "workers"), 0);
	assert_true(number(row, "load_percent") == 25);
	assert_true(number(row, "packets_per_turn") == 4);
	assert_true(number(row, "rx_pkts_per_second") == 1000000);
	assert_true(number(row, "tx_pkts_per_second") == 2000000);
	assert_true(number(row, "cycles_per_packet") == 250); /* of the more */
	assert_true(number(row, "longest_turn_us") == 12.5);
	json_decref(o);
	w->load.poll_cycles = 100; /* that a turn would have cost in any case */
	o = view("show lcore load");
	row = json_array_get(json_object_get(o, "workers"), 0);
	assert_true(number(row, "load_percent") == 22.5);
	assert_true(number(row, "cycles_per_packet") == 250);
	json_decref(o);
	w->load.busy_cycles = 2300000000; /* read a turn later */
	w->load.busy_turns = 1;
	w->load.rx_pkts = w->load.tx_pkts = 0;
	o = view("show lcore load");
	row = json_array_get(json_object_get(o, "workers"), 0);
	assert_true(number(row, "load_percent") == 100);
	assert_true(json_is_null(json_object_get(row, "cycles_per_packet")));
	json_decref(o);
	seg_write_begin(&w->seq);
	assert_null(view("show lcore load"));
	assert_int_equal(errno, EAGAIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			not_there_is_told_from_not_to_be_read, segment_up, segment_down),
		cmocka_unit_test_setup_teardown(
			a_gateway_that_is_not_there_is_null, segment_up, segment_down),
		cmocka_unit_test_setup_teardown(
			load_is_the_busy_part_of_the_last_second, segment_up, segment_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
