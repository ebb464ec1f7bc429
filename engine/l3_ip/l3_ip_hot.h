/* IPv4 sent: where packets are built, inlined into those who build them. */
#pragma once

#include "common/util/bytes.h"
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"

#include <rte_byteorder.h>

#include <errno.h>
#include <string.h>

/* Sums of the Internet checksum, of 64 bits at a time: ones' complement sums do not mind. */
static force_inline uint64_t csum_64(uint64_t a, uint64_t b)
{
	uint64_t sum;
	bool carry = __builtin_add_overflow(a, b, &sum);

	return sum + carry;
}

static force_inline uint16_t csum_fold_64(uint64_t sum)
{
	uint32_t half;

	/* both halves become the sum of both, and the carry of the lower goes into the upper */
	sum += sum >> 32 | sum << 32;
	half = (uint32_t)(sum >> 32);
	half += half >> 16 | half << 16;
	return (uint16_t)(half >> 16);
}

static force_inline uint64_t csum_words(const void *data, size_t len, uint64_t sum)
{
	const uint8_t *p = data;

	for (; len >= 32; len -= 32, p += 32) {
		sum = csum_64(sum, load_64(p));
		sum = csum_64(sum, load_64(p + 8));
		sum = csum_64(sum, load_64(p + 16));
		sum = csum_64(sum, load_64(p + 24));
	}
	for (; len >= 8; len -= 8, p += 8)
		sum = csum_64(sum, load_64(p));
	if (len >= 4) {
		sum = csum_64(sum, load_32(p));
		len -= 4;
		p += 4;
	}
	if (len >= 2) {
		sum = csum_64(sum, load_16(p));
		len -= 2;
		p += 2;
	}
	if (len != 0)
		sum = csum_64(sum, *p); /* padded with 0; little-endian puts it in the low byte */
	return sum;
}

/* A TCP segment: a header first, whose length is known as far as it is the same for all. */
static force_inline uint64_t csum_tcp(const void *data, size_t len, uint64_t sum)
{
	const uint8_t *p = data;

	sum = csum_64(csum_64(sum, load_64(p)), csum_64(load_64(p + 8), load_32(p + 16)));
	return likely(len == 20) ? sum : csum_words(p + 20, len - 20, sum);
}

/* A header without options. */
static force_inline uint64_t csum_ip(const void *ip)
{
	const uint8_t *p = ip;

	return csum_64(csum_64(load_64(p), load_64(p + 8)), load_32(p + 16));
}

/* addrs: source and destination as they lie in the header. */
static force_inline uint64_t csum_pseudo(uint64_t addrs, uint8_t proto, uint16_t len)
{
	return csum_64(addrs, be_16(len) + ((uint32_t)proto << 8));
}

/* What nearly never happens. The first two count. */
cold_path void ipv4_no_neighbour(struct lport *lp);
cold_path void ipv4_no_buffer(struct lport *lp);
/* As late as can be before the checksum that is ours to compute. */
cold_path void ipv4_stamp_now(const struct lcore *lc, uint8_t *l4);
/* Checksums, of both headers: computed, or asked for from the device. */
apart void ipv4_csum_out(
	const struct lport *lp, struct rte_mbuf *m, struct ip4_hdr *ip, uint8_t *l4);

/* A packet from src to dst (host order) with room for l4_len bytes of transport header and payload
 * at *l4; its lengths are set, checksums are not; how: tos and IP_STAMP. 0; -EHOSTUNREACH: the next
 * hop is being asked for; -ENOBUFS: no buffer. Both are counted. */
static force_inline int ipv4_out(struct lcore *lc, struct lport *lp, uint16_t vlan_tci,
	uint16_t how, uint32_t src, uint32_t dst, uint8_t proto, uint16_t l4_len,
	struct rte_mbuf **out, uint8_t **l4)
{
	const struct hop *hop = eth_hop(lc, lp, vlan_tci, dst);
	uint16_t total = ipv4_hdr_len(how) + l4_len, l2_len;
	struct rte_mbuf *m;
	uint32_t total_id;
	uint8_t *ip;

	if (unlikely(hop == NULL)) {
		ipv4_no_neighbour(lp);
		return -EHOSTUNREACH;
	}
	l2_len = hop->l2_len;
	m = pkt_alloc(lc, l2_len + total);
	if (unlikely(m == NULL)) {
		ipv4_no_buffer(lp);
		return -ENOBUFS;
	}
	ip = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(ip, hop->hdr, sizeof(hop->hdr)); /* some bytes too many */
	ip += l2_len;
	((struct ip4_hdr *)ip)->tos = (uint8_t)how;
	total_id = be_32((uint32_t)total << 16 | lc->ip_id++);
	memcpy(ip + offsetof(struct ip4_hdr, total_len_be16), &total_id, sizeof(total_id));
	((struct ip4_hdr *)ip)->proto = proto;
	((struct ip4_hdr *)ip)->src_be32 = be_32(src);
	if (how >= IP_STAMP) {
		const uint32_t head = IP_STAMP_HEAD;

		*ip = 0x40 | (sizeof(struct ip4_hdr) + IP_STAMP_LEN) / 4;
		memcpy(ip + sizeof(struct ip4_hdr), &head, sizeof(head));
	}
	*l4 = ip + ipv4_hdr_len(how);
	*out = m;
	return 0;
}

/* Fills in the time, and checksums or asks the device for them, then hands the packet to the port. */
static force_inline void ipv4_send(
	struct lcore *lc, struct lport *lp, struct rte_mbuf *m, uint8_t *l4, uint16_t how)
{
	struct ip4_hdr *ip = (struct ip4_hdr *)(l4 - ipv4_hdr_len(how));

	static_assert(offsetof(struct port, tx_offload) == offsetof(struct port, sw_csum) + 1,
		"looked at as one");
	if (load_16(&lp->port->sw_csum) != 0) {
		if (how >= IP_STAMP && lp->port->sw_csum)
			ipv4_stamp_now(lc, l4);
		ipv4_csum_out(lp, m, ip, l4);
	}
	tx_push(lc, lp, m);
	if (how >= IP_STAMP) /* the rest have theirs when they are offered to the port */
		lp->txq.n_stamps++;
}
