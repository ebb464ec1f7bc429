/* IPv4 sent: header, checksums by whoever has to. */
#include "engine/l3_ip/l3_ip_hot.h"

#include <rte_byteorder.h>
#include <rte_ip.h>

#include <errno.h>
#include <string.h>

void ipv4_template(uint8_t *at, uint32_t dst)
{
	struct ip4_hdr ip = {.ver_ihl = 0x45,
		.frag_be16 = rte_cpu_to_be_16(IP_DF),
		.ttl = IP4_TTL,
		.dst_be32 = rte_cpu_to_be_32(dst)};

	memcpy(at, &ip, sizeof(ip));
}

void ipv4_no_neighbour(struct lport *lp)
{
	lp->st->drop.no_neighbour++;
	lp->st->route.nh_miss++;
}

void ipv4_no_buffer(struct lport *lp)
{
	lp->st->drop.no_mbuf++;
}

bool ipv4_reachable(struct lcore *lc, struct lport *lp, uint16_t vlan_tci, uint32_t dst)
{
	if (likely(eth_hop(lc, lp, vlan_tci, dst) != NULL))
		return true;
	ipv4_no_neighbour(lp);
	return false;
}

#define PMTU_AGE_MS 600000 /* RFC 1191 §6.3 */

static struct hop *hop_slot(struct lport *lp, uint16_t vlan_tci, uint32_t dst)
{
	return &lp->hops[eth_hop_index(vlan_tci, dst)];
}

void ipv4_path_mtu_learn(
	struct lcore *lc, struct lport *lp, uint16_t vlan_tci, uint32_t dst, uint16_t mtu)
{
	struct hop *h = hop_slot(lp, vlan_tci, dst);

	if (!lp->pmtu_learnt) {
		for (uint32_t i = 0; i < HOPS; i++)
			lp->hops[i].pmtu = 0;
		lp->pmtu_learnt = 1;
	}
	if (h->dst != dst || h->vlan_tci != vlan_tci)
		return; /* another's: nothing was sent there for long */
	h->pmtu = mtu;
	h->pmtu_ms = lc->now_ms;
}

uint16_t ipv4_path_mtu(struct lcore *lc, struct lport *lp, uint16_t vlan_tci, uint32_t dst)
{
	const struct hop *h = hop_slot(lp, vlan_tci, dst);

	return lp->pmtu_learnt && h->dst == dst && h->vlan_tci == vlan_tci
			&& lc->now_ms - h->pmtu_ms < PMTU_AGE_MS
		? h->pmtu
		: 0;
}

/* Type, length, pointer (behind the last time: full), flag 0: times only. */
void ipv4_stamp_begin(struct ip4_hdr *ip)
{
	uint32_t head = RTE_BE32(0x440c0d00);

	ip->ver_ihl = 0x40 | (sizeof(*ip) + IP_STAMP_LEN) / 4;
	memcpy(ip + 1, &head, sizeof(head));
}

void ipv4_stamp_now(const struct lcore *lc, struct ip4_hdr *ip)
{
	uint64_t ns = lcore_ns_now(lc);
	uint32_t word[2] = {rte_cpu_to_be_32(IP_STAMP_OURS | (uint32_t)(ns >> 31)),
		rte_cpu_to_be_32(IP_STAMP_OURS | (uint32_t)ns)};

	memcpy((uint8_t *)(ip + 1) + 4, word, sizeof(word));
}

static uint16_t *csum_field(const struct ip4_hdr *ip, uint8_t *l4)
{
	return ip->proto == IPPROTO_TCP4 ? &((struct tcp_hdr *)l4)->csum
					 : &((struct udp_hdr *)l4)->csum;
}

static force_inline void csum_in_software(struct ip4_hdr *ip, uint8_t *l4)
{
	uint16_t hlen = (uint16_t)(l4 - (uint8_t *)ip), len = be_16(ip->total_len_be16) - hlen,
		 *field = csum_field(ip, l4), sum;
	uint64_t pseudo = csum_pseudo(load_64(&ip->src_be32), ip->proto, len);

	ip->csum = 0;
	ip->csum = ~csum_fold_64(
		likely(hlen == sizeof(*ip)) ? csum_ip(ip) : csum_words(ip, hlen, 0));
	*field = 0;
	sum = ~csum_fold_64(likely(ip->proto == IPPROTO_TCP4) ? csum_tcp(l4, len, pseudo)
							      : csum_words(l4, len, pseudo));
	*field = sum == 0 && ip->proto == IPPROTO_UDP4 ? 0xffff : sum;
}

static void csum_by_device(struct rte_mbuf *m, struct ip4_hdr *ip, uint8_t *l4)
{
	bool tcp = ip->proto == IPPROTO_TCP4;

	m->l2_len = (uint8_t *)ip - rte_pktmbuf_mtod(m, uint8_t *);
	m->l3_len = l4 - (uint8_t *)ip;
	m->l4_len = tcp ? (((struct tcp_hdr *)l4)->off >> 4) * 4 : sizeof(struct udp_hdr);
	m->ol_flags = RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM
		| (tcp ? RTE_MBUF_F_TX_TCP_CKSUM : RTE_MBUF_F_TX_UDP_CKSUM);
	*csum_field(ip, l4) = rte_ipv4_phdr_cksum((struct rte_ipv4_hdr *)ip, m->ol_flags);
}

void ipv4_csum_out(const struct lport *lp, struct rte_mbuf *m, struct ip4_hdr *ip, uint8_t *l4)
{
	if (lp->port->sw_csum)
		csum_in_software(ip, l4);
	else
		csum_by_device(m, ip, l4);
}
