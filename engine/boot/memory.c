/* What the pools take, before the EAL starts: a shortfall is one sentence, not a crash later.
 * Memory is counted by NUMA node: a worker's lies on the node of its CPU, what all share on that of
 * management. */
#include "common/abi/segment.h"
#include "engine/boot/boot.h"
#include "engine/l1_port/l1_port.h"
#include "engine/l3_ip/l3_ip.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic.h"

#include <numa.h>

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MB (UINT64_C(1) << 20)
#define TCBS_DEFAULT (TCB_POOL_K * 1024u)
#define UCBS_DEFAULT (UCB_POOL_K * 1024u)
#define MBUFS_DEFAULT (MBUF_POOL_K * 1024u)
#define POOL_FLOOR (16 * 1024u)
#define MBUFS_FLOOR (8 * 1024u)
#define POOL_LEAST 64u
#define MBUFS_LEAST \
	(MBUF_POOL_LEAST_K * 1024u)   /* of a worker: a device's receive queue takes 1024 */
#define MBUF_OVERHEAD (64 + 128 + 64) /* mempool's header, rte_mbuf, padding */
#define OVERHEAD_MB 64                /* rings, device queues, the EAL's own */
#define WORKER_MB 4                   /* rounding to pages of its zones */

static uint64_t read_number(const char *path)
{
	uint64_t v = 0;
	FILE *f = fopen(path, "r");

	if (f == NULL)
		return 0;
	if (fscanf(f, "%" SCNu64, &v) != 1)
		v = 0;
	fclose(f);
	return v;
}

/* Free hugepages of a size on a node; on machines without nodes the whole system's. */
static uint64_t free_pages(uint32_t node, uint32_t kb)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path),
		"/sys/devices/system/node/node%u/hugepages/hugepages-%ukB/free_hugepages", node,
		kb);
	f = fopen(path, "r");
	if (f == NULL && node == 0)
		snprintf(path, sizeof(path),
			"/sys/kernel/mm/hugepages/hugepages-%ukB/free_hugepages", kb);
	if (f != NULL)
		fclose(f);
	return read_number(path);
}

/* Where hugetlbfs of that size is mounted and we may write; first: whether or not. */
static bool mount_find(uint32_t kb, bool first, char path[HUGE_DIR_MAX])
{
	char line[1024], type[32], how[512], size[32];
	FILE *f = fopen("/proc/mounts", "r");
	bool found = false;

	snprintf(size, sizeof(size), "pagesize=%uM", kb / 1024);
	while (f != NULL && !found && fgets(line, sizeof(line), f) != NULL) {
		found = sscanf(line, "%*s %" TEXT_OF(HUGE_DIR_LEN) "s %31s %511s", path, type, how)
				== 3
			&& strcmp(type, "hugetlbfs") == 0
			&& (strstr(how, size) != NULL
				|| (kb != 2048 && strstr(how, "pagesize=1G") != NULL))
			&& (first || access(path, W_OK) == 0);
	}
	if (f != NULL)
		fclose(f);
	return found;
}

/* Sizes of pages for which hugetlbfs is mounted: others are of no use. */
static bool mounted(uint32_t kb)
{
	char path[HUGE_DIR_MAX];

	return mount_find(kb, false, path);
}

bool memory_huge_dir(char path[HUGE_DIR_MAX])
{
	char eals[HUGE_DIR_MAX];

	return mount_find(2048, true, eals) && access(eals, W_OK) != 0
		&& mount_find(2048, false, path);
}

static void free_look(struct memory_plan *p)
{
	static const uint32_t kb[] = {2048, 1048576};

	for (size_t k = 0; k < ARRAY_SIZE(kb); k++) {
		for (uint32_t n = 0; n < p->n_nodes && mounted(kb[k]); n++)
			p->free_mb[n] += free_pages(n, kb[k]) * kb[k] / 1024;
	}
}

