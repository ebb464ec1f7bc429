/* The last step of a packet: into the port. */
#include "engine/l1_port/l1_port.h"
#include "engine/lcore/lcore.h"

#include <rte_byteorder.h>
#include <rte_ethdev.h>

#include <netinet/in.h>
#include <string.h>

#define STASH_BULK 64
#define TX_STUCK_MS 100 /* after which what a port does not take is dropped */

void pkt_refill(struct stash *s)
{
	if (rte_mempool_get_bulk(s->pool, (void **)s->m, STASH_BULK) == 0) {
		s->n = STASH_BULK;
		return;
	}
	/* the last few one by one */
	while (s->n < STASH_BULK && rte_mempool_get(s->pool, (void **)&s->m[s->n]) == 0)
		s->n++;
}

void pkt_free_slow(struct stash *s, struct rte_mbuf *m)
{
	if (s->n == STASH_LEN) {
		s->n -= STASH_LEN / 2; /* the coldest go: those at the bottom */
		rte_mempool_put_bulk(s->pool, (void **)s->m, STASH_LEN / 2);
		memmove(s->m, s->m + STASH_LEN / 2, (STASH_LEN / 2) * sizeof(s->m[0]));
	}
	rte_pktmbuf_free(m);
}

static void tx_drop_all(struct lcore *lc, struct lport *lp)
{
	struct txq *q = &lp->txq;

	lp->st->port.tx_failures += q->n;
	lp->st->drop.tx_full += q->n;
	for (uint32_t i = 0; i < q->n; i++)
		pkt_free(lc, q->pkt[i]);
	q->n = q->offered = 0;
	q->bytes = 0;
	q->stuck_ms = 0;
}

/* Bytes of what is not sent, by way of the fewer. */
static uint64_t bytes_left(const struct txq *q, uint32_t sent)
{
	uint64_t bytes = 0;

	if (sent == 0)
		return q->bytes;
	for (uint32_t i = sent; i < q->n && sent > q->n / 2; i++)
		bytes += q->pkt[i]->pkt_len;
	if (sent > q->n / 2)
		return bytes;
	for (uint32_t i = 0; i < sent; i++)
		bytes += q->pkt[i]->pkt_len;
	return q->bytes - bytes;
}

/* How many went. */
static force_inline uint32_t tx_send(struct lcore *lc, struct lport *lp)
{
	struct txq *q = &lp->txq;
	uint64_t bytes = q->bytes, left;
	uint32_t sent;
	bool hand = unlikely(lp->handoff != NULL) && lp->handoff->out != NULL;

	if (q->n == 0)
		return 0;
	if (unlikely(hand)) /* who has the queue counts it */
		sent = handoff_out(lp->handoff, q->pkt, q->n);
	else
		sent = rte_eth_tx_burst(lp->port->dev_id, lp->queue, q->pkt, q->n);
	left = likely(sent == q->n) ? 0 : bytes_left(q, sent);
	if (likely(!hand)) {
		lp->st->port.tx_pkts += sent;
		lp->st->port.tx_bytes += bytes - left;
	}
	q->bytes = left;
	if (likely(sent == q->n)) {
		q->n = q->offered = 0;
		q->stuck_ms = 0;
		return sent;
	}
	q->n = q->offered = q->n - sent;
	memmove(q->pkt, q->pkt + sent, q->n * sizeof(q->pkt[0]));
	if (sent != 0)
		q->stuck_ms = 0;
	else if (q->stuck_ms == 0)
		q->stuck_ms = lc->now_ms;
	else if (lc->now_ms - q->stuck_ms > TX_STUCK_MS)
		tx_drop_all(lc, lp);
	return sent;
}

#define L2 14u
#define TAG 4u
#define STAMP_AT (20u + 4u) /* in its IPv4 header, of 32 bytes */

/* Where a packet has the time of its sending; NULL: nowhere. TCP's and UDP's that begin so are all ipv4_out()'s;
 * ICMP may send back what it was sent. */
static uint8_t *stamp_of_pkt(const struct rte_mbuf *m)
{
	uint8_t *h = rte_pktmbuf_mtod(m, uint8_t *);
	uint8_t *ip = h + L2 + (load_16(h + 12) == RTE_BE16(0x8100) ? TAG : 0);

	return load_16(ip - 2) == RTE_BE16(0x0800) && ip[0] == 0x48 && ip[9] != IPPROTO_ICMP
			&& load_32(ip + 20) == IP_STAMP_HEAD
		? ip + STAMP_AT
		: NULL;
}

/* The same of one that is known to have it, and no tag: pkt_alloc() has it from the worker's pool, whose buffers lie
 * just behind their struct. That is not read: it has left the first-level cache since. */
static force_inline char *stamp_at(struct rte_mbuf *m)
{
	BUG_ON_HOT(rte_pktmbuf_mtod(m, char *) != (char *)(m + 1) + RTE_PKTMBUF_HEADROOM);
	return (char *)(m + 1) + RTE_PKTMBUF_HEADROOM + L2 + STAMP_AT;
}

void tx_stamps_write(const struct lcore *lc, struct lport *lp)
{
	struct txq *q = &lp->txq;
	struct rte_mbuf **m = q->pkt + q->offered, **end = q->pkt + q->n;
	bool all = q->n_stamps == (uint32_t)(end - m) && !q->tagged;
	uint64_t now;

	q->n_stamps = 0;
	if (lp->port->sw_csum) /* they had to have it before their checksum */
		return;
	now = stamp_of(lcore_ns_now(lc));
	if (likely(all)) { /* then nothing else is; the last built first: its header may still be in the cache */
		for (; end - m >= 4; end -= 4)
			for (int i = 1; i <= 4; i++)
				memcpy(stamp_at(end[-i]), &now, STAMP_BYTES);
		for (; m < end; end--)
			memcpy(stamp_at(end[-1]), &now, STAMP_BYTES);
		return;
	}
	for (; m < end; m++) {
		uint8_t *at = stamp_of_pkt(*m);

		if (at != NULL)
			memcpy(at, &now, STAMP_BYTES);
	}
}

static cold_path uint32_t tx_flush_faulty(struct lcore *lc, struct lport *lp)
{
	uint32_t sent;

	tx_faults(lc, lp);
	sent = tx_send(lc, lp);
	lp->txq.past = lp->txq.offered = lp->txq.n;
	return sent;
}

uint32_t tx_flush(struct lcore *lc, struct lport *lp)
{
	if (unlikely(lp->txq.n_stamps != 0))
		tx_stamps_write(lc, lp);
	if (unlikely(lp->txq.faults != NULL))
		return tx_flush_faulty(lc, lp);
	return tx_send(lc, lp);
}

void tx_push_slow(struct lcore *lc, struct lport *lp, struct rte_mbuf *m)
{
	tx_flush(lc, lp);
	if (lp->txq.n < TXQ_LEN) {
		tx_push(lc, lp, m);
		return;
	}
	lp->st->port.tx_failures++;
	lp->st->drop.tx_full++;
	pkt_free(lc, m);
}
