/* Ports: how they are made, what they can do, and bursts to and from them. */
#pragma once

#include "common/util/bytes.h"
#include "engine/boot/boot.h"
#include "engine/lcore/lcore_t.h"

/* Makes the ports that the options ask for, after rte_eal_init() and the mbuf pools. 0, or -errno,
 * logged as one sentence. ring_pair.c, tap.c, port.c. */
int ports_create(const struct options *o, const struct eal_cmdline *eal, uint32_t n_planned);
int ports_start(const struct options *o);
void ports_stop(void);
/* Gives the devices back; TAPs go. May wait for a lock that EAL processes share. */
void ports_close(void);
/* Management, before READY: what the ports are, into the segment. */
void ports_describe(struct seg *seg);
/* Management, while no test runs on it: its MTU, MTU_MIN..MTU_MAX. 0, or -errno and why in err;
 * then it is as it was. */
int port_set_mtu(uint16_t id, uint16_t mtu, char *err, size_t errlen);
/* Management, once a second: link state and speed, and what the devices count, into the segment. */
void ports_poll_link(struct seg *seg);
/* A TAP whose interface is no longer where it was made: deleted, or moved. */
bool port_lost(uint32_t port);
void ports_poll_device(struct seg *seg);

/* Packet buffers and the way out of a port. Buffers freed by a worker are the next it uses: a LIFO
 * of its own in front of the mempool keeps the working set in the cache. */
apart void pkt_refill(struct stash *s);
cold_path void pkt_free_slow(struct stash *s, struct rte_mbuf *m);
/* How many packets went. */
apart uint32_t tx_flush(struct lcore *lc, struct lport *lp);
cold_path void tx_push_slow(struct lcore *lc, struct lport *lp, struct rte_mbuf *m);

/* A buffer with room for len bytes of frame, empty: data_len and pkt_len are len. NULL when the
 * pool is empty. */
static force_inline struct rte_mbuf *pkt_alloc(struct lcore *lc, uint16_t len)
{
	struct stash *s = &lc->stash;
	struct rte_mbuf *m;

	if (unlikely(s->n == 0)) {
		pkt_refill(s);
		if (s->n == 0)
			return NULL;
	}
	m = s->m[--s->n];
	m->data_off = RTE_PKTMBUF_HEADROOM;
	m->ol_flags = 0;
	m->data_len = len;
	m->pkt_len = len;
	return m;
}

static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2);
static force_inline void pkt_free(struct lcore *lc, struct rte_mbuf *m)
{
	struct stash *s = &lc->stash;

	/* refcnt and nb_segs at once: 1 each */
	if (likely(m->pool == s->pool && s->n < STASH_LEN && RTE_MBUF_DIRECT(m)
		    && load_32(&m->refcnt) == 0x00010001u))
		s->m[s->n++] = m;
	else
		pkt_free_slow(s, m);
}

/* One that is known to be of one segment, whole, and nobody's beside. */
static force_inline void pkt_free_plain(struct lcore *lc, struct rte_mbuf *m)
{
	struct stash *s = &lc->stash;

	if (likely(m->pool == s->pool && s->n < STASH_LEN))
		s->m[s->n++] = m;
	else
		pkt_free_slow(s, m);
}

/* IPv4's option with the time of sending (l3_ip.h): its head is type, length, pointer (behind the last time: full),
 * flag 0: times only. Then two words: a time in ns, 31 bits in each, whose high-order bit says that they are no
 * ms since midnight (RFC 791). */
#define IP_STAMP_HEAD RTE_BE32(0x440c0d00)
#define STAMP_BYTES 8
#define STAMP_OURS UINT64_C(0x8000000080000000)
static force_inline uint64_t stamp_of(uint64_t ns)
{
	return __builtin_bswap64(
		STAMP_OURS | (ns << 1 & UINT64_C(0x7fffffff00000000)) | (uint32_t)ns);
}
/* 0: it is none of ours. */
static force_inline uint64_t stamp_ns(uint64_t stamp)
{
	uint64_t v = __builtin_bswap64(stamp);

	return (v & STAMP_OURS) == STAMP_OURS
		? (v >> 1 & UINT64_C(0x3fffffff80000000)) | (v & 0x7fffffff)
		: 0;
}

/* The times of sending of what is offered to the port now, and was not before: one look at the clock for all
 * of a burst, and close to when they go. */
apart void tx_stamps_write(const struct lcore *lc, struct lport *lp);

