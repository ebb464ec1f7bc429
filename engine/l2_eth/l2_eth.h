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
uint32_t arp_epoch(uint8_t port);

/* Management: copies every port's table into the segment. */
void arp_snapshot(struct seg *seg);

/* Destination address, own source, tag and type at the head of m; returns the header's length (14
 * or 18), or 0 when the next hop is not resolved (counted). */
static force_inline uint16_t eth_hdr_len(uint16_t vlan_tci)
{
	return vlan_tci != 0 ? 18 : 14;
}
int eth_next_hop(struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t dst, uint8_t mac[6]);
void eth_write(const struct lport *lp, uint8_t *at, const uint8_t dst[6], uint16_t vlan_tci,
	uint16_t type);
