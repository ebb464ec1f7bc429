/* The first look at what nearly every frame of a test is: without a tag, IPv4 whole and without
 * options, or with the time stamp that we send alone, TCP or UDP, for this port. One look instead of
 * one by each layer; what is anything else, or has something wrong with it, goes that way: eth_in(). */
#pragma once

#include "common/util/bytes.h"
#include "engine/l2_eth/l2_eth.h"
#include "engine/l3_ip/l3_ip_hot.h"
#include "engine/l4_conn/l4_conn.h"

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#define LOOK_L2 14u
#define LOOK_IP ((uint32_t)sizeof(struct ip4_hdr))
#define LOOK_STAMPED (LOOK_IP + IP_STAMP_LEN)
#define LOOK_LEAST(ip_len) (LOOK_L2 + (ip_len) + (uint32_t)sizeof(struct udp_hdr))

/* What the layers count, of a burst. */
struct looked {
	uint32_t n, n_udp, n_opts;
	uint64_t ip_bytes;
};

static force_inline void looked_count(struct lport *lp, const struct looked *n)
{
	struct stats_port_block *st = lp->st;

	st->eth.rx_ipv4 += n->n;
	st->ipv4.rx_pkts += n->n;
	st->ipv4.rx_bytes += n->ip_bytes;
	st->ipv4.rx_tcp += n->n - n->n_udp;
	st->ipv4.rx_udp += n->n_udp;
	if (unlikely(n->n_opts != 0))
		st->ipv4.rx_opts += n->n_opts;
}

/* total: what look() says. False: nothing. */
static force_inline bool looked_add(
	struct looked *n, uint32_t total, const struct pkt *p, uint32_t opts)
{
	if (unlikely(total == 0))
		return false;
	n->ip_bytes += total;
	n->n++;
	n->n_udp += p->class == PKT_UDP;
	n->n_opts += opts;
	return true;
}

/* For this port, by its first 6 bytes; IPv4, so many bytes of header; no fragment. */
static force_inline bool look_plain(const struct lport *lp, const uint8_t *h, uint32_t ip_len)
{
	uint64_t mac = load_64(h) ^ load_64(lp->port->mac);
	uint32_t what = load_32(h + 12) ^ (0x00400008u | ip_len / 4 << 16);
	uint32_t frag = load_16(h + 20) & RTE_BE16(IP_MF | IP_OFFSET);

	return (mac << 16 | (what & 0x00ffffff) | frag) == 0;
}

/* Did no device complain, and is software's part, if there is one, right? */
static force_inline bool look_csum(const struct lport *lp, const struct rte_mbuf *m,
	const struct pkt *p, uint8_t proto, uint32_t ip_len)
{
	const uint8_t *ip;
	uint64_t pseudo;

	if (unlikely(
		    (m->ol_flags & (RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD)) != 0))
		return false;
	if (likely(!lp->port->sw_csum))
		return true;
	ip = p->l4 - ip_len;
	if (csum_fold_64(ip_len == LOOK_IP ? csum_ip(ip) : csum_words(ip, ip_len, 0)) != 0xffff)
		return false;
	if (proto == IPPROTO_UDP4 && ((const struct udp_hdr *)p->l4)->csum == 0)
		return true;
	/* with the field in place the sum is all ones */
	pseudo = csum_pseudo(load_64(ip + offsetof(struct ip4_hdr, src_be32)), proto, p->l4_len);
	return csum_fold_64(csum_words(p->l4, p->l4_len, pseudo)) == 0xffff;
}

/* Addresses and ports: in the packet sender's first and in network order, in struct pkt ours first
 * and in host order, as in struct conn. */
