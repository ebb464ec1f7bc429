/* ARP for IPv4 over Ethernet (RFC 826). One table a port. Only the worker of the port's queue 0
 * writes it; other workers of the port and management read entries whose state says that they are
 * whole. */
#include "engine/l1_port/l1_port.h"
#include "engine/l2_eth/l2_eth.h"

#include <rte_byteorder.h>

#include <string.h>

#define ARP_RETRY_MS 200
#define ARP_OP_REQUEST 1
#define ARP_OP_REPLY 2

struct arp_pkt {
	uint16_t hrd_be16, pro_be16;
	uint8_t hln, pln;
	uint16_t op_be16;
	uint8_t sha[6];
	uint32_t spa_be32;
	uint8_t tha[6];
	uint32_t tpa_be32;
} packed2_struct;
static_assert(sizeof(struct arp_pkt) == 28);

enum arp_state {
	ARP_FREE,
	ARP_PENDING, /* asked, at asked_ms */
	ARP_KNOWN
};

struct arp_entry {
	uint32_t ip;
	uint32_t asked_ms;
	uint16_t vlan;
	uint8_t state; /* released last; pairs with the acquire of readers */
	uint8_t mac[6];
};

struct arp_table {
	uint32_t epoch; /* moves when an address changes: next-hop caches are stale */
	struct arp_entry e[ARP_MAX];
};
static struct arp_table tables[PORTS_MAX];

uint32_t arp_epoch(uint8_t port)
{
	return __atomic_load_n(&tables[port].epoch, __ATOMIC_ACQUIRE) + 1; /* never 0 */
}

/* Open addressing: the entry of an address, else (want_free) a free one, else NULL. */
static struct arp_entry *arp_find(uint8_t port, uint16_t vlan, uint32_t ip, bool want_free)
{
	struct arp_entry *e = tables[port].e;

	for (uint32_t i = 0, h = (ip ^ ip >> 8 ^ vlan) % ARP_MAX; i < ARP_MAX; i++) {
		struct arp_entry *at = &e[(h + i) % ARP_MAX];

		if (__atomic_load_n(&at->state, __ATOMIC_ACQUIRE) == ARP_FREE)
			return want_free ? at : NULL;
		if (at->ip == ip && at->vlan == vlan)
			return at;
	}
	return NULL;
}

static struct rte_mbuf *arp_build(struct lcore *lc, struct lport *lp, const uint8_t dst[6],
	uint16_t vlan, uint16_t op, uint32_t spa, const uint8_t tha[6], uint32_t tpa)
{
	uint16_t l2 = eth_hdr_len(vlan);
	struct rte_mbuf *m = pkt_alloc(lc, l2 + sizeof(struct arp_pkt));
	struct arp_pkt *a;

	if (m == NULL) {
		lp->st->arp.tx_failed++;
		lp->st->drop.no_mbuf++;
		return NULL;
	}
	eth_write(lp, rte_pktmbuf_mtod(m, uint8_t *), dst, vlan, ETHERTYPE_ARP4);
	a = rte_pktmbuf_mtod_offset(m, struct arp_pkt *, l2);
	a->hrd_be16 = rte_cpu_to_be_16(1);
	a->pro_be16 = rte_cpu_to_be_16(ETHERTYPE_IPV4);
	a->hln = 6;
	a->pln = 4;
	a->op_be16 = rte_cpu_to_be_16(op);
	memcpy(a->sha, lp->port->mac, 6);
	a->spa_be32 = rte_cpu_to_be_32(spa);
	memcpy(a->tha, tha, 6);
	a->tpa_be32 = rte_cpu_to_be_32(tpa);
	return m;
}

static const uint8_t mac_bcast[6] = {255, 255, 255, 255, 255, 255};
static const uint8_t mac_zero[6];

