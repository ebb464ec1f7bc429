/* Start-up: what the options ask for, which lcore does what, how much memory it takes. */
#pragma once

#include "common/abi/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rte_mempool;

/* The engine's options after parsing: engine/boot/options.c (from options.def: parser, --help and docs). */
struct options {
	char prefix[64]; /* EAL --file-prefix, default "warp17" */
	uint64_t qmap[PORTS_MAX]; /* worker masks by lcore id (the first 64 lcores), 0: not given */
	bool qmap_given;
	int qmap_default;  /* 0 not given, 'c' or 'q' */
	uint64_t n_tcbs, n_ucbs, n_mbufs; /* whole engine; 0: sized to the machine */
	uint64_t n_mbuf_hdrs;             /* accepted for the original's sake: header buffers come from the same pool */
	uint32_t mbuf_bytes;              /* data room of a packet buffer without headroom, default 2048 */
	bool mpool_any_sock;
	uint32_t ring_pairs, taps;
	char tap_netns[64]; /* move TAPs into this network namespace */
	bool sw_csum;       /* --sw-checksum: ring pairs compute and check checksums too */
	char cmd_file[256];
	bool print_memory;
};

/* Memory and pools of one worker, made before READY (pools.c); layout in engine/lcore/lcore.h. */
