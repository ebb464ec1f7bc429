/* From a segment to JSON and Prometheus text, without an engine: numbers at their limits, texts
 * that are none, records that come, go, and are being changed. */
#include "stats-exporter/exporter.h"
#include "stats-exporter/json.h"
#include "stats-exporter/prometheus.h"
#include "test/unit/unit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORTS 2
#define WORKERS 2

static struct seg *seg;
static char why[WHY_MAX];

static int segment_up(void **state)
{
	(void)state;
	seg = aligned_alloc(4096, seg_size(PORTS, WORKERS));
	if (seg == NULL)
		return -1;
	seg_init(seg, PORTS, WORKERS);
	seg->hdr.state = engine_state_READY;
	seg->hdr.tsc_hz = 2000000000;
	snprintf(seg->hdr.version, sizeof(seg->hdr.version), "9.9");
	snprintf(seg->hdr.prefix, sizeof(seg->hdr.prefix), "unit");
	for (uint32_t i = 0; i < WORKERS; i++)
		seg_worker(seg, i)->lcore_id = 10 + i;
	for (uint32_t i = 0; i < PORTS; i++) {
		snprintf(seg_port(seg, i)->name, sizeof(seg_port(seg, i)->name), "p%u", i);
		snprintf(seg_port(seg, i)->driver, sizeof(seg_port(seg, i)->driver), "net_x");
	}
	return 0;
}

static int segment_down(void **state)
{
	(void)state;
	free(seg);
	return 0;
}

static struct sample *sample(void)
{
	struct sample *s = sample_of(seg, why);

	assert_non_null(s);
	return s;
}

static json_t *json(void)
{
	struct sample *s = sample();
	json_t *o = json_stats(s, 5), *back;
	char *text = json_dumps(o, 0);

	assert_non_null(text);
	back = json_loads(text, 0, NULL);
	assert_non_null(back);
	free(text);
	json_decref(o);
	sample_free(s);
	return back;
}

static char *metrics(enum prom_format format)
{
	struct sample *s = sample();
	size_t len;
	char *text = prometheus_of(s, true, format, 0, &len);

	assert_non_null(text);
	assert_int_equal(strlen(text), len);
	sample_free(s);
	return text;
}

static char *prometheus(void)
{
	return metrics(PROM_TEXT);
}

/* The value behind the keys a, b, ... in o; of the first element where o is an array. */
static json_t *at(json_t *o, const char *path)
{
	char copy[128], *rest = copy, *word;

	snprintf(copy, sizeof(copy), "%s", path);
	while ((word = strsep(&rest, ".")) != NULL) {
		if (json_is_array(o))
			o = json_array_get(o, strtoul(word, NULL, 10));
		else
			o = json_object_get(o, word);
	}
	if (o == NULL)
		fail_msg("%s is not there", path);
	return o;
}

static void has(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("'%s' is not in\n%s", line, text);
}

static void has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' is in\n%s", part, text);
}

static void test_case_add(uint32_t port, uint32_t tcid)
{
	struct seg_tc *t = seg_tc(seg, port, tcid);

	seg_write_begin(&t->seq);
	tc_config_init(&t->cfg, tc_kind_CLIENT, l4proto_TCP);
	t->state = tc_state_RUNNING;
	seg_write_end(&t->seq);
}

