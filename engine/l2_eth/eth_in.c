/* A received frame's first layer. */
#include "engine/l2_eth/l2_eth.h"

#include <rte_byteorder.h>

#include <string.h>

#define DROP_PKT(lp, p, reason)          \
	do {                             \
		(lp)->st->drop.reason++; \
		(p)->class = PKT_DONE;   \
	} while (0)

static inline uint16_t be16_at(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return rte_be_to_cpu_16(v);
}

void eth_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	const uint8_t *h = rte_pktmbuf_mtod(p->m, uint8_t *);
	uint16_t type;

	if (unlikely(p->m->nb_segs > 1 && rte_pktmbuf_linearize(p->m) != 0)) {
		DROP_PKT(lp, p, rx_runt);
		return;
	}
	if (unlikely(p->m->data_len < 14)) {
		DROP_PKT(lp, p, rx_runt);
		return;
	}
	p->group = h[0] & 1;
	if (unlikely(!p->group && memcmp(h, lp->port->mac, 6) != 0)) {
		DROP_PKT(lp, p, eth_not_mine);
		return;
	}
	type = be16_at(h + 12);
	p->l2_len = 14;
	p->vlan = 0;
	if (unlikely(type == ETHERTYPE_8021Q)) {
		lp->st->eth.rx_vlan++;
		if (p->m->data_len < 18) {
			DROP_PKT(lp, p, vlan_bad);
			return;
		}
		p->vlan = be16_at(h + 14) & 0xfff;
		type = be16_at(h + 16);
		p->l2_len = 18;
	}
	if (likely(type == ETHERTYPE_IPV4)) {
		lp->st->eth.rx_ipv4++;
		ipv4_in(lc, lp, p);
		return;
	}
	if (type == ETHERTYPE_ARP4) {
		lp->st->eth.rx_arp++;
		p->class = PKT_OTHER;
		p->sport = ETHERTYPE_ARP4;
		return;
	}
	if (type == ETHERTYPE_IPV6_)
		lp->st->eth.rx_ipv6++;
	else
		lp->st->eth.rx_other++;
	DROP_PKT(lp, p, eth_type);
}

bool eth_in_slow(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	if (unlikely(!lp->running)) {
		lp->st->drop.stopped++;
		return false;
	}
	return p->sport == ETHERTYPE_ARP4 ? arp_in(lc, lp, p) : icmp_in(lc, lp, p);
}
