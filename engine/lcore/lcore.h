/* The worker: its memory, its thread, its mailbox, its timer wheel. */
#pragma once

#include "engine/l4_conn/l4_conn.h"
#include "engine/lcore/lcore_t.h"

extern struct lcore *lcores[WORKERS_MAX]; /* hugepage memory of the worker's socket */
extern uint32_t n_workers;

/* Sessions [first, first + count) of total are worker k's of n; whose is session i. */
static inline void share_of(
	uint64_t total, uint32_t k, uint32_t n, uint64_t *first, uint64_t *count)
{
	*first = total * k / n;
	*count = total * (k + 1) / n - *first;
}

static inline uint32_t share_owner(uint64_t total, uint64_t i, uint32_t n)
{
	return (uint32_t)(((i + 1) * n - 1) / total);
}

/* The time now, and not when the turn began: where that is worth reading a clock. */
static force_inline uint64_t lcore_tsc_now(const struct lcore *lc)
{
	return likely(lc->tsc_is_real) ? __builtin_ia32_rdtsc() : lc->now_tsc;
}
/* Cycles as ns; the same for all workers of an engine. */
static force_inline uint64_t lcore_ns(const struct lcore *lc, uint64_t cycles)
{
	return (uint64_t)((unsigned __int128)cycles * lc->ns_q32 >> 32);
}
static force_inline uint64_t lcore_ns_now(const struct lcore *lc)
{
	return lcore_ns(lc, lcore_tsc_now(lc));
}
/* The time now, or as it was up to NEAR_USES - 1 calls ago, in the same burst or the same turn: for what begins
 * one by one, and would pay for a clock each (14 ns of the 85 that a packet takes). */
#define NEAR_USES 16
static force_inline uint64_t lcore_ns_near(struct lcore *lc)
{
	if (unlikely(lc->near_left == 0)) {
		lc->near_ns = lcore_ns_now(lc);
		lc->near_left = NEAR_USES;
	}
	lc->near_left--;
	return lc->near_ns;
}

/* Bytes of a pool of n chunks, and its layout in memory given to it. */
size_t chunk_pool_bytes(uint32_t n);
void chunk_pool_init(struct chunk_pool *p, void *mem, uint32_t n);

/* A chunk whose next is 0; 0 when there is none. */
static inline uint32_t chunk_get(struct chunk_pool *p)
{
	uint32_t c = p->freed;

	if (likely(c != 0))
		p->freed = p->chunk[c].next;
	else if (p->fresh < p->n)
		c = p->fresh++;
	else
		return 0;
	p->n_free--;
	p->chunk[c].next = 0;
	return c;
}

static inline void chunk_put(struct chunk_pool *p, uint32_t c)
{
	p->chunk[c].next = p->freed;
	p->freed = c;
	p->n_free++;
}

/* False: there is no chunk. Each queue has IDQ_OWN in any case, so none waits for another. */
static inline bool idq_put(struct chunk_pool *p, struct idq *q, uint32_t id)
{
	if (q->tail == 0 || q->fill == CHUNK_IDS) {
		bool own = q->at + q->n < IDQ_OWN * CHUNK_IDS;
		uint32_t c;

		if (unlikely(!own && p->n_free <= p->kept))
			return false;
		p->kept -= own;
		c = chunk_get(p);
		BUG_ON(c == 0);
		if (q->tail == 0)
			q->head = c;
		else
			p->chunk[q->tail].next = c;
		q->tail = c;
		q->fill = 0;
	}
	p->chunk[q->tail].id[q->fill++] = id;
	q->n++;
	return true;
}

/* The first id; there must be one. */
static inline uint32_t idq_get(struct chunk_pool *p, struct idq *q)
{
	uint32_t c = q->head, id = p->chunk[c].id[q->at++];

	q->n--;
	if (q->n == 0) {
		q->head = q->tail = 0;
		q->at = q->fill = 0;
		chunk_put(p, c);
		p->kept++;
	} else if (q->at == CHUNK_IDS) {
		q->head = p->chunk[c].next;
		q->at = 0;
		chunk_put(p, c);
		p->kept += q->n <= (IDQ_OWN - 1) * CHUNK_IDS;
	}
	return id;
}

/* The i-th id from the head, to prefetch: i < n and at most CHUNK_IDS. */
static inline uint32_t idq_peek(const struct chunk_pool *p, const struct idq *q, uint32_t i)
{
	const struct chunk *c = &p->chunk[q->head];

	i += q->at;
	return i < CHUNK_IDS ? c->id[i] : p->chunk[c->next].id[i - CHUNK_IDS];
}

static inline struct tc_run *lcore_tc(struct lcore *lc, uint8_t port, uint8_t tcid)
{
	return &lc->tcs[port][tcid];
}

