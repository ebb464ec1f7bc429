/* All that one packet lcore ("worker") owns. Only its own thread touches it, but for the mailbox
 * and what is said below. Time is passed down in it; layers below the loop never read a clock. */
#pragma once

#include "common/abi/segment.h"
#include "engine/l1_port/l1_port_t.h"
#include "engine/l4_conn/l4_conn_t.h"
#include "engine/traffic/traffic_t.h"

/* Ids in chunks of a line: queues and the wheel are lists of them, so that what comes next can be
 * prefetched and putting in touches no endpoint. */
#define CHUNK_IDS 15
struct chunk {
	uint32_t id[CHUNK_IDS];
	uint32_t next; /* chunk, 0 none */
} cache_aligned;
static_assert(sizeof(struct chunk) == 64, "a chunk is one line");

struct chunk_pool {
	struct chunk *chunk; /* chunk 0 is not used */
	uint32_t n, n_free;
	uint32_t freed; /* list of those given back, 0 none */
	uint32_t fresh; /* from here on never used */
	uint32_t kept;  /* of the free ones: promised to queues that have fewer than IDQ_OWN */
};
#define MISSED_OF 16 /* endpoints of which a word says the queues that missed them */
#define IDQ_OWN 2    /* chunks that a queue gets in any case */

#define IP_BYTES_MAX 65536 /* of a datagram, RFC 791: and one */

/* The timer wheel: wheel.c */
#define WHEEL_SLOTS 1024 /* a level; level 0 ticks in ms, level 1 in WHEEL_SLOTS ms */
enum wheel_hunger {
	WHEEL_FED,      /* every deadline has its entry */
	WHEEL_STARVED,  /* some may have none */
	WHEEL_SCANNING, /* all blocks are being looked at, none was added to those since */
};

struct wheel {
	struct chunk_pool pool;        /* ids are CONN_NONE when taken out */
	uint32_t now;                  /* ms handled so far */
	uint32_t head[2][WHEEL_SLOTS]; /* newest chunk of a slot, 0 none */
	uint8_t fill[2][WHEEL_SLOTS];  /* ids in it */
	uint32_t firing, firing_fill;  /* chunk being worked off, and how many ids are left in it */
	uint8_t firing_level;
	uint16_t firing_slot;
	uint32_t scan;   /* while starved: next block to look at */
	uint8_t starved; /* enum wheel_hunger */
};

/* Where packets to an address go, and what they begin with: a direct-mapped cache before routes and
 * ARP. A packet takes the headers whole and fills in lengths, id, protocol and source. */
#define HOPS 256
struct hop {
	uint32_t dst, epoch; /* valid while epoch is lport.arp_epoch */
	uint16_t vlan_tci;
	uint16_t l2_len;  /* 14 or 18 */
	uint8_t hdr[40];  /* of which 18 + 20 are used at most; copied in two pieces */
	uint16_t pmtu;    /* of the path to dst, 0 not learnt; see ipv4_path_mtu() */
	uint32_t pmtu_ms; /* when it was */
} cache_aligned;
static_assert(sizeof(struct hop) == CACHE_LINE);

/* What a frame for a port is compared with, and what its struct pkt has beside the tuple. */
struct look {
	uint8_t frame[32], who[16];
};

/* A port as this worker serves it. */
struct lport {
	const struct port *port;
	uint16_t queue;
	uint8_t running; /* tests are started on it */
	uint8_t n_listen_tcp, n_listen_udp;
	uint8_t pmtu_learnt; /* since the port started: some hop may have a pmtu */
	/* running test cases that measure by when packets come; of those, latencies by IPv4's option */
	uint8_t n_latencies, n_ip_stamps;
	struct faults *rx_faults; /* of faults; NULL: none */
	struct handoff *handoff;  /* the port's workers share one queue; NULL: each has its own */
	struct listener listen_tcp[TCS_MAX], listen_udp[TCS_MAX];
	struct stats_port_block *st;
	uint32_t arp_epoch; /* of the ARP table when the turn began */
	uint32_t n_frags;   /* buffers in frag_tbl */
	struct idq blocked; /* endpoints with something to send for which it had no room */
	struct txq txq;
	struct rte_ip_frag_tbl *frag_tbl; /* datagrams that are not whole yet: fragments.c */
	/* look_begin() makes these, and below: first_look.h */
	struct look look cache_aligned;
	struct tc_run *tcs; /* [TCS_MAX]: the port's */
	struct hop *hops;   /* hop_slots: one addition less than of an array that lies far inside */
	struct look look_stamped cache_aligned; /* of frames with our stamp */
	struct hop hop_slots[HOPS];
	struct faults faults[FAULTS_DIRS];
};

