/* Inside traffic. */
#pragma once

#include "engine/traffic/traffic.h"

/* FIN after what is being sent; UDP: the end at once. */
void session_close(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id);
/* The message that waits in the queue begins, when the session still wants it; false: it does not.
 */
bool session_send(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id);
void session_output(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id);
/* A closed client session may open again. */
void session_requeue(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id);
/* A closed session's block goes back to its pool. */
void session_drop(struct lcore *lc, struct conn *c, uint32_t id);
/* It was taken out of a queue. False: it had been freed meanwhile, nothing is to be done with it.
 */
bool conn_unqueue(struct lcore *lc, struct conn *c, uint32_t id, uint16_t flag);

static inline struct lane *conn_lane(const struct tc_run *tc, const struct conn *c)
{
	return &tc->lane[c->app.slot];
}

#define AHEAD 6 /* endpoints of a queue prefetched ahead */
static inline void prefetch_conn(struct lcore *lc, const struct idq *q, uint32_t i)
{
	char *c = (char *)conn_at(lc, idq_peek(&lc->queues, q, i));

	rte_prefetch0(c);
	rte_prefetch0(c + CACHE_LINE); /* of a UCB: its neighbour, no harm */
}

static inline void conn_pool_put(struct lcore *lc, uint32_t id)
{
	pool_put(id & CONN_UDP ? &lc->ucbs : &lc->tcbs, id & ~CONN_UDP);
}

/* queues.c: some of the endpoints that queues had no chunk for get their place. Returns how many were
 * looked at. */
cold_path uint32_t queues_refill(struct lcore *lc);

/* While a test case stops: how long there may be no room for one FIN more, before the rest is reset.
 * Forty million take longer than that altogether. */
#define STOP_STUCK_MS 10000

/* latency.c: when the test case starts and when it is over. */
void latency_start(struct lcore *lc, struct tc_run *tc, struct stats_latency *st);
void latency_stop(struct lcore *lc, struct tc_run *tc);

/* times.c: when the test case starts; a session's begin; a request's, before its first byte goes to the
 * transport. The latter two of one that measures. */
void times_start(struct lcore *lc, struct tc_run *tc, struct stats_times *st);
apart void times_opens(struct lcore *lc, const struct tc_run *tc, uint32_t id);
apart void times_request(
	struct lcore *lc, const struct tc_run *tc, const struct conn *c, uint32_t id);

/* clients.c, servers.c: begin; stop.c: the end. */
void clients_start(struct lcore *lc, struct tc_run *tc, const struct lmsg *m);
void servers_start(struct lcore *lc, struct tc_run *tc);
void servers_unlisten(struct lcore *lc, struct tc_run *tc);
uint32_t clients_run(struct lcore *lc, struct tc_run *tc);
uint32_t stop_run(struct lcore *lc, struct tc_run *tc);
