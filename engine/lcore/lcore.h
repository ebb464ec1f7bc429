/* All that one packet lcore ("worker") owns. Only its own thread touches it, but for the mailbox
 * and what is said below. Time is passed down in it; layers below the loop never read a clock. */
#pragma once

#include "engine/l1_port/l1_port.h"
#include "engine/l4_conn/l4_conn.h"

#define RX_BURST 64
#define TXQ_LEN 512 /* packets kept for a port until it takes them */

/* timer wheel: wheel.c */
#define WHEEL_SLOTS 1024 /* a level; level 0 ticks in ms, level 1 in WHEEL_SLOTS ms */
#define WHEEL_CHUNK 15
struct wheel_chunk {
	uint32_t id[WHEEL_CHUNK]; /* CONN_NONE: taken out */
	uint32_t next;            /* chunk, 0 none */
} cache_aligned;
static_assert(sizeof(struct wheel_chunk) == 64, "a chunk is one line");

struct wheel {
	struct wheel_chunk *chunk;     /* chunk 0 is not used */
	uint32_t free, n_free, n;      /* list of free chunks */
	uint32_t now;                  /* ms handled so far */
	uint32_t head[2][WHEEL_SLOTS]; /* newest chunk of a slot, 0 none */
	uint8_t fill[2][WHEEL_SLOTS];  /* ids in it */
	uint32_t firing, firing_fill;  /* chunk being worked off, and how many ids are left in it */
	uint8_t firing_level;
	uint32_t scan;   /* while starved: next block to look at */
	uint8_t starved; /* deadlines without an entry may exist */
};

/* packets waiting for a port */
struct txq {
	struct rte_mbuf *pkt[TXQ_LEN];
	uint32_t n;
	uint32_t stuck; /* turns in a row that the port took nothing */
	uint64_t bytes; /* of pkt[0..n) */
};

/* buffers: own LIFO before the mempool */
#define STASH_LEN 512
struct stash {
	struct rte_mempool *pool;
	uint32_t n;
	struct rte_mbuf *m[STASH_LEN];
};

/* test cases on this worker: engine/traffic */
struct pacer {                  /* so many a second, counted from its start: exact over any time */
	double per_cycle;       /* 0: no limit */
	uint64_t t0, done, cap; /* cap: what may be made up for after a stall */
};

struct idq { /* circular array of ids, room for every session */
	uint32_t *v;
	uint32_t head, n, size;
};

enum tc_run_state {
	TCR_IDLE,
	TCR_RUNNING,
	TCR_STOPPING
};

struct tc_run {
	uint32_t run;    /* enum tc_run_state; written here, read by management */
	uint32_t paused; /* client: criteria met or stop: opens and sends nothing new */
	uint8_t port, tcid, is_client, is_udp;
	const struct tc_config *cfg;
	const struct app_tc *app;
	struct stats_tc *st;
	/* what the packet path wants of cfg, in its units */
	uint32_t rto_ms, fin_to_ms, twait_to_ms, orphan_to_ms, uptime_ms,
		downtime_ms; /* TC_FOREVER */
	uint8_t syn_retry, syn_ack_retry, data_retry, retry;
	uint8_t twait_skip, ack_delay, wscale;
	uint8_t send_limited;
	uint16_t mss, vlan_tci;
	uint32_t win;
	uint64_t start_tsc, open_tsc; /* when started; when clients begin to open */
	/* clients: sessions [first, first + n) of the test case are this worker's */
	uint64_t first;
	uint32_t n, next;        /* the first next of them were opened */
	uint32_t at_src, at_dst; /* tuple of session next */
	uint16_t at_sport, at_dport;
	struct pacer open, close, send;
	struct idq q_open, q_close, q_send;
	uint32_t stop_scan; /* stopping: next block to look at */
	uint8_t stop_phase;
	uint64_t stop_deadline; /* tsc */
};

struct listener {
	uint32_t lo, hi; /* addresses */
	uint16_t plo, phi;
	uint8_t tcid;
};

/* Where packets to an address go: a direct-mapped cache before the ARP table. */
#define NH_CACHE 256
struct nh_entry {
	uint32_t dst, epoch; /* valid while epoch is the ARP table's */
	uint16_t vlan;
	uint8_t mac[6];
};

/* A port as this worker serves it. */
struct lport {
	const struct port *port;
	uint16_t queue;
	uint8_t running; /* tests are started on it */
	uint8_t n_listen_tcp, n_listen_udp;
	struct listener listen_tcp[TCS_MAX], listen_udp[TCS_MAX];
	struct stats_port_block *st;
	struct txq txq;
	struct nh_entry nh[NH_CACHE];
};