/* Fills in what the pools' sizes take. */
static void count(struct memory_plan *p, const struct options *o, const struct eal_cmdline *eal)
{
	uint64_t worker = frags_bytes(p->n_ports) + p->mbufs * (o->mbuf_bytes + MBUF_OVERHEAD);
	uint64_t shared = (uint64_t)app_tcs_count(p->n_ports) * sizeof(struct app_tc)
		+ SLOTS_ALIGN * UINT64_C(2) + seg_size(p->n_ports, p->n_workers)
		+ (p->n_ports - 2 * o->ring_if_pairs) * handoff_bytes(p->n_workers);

	p->worker_bytes = lcore_bytes(p->tcbs, p->ucbs, p->n_ports);
	memset(p->mb, 0, sizeof(p->mb));
	memset(p->eal_mb, 0, sizeof(p->eal_mb));
	p->eal_mb[eal->lcore[0].node] = shared / MB + OVERHEAD_MB;
	for (uint32_t i = 1; i <= p->n_workers; i++) {
		p->eal_mb[eal->lcore[i].node] += worker / MB + WORKER_MB;
		p->mb[eal->lcore[i].node] += p->worker_bytes / MB + WORKER_MB / 2;
	}
	p->total_mb = 0;
	for (uint32_t n = 0; n < p->n_nodes; n++) { /* whole pages */
		p->eal_mb[n] += p->eal_mb[n] & 1;
		p->mb[n] += p->mb[n] & 1;
		p->mb[n] += p->eal_mb[n];
		p->total_mb += p->mb[n];
	}
}

static uint64_t over(uint64_t want, uint64_t have)
{
	return want > have ? want - have : 0;
}

static uint64_t free_of(const struct memory_plan *p)
{
	uint64_t mb = 0;

	for (uint32_t n = 0; n < p->n_nodes; n++)
		mb += p->free_mb[n];
	return mb;
}

/* MB that are wanted and not there. */
static uint64_t missing(
	const struct memory_plan *p, const struct options *o, const struct eal_cmdline *eal)
{
	uint64_t have = free_of(p), miss = 0;

	for (uint32_t n = 0; n < p->n_nodes; n++)
		miss += over(p->mb[n], p->free_mb[n]);
	if (eal->mem_mb != 0) /* the user's own: where it lies is his business */
		return MAX_OF(over(p->total_mb, eal->mem_mb), over(eal->mem_mb, have));
	return o->mpool_any_sock ? over(p->total_mb, have) : miss;
}

static uint32_t of_worker(
	uint64_t given_k, bool given, uint32_t otherwise, uint32_t least, uint32_t n)
{
	uint64_t blocks = given ? given_k * 1024 / n : otherwise;

	return blocks < least ? least : (uint32_t)blocks;
}

/* Halves the pools that no option gave; false when all are small. */
static bool shrink(struct memory_plan *p, const struct options *o)
{
	uint32_t was = p->tcbs + p->ucbs + p->mbufs;

	if (!o->given.tcb_pool_k && p->tcbs > POOL_FLOOR)
		p->tcbs /= 2;
	if (!o->given.ucb_pool_k && p->ucbs > POOL_FLOOR)
		p->ucbs /= 2;
	if (!o->given.mbuf_pool_k && p->mbufs > MBUFS_FLOOR)
		p->mbufs /= 2;
	return was != p->tcbs + p->ucbs + p->mbufs;
}

