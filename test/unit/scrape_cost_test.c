/* What a whole scrape of a large engine costs the exporter: 64 ports, 16 workers, 256 test cases,
 * every counter a large number, every test case with latencies, as many as may with response times. Time is the CPU's, so that a loaded
 * machine changes little; the best of some runs counts. Prints its figures. */
#include "common/util/clock.h"
#include "stats-exporter/exporter.h"
#include "stats-exporter/json.h"
#include "stats-exporter/prometheus.h"
#include "test/unit/unit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#define PORTS 64
#define WORKERS 16
#define TCS 256
#define APPS 16 /* of each of the 16 IMIX groups */
#define RUNS 7
#define SAMPLES 2000 /* latencies of a worker and test case */

/* Of CPU time, for a scrape; and kilobytes more, for its sample and its document. Builds for finding
 * other things are slower and keep what is freed. */
#ifdef NDEBUG
#define MOST_MS 50.0
#define MOST_KB (48 << 10)
#define MOST_LEAK_KB 4096
#else
#define MOST_MS 5000.0
#define MOST_KB (4 << 20)
#define MOST_LEAK_KB MOST_KB
#endif

/* What so many numbers take on the machine of doc/performance.md: on one that is slower, or has less of
 * its host just now, more is let pass in proportion. */
#define YARDSTICK_MS 5.5
#define YARDSTICK_NUMBERS 100000

static struct seg *seg;
static uint64_t rng = 1;

