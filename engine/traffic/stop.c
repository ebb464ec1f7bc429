/* A test case ends: every session is closed with FIN; when none has gone for the grace time, what is
 * left is reset and counted. The pool is walked some blocks a turn, so that other test cases go on. */
#include "engine/l1_port/l1_port.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/l4_udp/l4_udp.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic_priv.h"

#include <rte_prefetch.h>

#define SCAN_BURST 2048
#define CLOSE_BURST 64
#define STOP_MAX_MS 30000 /* for peers to answer FIN, however many are at it */

enum stop_phase {
	STOP_CLOSE, /* FIN to all */
	STOP_WAIT,  /* until they are gone, or none went for the grace time */
	STOP_RESET, /* RST to the rest */
	STOP_DRAIN  /* queues */
};

static void close_one(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	switch (c->state) {
	case CS_CLOSED:
		session_drop(lc, c, id);
		break;
	case CS_SYN_SENT:
	case CS_SYN_RCVD:
		tcp_abort(lc, (struct tcb *)c, id, &tc->st->failed_stop);
		break;
	case CS_TIME_WAIT:
		c->t_life = deadline_in(lc, 0);
		wheel_arm(lc, c, id);
		break;
	case CS_ESTAB:
	case CS_CLOSE_WAIT:
		session_close(lc, tc, c, id);
		if (c->state > CS_CLOSED)
			session_output(lc, lcore_lport(lc, c->port), tc, c, id);
		break;
	default:
		break; /* closing already */
	}
}

static void reset_one(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id)
{
	if (c->state == CS_CLOSED)
		session_drop(lc, c, id);
	else if (id & CONN_UDP)
		session_close(lc, tc, c, id);
	else
		tcp_abort(lc, (struct tcb *)c, id, &tc->st->failed_stop);
}

typedef void stop_fn(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id);

/* Some blocks further; true when all were seen. */
static bool scan(struct lcore *lc, struct tc_run *tc, stop_fn *fn)
{
	struct conn_pool *p = tc->is_udp ? &lc->ucbs : &lc->tcbs;
	uint32_t end = MIN_OF(p->fresh, tc->stop_scan + SCAN_BURST), hits = 0;
	struct lport *lp = lcore_lport(lc, tc->port);

	for (; tc->stop_scan < end && hits < CLOSE_BURST; tc->stop_scan++) {
		struct conn *c = pool_at(p, tc->stop_scan);

		rte_prefetch0((char *)c + 8 * (size_t)p->stride);
		if (c->state == CS_FREE || c->port != tc->port || c->tcid != tc->tcid)
			continue;
		if (!tx_room_session(lc, lp))
			return false;
		hits++;
		fn(lc, tc, c, tc->stop_scan | (tc->is_udp ? CONN_UDP : 0));
	}
	if (tc->stop_scan < p->fresh)
		return false;
	tc->stop_scan = 0;
	return true;
}

/* Empties a queue, some ids a turn; true when it is. */
static bool drain(struct lcore *lc, struct idq *q, uint16_t flag)
{
	for (uint32_t i = 0; i < SCAN_BURST && q->n != 0; i++) {
		uint32_t id = idq_get(&lc->queues, q);

		if (q->n > CHUNK_IDS)
			rte_prefetch0(conn_at(lc, idq_peek(&lc->queues, q, CHUNK_IDS / 2)));
		conn_unqueue(lc, conn_at(lc, id), id, flag);
	}
	return q->n == 0;
}

/* So for each lane. */
static bool drain_all(struct lcore *lc, struct tc_run *tc)
{
	for (uint32_t i = 0; i < tc->n_lanes; i++) {
		struct lane *l = &tc->lane[i];

		if (!drain(lc, &l->q_open, CF_Q_OPEN) || !drain(lc, &l->q_close, CF_Q_CLOSE)
			|| !drain(lc, &l->q_send, CF_Q_SEND))
			return false;
	}
	return true;
}

static uint64_t open_now(const struct tc_run *tc)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < tc->n_lanes; i++)
		n += tc->app_st[i]->open_now;
	return n;
}

uint32_t stop_run(struct lcore *lc, struct tc_run *tc)
{
	bool over = (int64_t)(lc->now_tsc - tc->stop_deadline) >= 0;
	uint64_t left = open_now(tc);
	uint32_t was = tc->stop_scan;

	switch ((enum stop_phase)tc->stop_phase) {
	case STOP_CLOSE:
		if (!scan(lc, tc, close_one) && !over) {
			if (tc->stop_scan != was)
				tc->stop_deadline = lc->now_tsc + STOP_STUCK_MS * lc->cycles_per_ms;
			return tc->stop_scan != was;
		}
		tc->stop_phase = STOP_WAIT; /* each session has had its FIN: now the grace time
		                               counts */
		tc->stop_left = left;
		tc->stop_deadline = lc->now_tsc + tc->grace_ms * lc->cycles_per_ms;
		tc->stop_last = lc->now_tsc + STOP_MAX_MS * lc->cycles_per_ms;
		return 1;
	case STOP_WAIT:
		if (left != tc->stop_left) { /* the peers are at it */
			tc->stop_left = left;
			tc->stop_deadline = MIN_OF(
				tc->stop_last, lc->now_tsc + tc->grace_ms * lc->cycles_per_ms);
		}
		if (left == 0 || over) {
			tc->stop_scan = 0;
			tc->stop_phase = STOP_RESET;
		}
		return 0;
	case STOP_RESET:
		if (scan(lc, tc, reset_one))
			tc->stop_phase = STOP_DRAIN;
		return 1;
	case STOP_DRAIN:
		if (drain_all(lc, tc)) {
			tc->st->up = 0;
			__atomic_store_n(&tc->run, TCR_IDLE, __ATOMIC_RELEASE); /* management */
		}
		return 1;
	}
	return 0;
}
