/* Start-up: what the options ask for, which lcore does what, how much memory it takes. */
#pragma once

#include "common/abi/attach.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OPTION_TEXT_MAX 256
#define NODES_MAX 8
#define LCORE_IDS_MAX 128 /* the EAL's RTE_MAX_LCORE, as distributions build it */
static_assert(LCORE_IDS_MAX == WORKERS_MAX + 1);

/* Pools when nothing is asked for, in 1024; buffers a worker, and the least of them. */
#define TCB_POOL_K 512
#define UCB_POOL_K 128
#define MBUF_POOL_K 32
#define MBUF_POOL_LEAST_K 4
#define MBUF_BYTES 2176     /* of a buffer: a full frame and its headroom; the least too */
#define MBUF_BYTES_MAX 9344 /* for MTU_MAX */

/* The engine's options, a field for each row of options.def, and which of them were given. */
typedef bool option_FLAG;
typedef bool option_DONE;
typedef uint64_t option_NUMBER;
typedef char option_TEXT[OPTION_TEXT_MAX];
typedef char option_WORD[OPTION_TEXT_MAX];
/* Lcore ids as bits, none: not given. */
struct lcore_mask {
	uint64_t bits[LCORE_IDS_MAX / 64];
};
typedef struct lcore_mask option_QMAP[PORTS_MAX];

struct options {
#define OPTION(id, name, KIND, ...) option_##KIND id;
#include "engine/boot/options.def"
	struct {
#define OPTION(id, ...) bool id;
#include "engine/boot/options.def"
	} given;
};

/* What the EAL's part of the command line says of what we have to know before it starts. */
struct eal_cmdline {
	char prefix[PREFIX_MAX]; /* --file-prefix */
	uint32_t n_lcores;
	struct {
		uint16_t id;
		uint16_t node;  /* NUMA, of its first CPU */
	} lcore[LCORE_IDS_MAX]; /* ascending ids: the first manages */
	char lcores[48];        /* for --lcores when none were given: two CPUs that we may use */
	bool one_cpu;           /* there is but one */
	bool probe_pci;         /* no port was asked for: NICs bound to a DPDK driver are taken */
	uint32_t n_devs;        /* ports that may come of -a, --vdev or those NICs */
	uint64_t mem_mb;        /* -m and --socket-mem, 0: left to us */
	bool has_prefix, has_lcores, has_dev, has_huge_dir;
	int argc;
	char *argv[96];       /* for rte_eal_init(), ours added */
	const char *vdev[32]; /* of --vdev: "name,arguments"; n_vdevs of them */
	uint32_t n_vdevs;
};

/* Both parts of the command line: EAL arguments, "--", our options. 0 to go on, 1 when all is done
 * (--help, --version), -EINVAL after one line on stderr that says what was expected. Starts no EAL.
 */
int options_parse(struct options *o, struct eal_cmdline *eal, int argc, char **argv);
/* options.c to eal_args.c: reads argv[0..argc), without "--". 0 or -EINVAL. */
int eal_args_read(struct eal_cmdline *eal, int argc, char **argv);

/* No port was asked for: as the specification's users expect, NICs that are bound to a DPDK driver
 * are taken. */
void eal_args_probe_pci(struct eal_cmdline *eal);

/* Sizes the pools to the machine where no option gave them, and says what all of it takes, by NUMA
 * node. */
struct memory_plan {
	uint32_t n_workers, n_ports;
	uint32_t tcbs, ucbs, mbufs; /* of one worker */
	uint32_t n_nodes;
	uint64_t mb[NODES_MAX], free_mb[NODES_MAX]; /* hugepages wanted and free */
	uint64_t eal_mb[NODES_MAX];                 /* of those wanted the EAL's */
	uint64_t total_mb;
	size_t worker_bytes; /* a worker's that the EAL need not have: pages.c */
};
/* 0, or -ENOMEM after one sentence with what to add. fixed: no shrinking to what is free, no check.
 */