static void arp_request(
	struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t spa, uint32_t tpa)
{
	struct rte_mbuf *m = arp_build(lc, lp, mac_bcast, vlan, ARP_OP_REQUEST, spa, mac_zero, tpa);

	if (m == NULL)
		return;
	lp->st->arp.tx_req++;
	tx_push(lc, lp, m);
}

static void arp_reply(struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t spa,
	const uint8_t tha[6], uint32_t tpa)
{
	struct rte_mbuf *m = arp_build(lc, lp, tha, vlan, ARP_OP_REPLY, spa, tha, tpa);

	if (m == NULL)
		return;
	lp->st->arp.tx_rep++;
	tx_push(lc, lp, m);
}

/* Our address to ask from: the interface whose subnet holds the target, else the VLAN's first. */
static uint32_t arp_source(uint8_t port, uint16_t vlan, uint32_t target)
{
	const struct port_l3 *l3 = &port_l3[port];
	uint32_t any = 0;

	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		uint32_t ip = ip4_of(&l3->intf[i].ip), mask = ip4_of(&l3->intf[i].mask);

		if (l3->intf[i].vlan_id != vlan)
			continue;
		if (((ip ^ target) & mask) == 0)
			return ip;
		if (any == 0)
			any = ip;
	}
	return any;
}

static void arp_learn(
	struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t ip, const uint8_t mac[6])
{
	struct arp_table *t = &tables[lp->port->id];
	struct arp_entry *e;

	if (lp->queue != 0 || ip == 0)
		return;
	e = arp_find(lp->port->id, vlan, ip, true);
	if (e == NULL) {
		lp->st->arp.full++;
		return;
	}
	if (e->state == ARP_KNOWN && memcmp(e->mac, mac, 6) == 0)
		return;
	e->ip = ip;
	e->vlan = vlan;
	memcpy(e->mac, mac, 6);
	__atomic_store_n(&e->state, ARP_KNOWN, __ATOMIC_RELEASE); /* pairs with arp_find() */
	__atomic_store_n(&t->epoch, t->epoch + 1, __ATOMIC_RELEASE);
	(void)lc;
}

int arp_resolve(
	struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t next_hop, uint8_t mac[6])
{
	struct arp_entry *e = arp_find(lp->port->id, vlan, next_hop, lp->queue == 0);

	if (e != NULL && e->state == ARP_KNOWN) {
		memcpy(mac, e->mac, 6);
		return 0;
	}
	if (e == NULL || lp->queue != 0)
		return -1;
	if (e->state == ARP_PENDING && lc->now_ms - e->asked_ms < ARP_RETRY_MS)
		return -1;
	e->ip = next_hop;
	e->vlan = vlan;
	e->asked_ms = lc->now_ms;
	__atomic_store_n(&e->state, ARP_PENDING, __ATOMIC_RELEASE);
	arp_request(lc, lp, vlan, arp_source(lp->port->id, vlan, next_hop), next_hop);
	return -1;
}

bool arp_in(struct lcore *lc, struct lport *lp, struct pkt *p)
{
	const struct arp_pkt *a = rte_pktmbuf_mtod_offset(p->m, struct arp_pkt *, p->l2_len);
	uint32_t spa, tpa;
	uint16_t op;

	if (p->m->data_len < p->l2_len + sizeof(*a) || a->hrd_be16 != rte_cpu_to_be_16(1)
		|| a->pro_be16 != rte_cpu_to_be_16(ETHERTYPE_IPV4) || a->hln != 6 || a->pln != 4
		|| (a->sha[0] & 1)) {
		lp->st->arp.invalid++;
		lp->st->drop.arp_bad++;
		return false;
	}
	spa = rte_be_to_cpu_32(a->spa_be32);
	tpa = rte_be_to_cpu_32(a->tpa_be32);
	op = rte_be_to_cpu_16(a->op_be16);
	if (op == ARP_OP_REPLY) {
		lp->st->arp.rx_rep++;
		arp_learn(lc, lp, p->vlan, spa, a->sha);
		return false;
	}
	if (op != ARP_OP_REQUEST) {
		lp->st->arp.rx_other++;
		return false;
	}
	lp->st->arp.rx_req++;
	if (spa == tpa) { /* gratuitous */
		arp_learn(lc, lp, p->vlan, spa, a->sha);
		return false;
	}
	if (!ipv4_is_mine(lc, lp, tpa)) {
		lp->st->arp.not_mine++;
		lp->st->drop.arp_not_mine++;
		return false;
	}
	arp_learn(lc, lp, p->vlan, spa, a->sha);
	arp_reply(lc, lp, p->vlan, tpa, a->sha, spa);
	return false;
}

