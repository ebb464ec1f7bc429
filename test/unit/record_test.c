/* What recordings are made of, without an engine: documents and rows of a segment, files, options. */
#include "stats-exporter/json.h"
#include "stats-exporter/record.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORTS 2
#define WORKERS 2

static struct seg *seg;
static char why[WHY_MAX], dir[32], file[64];

static int up(void **state)
{
	(void)state;
	seg = aligned_alloc(4096, seg_size(PORTS, WORKERS));
	if (seg == NULL)
		return -1;
	seg_init(seg, PORTS, WORKERS);
	seg->hdr.tsc_hz = 1000000000;
	seg->hdr.start_realtime_ns = UINT64_C(1700000000500000000);
	snprintf(seg_port(seg, 0)->name, sizeof(seg_port(seg, 0)->name), "a,\"b\"");
	snprintf(dir, sizeof(dir), "/tmp/w17-record-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/f", dir);
	return 0;
}

static int down(void **state)
{
	char cmd[128];

	(void)state;
	free(seg);
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	return system(cmd);
}

static struct seg_tc *test_case(uint32_t port, uint32_t tcid)
{
	struct seg_tc *t = seg_tc(seg, port, tcid);

	tc_config_init(&t->cfg, tc_kind_CLIENT, l4proto_TCP);
	t->state = tc_state_RUNNING;
	return t;
}

static struct sample *sample(void)
{
	struct sample *s = sample_of(seg, why);

	assert_non_null(s);
	return s;
}

static json_t *doc_of(enum document d)
{
	struct sample *s = sample();
	json_t *o = d == DOC_PORTS ? json_ports_doc(s, 7) : json_tests_doc(s, 7);

	sample_free(s);
	assert_non_null(o);
	return o;
}

/* Parts a row at its commas; quotes hold together and go. The number of cells. */
static size_t cells(char *row, char **cell, size_t max)
{
	size_t n = 0;
	char *to = row;
	bool quoted = false;

	cell[n++] = row;
	for (; *row != '\0' && *row != '\n'; row++) {
		if (*row == '"' && quoted && row[1] == '"')
			*to++ = *row++;
		else if (*row == '"')
			quoted = !quoted;
		else if (*row == ',' && !quoted) {
			assert_true(n < max);
			*to++ = '\0';
			cell[n++] = to;
		} else
			*to++ = *row;
	}
	*to = '\0';
	return n;
}

/* The cell of a column in the only row. */
static const char *cell_of(enum document d, const char *column, char *buf, size_t size)
{
	static char *names[2000], *values[2000];
	json_t *doc = doc_of(d);
	char *header = csv_header(d), *rows = csv_rows(d, doc);
	size_t n = cells(header, names, 2000), i = 0;

	assert_int_equal(cells(rows, values, 2000), n);
	while (i < n && strcmp(names[i], column) != 0)
		i++;
	if (i == n)
		fail_msg("no column %s", column);
	snprintf(buf, size, "%s", values[i]);
	free(header);
	free(rows);
	json_decref(doc);
	return buf;
}

static void numbers_are_exact(void **state)
{
	static const struct {
		uint64_t is;
		const char *shown;
	} of[] = {{(UINT64_C(1) << 53) + 1, "9007199254740993"},
		{INT64_MAX - 1, "9223372036854775806"}, {INT64_MAX, "9223372036854775807"},
		{(uint64_t)INT64_MAX + 1, "9223372036854775807"},
		{UINT64_MAX, "9223372036854775807"}};
	char buf[64], want[128];

	(void)state;
	test_case(0, 3);
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		json_t *o;
		char *text;

		seg_stats_tc(seg, 0, 0, 3)->tc.tx_bytes = of[i].is;
		assert_string_equal(
			cell_of(DOC_TESTS, "stats.tc.tx_bytes", buf, sizeof(buf)), of[i].shown);
		o = doc_of(DOC_TESTS);
		text = json_dumps(o, JSON_COMPACT);
		snprintf(want, sizeof(want), "\"tx_bytes\":%s,", of[i].shown);
		assert_non_null(strstr(text, want));
		free(text);
		json_decref(o);
	}
	seg_stats_port(seg, 1, 0)->tsm.in_estab = (uint64_t)-3; /* a gauge has a sign */
	seg->hdr.n_ports = 1;
	assert_string_equal(cell_of(DOC_PORTS, "stats.tsm.in_estab", buf, sizeof(buf)), "-3");
}

