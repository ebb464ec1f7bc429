/* What the engine shares with its clients, in two memzones. The segment is written by the engine
 * alone, clients map it read only: configuration, states and statistics are read in place. The
 * slots are the one place where clients write: their requests, one slot an operator.
 * Integers, fixed arrays and offsets only. Each struct says who writes it. */
#pragma once

#include "common/abi/faults.h"
#include "common/abi/journal.h"
#include "common/abi/testcase.h"
#include "common/stats/latency.h"
#include "common/stats/stats.h"
#include "common/stats/times.h"

#define SEG_MEMZONE "warp17_segment"
#define SLOTS_MEMZONE "warp17_slots" /* struct slot[OPERATORS_MAX], in hugepages of its own */
#define SLOTS_ALIGN (2u << 20)
#define SEG_MAGIC UINT64_C(0x3731505241570001) /* "..WARP17" */
/* What the EAL of the engine and of its clients must agree upon: one file a list of pages, else
 * every process needs a descriptor a page. */
#define EAL_SAME_LAYOUT "--single-file-segments"
#define SEG_SOCKET "warp17.sock" /* in the EAL run-time directory of the prefix */

/* A sequence number over a record that management writes: odd while it does. Readers copy and
 * compare, seg_read(). */
struct seg_seq {
	uint32_t seq;
	uint32_t pad;
};

/* Written by the engine: before READY, then only state, heartbeat_ms and log level. */
struct seg_header {
	uint64_t magic;
	uint64_t fingerprint; /* schema_fingerprint() of the engine's build */
	uint64_t size;        /* bytes of the segment */
	uint64_t tsc_hz;
	uint64_t start_realtime_ns;
	uint32_t engine_pid;
	uint32_t state; /* enum engine_state */
	uint32_t n_ports, n_workers;
	uint32_t n_lcores;     /* blocks of statistics: workers, then management */
	uint32_t loglevel;     /* enum loglevel */
	uint64_t heartbeat_ms; /* CLOCK_MONOTONIC, at least every 200 ms */
	uint64_t ports_off, tcs_off, workers_off, stats_port_off, stats_lcore_off, stats_tc_off,
		imix_off, stats_imix_off, latency_off, times_off;
	char version[64];
	char prefix[64];
} cache_aligned;

struct seg_arp {
	struct ip_addr ip;
	uint8_t mac[6];
	uint16_t vlan_id;
	uint32_t flags; /* SEG_ARP_* */
};
#define SEG_ARP_LOCAL 1u   /* an interface of ours */
#define SEG_ARP_PENDING 2u /* asked for, not answered */

/* Which operator alone may change a port. */
struct seg_holder {
	uint64_t since_realtime_ns;
	uint32_t held; /* 0: nobody, then the rest says nothing */
	uint32_t slot, pid, uid;
	char name[NAME_MAX_LEN];
};

/* Written by management. */
struct seg_port {
	struct seg_seq seq;
	uint32_t kind;   /* enum port_kind */
	uint32_t socket; /* NUMA */
	char name[64], driver[32];
	uint8_t mac[6];
	uint8_t link_up, running; /* running: between start and stop tests */
	uint32_t speed_mbps, n_queues;
	uint32_t mtu, mtu_usual;    /* of IP; as it was before any command */
	uint32_t full_duplex;       /* of a link that is up and has a speed */
	struct stats_device device; /* each word by itself, outside of seq */
	uint32_t offload_rx_csum, offload_tx_csum, needs_csum;
	uint32_t peer;                     /* ring: the other port */
	uint16_t queue_lcore[WORKERS_MAX]; /* worker index of each queue */
	uint32_t n_intfs, n_arps;
	struct ip_addr gw;
	struct seg_holder holder;
	struct faults_config faults[FAULTS_DIRS];
	struct l3_intf intfs[L3_INTFS_MAX];
	struct seg_arp arps[ARP_MAX];
} cache_aligned;

/* Written by management. */
struct seg_tc {
	struct seg_seq seq;
	struct tc_config cfg;
	uint32_t state; /* enum tc_state */
	uint32_t fell_behind;
	uint32_t has_latency; /* it measures them: of packets, or of an application of its own */
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC; end 0 while it runs */
	uint64_t achieved;         /* of the criterion */
	uint64_t estab_us;         /* first SYN to last established, when clients-estab was met */
	uint64_t rate_estab, rate_closed, rate_send,
		rate_req; /* per second, over the last whole second */
	char reason[128]; /* why FAILED */
	char behind[128]; /* the rates that were not kept, if fell_behind */
} cache_aligned;

