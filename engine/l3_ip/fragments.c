/* Fragments become datagrams again (RFC 791 §3.2, RFC 1122 §3.3.2): DPDK's table, one a port of the
 * worker, made at boot and bounded in datagrams, buffers and time. Off the hot path: what is kept
 * or thrown away here is counted fragment by fragment. */
#define ALLOW_EXPERIMENTAL_API /* rte_ip_frag_table_del_expired_entries() */
#include "engine/l1_port/l1_port.h"
#include "engine/l3_ip/l3_ip.h"

#include <rte_byteorder.h>
#include <rte_ip_frag.h>

#include <errno.h>
#include <string.h>

/* RFC 791's first time-out, not the 60 s and more of RFC 1122: at the rates of a generator the 16
 * bits of the id come round in seconds, and fragments of two datagrams would join (RFC 4963). */
#define FRAG_TIMEOUT_MS 15000
#define FRAG_PRESSED_MS 1000 /* the time-out while there is no room, so that a flood ends soon */
/* The library's table: buckets of two hashes. */
#define FRAG_DATAGRAMS 256
#define FRAG_BUCKETS 64
#define FRAG_WAYS 4
#define FRAG_BYTES 256 /* of an entry, told by the library's header: eight fragments each */
static_assert(RTE_LIBRTE_IP_FRAG_MAX_FRAG == 8, "FRAG_BYTES counts them");
#define FRAG_BUFFERS(size) ((size) / 8) /* of the worker's, to keep at a time */

size_t frags_bytes(uint32_t nports)
{
	return (size_t)nports * (2 * FRAG_BUCKETS * FRAG_WAYS * FRAG_BYTES + 2 * FRAG_BYTES);
}

int frags_create(struct lcore *lc)
{
	for (uint32_t i = 0; i < lc->n_lports; i++) {
		struct lport *lp = &lc->lports[i];

		lp->frag_tbl = rte_ip_frag_table_create(FRAG_BUCKETS, FRAG_WAYS, FRAG_DATAGRAMS,
			FRAG_TIMEOUT_MS * lc->cycles_per_ms, (int)lc->socket);
		if (lp->frag_tbl == NULL)
			return -ENOMEM;
	}
	return 0;
}

void frags_destroy(struct lcore *lc)
{
	for (uint32_t i = 0; i < lc->n_lports; i++)
		rte_ip_frag_table_destroy(lc->lports[i].frag_tbl);
}

static void gone(struct lcore *lc, struct lport *lp, uint32_t n)
{
	lp->n_frags -= n;
	lc->n_frags -= n;
}

/* Frees what the library has given up, counted as that. */
static void bury(
	struct lcore *lc, struct lport *lp, struct rte_ip_frag_death_row *dr, uint64_t *reason)
{
	*reason += dr->cnt;
	gone(lc, lp, dr->cnt);
	for (uint32_t i = 0; i < dr->cnt; i++)
		pkt_free(lc, dr->row[i]);
	dr->cnt = 0;
}

/* Datagrams in the row: the fragments of one stand side by side. */
static uint32_t datagrams(const struct rte_ip_frag_death_row *dr)
{
	const struct ip4_hdr *last = NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; i < dr->cnt; i++) {
		const struct ip4_hdr *ip = rte_pktmbuf_mtod_offset(
			dr->row[i], const struct ip4_hdr *, dr->row[i]->l2_len);

		n += last == NULL || ip->id_be16 != last->id_be16 || ip->src_be32 != last->src_be32
			|| ip->dst_be32 != last->dst_be32 || ip->proto != last->proto;
		last = ip;
	}
	return n;
}

/* Gives up those that began FRAG_TIMEOUT_MS before a time or earlier. */
static void expire(struct lcore *lc, struct lport *lp, uint64_t tsc)
{
	struct rte_ip_frag_death_row dr;

	do {
		uint32_t was = lp->n_frags;

		dr.cnt = 0;
		rte_ip_frag_table_del_expired_entries(lp->frag_tbl, &dr, tsc);
		lp->st->ipv4.reasm_timeout += datagrams(&dr);
		bury(lc, lp, &dr, &lp->st->drop.frag_timeout);
		if (was == lp->n_frags)
			break;
	} while (lp->n_frags != 0);
}

/* There is no room: those that are not quite new make some. */
static void press(struct lcore *lc)
{
	uint64_t tsc = lc->now_tsc + (FRAG_TIMEOUT_MS - FRAG_PRESSED_MS) * lc->cycles_per_ms;

	for (uint32_t i = 0; i < lc->n_lports; i++)
		expire(lc, &lc->lports[i], tsc);
}

cold_path void frags_poll(struct lcore *lc)
{
	if (lc->frags_ms == lc->now_ms)
		return;
	lc->frags_ms = lc->now_ms;
	for (uint32_t i = 0; i < lc->n_lports; i++) {
		if (lc->lports[i].n_frags != 0)
			expire(lc, &lc->lports[i], lc->now_tsc);
	}
}

void frags_drain(struct lcore *lc, struct lport *lp)
{
	expire(lc, lp, UINT64_MAX);
}

/* A first fragment without the whole transport header, or a second that would lie in it, hides it
 * from filters: RFC 1858, RFC 3128. */
static bool tiny(uint8_t proto, uint16_t offset, uint16_t len)
{
	uint16_t head = proto == IPPROTO_TCP4 ? sizeof(struct tcp_hdr) : sizeof(struct udp_hdr);

	return offset == 0 ? len < head : offset < head;
}

