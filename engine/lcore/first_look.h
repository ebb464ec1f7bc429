/* The first look at what nearly every frame of a test is: without a tag, IPv4 whole, without options or with our stamp
 * alone, TCP or UDP, for this port. One look instead of one by each layer; what is anything else, or
 * has something wrong with it, goes that way: eth_in(). */
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

static inline void look_set(struct look *l, const struct port *port, uint32_t ip_len, uint8_t plain)
{
	uint8_t type[] = {0x08, 0x00, 0x40 | (uint8_t)(ip_len / 4)};

	memset(l, 0, sizeof(*l));
	memcpy(l->frame, port->mac, sizeof(port->mac));
	memcpy(l->frame + 12, type, sizeof(type));
	l->who[offsetof(struct pkt, port) - offsetof(struct pkt, dst)] = (uint8_t)port->id;
	l->who[offsetof(struct pkt, plain) - offsetof(struct pkt, dst)] = plain;
}

/* What a frame for this port begins with, as far as that is always the same: its address; IPv4, so many bytes
 * of header; no fragment. */
static inline void look_begin(struct lport *lp)
{
	look_set(&lp->look, lp->port, LOOK_IP, PKT_PLAIN);
	look_set(&lp->look_stamped, lp->port, LOOK_STAMPED, PKT_STAMPED);
}

/* ip_len is constant. */
static force_inline const struct look *look_of(const struct lport *lp, uint32_t ip_len)
{
	return ip_len == LOOK_IP ? &lp->look : &lp->look_stamped;
}