/* Written by management. */
struct seg_imix {
	struct seg_seq seq;
	struct imix_app apps[IMIX_APPS_MAX];
	struct imix_group groups[IMIX_GROUPS_MAX];
};

/* One worker's counters of an application of an IMIX group: of its sessions. What the test case's
 * own block counts then is what belongs to none of them. */
struct stats_imix_block {
	struct stats_tc tc;
} cache_aligned;

/* What a worker did in the last second or so: see load.h. */
struct seg_load {
	uint64_t cycles, busy_cycles; /* of all its turns, of those that found work; TSC */
	uint64_t busy_turns;
	uint64_t poll_cycles;      /* what a turn costs that finds nothing; 0: not seen yet */
	uint64_t rx_pkts, tx_pkts; /* of all ports */
};

/* Written by management: before READY, then load, once a second. */
struct seg_worker {
	struct seg_seq seq;
	uint32_t lcore_id, cpu, socket, pad;
	struct seg_load load;
};

/* One command's way there and back. Cells are copied whole; a reader trusts only its own copy. */
#define CELL_MAGIC 0x57313743u
struct req_cell {
	uint32_t magic, generation;
	uint32_t seq, cmd_id;
	union cmd_req req;
};
struct rep_cell {
	uint32_t magic, generation;
	uint32_t seq;
	int32_t code; /* 0 or -errno */
	char text[REPLY_TEXT_MAX];
};

/* Single producer, single consumer. prod is written by the producer alone, cons by the consumer
 * alone. */
struct ring_idx {
	uint32_t v;
} cache_aligned;

/* The requests (prod by the client, cons by management) and replies (the other way) of one
 * operator. */
struct slot {
	struct ring_idx req_prod, req_cons, rep_prod, rep_cons;
	struct req_cell req[RING_CELLS];
	struct rep_cell rep[RING_CELLS];
} cache_aligned;

/* Who an operator is: written by management. */
struct seg_operator {
	struct seg_seq seq;
	uint32_t state; /* enum operator_state */
	uint32_t generation;
	uint32_t pid, uid;
	uint32_t kind;      /* enum client_kind */
	uint32_t read_only; /* every change is refused */
	uint64_t attach_realtime_ns;
	uint64_t n_commands;
	char name[NAME_MAX_LEN];
	char last_command[64];
} cache_aligned;

struct seg {
	struct seg_header hdr;
	struct seg_operator operators[OPERATORS_MAX];
	struct journal events, audit;
	/* then, at the header's offsets: seg_port[n_ports], seg_tc[n_ports][TCS_MAX],
	 * seg_worker[n_workers], stats_port_block[n_lcores][n_ports], stats_lcore_block[n_lcores],
	 * stats_tc_block[n_lcores][n_ports][TCS_MAX], seg_imix,
	 * stats_imix_block[n_lcores][IMIX_GROUPS_MAX][IMIX_GROUP_APPS],
	 * latency_block[n_workers][n_ports][TCS_MAX], times_block[n_workers][n_slots]: for those
	 * that measure response times alone, for of 64 ports it would be half a gigabyte */
};
static_assert(offsetof(struct seg, operators) % CACHE_LINE == 0);
static_assert(sizeof(struct seg_operator) % CACHE_LINE == 0);
static_assert(offsetof(struct seg_port, seq) == 0 && offsetof(struct seg_tc, seq) == 0
		&& offsetof(struct seg_operator, seq) == 0 && offsetof(struct seg_imix, seq) == 0
		&& offsetof(struct seg_worker, seq) == 0,
	"seg_read() looks for it there");
static_assert(sizeof(struct slot[OPERATORS_MAX]) <= SLOTS_ALIGN);
static_assert(
	offsetof(struct slot, req_cons) == CACHE_LINE, "each index has its line: two writers");
static_assert(sizeof(struct seg_tc) % CACHE_LINE == 0);
static_assert(offsetof(struct req_cell, req) == 16 && offsetof(struct rep_cell, text) == 16);

