/* Start-up: what the options ask for, which lcore does what, how much memory it takes. */
#pragma once

#include "common/abi/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mempool;
struct seg;
struct slot;

/* The engine's options after parsing: engine/boot/options.c (from options.def: parser, --help and
 * docs). */
struct options {
	char prefix[64];          /* EAL --file-prefix, default "warp17" */
	uint64_t qmap[PORTS_MAX]; /* worker masks by lcore id (the first 64 lcores), 0: not given */
	bool qmap_given;
	int qmap_default;                 /* 0 not given, 'c' or 'q' */
	uint64_t n_tcbs, n_ucbs, n_mbufs; /* whole engine; 0: sized to the machine */
	uint64_t n_mbuf_hdrs; /* accepted for the original's sake: header buffers come from the same
	                         pool */
	uint32_t mbuf_bytes;  /* data room of a packet buffer without headroom, default 2048 */
	bool mpool_any_sock;
	uint32_t ring_pairs, taps;
	char tap_netns[64]; /* move TAPs into this network namespace */
	bool sw_csum;       /* --sw-checksum: ring pairs compute and check checksums too */
	char cmd_file[256];
	bool print_memory;
};

/* What the command line was, after it was read. EAL arguments are given to rte_eal_init() with ours
 * added. */
struct cmdline {
	struct options o;
	int eal_argc;
	char *eal_argv[64];
	uint32_t n_lcores_wanted; /* of -l, -c, --lcores; 0: not given */
	bool eal_has_mem, eal_has_prefix, eal_has_lcores, eal_has_dev;
	uint32_t n_devs; /* -a and --vdev given */
};

/* 0 to go on, 1 when all is done (--help, --version), -EINVAL after one line on stderr. Starts no
 * EAL. */
int options_parse(struct cmdline *cl, int argc, char **argv);

/* Sizes the pools to the machine where no option gave them, and says what all of it takes. */
struct memory_plan {
	uint32_t n_workers, n_ports;
	uint32_t tcbs, ucbs, mbufs; /* of one worker */
	uint64_t mb;                /* hugepages, MB */
	uint64_t free_mb;
};
/* 0, or -ENOMEM after one sentence with what to add. */
int memory_plan(const struct cmdline *cl, struct memory_plan *plan);
/* Adds the EAL arguments that the user left to us: prefix, lcores, memory, no PCI. */
void eal_args_complete(struct cmdline *cl, const struct memory_plan *plan);

/* rundir.c: what lies in the EAL's run-time directory of a prefix. A client leaves its files when
 * it goes; all of it, and the files of hugepages, go when the engine does. */
void rundir_sweep(const char *prefix, uint32_t pid);
void rundir_remove(const char *prefix);

/* Waits some seconds until clients of a dead engine with that prefix have left. 0, or -EBUSY with
 * their pids on stderr. */
int holders_wait(const char *prefix);

/* After rte_eal_init(): workers, their pools and the segment. 0 or -errno, logged. */
int workers_create(const struct options *o, const struct memory_plan *plan);
/* After the ports: which worker serves which queue (qmap), the segment. */
int lcores_map(const struct options *o);
int segment_create(const struct options *o);
void workers_launch(void);
void workers_quit(void);

extern struct seg *segment;
extern struct slot *slots;
extern uint32_t n_workers;
struct rte_mempool *boot_mbuf_pool(uint32_t worker);
/* Queues that a port is to have: qmap's, or the default's. */
uint32_t qmap_queues(const struct options *o, uint32_t port);
