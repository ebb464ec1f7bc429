/* ICMP (RFC 792): answers echo requests, reads errors, and sends those that a host owes. */
#include "engine/l1_port/l1_port.h"
#include "engine/l3_ip/l3_ip.h"

#include <rte_byteorder.h>

#include <string.h>

#define QUOTE_BYTES 8    /* behind the IP header of a packet in an error, the least of RFC 792 */
#define ERRORS_BURST 50u /* sent at once, and then one a ms */
#define PMTU_LEAST 296   /* smaller paths are not believed; see plausible_mtu() */

/* Ethernet and IPv4 headers of an answer to p, with len bytes behind them; those begin at the
 * result. `at` may be in p's own buffer. */
static uint8_t *answer_headers(struct lport *lp, const struct pkt *p, uint8_t *at, uint16_t id,
	uint16_t frag, uint16_t len)
{
	struct ip4_hdr ip = {.ver_ihl = 0x45,
		.total_len_be16 = rte_cpu_to_be_16(sizeof(ip) + len),
		.id_be16 = rte_cpu_to_be_16(id),
		.frag_be16 = rte_cpu_to_be_16(frag),
		.ttl = IP4_TTL,
		.proto = IPPROTO_ICMP4,
		.src_be32 = rte_cpu_to_be_32(p->dst),
		.dst_be32 = rte_cpu_to_be_32(p->src)};

	ip.csum = ~csum_fold(csum_add(&ip, sizeof(ip), 0));
	memmove(at, rte_pktmbuf_mtod(p->m, uint8_t *), p->l2_len);
	memcpy(at, at + 6, 6);
	memcpy(at + 6, lp->port->mac, 6);
	memcpy(at + p->l2_len, &ip, sizeof(ip));
	return at + p->l2_len + sizeof(ip);
}

/* The request becomes the reply, in its own buffer, without its IP options. */
static void echo_in_place(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct rte_mbuf *m = p->m;
	uint16_t head = p->l2_len + sizeof(struct ip4_hdr);

	answer_headers(lp, p, p->l4 - head, lc->ip_id++, IP_DF, p->l4_len);
	m->data_off = p->l4 - head - (uint8_t *)m->buf_addr;
	m->data_len = head + p->l4_len;
	m->pkt_len = m->data_len;
	m->ol_flags = 0;
	lp->st->icmp.tx_echo_rep++;
	tx_push(lc, lp, m);
}

/* A reply that is larger than the MTU, RFC 1122 §3.2.2.6: all of the data comes back. */
static void echo_in_fragments(struct lcore *lc, struct lport *lp, const struct pkt *p)
{
	uint16_t most = (lp->port->mtu - sizeof(struct ip4_hdr)) & ~7, id = lc->ip_id++;

	for (uint32_t off = 0; off < p->l4_len; off += most) {
		uint16_t len = MIN_OF(most, (uint16_t)(p->l4_len - off)),
			 more = off + len < p->l4_len ? IP_MF : 0;
		struct rte_mbuf *m = pkt_alloc(lc, p->l2_len + sizeof(struct ip4_hdr) + len);

		if (m == NULL) {
			lp->st->drop.no_mbuf++;
			return;
		}
		memcpy(answer_headers(lp, p, rte_pktmbuf_mtod(m, uint8_t *), id,
			       (uint16_t)(more | off / 8), len),
			p->l4 + off, len);
		if (off == 0)
			lp->st->icmp.tx_echo_rep++;
		else
			lp->st->ipv4.tx_frags++;
		tx_push(lc, lp, m);
	}
}

/* True: the buffer is kept. */
static bool echo_reply(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct icmp_hdr *ic = (struct icmp_hdr *)p->l4;

	ic->type = ICMP_ECHO_REPLY;
	ic->csum = 0;
	ic->csum = ~csum_fold(csum_add(ic, p->l4_len, 0));
	if (p->l4_len + sizeof(struct ip4_hdr) <= lp->port->mtu && p->m->nb_segs == 1) {
		echo_in_place(lc, lp, p);
		return true;
	}
	echo_in_fragments(lc, lp, p);
	return false;
}

bool icmp_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	const struct icmp_hdr *ic = (const struct icmp_hdr *)p->l4;

	if (p->l4_len < sizeof(*ic) || csum_fold(csum_add(ic, p->l4_len, 0)) != 0xffff) {
		lp->st->drop.icmp_bad++;
		return false;
	}
	switch (ic->type) {
	case ICMP_UNREACHABLE:
		if (ic->code == ICMP_NEED_FRAG)
			lp->st->icmp.rx_need_frag++;
		else
			lp->st->icmp.rx_unreach++;
		p->class = PKT_ICMP_ERR;
		return false;
	case ICMP_TIME_EXCEEDED:
		lp->st->icmp.rx_time_exc++;
		p->class = PKT_ICMP_ERR;
		return false;
	case ICMP_PARAMETER:
		lp->st->icmp.rx_param++;
		p->class = PKT_ICMP_ERR;
		return false;
	case ICMP_QUENCH:
		lp->st->icmp.rx_quench++;
		return false;
	case ICMP_ECHO_REQUEST:
		lp->st->icmp.rx_echo_req++;
		if (!p->group && ipv4_is_mine(lc, lp, p->vlan, p->dst))
			return echo_reply(lc, lp, p);
		lp->st->drop.ip_not_mine++;
		return false;
	default:
		lp->st->icmp.rx_other++;
		lp->st->drop.icmp_other++;
		return false;
	}
}

