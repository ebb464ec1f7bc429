/* TCP (RFC 9293): segments in, segments out, timers. Sequence numbers are host order. */
#pragma once

#include "engine/l3_ip/l3_ip.h"
#include "engine/lcore/lcore.h"

/* tcb.opts: before the peer's SYN what we offer, then what both agreed on; what ECN owes; and what is
 * ours alone. */
#define TO_WSCALE 0x01u
#define TO_TS 0x02u
#define TO_SACK 0x04u
#define TO_ECN 0x08u
#define TO_ECE 0x10u       /* RFC 3168 §6.1.3: ECE on every ACK until the peer's CWR */
#define TO_CWR 0x20u       /* RFC 3168 §6.1.2: CWR on the next new data */
#define TO_ACK_APART 0x40u /* an ACK that is owed goes before data and FIN, not on them */
#define TO_FIN_APART 0x80u /* FIN goes after the last data, not on it */
#define TO_APART (TO_ACK_APART | TO_FIN_APART)

#define SSTHRESH_NONE UINT16_MAX

/* The second line of a TCP endpoint. */
struct tcb {
	struct conn c;
	uint32_t snd_una, snd_nxt, snd_max; /* snd_max: highest ever sent, behind the FIN */
	uint32_t snd_wnd;                   /* bytes, scaled */
	uint32_t snd_wl1;
	uint32_t rcv_nxt;
	uint32_t recover; /* RFC 6582: snd_max when loss was last noticed */
	uint32_t cwnd;
	uint16_t ssthresh; /* segments of c.mss, SSTHRESH_NONE */
	uint16_t w_max;    /* RFC 9438, segments; 0: to be taken when CUBIC's epoch begins */
	uint32_t srtt_us, rttvar_us; /* RFC 6298; srtt 0: no sample yet */
	union {
		struct {
			uint32_t seq, start_us;
		} timed; /* without timestamps: the segment being timed */
		struct {
			uint32_t recent, last_ack;
		} ts; /* with: RFC 7323's TS.Recent and Last.ACK.sent */
	};
	uint32_t side;                          /* id of a side block, CONN_NONE */
	uint8_t snd_wscale : 4, rcv_wscale : 4; /* 0..14 */
	uint8_t retries;
	union {
		struct {
			uint8_t dupacks : 2, probes : 6; /* of a zero window since it shut */
		};
		uint8_t dup_probes; /* either */
	};
	uint8_t opts;    /* TO_* */
	uint16_t rto_ms; /* current, backed off */
	uint16_t epoch;  /* CUBIC's, EPOCH_MS of the clock; wraps */
} cache_aligned;
static_assert(sizeof(struct tcb) == 128, "a TCP endpoint is two lines");
static_assert(offsetof(struct tcb, snd_una) == 64, "TCP begins on the second line");

/* Bytes that came before their turn, without a hole: a chain of buffers whose data begins at the
 * payload. */
struct tcp_run {
	struct rte_mbuf *first, *last;
	uint32_t start, end;
};
/* Bytes that the peer has selectively acknowledged, and what we know of the hole before them. */
struct tcp_sacked {
	uint32_t start, end;
	uint32_t rtx_to; /* the hole was sent again up to here; at or before its begin: not */
	uint32_t mark;   /* snd_max at that time: when later data arrives, that too was lost */
};

#define PROBES_MAX 63 /* that are told apart */

/* Rare state. Both arrays are in order and without overlap. */
#define SIDE_RUNS 24
#define SIDE_SACKED 24
#define SACK_RECENT 4 /* RFC 2018: blocks that an option has room for */
struct tcp_side {
	uint8_t n_runs, n_sacked, fin, n_recent; /* fin: FIN has come, behind fin_seq */
	uint32_t fin_seq;
	uint32_t recent[SACK_RECENT]; /* a byte of each run that grew last, newest first */
	struct tcp_run run[SIDE_RUNS];
	struct tcp_sacked sacked[SIDE_SACKED];
};

/* pool_at() of one whose stride is known. */
static force_inline struct tcb *tcb_at(const struct lcore *lc, uint32_t id)
{
	return (struct tcb *)lc->tcbs.base + id;
}

static inline uint32_t tcp_side_count(uint32_t n_tcbs)
{
	return MAX_OF(n_tcbs / 1024, 1024u);
}

/* A segment for this worker; taken from pkt. Returns true when it keeps the buffer. */
bool tcp_in(struct lcore *lc, struct lport *lp, struct pkt *p);
/* As tcp_in(), of one whose endpoint was found: t, of tc, and tc->pkt_word is the packet's. */
bool tcp_known_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p);

/* A block in the flow table, or CONN_NONE when there is none. Keeps the entry of the wheel that it
 * may still have; the caller sets the tuple. */
uint32_t tcb_alloc(struct lcore *lc, struct lport *lp, uint32_t hash);
/* Before the first connection: what the secret of initial sequence numbers is expanded to. */
void tcp_isn_begin(struct lcore *lc);
/* What all segments of a test case have in common, once its settings are known. */
void tcp_forms(struct tc_run *tc);
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
cold_path void tcp_abort(struct lcore *lc, struct tcb *t, uint32_t id, uint64_t *failure);

static force_inline bool seq_lt(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}
static force_inline bool seq_le(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) <= 0;
}
