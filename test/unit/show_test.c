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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			not_there_is_told_from_not_to_be_read, segment_up, segment_down),
		cmocka_unit_test_setup_teardown(
			a_gateway_that_is_not_there_is_null, segment_up, segment_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
