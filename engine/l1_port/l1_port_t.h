/* Types of ports: what a worker keeps of one. */
#pragma once

#include "common/abi/faults.h"
#include "common/abi/limits.h"

#include <rte_mbuf.h>

#include <stdint.h>

#define RX_BURST 64
#define TXQ_LEN 512               /* packets kept for a port until it takes them */
#define TXQ_SESSION (TXQ_LEN / 2) /* tx_room_session() */

/* A port as workers see it: read-only after boot, but for the MTU: management changes that while no test
 * runs on the port. */
struct port {
	uint16_t id;     /* ours, 0.. : device ports, then ring pairs, then TAPs */
	uint16_t dev_id; /* ethdev's */
	uint8_t mac[6];
	uint8_t kind;       /* enum port_kind */
	uint8_t sw_csum;    /* checksums are computed and checked by us */
	uint8_t tx_offload; /* the device computes IPv4, TCP and UDP checksums */
	uint8_t rx_offload; /* the device checks them: ol_flags tell */
	uint16_t n_queues;  /* workers that serve it; one queue each, or handoff[] */
	uint16_t mtu;       /* of IP: bytes behind the Ethernet header */
	uint16_t mtu_usual; /* as it came up */
	uint16_t peer;      /* ring: the other port's id */
	uint16_t queue_worker[WORKERS_MAX];
	uint32_t socket;
	struct handoff *handoff[WORKERS_MAX]; /* of its workers; NULL: each has a queue */
};
extern struct port ports[PORTS_MAX];
extern uint16_t n_ports;

struct faults;

/* Packets waiting for a port. */
struct txq {
	struct rte_mbuf *pkt[TXQ_LEN];
	uint32_t n;
	uint32_t offered;      /* of pkt[0..n), those that the port was offered before */
	uint32_t stuck_ms;     /* since when the port takes nothing, 0: it does */
	struct faults *faults; /* that packets go through first; NULL: none */
	uint64_t bytes;        /* of pkt[0..n) */
	uint32_t past;         /* of pkt[0..n), those that went through the faults */
	uint32_t n_stamps;     /* of pkt[offered..n), those that want the time of it */
	uint32_t tagged;       /* some of them may have a VLAN tag */
};

/* Buffers: the worker's own LIFO before the mempool. */
#define STASH_LEN 512
struct stash {
	struct rte_mempool *pool;
	uint32_t n;
	struct rte_mbuf *m[STASH_LEN];
};

/* A client test case's sessions, as steer.c knows them: host order. */
struct steer_rule {
	uint64_t sessions;
	uint32_t src, dst, n_src, n_dst; /* the first address, and how many */
	uint32_t n_sport, n_dport;
	uint16_t sport, dport, vlan;
	uint8_t proto;
};

/* One worker's end of a port whose workers share one queue: handoff.c. */
struct handoff {
	struct rte_ring *in, *out; /* its packets, those it sends; NULL: it has the queue */
	uint32_t n;                /* workers of the port */
	/* of the one that has the queue: */
	uint32_t next;    /* the last that was first in its turn, 1.. */
	uint32_t n_rules; /* set when tests start */
	struct steer_rule rule[TCS_MAX];
	struct rte_ring *to[WORKERS_MAX], *from[WORKERS_MAX]; /* [1..n) */
};
/* In ol_flags of a buffer that is handed over: a datagram whose fragments were joined; of no
 * meaning for drivers. */
#define HANDOFF_WHOLE RTE_MBUF_F_FIRST_FREE

/* The fault stage: faults.c */
#define FAULTS_CHUNK 64 /* packets */
#define FAULTS_CHUNKS 512
#define FAULTS_WORKER_HELD 16384                       /* packets that all of a worker may hold */
#define FAULTS_HELD_MAX (FAULTS_CHUNKS * FAULTS_CHUNK) /* packets that one may hold */

/* What happened to packets. */
enum faults_count {
#define FAULT(NAME, ...) FAULTS_##NAME,
#include "common/stats/faults.def"
	FAULTS_COUNTS
};

/* Each kind of chance has its own, so that none changes the others' fates. */
enum faults_chance {
	CHANCE_LOSS,
	CHANCE_DUPLICATE,
	CHANCE_CORRUPT,
	CHANCE_BIT,
	CHANCE_JITTER,
	CHANCE_REORDER,
	CHANCES
};

/* A packet on its way. */
struct faults_held {
	uint64_t due_us;
	struct rte_mbuf *m;
	uint32_t seq;    /* breaks ties: first in, first out */
	uint32_t queued; /* until then it waits for the rate; its delay is still to come */
};

/* Memory of held packets, shared by those of a worker. */
struct faults_pool {
	struct faults_held (*chunk)[FAULTS_CHUNK];
	uint16_t *freed; /* [0..n_free) */
	uint32_t n, n_free;
};

/* One direction of a link. */
struct faults {
	struct faults_config cfg;
	/* of 2^32: */
	uint64_t loss, burst_enter, burst_leave, duplicate, reorder, corrupt;
	uint64_t rng[CHANCES];
	uint64_t stream;  /* tells apart those that were given the same seed */
	uint64_t *count;  /* [FAULTS_COUNTS], the caller's */
	uint64_t backlog; /* to be sent at the rate, bits / 1000 at backlog_us */
	uint64_t backlog_us;
	uint64_t last_sent_us; /* of those that wait for the rate */
	uint64_t last_due_us;  /* of those that are delayed, in order */
	struct faults_pool *pool;
	uint32_t n, n_queued; /* held; of them, waiting for the rate */
	uint32_t next_seq;
	uint32_t in_burst;             /* packets are being lost */
	uint16_t chunk[FAULTS_CHUNKS]; /* of a binary heap of faults_held, by due_us and seq */
};
