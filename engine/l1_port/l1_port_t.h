/* Types of ports: what a worker keeps of one. */
#pragma once

#include "common/abi/limits.h"

#include <rte_mbuf.h>

#include <stdint.h>

#define RX_BURST 64
#define TXQ_LEN 512 /* packets kept for a port until it takes them */

/* A port as workers see it: read-only after boot. */
struct port {
	uint16_t id;     /* ours, 0.. : device ports, then ring pairs, then TAPs */
	uint16_t dev_id; /* ethdev's */
	uint8_t mac[6];
	uint8_t kind;       /* enum port_kind */
	uint8_t sw_csum;    /* checksums are computed and checked by us */
	uint8_t tx_offload; /* the device computes IPv4, TCP and UDP checksums */
	uint8_t rx_offload; /* the device checks them: ol_flags tell */
	uint16_t n_queues;
	uint16_t mtu;  /* of IP: bytes behind the Ethernet header */
	uint16_t peer; /* ring: the other port's id */
	uint16_t queue_worker[WORKERS_MAX];
	uint32_t socket;
};
extern struct port ports[PORTS_MAX];
extern uint16_t n_ports;

/* Packets waiting for a port. */
struct txq {
	struct rte_mbuf *pkt[TXQ_LEN];
	uint32_t n;
	uint32_t stuck_ms; /* since when the port takes nothing, 0: it does */
	uint64_t bytes;    /* of pkt[0..n) */
};

/* Buffers: the worker's own LIFO before the mempool. */
#define STASH_LEN 512
struct stash {
	struct rte_mempool *pool;
	uint32_t n;
	struct rte_mbuf *m[STASH_LEN];
};