/* Messages from management: mailbox.c, lmsg.def */
enum lmsg_id {
#define LMSG(NAME, handler, help) LMSG_##NAME,
#include "engine/lcore/lmsg.def"
	LMSG_COUNT
};
struct lmsg {
	uint16_t id; /* enum lmsg_id */
	uint8_t port, tcid;
	union {
		uint32_t grace_ms; /* TC_STOP */
		struct {
			uint64_t share_first, share_n; /* TC_START: this worker's sessions */
			uint64_t start_tsc; /* the same for all workers; 0: when it is read */
			uint32_t share_k, share_of; /* this one of so many; 0: of one */
		};
		struct faults_config faults[FAULTS_DIRS]; /* FAULTS */
	};
};
#define MAILBOX_LEN 256
/* Single producer (management), single consumer (the worker). */
struct mailbox {
	uint32_t prod cache_aligned; /* management */
	uint32_t cons cache_aligned; /* worker */
	struct lmsg msg[MAILBOX_LEN];
};

/* The worker. */
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
	uint64_t now_us;
	uint64_t ns_q32; /* ns of a cycle, times 2^32 */
	uint64_t rx_tsc; /* when the burst was taken that is being looked at; where it is wanted */
	/* a word for each TCB and each UCB: times.c. Management makes them before the first test case
	 * that wants them is posted; they never move */
	uint64_t *times[2];
	/* lcore_ns_near(): its time, and how often it may be told again */
	uint64_t near_ns;
	uint32_t near_left;
	uint8_t tsc_is_real; /* else time stands still within a turn: tests, the simulator */
	/* this lcore only */
	struct latency_run messages; /* of the burst that is being looked at */
	struct conn_pool tcbs, ucbs, sides;
	struct flow_table tcp_flows, udp_flows;
	struct wheel wheel;
	struct stash stash;
	struct chunk_pool queues; /* of all idqs */
	/* of each endpoint, TCBs first, 4 bits: queues that had no chunk for it (queues.c) */
	uint64_t *missed;
	uint32_t n_missed, missed_at; /* bits that are set; word to look at next */
	uint64_t isn_keys[11]
			 [2] cache_aligned; /* of AES: tcp_isn_begin() makes them of the secret */
	uint64_t isn_secret[2];
	uint32_t ts_offset; /* of TCP's clock of timestamps, random: RFC 7323 §7.1 */
	uint32_t challenge_ms, n_challenges; /* challenge ACKs sent since then */
	uint16_t ip_id;
	struct faults_pool held; /* packets that faults hold: never more than half of the buffers */
	uint32_t n_kept;         /* buffers kept until a hole in their stream is filled */
	uint32_t n_frags, frags_ms; /* fragments kept, all ports; when they were last looked at */
	uint8_t *join; /* IP_BYTES_MAX: a datagram whose fragments do not fit one buffer */
	uint32_t icmp_ms, icmp_tokens; /* ICMP errors that may be sent: icmp.c */
	uint8_t quit;                  /* the loop is to end */
	uint32_t n_tcs;                /* running test cases, in tc_list */
	struct tc_run *tc_list[PORTS_MAX * TCS_MAX];
	struct lane (*lanes)[IMIX_GROUP_APPS]; /* [IMIX_GROUPS_MAX] */
	struct lport *lports;                  /* [n_lports], those it serves */
	struct tc_run (*tcs)[TCS_MAX];         /* [n_ports], by port id */
	struct mailbox mbox;
};
