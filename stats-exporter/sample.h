/* A sample: a copy of all that an engine has, as it was at one moment, of which every form is made. */
#pragma once

#include "common/abi/segment.h"

#include <stdatomic.h>

struct exporter;

/* The steps of a latency histogram for Prometheus, half octaves up to 17 s: buckets.c. */
#define LATENCY_STEPS 55

/* Times as JSON has them: the engine's log-linear histogram with 16 buckets an octave instead of 64, so
 * that the middle of one is within 1/32 of all that is in it, and a document has a quarter of the numbers. */
#define COARSE_SUB_BITS 4
#define COARSE_BUCKETS ((HIST_TOP_BITS - COARSE_SUB_BITS + 1) << COARSE_SUB_BITS)
struct coarse {
	uint32_t first, end; /* those that have something are within; both 0: none has */
	uint64_t n[COARSE_BUCKETS];
};

/* Times of one kind that a test case measures, since its start; without samples the others mean nothing. */
struct sample_times {
	uint64_t samples, sum_ns;
	uint64_t min_ns, max_ns, quantile_ns[LATENCY_QUANTILES];
	struct coarse coarse;
};

/* What a port is, from one whole copy of its record. Texts are UTF-8 without control characters. */
struct sample_port {
	char name[64], driver[32];
	uint32_t kind, link_up, running, mtu;
	uint32_t speed_mbps;      /* 0: not known */
	struct seg_holder holder; /* name is UTF-8 and ends */
	struct faults_config faults[FAULTS_DIRS];
	struct ip_addr gw;
	uint32_t n_intfs;
	struct l3_intf intfs[L3_INTFS_MAX];
	struct stats_device device;
};

struct sample_tc {
	uint32_t port, tcid;
	struct seg_tc tc; /* texts are UTF-8 and end */
	struct stats_tc_block stats;
	uint32_t n_apps; /* of its IMIX group; 0 unless it has one */
	struct sample_app {
		uint32_t index, weight, kind; /* app-index; enum app_kind */
		struct app_config cfg;        /* texts are UTF-8 and end */
		struct stats_tc_block stats;
	} apps[IMIX_GROUP_APPS];
	uint32_t has_latency; /* it measures them: then */
	struct sample_times latency;
	struct latency_recent recent;
	struct sample_times response[TIMES_BYTES]; /* when sample_has_responses() */
};

static inline bool sample_has_responses(const struct sample_tc *t)
{
	return t->tc.cfg.times.from != times_from_OFF;
}
/* NULL: it does not measure them. */
static inline const struct sample_times *sample_latency(const struct sample_tc *t)
{
	return t->has_latency ? &t->latency : NULL;
}
static inline const struct sample_times *sample_first_byte(const struct sample_tc *t)
{
	return sample_has_responses(t) ? &t->response[TIMES_FIRST] : NULL;
}
static inline const struct sample_times *sample_last_byte(const struct sample_tc *t)
{
	return sample_has_responses(t) ? &t->response[TIMES_LAST] : NULL;
}

/* All there is, as it was at one moment (counters: within some microseconds). */
struct sample {
	_Atomic uint32_t holders; /* who all have to call sample_free() */
	double time_s, start_s;   /* since 1970: of the sample, of the engine */
	uint64_t mono_ns;         /* of the sample, by the clock of a test case's start */
	char version[64], prefix[64];
	uint64_t fingerprint, tsc_hz;
	uint32_t pid, state; /* of the engine; enum engine_state */
	uint32_t n_ports, n_workers, n_lcores, n_tcs;
	uint32_t lcore_id[WORKERS_MAX];
	struct seg_load load[WORKERS_MAX];
	struct sample_port port[PORTS_MAX];
	struct sample_tc *tcs;
	struct stats_port_block *port_stats;   /* [n_lcores][n_ports] */
	struct stats_lcore_block *lcore_stats; /* [n_lcores] */
};

/* The engine is attached, alive, and its heartbeat is fresh; else why[WHY_MAX] says what is not. */
bool sample_ready(struct exporter *x, char *why);
/* The same, and it is not about to go. Its counters are there until then. */
bool sample_lasts(struct exporter *x, char *why);

/* A sample, to be read and given to sample_free(); NULL: none to be had, why[WHY_MAX] says why. Any
 * thread. Who asks within SHARE_MS of another gets the same: however many ask, the work is bounded,
 * and time_s is when it was taken. */
#define SHARE_MS 50
struct sample *sample_take(struct exporter *x, char *why);
/* Of a segment, its own; for tests. */
struct sample *sample_of(const struct seg *s, char *why);
void sample_free(struct sample *s);

/* A text of at most size bytes into a buffer of the same size: it ends, is UTF-8 and has no control
 * characters; '?' stands for each byte that is not. */
void sample_text(char *dst, const char *src, size_t size);

const struct stats_port_block *sample_port_stats(const struct sample *s, uint32_t lc, uint32_t p);
/* All lcores of a port together. */
void sample_port_sum(const struct sample *s, uint32_t port, struct stats_port_block *out);

/* A sample's head alone, without ports, lcores and test cases; for sample_free(). NULL: no memory. */
struct sample *sample_head(const struct seg *s);

/* buckets.c: times in fewer buckets than the engine's. */
void coarse_of(struct coarse *c, const struct histogram *h);
/* The largest time that is within step i, and how many are within each; returns how many there are. */
uint64_t latency_step_ns(uint32_t i);
uint64_t latency_steps(const struct coarse *c, uint64_t upto[LATENCY_STEPS]);
