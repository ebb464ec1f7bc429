/* How a worker's memory is laid out: one block, reserved at boot, nothing after. */
#include "engine/l1_port/l1_port.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/lcore/lcore.h"

#include <string.h>

#define QUEUE_SHARE 3 / 2 /* places in queues for each endpoint, which can be in four: queues.c */

#define LANES_BYTES sizeof(struct lane[IMIX_GROUPS_MAX][IMIX_GROUP_APPS])

/* Chunks that queues have in any case: three of each lane, and those of the blocked. */
static uint32_t queue_own(uint32_t nports)
{
	return IDQ_OWN * (3 * (TCS_MAX * nports + IMIX_GROUPS_MAX * IMIX_GROUP_APPS) + nports);
}

static uint32_t queue_chunks(uint32_t n_conns, uint32_t nports)
{
	return (uint32_t)((uint64_t)n_conns * QUEUE_SHARE / CHUNK_IDS) + queue_own(nports) + 1;
}

static size_t missed_bytes(uint32_t n_conns)
{
	return ((size_t)n_conns / MISSED_OF + 1) * sizeof(uint64_t);
}

size_t lcore_bytes(uint32_t n_tcbs, uint32_t n_ucbs, uint32_t nports)
{
	return whole_lines(sizeof(struct lcore)) + IP_BYTES_MAX
		+ whole_lines(nports * sizeof(struct tc_run[TCS_MAX])) + whole_lines(LANES_BYTES)
		+ whole_lines(nports * sizeof(struct lport))
		+ conn_pool_bytes(n_tcbs, sizeof(struct tcb))
		+ conn_pool_bytes(n_ucbs, sizeof(struct conn))
		+ conn_pool_bytes(tcp_side_count(n_tcbs), sizeof(struct tcp_side))
		+ whole_lines(flow_table_bytes(n_tcbs)) + whole_lines(flow_table_bytes(n_ucbs))
		+ whole_lines(wheel_bytes(n_tcbs + n_ucbs))
		+ whole_lines(faults_pool_bytes(FAULTS_WORKER_HELD))
		+ whole_lines(chunk_pool_bytes(queue_chunks(n_tcbs + n_ucbs, nports)))
		+ whole_lines(missed_bytes(n_tcbs + n_ucbs));
}

size_t chunk_pool_bytes(uint32_t n)
{
	return (size_t)n * sizeof(struct chunk);
}

void chunk_pool_init(struct chunk_pool *p, void *mem, uint32_t n)
{
	*p = (struct chunk_pool){.chunk = mem, .n = n, .n_free = n - 1, .fresh = 1};
}

static void *carve(char **at, size_t n)
{
	void *p = *at;

	*at += whole_lines(n);
	return p;
}

struct lcore *lcore_init(void *mem, uint32_t n_tcbs, uint32_t n_ucbs, uint32_t nports)
{
	char *at = mem;
	struct lcore *lc = carve(&at, sizeof(*lc));
	uint32_t n_sides = tcp_side_count(n_tcbs), n_chunks;

	memset(lc, 0, sizeof(*lc));
	lc->tcs = carve(&at, nports * sizeof(struct tc_run[TCS_MAX]));
	memset(lc->tcs, 0, nports * sizeof(struct tc_run[TCS_MAX]));
	lc->lanes = carve(&at, LANES_BYTES);
	lc->lports = carve(&at, nports * sizeof(struct lport));
	memset(lc->lports, 0, nports * sizeof(struct lport));
	conn_pool_init(&lc->tcbs, carve(&at, conn_pool_bytes(n_tcbs, sizeof(struct tcb))), n_tcbs,
		sizeof(struct tcb));
	conn_pool_init(&lc->ucbs, carve(&at, conn_pool_bytes(n_ucbs, sizeof(struct conn))), n_ucbs,
		sizeof(struct conn));
	conn_pool_init(&lc->sides, carve(&at, conn_pool_bytes(n_sides, sizeof(struct tcp_side))),
		n_sides, sizeof(struct tcp_side));
	flow_table_init(&lc->tcp_flows, carve(&at, flow_table_bytes(n_tcbs)), n_tcbs, &lc->tcbs);
	flow_table_init(&lc->udp_flows, carve(&at, flow_table_bytes(n_ucbs)), n_ucbs, &lc->ucbs);
	wheel_init(&lc->wheel, carve(&at, wheel_bytes(n_tcbs + n_ucbs)), n_tcbs + n_ucbs);
	lc->join = carve(&at, IP_BYTES_MAX);
	faults_pool_init(
		&lc->held, carve(&at, faults_pool_bytes(FAULTS_WORKER_HELD)), FAULTS_WORKER_HELD);
	n_chunks = queue_chunks(n_tcbs + n_ucbs, nports);
	chunk_pool_init(&lc->queues, carve(&at, chunk_pool_bytes(n_chunks)), n_chunks);
	lc->queues.kept = queue_own(nports);
	lc->missed = carve(&at, missed_bytes(n_tcbs + n_ucbs));
	return lc;
}
