/* Types of what TCP and UDP endpoints share: the first cache line of a control block, its pools and
 * its flow table. Endpoints are named by 32-bit ids, not pointers: an id is an index into the
 * worker's TCB array, or with CONN_UDP set into its UCB array. Nothing here is touched by another
 * lcore. */
#pragma once

#include "common/util/compiler.h"
#include "engine/l7_app/l7_app.h"

#include <stdbool.h>

#define CONN_NONE UINT32_MAX
#define CONN_UDP 0x80000000u

/* RFC 9293 §3.3.2, and FREE for a block in the pool. UDP uses CLOSED and ESTAB. */
enum conn_state {
	CS_FREE,
#define TCP_STATE(NAME, ...) CS_##NAME,
#include "common/stats/tcp_states.def"
	CS_COUNT
};

/* conn.flags */
#define CF_WAS_UP 0x0001u      /* established at least once since its block was taken */
#define CF_SENDING 0x0002u     /* a message is being sent: tx bytes are left */
#define CF_CLOSE 0x0004u       /* FIN when all is sent */
#define CF_FIN_SENT 0x0008u    /* FIN occupies snd_nxt - 1 */
#define CF_ACK_NOW 0x0010u     /* owe an ACK */
#define CF_Q_OPEN 0x0020u      /* in its test case's queue of sessions to open */
#define CF_Q_CLOSE 0x0040u     /* ... to close */
#define CF_Q_SEND 0x0080u      /* ... to send */
#define CF_ESTABLISHED 0x0100u /* was established: counted in estab_now */
#define CF_WANT_CLOSE 0x0200u  /* in the queue to close since this life of the session */
#define CF_COUNTED 0x0400u     /* begun and not ended: counted in open_now */
#define CF_WAIT_ACKED 0x0800u  /* next message waits until the last one is acknowledged */
#define CF_BLOCKED 0x1000u     /* in the worker's queue of those the port had no room for */
#define CF_RTT_TIMING 0x2000u  /* a segment is being timed */
#define CF_RETRANS 0x4000u     /* retransmitting since the last new ACK (Karn) */
#define CF_RECOVERY 0x8000u    /* fast recovery: until snd_una reaches recover */

#define CF_QUEUED (CF_Q_OPEN | CF_Q_CLOSE | CF_Q_SEND | CF_BLOCKED)

/* conn.tx_kind: the kind being sent, and one more than the kind that waits to be sent (0 none) */
#define TXK_NOW(k) ((k)&15)
#define TXK_NEXT(k) ((k) >> 4)
static_assert(APP_KINDS < 15);

/* The line that both transports share. Addresses and ports are in host order, ours is "local". */
struct conn {
	uint32_t laddr, raddr;
	uint16_t lport, rport;
	uint8_t port;  /* Ethernet port */
	uint8_t state; /* enum conn_state */
	uint8_t tcid;
	uint8_t tx_kind; /* TXK_*: which of the application's messages is sent, which waits */
	uint16_t flags;  /* CF_* */
	uint16_t mss;    /* largest payload of a segment or datagram */
	/* ms deadline, by state: established, the uptime's end; closed, the downtime's; FIN-WAITs
	 * and TIME-WAIT, their longest stay; 0 none */
	uint32_t t_life;
	uint16_t wheel_near, wheel_far; /* its entries of the wheel: slot + 1, 0 none */
	uint32_t wheel_pos;             /* where the near one is */
	struct app_conn app;            /* the application's state, 16 bytes */
	/* transmit side of the message; TCP counts in sequence numbers, UDP in bytes */
	uint32_t tx_base; /* TCP: sequence number of the message's first byte; UDP: bytes of it sent
	                   */
	uint32_t tx_end;  /* TCP: sequence number behind its last byte; UDP: its length */
	uint32_t t_rtx;   /* ms deadline of retransmission or persist; 0 none */
	uint32_t t_ack;   /* ms deadline of a delayed ACK; 0 none */
} cache_aligned;
static_assert(sizeof(struct conn) == 64, "an endpoint's shared part is one line");

/* Fixed array of blocks and a LIFO of ids given back: what was freed last is warm. Blocks that were
 * never used follow in memory order; nothing is written at start. */
struct conn_pool {
	char *base;
	uint32_t *freed; /* stack of n_freed ids */
	uint32_t n_freed;
	uint32_t fresh; /* ids from here on were never used */
	uint32_t n, stride;
};

/* Buckets of one line: ten tags, ten ids, one link. Bucket n.. are for overflow. */
#define FLOW_WAYS 10
struct flow_bucket {
	uint16_t tag[FLOW_WAYS]; /* 0: empty */
	uint32_t id[FLOW_WAYS];
	uint32_t next; /* overflow bucket, 0 none */
} cache_aligned;
static_assert(sizeof(struct flow_bucket) == 64, "a bucket is one line");

struct flow_table {
	struct flow_bucket *bucket;
	uint32_t n;       /* buckets that hashes name */
	uint32_t spare;   /* first free overflow bucket, 0 none */
	uint32_t n_spare; /* free overflow buckets */
	const struct conn_pool *pool;
};
