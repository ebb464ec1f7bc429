/* IPv4 received (RFC 791): header checks, then the tuple and its hash. */
#include "engine/l2_eth/l2_eth.h"
#include "engine/l4_conn/l4_conn.h"

#include <rte_byteorder.h>

static void drop(struct pkt *p, uint64_t *reason, uint64_t *also)
{
	(*reason)++;
	if (also)
		(*also)++;
	p->class = PKT_DONE;
}

/* Checksum of the transport, in software where soft says so and the device did not. */
static force_inline bool l4_check(struct lport *lp, struct pkt *p, uint8_t proto, bool soft)
{
	uint64_t ol = p->m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK;
	bool bad = ol == RTE_MBUF_F_RX_L4_CKSUM_BAD;

	if (soft && ol != RTE_MBUF_F_RX_L4_CKSUM_GOOD) {
		uint16_t field = proto == IPPROTO_UDP4 ? ((struct udp_hdr *)p->l4)->csum : 1;

		/* with the field in place the sum is all ones, its complement 0 (UDP: 0xffff) */
		if (field != 0) {
			uint16_t sum = csum_l4(p->src, p->dst, proto, p->l4, p->l4_len);

			bad = sum != 0 && sum != 0xffff;
		}
	}
	if (!bad)
		return true;
	if (proto == IPPROTO_TCP4)
		drop(p, &lp->st->drop.tcp_checksum, &lp->st->tcp.bad_csum);
	else
		drop(p, &lp->st->drop.udp_checksum, &lp->st->udp.bad_csum);
	return false;
}

static force_inline void tcp_classify(struct lcore *lc, struct lport *lp, struct pkt *p, bool soft)
{
	const struct tcp_hdr *th = (const struct tcp_hdr *)p->l4;

	lp->st->ipv4.rx_tcp++;
	if (unlikely(p->l4_len < sizeof(*th) || (th->off >> 4) < 5
		    || (th->off >> 4) * 4 > p->l4_len)) {
		drop(p, &lp->st->drop.tcp_hdr_len, &lp->st->tcp.invalid);
		return;
	}
	if (!l4_check(lp, p, IPPROTO_TCP4, soft))
		return;
	p->sport = rte_be_to_cpu_16(th->sport_be16);
	p->dport = rte_be_to_cpu_16(th->dport_be16);
	p->class = PKT_TCP;
	p->hash = flow_hash(lp->port->id, p->vlan, p->dst, p->src, p->dport, p->sport);
	flow_prefetch(&lc->tcp_flows, p->hash);
}

static force_inline void udp_classify(struct lcore *lc, struct lport *lp, struct pkt *p, bool soft)
{
	const struct udp_hdr *uh = (const struct udp_hdr *)p->l4;

	lp->st->ipv4.rx_udp++;
	if (unlikely(p->l4_len < sizeof(*uh) || rte_be_to_cpu_16(uh->len_be16) < sizeof(*uh)
		    || rte_be_to_cpu_16(uh->len_be16) > p->l4_len)) {
		drop(p, &lp->st->drop.udp_bad, &lp->st->udp.invalid);
		return;
	}
	p->l4_len = rte_be_to_cpu_16(uh->len_be16);
	if (!l4_check(lp, p, IPPROTO_UDP4, soft))
		return;
	p->sport = rte_be_to_cpu_16(uh->sport_be16);
	p->dport = rte_be_to_cpu_16(uh->dport_be16);
	p->class = PKT_UDP;
	p->hash = flow_hash(lp->port->id, p->vlan, p->dst, p->src, p->dport, p->sport);
	flow_prefetch(&lc->udp_flows, p->hash);
}

