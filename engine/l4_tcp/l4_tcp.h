/* TCP (RFC 9293): segments in, segments out, timers. Sequence numbers are host order. */
#pragma once

#include "engine/l3_ip/l3_ip.h"
#include "engine/lcore/lcore.h"

/* The second line of a TCP endpoint. */
struct tcb {
	struct conn c;
	uint32_t snd_una, snd_nxt, snd_max; /* snd_max: highest ever sent, behind the FIN */
	uint32_t snd_wnd;                   /* bytes, scaled */
	uint32_t snd_wl1;
	uint32_t rcv_nxt;
	uint32_t recover; /* RFC 6582: snd_max when loss was last noticed */
	uint32_t cwnd, ssthresh;
	uint32_t srtt_us, rttvar_us;    /* RFC 6298; srtt 0: no sample yet */
	uint32_t rtt_seq, rtt_start_us; /* the segment being timed */
	uint32_t side;                  /* id of a side block, CONN_NONE */
	uint8_t snd_wscale, rcv_wscale;
	uint8_t retries, dupacks;
	uint16_t rto_ms; /* current, backed off */
	uint8_t probes;  /* zero-window probes since it shut */
	uint8_t pad;
} cache_aligned;
static_assert(sizeof(struct tcb) == 128, "a TCP endpoint is two lines");
static_assert(offsetof(struct tcb, snd_una) == 64, "TCP begins on the second line");

/* Rare state: segments that came before their turn, in order, without overlap. */
#define SIDE_SEGS 46 /* the default window of 65535 bytes behind one lost segment, and one */
struct tcp_side {
	struct rte_mbuf *seg[SIDE_SEGS]; /* data begins at the payload */
	uint32_t seq[SIDE_SEGS];
	uint16_t len[SIDE_SEGS];
	uint8_t n, fin; /* fin: the last one carries FIN */
};

static inline uint32_t tcp_side_count(uint32_t n_tcbs)
{
	return MAX_OF(n_tcbs / 128, 1024u);
}

/* A segment for this worker; taken from pkt. Returns true when it keeps the buffer. */
bool tcp_in(struct lcore *lc, struct lport *lp, struct pkt *p);

/* A block in the flow table, or CONN_NONE when there is none. Keeps the entry of the wheel that it
 * may still have; the caller sets the tuple. */
uint32_t tcb_alloc(struct lcore *lc, struct lport *lp, uint32_t hash);
/* The window scale (RFC 7323) that a receive window of so many bytes needs. */
uint8_t tcp_wscale_for(uint32_t win);

/* Client: begins to open a session whose tuple, port, tcid and flags are set. again: not for the
 * first time. */
void tcp_open(struct lcore *lc, struct tc_run *tc, struct tcb *t, uint32_t id, bool again);
/* Sends what may be sent: data, FIN, an owed ACK. May end the connection never. */
void tcp_output(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id);
/* An ICMP error about a segment. May end the connection while it opens. */
void tcp_icmp_error(struct lcore *lc, struct lport *lp, const struct icmp_quote *q);
/* Retransmission, persist, delayed ACK, TIME-WAIT and FIN-WAIT deadlines that have passed. */
void tcp_timer(struct lcore *lc, struct tcb *t, uint32_t id);
/* RST to the peer, and the end. failure: how the test case counts it, unless it is closed already.
 */
void tcp_abort(struct lcore *lc, struct tcb *t, uint32_t id, uint64_t *failure);

static force_inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}
static force_inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}
