/* IPv4 sent: header, checksums by whoever has to. */
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#define IP4_TTL 64
#define IP_DF 0x4000

struct rte_mbuf *ipv4_out(struct lcore *lc, struct lport *lp, uint32_t src, uint32_t dst,
	uint8_t proto, uint16_t vlan_tci, uint16_t l4_len, uint8_t **l4)
{
	uint16_t l2 = eth_hdr_len(vlan_tci);
	struct rte_mbuf *m;
	struct ip4_hdr *ip;
	uint8_t mac[6];

	if (unlikely(eth_next_hop(lc, lp, vlan_tci & 0xfff, dst, mac) != 0)) {
		lp->st->drop.no_neighbour++;
		lp->st->route.nh_miss++;
		return NULL;
	}
	m = pkt_alloc(lc, l2 + sizeof(*ip) + l4_len);
	if (unlikely(m == NULL)) {
		lp->st->drop.no_mbuf++;
		return NULL;
	}
	eth_write(lp, rte_pktmbuf_mtod(m, uint8_t *), mac, vlan_tci, ETHERTYPE_IPV4);
	ip = rte_pktmbuf_mtod_offset(m, struct ip4_hdr *, l2);
	ip->ver_ihl = 0x45;
	ip->tos = 0;
	ip->total_len_be16 = rte_cpu_to_be_16(sizeof(*ip) + l4_len);
	ip->id_be16 = rte_cpu_to_be_16(lc->ip_id++);
	ip->frag_be16 = rte_cpu_to_be_16(IP_DF);
	ip->ttl = IP4_TTL;
	ip->proto = proto;
	ip->csum = 0;
	ip->src_be32 = rte_cpu_to_be_32(src);
	ip->dst_be32 = rte_cpu_to_be_32(dst);
	m->l2_len = l2;
	m->l3_len = sizeof(*ip);
	*l4 = (uint8_t *)(ip + 1);
	return m;
}

static void csum_in_software(struct ip4_hdr *ip, uint8_t *l4)
{
	uint16_t len = rte_be_to_cpu_16(ip->total_len_be16) - sizeof(*ip);
	uint16_t *field = ip->proto == IPPROTO_TCP4 ? &((struct tcp_hdr *)l4)->csum
						    : &((struct udp_hdr *)l4)->csum;

	ip->csum = ~csum_fold(csum_add(ip, sizeof(*ip), 0));
	*field = 0;
	*field = csum_l4(
		rte_be_to_cpu_32(ip->src_be32), rte_be_to_cpu_32(ip->dst_be32), ip->proto, l4, len);
}

static void csum_by_device(struct rte_mbuf *m, struct ip4_hdr *ip, uint8_t *l4)
{
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM
		| (ip->proto == IPPROTO_TCP4 ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
	if (ip->proto == IPPROTO_TCP4)
		((struct tcp_hdr *)l4)->csum = rte_ipv4_phdr_cksum(
			(struct rte_ipv4_hdr *)ip, m->ol_flags);
	else
		((struct udp_hdr *)l4)->csum = rte_ipv4_phdr_cksum(
			(struct rte_ipv4_hdr *)ip, m->ol_flags);
}

void ipv4_send(struct lcore *lc, struct lport *lp, struct rte_mbuf *m, uint8_t *l4)
{
	if (lp->port->sw_csum)
		csum_in_software((struct ip4_hdr *)(l4 - sizeof(struct ip4_hdr)), l4);
	else if (lp->port->tx_offload)
		csum_by_device(m, (struct ip4_hdr *)(l4 - sizeof(struct ip4_hdr)), l4);
	tx_push(lc, lp, m);
}
