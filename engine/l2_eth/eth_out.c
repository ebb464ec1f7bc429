/* The way to an address, and the headers of what goes there. */
#include "engine/l2_eth/l2_eth.h"

#include <rte_byteorder.h>

#include <string.h>

uint16_t eth_write(
	const struct lport *lp, uint8_t *at, const uint8_t dst[6], uint16_t vlan_tci, uint16_t type)
{
	uint16_t be = rte_cpu_to_be_16(type), len = vlan_tci != 0 ? 18 : 14;

	memcpy(at, dst, 6);
	memcpy(at + 6, lp->port->mac, 6);
	if (vlan_tci != 0) {
		uint16_t tag[2] = {rte_cpu_to_be_16(ETHERTYPE_8021Q), rte_cpu_to_be_16(vlan_tci)};

		memcpy(at + 12, tag, 4);
	}
	memcpy(at + len - 2, &be, 2);
	return len;
}

/* RFC 1112 §6.4 */
static void mac_of_group(uint32_t group, uint8_t mac[6])
{
	mac[0] = 1;
	mac[1] = 0;
	mac[2] = 0x5e;
	mac[3] = group >> 16 & 0x7f;
	mac[4] = (uint8_t)(group >> 8);
	mac[5] = (uint8_t)group;
}

const struct hop *eth_hop_slow(
	struct lcore *lc, struct lport *lp, struct hop *h, uint16_t vlan_tci, uint32_t dst)
{
	uint16_t vlan = vlan_tci & VLAN_ID_MASK, on;
	uint32_t epoch = lp->arp_epoch, next;
	uint8_t mac[6];

	if (ipv4_is_multicast(dst)) {
		mac_of_group(dst, mac);
	} else {
		next = route_next_hop(lp->port->id, vlan, dst, &on);
		if (next == 0 || arp_resolve(lc, lp, on, next, mac) != 0)
			return NULL;
	}
	if (h->dst != dst || h->vlan_tci != vlan_tci)
		h->pmtu = 0;
	h->dst = dst;
	h->epoch = epoch;
	h->vlan_tci = vlan_tci;
	h->l2_len = eth_write(lp, h->hdr, mac, vlan_tci, ETHERTYPE_IPV4);
	ipv4_template(h->hdr + h->l2_len, dst);
	return h;
}
