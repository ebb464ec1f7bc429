/* ICMP (RFC 792): answers echo requests, counts the rest. */
#include "engine/l1_port/l1_port.h"
#include "engine/l3_ip/l3_ip.h"

#include <rte_byteorder.h>

#include <string.h>

#define ICMP_ECHO_REPLY 0
#define ICMP_UNREACHABLE 3
#define ICMP_ECHO_REQUEST 8

/* The request becomes the reply, in its own buffer. */
static void icmp_turn(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	uint8_t *eth = rte_pktmbuf_mtod(p->m, uint8_t *);
	struct ip4_hdr *ip = (struct ip4_hdr *)(eth + p->l2_len);
	struct icmp_hdr *ic = (struct icmp_hdr *)p->l4;
	uint16_t hlen = (ip->ver_ihl & 15) * 4;

	memcpy(eth, eth + 6, 6);
	memcpy(eth + 6, lp->port->mac, 6);
	ip->src_be32 = rte_cpu_to_be_32(p->dst);
	ip->dst_be32 = rte_cpu_to_be_32(p->src);
	ip->ttl = 64;
	ip->csum = 0;
	ip->csum = ~csum_fold(csum_add(ip, hlen, 0));
	ic->type = ICMP_ECHO_REPLY;
	ic->csum = 0;
	ic->csum = ~csum_fold(csum_add(ic, p->l4_len, 0));
	p->m->data_len = p->l2_len + hlen + p->l4_len;
	p->m->pkt_len = p->m->data_len;
	p->m->ol_flags = 0;
	lp->st->icmp.tx_echo_rep++;
	tx_push(lc, lp, p->m);
}

bool icmp_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	const struct icmp_hdr *ic = (const struct icmp_hdr *)p->l4;

	if (p->l4_len < sizeof(*ic) || csum_fold(csum_add(ic, p->l4_len, 0)) != 0xffff) {
		lp->st->drop.icmp_bad++;
		return false;
	}
	if (ic->type == ICMP_UNREACHABLE) {
		lp->st->icmp.rx_unreach++;
		return false;
	}
	if (ic->type != ICMP_ECHO_REQUEST) {
		lp->st->icmp.rx_other++;
		lp->st->drop.icmp_other++;
		return false;
	}
	lp->st->icmp.rx_echo_req++;
	if (!ipv4_is_mine(lc, lp, p->vlan, p->dst)) {
		lp->st->drop.ip_not_mine++;
		return false;
	}
	icmp_turn(lc, lp, p);
	return true;
}
