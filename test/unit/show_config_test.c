/* show config: every command of configuration is written, and what is written is understood. That it
 * makes the same configuration again is test/functional/test_show_config.py. */
#include "cli/show_config.h"
#include "test/unit/unit.h"

#include <stdlib.h>
#include <string.h>

/* ENGINE commands that set nothing which show config could write, and why. A new command of
 * configuration does not belong here but into the tables of cli/show_config.c. */
static const enum cmd_id nothing_to_write[] = {
	CMD_del_tests,         /* undoes */
	CMD_del_tests_faults,  /* undoes */
	CMD_del_tests_l3_intf, /* undoes */
	CMD_del_tests_l3_gw,   /* undoes */
	CMD_del_tests_imix,    /* undoes */
	CMD_set_tests_noasync, /* undoes: what a new test case is */
	CMD_set_tests_no_async,
	CMD_set_syslog,   /* the engine's, not the tests' */
	CMD_acquire_port, /* an operator's, for as long as it is there */
	CMD_release_port,
	CMD_start_tests,
	CMD_stop_tests,
};

static void every_command_of_configuration_has_a_writer(void **state)
{
	(void)state;
	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		bool wanted = cmd_desc(id)->kind == CMD_KIND_ENGINE;

		for (size_t i = 0; i < ARRAY_SIZE(nothing_to_write); i++)
			wanted &= nothing_to_write[i] != id;
		if (show_config_writes(id) != wanted)
			fail_msg("'%s' (%s): %s in cli/show_config.c", cmd_desc(id)->path,
				cmd_desc(id)->name, wanted ? "no writer" : "a writer too many");
	}
}

static struct seg *seg;

static int segment_up(void **state)
{
	struct seg_tc *t;

	(void)state;
	seg = aligned_alloc(4096, seg_size(2, 1));
	if (seg == NULL)
		return -1;
	seg_init(seg, 2, 1);
	for (uint32_t p = 0; p < 2; p++) {
		seg_port(seg, p)->faults[0] = faults_config_none();
		seg_port(seg, p)->faults[1] = faults_config_none();
	}
	t = seg_tc(seg, 1, 4);
	tc_config_init(&t->cfg, tc_kind_SERVER, l4proto_TCP);
	t->cfg.src = (struct ip_range){ip4_addr(0x0a000001), ip4_addr(0x0a000002)};
	t->cfg.sport = (struct u16_range){80, 89};
	tc_config_criterion(&t->cfg);
	return 0;
}

static int segment_down(void **state)
{
	(void)state;
	free(seg);
	return 0;
}

/* What is written of port 1, line by line; each must be a command that the engine would take. */
static void expect_lines(const char *const *want, size_t n)
{
	json_t *view = show_config(seg, true, 1), *lines = json_object_get(view, "lines");

	for (size_t i = 0; i < json_array_size(lines); i++) {
		const char *word[CMD_WORDS_MAX],
			*text = json_string_value(json_array_get(lines, i));
		char line[CMD_LINE_MAX + 1], err[200];
		union cmd_req req;
		enum cmd_id id;
		int words;

		assert_true(i < n);
		assert_string_equal(text, want[i]);
		snprintf(line, sizeof(line), "%s", text);
		words = cmd_split(line, word, CMD_WORDS_MAX, err, sizeof(err));
		if (words == 0)
			continue;
		assert_int_equal(cmd_parse(word, words, &id, &req, err, sizeof(err)), 0);
		assert_int_equal(cmd_check(id, &req, err, sizeof(err)), 0);
	}
	assert_int_equal(json_array_size(lines), n);
	json_decref(view);
}

static void what_a_new_test_case_has_is_left_out(void **state)
{
	static const char *const want[] = {"# port 1: , ", "",
		"add tests server tcp port 1 test-case-id 4 src 10.0.0.1 10.0.0.2 sport 80 89"};

	(void)state;
	expect_lines(want, ARRAY_SIZE(want));
}

static void what_differs_is_written(void **state)
{
	static const char *const want[] = {"# port 1: , ",
		"set tests faults port 1 direction rx loss 0.5 seed 7", "",
		"add tests server tcp port 1 test-case-id 4 src 10.0.0.1 10.0.0.2 sport 80 89",
		"set tests criteria port 1 test-case-id 4 servers-up 20 within 9",
		"set tests tcp-options port 1 test-case-id 4 rto 7 ack-on-data 0 fin-on-data 0 "
		"congestion none sack 0",
		"set tests server http port 1 test-case-id 4 404-NOT-FOUND resp-size 0",
		"set tests server http port 1 test-case-id 4 http-field \"A: \\\"b\\\" # c\"",
		"set tests server http port 1 test-case-id 4 http-field B:"};
	struct tc_config *c = &seg_tc(seg, 1, 4)->cfg;

	(void)state;
	seg_port(seg, 1)->faults[fault_dir_RX].loss_ppm = 5000;
	seg_port(seg, 1)->faults[fault_dir_RX].seed = 7;
	c->criterion_s = 9;
	c->tcp.rto_ms = 7;
	c->tcp.ack_on_data = c->tcp.fin_on_data = 0;
	c->tcp.congestion = congestion_NONE;
	c->tcp.sack = 0;
	c->app.kind = app_kind_HTTP;
	snprintf(c->app.http.fields, sizeof(c->app.http.fields), "A: \"b\" # c\r\nB:\r\n");
	expect_lines(want, ARRAY_SIZE(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_of_configuration_has_a_writer),
		cmocka_unit_test_setup_teardown(
			what_a_new_test_case_has_is_left_out, segment_up, segment_down),
		cmocka_unit_test_setup_teardown(what_differs_is_written, segment_up, segment_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
