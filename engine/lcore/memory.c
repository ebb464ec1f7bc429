/* How a worker's memory is laid out: one block, reserved at boot, nothing after. */
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/lcore/lcore.h"

#include <string.h>

static size_t up(size_t n)
{
	return (n + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
}

/* Ids of queues: each session may be in its test case's three queues, each endpoint in the queue of
 * the blocked. */
static size_t queue_ids(uint32_t n_tcbs, uint32_t n_ucbs)
{
	return ((size_t)n_tcbs + n_ucbs) * 5 / 2 + 1024;
}

size_t lcore_bytes(uint32_t n_tcbs, uint32_t n_ucbs, uint32_t nports)
{
	return up(sizeof(struct lcore)) + up(nports * sizeof(struct tc_run[TCS_MAX]))
		+ conn_pool_bytes(n_tcbs, sizeof(struct tcb))
		+ conn_pool_bytes(n_ucbs, sizeof(struct conn))
		+ conn_pool_bytes(tcp_side_count(n_tcbs), sizeof(struct tcp_side))
		+ up(flow_table_bytes(n_tcbs)) + up(flow_table_bytes(n_ucbs))
		+ up(wheel_bytes(n_tcbs + n_ucbs))
		+ up(queue_ids(n_tcbs, n_ucbs) * sizeof(uint32_t));
}

static void *carve(char **at, size_t n)
{
	void *p = *at;

	*at += up(n);
	return p;
}

struct lcore *lcore_init(void *mem, uint32_t n_tcbs, uint32_t n_ucbs, uint32_t nports)
{
	char *at = mem;
	struct lcore *lc = carve(&at, sizeof(*lc));
	uint32_t n_sides = tcp_side_count(n_tcbs);

	memset(lc, 0, sizeof(*lc));
	lc->tcs = carve(&at, nports * sizeof(struct tc_run[TCS_MAX]));
	memset(lc->tcs, 0, nports * sizeof(struct tc_run[TCS_MAX]));
	conn_pool_init(&lc->tcbs, carve(&at, conn_pool_bytes(n_tcbs, sizeof(struct tcb))), n_tcbs,
		sizeof(struct tcb));
	conn_pool_init(&lc->ucbs, carve(&at, conn_pool_bytes(n_ucbs, sizeof(struct conn))), n_ucbs,
		sizeof(struct conn));
	conn_pool_init(&lc->sides, carve(&at, conn_pool_bytes(n_sides, sizeof(struct tcp_side))),
		n_sides, sizeof(struct tcp_side));
	flow_table_init(&lc->tcp_flows, carve(&at, flow_table_bytes(n_tcbs)), n_tcbs, &lc->tcbs);
	flow_table_init(&lc->udp_flows, carve(&at, flow_table_bytes(n_ucbs)), n_ucbs, &lc->ucbs);
	wheel_init(&lc->wheel, carve(&at, wheel_bytes(n_tcbs + n_ucbs)), n_tcbs + n_ucbs);
	lc->queue_mem_n = queue_ids(n_tcbs, n_ucbs);
	lc->queue_mem = carve(&at, lc->queue_mem_n * sizeof(uint32_t));
	idq_init(&lc->blocked, lc->queue_mem, n_tcbs + n_ucbs);
	lc->queue_mem += n_tcbs + n_ucbs;
	lc->queue_mem_n -= n_tcbs + n_ucbs;
	return lc;
}

/* the test cases' queues */

void idq_init(struct idq *q, uint32_t *v, uint32_t size)
{
	*q = (struct idq){.v = v, .size = size};
}