/* Does it? More of its bytes are read than it may have. */
static force_inline bool look_plain(const struct look *l, const uint8_t *h)
{
#ifdef __AVX2__
	const __m256i counts = _mm256_setr_epi8(-1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, -1, -1,
		-1, 0, 0, 0, 0, 0, (IP_MF | IP_OFFSET) >> 8, -1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
	__m256i is = _mm256_loadu_si256((const __m256i *)h);

	return _mm256_testz_si256(
		_mm256_xor_si256(is, _mm256_load_si256((const __m256i *)l->frame)), counts);
#else
	uint64_t mac = load_64(h) ^ load_64(l->frame);
	uint32_t what = load_32(h + 12) ^ load_32(l->frame + 12);
	uint32_t frag = load_16(h + 20) & RTE_BE16(IP_MF | IP_OFFSET);

	return (mac << 16 | (what & 0x00ffffff) | frag) == 0;
#endif
}

/* One segment, nobody's beside, and no device complains of it. */
static force_inline bool look_buffer(const struct rte_mbuf *m)
{
	const uint64_t odd = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD
		| RTE_MBUF_F_INDIRECT | RTE_MBUF_F_EXTERNAL;

	return load_32(&m->refcnt) == 0x00010001u && (m->ol_flags & odd) == 0;
}

/* Is software's part, if there is one, right? */
static force_inline bool look_csum(
	const struct lport *lp, const struct pkt *p, uint8_t proto, uint32_t ip_len)
{
	const uint8_t *ip;
	uint64_t pseudo;

	if (likely(!lp->port->sw_csum))
		return true;
	ip = p->l4 - ip_len;
	if (csum_fold_64(ip_len == LOOK_IP ? csum_ip(ip) : csum_words(ip, ip_len, 0)) != 0xffff)
		return false;
	if (proto == IPPROTO_UDP4 && ((const struct udp_hdr *)p->l4)->csum == 0)
		return true;
	/* with the field in place the sum is all ones */
	pseudo = csum_pseudo(load_64(ip + offsetof(struct ip4_hdr, src_be32)), proto, p->l4_len);
	return csum_fold_64(proto == IPPROTO_TCP4 ? csum_tcp(p->l4, p->l4_len, pseudo)
						  : csum_words(p->l4, p->l4_len, pseudo))
		== 0xffff;
}

/* Addresses and ports: in the packet sender's first and in network order, in struct pkt ours first
 * and in host order, as in struct conn. */
static force_inline void look_tuple(
	const struct look *l, const uint8_t *ip, struct pkt *p, uint32_t ip_len)
{
	const __m128i order = _mm_setr_epi8(
		7, 6, 5, 4, 3, 2, 1, 0, 11, 10, 9, 8, -1, -1, -1, -1); /* -1: 0 */
	__m128i port = _mm_load_si128((const __m128i *)l->who);
	const uint8_t *addrs = ip + offsetof(struct ip4_hdr, src_be32);
	__m128i t = ip_len == LOOK_IP ? _mm_loadu_si128((const __m128i *)addrs)
				      : _mm_set_epi64x(load_32(ip + ip_len), load_64(addrs));

	static_assert(offsetof(struct pkt, src) == offsetof(struct pkt, dst) + 4
			&& offsetof(struct pkt, dport) == offsetof(struct pkt, dst) + 8
			&& offsetof(struct pkt, sport) == offsetof(struct pkt, dst) + 10
			&& offsetof(struct pkt, dst) % 16 == 0,
		"as they are shuffled");
	_mm_store_si128((__m128i *)&p->dst, _mm_or_si128(_mm_shuffle_epi8(t, order), port));
}

/* Where its endpoint is to be looked for, which is fetched. */
static force_inline void pkt_bucket(const struct flow_table *t, struct pkt *p)
{
	p->id = flow_bucket_of(t, p->hash);
	rte_prefetch0(&t->bucket[p->id]);
}

/* l4_len to class in two stores; no VLAN, not for a group. */
static force_inline void look_kind(
	struct pkt *p, uint32_t len, enum pkt_class class, uint32_t ip_len)
{
	uint32_t stamp = ip_len == LOOK_IP ? 0 : ip_len - STAMP_BYTES;
	uint32_t lens = len | LOOK_L2 << 16 | stamp << 24, word = pkt_word(0, class);

	static_assert(offsetof(struct pkt, l2_len) == offsetof(struct pkt, l4_len) + 2
			&& offsetof(struct pkt, stamp) == offsetof(struct pkt, l4_len) + 3,
		"as they are put together");
	memcpy(&p->l4_len, &lens, sizeof(lens));
	memcpy(&p->vlan, &word, sizeof(word));
}

/* Sets all of *p but m; id is its bucket. False: nothing is counted, and nothing of *p is valid. Who calls
 * counts how often it is true: n->n, and n->n_opts. ip_len, of the IP header, is constant. */
static force_inline bool first_look(
	struct lcore *lc, const struct lport *lp, struct pkt *p, struct looked *n, uint32_t ip_len)
{
	const struct rte_mbuf *m = p->m;
	const struct flow_table *t = &lc->tcp_flows;
	const struct look *l = look_of(lp, ip_len);
	uint8_t *h = rte_pktmbuf_mtod(m, uint8_t *), *l4 = h + LOOK_L2 + ip_len, proto = h[23];
	int total = be_16(load_16(h + 16)), len = total - (int)ip_len;

	if (unlikely(!look_buffer(m) || !look_plain(l, h) || total + (int)LOOK_L2 > m->data_len))
		return false;
	if (ip_len != LOOK_IP && load_32(h + LOOK_L2 + LOOK_IP) != IP_STAMP_HEAD)
		return false;
	look_tuple(l, h + LOOK_L2, p, ip_len);
	if (unlikely(p->src - 1 >= UINT32_C(0xe0000000) - 1)) /* 0, or 224.0.0.0 and above */
		return false;
	p->l4 = l4;
	if (likely(proto == IPPROTO_TCP4)) {
		int hlen = l4[12] >> 2 & 0x3c;

		if (unlikely(hlen < (int)sizeof(struct tcp_hdr) || hlen > len))
			return false;
		look_kind(p, (uint32_t)len, PKT_TCP, ip_len);
		if (unlikely(!look_csum(lp, p, IPPROTO_TCP4, ip_len)))
			return false;
	} else {
		int said = be_16(load_16(l4 + 4));

		if (unlikely(proto != IPPROTO_UDP4 || said < (int)sizeof(struct udp_hdr)
			    || said > len))
			return false;
		look_kind(p, (uint32_t)said, PKT_UDP, ip_len);
		if (unlikely(!look_csum(lp, p, IPPROTO_UDP4, ip_len)))
			return false;
		t = &lc->udp_flows;
		n->n_udp++;
		if (ip_len != LOOK_IP)
			p->plain = PKT_PLAIN;
	}
	n->ip_bytes += (uint32_t)total;
	p->hash = flow_hash((uint8_t)lp->port->id, 0, p->dst, p->src, p->dport, p->sport);
	pkt_bucket(t, p);
	return true;
}
