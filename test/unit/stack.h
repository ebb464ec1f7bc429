/* One worker of the engine, its very objects, with two ports, wires and clock in the test's hands.
 * Port 0 is the client's (10.0.0.1), port 1 the server's (10.0.0.253, listens on 80). What a port
 * sends goes over the wire to the other, or, with a peer of the test's on it, is taken with
 * peer_take(). */
#pragma once

#include "engine/l3_ip/l3_ip.h"
#include "engine/l4_tcp/l4_tcp.h"
#include "engine/lcore/lcore.h"
#include "engine/traffic/traffic.h"
#include "test/unit/unit.h"

#define CLIENT_IP UINT32_C(0x0a000001)
#define SERVER_IP UINT32_C(0x0a0000fd)

struct stack {
	struct lcore *lc;
	struct seg *seg;
	uint64_t tsc;
	bool wired;   /* what one port sends the other receives */
	uint32_t rng; /* of the wire's mishaps */
	/* of 1000 packets on the wire: lost, doubled, held back behind the next */
	uint32_t lose, twice, late;
	uint64_t lost[2]; /* by the sending port */
	uint32_t room;    /* packets that fit a wire, 0: all */
	bool stuck;       /* the wires take nothing more */
	/* sees what is on the wire, before mishaps; true: swallows it */
	bool (*on_wire)(uint16_t port, struct rte_mbuf *m);
};
extern struct stack stack;

/* Anew: pools of these sizes, nothing configured, the wire joined. Once a test; stack_end() checks
 * that every pool is full again and every sum adds up. */
void stack_begin(uint32_t n_tcbs, uint32_t n_ucbs, uint32_t n_mbufs);
void stack_end(void);
/* cmocka's group set-up: the EAL without hugepages. */
int stack_eal(void **state);

/* A test case of port 0 (client) or 1 (server) with its usual addresses: n sessions from port 1000
 * on. To be changed before stack_start(). */
struct tc_config *stack_tc(uint16_t port, uint8_t tcid, enum l4proto proto, uint32_t n);
void stack_start(uint16_t port, uint8_t tcid);
/* Stops it, and runs until it is idle. */
void stack_stop(uint16_t port, uint8_t tcid);

/* Turns of 50 us each. */
void stack_run_us(uint32_t us);
void stack_run_ms(uint32_t ms);

struct stats_tc *stack_stats(uint16_t port, uint8_t tcid);
struct stats_port_block *stack_port(uint16_t port);
/* Fails the test unless opened = closed + open + failed by reason, for every test case. */
void stack_check_sums(void);

/* A TCP segment of the test's own peer, to or from a port. */
struct peer_seg {
	uint16_t sport, dport; /* its sender's, its receiver's */
	uint32_t seq, ack, len;
	uint16_t wnd;
	uint8_t flags;
	const void *data; /* valid until the next turn */
	/* the option bytes as they stand, valid as long as data is; sent: padded with EOL to a
	 * multiple of four */
	const uint8_t *opts;
	uint8_t opts_len;
	uint16_t urg; /* the urgent pointer */
	uint8_t tos;  /* of the IP header */
	bool group;   /* sent: in a broadcast frame */
	uint16_t vlan;
};
/* The peer at the other port's address sends into `port`. */
void peer_send(uint16_t port, const struct peer_seg *s);
/* The oldest TCP segment that `port` has sent and that was not taken; false: none. */
bool peer_take(uint16_t port, struct peer_seg *s);
/* Throws away what was not taken. */
void peer_flush(uint16_t port);
/* Opens a connection to the server on port 1 by hand: SYN, SYN-ACK, ACK. The server's initial
 * sequence number. */
uint32_t peer_connect(uint16_t sport, uint32_t iss);
/* A frame of any bytes. */
void peer_frame(uint16_t port, const void *bytes, uint16_t len);
/* A UDP datagram of n zero bytes. */
void peer_datagram(uint16_t port, uint16_t sport, uint16_t dport, uint16_t n);