static void numbers_at_their_limits(void **state)
{
	json_t *o;
	char *text;

	(void)state;
	seg_stats_port(seg, 0, 0)->port.rx_pkts = (UINT64_C(1) << 53) + 1;
	seg_stats_port(seg, 1, 0)->port.rx_pkts = 2;
	seg_stats_port(seg, 0, 0)->port.rx_bytes = UINT64_MAX;
	seg_stats_port(seg, 0, 1)->tsm.in_estab = 5; /* one lcore adds, the other takes away */
	seg_stats_port(seg, 1, 1)->tsm.in_estab = (uint64_t)-3;
	seg_stats_lcore(seg, 0)->lcore.busy_cycles = 5000000000;
	seg_port(seg, 0)->mtu = UINT32_MAX;
	seg_port(seg, 0)->speed_mbps = UINT32_MAX;
	seg_port(seg, 1)->speed_mbps = 4000000000u;
	seg->hdr.engine_pid = 3000000000u;
	test_case_add(0, 3);
	seg_tc(seg, 0, 3)->cfg.criterion_count = 4294967295u;
	seg_port(seg, 1)->device.rx_missed = 7;
	seg_stats_tc(seg, 0, 0, 3)->tc.last_estab_us = 1500000;
	o = json();
	assert_int_equal(
		json_integer_value(at(o, "ports.0.stats.port.rx_pkts")), (INT64_C(1) << 53) + 3);
	assert_int_equal(json_integer_value(at(o, "ports.0.stats.port.rx_bytes")), INT64_MAX);
	assert_int_equal(json_integer_value(at(o, "ports.1.stats.tsm.in_estab")), 2);
	assert_int_equal(json_integer_value(at(o, "ports.1.lcores.1.stats.tsm.in_estab")), -3);
	assert_int_equal(json_integer_value(at(o, "ports.0.mtu")), UINT32_MAX);
	assert_int_equal(json_integer_value(at(o, "ports.1.device.rx_missed")), 7);
	assert_true(json_is_null(at(o, "ports.0.speed_mbps")));
	assert_int_equal(json_integer_value(at(o, "ports.1.speed_mbps")), 4000000000u);
	assert_int_equal(json_integer_value(at(o, "engine.pid")), 3000000000u);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.target")), 4294967295u);
	assert_int_equal(json_integer_value(at(o, "seq")), 5);
	json_decref(o);
	text = prometheus();
	has(text, "\nwarp17_port_rx_packets_total{port=\"0\",lcore=\"10\"} 9007199254740993\n");
	has(text, "\nwarp17_port_rx_bytes_total{port=\"0\",lcore=\"10\"} 18446744073709551615\n");
	has(text, "\nwarp17_device_rx_missed_total{port=\"1\"} 7\n");
	has(text, "\nwarp17_tsm_in_estab{port=\"1\",lcore=\"11\"} -3\n");
	has(text, "\nwarp17_lcore_busy_seconds_total{lcore=\"10\"} 2.500000000\n");
	has(text, "\nwarp17_tc_last_estab_seconds{port=\"0\",test_case=\"3\"} 1.500000000\n");
	free(text);
}

static void loads_are_of_the_last_second(void **state)
{
	json_t *o;
	char *text;

	(void)state;
	seg_worker(seg, 1)->load = (struct seg_load){.cycles = 4000000000, /* 2 s */
		.busy_cycles = 3000000000,
		.busy_turns = 5,
		.poll_cycles = 200000000,
		.rx_pkts = 10,
		.tx_pkts = 4};
	seg_stats_lcore(seg, 1)->lcore.all_cycles = 9000000000;
	seg_stats_lcore(seg, 1)->lcore.longest_now = 2000000;
	o = json();
	assert_true(json_is_null(at(o, "lcores.0.load"))); /* it did not turn */
	assert_true(json_real_value(at(o, "lcores.1.load.percent")) == 50);
	assert_true(json_real_value(at(o, "lcores.1.load.packets_per_turn")) == 2);
	assert_true(json_real_value(at(o, "lcores.1.load.rx_packets_per_second")) == 5);
	assert_true(json_real_value(at(o, "lcores.1.load.tx_packets_per_second")) == 2);
	assert_true(json_real_value(at(o, "lcores.1.load.cycles_per_packet")) == 300000000);
	assert_true(json_is_null(at(o, "lcores.2.load"))); /* management */
	json_decref(o);
	text = prometheus();
	has(text, "\nwarp17_lcore_all_seconds_total{lcore=\"11\"} 4.500000000\n");
	has(text, "\nwarp17_lcore_longest_now_seconds{lcore=\"11\"} 0.001000000\n");
	has(text, "\nwarp17_lcore_load_ratio{lcore=\"11\"} 0.500000\n");
	has_not(text, "load_ratio{lcore=\"10\"");
	free(text);
	seg_write_begin(&seg_worker(seg, 0)->seq);
	assert_null(sample_of(seg, why));
	has(why, "worker");
}