int memory_plan(struct memory_plan *plan, const struct options *o, const struct eal_cmdline *eal,
	bool fixed);
/* The directory of hugetlbfs that is for us, where the first, which the EAL would take, is not. */
#define HUGE_DIR_LEN 255
#define HUGE_DIR_MAX 256
bool memory_huge_dir(char path[HUGE_DIR_MAX]);
/* Adds the EAL arguments that the user left to us: prefix, lcores, memory (own: but the workers'), no
 * PCI. */
void eal_args_complete(struct eal_cmdline *eal, const struct memory_plan *plan, bool own);

/* pages.c: before the EAL starts, worker_bytes of hugepages for each worker, on its node or, with
 * any, preferably; none is taken yet. False: there are no such pages, the EAL has to give them. */
bool pages_reserve(const struct memory_plan *plan, const struct eal_cmdline *eal, bool any);
/* When it has: takes them, zeroed, and says how far it is. 0 or -errno. */
int pages_fault(void);
/* A worker's; NULL: it has none. */
void *pages_of(uint32_t worker);

/* lazy.c: memory that only some test cases want, of the engine's own and of a worker's node: addresses
 * are reserved at first, for the engine's life; what is written has memory until it is dropped. */
void *lazy_reserve(size_t len, uint32_t node); /* zeroes; NULL with errno */
/* Makes the first bytes of it ready, so that a worker need not wait for them, as far as a fraction of
 * a second goes. 0 or -errno. */
int lazy_ready(void *at, size_t len);
void lazy_drop(void *at, size_t len);

/* rundir.c: what lies in the EAL's run-time directory of a prefix. A client leaves its files when
 * it goes; all of it, and the files of hugepages, go when the engine does. */
void rundir_sweep(const char *prefix, uint32_t pid);
void rundir_remove(const char *prefix);
/* As that, unless an engine has it, and unlocks: for an EAL that did not start. */
void rundir_give_up(const char *prefix);
/* Before the EAL: the prefix is ours from here on. Waits some seconds until an engine that starts
 * or ends has done so and clients of a dead one have left, and removes what that left behind. 0, or
 * -errno with who is in the way on stderr. */
int rundir_claim(const char *prefix);
/* The file that has the prefix locked, to be unlinked last of all. */
const char *rundir_lock(void);

/* Cycles a second of the TSC, by CLOCK_MONOTONIC from tsc_begin() on; the same each time. What the
 * EAL says is rounded to 10 MHz, so that all rates would be off by as much as 0.2 %. */
void tsc_begin(void);
uint64_t tsc_hz(void);

/* qmap.c, after rte_eal_init(): the workers that serve each port's queues. n_devs ethdevs are there
 * already; ring pairs and TAPs follow. 0 or -EINVAL, logged. */
int qmap_resolve(const struct options *o, uint32_t n_devs);
uint32_t qmap_queues(uint32_t port);
uint32_t qmap_worker(uint32_t port, uint32_t queue);

/* After rte_eal_init(): workers and their pools. 0 or -errno, logged. */
int workers_create(const struct options *o, const struct memory_plan *plan);
/* After the ports: workers get to know those they serve. 0 or -errno, logged. */
int workers_map_ports(void);
void workers_launch(void);
void workers_quit(void);
struct rte_mempool *worker_mbuf_pool(uint32_t worker);
/* Worker index of an lcore id, -1 none. */
int worker_of_lcore(uint32_t lcore_id);
extern uint32_t n_workers;

/* Hugepage memory of the engine's lifetime, zeroed by the kernel; any: of another node when need
 * be. NULL: logged. */
void *boot_memory(const char *name, size_t len, size_t align, uint32_t node, bool any);

/* What is shared with the clients: abi/segment.h. 0 or -errno, logged. */
int segment_create(const char *prefix);
extern struct seg *segment;
extern struct slot *slots;