static const json_t *at(const json_t *o, const char *way)
{
	char copy[128], *rest = copy, *key;

	snprintf(copy, sizeof(copy), "%s", way);
	while ((key = strsep(&rest, ".")) != NULL)
		o = json_object_get(o, key);
	return o;
}

static void every_column_is_a_way_in_the_json(void **state)
{
	static char *names[2000];
	struct seg_tc *t = test_case(0, 0);

	(void)state;
	t->has_latency = 1;
	t->cfg.times.from = times_from_REQUEST;
	for (enum document d = DOC_PORTS; d <= DOC_TESTS; d++) {
		char *header = csv_header(d);
		json_t *doc = doc_of(d);
		const json_t *o = json_array_get(json_object_get(doc, documents[d].word), 0);
		size_t n = cells(header, names, 2000);

		assert_string_equal(names[0], "time");
		assert_string_equal(names[n - 1], "gap");
		for (size_t i = 1; i < n - 1; i++) {
			if (at(o, names[i]) == NULL && at(doc, names[i]) == NULL)
				fail_msg("%s is not there", names[i]);
			for (size_t k = 0; k < i; k++)
				assert_string_not_equal(names[i], names[k]);
		}
		free(header);
		json_decref(doc);
	}
}

static void texts_are_quoted(void **state)
{
	struct seg_tc *t = test_case(0, 0);
	char buf[128];

	(void)state;
	snprintf(t->reason, sizeof(t->reason), "of 5, \"3\" were\nthere");
	assert_string_equal(
		cell_of(DOC_TESTS, "reason", buf, sizeof(buf)), "of 5, \"3\" were?there");
	seg->hdr.n_ports = 1;
	assert_string_equal(cell_of(DOC_PORTS, "name", buf, sizeof(buf)), "a,\"b\"");
	assert_string_equal(cell_of(DOC_PORTS, "speed_mbps", buf, sizeof(buf)), "");
	assert_string_equal(cell_of(DOC_PORTS, "link_up", buf, sizeof(buf)), "false");
	assert_string_equal(
		cell_of(DOC_PORTS, "engine.start_time", buf, sizeof(buf)), "1700000000.500000");
}

static void a_gap_is_a_row(void **state)
{
	static char *values[2000], *names[2000];
	json_t *o = json_head(GAP_SCHEMA, NULL, 9);
	char *header = csv_header(DOC_TESTS), *rows;
	size_t n = cells(header, names, 2000);

	(void)state;
	json_object_set_new(o, "why", json_string("gone, for now"));
	json_object_set_new(o, "timestamp", json_real(1e9 + 0.25));
	rows = csv_rows(DOC_TESTS, o);
	assert_int_equal(cells(rows, values, 2000), n);
	assert_string_equal(values[0], "2001-09-09T01:46:40.250000Z");
	assert_string_equal(values[1], "1000000000.250000");
	assert_string_equal(values[2], "9");
	assert_string_equal(values[n - 1], "gone, for now");
	for (size_t i = 3; i < n - 1; i++)
		assert_string_equal(values[i], "");
	free(rows);
	free(header);
	json_decref(o);
}