/* jansson refuses what is not UTF-8, and so whole objects vanished. */
static void texts_that_are_none(void **state)
{
	static const struct {
		const char *is, *shown;
	} texts[] = {{"eth0", "eth0"}, {"h\xc3\xa4t", "h\xc3\xa4t"}, {"\xff\xfe", "??"},
		{"a\xc3", "a?"}, {"\xc0\xaf", "??"}, {"\xed\xa0\x80", "???"},
		{"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"}, {"\xf4\x90\x80\x80", "????"},
		{"a\nb\x7f", "a?b?"}};
	struct seg_port *p = seg_port(seg, 1);
	json_t *o;
	char *text;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		memset(p->name, 0, sizeof(p->name));
		memcpy(p->name, texts[i].is, strlen(texts[i].is));
		o = json();
		assert_string_equal(json_string_value(at(o, "ports.1.name")), texts[i].shown);
		json_decref(o);
	}
	memset(p->name, 'x', sizeof(p->name)); /* and does not end */
	memset(seg->hdr.prefix, 0xe4, sizeof(seg->hdr.prefix));
	memset(seg->hdr.version, '"', sizeof(seg->hdr.version));
	snprintf(p->driver, sizeof(p->driver), "a\\\"b");
	o = json();
	assert_int_equal(json_string_length(at(o, "ports.1.name")), sizeof(p->name) - 1);
	assert_int_equal(json_string_value(at(o, "engine.prefix"))[0], '?');
	json_decref(o);
	text = prometheus();
	has(text, ",driver=\"a\\\\\\\"b\",");
	has(text, "engine_version=\"\\\"\\\"");
	free(text);
}

static void test_cases_come_and_go(void **state)
{
	struct seg_tc *t = seg_tc(seg, 1, 15);
	json_t *o;
	char *text;

	(void)state;
	text = prometheus();
	has_not(text, "test_case=");
	free(text);
	test_case_add(1, 15);
	memset(t->reason, 0xff, sizeof(t->reason));
	o = json();
	assert_int_equal(json_array_size(at(o, "test_cases")), 1);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.test_case_id")), 15);
	json_decref(o);
	text = prometheus();
	has(text, "\nwarp17_tc_opened_total{port=\"1\",test_case=\"15\"} 0\n");
	has(text, "\nwarp17_test_case_state{port=\"1\",test_case=\"15\",state=\"RUNNING\"} 1\n");
	free(text);
	t->cfg.kind = tc_kind_NONE;
	o = json();
	assert_int_equal(json_array_size(at(o, "test_cases")), 0);
	json_decref(o);
	text = prometheus();
	has_not(text, "test_case=");
	free(text);
}

/* Half a truth is none: no test case is left out, no port is empty. */
static void a_record_being_changed_is_said_to_be(void **state)
{
	(void)state;
	test_case_add(0, 0);
	test_case_add(1, 1);
	seg_write_begin(&seg_tc(seg, 1, 1)->seq);
	assert_null(sample_of(seg, why));
	has(why, "port 1");
	seg_write_end(&seg_tc(seg, 1, 1)->seq);
	sample_free(sample());
	seg_write_begin(&seg_port(seg, 0)->seq);
	assert_null(sample_of(seg, why));
	has(why, "port 0");
}

static void counts_that_make_no_sense(void **state)
{
	(void)state;
	seg->hdr.n_ports = PORTS_MAX + 1;
	assert_null(sample_of(seg, why));
	seg->hdr.n_ports = PORTS;
	seg->hdr.n_lcores = UINT32_MAX;
	assert_null(sample_of(seg, why));
}

/* Each family has its HELP and TYPE once, and before its series; no name twice. */
static void families_are_whole(void **state)
{
	char *text, *rest, *line, name[128] = "";
	int n_help = 0;

	(void)state;
	test_case_add(0, 0);
	text = rest = prometheus();
	while ((line = strsep(&rest, "\n")) != NULL && rest != NULL) {
		size_t n = strlen(name);

		if (strncmp(line, "# HELP ", 7) == 0) {
			char again[160];

			snprintf(name, sizeof(name), "%.*s", (int)strcspn(line + 7, " "), line + 7);
			snprintf(again, sizeof(again), "# HELP %s ", name);
			has_not(rest, again);
			assert_true(strlen(line) > strlen(again));
			assert_int_equal(strncmp(rest, "# TYPE ", 7), 0);
			n_help++;
		} else if (strncmp(line, "# TYPE ", 7) == 0) {
			assert_int_equal(strncmp(line + 7, name, n), 0);
		} else {
			assert_int_equal(strncmp(line, name, n), 0);
			assert_true(line[n] == '{' || line[n] == ' ');
		}
	}
	assert_true(n_help > 100);
	free(text);
}

