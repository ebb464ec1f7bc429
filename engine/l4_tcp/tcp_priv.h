/* Inside TCP. */
#pragma once

#include "engine/l1_port/l1_port.h"
#include "engine/l4_conn/l4_conn.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic.h"

#define TCP_MSS_DEFAULT 536 /* RFC 9293 §3.7.1: when the peer sends no option */
#define TCP_RTO_MAX_MS 60000
#define TCP_DELACK_MS 40
#define TCP_GRANULARITY_US 1000u /* of the wheel, and of timestamps */
#define TCP_DUPACKS 3
#define TCP_WSCALE_MAX 14
#define TCP_OPT_TS_LEN 12 /* with its two NOPs */
#define TCP_OPTS_MAX 40u
#define CWND_MAX 0x3fffffffu

/* A received segment in host order; trimmed to the window as it goes along. */
struct seg_in {
	uint32_t seq, ack, wnd;
	uint8_t flags;
	uint16_t len;
	uint8_t *data;
	uint32_t tsval, tsecr; /* valid with has_ts */
	bool has_ts;
	uint8_t n_sack;      /* blocks at sack: pairs of 32 bits in network order */
	const uint8_t *sack; /* in the packet */
	/* SYN: */
	uint16_t mss;   /* the option, or the default */
	uint8_t wscale; /* valid with TO_WSCALE */
	uint8_t opts;   /* TO_* the peer offers */
};

/* Gauge of a state; CS_FREE has none. */
static force_inline uint64_t *tcp_state_gauge(struct lport *lp, uint8_t state)
{
	static const uint16_t off[CS_COUNT] = {
		0, /* then in the order of enum conn_state */
#define TCP_STATE(NAME, field, ...) offsetof(struct stats_tsm, field),
#include "common/stats/tcp_states.def"
	};

	return (uint64_t *)((char *)&lp->st->tsm + off[state]);
}

/* State changes keep the gauges right. */
static force_inline void tcp_state_set(struct lport *lp, struct tcb *t, uint8_t state)
{
	if (t->c.state != CS_FREE)
		(*tcp_state_gauge(lp, t->c.state))--;
	if (state != CS_FREE)
		(*tcp_state_gauge(lp, state))++;
	t->c.state = state;
}

/* fsm.c */
/* Out of the flow table, side block freed, deadlines off; then traffic_gone(). */
cold_path void tcp_end(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id);
/* The same of one whose hash is known. */
apart void tcp_end_known(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, uint32_t hash);
/* Both FINs are through: TIME-WAIT, or the end at once when it is skipped. */
void tcp_time_wait(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, uint32_t hash);
/* A connection's first numbers. again: the block was this session's before, and says how far it
 * got. */
void tcp_init_snd(struct lcore *lc, struct tc_run *tc, struct tcb *t, bool again);
/* The half line of it that is the same for all connections of a test case. */
#define TCB_FORM offsetof(struct tcb, ssthresh)
void tcp_tcb_form(struct tc_run *tc);
/* Fills in what the peer's SYN said, and the windows. */
void tcp_take_syn(struct tc_run *tc, struct tcb *t, const struct seg_in *s);
/* ESTABLISHED for the first time. */
void tcp_established(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id);

/* isn.c: the initial sequence number of a connection that begins now (RFC 6528). */
uint32_t tcp_isn(const struct lcore *lc, const struct conn *c);
/* Its keyed function where there are no instructions for AES. */
apart uint32_t tcp_isn_sip(const struct lcore *lc, const struct conn *c);

/* options.c: those of any segment; those of a SYN too when it is one. */
void tcp_parse_options(const struct tcp_hdr *th, struct seg_in *s);
/* What a SYN or, with ack, a SYN-ACK of ours carries: its bytes, a multiple of 4. */
static force_inline uint16_t tcp_syn_options_len(const struct tcb *t)
{
	return 4
		+ (t->opts & TO_TS                  ? 12
				: t->opts & TO_SACK ? 4
						    : 0)
		+ (t->opts & TO_WSCALE ? 4 : 0);
}
void tcp_write_syn_options(const struct lcore *lc, const struct tc_run *tc, const struct tcb *t,
	bool ack, uint8_t *at);
/* The SACK option, in so much room at most. Returns its bytes, a multiple of 4. */
uint16_t tcp_write_sack(const struct tcp_side *sd, uint8_t *at, uint16_t room);
/* Our clock of timestamps (RFC 7323 §5.4): ms. */
static force_inline uint32_t tcp_ts_now(const struct lcore *lc)
{
	return lc->now_ms + lc->ts_offset;
}

/* side.c: the blocks of rare state. tcp_side() of one that has one. tcp_side_get() takes one when
 * it has none, NULL when the pool is empty. tcp_side_drop() gives it back once nothing is in it. */
