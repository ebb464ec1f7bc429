/* Ethernet, 802.1Q and ARP (RFC 826). */
#pragma once

#include "engine/l3_ip/l3_ip.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_ARP4 0x0806
#define ETHERTYPE_8021Q 0x8100
#define ETHERTYPE_IPV6_ 0x86dd

/* First look at a received frame: address, tag, type. IPv4 goes on to ipv4_in(). Sets p->class. */
void eth_in(struct lcore *lc, struct lport *lp, struct pkt *p);

/* What is not TCP or UDP: ARP and ICMP. True when the buffer was kept (answered in place). */
bool eth_in_slow(struct lcore *lc, struct lport *lp, struct pkt *p);

/* Where packets to a next hop go: 0 and mac, or -1 after having asked for it. */
int arp_resolve(
	struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t next_hop, uint8_t mac[6]);
bool arp_in(struct lcore *lc, struct lport *lp, struct pkt *p);
void arp_port_start(struct lcore *lc, struct lport *lp);
void arp_port_stop(struct lcore *lc, struct lport *lp);
/* Moves when an address of a port changes: what was resolved before is stale. Never 0. */
extern uint32_t arp_epochs[PORTS_MAX];
static force_inline uint32_t arp_epoch(uint8_t port)
{
	return __atomic_load_n(&arp_epochs[port], __ATOMIC_ACQUIRE) + 1; /* pairs with arp_set() */
}

/* Management: the port has other interfaces. */
void arp_intfs_changed(uint32_t port);
/* Management: copies the tables that have changed into the segment. */
void arp_snapshot(struct seg *seg);

#define VLAN_ID_MASK 0xfffu

/* Ethernet header and tag (0: none) at the head of a frame; its length, 14 or 18. */
uint16_t eth_write(const struct lport *lp, uint8_t *at, const uint8_t dst[6], uint16_t vlan_tci,
	uint16_t type);

cold_path const struct hop *eth_hop_slow(
	struct lcore *lc, struct lport *lp, struct hop *h, uint16_t vlan_tci, uint32_t dst);

static force_inline uint32_t eth_hop_index(uint16_t vlan_tci, uint32_t dst)
{
	return (dst ^ dst >> 8 ^ vlan_tci) % HOPS;
}

/* The way to an address, or NULL: it is being asked for. hop_missing() counts a packet not built.
 */
static force_inline const struct hop *eth_hop(
	struct lcore *lc, struct lport *lp, uint16_t vlan_tci, uint32_t dst)
{
	struct hop *h = &lp->hops[eth_hop_index(vlan_tci, dst)];

	if (likely(h->dst == dst && h->vlan_tci == vlan_tci && h->epoch == lp->arp_epoch))
		return h;
	return eth_hop_slow(lc, lp, h, vlan_tci, dst);
}
