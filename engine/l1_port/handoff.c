/* A port whose device has one queue, and several workers that share it. The first of them has the
 * queue: it hands the others their packets (l3_ip/steer.c says whose each is), and sends what they
 * send. Between it and each of them lie two rings, one a way, with one producer and one consumer
 * each; what goes through are the buffers themselves. */
#include "engine/l1_port/l1_port.h"

#include <rte_ring.h>

#include <stdio.h>
#include <string.h>

#define RING_LEN 512
#define ROOM (TXQ_LEN / 4 * 3) /* of the queue's worker, for what the others send */

static size_t ring_bytes(void)
{
	return whole_lines((size_t)rte_ring_get_memsize(RING_LEN));
}

size_t handoff_bytes(uint32_t n)
{
	return n * whole_lines(sizeof(struct handoff)) + 2 * (size_t)(n - 1) * ring_bytes();
}

static struct rte_ring *ring_make(char **at, const char *what, uint32_t port, uint32_t k)
{
	struct rte_ring *r = (struct rte_ring *)(void *)*at;
	char name[32];

	*at += ring_bytes();
	snprintf(name, sizeof(name), "%s_%u_%u", what, port, k);
	BUG_ON(rte_ring_init(r, name, RING_LEN, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0);
	return r;
}

void handoff_init(struct port *p, void *mem)
{
	uint32_t n = p->n_queues;
	char *at = mem;

	for (uint32_t k = 0; k < n; k++, at += whole_lines(sizeof(struct handoff))) {
		p->handoff[k] = (struct handoff *)(void *)at;
		memset(p->handoff[k], 0, sizeof(struct handoff));
		p->handoff[k]->n = n;
	}
	for (uint32_t k = 1; k < n; k++) {
		p->handoff[0]->to[k] = p->handoff[k]->in = ring_make(&at, "to", p->id, k);
		p->handoff[0]->from[k] = p->handoff[k]->out = ring_make(&at, "from", p->id, k);
	}
}

uint32_t handoff_in(const struct handoff *h, struct rte_mbuf **m)
{
	return rte_ring_sc_dequeue_burst(h->in, (void **)m, RX_BURST, NULL);
}

uint32_t handoff_out(const struct handoff *h, struct rte_mbuf **m, uint32_t n)
{
	return rte_ring_sp_enqueue_burst(h->out, (void **)m, n, NULL);
}

bool handoff_give(const struct handoff *h, uint32_t k, struct rte_mbuf *m)
{
	return rte_ring_sp_enqueue(h->to[k], m) == 0;
}

uint32_t handoff_collect(struct lcore *lc, struct lport *lp)
{
	struct handoff *h = lp->handoff;
	struct rte_mbuf *m[RX_BURST];
	uint32_t all = 0;

	if (unlikely(lp->txq.n_stamps != 0))
		tx_stamps_write(lc, lp);
	for (uint32_t i = 1; i < h->n && lp->txq.n < ROOM; i++) {
		uint32_t n = MIN_OF(ROOM - lp->txq.n, (uint32_t)RX_BURST);

		h->next = h->next % (h->n - 1) + 1; /* each is first in its turn */
		n = rte_ring_sc_dequeue_burst(h->from[h->next], (void **)m, n, NULL);
		for (uint32_t k = 0; k < n; k++)
			tx_push(lc, lp, m[k]);
		all += n;
	}
	lp->txq.offered = lp->txq.n; /* they have theirs from whom they are of */
	return all;
}