static force_inline struct tcp_side *tcp_side(const struct lcore *lc, const struct tcb *t)
{
	return (struct tcp_side *)(lc->sides.base + (size_t)t->side * lc->sides.stride);
}
struct tcp_side *tcp_side_get(struct lcore *lc, struct tcb *t);
void tcp_side_drop(struct lcore *lc, struct tcb *t);
void tcp_side_free(struct lcore *lc, struct lport *lp, struct tcb *t);
/* Does it wait for a hole in what it receives? */
static force_inline bool tcp_has_hole(const struct lcore *lc, const struct tcb *t)
{
	return unlikely(t->side != CONN_NONE)
		&& (tcp_side(lc, t)->n_runs != 0 || tcp_side(lc, t)->fin);
}
/* Has the peer told of data beyond a hole in what we sent? */
static force_inline bool tcp_has_sacked(const struct lcore *lc, const struct tcb *t)
{
	return unlikely(t->side != CONN_NONE) && tcp_side(lc, t)->n_sacked != 0;
}

/* icmp_err.c: the connection begins with what is known of its path's MTU. */
cold_path void tcp_path_mtu(
	struct lcore *lc, struct lport *lp, const struct tc_run *tc, struct tcb *t);

/* reasm.c: segments ahead of rcv_nxt. True when the buffer was kept. */
cold_path bool tcp_ooo_keep(
	struct lcore *lc, struct lport *lp, struct tcb *t, struct pkt *p, const struct seg_in *s);
/* Delivers a segment at rcv_nxt and what has become contiguous by it; true when the FIN was among it.
 */
cold_path bool tcp_hole_filled(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, const struct seg_in *s);

/* sack.c: the sender's scoreboard (RFC 2018, 6675). */
/* Takes the blocks of an ACK in; true when one told something new, or what there is no room for. */
cold_path bool tcp_sack_take(struct lcore *lc, struct tcb *t, const struct seg_in *s);
/* snd_una has moved. */
cold_path void tcp_sack_advance(struct lcore *lc, struct tcb *t);
/* Forgets all: the peer may have reneged (RFC 2018 §8). */
cold_path void tcp_sack_clear(struct lcore *lc, struct tcb *t);
/* RFC 6675 IsLost(snd_una). */
bool tcp_sack_first_lost(const struct lcore *lc, const struct tcb *t);
/* Was the byte at snd_una sent again since the scoreboard knows of its hole? */
bool tcp_sack_first_resent(const struct lcore *lc, const struct tcb *t);
/* Bytes thought to be in the network (RFC 6675 SetPipe); without a scoreboard what was sent and not
 * acknowledged. */
uint32_t tcp_pipe(const struct lcore *lc, const struct tcb *t);
/* What to send again next: RFC 6675 NextSeg (1), or with rescue (3). Returns its length, 0 none. */
uint32_t tcp_sack_next(const struct lcore *lc, struct tcb *t, bool rescue, uint32_t *seq);
/* [seq, seq + len) was sent again. */
void tcp_sack_resent(const struct lcore *lc, struct tcb *t, uint32_t seq, uint32_t len);
/* The end of the acknowledged bytes that seq is among, else seq. */
uint32_t tcp_sack_skip(const struct lcore *lc, const struct tcb *t, uint32_t seq);

/* congestion.c: RFC 5681, 9438, or none, as the test case says. */
/* The window after the SYN (RFC 6928), or of one that lost it (RFC 5681 §3.1). */
void tcp_cwnd_init(const struct tc_run *tc, struct tcb *t, bool syn_lost);
/* acked bytes were, in congestion avoidance. */
apart void tcp_cwnd_avoid(
	const struct lcore *lc, const struct tc_run *tc, struct tcb *t, uint32_t acked);
/* Loss or ECE: a new ssthresh. acked: bytes that the ACK which tells has taken from the flight. */
void tcp_ssthresh_cut(const struct tc_run *tc, struct tcb *t, uint32_t acked);
/* cwnd is to be ssthresh, and what follows congestion avoidance. */
void tcp_cwnd_to_ssthresh(const struct lcore *lc, const struct tc_run *tc, struct tcb *t);
/* The retransmission timer fired: slow start from one segment. again: as it did for the same segment
 * before. */
void tcp_cwnd_collapse(const struct tc_run *tc, struct tcb *t, bool again);
/* The retransmission timer had fired for nothing: the window is what it was. */
void tcp_cwnd_undo(const struct tc_run *tc, struct tcb *t);
static force_inline bool tcp_slow_start(const struct tcb *t)
{
	return t->ssthresh == SSTHRESH_NONE || t->cwnd < (uint32_t)t->ssthresh * t->c.mss;
}

/* recovery.c: loss that ACKs tell of (RFC 5681 §3.2, 6582, 6675). */
/* A duplicate ACK, or one that tells of new data beyond a hole, whether it acknowledges data too (acked
 * bytes) or not. */
