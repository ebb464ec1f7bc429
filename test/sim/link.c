/* The two ways between the ports: the engine's fault stage, and partitions in front of it. */
#include "test/sim/sim.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <string.h>

#define BUFFERS 16383 /* of both links, copies included */
#define HELD_MAX 16384
#define NS_US UINT64_C(1000)
#define NS_MS UINT64_C(1000000)

struct link {
	struct faults faults;
	struct link_stats st;
};
static struct link links[2];
static struct faults_pool held;
static void *held_memory;
static struct rte_mempool *buffers;

void link_init(void)
{
	buffers = world_mbufs("simlink", BUFFERS);
	held_memory = rte_malloc(NULL, faults_pool_bytes(HELD_MAX), CACHE_LINE);
	BUG_ON(held_memory == NULL);
}

static struct faults_config config_of(const struct sc_side *s)
{
	struct faults_config c = faults_config_none();

	c.seed = (uint32_t)(sim.sc.seed ^ sim.sc.seed >> 32);
	c.loss_ppm = (uint32_t)s->loss;
	c.burst = (uint32_t)MAX_OF(s->burst, faults_burst_least(c.loss_ppm));
	c.duplicate_ppm = (uint32_t)s->dup;
	c.reorder_ppm = (uint32_t)s->reorder;
	c.reorder_us = (uint32_t)s->reorder_us;
	c.corrupt_ppm = (uint32_t)s->corrupt;
	c.delay_us = (uint32_t)s->delay_us;
	c.jitter_us = (uint32_t)s->jitter_us;
	c.rate_kbps = (uint32_t)s->rate_kbps;
	c.queue_pkts = (uint32_t)s->queue;
	return c;
}

void link_begin(void)
{
	faults_pool_init(&held, held_memory, HELD_MAX);
	for (uint32_t i = 0; i < 2; i++) {
		struct link *l = &links[i];
		struct faults_config c = config_of(&sim.sc.side[i]);

		memset(&l->st, 0, sizeof(l->st));
		faults_init(&l->faults, &held, l->st.fault, i);
		faults_set(&l->faults, &c, 0);
	}
}

const char *link_end(void)
{
	if (held.n_free != held.n)
		return "the fault stage keeps chunks";
	return rte_mempool_full(buffers) ? NULL : "the link keeps buffers";
}

static bool parted(const struct sc_side *s)
{
	uint64_t from = s->part_at_ms * NS_MS;

	return s->part_ms != 0 && sim.now >= from && sim.now - from < s->part_ms * NS_MS;
}

/* What the fault stage did to the packet it was given last, by its counters. */
static const char *fate(const uint64_t *was, const uint64_t *is)
{
	static const char *const text[FAULTS_COUNTS] = {[FAULTS_LOST] = "lost",
		[FAULTS_QUEUE_FULL] = "lost: queue full",
		[FAULTS_OVERFLOW] = "lost: too many under way",
		[FAULTS_CORRUPTED] = "corrupted",
		[FAULTS_DUPLICATED] = "doubled",
		[FAULTS_REORDERED] = "held back"};
	static const enum faults_count order[] = {FAULTS_LOST, FAULTS_QUEUE_FULL, FAULTS_OVERFLOW,
		FAULTS_CORRUPTED, FAULTS_DUPLICATED, FAULTS_REORDERED};

	for (uint32_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (was[order[i]] != is[order[i]])
			return text[order[i]];
	}
	return NULL;
}

void link_send(uint16_t from, struct rte_mbuf *m)
{
	struct link *l = &links[from];
	uint64_t was[FAULTS_COUNTS];
	const char *why;

	l->st.in++;
	sim.n_pkts++;
	if (parted(&sim.sc.side[from])) {
		l->st.parted++;
		why = "lost: partition";
	} else {
		/* into a buffer of the link's: the sender's device gives its own back */
		struct rte_mbuf *mine = rte_pktmbuf_copy(m, buffers, 0, UINT32_MAX);

		memcpy(was, l->st.fault, sizeof(was));
		if (mine == NULL) {
			l->st.no_buf++;
			why = "lost: too many under way";
		} else {
			faults_in(&l->faults, sim.now / NS_US, mine);
			why = fate(was, l->st.fault);
		}
	}
	trace_packet(from, true, m, why);
}

uint64_t link_next(uint16_t port)
{
	uint64_t us = faults_next_us(&links[1 - port].faults);

	return us == UINT64_MAX ? us : us * NS_US;
}

struct rte_mbuf *link_take(uint16_t port)
{
	struct link *l = &links[1 - port];
	struct rte_mbuf *m, *mine;

	while (faults_out(&l->faults, sim.now / NS_US, &m, 1) == 1) {
		/* Into a buffer of the receiver's, as a device does it; but of those that the
		 * worker keeps for itself too: with so few there would be none left. */
		mine = pkt_alloc(world.lc[port], m->data_len);
		if (mine != NULL)
			memcpy(rte_pktmbuf_mtod(mine, void *), rte_pktmbuf_mtod(m, void *),
				m->data_len);
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

bool link_idle(void)
{
	return links[0].faults.n == 0 && links[1].faults.n == 0;
}
