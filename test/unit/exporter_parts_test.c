/* What the exporter's documents are made with: the format that is asked for, steps of latencies, numbers
 * as text, and what the process takes. */
#include "stats-exporter/out.h"
#include "stats-exporter/process.h"
#include "stats-exporter/prometheus.h"
#include "test/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* What stands beside a step is what is not above it, to the ns, on whichever worker it was. */
static void steps_of_a_histogram_are_exact(void **state)
{
	static struct histogram h;
	static struct coarse c;
	uint64_t upto[LATENCY_STEPS], n = 0;

	(void)state;
	for (uint32_t i = 0; i < LATENCY_STEPS; i++) {
		uint64_t ns = latency_step_ns(i);

		assert_true(i == 0 || ns > latency_step_ns(i - 1));
		hist_record(&h, ns);
		hist_record(&h, ns + 1);
	}
	hist_record(&h, 0);
	hist_record(&h, UINT64_MAX);
	coarse_of(&c, &h);
	assert_int_equal(latency_steps(&c, upto), 2 * LATENCY_STEPS + 2);
	for (uint32_t i = 0; i < LATENCY_STEPS; i++) {
		n = 2 * i + 2; /* 0, both of the steps below, and its own */
		assert_int_equal(upto[i], n);
	}
}

/* By the formula of the schema: as a reader of documents knows it. */
static uint64_t begins(uint64_t k)
{
	uint64_t s = k >> COARSE_SUB_BITS != 0 ? (k >> COARSE_SUB_BITS) - 1 : 0;

	return (k - (s << COARSE_SUB_BITS)) << s;
}

/* Each time is counted between its bucket's beginning and the next one's. */
static void a_coarse_histogram_has_all(void **state)
{
	static struct histogram h;
	static struct coarse c;

	(void)state;
	coarse_of(&c, &h);
	assert_int_equal(c.first, 0);
	assert_int_equal(c.end, 0);
	for (uint32_t bit = 0; bit < 37; bit++) {
		for (int off = -1; off <= 1; off++) {
			uint64_t ns = (UINT64_C(1) << bit) + (UINT64_C(1) << bit) / 3
				+ (uint64_t)off;

			memset(&h, 0, sizeof(h));
			hist_record_all(&h, ns, 3);
			coarse_of(&c, &h);
			assert_int_equal(c.end, c.first + 1);
			assert_int_equal(c.n[c.first], 3);
			assert_true(begins(c.first) <= ns && ns < begins(c.end));
		}
	}
	hist_record(&h, 0);
	hist_record(&h, UINT64_MAX);
	coarse_of(&c, &h);
	assert_int_equal(c.first, 0);
	assert_int_equal(c.end, COARSE_BUCKETS);
	assert_int_equal(begins(COARSE_BUCKETS), UINT64_C(1) << HIST_TOP_BITS);
	assert_int_equal(c.n[0] + c.n[COARSE_BUCKETS - 1], 2);
}

static void the_format_that_is_asked_for(void **state)
{
#define OPEN "application/openmetrics-text"
	static const struct {
		const char *accept;
		enum prom_format format;
	} asked[] = {{NULL, PROM_TEXT}, {"", PROM_TEXT}, {"*/*", PROM_TEXT},
		{OPEN, PROM_OPENMETRICS}, {"text/plain", PROM_TEXT}, {"text/*", PROM_TEXT},
		{"application/*", PROM_OPENMETRICS}, {"text/html", PROM_TEXT},
		/* Prometheus 2.42 and 2.5 */
		{OPEN ";version=1.0.0," OPEN ";version=0.0.1;q=0.75,text/plain;version=0.0.4;"
		      "q=0.5,*/*;q=0.1",
			PROM_OPENMETRICS},
		{OPEN "; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", PROM_TEXT},
		{"text/plain;q=0.5, " OPEN ";q=0.4", PROM_TEXT},
		{"text/plain;q=0.5, " OPEN ";q=0.501", PROM_OPENMETRICS},
		{"text/plain, " OPEN, PROM_TEXT}, {OPEN ", */*", PROM_OPENMETRICS},
		{OPEN ";q=0, */*", PROM_TEXT}, {OPEN ";q=0, */*;q=0", PROM_TEXT},
		{"text/plain;q=0, */*;q=0.2", PROM_OPENMETRICS},
		{" APPLICATION/OpenMetrics-Text ; Version = \"1.0.0\" ; Q = 1.000 ",
			PROM_OPENMETRICS},
		{OPEN ";q=2, text/plain;q=0.1", PROM_TEXT},
		{OPEN ";q=x, text/plain;q=0.1", PROM_TEXT},
		{OPEN ";q=, text/plain;q=0.1", PROM_TEXT},
		{OPEN ";x=\",text/plain\";q=0.9,text/plain;q=0.1", PROM_OPENMETRICS},
		{";;;,,,=;\",;\"", PROM_TEXT}, {"\"" OPEN, PROM_TEXT}, {OPEN "x", PROM_TEXT},
		{OPEN ";", PROM_OPENMETRICS}, {"," OPEN ",", PROM_OPENMETRICS}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(asked); i++) {
		if (prometheus_accept(asked[i].accept) != asked[i].format)
			fail_msg("'%s'", asked[i].accept ? asked[i].accept : "nothing");
	}
	assert_string_equal(
		prometheus_type(PROM_OPENMETRICS), OPEN "; version=1.0.0; charset=utf-8");
	assert_string_equal(prometheus_type(PROM_TEXT), "text/plain; version=0.0.4; charset=utf-8");
}

