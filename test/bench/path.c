/* The packet path alone, for profilers: one worker, both ends of each session on it, a wire and a
 * clock of the unit tests. usage: path WORK TURNS; the packets that the worker received go to
 * standard output. path WORK TURNS PAIRS, of a work with stamps: what they cost, of so many pairs of stretches, one
 * without and one with them, on the same connections, milliseconds apart: however uneven the machine is. */
#include "test/unit/stack.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void raw(uint32_t req, uint32_t resp, uint32_t requests)
{
	for (uint16_t p = 0; p < 2; p++) {
		struct app_config *a = &tc_cfgs[p][0].app;

		a->kind = app_kind_RAW;
		a->raw = (struct raw_config){.req_bytes = req, .resp_bytes = resp};
		a->requests = requests;
	}
}

static void closing(void)
{
	raw(1, 1, 1);
	for (uint16_t p = 0; p < 2; p++) {
		tc_cfgs[p][0].downtime_s = 0;
		tc_cfgs[p][0].tcp.twait_skip = 1;
	}
}

static void closing_sums(void)
{
	closing();
	ports[0].sw_csum = ports[1].sw_csum = 1;
}

static void http(void)
{
	for (uint16_t p = 0; p < 2; p++) {
		struct app_config *a = &tc_cfgs[p][0].app;

		a->kind = app_kind_HTTP;
		snprintf(a->http.host, sizeof(a->http.host), "h");
		snprintf(a->http.object, sizeof(a->http.object), "/i");
		a->http.body_bytes = p == 0 ? 0 : 20;
	}
}

/* The client's packets are stamped, the server measures. */
static void stamps(void)
{
	tc_cfgs[0][0].ipv4.tx_ts = 1;
	tc_cfgs[1][0].ipv4.rx_ts = 1;
}

/* ... and the server's, which the client does. */
static void stamps_both(void)
{
	stamps();
	tc_cfgs[1][0].ipv4.tx_ts = 1;
	tc_cfgs[0][0].ipv4.rx_ts = 1;
}

static void http_stamps(void)
{
	http();
	stamps();
}

static void http_both(void)
{
	http();
	stamps_both();
}

static void raw_small(void)
{
	raw(1, 1, 0);
}

static void raw_both(void)
{
	raw_small();
	stamps_both();
}

static void raw_64(void)
{
	raw(64, 64, 0);
}

/* Stamps in the requests, which the server measures. */
static void messages(void)
{
	raw_64();
	tc_cfgs[0][0].app.raw.tx_ts = 1;
	tc_cfgs[1][0].app.raw.rx_ts = 1;
}

static void one_way(void)
{
	raw(18, 0, 0);
}

static void bulk(void)
{
	raw(16384, 16384, 0);
}

/* The client measures response times. */
static void timed(uint32_t from)
{
	tc_cfgs[0][0].times = (struct times_config){.from = from, .slot = 1};
	stack.lc->times[0] = calloc(stack.lc->tcbs.n, sizeof(*stack.lc->times[0]));
}

static void closing_timed(void)
{
	closing();
	timed(times_from_SYN);
}

static void http_timed(void)
{
	http();
	timed(times_from_REQUEST);
}

static void raw_timed(void)
{
	raw_small();
	timed(times_from_REQUEST);
}

static const struct work {
	const char *name;
	enum l4proto proto;
	uint32_t n;
	void (*set)(void);
} works[] = {
	{"sessions", l4proto_TCP, 100, closing},
	{"sessions-times", l4proto_TCP, 100, closing_timed},
	{"http-times", l4proto_TCP, 100, http_timed},
	{"raw1-times", l4proto_TCP, 1000, raw_timed},
	{"sums", l4proto_TCP, 100, closing_sums}, /* sessions, with checksums in software */
	{"http", l4proto_TCP, 100, http},
	{"http-stamps", l4proto_TCP, 100, http_stamps},
	{"http-both", l4proto_TCP, 100, http_both},
	{"raw1", l4proto_TCP, 1000, raw_small},
	{"raw1-both", l4proto_TCP, 1000, raw_both},
	{"raw64", l4proto_TCP, 10000, raw_64},
	{"raw64-100", l4proto_TCP, 100, raw_64},
	{"messages", l4proto_TCP, 100, messages},
	{"udp", l4proto_UDP, 10000, one_way},
	{"bulk", l4proto_TCP, 100, bulk},
};