static void no_engine_no_series(void **state)
{
	size_t len;
	char *text = prometheus_of(NULL, false, PROM_TEXT, 0, &len);

	(void)state;
	has(text, "\nwarp17_up 0\n");
	has(text, "\nwarp17_engine_attached 0\n");
	has(text, "\nwarp17_build_info{version=\"");
	has_not(text, "engine_version");
	has_not(text, "port=");
	free(text);
}

static void an_engine_that_stops_is_not_ready_but_counted(void **state)
{
	static struct exporter x = {.lock = PTHREAD_MUTEX_INITIALIZER, .attached = 1};
	struct timespec now;
	struct sample *s;
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	seg->hdr.heartbeat_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	x.client.sock = pair[0];
	x.client.seg = seg;
	assert_true(sample_lasts(&x, why));
	seg->hdr.state = engine_state_STOPPING;
	assert_false(sample_lasts(&x, why));
	has(why, "stopping");
	assert_true(sample_ready(&x, why));
	s = sample_take(&x, why);
	assert_non_null(s);
	sample_free(s);
	close(pair[1]);
	assert_false(sample_ready(&x, why));
	close(pair[0]);
}

static void where_to_listen(void **state)
{
	static const char *const good[] = {"127.0.0.1:9417", "[::]:65535", "unix:/run/x,mode=0600"};
	/* addresses: sock_at_test.c */
	static const char *const bad[] = {
		"", "127.0.0.1", "9417", "unix:", "unix:x", "unix:/", "unix:/x,mode=888"};
	struct listen_at a;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(listen_parse(&a, good[i], why), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (listen_parse(&a, bad[i], why) == 0)
			fail_msg("'%s' was taken", bad[i]);
		has(why, "ADDR:PORT");
	}
	assert_int_equal(listen_parse_port(&a, "65535", why), 0);
	assert_int_not_equal(listen_parse_port(&a, "65536", why), 0);
	assert_int_not_equal(listen_parse_port(&a, "", why), 0);
}

static void no_socket_to_be_had_is_said_to_be_that(void **state)
{
	int was_stderr = dup(STDERR_FILENO), rc;
	FILE *said = tmpfile();
	struct rlimit was, none;
	char line[WHY_MAX] = "";
	struct listen_at a;

	(void)state;
	assert_non_null(said);
	listen_parse(&a, "127.0.0.1:0", why);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = was.rlim_max};
	dup2(fileno(said), STDERR_FILENO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	rc = listen_open(&a);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	dup2(was_stderr, STDERR_FILENO);
	close(was_stderr);
	assert_int_equal(rc, -1);
	rewind(said);
	assert_non_null(fgets(line, sizeof(line), said));
	has(line, strerror(EMFILE));
	fclose(said);
}

static void latency_add(uint32_t w, uint64_t ns)
{
	struct stats_latency *st = &seg_stats_tc(seg, w, 1, 2)->latency;
	struct latency_block *b = seg_latency(seg, w, 1, 2);

	b->min_ns = b->n == 0 ? ns : MIN_OF(b->min_ns, ns);
	b->recent[b->n++ % LATENCY_RING] = ns;
	hist_record(&b->hist, ns);
	st->samples++;
	st->sum_ns += ns;
	st->max_ns = MAX_OF(st->max_ns, ns);
}

/* Test case 2 of port 1 measures response times. */
static void responses_begin(uint32_t from)
{
	seg_tc(seg, 1, 2)->cfg.times = (struct times_config){.from = from, .slot = 3};
	for (uint32_t w = 0; w < 2; w++)
		memset(seg_times(seg, w, 2)->min_ns, 0xff, sizeof(seg_times(seg, w, 2)->min_ns));
}