/* RFC 1191 §7: routers that do not say which MTU they want; the next common one below. */
static uint16_t plateau_below(uint16_t len)
{
	static const uint16_t plateau[] = {
		32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, PMTU_LEAST};
	size_t i = 0;

	while (i < ARRAY_SIZE(plateau) && plateau[i] >= len)
		i++;
	return i < ARRAY_SIZE(plateau) ? plateau[i] : 0;
}

/* The MTU that the error of a packet of len bytes tells of, 0 when it is not to be believed
 * (RFC 5927 §7.2): not smaller than the packet, or so small that no link has it but an attacker
 * would like to have. 296 is the least of RFC 1191's plateaus above the 68 bytes of RFC 791. */
static uint16_t plausible_mtu(const struct icmp_hdr *ic, uint16_t len)
{
	uint16_t mtu = (uint16_t)rte_be_to_cpu_32(ic->rest);

	if (mtu == 0)
		mtu = plateau_below(len);
	return mtu < PMTU_LEAST || mtu >= len ? 0 : mtu;
}

static enum icmp_effect effect_of(const struct icmp_hdr *ic)
{
	if (ic->type != ICMP_UNREACHABLE)
		return ICMP_SOFT;
	switch (ic->code) {
	case ICMP_PROTO_UNREACH:
	case ICMP_PORT_UNREACH:
	case 9:  /* network, */
	case 10: /* host, */
	case 13: /* communication prohibited */
		return ICMP_HARD;
	case ICMP_NEED_FRAG:
		return ICMP_PMTU;
	default:
		return ICMP_SOFT;
	}
}

bool icmp_quote_read(struct lport *lp, const struct pkt *p, struct icmp_quote *q)
{
	const struct icmp_hdr *ic = (const struct icmp_hdr *)p->l4;
	const struct ip4_hdr *ip = (const struct ip4_hdr *)(ic + 1);
	uint16_t left = p->l4_len - sizeof(*ic),
		 hlen = left < sizeof(*ip) ? 0 : (ip->ver_ihl & 15) * 4;
	const struct tcp_hdr *th = (const struct tcp_hdr *)((const uint8_t *)ip + hlen);

	/* errors go to who sent the packet: our address, twice */
	if (hlen < sizeof(*ip) || left < hlen + QUOTE_BYTES || (ip->ver_ihl >> 4) != 4 || p->group
		|| (ip->frag_be16 & rte_cpu_to_be_16(IP_MF | IP_OFFSET))
		|| rte_be_to_cpu_32(ip->src_be32) != p->dst
		|| (ip->proto != IPPROTO_TCP4 && ip->proto != IPPROTO_UDP4)) {
		lp->st->icmp.err_unmatched++;
		return false;
	}
	*q = (struct icmp_quote){.laddr = p->dst,
		.raddr = rte_be_to_cpu_32(ip->dst_be32),
		.lport = rte_be_to_cpu_16(th->sport_be16),
		.rport = rte_be_to_cpu_16(th->dport_be16),
		.seq = rte_be_to_cpu_32(th->seq_be32),
		.vlan = p->vlan,
		.proto = ip->proto,
		.effect = (uint8_t)effect_of(ic)};
	if (q->effect == ICMP_PMTU) {
		q->mtu = plausible_mtu(ic, rte_be_to_cpu_16(ip->total_len_be16));
		if (q->mtu == 0)
			q->effect = ICMP_SOFT;
	}
	return true;
}

/* May one more be sent now? A flood of packets for nobody must not become one of errors. */
static bool error_allowed(struct lcore *lc)
{
	uint32_t ms = lc->now_ms - lc->icmp_ms;

	lc->icmp_ms = lc->now_ms;
	lc->icmp_tokens = MIN_OF(lc->icmp_tokens + MIN_OF(ms, ERRORS_BURST), ERRORS_BURST);
	if (lc->icmp_tokens == 0)
		return false;
	lc->icmp_tokens--;
	return true;
}

cold_path void icmp_unreachable(
	struct lcore *lc, struct lport *lp, const struct pkt *p, uint8_t code)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(p->m, const uint8_t *, p->l2_len);
	uint16_t hlen = (ip[0] & 15) * 4, quote = MIN_OF(p->l4_len, (uint16_t)QUOTE_BYTES),
		 len = sizeof(struct icmp_hdr) + hlen + quote;
	struct icmp_hdr ic = {.type = ICMP_UNREACHABLE, .code = code};
	struct rte_mbuf *m;
	uint8_t *at;

	if (!lp->running || p->group || len + sizeof(struct ip4_hdr) > lp->port->mtu
		|| !ipv4_is_mine(lc, lp, p->vlan, p->dst))
		return;
	m = error_allowed(lc) ? pkt_alloc(lc, p->l2_len + sizeof(struct ip4_hdr) + len) : NULL;
	if (m == NULL) {
		lp->st->icmp.tx_limited++;
		return;
	}
	at = answer_headers(lp, p, rte_pktmbuf_mtod(m, uint8_t *), lc->ip_id++, IP_DF, len);
	memcpy(at, &ic, sizeof(ic));
	memcpy(at + sizeof(ic), ip, hlen);
	memcpy(at + sizeof(ic) + hlen, p->l4, quote);
	ic.csum = ~csum_fold(csum_add(at, len, 0));
	memcpy(at, &ic, sizeof(ic));
	lp->st->icmp.tx_unreach++;
	tx_push(lc, lp, m);
}
