/* What the engine shares with its clients: made before READY. */
#include "common/abi/segment.h"

#include "common/util/version.h"
#include "engine/boot/boot.h"
#include "engine/l1_port/l1_port.h"
#include "engine/lcore/lcore.h"

#include <rte_lcore.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct seg *segment;
struct slot *slots;

static void header_fill(struct seg_header *h, const char *prefix)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	h->start_realtime_ns = ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
	h->engine_pid = getpid();
	h->tsc_hz = tsc_hz();
	h->loglevel = loglevel_INFO;
	snprintf(h->version, sizeof(h->version), "%s", warp17_version());
	snprintf(h->prefix, sizeof(h->prefix), "%s", prefix);
}

static uint64_t bytes_each(uint64_t bytes, uint64_t n)
{
	return (bytes + n - 1) / n;
}

/* The first that it may run on; rte_lcore_to_cpu_id() is about the CPU with the lcore's number. */
static uint32_t cpu_of(uint32_t lcore_id)
{
	cpu_set_t cpus = rte_lcore_cpuset(lcore_id);
	uint32_t cpu = 0;

	while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus))
		cpu++;
	return cpu;
}

/* The worker's counters lie in the segment. What a worker takes whatever its pools are counts with
 * the TCBs. */
static void worker_enter(uint32_t i)
{
	struct lcore *lc = lcores[i];

	*seg_worker(segment, i) = (struct seg_worker){
		.lcore_id = lc->lcore_id, .cpu = cpu_of(lc->lcore_id), .socket = lc->socket};
	lc->seg = segment;
	lc->lst = seg_stats_lcore(segment, i);
	lc->lst->memory.tcb_bytes = bytes_each(lcore_bytes(lc->tcbs.n, 0, n_ports), lc->tcbs.n);
	lc->lst->memory.ucb_bytes = bytes_each(
		lcore_bytes(lc->tcbs.n, lc->ucbs.n, n_ports) - lcore_bytes(lc->tcbs.n, 0, n_ports),
		lc->ucbs.n);
	for (uint32_t k = 0; k < lc->n_lports; k++)
		lc->lports[k].st = seg_stats_port(segment, i, lc->lports[k].port->id);
	for (uint32_t k = 0; k < lc->n_lports; k++)
		port_faults_init(lc, &lc->lports[k]);
}

int segment_create(const char *prefix)
{
	segment = boot_memory(
		SEG_MEMZONE, seg_size(n_ports, n_workers), 4096, rte_socket_id(), true);
	slots = boot_memory(SLOTS_MEMZONE, SLOTS_ALIGN, SLOTS_ALIGN, rte_socket_id(), true);
	if (segment == NULL || slots == NULL)
		return -ENOMEM;
	memset(slots, 0, SLOTS_ALIGN);
	seg_init(segment, n_ports, n_workers);
	header_fill(&segment->hdr, prefix);
	ports_describe(segment);
	for (uint32_t i = 0; i < n_workers; i++)
		worker_enter(i);
	return 0;
}
