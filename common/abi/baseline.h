/* A reader's baseline: what its counters are counted from. It is the reader's own copy, of which
 * nobody else sees anything. Gauges and maxima are as they are; latencies, of which there is a
 * histogram, are all since then. */
#pragma once

#include "common/abi/segment.h"

/* A test case as it was. */
struct tc_then {
	uint64_t start_ns;
	uint32_t imix; /* as in its configuration */
	uint32_t has_latency;
	uint32_t times_slot; /* as in its configuration */
};

struct baseline {
	/* The segment's blocks of statistics as they were, in its layout; NULL: none yet. */
	void *blocks;
	struct tc_then *tcs;           /* [n_ports][TCS_MAX] */
	struct stats_device *device;   /* [n_ports] */
	bool ports[PORTS_MAX], lcores; /* what has one */
};

/* From now on: of these ports and their test cases; lcores: of what belongs to no port, too. 0, or
 * -ENOMEM or, when a test case cannot be read now, -EAGAIN: then nothing is changed. */
int baseline_take(
	struct baseline *b, const struct seg *s, uint32_t port_lo, uint32_t port_hi, bool lcores);

/* As seg_sum_*() but since then. A test case that was started or changed after it counts from its
 * own beginning. */
void baseline_sum_port(const struct baseline *b, const struct seg *s, uint32_t lc_lo,
	uint32_t lc_hi, uint32_t port, struct stats_port_block *out);
void baseline_sum_tc(const struct baseline *b, const struct seg *s, uint32_t port, uint32_t tcid,
	struct stats_tc_block *out);
void baseline_sum_imix(const struct baseline *b, const struct seg *s, uint32_t group, uint32_t slot,
	struct stats_tc_block *out);
/* st: the test case's counters from baseline_sum_tc(), whose maximum becomes that since then. The
 * least and the largest are then within a bucket of the histogram. */
void baseline_sum_latency(const struct baseline *b, const struct seg *s, uint32_t port,
	uint32_t tcid, uint32_t samples, struct stats_latency *st, struct latency_total *out);
void baseline_sum_times(const struct baseline *b, const struct seg *s, uint32_t port, uint32_t tcid,
	struct times_total *out);
void baseline_device(
	const struct baseline *b, const struct seg *s, uint32_t port, struct stats_device *out);
void baseline_sum_lcore(const struct baseline *b, const struct seg *s, uint32_t lc_lo,
	uint32_t lc_hi, struct stats_lcore_block *out);

void baseline_free(struct baseline *b);
