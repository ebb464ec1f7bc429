/* Counters since a moment that a reader chose. */
#include "common/abi/baseline.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint64_t blocks_size(const struct seg *s)
{
	return s->hdr.size - s->hdr.stats_port_off;
}

/* Where a block of the segment is in the copy. */
static void *was(const struct baseline *b, const struct seg *s, const void *block)
{
	return (char *)b->blocks
		+ ((const char *)block - (const char *)seg_at(s, s->hdr.stats_port_off));
}

/* Each counter whole. */
static void copy(const struct baseline *b, const struct seg *s, const void *block, size_t size)
{
	uint64_t *to = was(b, s, block);

	for (size_t i = 0; i < size / sizeof(*to); i++)
		to[i] = __atomic_load_n((const uint64_t *)block + i, __ATOMIC_RELAXED);
}

static struct tc_then *then_of(const struct baseline *b, uint32_t port, uint32_t tcid)
{
	return &b->tcs[port * TCS_MAX + tcid];
}

static int thens_read(struct tc_then *then, const struct seg *s, uint32_t lo, uint32_t hi)
{
	for (uint32_t i = lo * TCS_MAX; i < hi * TCS_MAX; i++) {
		struct seg_tc t;
		int rc = seg_read(seg_tc(s, i / TCS_MAX, i % TCS_MAX), &t, sizeof(t));

		if (rc != 0)
			return rc;
		then[i] = (struct tc_then){t.start_ns, t.cfg.imix, t.has_latency, t.cfg.times.slot};
	}
	return 0;
}

static int room_make(struct baseline *b, const struct seg *s)
{
	if (b->blocks != NULL)
		return 0;
	b->tcs = calloc(s->hdr.n_ports * TCS_MAX, sizeof(*b->tcs));
	b->device = calloc(s->hdr.n_ports, sizeof(*b->device));
	b->blocks = calloc(1, blocks_size(s));
	if (b->tcs != NULL && b->device != NULL && b->blocks != NULL)
		return 0;
	baseline_free(b);
	return -ENOMEM;
}

static bool has_times(const struct seg *s, uint32_t slot)
{
	return slot - 1 < seg_times_slots(s->hdr.n_ports);
}

/* What a test case's sessions count beside its own block. */
static void copy_tc(const struct baseline *b, const struct seg *s, uint32_t port, uint32_t tcid)
{
	const struct tc_then *t = then_of(b, port, tcid);

	for (uint32_t lc = 0; lc < s->hdr.n_lcores && t->imix - 1 < IMIX_GROUPS_MAX; lc++)
		copy(b, s, seg_stats_imix(s, lc, t->imix - 1, 0),
			IMIX_GROUP_APPS * sizeof(struct stats_imix_block));
	for (uint32_t w = 0; w < s->hdr.n_workers && t->has_latency; w++)
		copy(b, s, seg_latency(s, w, port, tcid), sizeof(struct latency_block));
	for (uint32_t w = 0; w < s->hdr.n_workers && has_times(s, t->times_slot); w++)
		copy(b, s, seg_times(s, w, t->times_slot - 1), sizeof(struct times_block));
}

static void copy_port(const struct baseline *b, const struct seg *s, uint32_t port)
{
	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++) {
		copy(b, s, seg_stats_port(s, lc, port), sizeof(struct stats_port_block));
		copy(b, s, seg_stats_tc(s, lc, port, 0), TCS_MAX * sizeof(struct stats_tc_block));
	}
	for (uint32_t tcid = 0; tcid < TCS_MAX; tcid++)
		copy_tc(b, s, port, tcid);
}

int baseline_take(
	struct baseline *b, const struct seg *s, uint32_t port_lo, uint32_t port_hi, bool lcores)
{
	static struct tc_then then[PORTS_MAX * TCS_MAX];
	int rc = room_make(b, s);

	/* before the counters: one that starts in between counts from its beginning */
	if (rc == 0)
		rc = thens_read(then, s, port_lo, port_hi);
	if (rc != 0)
		return rc;
	for (uint32_t p = port_lo; p < port_hi; p++) {
		b->ports[p] = true;
		b->device[p] = seg_port(s, p)->device;
		memcpy(then_of(b, p, 0), &then[p * TCS_MAX], TCS_MAX * sizeof(*then));
		copy_port(b, s, p);
	}
	for (uint32_t lc = 0; lc < s->hdr.n_lcores && lcores; lc++)
		copy(b, s, seg_stats_lcore(s, lc), sizeof(struct stats_lcore_block));
	b->lcores |= lcores;
	return 0;
}

void baseline_free(struct baseline *b)
{
	free(b->blocks);
	free(b->tcs);
	free(b->device);
	*b = (struct baseline){0};
}

/* One lcore's block, since then if that is given, into a total. */
static void add(enum stat_scope scope, void *total, void *one, const void *then)
{
	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		if (g->scope != scope)
			continue;
		if (then != NULL)
			stats_since(g, (char *)one + g->off, (const char *)then + g->off);
		stats_merge(g, (char *)total + g->off, (const char *)one + g->off);
	}
}

