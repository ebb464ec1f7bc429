/* Workers of the engine, its very objects, outside the engine: their memory, their ports with bursts
 * and clock in the caller's hands. One worker with two ports under the unit tests (stack.h), two
 * with one each in the simulator (test/sim). */
#pragma once

#include "engine/lcore/lcore.h"

#include <rte_ethdev.h>

#define WORLD_HZ UINT64_C(1000000000) /* of the workers' TSC: ns */
#define WORLD_LCORES 2

struct world {
	struct seg *seg;
	struct lcore *lc[WORLD_LCORES];
	uint32_t n_lcores;
};
extern struct world world;

/* The EAL without hugepages, under that file prefix. 0 or -1. */
int world_eal(const char *prefix);
/* Buffers as the engine makes them, of so many bytes with their headroom. Not NULL. */
extern uint16_t world_mbuf_bytes;
struct rte_mempool *world_mbufs(const char *name, uint32_t n);

/* Anew: nothing configured, n_lcores workers and two ports to be made. world_end() ends all. */
void world_begin(uint32_t n_lcores);
void world_end(void);
/* The next worker, with pools of these sizes; pool stays the caller's. After its ports comes
 * world_start(). */
struct lcore *world_lcore(uint32_t n_tcbs, uint32_t n_ucbs, struct rte_mempool *pool);
/* Port id, served by lc, with that address (/24); rx and tx get id + 1 as their queue. */
void world_port(struct lcore *lc, uint16_t id, uint32_t ip, uint16_t mtu, eth_rx_burst_t rx,
	eth_tx_burst_t tx);
/* The worker may have its first turn from that time on. */
void world_start(struct lcore *lc, uint64_t tsc);
/* What of a worker's pools is not full again, NULL: all is. Buffers in its stash are given back. */
const char *world_pools(struct lcore *lc);
/* Does opened = closed + open + failed by reason hold? */
bool world_sums(const struct stats_tc *s);
