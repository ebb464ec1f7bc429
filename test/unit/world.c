/* See world.h. */
#include "test/unit/world.h"

#include "engine/l1_port/l1_port.h"
#include "engine/l3_ip/l3_ip.h"
#include "engine/traffic/traffic.h"

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world world;
struct port ports[PORTS_MAX];
uint16_t n_ports = 2;
static void *memory[WORLD_LCORES], *seg, *tcs;
static size_t memory_len[WORLD_LCORES], seg_len, tcs_len;

int world_eal(const char *prefix)
{
	static char args[][48] = {"test", "--no-huge", "--no-shconf", "-m", "256", "--no-pci",
		"--no-telemetry", "--log-level=*:error", "--lcores", "0", "--file-prefix="};
	char *argv[ARRAY_SIZE(args) + 1] = {NULL};
	int rc;

	for (size_t i = 0; i < ARRAY_SIZE(args); i++)
		argv[i] = args[i];
	snprintf(args[ARRAY_SIZE(args) - 1], sizeof(args[0]), "--file-prefix=%s", prefix);
	rc = rte_eal_init(ARRAY_SIZE(args), argv);
	rmdir(rte_eal_get_runtime_dir()); /* made all the same, empty */
	return rc < 0 ? -1 : 0;
}

uint16_t world_mbuf_bytes = 2176;

struct rte_mempool *world_mbufs(const char *name, uint32_t n)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create_by_ops(
		name, n, 0, 0, world_mbuf_bytes, SOCKET_ID_ANY, "stack");

	BUG_ON(pool == NULL);
	return pool;
}

/* Of the world before, when it was as large: page faults would cost more than all the rest. */
static void *zeroed(void *was, size_t *was_len, size_t len)
{
	if (*was_len != len) {
		free(was);
		was = aligned_alloc(4096, (len + 4095) & ~(size_t)4095);
		*was_len = len;
	}
	BUG_ON(was == NULL);
	return memset(was, 0, len);
}

void world_begin(uint32_t n_lcores)
{
	memset(&world, 0, sizeof(world));
	memset(tc_cfgs, 0, sizeof(tc_cfgs));
	world.seg = seg = zeroed(seg, &seg_len, seg_size(n_ports, n_lcores));
	seg_init(world.seg, n_ports, n_lcores);
	app_tcs = tcs = zeroed(tcs, &tcs_len, app_tcs_count(n_ports) * sizeof(*app_tcs));
}

struct lcore *world_lcore(uint32_t n_tcbs, uint32_t n_ucbs, struct rte_mempool *pool)
{
	uint32_t i = world.n_lcores++;
	struct lcore *lc;

	memory[i] = zeroed(memory[i], &memory_len[i], lcore_bytes(n_tcbs, n_ucbs, n_ports));
	world.lc[i] = lc = lcore_init(memory[i], n_tcbs, n_ucbs, n_ports);
	lc->index = i;
	lc->tsc_hz = WORLD_HZ;
	lc->cycles_per_ms = WORLD_HZ / 1000;
	lc->cycles_per_us = WORLD_HZ / 1000000;
	lc->seg = world.seg;
	lc->lst = seg_stats_lcore(world.seg, i);
	lc->isn_secret[0] = 0x123456789abcdef0;
	memset(lc->lport_of, 255, sizeof(lc->lport_of));
	lc->stash.pool = pool;
	return lc;
}

void world_port(struct lcore *lc, uint16_t id, uint32_t ip, uint16_t mtu, eth_rx_burst_t rx,
	eth_tx_burst_t tx)
{
	static void *queue[PORTS_MAX], *clbk[PORTS_MAX];
	struct lport *lp = &lc->lports[lc->n_lports];

	ports[id] = (struct port){.id = id,
		.dev_id = id,
		.mtu = mtu,
		.n_queues = 1,
		.mac = {2, 0, 0, 0, 0, (uint8_t)id}};
	lp->port = &ports[id];
	lp->st = seg_stats_port(world.seg, lc->index, id);
	lp->running = 1;
	port_faults_init(lc, lp);
	lc->lport_of[id] = (uint8_t)lc->n_lports++;
	queue[id] = (void *)(uintptr_t)(id + 1);
	rte_eth_fp_ops[id].rx_pkt_burst = rx;
	rte_eth_fp_ops[id].tx_pkt_burst = tx;
	rte_eth_fp_ops[id].rxq.data = rte_eth_fp_ops[id].txq.data = &queue[id];
	rte_eth_fp_ops[id].rxq.clbk = rte_eth_fp_ops[id].txq.clbk = &clbk[id];
	memset(&port_l3[id], 0, sizeof(port_l3[id]));
	port_l3[id].intf[port_l3[id].n_intfs++] = (struct l3_intf){
		.ip = ip4_addr(ip), .mask = ip4_addr(0xffffff00)};
}

void world_start(struct lcore *lc, uint64_t tsc)
{
	BUG_ON(frags_create(lc) != 0);
	lcore_clock_start(lc, tsc);
}

const char *world_pools(struct lcore *lc)
{
	for (uint32_t i = 0; i < lc->n_lports; i++)
		frags_drain(lc, &lc->lports[i]);
	if (lc->n_frags != 0)
		return "fragments are counted as kept";
	rte_mempool_put_bulk(lc->stash.pool, (void **)lc->stash.m, lc->stash.n);
	lc->stash.n = 0;
	if (pool_n_free(&lc->tcbs) != lc->tcbs.n)
		return "TCBs are missing";
	if (pool_n_free(&lc->ucbs) != lc->ucbs.n)
		return "UCBs are missing";
	if (pool_n_free(&lc->sides) != lc->sides.n)
		return "side blocks are missing";
	if (lc->queues.n_free != lc->queues.n - 1)
		return "chunks of queues are missing";
	if (lc->n_kept != 0)
		return "buffers are counted as kept";
	if (!rte_mempool_full(lc->stash.pool))
		return "buffers are missing";
	return NULL;
}

bool world_sums(const struct stats_tc *s)
{
	return s->opened
		== s->closed + s->open_now + s->failed_syn + s->failed_rst + s->failed_icmp
		+ s->failed_retry + s->failed_to + s->failed_app + s->failed_stop;
}

void world_end(void)
{
	for (uint32_t i = 0; i < world.n_lcores; i++)
		frags_destroy(world.lc[i]);
	world.seg = NULL;
	app_tcs = NULL;
	world.n_lcores = 0;
}
