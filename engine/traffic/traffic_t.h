/* Types of test cases on a worker. */
#pragma once

#include "engine/l7_app/l7_app.h"

/* So many a second: pacer.h. */
struct pacer {
	double per_cycle;  /* on all workers */
	uint64_t t0, done; /* since when it counts, and how many were done or given up */
	uint64_t due;      /* at the last look; done never passes it */
	uint64_t cap;      /* what may be made up for after a stall */
	uint64_t slack;    /* ... after a moment with nothing to do */
	uint64_t late;     /* who owes more is late; lates: looks in a row at which he was */
	uint32_t lates;
	uint8_t idle;  /* there was nothing to do */
	uint8_t more;  /* this worker has a session more than `each` */
	uint32_t k, n; /* this worker of those that share; n of 0 or 1: it has all */
	uint64_t sessions, each, rank; /* of all; rank: of those that have more */
};

/* A queue of ids, first in first out, in chunks of the worker's (lcore_t.h). Zeroed it is empty.
 */
struct idq {
	uint32_t head, tail; /* chunks */
	uint32_t n;          /* ids */
	uint8_t at, fill;    /* next to take out of head, ids in tail */
};

/* Addresses and ports of a session, host order. */
struct tuple {
	uint32_t src, dst;
	uint16_t sport, dport;
};

/* A test case as one worker runs it. */
enum tc_run_state {
	TCR_IDLE,
	TCR_RUNNING,
	TCR_STOPPING
};

struct tc_run {
	uint32_t run; /* enum tc_run_state; written here, read by management */
	uint8_t port, tcid, is_client, is_udp;
	const struct tc_config *cfg;
	const struct app_tc *app;
	struct stats_tc *st;
	/* what the packet path wants of cfg, in its units */
	uint32_t rto_ms, fin_to_ms, twait_to_ms, orphan_to_ms, uptime_ms,
		downtime_ms; /* TC_FOREVER */
	uint8_t syn_retry, syn_ack_retry, data_retry, retry;
	uint8_t twait_skip, ack_delay, wscale;
	uint8_t offers;     /* TO_* */
	uint8_t congestion; /* enum congestion */
	uint8_t send_limited, close_limited;
	uint16_t mss, mss_say, vlan_tci, vlan; /* mss: that the MTU leaves; mss_say: announced */
	uint32_t win, user_to_ms;
	uint64_t start_us, open_tsc; /* when started; when clients begin to open */
	/* clients: sessions [first, first + n) of the test case are this worker's */
	uint64_t first;
	uint32_t n, next;       /* the first next of them were opened */
	struct tuple at, ahead; /* of session next, and of one further on, to prefetch for */
	uint8_t no_room;        /* the pool was empty: counted once */
	struct pacer open, close, send;
	struct idq q_open, q_close, q_send;
	uint32_t stop_scan; /* stopping: next block to look at */
	uint8_t stop_phase;
	uint64_t stop_deadline; /* tsc */
	uint32_t grace_ms;      /* for the peers to answer FIN */
};

/* Where a server test case listens. */
struct listener {
	uint32_t lo, hi; /* addresses */
	uint16_t vlan;
	uint16_t plo, phi;
	uint8_t tcid;
};