/* What a profiler is told to look at. */
static apart void path_measured(uint32_t turns)
{
	stack_run_us(turns * 50);
}

static uint64_t received(void)
{
	return stack_port(0)->port.rx_pkts + stack_port(1)->port.rx_pkts;
}

static void begun(const struct work *w)
{
	stack_begin(32768, 16384, 16384);
	stack.room =
		1024; /* as a ring pair, so that senders wait for room instead of for buffers */
	stack_tc(1, 0, w->proto, 0);
	stack_tc(0, 0, w->proto, w->n);
	w->set();
	stack_start(1, 0);
	stack_start(0, 0);
	stack_run_ms(50); /* all are open */
}

static void run(uint32_t turns)
{
	uint64_t packets = received();

	path_measured(turns);
	printf("%" PRIu64 "\n", received() - packets);
}

static void app_switch(const struct raw_config *cfg, const struct app_tc *at, bool on)
{
	struct app_tc *mine = (struct app_tc *)(uintptr_t)
		at; /* made by stack_start(), no engine's */

	mine->tx_stamp = on && cfg->tx_ts;
	mine->rx_watch = on && cfg->rx_ts ? APP_WATCH_STAMPS : 0;
}

/* As the test cases say, or not. */
static void stamps_switch(bool on)
{
	for (uint8_t p = 0; p < 2; p++) {
		struct tc_run *tc = lcore_tc(stack.lc, p, 0);
		struct lport *lp = lcore_lport(stack.lc, p);

		tc->ip_how = on && tc_cfgs[p][0].ipv4.tx_ts ? IP_STAMP : 0;
		tc->ip_rx_stamp = on && tc_cfgs[p][0].ipv4.rx_ts;
		app_switch(&tc_cfgs[p][0].app.raw, tc->app[0], on);
		lp->n_ip_stamps = tc->ip_rx_stamp;
		lp->n_latencies = tc->ip_rx_stamp || tc->app[0]->rx_watch != 0;
	}
	stack_run_us(500); /* what was under way is gone */
}

/* CPU time of a packet, ns. */
static double stretch(uint32_t turns)
{
	uint64_t packets = received();
	struct timespec a, b;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &a);
	path_measured(turns);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &b);
	return ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec))
		/ (double)(received() - packets);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run_pairs(uint32_t turns, uint32_t n)
{
	double *without = calloc(n, sizeof(double)), *with = calloc(n, sizeof(double)),
	       *cost = calloc(n, sizeof(double));

	stack.lc->tsc_is_real = 1; /* stamps are to cost what it costs */
	for (uint32_t i = 0; i < 2 * n; i++) {
		bool on = (i & 1) != (i >> 1 & 1);

		stamps_switch(on);
		(on ? with : without)[i / 2] = stretch(turns);
	}
	for (uint32_t i = 0; i < n; i++)
		cost[i] = 100 * (1 - without[i] / with[i]);
	qsort(without, n, sizeof(double), by_size);
	qsort(with, n, sizeof(double), by_size);
	qsort(cost, n, sizeof(double), by_size);
	printf("ns a packet, least and median: without stamps %.2f %.2f, with %.2f %.2f; "
	       "cost %.2f %%, quartiles %.2f %.2f\n",
		without[0], without[n / 2], with[0], with[n / 2], cost[n / 2], cost[n / 4],
		cost[n - 1 - n / 4]);
	free(without);
	free(with);
	free(cost);
}

int main(int argc, char **argv)
{
	uint32_t turns = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;
	uint32_t pairs = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 0;

	if (argc < 3 || argc > 4 || (argc == 4 && pairs == 0) || stack_eal(NULL) != 0)
		return 2;
	for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
		if (strcmp(works[i].name, argv[1]) != 0)
			continue;
		begun(&works[i]);
		if (pairs != 0)
			run_pairs(turns, pairs);
		else
			run(turns);
		return 0;
	}
	return 2;
}
