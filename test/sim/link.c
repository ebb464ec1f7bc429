/* The two ways between the ports: what is sent comes later, not at all, twice, or changed. */
#include "test/sim/rng.h"
#include "test/sim/sim.h"

#include <rte_mbuf.h>

#include <string.h>

#define UNDER_WAY_MAX 16384
#define ETH_BYTES 14

/* A packet under way; a heap by time, then by number, so that the order is one. */
struct flight {
	uint64_t due, number;
	struct rte_mbuf *m;
};

struct link {
	struct flight heap[UNDER_WAY_MAX];
	uint32_t n;
	uint64_t free_at; /* rate: when the last one has left */
	uint64_t rng;
	uint32_t burst_left;
	struct link_stats st;
};
static struct link links[2];
static struct rte_mempool *buffers;
static uint64_t numbers;

static bool before(const struct flight *a, const struct flight *b)
{
	return a->due != b->due ? a->due < b->due : a->number < b->number;
}

static void swap(struct flight *a, struct flight *b)
{
	struct flight was = *a;

	*a = *b;
	*b = was;
}

static void heap_put(struct link *l, uint64_t due, struct rte_mbuf *m)
{
	uint32_t i = l->n++;

	l->heap[i] = (struct flight){.due = due, .number = numbers++, .m = m};
	for (; i != 0 && before(&l->heap[i], &l->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&l->heap[i], &l->heap[(i - 1) / 2]);
}

static struct rte_mbuf *heap_get(struct link *l)
{
	struct rte_mbuf *m = l->heap[0].m;
	uint32_t i = 0;

	l->heap[0] = l->heap[--l->n];
	for (;;) {
		uint32_t least = i;

		for (uint32_t k = 2 * i + 1; k <= 2 * i + 2 && k < l->n; k++) {
			if (before(&l->heap[k], &l->heap[least]))
				least = k;
		}
		if (least == i)
			return m;
		swap(&l->heap[i], &l->heap[least]);
		i = least;
	}
}

void link_begin(struct rte_mempool *pool)
{
	buffers = pool;
	numbers = 0;
	for (uint32_t i = 0; i < 2; i++) {
		struct link *l = &links[i];

		l->n = 0;
		l->free_at = 0;
		l->burst_left = 0;
		l->rng = rng_mix(sim.sc.seed + i);
		memset(&l->st, 0, sizeof(l->st));
	}
}

/* Is it lost by chance? A burst goes on with each packet, so its length is geometric. */
static bool lost(struct link *l, const struct sc_side *s)
{
	if (l->burst_left != 0) {
		l->burst_left = !rng_ppm(&l->rng, 1000000 / MAX_OF(s->burst_len, 1u));
		return true;
	}
	l->burst_left = rng_ppm(&l->rng, s->burst);
	return l->burst_left != 0 || rng_ppm(&l->rng, s->loss);
}

/* When it has left through the rate, or 0: its queue is full. */
static uint64_t departure(struct link *l, const struct sc_side *s, uint32_t bytes)
{
	uint64_t takes;

	if (s->rate_kbps == 0)
		return sim.now;
	takes = (bytes + 24) * UINT64_C(8000000) / s->rate_kbps;
	if (l->free_at < sim.now)
		l->free_at = sim.now;
	if (l->free_at - sim.now > s->queue * takes)
		return 0;
	return l->free_at += takes;
}

/* A bit behind the Ethernet header. What has no checksum of its own is lost, as by Ethernet's. */
static bool corrupt(struct link *l, struct rte_mbuf *m)
{
	uint8_t *f = rte_pktmbuf_mtod(m, uint8_t *);
	uint32_t type = f[12] == 0x81 ? 16 : 12;
	uint64_t bit = rng_next(&l->rng) % ((m->data_len - type - 2) * 8u);

	f[type + 2 + bit / 8] ^= 1 << bit % 8;
	l->st.corrupted++;
	return f[type] == 8 && f[type + 1] == 0;
}

static void launch(struct link *l, const struct sc_side *s, struct rte_mbuf *m, uint64_t due)
{
	due += s->delay_us * 1000;
	if (s->jitter_us != 0)
		due += rng_next(&l->rng) % (s->jitter_us * 1000);
	if (rng_ppm(&l->rng, s->reorder)) {
		due += s->reorder_us * 1000;
		l->st.late++;
	}
	heap_put(l, due, m);
}

static const char *fate(struct link *l, const struct sc_side *s, struct rte_mbuf *m)
{
	uint64_t due, part = s->part_at_ms * 1000000;
	struct rte_mbuf *again;

	if (s->part_ms != 0 && sim.now >= part && sim.now - part < s->part_ms * 1000000) {
		l->st.parted++;
		return "lost: partition";
	}
	if (lost(l, s)) {
		l->st.lost++;
		return "lost";
	}
	due = departure(l, s, m->pkt_len);
	if (due == 0 && s->rate_kbps != 0) {
		l->st.queue_full++;
		return "lost: queue full";
	}
	if (l->n + 2 > UNDER_WAY_MAX) {
		l->st.queue_full++;
		return "lost: too many under way";
	}
	if (rng_ppm(&l->rng, s->corrupt) && !corrupt(l, m)) {
		l->st.lost++;
		return "lost: corrupt, no checksum";
	}
	again = rng_ppm(&l->rng, s->dup) ? rte_pktmbuf_copy(m, buffers, 0, UINT32_MAX) : NULL;
	launch(l, s, m, due);
	if (again == NULL)
		return NULL;
	l->st.doubled++;
	launch(l, s, again, due);
	return "doubled";
}

void link_send(uint16_t from, struct rte_mbuf *m)
{
	struct link *l = &links[from];
	struct rte_mbuf *mine = rte_pktmbuf_copy(m, buffers, 0, UINT32_MAX);
	uint64_t corrupted = l->st.corrupted;
	const char *why;

	l->st.in++;
	sim.n_pkts++;
	if (mine == NULL) {
		l->st.queue_full++;
		why = "lost: too many under way";
	} else {
		why = fate(l, &sim.sc.side[from], mine);
		if (why != NULL && strncmp(why, "lost", 4) == 0)
			rte_pktmbuf_free(mine);
		else if (why == NULL && corrupted != l->st.corrupted)
			why = "corrupted";
	}
	trace_packet(from, true, m, why);
}

uint64_t link_next(uint16_t port)
{
	const struct link *l = &links[1 - port];

	return l->n != 0 ? l->heap[0].due : UINT64_MAX;
}

struct rte_mbuf *link_take(uint16_t port)
{
	struct link *l = &links[1 - port];
	struct rte_mbuf *m, *mine;

	while (l->n != 0 && l->heap[0].due <= sim.now) {
		m = heap_get(l);
		/* into a buffer of the receiver's, as a device does it */
		mine = rte_pktmbuf_copy(m, world.lc[port]->stash.pool, 0, UINT32_MAX);
		trace_packet(port, false, m, mine == NULL ? "lost: no buffer" : NULL);
		rte_pktmbuf_free(m);
		if (mine != NULL) {
			l->st.out++;
			return mine;
		}
		l->st.no_buf++;
	}
	return NULL;
}

const struct link_stats *link_stats(uint16_t from)
{
	return &links[from].st;
}

uint32_t link_under_way(void)
{
	return links[0].n + links[1].n;
}