static void response_add(uint32_t w, uint64_t first_ns, uint64_t last_ns)
{
	struct stats_times *st = &seg_stats_tc(seg, w, 1, 2)->times;
	struct times_block *b = seg_times(seg, w, 2);

	b->min_ns[TIMES_FIRST] = MIN_OF(b->min_ns[TIMES_FIRST], first_ns);
	b->min_ns[TIMES_LAST] = MIN_OF(b->min_ns[TIMES_LAST], last_ns);
	hist_record(&b->hist[TIMES_FIRST], first_ns);
	hist_record(&b->hist[TIMES_LAST], last_ns);
	st->first_samples++;
	st->first_sum_ns += first_ns;
	st->first_max_ns = MAX_OF(st->first_max_ns, first_ns);
	st->last_samples++;
	st->last_sum_ns += last_ns;
	st->last_max_ns = MAX_OF(st->last_max_ns, last_ns);
}

static void response_times_are_two_histograms(void **state)
{
	char *text;
	json_t *o;

	(void)state;
	test_case_add(1, 2);
	test_case_add(1, 3);
	text = prometheus();
	has_not(text, "byte_seconds_bucket");
	free(text);
	responses_begin(times_from_REQUEST);
	o = json();
	assert_int_equal(
		json_integer_value(at(o, "test_cases.0.response_times.last_byte.samples")), 0);
	assert_true(json_is_null(at(o, "test_cases.0.response_times.last_byte.p50_ns")));
	json_decref(o);
	response_add(0, 1000, 2000);
	response_add(1, 3000, 70000);
	text = prometheus();
	has(text, "_first_byte_seconds_bucket{port=\"1\",test_case=\"2\",le=\"2.047e-06\"} 1\n");
	has(text, "_first_byte_seconds_sum{port=\"1\",test_case=\"2\"} 0.000004000\n");
	has(text, "_last_byte_seconds_bucket{port=\"1\",test_case=\"2\",le=\"2.047e-06\"} 1\n");
	has(text, "_last_byte_seconds_sum{port=\"1\",test_case=\"2\"} 0.000072000\n");
	has(text, "_last_byte_seconds_count{port=\"1\",test_case=\"2\"} 2\n");
	has_not(text, "test_case=\"3\",le=");
	free(text);
	o = json();
	assert_string_equal(
		json_string_value(at(o, "test_cases.0.response_times.from")), "request");
	assert_int_equal(
		json_integer_value(at(o, "test_cases.0.response_times.first_byte.min_ns")), 1000);
	assert_int_equal(
		json_integer_value(at(o, "test_cases.0.response_times.last_byte.avg_ns")), 36000);
	assert_int_equal(
		json_integer_value(at(o, "test_cases.0.response_times.last_byte.max_ns")), 70000);
	assert_true(json_is_null(at(o, "test_cases.1.response_times")));
	json_decref(o);
}