static void verdicts_and_progress(void **state)
{
	static const struct {
		enum tc_state state;
		uint64_t achieved, target;
		const char *verdict;
		double fraction;
	} of[] = {{tc_state_IDLE, 0, 10, "none", 0}, {tc_state_RUNNING, 5, 10, "none", 0.5},
		{tc_state_RUNNING, 11, 10, "none", 1}, {tc_state_PASSED, 10, 10, "PASSED", 1},
		{tc_state_PASSED, 9, 10, "PASSED", 1}, {tc_state_FAILED, 3, 4, "FAILED", 0.75},
		{tc_state_STOPPED, 1, 4, "none", 0.25}, {tc_state_RUNNING, 0, 0, "none", 0},
		{tc_state_RUNNING, UINT32_MAX, UINT32_MAX, "none", 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		struct seg_tc *t = test_case(0, 0);
		json_t *doc, *o;

		t->state = of[i].state;
		t->achieved = of[i].achieved;
		t->cfg.criterion_count = of[i].target;
		doc = doc_of(DOC_TESTS);
		o = json_array_get(json_object_get(doc, "tests"), 0);
		assert_string_equal(
			json_string_value(json_object_get(o, "verdict")), of[i].verdict);
		assert_true(json_real_value(json_object_get(o, "fraction")) == of[i].fraction);
		json_decref(doc);
	}
}

/* Every row of app.def has its settings under its name. */
static void applications_tell_what_they_were_told(void **state)
{
	(void)state;
	for (uint32_t kind = 0; kind < app_kind_COUNT; kind++) {
		struct seg_tc *t = test_case(0, 0);
		json_t *doc;
		const json_t *o;

		t->cfg.app.kind = kind;
		snprintf(t->cfg.app.http.fields, sizeof(t->cfg.app.http.fields),
			"A: 1\r\nB: \xff\r\n");
		doc = doc_of(DOC_TESTS);
		o = at(json_array_get(json_object_get(doc, "tests"), 0), "config.app");
		assert_string_equal(
			json_string_value(json_object_get(o, "name")), app_kind_word(kind));
		assert_true(json_is_object(json_object_get(o, app_kind_word(kind))));
		if (kind == app_kind_HTTP) {
			o = at(o, "http.fields");
			assert_int_equal(json_array_size(o), 2);
			assert_string_equal(json_string_value(json_array_get(o, 0)), "A: 1");
			assert_string_equal(json_string_value(json_array_get(o, 1)), "B: ?");
		}
		json_decref(doc);
	}
}

static void write_file(const char *text)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void file_is(const char *path, const char *want)
{
	char buf[4096] = "";
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	buf[fread(buf, 1, sizeof(buf) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(buf, want);
}

static struct sink sink(const char *header)
{
	return (struct sink){.path = file,
		.header = header,
		.begins = header ? header : "{\"schema\":",
		.fd = -1,
		.keep = 2};
}

static void half_a_line_goes(void **state)
{
	static const struct {
		const char *was, *is;
		uint64_t cut;
	} of[] = {{"", "", 0}, {"{\"schema\":1}\n", "{\"schema\":1}\n", 0},
		{"{\"schema\":1}\n{\"sch", "{\"schema\":1}\n", 5}, {"{\"schema\":1}", "", 12},
		{"{\"s", "", 3}};
	char text[300];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		struct sink s = sink(NULL);
		uint64_t cut;

		write_file(of[i].was);
		assert_int_equal(sink_open(&s, &cut), 0);
		assert_int_equal(cut, of[i].cut);
		assert_int_equal(sink_put(&s, "{\"schema\":2}\n"), 0);
		sink_close(&s);
		snprintf(text, sizeof(text), "%s{\"schema\":2}\n", of[i].is);
		file_is(file, text);
	}
}

static void half_a_line_may_be_long(void **state)
{
	struct sink s = sink(NULL);
	uint64_t cut;
	FILE *f = fopen(file, "w");

	(void)state;
	fputs("{\"schema\":1}\n{\"schema\":", f);
	for (int i = 0; i < 300000; i++)
		putc('x', f);
	fclose(f);
	assert_int_equal(sink_open(&s, &cut), 0);
	assert_int_equal(cut, 300010);
	sink_close(&s);
	file_is(file, "{\"schema\":1}\n");
}

static void what_is_not_ours_stays(void **state)
{
	static const char *const of[] = {"precious", "{\"other\":1}\n", "a,b\n1,2\n", "\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		struct sink s = sink(NULL);
		uint64_t cut;

		write_file(of[i]);
		assert_int_equal(sink_open(&s, &cut), -EEXIST);
		assert_int_equal(s.fd, -1);
		file_is(file, of[i]);
	}
}

static void a_file_has_its_header_once(void **state)
{
	struct sink s = sink("a,b\n");
	uint64_t cut;

	(void)state;
	assert_int_equal(sink_open(&s, &cut), 0);
	assert_int_equal(sink_put(&s, "1,2\n"), 0);
	sink_close(&s);
	assert_int_equal(sink_open(&s, &cut), 0);
	assert_int_equal(sink_put(&s, "3,4\n"), 0);
	sink_close(&s);
	file_is(file, "a,b\n1,2\n3,4\n");
	s = sink("a,b,c\n"); /* of another build */
	assert_int_equal(sink_open(&s, &cut), -EEXIST);
}

/* Nothing of a record that finds no room: a header alone neither. */
static void a_record_is_whole_or_not_there(void **state)
{
	struct sink s = sink("a,b\n");
	struct rlimit was, small;
	char new[80];
	uint64_t cut;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(sink_open(&s, &cut), 0);
	small = (struct rlimit){.rlim_cur = 6, .rlim_max = was.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(sink_put(&s, "1,2\n"), -EFBIG);
	file_is(file, "");
	small.rlim_cur = 10;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(sink_put(&s, "1,2\n"), 0);
	assert_int_equal(sink_put(&s, "3,4\n"), -EFBIG);
	file_is(file, "a,b\n1,2\n");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	assert_int_equal(sink_put(&s, "5,6\n"), 0);
	file_is(file, "a,b\n1,2\n5,6\n");
	sink_close(&s);
	s.replace = true;
	small.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(sink_put(&s, "1234"), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
	file_is(file, "a,b\n1,2\n5,6\n");
	snprintf(new, sizeof(new), "%s.new", file);
	assert_int_equal(access(new, F_OK), -1);
}

static void files_are_rotated(void **state)
{
	struct sink s = sink("a,b\n");
	char row[16], path[80];
	struct stat st;
	uint64_t cut;

	(void)state;
	s.rotate_bytes = 12; /* the header and two rows */
	assert_int_equal(sink_open(&s, &cut), 0);
	for (int i = 0; i < 9; i++) {
		snprintf(row, sizeof(row), "%d,0\n", i);
		assert_int_equal(sink_put(&s, row), 0);
	}
	sink_close(&s);
	file_is(file, "a,b\n8,0\n");
	snprintf(path, sizeof(path), "%s.1", file);
	file_is(path, "a,b\n6,0\n7,0\n");
	snprintf(path, sizeof(path), "%s.2", file);
	file_is(path, "a,b\n4,0\n5,0\n");
	snprintf(path, sizeof(path), "%s.3", file);
	assert_int_equal(stat(path, &st), -1);
}

static void the_newest_replaces_the_one_before(void **state)
{
	struct sink s = sink(NULL);
	char path[80];
	struct stat st;
	uint64_t cut;

	(void)state;
	s.replace = true;
	write_file("whatever");
	assert_int_equal(sink_open(&s, &cut), 0);
	file_is(file, "whatever");
	assert_int_equal(sink_put(&s, "1"), 0);
	assert_int_equal(sink_put(&s, "2"), 0);
	file_is(file, "2");
	snprintf(path, sizeof(path), "%s.new", file);
	assert_int_equal(stat(path, &st), -1);
}

/* It once took /dev/full for a file. */
static void what_is_no_file_stays_what_it_is(void **state)
{
	struct sink s = sink(NULL);
	char other[80];
	struct stat st;

	(void)state;
	s.replace = true;
	s.path = "/dev/null";
	assert_int_equal(sink_put(&s, "1"), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	s.path = file;
	snprintf(other, sizeof(other), "%s/other", dir);
	assert_int_equal(symlink(other, file), 0);
	assert_int_equal(sink_put(&s, "long"), 0);
	assert_int_equal(sink_put(&s, "2"), 0);
	assert_int_equal(lstat(file, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	file_is(other, "2");
}

static void options(void **state)
{
	static const struct {
		int option;
		const char *text;
		bool ok;
	} of[] = {{RECORD_INTERVAL, "1", true}, {RECORD_INTERVAL, "0.01", true},
		{RECORD_INTERVAL, "86400", true}, {RECORD_INTERVAL, ".5", true},
		{RECORD_INTERVAL, "0", false}, {RECORD_INTERVAL, "0.001", false},
		{RECORD_INTERVAL, "-1", false}, {RECORD_INTERVAL, "1e3", false},
		{RECORD_INTERVAL, "nan", false}, {RECORD_INTERVAL, "1s", false},
		{RECORD_INTERVAL, "", false}, {RECORD_INTERVAL, "86401", false},
		{RECORD_INTERVAL, "0x10", false}, {RECORD_INTERVAL, " 1", false},
		{RECORD_COUNT, "1", true}, {RECORD_COUNT, "0", false}, {RECORD_COUNT, "-1", false},
		{RECORD_COUNT, "1x", false}, {RECORD_ROTATE_SIZE, "1", true},
		{RECORD_ROTATE_SIZE, "5M", true}, {RECORD_ROTATE_SIZE, "1024G", true},
		{RECORD_ROTATE_SIZE, "1025G", false}, {RECORD_ROTATE_SIZE, "0", false},
		{RECORD_ROTATE_SIZE, "1T", false}, {RECORD_ROTATE_SIZE, "1MB", false},
		{RECORD_ROTATE_SIZE, "M", false},
		{RECORD_ROTATE_SIZE, "18446744073709551617", false},
		{RECORD_ROTATE_KEEP, "0", true}, {RECORD_ROTATE_KEEP, "999", true},
		{RECORD_ROTATE_KEEP, "1000", false}, {RECORD_ROTATE_KEEP, "", false},
		{RECORD_DOCUMENT, "tests", true}, {RECORD_DOCUMENT, "test", false},
		{RECORD_DOCUMENT, "", false}, {RECORD_FORMAT, "csv", true},
		{RECORD_FORMAT, "CSV", false}, {RECORD_OUTPUT, "x", true},
		{RECORD_OUTPUT, "", false}};
	struct record_opts o;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(of); i++) {
		record_opts_init(&o);
		why[0] = '\0';
		if ((record_option(&o, of[i].option, of[i].text, why) == 0) != of[i].ok)
			fail_msg("%x '%s': %s", of[i].option, of[i].text, why);
		assert_int_equal(why[0] == '\0', of[i].ok);
	}
	record_option(&o, RECORD_ROTATE_SIZE, "3M", why);
	assert_int_equal(o.rotate_bytes, 3 << 20);
	record_option(&o, RECORD_INTERVAL, "0.25", why);
	assert_int_equal(o.interval_ns, 250000000);
	assert_int_equal(record_option(&o, 'x', NULL, why), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(numbers_are_exact, up, down),
		cmocka_unit_test_setup_teardown(every_column_is_a_way_in_the_json, up, down),
		cmocka_unit_test_setup_teardown(texts_are_quoted, up, down),
		cmocka_unit_test_setup_teardown(a_gap_is_a_row, up, down),
		cmocka_unit_test_setup_teardown(verdicts_and_progress, up, down),
		cmocka_unit_test_setup_teardown(applications_tell_what_they_were_told, up, down),
		cmocka_unit_test_setup_teardown(half_a_line_goes, up, down),
		cmocka_unit_test_setup_teardown(half_a_line_may_be_long, up, down),
		cmocka_unit_test_setup_teardown(what_is_not_ours_stays, up, down),
		cmocka_unit_test_setup_teardown(a_file_has_its_header_once, up, down),
		cmocka_unit_test_setup_teardown(a_record_is_whole_or_not_there, up, down),
		cmocka_unit_test_setup_teardown(files_are_rotated, up, down),
		cmocka_unit_test_setup_teardown(the_newest_replaces_the_one_before, up, down),
		cmocka_unit_test_setup_teardown(what_is_no_file_stays_what_it_is, up, down),
		cmocka_unit_test_setup_teardown(options, up, down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