static inline void *seg_at(const struct seg *s, uint64_t off)
{
	return (char *)(uintptr_t)s + off;
}
static inline struct seg_port *seg_port(const struct seg *s, uint32_t port)
{
	return (struct seg_port *)seg_at(s, s->hdr.ports_off) + port;
}
static inline struct seg_tc *seg_tc(const struct seg *s, uint32_t port, uint32_t tcid)
{
	return (struct seg_tc *)seg_at(s, s->hdr.tcs_off) + port * TCS_MAX + tcid;
}
static inline struct seg_worker *seg_worker(const struct seg *s, uint32_t worker)
{
	return (struct seg_worker *)seg_at(s, s->hdr.workers_off) + worker;
}
static inline struct stats_port_block *seg_stats_port(
	const struct seg *s, uint32_t lc, uint32_t port)
{
	return (struct stats_port_block *)seg_at(s, s->hdr.stats_port_off) + lc * s->hdr.n_ports
		+ port;
}
static inline struct stats_lcore_block *seg_stats_lcore(const struct seg *s, uint32_t lc)
{
	return (struct stats_lcore_block *)seg_at(s, s->hdr.stats_lcore_off) + lc;
}
static inline struct stats_tc_block *seg_stats_tc(
	const struct seg *s, uint32_t lc, uint32_t port, uint32_t tcid)
{
	return (struct stats_tc_block *)seg_at(s, s->hdr.stats_tc_off)
		+ (lc * s->hdr.n_ports + port) * TCS_MAX + tcid;
}

static inline struct seg_imix *seg_imix(const struct seg *s)
{
	return seg_at(s, s->hdr.imix_off);
}
/* slot: the application's place in the group. */
static inline struct stats_imix_block *seg_stats_imix(
	const struct seg *s, uint32_t lc, uint32_t group, uint32_t slot)
{
	return (struct stats_imix_block *)seg_at(s, s->hdr.stats_imix_off)
		+ (lc * IMIX_GROUPS_MAX + group) * IMIX_GROUP_APPS + slot;
}
static inline struct latency_block *seg_latency(
	const struct seg *s, uint32_t worker, uint32_t port, uint32_t tcid)
{
	return (struct latency_block *)seg_at(s, s->hdr.latency_off)
		+ (worker * s->hdr.n_ports + port) * TCS_MAX + tcid;
}
/* How many test cases of so many ports can have a times_block. */
static inline uint32_t seg_times_slots(uint32_t n_ports)
{
	return MIN_OF(n_ports * TCS_MAX, (uint32_t)TIMES_MAX);
}
/* slot: times_config.slot - 1, of a test case that has one. */
static inline struct times_block *seg_times(const struct seg *s, uint32_t worker, uint32_t slot)
{
	return (struct times_block *)seg_at(s, s->hdr.times_off)
		+ worker * seg_times_slots(s->hdr.n_ports) + slot;
}

/* Bytes of a segment for so many ports and workers (common/abi/segment.c). */
uint64_t seg_size(uint32_t n_ports, uint32_t n_workers);
/* Zeroes it and fills in magic, fingerprint, counts and offsets; state is STARTING. */
void seg_init(struct seg *s, uint32_t n_ports, uint32_t n_workers);

/* Engine: brackets around a change of a record with a sequence number. */
static inline void seg_write_begin(struct seg_seq *q)
{
	__atomic_store_n(&q->seq, q->seq + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE); /* pairs with seg_read() */
}
static inline void seg_write_end(struct seg_seq *q)
{
	__atomic_store_n(&q->seq, q->seq + 1, __ATOMIC_RELEASE); /* pairs with seg_read() */
}
/* Reader: a whole copy of a record that begins with its seg_seq. Waits up to 500 ms for the end of
 * a change; 0, or -EAGAIN when it has no end: the writer has no CPU, or died there. The copy then
 * says nothing about the record, not even whether it is in use. */
int seg_read(const void *record, void *copy, size_t size);

/* The merged block of a scope: lcores [lc_lo, lc_hi), ports [port_lo, port_hi). Plain sums, no
 * allocation. */
void seg_sum_port(const struct seg *s, uint32_t lc_lo, uint32_t lc_hi, uint32_t port_lo,
	uint32_t port_hi, struct stats_port_block *out);
/* With the applications of its IMIX group, if it has one. */
void seg_sum_tc(const struct seg *s, uint32_t port, uint32_t tcid, struct stats_tc_block *out);
/* slot: an application's place in the group. */
void seg_sum_imix(const struct seg *s, uint32_t group, uint32_t slot, struct stats_tc_block *out);
/* The test case that uses a group: false when there is none. */
bool seg_imix_user(const struct seg *s, uint32_t group, uint32_t *port, uint32_t *tcid);
void seg_sum_lcore(
	const struct seg *s, uint32_t lc_lo, uint32_t lc_hi, struct stats_lcore_block *out);
/* Of all workers; the newest `samples` of each are recent. */
void seg_sum_latency(const struct seg *s, uint32_t port, uint32_t tcid, uint32_t samples,
	struct latency_total *out);
/* Of all workers; nothing, when it does not measure them. */
void seg_sum_times(const struct seg *s, uint32_t port, uint32_t tcid, struct times_total *out);