/* False: dropped and counted. */
static bool header_check(struct lport *lp, struct pkt *p, const struct ip4_hdr *ip, uint16_t have)
{
	uint16_t hlen, total;

	if (unlikely(have < sizeof(*ip))) {
		drop(p, &lp->st->drop.ip_hdr_len, &lp->st->ipv4.invalid);
		return false;
	}
	hlen = (ip->ver_ihl & 15) * 4;
	total = rte_be_to_cpu_16(ip->total_len_be16);
	if (unlikely((ip->ver_ihl >> 4) != 4)) {
		drop(p, &lp->st->drop.ip_version, &lp->st->ipv4.invalid);
		return false;
	}
	if (unlikely(hlen < sizeof(*ip) || hlen > have)) {
		drop(p, &lp->st->drop.ip_hdr_len, &lp->st->ipv4.invalid);
		return false;
	}
	if (unlikely(total < hlen || total > have)) {
		drop(p, &lp->st->drop.ip_total_len, &lp->st->ipv4.invalid);
		return false;
	}
	if (unlikely((p->m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD
		    || (lp->port->sw_csum && csum_fold(csum_add(ip, hlen, 0)) != 0xffff))) {
		drop(p, &lp->st->drop.ip_checksum, &lp->st->ipv4.bad_csum);
		return false;
	}
	return true;
}

#define IPOPT_END 0
#define IPOPT_NOP 1
#define IPOPT_TS 68
#define IPOPT_LSRR 131
#define IPOPT_SSRR 137

/* The first timestamp option with room for our time and times alone (flag 0). Routers on the way
 * may have counted an overflow in it. */
static void stamp_find(struct pkt *p, const struct ip4_hdr *ip, const uint8_t *o)
{
	if (p->stamp == 0 && o[1] >= IP_STAMP_LEN && o[2] > IP_STAMP_LEN && (o[3] & 15) == 0)
		p->stamp = (uint8_t)(o + 4 - (const uint8_t *)ip);
}

/* Options are skipped unread (RFC 1122 §3.2.1.8 lets a host ignore all that it does not know), but
 * for the time of sending where a test case wants it, and source routes: a packet with one was
 * steered past what stands in its way, and to answer it would take its route back. RFC 7126 §4.3,
 * §4.4 and all kernels' defaults: dropped. A length that makes no sense ends the list. */
static cold_path bool options_check(struct lport *lp, struct pkt *p, const struct ip4_hdr *ip)
{
	const uint8_t *o = (const uint8_t *)(ip + 1),
		      *end = (const uint8_t *)ip + (ip->ver_ihl & 15) * 4;

	lp->st->ipv4.rx_opts++;
	while (o < end && *o != IPOPT_END) {
		if (*o == IPOPT_LSRR || *o == IPOPT_SSRR) {
			drop(p, &lp->st->drop.ip_src_route, NULL);
			return false;
		}
		if (*o == IPOPT_NOP) {
			o++;
			continue;
		}
		if (end - o < 2 || o[1] < 2)
			break;
		if (*o == IPOPT_TS && lp->n_ip_stamps != 0 && o[1] <= end - o)
			stamp_find(p, ip, o);
		o += o[1];
	}
	return true;
}

/* By protocol; soft: the transport's checksum is ours to check. */
static force_inline void l4_in(
	struct lcore *lc, struct lport *lp, struct pkt *p, uint8_t proto, bool soft)
{
	p->port = (uint8_t)lp->port->id;
	if (likely(proto == IPPROTO_TCP4)) {
		tcp_classify(lc, lp, p, soft);
	} else if (proto == IPPROTO_UDP4) {
		udp_classify(lc, lp, p, soft);
	} else if (proto == IPPROTO_ICMP4) {
		lp->st->ipv4.rx_icmp++;
		p->class = PKT_OTHER;
		p->sport = ETHERTYPE_IPV4;
	} else {
		drop(p, &lp->st->drop.ip_proto, &lp->st->ipv4.rx_other);
		icmp_unreachable(lc, lp, p, ICMP_PROTO_UNREACH);
	}
}

cold_path void ipv4_whole_in(struct lcore *lc, struct lport *lp, struct pkt *p, uint8_t proto)
{
	/* also where a device checks: of fragments it cannot */
	l4_in(lc, lp, p, proto, lp->port->sw_csum || lp->port->rx_offload);
}

void ipv4_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct ip4_hdr *ip = rte_pktmbuf_mtod_offset(p->m, struct ip4_hdr *, p->l2_len);
	uint16_t have = p->m->data_len - p->l2_len, hlen;

	lp->st->ipv4.rx_pkts++;
	if (!header_check(lp, p, ip, have))
		return;
	hlen = (ip->ver_ihl & 15) * 4;
	lp->st->ipv4.rx_bytes += rte_be_to_cpu_16(ip->total_len_be16);
	p->l4 = (uint8_t *)ip + hlen;
	p->l4_len = rte_be_to_cpu_16(ip->total_len_be16) - hlen; /* without Ethernet's padding */
	p->src = rte_be_to_cpu_32(ip->src_be32);
	p->dst = rte_be_to_cpu_32(ip->dst_be32);
	if (unlikely(p->src - 1 >= UINT32_C(0xe0000000) - 1)) { /* 0, or 224.0.0.0 and above */
		drop(p, &lp->st->drop.ip_src, NULL);
		return;
	}
	if (unlikely(hlen != sizeof(*ip) && !options_check(lp, p, ip)))
		return;
	if (unlikely(ip->frag_be16 & rte_cpu_to_be_16(IP_MF | IP_OFFSET))) {
		lp->st->ipv4.rx_frags++;
		p->class = PKT_FRAG;
		return;
	}
	l4_in(lc, lp, p, ip->proto, lp->port->sw_csum);
}