/* Two workers' latencies in one histogram; a test case that measures none has none. */
static void latencies_are_a_histogram(void **state)
{
	char *text;
	json_t *o;

	(void)state;
	test_case_add(1, 2);
	test_case_add(1, 3);
	text = prometheus();
	has_not(text, "latency_seconds_bucket");
	free(text);
	seg_tc(seg, 1, 2)->has_latency = 1;
	seg_tc(seg, 1, 2)->cfg.latency.samples = 1;
	text = prometheus();
	has(text, "latency_seconds_bucket{port=\"1\",test_case=\"2\",le=\"+Inf\"} 0\n");
	has_not(text, "percentile_seconds{");
	free(text);
	latency_add(0, 1000);
	latency_add(1, 2000);
	text = prometheus();
	has(text, "\n# TYPE warp17_test_case_latency_seconds histogram\n");
	has(text, "_seconds_bucket{port=\"1\",test_case=\"2\",le=\"7.67e-07\"} 0\n");
	has(text, "_seconds_bucket{port=\"1\",test_case=\"2\",le=\"1.023e-06\"} 1\n");
	has(text, "_seconds_bucket{port=\"1\",test_case=\"2\",le=\"1.535e-06\"} 1\n");
	has(text, "_seconds_bucket{port=\"1\",test_case=\"2\",le=\"2.047e-06\"} 2\n");
	has(text, "_seconds_bucket{port=\"1\",test_case=\"2\",le=\"17.179869183\"} 2\n");
	has(text, "_seconds_bucket{port=\"1\",test_case=\"2\",le=\"+Inf\"} 2\n");
	has(text, "warp17_test_case_latency_seconds_count{port=\"1\",test_case=\"2\"} 2\n");
	has(text, "warp17_test_case_latency_seconds_sum{port=\"1\",test_case=\"2\"} 0.000003000\n");
	has(text, "percentile_seconds{port=\"1\",test_case=\"2\",percentile=\"50\"} 0.000001");
	has(text,
		"percentile_seconds{port=\"1\",test_case=\"2\",percentile=\"99.9\"} 0.000002000\n");
	has_not(text, "test_case=\"3\",le=");
	free(text);
	o = json();
	assert_int_equal(json_integer_value(at(o, "test_cases.0.latency.min_ns")), 1000);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.latency.avg_ns")), 1500);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.latency.p99_9_ns")), 2000);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.latency.recent.samples")), 2);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.latency.histogram.sub_bits")), 4);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.latency.histogram.first")), 111);
	assert_int_equal(json_array_size(at(o, "test_cases.0.latency.histogram.counts")), 17);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.latency.histogram.counts.0")), 1);
	assert_int_equal(json_integer_value(at(o, "test_cases.0.latency.histogram.counts.16")), 1);
	assert_true(json_is_null(at(o, "test_cases.1.latency")));
	json_decref(o);
}

static void progress_and_state_of_what_runs(void **state)
{
	char *text;

	(void)state;
	test_case_add(0, 1);
	seg_tc(seg, 0, 1)->cfg.criterion_count = 100;
	seg_tc(seg, 0, 1)->achieved = 42;
	seg_tc(seg, 0, 1)->fell_behind = 1;
	seg_port(seg, 1)->speed_mbps = 40000;
	seg_port(seg, 1)->mtu = 9000;
	seg_stats_port(seg, 1, 0)->drop.tcp_seq = 3;
	text = prometheus();
	has(text, "\nwarp17_test_case_target{port=\"0\",test_case=\"1\"} 100\n");
	has(text, "\nwarp17_test_case_achieved{port=\"0\",test_case=\"1\"} 42\n");
	has(text, "\nwarp17_test_case_behind{port=\"0\",test_case=\"1\"} 1\n");
	has(text, "\nwarp17_port_speed_bytes{port=\"1\"} 5000000000\n");
	has(text, "\nwarp17_port_mtu_bytes{port=\"1\"} 9000\n");
	has_not(text, "speed_bytes{port=\"0\"");
	has(text, "\nwarp17_drop_packets_total{port=\"0\",lcore=\"11\",reason=\"tcp_seq\"} 3\n");
	has(text, "\nwarp17_engine_state{state=\"READY\"} 1\n");
	has(text, "\nwarp17_engine_state{state=\"STOPPING\"} 0\n");
	free(text);
}

/* The same series, under families without _total, with units, and an end. */
static void openmetrics_has_its_own_heads(void **state)
{
	char *text, *other;
	size_t n;

	(void)state;
	test_case_add(1, 2);
	seg_tc(seg, 1, 2)->has_latency = 1;
	text = metrics(PROM_OPENMETRICS);
	n = strlen(text);
	assert_string_equal(text + n - 7, "\n# EOF\n");
	has(text,
		"\n# TYPE warp17_port_rx_packets counter\n# UNIT warp17_port_rx_packets packets\n");
	has(text, "\nwarp17_port_rx_packets_total{port=\"0\",lcore=\"10\"} 0\n");
	has(text, "\n# TYPE warp17_build info\n");
	has(text, "\nwarp17_build_info{version=\"");
	has(text, "\n# UNIT warp17_test_case_latency_seconds seconds\n");
	has_not(text, "# TYPE warp17_device_rx_missed_total");
	has_not(text, "_created");
	other = prometheus();
	has_not(other, "# UNIT");
	has_not(other, "# EOF");
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		*strrchr(line, ' ') = '\0'; /* the value: some are of the moment */
		if (*line != '#')
			has(other, line);
	}
	free(text);
	free(other);
}