static int shortfall(const struct memory_plan *p, const struct eal_cmdline *eal, uint64_t miss)
{
	const struct passwd *user = getpwuid(geteuid());
	uint64_t have = free_of(p);
	char path[HUGE_DIR_MAX];

	if (!mounted(2048) && !mounted(1048576) && geteuid() != 0)
		fprintf(stderr,
			"warp17: error: needs %" PRIu64 " MB of hugepages, and %s%s: have root run "
			"scripts/hugepages ensure %" PRIu64 " --user %s\n",
			p->total_mb,
			mount_find(2048, true, path) ? "you may not write to "
						     : "no hugetlbfs is mounted",
			mount_find(2048, true, path) ? path : "", p->total_mb,
			user ? user->pw_name : "NAME");
	else if (!mounted(2048) && !mounted(1048576))
		fprintf(stderr,
			"warp17: error: needs %" PRIu64
			" MB of hugepages, and no hugetlbfs is mounted: "
			"scripts/hugepages ensure %" PRIu64 "\n",
			p->total_mb, p->total_mb);
	else if (eal->mem_mb > have)
		fprintf(stderr,
			"warp17: error: -m (--socket-mem) asks for %" PRIu64
			" MB of hugepages, %" PRIu64 " MB are free: add %" PRIu64
			" pages of 2 MB, e.g. scripts/hugepages ensure %" PRIu64
			", or leave it out\n",
			eal->mem_mb, have, (miss + 1) / 2, eal->mem_mb);
	else if (eal->mem_mb != 0)
		fprintf(stderr,
			"warp17: error: needs %" PRIu64
			" MB of hugepages, -m (--socket-mem) gives %" PRIu64
			": raise it, or leave it out\n",
			p->total_mb, eal->mem_mb);
	else
		fprintf(stderr,
			"warp17: error: needs %" PRIu64 " MB of hugepages, %" PRIu64
			" MB are free%s: add %" PRIu64
			" pages of 2 MB, e.g. scripts/hugepages ensure %" PRIu64 "\n",
			p->total_mb, have,
			p->n_nodes > 1 ? " and not all on the right NUMA nodes (--mpool-any-sock)"
				       : "",
			(miss + 1) / 2, p->total_mb);
	return -ENOMEM;
}

int memory_plan(
	struct memory_plan *p, const struct options *o, const struct eal_cmdline *eal, bool fixed)
{
	uint64_t miss;

	memset(p, 0, sizeof(*p));
	p->n_nodes = numa_available() < 0
		? 1
		: MIN_OF((uint32_t)numa_max_node() + 1, (uint32_t)NODES_MAX);
	p->n_workers = MIN_OF(eal->n_lcores - 1, (uint32_t)WORKERS_MAX);
	p->n_ports = MAX_OF(eal->n_devs + 2 * o->ring_if_pairs + o->tap_ifs, UINT64_C(1));
	p->tcbs = of_worker(o->tcb_pool_k, o->given.tcb_pool_k, TCBS_DEFAULT / p->n_workers,
		POOL_LEAST, p->n_workers);
	p->ucbs = of_worker(o->ucb_pool_k, o->given.ucb_pool_k, UCBS_DEFAULT / p->n_workers,
		POOL_LEAST, p->n_workers);
	p->mbufs = of_worker(
		o->mbuf_pool_k, o->given.mbuf_pool_k, MBUFS_DEFAULT, MBUFS_LEAST, p->n_workers);
	count(p, o, eal);
	if (fixed)
		return 0;
	if (p->tcbs >= CONN_UDP || p->ucbs >= CONN_UDP) {
		fprintf(stderr, "warp17: error: a worker's pool holds at most %u control blocks\n",
			CONN_UDP - 1);
		return -EINVAL;
	}
	if (o->given.mbuf_pool_k && o->mbuf_pool_k * 1024 / p->n_workers < MBUFS_LEAST) {
		fprintf(stderr,
			"warp17: error: --mbuf-pool-sz: %" PRIu64
			" given, %u workers need at least %u\n",
			o->mbuf_pool_k, p->n_workers, p->n_workers * MBUFS_LEAST / 1024);
		return -EINVAL;
	}
	free_look(p);
	while ((miss = missing(p, o, eal)) != 0 && eal->mem_mb <= free_of(p) && shrink(p, o))
		count(p, o, eal);
	return miss == 0 ? 0 : shortfall(p, eal, miss);
}
