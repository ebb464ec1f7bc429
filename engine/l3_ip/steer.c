/* Whose is a packet, where a port's workers share one queue (l1_port/handoff.c): a client's session
 * is its worker's, by the same ranges by which sessions were shared out; what else has a tuple goes
 * by that; an ICMP error goes where the packet it quotes came from. All the rest, ARP, echo requests,
 * fragments, is for the worker that has the queue. */
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"
#include "engine/l4_conn/l4_conn.h"

#include <rte_byteorder.h>
#include <rte_prefetch.h>

#include <string.h>

#define PORTS_BYTES 4 /* of TCP and UDP, at the front */

static uint16_t be16_at(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

void steer_begin(struct handoff *h)
{
	h->n_rules = 0;
}

void steer_clients(struct handoff *h, const struct tc_config *cfg)
{
	struct steer_rule *r = &h->rule[h->n_rules++];

	*r = (struct steer_rule){.sessions = tc_sessions(cfg),
		.src = ip4_of(&cfg->src.lo),
		.dst = ip4_of(&cfg->dst.lo),
		.sport = cfg->sport.lo,
		.dport = cfg->dport.lo,
		.vlan = (uint16_t)cfg->vlan_id,
		.proto = cfg->proto == l4proto_UDP ? IPPROTO_UDP4 : IPPROTO_TCP4};
	r->n_src = ip4_of(&cfg->src.hi) - r->src + 1;
	r->n_dst = ip4_of(&cfg->dst.hi) - r->dst + 1;
	r->n_sport = cfg->sport.hi - cfg->sport.lo + 1u;
	r->n_dport = cfg->dport.hi - cfg->dport.lo + 1u;
}

uint32_t steer_tuple(
	const struct handoff *h, uint8_t port, uint8_t proto, const struct flow_tuple *t)
{
	uint32_t hash;

	for (uint32_t i = 0; i < h->n_rules; i++) {
		const struct steer_rule *r = &h->rule[i];
		uint32_t src = t->laddr - r->src, dst = t->raddr - r->dst,
			 sport = (uint32_t)t->lport - r->sport,
			 dport = (uint32_t)t->rport - r->dport;

		if (proto != r->proto || t->vlan != r->vlan || src >= r->n_src || dst >= r->n_dst
			|| sport >= r->n_sport || dport >= r->n_dport)
			continue;
		/* sessions are numbered as clients.c opens them */
		return share_owner(r->sessions,
			(((uint64_t)dst * r->n_dport + dport) * r->n_src + src) * r->n_sport
				+ sport,
			h->n);
	}
	hash = flow_hash(port, t->vlan, t->laddr, t->raddr, t->lport, t->rport);
	/* its top bits choose the bucket, so they may not choose the worker too */
	return (uint64_t)((hash ^ hash >> 15) * UINT32_C(2654435769)) * h->n >> 32;
}

/* IPv4 at ip, len bytes of it there: received, or, quoted, sent by us. */
static uint32_t packet_owner(const struct handoff *h, uint8_t port, uint16_t vlan,
	const uint8_t *ip, uint32_t len, bool quoted)
{
	struct ip4_hdr hdr;
	const uint8_t *l4;
	uint32_t hlen;
	struct flow_tuple t = {.vlan = vlan};

	if (len < sizeof(hdr))
		return 0;
	memcpy(&hdr, ip, sizeof(hdr));
	hlen = (hdr.ver_ihl & 15) * 4u;
	l4 = ip + hlen;
	if ((hdr.ver_ihl >> 4) != 4 || hlen < sizeof(hdr) || len < hlen + PORTS_BYTES
		|| (hdr.frag_be16 & rte_cpu_to_be_16(quoted ? IP_OFFSET : IP_OFFSET | IP_MF)))
		return 0;
	if (hdr.proto == IPPROTO_TCP4 || hdr.proto == IPPROTO_UDP4) {
		t.laddr = rte_be_to_cpu_32(quoted ? hdr.src_be32 : hdr.dst_be32);
		t.raddr = rte_be_to_cpu_32(quoted ? hdr.dst_be32 : hdr.src_be32);
		t.lport = be16_at(l4 + (quoted ? 0 : 2));
		t.rport = be16_at(l4 + (quoted ? 2 : 0));
		return steer_tuple(h, port, hdr.proto, &t);
	}
	if (!quoted && hdr.proto == IPPROTO_ICMP4 && len > hlen + sizeof(struct icmp_hdr)
		&& (l4[0] == ICMP_UNREACHABLE || l4[0] == ICMP_QUENCH || l4[0] == ICMP_TIME_EXCEEDED
			|| l4[0] == ICMP_PARAMETER))
		return packet_owner(h, port, vlan, l4 + sizeof(struct icmp_hdr),
			len - hlen - (uint32_t)sizeof(struct icmp_hdr), true);
	return 0;
}

uint32_t steer_frame(const struct lport *lp, const struct rte_mbuf *m)
{
	const uint8_t *eth = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t l2_len = 14;
	uint16_t vlan = 0, type;

	if (m->data_len < 18)
		return 0;
	type = be16_at(eth + 12);
	if (type == ETHERTYPE_8021Q) {
		vlan = be16_at(eth + 14) & 0xfff;
		type = be16_at(eth + 16);
		l2_len = 18;
	}
	if (type != ETHERTYPE_IPV4)
		return 0;
	return packet_owner(
		lp->handoff, lp->port->id, vlan, eth + l2_len, m->data_len - l2_len, false);
}

bool steer_whole(struct lcore *lc, struct lport *lp, struct rte_mbuf *m)
{
	uint32_t k = steer_frame(lp, m);

	if (k == 0)
		return false;
	m->ol_flags = HANDOFF_WHOLE;
	if (!handoff_give(lp->handoff, k, m)) {
		lp->st->drop.frag_full += m->nb_segs;
		pkt_free(lc, m);
	}
	return true;
}

uint32_t steer_burst(struct lcore *lc, struct lport *lp, struct rte_mbuf **m, uint32_t n)
{
	uint32_t mine = 0;

	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], void *));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = steer_frame(lp, m[i]);

		if (k == 0) {
			m[mine++] = m[i];
		} else if (!handoff_give(lp->handoff, k, m[i])) {
			lp->st->drop.handoff_full++;
			pkt_free(lc, m[i]);
		}
	}
	return mine;
}