static force_inline void look_tuple(const uint8_t *ip, struct pkt *p, uint32_t ip_len)
{
	const __m128i order = _mm_setr_epi8(
		7, 6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, -1, -1, -1, -1); /* -1: 0 */
	const uint8_t *addrs = ip + offsetof(struct ip4_hdr, src_be32);
	__m128i t = ip_len == LOOK_IP ? _mm_loadu_si128((const __m128i *)addrs)
				      : _mm_set_epi64x(load_32(ip + ip_len), load_64(addrs));

	static_assert(offsetof(struct pkt, src) == offsetof(struct pkt, dst) + 4
			&& offsetof(struct pkt, dport) == offsetof(struct pkt, dst) + 8
			&& offsetof(struct pkt, sport) == offsetof(struct pkt, dst) + 10,
		"as they are shuffled");
	_mm_storeu_si128((__m128i *)&p->dst, _mm_shuffle_epi8(t, order));
}

/* l4_len to stamp in one store; no VLAN, not for a group. */
static force_inline void look_kind(
	struct pkt *p, uint32_t len, enum pkt_class class, uint32_t ip_len)
{
	uint64_t stamp = ip_len == LOOK_IP ? 0 : ip_len - STAMP_BYTES;
	uint64_t kind = len | (uint64_t) class << 32 | (uint64_t)LOOK_L2 << 40 | stamp << 56;

	static_assert(offsetof(struct pkt, vlan) == offsetof(struct pkt, l4_len) + 2
			&& offsetof(struct pkt, class) == offsetof(struct pkt, l4_len) + 4
			&& offsetof(struct pkt, l2_len) == offsetof(struct pkt, l4_len) + 5
			&& offsetof(struct pkt, group) == offsetof(struct pkt, l4_len) + 6
			&& offsetof(struct pkt, stamp) == offsetof(struct pkt, l4_len) + 7,
		"as they are put together");
	memcpy(&p->l4_len, &kind, sizeof(kind));
}

/* Sets all of *p but m, and id; the length of the datagram. 0: nothing of *p is valid. ip_len is
 * constant. */
static force_inline uint32_t look(
	struct lcore *lc, const struct lport *lp, struct pkt *p, uint32_t ip_len)
{
	const struct rte_mbuf *m = p->m;
	uint8_t *h = rte_pktmbuf_mtod(m, uint8_t *), *l4 = h + LOOK_L2 + ip_len, proto = h[23];
	uint32_t have = m->data_len, total = be_16(load_16(h + 16)), len = total - ip_len;
	bool tcp = likely(proto == IPPROTO_TCP4);

	if (unlikely(m->nb_segs != 1 || have < LOOK_LEAST(ip_len) || !look_plain(lp, h, ip_len)))
		return 0;
	if (unlikely(total + LOOK_L2 > have || total < LOOK_LEAST(ip_len) - LOOK_L2))
		return 0;
	if (ip_len != LOOK_IP && load_32(h + LOOK_L2 + LOOK_IP) != IP_STAMP_HEAD)
		return 0;
	look_tuple(h + LOOK_L2, p, ip_len);
	if (unlikely(p->src - 1 >= UINT32_C(0xe0000000) - 1)) /* 0, or 224.0.0.0 and above */
		return 0;
	p->l4 = l4;
	if (tcp) {
		uint32_t hlen = (l4[12] >> 4) * 4u;

		if (unlikely(hlen < sizeof(struct tcp_hdr) || hlen > len))
			return 0;
		look_kind(p, len, PKT_TCP, ip_len);
	} else {
		uint32_t said = be_16(load_16(l4 + 4));

		if (unlikely(proto != IPPROTO_UDP4 || said < sizeof(struct udp_hdr) || said > len))
			return 0;
		look_kind(p, said, PKT_UDP, ip_len);
	}
	if (unlikely(!look_csum(lp, m, p, proto, ip_len)))
		return 0;
	p->hash = flow_hash((uint8_t)lp->port->id, 0, p->dst, p->src, p->dport, p->sport);
	flow_prefetch(tcp ? &lc->tcp_flows : &lc->udp_flows, p->hash);
	return total;
}