/* As printf() has them. */
static void numbers_are_written_as_they_are(void **state)
{
	char have[64], want[64];

	(void)state;
	for (uint64_t v = 1, i = 0; i < 64; i++, v <<= 1) {
		const uint64_t near[] = {v - 1, v, v + 1, v * 3 / 2, -v};

		for (size_t k = 0; k < ARRAY_SIZE(near); k++) {
			*out_put_u64(have, near[k]) = '\0';
			snprintf(want, sizeof(want), "%" PRIu64, near[k]);
			assert_string_equal(have, want);
			*out_put_i64(have, (int64_t)near[k]) = '\0';
			snprintf(want, sizeof(want), "%" PRId64, (int64_t)near[k]);
			assert_string_equal(have, want);
			*out_put_seconds(have, near[k], (uint32_t)(near[k] % 1000000000)) = '\0';
			snprintf(want, sizeof(want), "%" PRIu64 ".%09" PRIu64, near[k],
				near[k] % 1000000000);
			assert_string_equal(have, want);
		}
	}
	for (uint64_t v = 1, i = 0; i < 20; i++, v *= 10) {
		*out_put_u64(have, v) = '\0';
		assert_int_equal(strlen(have), i + 1);
		*out_put_u64(have, v - 1) = '\0';
		assert_int_equal(strtoull(have, NULL, 10), v - 1);
	}
}

static void a_text_grows(void **state)
{
	struct out o;
	char *text;
	size_t len;

	(void)state;
	out_init(&o, 0);
	for (uint32_t i = 0; i < 5000; i++)
		out_printf(&o, "%u,", i % 10);
	out_u64(&o, 1234567);
	text = out_end(&o, &len);
	assert_int_equal(len, 10007);
	assert_int_equal(strlen(text), len);
	assert_string_equal(text + 9998, "9,1234567");
	free(text);
	out_init(&o, 10);
	out_free(&o); /* as without memory: nothing is written, and that is told at the end */
	out_text(&o, "x");
	out_printf(&o, "%d", 1);
	out_u64(&o, 10);
	assert_null(out_end(&o, &len));
}

static void what_the_exporter_takes(void **state)
{
	struct process a, b;
	struct timespec now;
	int fd;

	(void)state;
	assert_true(process_look(&a));
	clock_gettime(CLOCK_REALTIME, &now);
	assert_true(a.start_s > (double)now.tv_sec - 600 && a.start_s < (double)now.tv_sec + 1);
	assert_true(a.resident_bytes > 100000 && a.resident_bytes < a.virtual_bytes);
	fd = dup(STDERR_FILENO);
	assert_true(process_look(&b));
	close(fd);
	assert_int_equal(b.open_files, a.open_files + 1);
	assert_true(b.cpu_s >= a.cpu_s && b.start_s == a.start_s);
	assert_true(b.most_files > b.open_files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_of_a_histogram_are_exact),
		cmocka_unit_test(a_coarse_histogram_has_all),
		cmocka_unit_test(the_format_that_is_asked_for),
		cmocka_unit_test(numbers_are_written_as_they_are),
		cmocka_unit_test(a_text_grows),
		cmocka_unit_test(what_the_exporter_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
