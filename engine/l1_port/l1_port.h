/* Ports: how they are made, what they can do, and bursts to and from them. */
#pragma once

#include "common/abi/segment.h"
#include "engine/boot/boot.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

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

/* Makes the ports that the options ask for, after rte_eal_init() and the mbuf pools. 0, or -errno,
 * logged as one sentence. ring_pair.c, tap.c, port.c. */
int ports_create(const struct options *o);
int ports_start(const struct options *o);
/* Stops and closes all; removes TAPs. */
void ports_fini(void);
/* Management, once a second: link state and speed into the segment. */
void ports_poll_link(struct seg *seg);