static inline struct lport *lcore_lport(struct lcore *lc, uint8_t port)
{
	return &lc->lports[lc->lport_of[port]];
}

/* Bytes of hugepage memory a worker's pools take for so many blocks (boot/memory.c counts,
 * boot/workers.c reserves them). */
size_t lcore_bytes(uint32_t n_tcbs, uint32_t n_ucbs, uint32_t n_ports);
/* Lays out lcore and all its pools in mem (lcore_bytes() long, page-aligned, zeroed). Fields
 * "read-only after boot", lports and the stash's pool are the caller's. */
struct lcore *lcore_init(void *mem, uint32_t n_tcbs, uint32_t n_ucbs, uint32_t n_ports);

/* One turn at time tsc (TSC cycles, never going back): mail, a burst of each port, timers, what the
 * test cases want, send. Returns how much was done. lcore_clock_start() comes before the first. */
uint32_t lcore_turn(struct lcore *lc, uint64_t tsc);
void lcore_clock_start(struct lcore *lc, uint64_t tsc);

/* The worker's thread: returns when LMSG_QUIT has come. arg is its struct lcore. */
int lcore_loop(void *arg);

/* Management's end of the mailbox: 0 or -EAGAIN when it is full. */
int mailbox_post(struct lcore *lc, const struct lmsg *m);
/* For the one who posts: would mailbox_post() fail now? */
bool mailbox_full(const struct lcore *lc);
/* Has the worker handled all that was posted? */
bool mailbox_idle(const struct lcore *lc);

/* The timer wheel. An endpoint keeps its deadlines itself (t_life, t_rtx, t_ack); the wheel only
 * remembers when to look at it next. Moving a deadline later costs nothing: the entry comes due,
 * sees the new deadline and goes back in. Entries are ids in chunks of 15, so that arming touches
 * no neighbour and what comes due can be prefetched. Level 0 ticks in ms; level 1 in 1024 ms, what
 * is due there goes down to level 0. An endpoint has one entry in each at most: the near one is
 * taken out when an earlier is wanted, the far one never is, else long deadlines behind short ones
 * would fill the wheel with holes. */
size_t wheel_bytes(uint32_t n_conns);
void wheel_init(struct wheel *w, void *mem, uint32_t n_conns);

/* The earliest of an endpoint's deadlines, 0 none. Deadlines are ms of lc->now_ms and wrap. */
static force_inline uint32_t conn_deadline(const struct conn *c)
{
	uint32_t d = c->t_life;

	if (c->t_rtx != 0 && (d == 0 || (int32_t)(c->t_rtx - d) < 0))
		d = c->t_rtx;
	if (c->t_ack != 0 && (d == 0 || (int32_t)(c->t_ack - d) < 0))
		d = c->t_ack;
	return d;
}

/* Has a deadline, 0 none, passed? */
static force_inline bool deadline_due(uint32_t deadline, uint32_t now_ms)
{
	return deadline != 0 && (int32_t)(deadline - now_ms) <= 0;
}

/* A deadline so many ms ahead; never 0. */
static force_inline uint32_t deadline_in(const struct lcore *lc, uint32_t ms)
{
	return (lc->now_ms + ms) | 1;
}

/* ms from now until a near entry fires, 1..WHEEL_SLOTS. */
static force_inline uint32_t wheel_near_ahead(const struct wheel *w, const struct conn *c)
{
	return ((c->wheel_near - 1u - w->now - 1) & (WHEEL_SLOTS - 1)) + 1;
}

apart void wheel_arm_slow(struct lcore *lc, struct conn *c, uint32_t id, uint32_t deadline);

/* Sees to it that the endpoint is looked at by deadline d, or by its earliest. */
static force_inline void wheel_arm_at(struct lcore *lc, struct conn *c, uint32_t id, uint32_t d)
{
	if (likely(c->wheel_near != 0
		    && (int32_t)(d - lc->wheel.now) >= (int32_t)wheel_near_ahead(&lc->wheel, c)))
		return;
	wheel_arm_slow(lc, c, id, d);
}
static force_inline void wheel_arm(struct lcore *lc, struct conn *c, uint32_t id)
{
	uint32_t d = conn_deadline(c);

	if (d != 0)
		wheel_arm_at(lc, c, id, d);
}

/* Handles at most budget entries that are due; conn_timer() is called for each whose deadline has
 * passed. Returns how many entries were looked at. */
uint32_t wheel_run(struct lcore *lc, uint32_t budget);

static force_inline struct conn *conn_at(const struct lcore *lc, uint32_t id)
{
	return id & CONN_UDP ? pool_at(&lc->ucbs, id & ~CONN_UDP) : pool_at(&lc->tcbs, id);
}
