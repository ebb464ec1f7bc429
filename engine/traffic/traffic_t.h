/* Types of test cases on a worker. */
#pragma once

#include "common/stats/latency.h"
#include "common/stats/times.h"
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

/* Packets or messages of a burst that follow one another, are of one test case and have the same stamp: one sample, n
 * times. */
struct latency_run {
	struct tc_run *tc;
	uint64_t stamp; /* as it stands in them */
	uint32_t n;
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

/* What clients of one application do, at their share of the rates: a test case has one lane, one
 * that uses an IMIX group one for each application, so that the slow do not hold up the fast. */
struct lane {
	struct pacer open, close, send;
	struct idq q_open, q_close, q_send;
	uint32_t
		next; /* of the worker's sessions the first next were opened, or are other lanes' */
	struct tuple at, ahead; /* of session next, and of one further on, to prefetch for */
};

/* A test case as one worker runs it. */
enum tc_run_state {
	TCR_IDLE,
	TCR_RUNNING,
	TCR_STOPPING
};

/* A SYN, as far as it is the same for all sessions: tcp_forms(). */
struct syn_form {
	uint8_t opt[12];  /* MSS, SACK permitted, window scale: those that are offered */
	uint32_t off_wnd; /* data offset and window, as they lie in the header */
	uint16_t len;     /* of opt; 0: with other options than these */
};

struct tc_run {
	/* what every packet wants stands first: of cfg, in the packet path's units */
	uint32_t run; /* enum tc_run_state; written here, read by management */
	uint8_t port, tcid, is_client, is_udp;
	struct stats_tc *st;       /* the test case's own; a session's is conn_st() */
	const struct app_mix *mix; /* NULL: slot 0 alone */
	uint32_t rto_ms, fin_to_ms, twait_to_ms, orphan_to_ms, uptime_ms,
		downtime_ms; /* TC_FOREVER */
	uint8_t syn_retry, syn_ack_retry, data_retry, retry;
	uint8_t twait_skip, ack_delay, wscale;
	uint8_t offers;     /* TO_* */
	uint8_t congestion; /* enum congestion */
	uint8_t send_limited, close_limited;
	uint8_t open_plain, send_plain; /* TCP: nothing is measured; nor is the send rate limited */
	uint8_t close_plain;            /* traffic_close_plain(): TCP, and not close_limited */
	uint8_t ip_rx_stamp;            /* measures latencies by the IPv4 option */
	uint8_t wants_rx_tsc;           /* counted in lport.n_latencies */
	uint16_t mss, mss_say, vlan_tci, vlan; /* mss: that the MTU leaves; mss_say: announced */
	uint16_t ip_how;                       /* of all its packets: ipv4_out() */
	uint32_t win, user_to_ms;
	uint32_t pkt_word;   /* pkt_word() of what is for it */
	uint32_t off_wnd[2]; /* the same of other segments: without and with window scale */
	struct syn_form syn;
	uint8_t tcb_form[32]; /* what a new endpoint ends with: tcp_tcb_form() */
	/* by slot, its applications and what their sessions count into: st when it has but one */
	const struct app_tc *app[IMIX_GROUP_APPS];
	struct stats_tc *app_st[IMIX_GROUP_APPS];
	const struct tc_config *cfg;
	uint64_t start_us, open_tsc;      /* when started; when clients begin to open */
	struct stats_latency *latency_st; /* counters, and the rest of what it measures */
	struct latency_block *latency;
	uint64_t latency_max_ns, latency_avg_ns; /* UINT64_MAX: whatever they are */
	struct stats_times *times_st;            /* response times, of clients that measure them */
	struct times_block *times;
	uint64_t *times_begun; /* of lcore.times, by endpoint */
	uint32_t times_from;   /* enum times_from */
	/* clients: sessions [first, first + n) of the test case are this worker's */
	uint64_t first;
	uint32_t n;
	uint8_t no_room;             /* the pool was empty: counted once */
	uint8_t n_lanes, lane_shift; /* a lane's part of what is done in a turn */
	uint8_t first_lane;          /* of this turn */
	struct lane *lane;           /* &own, or the worker's of that IMIX group; by slot */
	struct lane own;
	uint32_t stop_scan; /* stopping: next block to look at */
	uint8_t stop_phase;
	uint64_t stop_deadline, stop_last; /* tsc */
	uint64_t stop_left;                /* sessions open when one had gone last */
	uint32_t grace_ms;                 /* for the peers to answer FIN */
};

/* Where a server test case listens. */
struct listener {
	uint32_t lo, hi; /* addresses */
	uint16_t vlan;
	uint16_t plo, phi;
	uint8_t tcid;
};