/* Takes the packet: the port's, or dropped and counted. */
static force_inline void tx_push(struct lcore *lc, struct lport *lp, struct rte_mbuf *m)
{
	if (unlikely(lp->txq.n == TXQ_LEN)) {
		tx_push_slow(lc, lp, m);
		return;
	}
	lp->txq.bytes += m->pkt_len;
	lp->txq.pkt[lp->txq.n++] = m;
}

/* Room in a port, by what is to be sent: payload gives way to what opens and closes sessions, and
 * both to the answers that received packets need, so that neither starves and answers are not lost.
 * A sender without room waits. */
static force_inline bool tx_room_below(struct lcore *lc, struct lport *lp, uint32_t limit)
{
	if (likely(lp->txq.n < limit))
		return true;
	tx_flush(lc, lp);
	return lp->txq.n < limit;
}

static force_inline bool tx_room(struct lcore *lc, struct lport *lp)
{
	return tx_room_below(lc, lp, TXQ_LEN / 4);
}

static force_inline bool tx_room_session(struct lcore *lc, struct lport *lp)
{
	return tx_room_below(lc, lp, TXQ_SESSION);
}

/* Ports whose workers share one queue. handoff_bytes(): what one of n workers takes, in lines. */
size_t handoff_bytes(uint32_t n);
/* Lays out p->handoff, once n_queues is known. */
void handoff_init(struct port *p, void *mem);
/* A worker without the queue: up to RX_BURST packets for it; sends up to n, returns how many. */
uint32_t handoff_in(const struct handoff *h, struct rte_mbuf **m);
uint32_t handoff_out(const struct handoff *h, struct rte_mbuf **m, uint32_t n);
/* The one with the queue: a packet for worker k, 1..; false: it has no room, the buffer stays. */
bool handoff_give(const struct handoff *h, uint32_t k, struct rte_mbuf *m);
/* ... and takes what the others send, as far as there is room; how many. */
uint32_t handoff_collect(struct lcore *lc, struct lport *lp);

/* The fault stage: a link that loses, doubles, holds back, corrupts, delays and paces packets. It
 * knows no port and no clock but the time it is given, which never goes back; the same seed does the
 * same to the same packets. */
size_t faults_pool_bytes(uint32_t n_held);
/* Room for n_held packets (rounded down to whole chunks) in mem, faults_pool_bytes() long. */
void faults_pool_init(struct faults_pool *p, void *mem, uint32_t n_held);
/* No faults, nothing held. count: [FAULTS_COUNTS], counted up and never zeroed here. stream: what
 * tells it apart from others of the same seed. */
void faults_init(struct faults *f, struct faults_pool *p, uint64_t *count, uint64_t stream);
/* Other faults from now on. What is held keeps its order, and comes out by the new rate and no later
 * than the new delays say. Chances begin anew when the seed changes or there were no faults. */
void faults_set(struct faults *f, const struct faults_config *cfg, uint64_t now_us);
/* Takes the packet: held, or lost and counted. Shared or not, what is corrupted is its own. */
void faults_in(struct faults *f, uint64_t now_us, struct rte_mbuf *m);
/* Up to n packets whose time has come, the caller's; how many. */
uint32_t faults_out(struct faults *f, uint64_t now_us, struct rte_mbuf **m, uint32_t n);
/* When to call faults_out() next; UINT64_MAX: nothing is held. */
uint64_t faults_next_us(const struct faults *f);
/* Frees what is held: lost. */
void faults_drain(struct faults *f);

/* No more than n_held from now on. Nothing may be held. */
void faults_pool_bound(struct faults_pool *p, uint32_t n_held);

/* Is there nothing that faults_in() and faults_out() would do? */
static inline bool faults_idle(const struct faults *f)
{
	return f->n == 0 && !faults_config_on(&f->cfg);
}

/* The stage on a worker's port: faults_port.c. */
/* Before any traffic; lp->st is known. */
void port_faults_init(struct lcore *lc, struct lport *lp);
/* cfg: by fault_dir. */
void port_faults_set(struct lcore *lc, struct lport *lp, const struct faults_config *cfg);
/* tx_flush() with faults: what waits goes through them, what has come through waits for the port. */
void tx_faults(struct lcore *lc, struct lport *lp);
/* With rx_faults: takes what was received; then up to RX_BURST of what has come through, until it
 * is less. The last of it may turn them off. */
void rx_faults_in(struct lcore *lc, struct lport *lp, struct rte_mbuf **m, uint32_t n);
uint32_t rx_faults_out(struct lcore *lc, struct lport *lp, struct rte_mbuf **m);