void baseline_sum_port(const struct baseline *b, const struct seg *s, uint32_t lc_lo,
	uint32_t lc_hi, uint32_t port, struct stats_port_block *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t lc = lc_lo; lc < lc_hi; lc++) {
		struct stats_port_block one;

		seg_sum_port(s, lc, lc + 1, port, port + 1, &one);
		add(STAT_SCOPE_PORT, out, &one,
			b->ports[port] ? was(b, s, seg_stats_port(s, lc, port)) : NULL);
	}
}

void baseline_sum_lcore(const struct baseline *b, const struct seg *s, uint32_t lc_lo,
	uint32_t lc_hi, struct stats_lcore_block *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t lc = lc_lo; lc < lc_hi; lc++) {
		struct stats_lcore_block one;

		seg_sum_lcore(s, lc, lc + 1, &one);
		add(STAT_SCOPE_LCORE, out, &one,
			b->lcores ? was(b, s, seg_stats_lcore(s, lc)) : NULL);
	}
}

/* Is it the same run as then? Each start and each change zeroes the counters. */
static bool same_run(const struct baseline *b, const struct seg *s, uint32_t port, uint32_t tcid)
{
	struct seg_tc t;

	return b->ports[port] && seg_read(seg_tc(s, port, tcid), &t, sizeof(t)) == 0
		&& t.start_ns == then_of(b, port, tcid)->start_ns;
}

/* What an application of an IMIX group had counted then. */
static void imix_then(const struct baseline *b, const struct seg *s, uint32_t group, uint32_t slot,
	struct stats_tc *sum)
{
	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++) {
		const struct stats_imix_block *block = was(
			b, s, seg_stats_imix(s, lc, group, slot));

		stats_merge(stats_group_find("tc"), sum, &block->tc);
	}
}

void baseline_sum_tc(const struct baseline *b, const struct seg *s, uint32_t port, uint32_t tcid,
	struct stats_tc_block *out)
{
	bool same = same_run(b, s, port, tcid);
	struct stats_tc_block sum = {0};
	uint32_t imix;

	seg_sum_tc(s, port, tcid, out);
	if (!same)
		return;
	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++)
		add(STAT_SCOPE_TC, &sum, was(b, s, seg_stats_tc(s, lc, port, tcid)), NULL);
	imix = then_of(b, port, tcid)->imix;
	for (uint32_t i = 0; i < IMIX_GROUP_APPS && imix - 1 < IMIX_GROUPS_MAX; i++)
		imix_then(b, s, imix - 1, i, &sum.tc);
	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		if (g->scope == STAT_SCOPE_TC)
			stats_since(g, (char *)out + g->off, (const char *)&sum + g->off);
	}
}

void baseline_sum_imix(const struct baseline *b, const struct seg *s, uint32_t group, uint32_t slot,
	struct stats_tc_block *out)
{
	uint32_t port, tcid;
	bool same = seg_imix_user(s, group, &port, &tcid) && same_run(b, s, port, tcid);
	struct stats_tc sum = {0};

	seg_sum_imix(s, group, slot, out);
	if (!same)
		return;
	imix_then(b, s, group, slot, &sum);
	stats_since(stats_group_find("tc"), &out->tc, &sum);
}

void baseline_sum_latency(const struct baseline *b, const struct seg *s, uint32_t port,
	uint32_t tcid, uint32_t samples, struct stats_latency *st, struct latency_total *out)
{
	static struct histogram then;

	if (!same_run(b, s, port, tcid) || !then_of(b, port, tcid)->has_latency) {
		seg_sum_latency(s, port, tcid, samples, out);
		return;
	}
	memset(&then, 0, sizeof(then));
	latency_total_begin(out);
	for (uint32_t w = 0; w < s->hdr.n_workers; w++) {
		const struct latency_block *now = seg_latency(s, w, port, tcid),
					   *old = was(b, s, now);
		uint64_t n = __atomic_load_n(&now->n, __ATOMIC_RELAXED) - old->n;

		latency_total_add(out, now, &seg_stats_tc(s, w, port, tcid)->latency,
			(uint32_t)MIN_OF(n, samples));
		hist_add(&then, &old->hist);
	}
	latency_total_since(out, st, &then);
}

/* The slot that the run of then has, 0 when it has none. */
static uint32_t then_slot(
	const struct baseline *b, const struct seg *s, uint32_t port, uint32_t tcid)
{
	uint32_t slot = b->ports[port] ? then_of(b, port, tcid)->times_slot : 0;

	return has_times(s, slot) && same_run(b, s, port, tcid) ? slot : 0;
}

void baseline_sum_times(const struct baseline *b, const struct seg *s, uint32_t port, uint32_t tcid,
	struct times_total *out)
{
	static _Thread_local struct times_total then;
	uint32_t slot = then_slot(b, s, port, tcid);

	seg_sum_times(s, port, tcid, out);
	if (slot == 0)
		return;
	times_total_begin(&then);
	for (uint32_t w = 0; w < s->hdr.n_workers; w++)
		times_total_add(&then, was(b, s, seg_times(s, w, slot - 1)),
			&((struct stats_tc_block *)was(b, s, seg_stats_tc(s, w, port, tcid)))
				 ->times);
	times_total_since(out, &then);
}

void baseline_device(
	const struct baseline *b, const struct seg *s, uint32_t port, struct stats_device *out)
{
	*out = seg_port(s, port)->device;
	if (b->ports[port])
		stats_since(&stats_device_group, out, &b->device[port]);
}