static uint64_t random_u64(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

/* Numbers of 5 to 15 digits: as after hours. */
static void fill(void *block, size_t size)
{
	for (size_t i = 0; i < size / sizeof(uint64_t); i++)
		((uint64_t *)block)[i] = random_u64() >> (14 + random_u64() % 32);
}

static void latency_fill(uint32_t w, uint32_t port, uint32_t tcid)
{
	struct stats_latency *st = &seg_stats_tc(seg, w, port, tcid)->latency;
	struct latency_block *b = seg_latency(seg, w, port, tcid);

	*st = (struct stats_latency){.samples = SAMPLES};
	b->n = SAMPLES;
	b->min_ns = UINT64_MAX;
	for (uint32_t i = 0; i < SAMPLES; i++) { /* 256 ns to 1 ms, as many in each octave */
		uint32_t octave = 8 + (uint32_t)(random_u64() % 12);
		uint64_t v = (UINT64_C(1) << octave) + random_u64() % (UINT64_C(1) << octave);

		hist_record(&b->hist, v);
		b->recent[i % LATENCY_RING] = v;
		b->min_ns = MIN_OF(b->min_ns, v);
		st->max_ns = MAX_OF(st->max_ns, v);
		st->sum_ns += v;
	}
}

static void response_times_fill(uint32_t w, uint32_t port, uint32_t tcid, uint32_t slot)
{
	struct stats_times *st = &seg_stats_tc(seg, w, port, tcid)->times;
	const struct latency_block *l = seg_latency(seg, w, port, tcid);
	struct times_block *b = seg_times(seg, w, slot);

	for (uint32_t i = 0; i < TIMES_BYTES; i++) {
		b->min_ns[i] = l->min_ns;
		b->hist[i] = l->hist;
	}
	st->first_max_ns = st->last_max_ns = seg_stats_tc(seg, w, port, tcid)->latency.max_ns;
}

static void test_case_fill(uint32_t i)
{
	uint32_t port = i % PORTS, tcid = i / PORTS * 5;
	struct seg_tc *t = seg_tc(seg, port, tcid);

	tc_config_init(&t->cfg, i % 2 ? tc_kind_SERVER : tc_kind_CLIENT, l4proto_TCP);
	t->state = tc_state_RUNNING;
	t->has_latency = 1;
	t->cfg.latency.samples = 100;
	if (i < TIMES_MAX)
		t->cfg.times = (struct times_config){.from = times_from_SYN, .slot = i + 1};
	t->cfg.imix = i < IMIX_GROUPS_MAX ? i + 1 : 0;
	for (uint32_t lc = 0; lc < WORKERS; lc++) {
		fill(seg_stats_tc(seg, lc, port, tcid), sizeof(struct stats_tc_block));
		latency_fill(lc, port, tcid);
		if (i < TIMES_MAX)
			response_times_fill(lc, port, tcid, i);
	}
}

static void imix_fill(void)
{
	struct seg_imix *m = seg_imix(seg);

	for (uint32_t g = 0; g < IMIX_GROUPS_MAX; g++) {
		m->groups[g].n = APPS;
		for (uint32_t a = 0; a < APPS; a++) {
			m->groups[g].app[a] = (uint8_t)a;
			for (uint32_t lc = 0; lc < WORKERS; lc++)
				fill(seg_stats_imix(seg, lc, g, a),
					sizeof(struct stats_imix_block));
		}
	}
}

static int segment_up(void **state)
{
	uint64_t size = seg_size(PORTS, WORKERS);

	(void)state;
	seg = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (seg == MAP_FAILED)
		return -1;
	madvise(seg, size, MADV_HUGEPAGE); /* as the engine's */
	seg_init(seg, PORTS, WORKERS);
	seg->hdr.tsc_hz = 2600000000;
	seg->hdr.state = engine_state_READY;
	for (uint32_t w = 0; w < WORKERS; w++)
		seg_worker(seg, w)->lcore_id = w + 1;
	for (uint32_t p = 0; p < PORTS; p++) {
		snprintf(seg_port(seg, p)->name, sizeof(seg_port(seg, p)->name), "net_ring%u", p);
		fill(&seg_port(seg, p)->device, sizeof(struct stats_device));
	}
	for (uint32_t lc = 0; lc < WORKERS; lc++) {
		fill(seg_stats_lcore(seg, lc), sizeof(struct stats_lcore_block));
		for (uint32_t p = 0; p < PORTS; p++)
			fill(seg_stats_port(seg, lc, p), sizeof(struct stats_port_block));
	}
	for (uint32_t i = 0; i < TCS; i++)
		test_case_fill(i);
	imix_fill();
	return 0;
}

static int segment_down(void **state)
{
	(void)state;
	return munmap(seg, seg_size(PORTS, WORKERS));
}

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int64_t peak_kb(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static char *prometheus_make(const struct sample *s, size_t *len)
{
	return prometheus_of(s, true, PROM_TEXT, 0, len);
}

static char *open_make(const struct sample *s, size_t *len)
{
	return prometheus_of(s, true, PROM_OPENMETRICS, 0, len);
}

static char *json_make(const struct sample *s, size_t *len)
{
	return json_stats_text(s, 1, len);
}

static char *ports_make(const struct sample *s, size_t *len)
{
	return json_ports_text(s, 1, UINT32_MAX, len);
}

static char *tests_make(const struct sample *s, size_t *len)
{
	return json_tests_text(s, 1, UINT32_MAX, UINT32_MAX, len);
}

static char *live_make(const struct sample *s, size_t *len)
{
	return json_live_text(s, 1, NULL, len);
}

/* How many times as slow the machine is now: by what the C library takes to write numbers, which
 * nothing of ours changes. */
static double slowness(void)
{
	static char out[YARDSTICK_NUMBERS * 16 + 32];
	double from = cpu_ms();
	uint64_t x = 1;

	for (size_t at = 0, n = 0; n < YARDSTICK_NUMBERS; n++) {
		at += (size_t)snprintf(out + at, 32, "%" PRIu64, x >> 24);
		x = x * UINT64_C(6364136223846793005) + 1;
	}
	return MAX_OF((cpu_ms() - from) / YARDSTICK_MS, 1.0);
}

/* Both in ms. */
struct took {
	double all, sample;
};

/* From the segment to the document, as a request does. */
static struct took once(char *(*make)(const struct sample *s, size_t *len), size_t *len)
{
	double from = cpu_ms(), sampled;
	char why[WHY_MAX];
	struct sample *s = sample_of(seg, why);
	char *text;

	assert_non_null(s);
	sampled = cpu_ms() - from;
	text = make(s, len);
	assert_non_null(text);
	free(text);
	sample_free(s);
	return (struct took){.all = cpu_ms() - from, .sample = sampled};
}

static void cost(const char *name, char *(*make)(const struct sample *s, size_t *len))
{
	struct took best = {1e9, 1e9};
	int64_t before = peak_kb(), first = 0;
	double fair = 1e9;
	size_t len = 0;

	for (int i = 0; i < RUNS; i++) {
		double slow = slowness();
		struct took t = once(make, &len);

		slow = (slow + slowness()) / 2;
		best = (struct took){MIN_OF(best.all, t.all), MIN_OF(best.sample, t.sample)};
		fair = MIN_OF(fair, t.all / slow);
		if (i == 0)
			first = peak_kb();
	}
	print_message("%s: %.1f ms of CPU, %.1f of them for the sample, %.1f by the yardstick; "
		      "%zu bytes; %" PRId64 " KB more\n",
		name, best.all, best.sample, fair, len, first - before);
	if (fair > MOST_MS)
		fail_msg("%s took %.1f ms, more than %.0f", name, fair, MOST_MS);
	if (first - before > MOST_KB)
		fail_msg("%s took %" PRId64 " KB", name, first - before);
	if (peak_kb() - first > MOST_LEAK_KB)
		fail_msg("%s took %" PRId64 " KB more with each time", name,
			(peak_kb() - first) / (RUNS - 1));
}

static void prometheus_is_cheap(void **state)
{
	(void)state;
	cost("text 0.0.4", prometheus_make);
}

static void openmetrics_is_cheap(void **state)
{
	(void)state;
	cost("OpenMetrics", open_make);
}

static void json_is_cheap(void **state)
{
	(void)state;
	cost("JSON of stats", json_make);
	cost("JSON of ports", ports_make);
	cost("JSON of tests", tests_make);
	cost("a state of /events", live_make);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prometheus_is_cheap),
		cmocka_unit_test(openmetrics_is_cheap),
		cmocka_unit_test(json_is_cheap),
	};

	return cmocka_run_group_tests(tests, segment_up, segment_down);
}