/* RFC 5227: the interfaces announce themselves; gateways are asked for. By queue 0's worker. */
void arp_port_start(struct lcore *lc, struct lport *lp)
{
	const struct port_l3 *l3 = &port_l3[lp->port->id];
	uint8_t mac[6];

	if (lp->queue != 0)
		return;
	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		uint16_t vlan = l3->intf[i].vlan_id;
		uint32_t ip = ip4_of(&l3->intf[i].ip);

		arp_request(lc, lp, vlan, ip, ip);
		arp_reply(lc, lp, vlan, ip, mac_bcast, ip);
		lp->st->route.intf_add++;
		if (l3->intf[i].gw.family == 0)
			continue;
		lp->st->route.gw_add++;
		arp_resolve(lc, lp, vlan, ip4_of(&l3->intf[i].gw), mac);
	}
	if (l3->gw != 0) {
		lp->st->route.gw_add++;
		arp_resolve(lc, lp, 0, l3->gw, mac);
	}
}

/* Forgets the neighbours: the next start may be in another network. */
void arp_port_stop(struct lcore *lc, struct lport *lp)
{
	const struct port_l3 *l3 = &port_l3[lp->port->id];
	struct arp_table *t = &tables[lp->port->id];

	(void)lc;
	if (lp->queue != 0)
		return;
	lp->st->route.intf_del += l3->n_intfs;
	for (uint32_t i = 0; i < l3->n_intfs; i++)
		lp->st->route.gw_del += l3->intf[i].gw.family != 0;
	lp->st->route.gw_del += l3->gw != 0;
	for (uint32_t i = 0; i < ARP_MAX; i++)
		__atomic_store_n(&t->e[i].state, ARP_FREE, __ATOMIC_RELEASE);
	__atomic_store_n(&t->epoch, t->epoch + 1, __ATOMIC_RELEASE);
}

static uint32_t snapshot_local(uint32_t port, struct seg_arp *out)
{
	const struct port_l3 *l3 = &port_l3[port];
	uint32_t n = 0;

	for (; n < l3->n_intfs && n < ARP_MAX / 2; n++) {
		out[n] = (struct seg_arp){.ip = l3->intf[n].ip,
			.vlan_id = l3->intf[n].vlan_id,
			.flags = SEG_ARP_LOCAL};
		memcpy(out[n].mac, ports[port].mac, 6);
	}
	return n;
}

void arp_snapshot(struct seg *seg)
{
	for (uint32_t port = 0; port < n_ports; port++) {
		struct seg_port *sp = seg_port(seg, port);
		uint32_t n;

		seg_write_begin(&sp->seq);
		n = snapshot_local(port, sp->arps);
		for (uint32_t i = 0; i < ARP_MAX && n < ARP_MAX; i++) {
			struct arp_entry e = tables[port].e[i];

			if (__atomic_load_n(&tables[port].e[i].state, __ATOMIC_ACQUIRE) == ARP_FREE)
				continue;
			sp->arps[n] = (struct seg_arp){.ip = ip4_addr(e.ip),
				.vlan_id = e.vlan,
				.flags = e.state == ARP_PENDING ? SEG_ARP_PENDING : 0};
			memcpy(sp->arps[n++].mac, e.mac, 6);
		}
		sp->n_arps = n;
		seg_write_end(&sp->seq);
	}
}