/* messages from management: mailbox.c */
enum lmsg_id {
	LMSG_PORT_START, /* bring interfaces up: ARP */
	LMSG_PORT_STOP,
	LMSG_TC_START,
	LMSG_TC_PAUSE, /* criteria met: a client stops opening and closes its sessions */
	LMSG_TC_STOP,  /* close all with FIN within the grace time, then reset */
	LMSG_QUIT
};
struct lmsg {
	uint16_t id; /* enum lmsg_id */
	uint8_t port, tcid;
	uint32_t grace_ms;
	uint64_t share_first, share_n; /* TC_START: this worker's sessions */
};
#define MAILBOX_LEN 256
/* Single producer (management), single consumer (the worker). */
struct mailbox {
	uint32_t prod cache_aligned; /* management */
	uint32_t cons cache_aligned; /* worker */
	struct lmsg msg[MAILBOX_LEN];
};

/* the worker */
struct lcore {
	/* read-only after boot */
	uint32_t index, lcore_id, socket;
	uint32_t n_lports;
	uint64_t tsc_hz, cycles_per_ms, cycles_per_us;
	struct seg *seg;
	struct stats_lcore_block *lst;
	uint8_t lport_of[PORTS_MAX]; /* port id to index in lports, 255 none */
	/* clock: set once a turn */
	uint64_t now_tsc;
	uint32_t now_ms; /* since boot, never 0 */
	uint32_t now_us;
	/* this lcore only */
	struct conn_pool tcbs, ucbs, sides;
	struct flow_table tcp_flows, udp_flows;
	struct wheel wheel;
	struct stash stash;
	struct idq blocked;  /* endpoints with something to send for which a port had no room */
	uint32_t *queue_mem; /* for the test cases' idqs: queue_mem_n ids */
	uint32_t queue_mem_n, queue_mem_used;
	uint64_t isn_secret[2];
	uint16_t ip_id;
	uint32_t n_tcs; /* running test cases, in tc_list */
	struct tc_run *tc_list[PORTS_MAX * TCS_MAX];
	struct lport lports[PORTS_MAX];
	struct tc_run (*tcs)[TCS_MAX]; /* [n_ports], by port id */
	struct mailbox mbox;
};

extern struct lcore *lcores[WORKERS_MAX]; /* hugepage memory of the worker's socket */
extern uint32_t n_workers;

/* Control path state that workers read while a port runs and management changes only while it does
 * not. */
struct port_l3 {
	uint32_t n_intfs;
	struct l3_intf intf[L3_INTFS_MAX];
	uint32_t gw; /* host order, 0 none */
};
extern struct port_l3 port_l3[PORTS_MAX];
extern struct tc_config tc_cfgs[PORTS_MAX][TCS_MAX];
extern struct app_tc *app_tcs; /* [n_ports][TCS_MAX], hugepage memory */

void idq_init(struct idq *q, uint32_t *v, uint32_t size);

static inline void idq_put(struct idq *q, uint32_t id)
{
	uint32_t at = q->head + q->n;

	BUG_ON(q->n == q->size); /* an id is in a queue at most once */
	q->v[at >= q->size ? at - q->size : at] = id;
	q->n++;
}

static inline uint32_t idq_get(struct idq *q)
{
	uint32_t id = q->v[q->head];

	q->head = q->head + 1 == q->size ? 0 : q->head + 1;
	q->n--;
	return id;
}

/* The i-th id from the head, to prefetch. */
static inline uint32_t idq_peek(const struct idq *q, uint32_t i)
{
	uint32_t at = q->head + i;

	return q->v[at >= q->size ? at - q->size : at];
}

static inline struct tc_run *lcore_tc(struct lcore *lc, uint8_t port, uint8_t tcid)
{
	return &lc->tcs[port][tcid];
}

static inline struct lport *lcore_lport(struct lcore *lc, uint8_t port)
{
	return &lc->lports[lc->lport_of[port]];
}

/* Bytes of hugepage memory a worker's pools take for so many blocks (pools.c prints and reserves
 * them). */
size_t lcore_bytes(uint32_t n_tcbs, uint32_t n_ucbs, uint32_t n_ports);
/* Lays out lcore and all its pools in mem (lcore_bytes() long, page-aligned, zeroed). Fields
 * "read-only after boot", lports and the stash's pool are the caller's. */
struct lcore *lcore_init(void *mem, uint32_t n_tcbs, uint32_t n_ucbs, uint32_t n_ports);

/* The worker's thread: returns when LMSG_QUIT has come. arg is its struct lcore. */
int lcore_loop(void *arg);

/* Management's end of the mailbox: 0 or -EAGAIN when it is full. */
int mailbox_post(struct lcore *lc, const struct lmsg *m);
/* Has the worker handled all that was posted? */
bool mailbox_idle(const struct lcore *lc);
