/* Workers: their memory and buffers, and their threads. */
#include "common/util/log.h"
#include "engine/boot/boot.h"
#include "engine/l1_port/l1_port.h"
#include "engine/l3_ip/l3_ip.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic.h"

#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_memzone.h>
#include <rte_pause.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

struct lcore *lcores[WORKERS_MAX];
uint32_t n_workers;
/* of all workers: the one that gets a tuple next goes on where another left off */
static uint64_t isn_secret[2];
static uint32_t ts_offset;

void *boot_memory(const char *name, size_t len, size_t align, uint32_t node, bool any)
{
	const struct rte_memzone *mz = rte_memzone_reserve_aligned(name, len, (int)node, 0, align);

	if (mz == NULL && any)
		mz = rte_memzone_reserve_aligned(name, len, SOCKET_ID_ANY, 0, align);
	if (mz == NULL) {
		log_line(loglevel_ERR,
			"error: %s: no %zu MB of hugepage memory on NUMA node %u (%s)%s", name,
			len >> 20, node, rte_strerror(rte_errno),
			any ? "" : "; --mpool-any-sock takes it from any");
		return NULL;
	}
	return mz->addr;
}

/* A LIFO: the buffer freed last is the next used. The worker's own stash is its cache. */
static struct rte_mempool *mbufs_create(
	const char *name, uint32_t n, uint16_t room, uint32_t node, bool any)
{
	struct rte_mempool *mp = rte_pktmbuf_pool_create_by_ops(
		name, n, 0, 0, room, (int)node, "stack");

	if (mp == NULL && any)
		mp = rte_pktmbuf_pool_create_by_ops(name, n, 0, 0, room, SOCKET_ID_ANY, "stack");
	if (mp == NULL)
		log_line(loglevel_ERR,
			"error: %s: %u packet buffers of %u bytes on NUMA node %u: %s", name, n,
			room, node, rte_strerror(rte_errno));
	return mp;
}

static int worker_create(
	const struct options *o, const struct memory_plan *p, uint32_t i, uint32_t id)
{
	uint32_t node = rte_lcore_to_socket_id(id);
	char name[32];
	struct lcore *lc;
	void *mem;

	snprintf(name, sizeof(name), "lcore_%u", i);
	mem = pages_of(i);
	if (mem == NULL)
		mem = boot_memory(name, p->worker_bytes, 4096, node, o->mpool_any_sock);
	if (mem == NULL)
		return -ENOMEM;
	lc = lcore_init(mem, p->tcbs, p->ucbs, p->n_ports);
	lc->index = i;
	lc->lcore_id = id;
	lc->socket = node;
	lc->tsc_hz = tsc_hz();
	lc->cycles_per_ms = lc->tsc_hz / 1000;
	lc->cycles_per_us = lc->tsc_hz / 1000000;
	memset(lc->lport_of, 255, sizeof(lc->lport_of));
	memcpy(lc->isn_secret, isn_secret, sizeof(isn_secret));
	lc->ts_offset = ts_offset;
	snprintf(name, sizeof(name), "mbufs_%u", i);
	lc->stash.pool = mbufs_create(
		name, p->mbufs, (uint16_t)o->mbuf_bytes, node, o->mpool_any_sock);
	faults_pool_bound(&lc->held, p->mbufs / 2);
	lcores[i] = lc;
	return lc->stash.pool != NULL ? 0 : -ENOMEM;
}

int workers_create(const struct options *o, const struct memory_plan *p)
{
	uint32_t id, i = 0;
	int rc;

	if (rte_lcore_count() - 1 != p->n_workers) {
		log_line(loglevel_ERR, "error: the EAL has %u lcores, %u were expected",
			rte_lcore_count(), p->n_workers + 1);
		return -EINVAL;
	}
	app_tcs = boot_memory("app_tcs", app_tcs_count(p->n_ports) * sizeof(*app_tcs), 4096,
		rte_socket_id(), true);
	if (app_tcs == NULL)
		return -ENOMEM;
	if (getrandom(isn_secret, sizeof(isn_secret), 0) != sizeof(isn_secret)
		|| getrandom(&ts_offset, sizeof(ts_offset), 0) != sizeof(ts_offset))
		return -EIO;
	rc = pages_fault();
	if (rc != 0) {
		log_line(loglevel_ERR,
			"error: no hugepages for the workers on their NUMA node "
			"(%s); --mpool-any-sock takes them from any",
			strerror(-rc));
		return rc;
	}
	RTE_LCORE_FOREACH_WORKER(id) {
		rc = worker_create(o, p, i++, id);

		if (rc != 0)
			return rc;
	}
	n_workers = i;
	return 0;
}

struct rte_mempool *worker_mbuf_pool(uint32_t worker)
{
	return lcores[worker]->stash.pool;
}

int worker_of_lcore(uint32_t lcore_id)
{
	for (uint32_t i = 0; i < n_workers; i++) {
		if (lcores[i]->lcore_id == lcore_id)
			return (int)i;
	}
	return -1;
}

/* Those of a port share its queue, unless it is a ring. */
static int handoff_create(struct port *p)
{
	char name[32];
	void *mem;

	if (p->kind == port_kind_RING || p->n_queues < 2)
		return 0;
	snprintf(name, sizeof(name), "handoff_%u", p->id);
	mem = boot_memory(name, handoff_bytes(p->n_queues), 4096, p->socket, true);
	if (mem == NULL)
		return -ENOMEM;
	handoff_init(p, mem);
	return 0;
}

int workers_map_ports(void)
{
	int rc = 0;

	for (uint32_t p = 0; p < n_ports && rc == 0; p++) {
		rc = handoff_create(&ports[p]);
		for (uint32_t q = 0; q < ports[p].n_queues; q++) {
			struct lcore *lc = lcores[ports[p].queue_worker[q]];
			struct lport *lp = &lc->lports[lc->n_lports];

			lp->port = &ports[p];
			lp->queue = (uint16_t)q;
			lp->handoff = ports[p].handoff[q];
			lc->lport_of[p] = (uint8_t)lc->n_lports++;
		}
	}
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < n_workers && rc == 0; i++)
		rc = frags_create(lcores[i]);
	if (rc != 0)
		log_line(loglevel_ERR, "error: no hugepage memory for the fragments' tables");
	return rc;
}

void workers_launch(void)
{
	for (uint32_t i = 0; i < n_workers; i++)
		rte_eal_remote_launch(lcore_loop, lcores[i], lcores[i]->lcore_id);
}

void workers_quit(void)
{
	struct lmsg quit = {.id = LMSG_QUIT};

	for (uint32_t i = 0; i < n_workers; i++) {
		while (mailbox_post(lcores[i], &quit) != 0)
			rte_pause(); /* it empties its mailbox every turn */
	}
	rte_eal_mp_wait_lcore();
}
