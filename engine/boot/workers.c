/* Workers: their memory and buffers, which queues are whose (qmap), and the segment that shows it
 * all. */
#include "common/util/log.h"
#include "common/util/version.h"
#include "engine/boot/boot.h"
#include "engine/l1_port/l1_port.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic.h"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_memzone.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define MBUF_CACHE 256
#define PAGE 4096

struct lcore *lcores[WORKERS_MAX];
uint32_t n_workers;
struct seg *segment;
struct slot *slots;

static void *memory(const char *name, size_t len, uint32_t align, uint32_t socket, bool any)
{
	const struct rte_memzone *mz = rte_memzone_reserve_aligned(name, len, socket, 0, align);

	if (mz == NULL && any)
		mz = rte_memzone_reserve_aligned(name, len, SOCKET_ID_ANY, 0, align);
	if (mz == NULL) {
		log_line(loglevel_ERR,
			"error: %s: no %zu MB of hugepage memory on NUMA node %u (%s)", name,
			len >> 20, socket, rte_strerror(rte_errno));
		return NULL;
	}
	return mz->addr;
}

static int worker_create(
	const struct options *o, const struct memory_plan *p, uint32_t i, uint32_t id)
{
	uint32_t socket = rte_lcore_to_socket_id(id);
	size_t len = lcore_bytes(p->tcbs, p->ucbs, p->n_ports);
	char name[32];
	struct lcore *lc;
	void *mem;

	snprintf(name, sizeof(name), "lcore_%u", i);
	mem = memory(name, len, PAGE, socket, o->mpool_any_sock);
	if (mem == NULL)
		return -ENOMEM;
	lc = lcore_init(mem, p->tcbs, p->ucbs, p->n_ports);
	lc->index = i;
	lc->lcore_id = id;
	lc->socket = socket;
	lc->tsc_hz = rte_get_tsc_hz();
	lc->cycles_per_ms = lc->tsc_hz / 1000;
	lc->cycles_per_us = lc->tsc_hz / 1000000;
	memset(lc->lport_of, 255, sizeof(lc->lport_of));
	if (getrandom(lc->isn_secret, sizeof(lc->isn_secret), 0) != sizeof(lc->isn_secret))
		return -EIO;
	snprintf(name, sizeof(name), "mbufs_%u", i);
	lc->stash.pool = rte_pktmbuf_pool_create_by_ops(name, p->mbufs, MBUF_CACHE, 0,
		o->mbuf_bytes + RTE_PKTMBUF_HEADROOM, socket, "stack");
	if (lc->stash.pool == NULL) {
		log_line(loglevel_ERR, "error: %s: %u packet buffers: %s", name, p->mbufs,
			rte_strerror(rte_errno));
		return -ENOMEM;
	}
	lcores[i] = lc;
	return 0;
}

int workers_create(const struct options *o, const struct memory_plan *p)
{
	uint32_t id, i = 0;

	if (rte_lcore_count() - 1 != p->n_workers) {
		log_line(loglevel_ERR, "error: the EAL has %u lcores, %u were expected",
			rte_lcore_count(), p->n_workers + 1);
		return -EINVAL;
	}
	app_tcs = memory("app_tcs", (size_t)p->n_ports * TCS_MAX * sizeof(*app_tcs), PAGE,
		rte_socket_id(), true);
	if (app_tcs == NULL)
		return -ENOMEM;
	RTE_LCORE_FOREACH_WORKER(id) {
		int rc = worker_create(o, p, i++, id);

		if (rc != 0)
			return rc;
	}
	n_workers = i;
	return 0;
}

struct rte_mempool *boot_mbuf_pool(uint32_t worker)
{
	return lcores[worker]->stash.pool;
}

