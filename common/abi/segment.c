/* The segment's layout, and reading it. */
#include "common/abi/segment.h"

#include "common/util/clock.h"

#include <errno.h>
#include <string.h>
#include <time.h>

/* A change takes microseconds, but management may lose its CPU in the middle of one, and one that
 * died there never ends it. */
#define SEG_READ_MS 500
#define SEG_READ_SPINS 256    /* before the CPU is left to others, management among them ... */
#define SEG_READ_NAP_NS 50000 /* ... for so long at a time: who only yields stays in its way */

static uint64_t page(uint64_t n)
{
	return (n + 4095) & ~UINT64_C(4095);
}

/* Fills in the offsets for the header's counts; returns the size. */
static uint64_t layout(struct seg_header *h)
{
	uint64_t at = page(sizeof(struct seg)), lcs = h->n_lcores, ports = h->n_ports;

	h->ports_off = at;
	at = page(at + ports * sizeof(struct seg_port));
	h->tcs_off = at;
	at = page(at + ports * TCS_MAX * sizeof(struct seg_tc));
	h->workers_off = at;
	at = page(at + h->n_workers * sizeof(struct seg_worker));
	h->stats_port_off = at;
	at = page(at + lcs * ports * sizeof(struct stats_port_block));
	h->stats_lcore_off = at;
	at = page(at + lcs * sizeof(struct stats_lcore_block));
	h->stats_tc_off = at;
	at = page(at + lcs * ports * TCS_MAX * sizeof(struct stats_tc_block));
	h->imix_off = at;
	at = page(at + sizeof(struct seg_imix));
	h->stats_imix_off = at;
	at = page(at + lcs * sizeof(struct stats_imix_block[IMIX_GROUPS_MAX][IMIX_GROUP_APPS]));
	h->latency_off = at;
	at = page(at + h->n_workers * ports * TCS_MAX * sizeof(struct latency_block));
	h->times_off = at;
	return page(at
		+ (uint64_t)h->n_workers * seg_times_slots(h->n_ports)
			* sizeof(struct times_block));
}

uint64_t seg_size(uint32_t n_ports, uint32_t n_workers)
{
	struct seg_header h = {
		.n_ports = n_ports, .n_workers = n_workers, .n_lcores = n_workers + 1};

	return layout(&h);
}

void seg_init(struct seg *s, uint32_t n_ports, uint32_t n_workers)
{
	memset(s, 0, seg_size(n_ports, n_workers));
	s->hdr.n_ports = n_ports;
	s->hdr.n_workers = n_workers;
	s->hdr.n_lcores = n_workers + 1;
	s->hdr.size = layout(&s->hdr);
	s->hdr.fingerprint = schema_fingerprint();
	s->hdr.state = engine_state_STARTING;
	s->hdr.magic = SEG_MAGIC;
}

static bool read_once(const void *record, void *copy, size_t size)
{
	const struct seg_seq *q = record;
	uint32_t before = __atomic_load_n(&q->seq, __ATOMIC_ACQUIRE); /* seg_write_end() */

	if (before & 1)
		return false;
	memcpy(copy, record, size);
	__atomic_thread_fence(__ATOMIC_ACQUIRE); /* pairs with seg_write_begin() */
	return __atomic_load_n(&q->seq, __ATOMIC_RELAXED) == before;
}

int seg_read(const void *record, void *copy, size_t size)
{
	const struct timespec nap = {0, SEG_READ_NAP_NS};
	int64_t until = 0, now;

	for (int i = 0; !read_once(record, copy, size); i++) {
		if (i < SEG_READ_SPINS)
			continue;
		now = mono_ms();
		if (until == 0)
			until = now + SEG_READ_MS;
		if (now >= until)
			return -EAGAIN;
		nanosleep(&nap, NULL);
	}
	return 0;
}

static void sum(enum stat_scope scope, void *total, const void *block)
{
	for (size_t i = 0; i < stats_n_groups; i++) {
		const struct stats_group *g = &stats_groups[i];

		if (g->scope == scope)
			stats_merge(g, (char *)total + g->off, (const char *)block + g->off);
	}
}

void seg_sum_port(const struct seg *s, uint32_t lc_lo, uint32_t lc_hi, uint32_t port_lo,
	uint32_t port_hi, struct stats_port_block *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t lc = lc_lo; lc < lc_hi; lc++) {
		for (uint32_t p = port_lo; p < port_hi; p++)
			sum(STAT_SCOPE_PORT, out, seg_stats_port(s, lc, p));
	}
}

static void add_imix(const struct seg *s, uint32_t group, uint32_t slot, struct stats_tc *out)
{
	const struct stats_group *tc = stats_group_find("tc");

	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++)
		stats_merge(tc, out, &seg_stats_imix(s, lc, group, slot)->tc);
}

void seg_sum_imix(const struct seg *s, uint32_t group, uint32_t slot, struct stats_tc_block *out)
{
	memset(out, 0, sizeof(*out));
	add_imix(s, group, slot, &out->tc);
}

bool seg_imix_user(const struct seg *s, uint32_t group, uint32_t *port, uint32_t *tcid)
{
	for (uint32_t i = 0; i < s->hdr.n_ports * TCS_MAX; i++) {
		const struct tc_config *c = &seg_tc(s, i / TCS_MAX, i % TCS_MAX)->cfg;

		*port = i / TCS_MAX;
		*tcid = i % TCS_MAX;
		if (__atomic_load_n(&c->imix, __ATOMIC_RELAXED) == group + 1
			&& __atomic_load_n(&c->kind, __ATOMIC_RELAXED) != tc_kind_NONE)
			return true;
	}
	return false;
}

void seg_sum_tc(const struct seg *s, uint32_t port, uint32_t tcid, struct stats_tc_block *out)
{
	/* one word, whichever configuration it is of */
	uint32_t imix = __atomic_load_n(&seg_tc(s, port, tcid)->cfg.imix, __ATOMIC_RELAXED);

	memset(out, 0, sizeof(*out));
	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++)
		sum(STAT_SCOPE_TC, out, seg_stats_tc(s, lc, port, tcid));
	for (uint32_t i = 0; i < IMIX_GROUP_APPS && imix - 1 < IMIX_GROUPS_MAX; i++)
		add_imix(s, imix - 1, i, &out->tc);
}

void seg_sum_lcore(
	const struct seg *s, uint32_t lc_lo, uint32_t lc_hi, struct stats_lcore_block *out)
{
	memset(out, 0, sizeof(*out));
	for (uint32_t lc = lc_lo; lc < lc_hi; lc++)
		sum(STAT_SCOPE_LCORE, out, seg_stats_lcore(s, lc));
}

void seg_sum_latency(const struct seg *s, uint32_t port, uint32_t tcid, uint32_t samples,
	struct latency_total *out)
{
	latency_total_begin(out);
	for (uint32_t w = 0; w < s->hdr.n_workers; w++)
		latency_total_add(out, seg_latency(s, w, port, tcid),
			&seg_stats_tc(s, w, port, tcid)->latency, samples);
}

void seg_sum_times(const struct seg *s, uint32_t port, uint32_t tcid, struct times_total *out)
{
	/* one word, whichever configuration it is of */
	uint32_t slot = __atomic_load_n(&seg_tc(s, port, tcid)->cfg.times.slot, __ATOMIC_RELAXED)
		- 1;

	times_total_begin(out);
	for (uint32_t w = 0; w < s->hdr.n_workers && slot < seg_times_slots(s->hdr.n_ports); w++)
		times_total_add(out, seg_times(s, w, slot), &seg_stats_tc(s, w, port, tcid)->times);
}
