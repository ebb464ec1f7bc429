/* The Ethernet header of what is sent, and the cache of next hops in front of routes and ARP. */
#include "engine/l2_eth/l2_eth.h"

#include <rte_byteorder.h>

#include <string.h>

int eth_next_hop(struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t dst, uint8_t mac[6])
{
	struct nh_entry *e = &lp->nh[(dst ^ dst >> 8 ^ vlan) % NH_CACHE];
	uint32_t epoch = arp_epoch(lp->port->id), hop;

	if (likely(e->dst == dst && e->vlan == vlan && e->epoch == epoch)) {
		memcpy(mac, e->mac, 6);
		return 0;
	}
	if ((dst >> 28) == 14) { /* multicast: RFC 1112 §6.4 */
		mac[0] = 1, mac[1] = 0, mac[2] = 0x5e;
		mac[3] = dst >> 16 & 0x7f, mac[4] = dst >> 8, mac[5] = dst;
		return 0;
	}
	hop = route_next_hop(lp->port->id, vlan, dst);
	if (hop == 0 || arp_resolve(lc, lp, vlan, hop, mac) != 0)
		return -1;
	e->dst = dst;
	e->vlan = vlan;
	e->epoch = epoch;
	memcpy(e->mac, mac, 6);
	return 0;
}

void eth_write(
	const struct lport *lp, uint8_t *at, const uint8_t dst[6], uint16_t vlan_tci, uint16_t type)
{
	uint16_t be = rte_cpu_to_be_16(type);

	memcpy(at, dst, 6);
	memcpy(at + 6, lp->port->mac, 6);
	if (unlikely(vlan_tci != 0)) {
		uint16_t tag[2] = {rte_cpu_to_be_16(ETHERTYPE_8021Q), rte_cpu_to_be_16(vlan_tci)};

		memcpy(at + 12, tag, 4);
		at += 4;
	}
	memcpy(at + 12, &be, 2);
}
