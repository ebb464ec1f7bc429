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
#define TCP_DUPACKS 3

/* A received segment in host order; trimmed to the window as it goes along. */
struct seg_in {
	uint32_t seq, ack, wnd;
	uint8_t flags;
	uint16_t len;
	uint8_t *data;
	uint16_t mss;   /* SYN: the option, or the default */
	uint8_t wscale; /* SYN: the option, 255 none */
};

/* fsm.c: state changes keep the per-state gauges right. */
void tcp_state_set(struct lport *lp, struct tcb *t, uint8_t state);
/* Out of the flow table, side block freed, deadlines off; then traffic_gone(). */
void tcp_end(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id);
/* Both FINs are through: TIME-WAIT, or the end at once when it is skipped. */
void tcp_time_wait(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id);
/* A connection's first numbers. again: the block was this session's before, and says how far it
 * got. */
void tcp_init_snd(struct lcore *lc, struct tc_run *tc, struct tcb *t, bool again);
/* Fills in what the peer's SYN said, and the windows. */
void tcp_take_syn(struct tc_run *tc, struct tcb *t, const struct seg_in *s);
/* ESTABLISHED for the first time. */
void tcp_established(struct lcore *lc, struct tc_run *tc, struct tcb *t, uint32_t id);

/* icmp_err.c: the connection begins with what is known of its path's MTU. */
void tcp_path_mtu(struct lcore *lc, struct lport *lp, const struct tc_run *tc, struct tcb *t);

/* options.c */
void tcp_parse_syn_options(const struct tcp_hdr *th, struct seg_in *s);
uint16_t tcp_write_syn_options(uint8_t *at, uint16_t mss, uint8_t wscale);

/* reasm.c: segments ahead of rcv_nxt. True when the buffer was kept. */
bool tcp_ooo_keep(
	struct lcore *lc, struct lport *lp, struct tcb *t, struct pkt *p, const struct seg_in *s);
/* Delivers what has become contiguous; returns true when the FIN was among it. */
bool tcp_ooo_deliver(
	struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id);
void tcp_side_free(struct lcore *lc, struct lport *lp, struct tcb *t);

/* tcp_in.c: RFC 6298's timeout by what was measured, not backed off; the test case's when nothing
 * was. */
uint16_t tcp_rto(const struct tc_run *tc, const struct tcb *t);
/* Bytes in order to the application. */
void tcp_deliver(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id,
	const uint8_t *data, uint32_t len);

/* tcp_out.c: one segment at seq with len bytes of the message; SYN, RST and bare ACK likewise.
 * False: not sent. */
bool tcp_send(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t seq,
	uint8_t flags, uint32_t len);
void tcp_send_syn(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t, uint32_t id,
	uint8_t flags);
void tcp_ack(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t);
/* The first unacknowledged segment once more, whatever the windows say. */
void tcp_resend_first(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct tcb *t);
/* RST in answer to a segment that belongs to no connection (RFC 9293 §3.5.2). */
void tcp_refuse(struct lcore *lc, struct lport *lp, const struct pkt *p, const struct seg_in *s);
