/* UDP (RFC 768). An endpoint is one line; a message larger than a datagram goes out in several. */
#pragma once

#include "engine/l3_ip/l3_ip.h"
#include "engine/lcore/lcore.h"

void udp_in(struct lcore *lc, struct lport *lp, struct pkt *p);
/* An ICMP error about a datagram of ours: counted; smaller ones follow where one was too large. An
 * answer that does not come for that is lost after its time, as always. */
void udp_icmp_error(struct lcore *lc, struct lport *lp, const struct icmp_quote *q);
/* Client: a session whose tuple is set begins; it is up at once. */
void udp_open(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id);
/* Sends what is left of the message. */
void udp_output(struct lcore *lc, struct lport *lp, struct tc_run *tc, struct conn *c, uint32_t id);
/* failure: how the test case counts it, NULL: closed. */
void udp_end(struct lcore *lc, struct conn *c, uint32_t id, uint64_t *failure);
/* An answer that does not come, a next hop that had to be asked for. */
void udp_timer(struct lcore *lc, struct tc_run *tc, struct conn *c, uint32_t id);
/* A block in the flow table, CONN_UDP set; CONN_NONE when there is none. */
uint32_t ucb_alloc(struct lcore *lc, struct lport *lp, uint32_t hash);