static bool fits(const struct ip4_hdr *ip, uint16_t len)
{
	uint16_t frag = rte_be_to_cpu_16(ip->frag_be16);
	uint32_t offset = (frag & IP_OFFSET) * 8u;

	if (len == 0 || ((frag & IP_MF) && len % 8 != 0))
		return false;
	/* 60: the first one's header may be longer than this one's */
	return offset + len + 60 < IP_BYTES_MAX && !tiny(ip->proto, (uint16_t)offset, len);
}

static bool refuse(struct lcore *lc, struct pkt *p, uint64_t *reason)
{
	(*reason)++;
	pkt_free(lc, p->m);
	return false;
}

/* The library tells datagrams apart by addresses and id, of which we make it see more. */
static struct rte_ipv4_hdr key_of(const struct pkt *p, const struct ip4_hdr *ip)
{
	struct rte_ipv4_hdr key;

	memcpy(&key, ip, sizeof(key));
	key.src_addr ^= ((uint32_t)p->vlan << 8 | ip->proto) * UINT32_C(2654435769);
	return key;
}

/* Into the table. The whole datagram, or NULL: kept, or given up and counted. */
static struct rte_mbuf *join(struct lcore *lc, struct lport *lp, struct pkt *p, struct ip4_hdr *ip)
{
	struct rte_ipv4_hdr key = key_of(p, ip);
	struct rte_ip_frag_death_row dr;
	struct rte_mbuf *m;

	lp->n_frags++;
	lc->n_frags++;
	dr.cnt = 0;
	m = rte_ipv4_frag_reassemble_packet(lp->frag_tbl, &dr, p->m, lc->now_tsc, &key);
	if (dr.cnt == 1) { /* this one alone: there was no place */
		dr.cnt = 0;
		press(lc);
		m = rte_ipv4_frag_reassemble_packet(lp->frag_tbl, &dr, p->m, lc->now_tsc, &key);
	}
	if (dr.cnt == 1) {
		bury(lc, lp, &dr, &lp->st->drop.frag_full);
	} else if (dr.cnt != 0) {
		lp->st->ipv4.reasm_fail++;
		bury(lc, lp, &dr, &lp->st->drop.frag_bad);
	}
	return m;
}

/* The transport gets to see it in one piece: in the first buffer, or copied. */
static void whole(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct rte_mbuf *m = p->m;
	const struct ip4_hdr *ip = rte_pktmbuf_mtod_offset(m, struct ip4_hdr *, m->l2_len);
	uint16_t hlen = (ip->ver_ihl & 15) * 4, at = m->l2_len + hlen;

	lp->st->ipv4.reasm++;
	lp->st->ipv4.reasm_frags += m->nb_segs;
	m->ol_flags = 0;
	p->l2_len = m->l2_len;
	p->l4_len = rte_be_to_cpu_16(ip->total_len_be16) - hlen;
	rte_pktmbuf_linearize(m);
	p->l4 = m->nb_segs == 1 ? rte_pktmbuf_mtod_offset(m, uint8_t *, at) : lc->join;
	if (m->nb_segs != 1)
		rte_pktmbuf_read(m, at, p->l4_len, lc->join);
	if (m->nb_segs != 1 && ip->proto == IPPROTO_TCP4) {
		/* may be kept for its turn, which takes one buffer; our MSS never asks for more */
		lp->st->ipv4.rx_tcp++;
		lp->st->drop.frag_too_long++;
		p->class = PKT_DONE;
		return;
	}
	ipv4_whole_in(lc, lp, p, ip->proto);
}

cold_path bool frag_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	struct ip4_hdr *ip = rte_pktmbuf_mtod_offset(p->m, struct ip4_hdr *, p->l2_len);
	uint32_t room = FRAG_BUFFERS(lc->stash.pool->size);
	struct rte_mbuf *m;

	if (!lp->running)
		return refuse(lc, p, &lp->st->drop.stopped);
	if (p->group || !ipv4_is_mine(lc, lp, p->vlan, p->dst))
		return refuse(lc, p, &lp->st->drop.frag_not_mine);
	if (!fits(ip, p->l4_len))
		return refuse(lc, p, &lp->st->drop.frag_bad);
	expire(lc, lp,
		lc->now_tsc); /* so that what the library gives up below is not old but bad */
	if (lc->n_frags >= room)
		press(lc);
	if (lc->n_frags >= room)
		return refuse(lc, p, &lp->st->drop.frag_full);
	p->m->l2_len = p->l2_len;
	p->m->l3_len = (ip->ver_ihl & 15) * 4;
	m = join(lc, lp, p, ip);
	if (m == NULL)
		return false;
	gone(lc, lp, m->nb_segs);
	if (lp->handoff != NULL && steer_whole(lc, lp, m))
		return false;
	p->m = m;
	whole(lc, lp, p);
	return true;
}

cold_path void frag_whole(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	const uint8_t *eth = rte_pktmbuf_mtod(p->m, const uint8_t *);
	const struct ip4_hdr *ip = (const struct ip4_hdr *)(eth + p->m->l2_len);

	p->vlan = p->m->l2_len == 14 ? 0 : (uint16_t)(eth[14] << 8 | eth[15]) & 0xfff;
	p->group = 0; /* frag_in() has looked */
	p->src = rte_be_to_cpu_32(ip->src_be32);
	p->dst = rte_be_to_cpu_32(ip->dst_be32);
	if (likely(lp->running)) {
		whole(lc, lp, p);
		return;
	}
	lp->st->drop.stopped += p->m->nb_segs;
	p->class = PKT_DONE;
}