/* The tree and the text are given away. */
static void same_text(json_t *tree, char *fast, size_t len)
{
	char *text = json_dumps(tree, JSON_COMPACT);

	assert_string_equal(fast, text);
	assert_int_equal(strlen(fast), len);
	free(text);
	free(fast);
	json_decref(tree);
}

static void test_cases_of_all_kinds(void)
{
	struct seg_imix *m = seg_imix(seg);

	test_case_add(1, 1);
	test_case_add(1, 2);
	test_case_add(1, 15);
	seg_tc(seg, 1, 1)->has_latency = 1; /* and nothing measured */
	seg_tc(seg, 1, 2)->has_latency = 1;
	latency_add(0, 1000);
	latency_add(1, 5000000);
	latency_add(1, UINT64_MAX);
	responses_begin(times_from_SYN);
	response_add(0, 300, 7000000);
	seg_tc(seg, 1, 15)->cfg.imix = 3;
	m->groups[2].n = 2;
	m->groups[2].app[0] = 7;
	m->groups[2].app[1] = 0;
	seg_stats_imix(seg, 0, 2, 1)->tc.requests = UINT64_MAX;
	seg_stats_tc(seg, 1, 1, 15)->tc.estab_now = (uint64_t)-1;
}

/* What is written without a tree is what the tree's text is. */
static void the_fast_text_is_the_trees(void **state)
{
	struct sample *s;
	size_t len = 0;
	char *text;

	(void)state;
	test_cases_of_all_kinds();
	seg_stats_port(seg, 0, 0)->port.rx_bytes = UINT64_MAX;
	seg_stats_port(seg, 1, 0)->port.rx_pkts = 1234567890123;
	seg_stats_port(seg, 1, 1)->tsm.in_estab = (uint64_t)-3;
	snprintf(seg->hdr.prefix, sizeof(seg->hdr.prefix), "%s", "\"ports\":[]\"tests\":[]");
	for (uint32_t ports = 0; ports <= PORTS; ports++) {
		s = sample();
		s->n_ports = ports;
		text = json_stats_text(s, 7, &len);
		same_text(json_stats(s, 7), text, len);
		text = json_live_text(s, 9, NULL, &len);
		same_text(json_live(s, 9, NULL), text, len);
		for (uint32_t only = 0; only <= ports; only++) {
			uint32_t port = only < ports ? only : UINT32_MAX; /* all */

			text = json_ports_text(s, 8, port, &len);
			same_text(json_ports_of(s, 8, port), text, len);
			text = json_tests_text(s, 8, port, 2, &len);
			same_text(json_tests_of(s, 8, port, 2), text, len);
			text = json_tests_text(s, 8, port, UINT32_MAX, &len);
			same_text(json_tests_of(s, 8, port, UINT32_MAX), text, len);
		}
		sample_free(s);
	}
	text = json_live_text(NULL, 1, "no \"engine\"", &len);
	has(text, "\"engine\":null,\"why\":\"no \\\"engine\\\"\",\"ports\":[],\"tests\":[],");
	free(text);
}

#define with_segment(test) cmocka_unit_test_setup_teardown(test, segment_up, segment_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_segment(numbers_at_their_limits),
		with_segment(loads_are_of_the_last_second),
		with_segment(texts_that_are_none),
		with_segment(test_cases_come_and_go),
		with_segment(a_record_being_changed_is_said_to_be),
		with_segment(counts_that_make_no_sense),
		with_segment(families_are_whole),
		with_segment(latencies_are_a_histogram),
		with_segment(response_times_are_two_histograms),
		with_segment(the_fast_text_is_the_trees),
		with_segment(progress_and_state_of_what_runs),
		with_segment(openmetrics_has_its_own_heads),
		with_segment(an_engine_that_stops_is_not_ready_but_counted),
		cmocka_unit_test(no_engine_no_series),
		cmocka_unit_test(where_to_listen),
		cmocka_unit_test(no_socket_to_be_had_is_said_to_be_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