cold_path void tcp_dup_ack(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t acked);
/* acked bytes were during recovery: all, or up to the next hole. */
cold_path void tcp_recovery_ack(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t acked);
/* Holes first: what recovery may send again now. */
void tcp_recovery_output(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t);
/* The retransmission timer fired, and RFC 8985's tail loss probe answers it: true, it is sent. It
 * counts as a try (t->retries), but not as a retransmission (CF_RETRANS). */
bool tcp_tail_probe(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id);
/* What the first new ACK after the timer fired says: before it is taken in. */
enum tcp_retried {
	RETRIED_LOST,    /* what was sent again had been lost, or who knows */
	RETRIED_PROBE,   /* it answers a tail loss probe, or what that was about */
	RETRIED_SPURIOUS /* it answers what had been sent before (Eifel, RFC 3522) */
};
cold_path enum tcp_retried tcp_retried(
	const struct lcore *lc, const struct tcb *t, const struct seg_in *s);
/* After it was taken in, acked bytes. If a probe has repaired a loss, the window shrinks as for any
 * other (RFC 8985 §7.4); a time-out for nothing is undone (RFC 4015). */
cold_path void tcp_retried_acked(struct lcore *lc, struct lport *lp, const struct tc_run *tc,
	struct tcb *t, const struct seg_in *s, uint32_t acked, enum tcp_retried retried);
/* An ACK with ECE (RFC 3168 §6.1.2). */
cold_path void tcp_ece(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t acked);

/* RFC 6298's time-out by what was measured, not backed off; the test case's when nothing was, or
 * when that is more. */
static force_inline uint16_t tcp_rto(const struct tc_run *tc, const struct tcb *t)
{
	uint32_t us = t->srtt_us + MAX_OF(4 * t->rttvar_us, TCP_GRANULARITY_US);

	if (likely(t->srtt_us == 0 || us <= tc->rto_ms * 1000))
		return (uint16_t)tc->rto_ms;
	return (uint16_t)MIN_OF(us / 1000, TCP_RTO_MAX_MS);
}

/* tcp_begin.c: a segment in SYN-SENT; one to no connection, which a listener takes or which is refused
 * (used: how far the numbers of this tuple's last connection went, NULL when nothing is known of
 * one); a SYN that ends TIME-WAIT, RFC 9293 §3.10.7.4, RFC 1122 §4.2.2.13, RFC 6191. */
apart void tcp_syn_sent_in(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t id, struct pkt *p, struct seg_in *s);
apart void tcp_listen_in(
	struct lcore *lc, struct lport *lp, struct pkt *p, struct seg_in *s, const uint32_t *used);
bool tcp_reopens(const struct tcb *t, const struct pkt *p, struct seg_in *s);

/* tcp_in.c: a segment to no endpoint, or to one on another VLAN; in SYN-SENT; in any other state, all steps.
 * True: the buffer is kept. */
apart bool tcp_stray_in(struct lcore *lc, struct lport *lp, struct pkt *p);
apart bool tcp_opening_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p);
apart bool tcp_other_in(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, struct pkt *p);
/* Eighth: the peer's FIN, in order. */
apart void tcp_step_fin(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id);
/* Our SYN was acknowledged, the first that was sent, without timestamps. */
void tcp_syn_acked(const struct lcore *lc, const struct tc_run *tc, struct tcb *t);
/* New data is acknowledged: una moves, timers and RTT follow. */
void tcp_ack_advance(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	const struct seg_in *s);
/* Bytes in order to the application. */
void tcp_deliver(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id,
	const uint8_t *data, uint32_t len);

/* tcp_out.c: one segment, no SYN, at seq with len bytes of the message. False: not sent. */
bool tcp_send(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t seq,
	uint8_t flags, uint32_t len);
void tcp_send_syn(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id,
	uint8_t flags);
/* The peer has not seen our SYN-ACK: once more, the timer goes on. */
cold_path void tcp_syn_again(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t);
apart void tcp_ack(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t);
/* At most max bytes at seq once more, FIN with the last, whatever the windows say. False: not sent. */
cold_path bool tcp_resend(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t,
	uint32_t seq, uint32_t max);
/* RST in answer to a segment that belongs to no connection (RFC 9293 §3.5.2); how: ipv4_out()'s. */
cold_path void tcp_refuse(struct lcore *lc, struct lport *lp, const struct pkt *p,
	const struct seg_in *s, uint16_t how);
/* The IPv4 header of one to a connection that is not established. */
static inline uint16_t tcp_refuse_how(const struct tc_run *tc, const struct tcb *t)
{
	return t->opts & TO_ECN ? tc->ip_how & ~IP_ECN_MASK : tc->ip_how;
}
/* An ACK that nothing of ours needs: in answer to what may be forged (RFC 5961 §7), or to an ACK
 * that may answer ours. So many a second and worker, no more. */
cold_path void tcp_challenge(struct lcore *lc, struct lport *lp, struct tcb *t);