/* Mask of worker indexes for a port. */
static uint64_t worker_mask(const struct options *o, uint32_t port)
{
	uint64_t m = 0;

	if (!o->qmap_given && o->qmap_default == 'c')
		return UINT64_C(1) << port % n_workers;
	if (!o->qmap_given)
		return n_workers == 64 ? UINT64_MAX : (UINT64_C(1) << n_workers) - 1;
	for (uint32_t i = 0; i < n_workers; i++) {
		if (lcores[i]->lcore_id < 64 && (o->qmap[port] >> lcores[i]->lcore_id & 1))
			m |= UINT64_C(1) << i;
	}
	return m;
}

uint32_t qmap_queues(const struct options *o, uint32_t port)
{
	return __builtin_popcountll(worker_mask(o, port));
}

int lcores_map(const struct options *o)
{
	for (uint32_t p = 0; p < n_ports; p++) {
		uint64_t m = worker_mask(o, p);

		if (m == 0) {
			log_line(
				loglevel_ERR, "error: --qmap names no worker lcore for port %u", p);
			return -EINVAL;
		}
		if (ports[p].kind == port_kind_RING
			&& ports[ports[p].peer].n_queues != ports[p].n_queues) {
			log_line(loglevel_ERR,
				"error: ring ports %u and %u need the same number of queues", p,
				ports[p].peer);
			return -EINVAL;
		}
		for (uint32_t q = 0; q < ports[p].n_queues; q++, m &= m - 1) {
			struct lcore *lc = lcores[__builtin_ctzll(m)];
			struct lport *lp = &lc->lports[lc->n_lports];

			ports[p].queue_worker[q] = lc->index;
			lp->port = &ports[p];
			lp->queue = q;
			lc->lport_of[p] = lc->n_lports++;
		}
	}
	return 0;
}

int segment_create(const struct options *o)
{
	struct timespec ts;

	segment = memory(SEG_MEMZONE, seg_size(n_ports, n_workers), PAGE, rte_socket_id(), true);
	slots = memory(SLOTS_MEMZONE, SLOTS_ALIGN, SLOTS_ALIGN, rte_socket_id(), true);
	if (segment == NULL || slots == NULL)
		return -ENOMEM;
	memset(slots, 0, SLOTS_ALIGN);
	seg_init(segment, n_ports, n_workers);
	clock_gettime(CLOCK_REALTIME, &ts);
	segment->hdr.start_realtime_ns = ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
	segment->hdr.engine_pid = getpid();
	segment->hdr.tsc_hz = rte_get_tsc_hz();
	segment->hdr.loglevel = loglevel_INFO;
	snprintf(segment->hdr.version, sizeof(segment->hdr.version), "%s", warp17_version());
	snprintf(segment->hdr.prefix, sizeof(segment->hdr.prefix), "%s", o->prefix);
	ports_describe(segment);
	for (uint32_t i = 0; i < n_workers; i++) {
		struct lcore *lc = lcores[i];

		*seg_worker(segment, i) = (struct seg_worker){.lcore_id = lc->lcore_id,
			.cpu = rte_lcore_to_cpu_id(lc->lcore_id),
			.socket = lc->socket};
		lc->seg = segment;
		lc->lst = seg_stats_lcore(segment, i);
		lc->lst->memory.tcb_bytes = lcore_bytes(lc->tcbs.n, 64, 1) / MAX_OF(lc->tcbs.n, 1u);
		for (uint32_t k = 0; k < lc->n_lports; k++)
			lc->lports[k].st = seg_stats_port(segment, i, lc->lports[k].port->id);
	}
	return 0;
}

void workers_launch(void)
{
	for (uint32_t i = 0; i < n_workers; i++)
		rte_eal_remote_launch(lcore_loop, lcores[i], lcores[i]->lcore_id);
}

void workers_quit(void)
{
	struct lmsg quit = {.id = LMSG_QUIT};

	for (uint32_t i = 0; i < n_workers; i++)
		mailbox_post(lcores[i], &quit);
	rte_eal_mp_wait_lcore();
}
