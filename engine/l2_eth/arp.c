/* ARP for IPv4 over Ethernet (RFC 826). One table a port, written by all workers of the port
 * without a lock: a slot is claimed once, its address then stays until the port stops, its MAC is
 * one word. */
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
	ARP_CLAIMED, /* address being written */
	ARP_PENDING, /* asked for at asked_ms, not answered */
	ARP_KNOWN
};

struct arp_entry {
	uint64_t mac; /* 48 bits as on the wire; whole by being one word */
	uint32_t ip;  /* like vlan: written between ARP_CLAIMED and the state behind it */
	uint32_t asked_ms;
	uint16_t vlan;
	uint8_t state; /* released last; pairs with the acquire in arp_find() */
};
/* Untouched pages cost nothing, and n_entries says of which ports no page was touched. */
#define ARP_SLOTS 65536
#define ARP_PROBES 256
static_assert(ARP_SLOTS >= ARP_NEIGHBOURS_MAX / 3 * 4, "lookups in a fuller table would be long");
static struct arp_entry tables[PORTS_MAX][ARP_SLOTS];
static uint32_t n_entries[PORTS_MAX];
uint32_t arp_epochs[PORTS_MAX];

static uint8_t state_of(const struct arp_entry *e)
{
	return __atomic_load_n(&e->state, __ATOMIC_ACQUIRE); /* pairs with arp_set() */
}

/* Open addressing. The entry of an address, or NULL; *free is the slot where it would go, NULL when
 * there is none near. */
static struct arp_entry *arp_find(uint8_t port, uint16_t vlan, uint32_t ip, struct arp_entry **free)
{
	/* multiplicative: neighbours come in ranges, of several subnets */
	uint32_t h = ((ip ^ (uint32_t)vlan << 20) * UINT32_C(2654435769)) >> 16;

	for (uint32_t i = 0; i < ARP_PROBES; i++) {
		struct arp_entry *e = &tables[port][(h + i) % ARP_SLOTS];
		uint8_t state = state_of(e);

		*free = e;
		if (state == ARP_FREE)
			return NULL;
		if (state != ARP_CLAIMED && e->ip == ip && e->vlan == vlan)
			return e;
	}
	*free = NULL;
	return NULL;
}

/* A new entry, PENDING and not yet asked for. NULL: no room, or another worker was quicker (then
 * there is one next time). */
static struct arp_entry *arp_add(
	struct lport *lp, uint16_t vlan, uint32_t ip, struct arp_entry *at, uint32_t now_ms)
{
	uint8_t expected = ARP_FREE;

	if (at == NULL) {
		lp->st->arp.full++;
		return NULL;
	}
	if (!__atomic_compare_exchange_n(
		    &at->state, &expected, ARP_CLAIMED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return NULL;
	at->ip = ip;
	at->vlan = vlan;
	at->asked_ms = now_ms - ARP_RETRY_MS;
	__atomic_store_n(&at->state, ARP_PENDING, __ATOMIC_RELEASE); /* pairs with state_of() */
	__atomic_add_fetch(&n_entries[lp->port->id], 1, __ATOMIC_RELEASE); /* pairs with news() */
	return at;
}

static void arp_set(uint8_t port, struct arp_entry *e, const uint8_t mac[6])
{
	uint64_t word = 0;

	memcpy(&word, mac, 6);
	if (state_of(e) == ARP_KNOWN && __atomic_load_n(&e->mac, __ATOMIC_RELAXED) == word)
		return;
	__atomic_store_n(&e->mac, word, __ATOMIC_RELAXED);
	__atomic_store_n(&e->state, ARP_KNOWN, __ATOMIC_RELEASE);   /* pairs with state_of() */
	__atomic_add_fetch(&arp_epochs[port], 1, __ATOMIC_RELEASE); /* pairs with arp_epoch() */
}

static struct rte_mbuf *arp_build(struct lcore *lc, struct lport *lp, const uint8_t dst[6],
	uint16_t vlan, uint16_t op, uint32_t spa, const uint8_t tha[6], uint32_t tpa)
{
	uint16_t l2 = vlan != 0 ? 18 : 14;
	struct rte_mbuf *m = pkt_alloc(lc, l2 + sizeof(struct arp_pkt));
	struct arp_pkt *a;

	if (m == NULL) {
		if (op == ARP_OP_REQUEST)
			lp->st->arp.tx_req_failed++;
		else
			lp->st->arp.tx_rep_failed++;
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

/* Somebody said where an address is. create: also when nobody here has asked for it. */
static void arp_learn(struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t ip,
	const uint8_t mac[6], bool create)
{
	struct arp_entry *at, *e;

	if (ip == 0)
		return; /* a probe, RFC 5227 */
	e = arp_find(lp->port->id, vlan, ip, &at);
	if (e == NULL && create)
		e = arp_add(lp, vlan, ip, at, lc->now_ms);
	if (e != NULL)
		arp_set(lp->port->id, e, mac);
}

int arp_resolve(
	struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t next_hop, uint8_t mac[6])
{
	struct arp_entry *at, *e = arp_find(lp->port->id, vlan, next_hop, &at);
	uint32_t asked;
	uint64_t word;

	if (e == NULL)
		e = arp_add(lp, vlan, next_hop, at, lc->now_ms);
	if (e == NULL)
		return -1;
	if (state_of(e) == ARP_KNOWN) {
		word = __atomic_load_n(&e->mac, __ATOMIC_RELAXED);
		memcpy(mac, &word, 6);
		return 0;
	}
	/* of all workers one asks */
	asked = __atomic_load_n(&e->asked_ms, __ATOMIC_RELAXED);
	if (lc->now_ms - asked >= ARP_RETRY_MS
		&& __atomic_compare_exchange_n(&e->asked_ms, &asked, lc->now_ms, false,
			__ATOMIC_RELAXED, __ATOMIC_RELAXED))
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
		arp_learn(lc, lp, p->vlan, spa, a->sha, true);
		return false;
	}
	if (op != ARP_OP_REQUEST) {
		lp->st->arp.rx_other++;
		return false;
	}
	lp->st->arp.rx_req++;
	if (spa != tpa && !ipv4_is_mine(lc, lp, p->vlan, tpa)) {
		lp->st->arp.not_mine++;
		lp->st->drop.arp_not_mine++;
		arp_learn(lc, lp, p->vlan, spa, a->sha, false);
		return false;
	}
	arp_learn(lc, lp, p->vlan, spa, a->sha, true);
	if (spa != tpa) /* else it only announces itself */
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
		arp_resolve(lc, lp, route_gateway_vlan((uint8_t)lp->port->id, 0), l3->gw, mac);
	}
}

/* Forgets the neighbours: the next start may be in another network. */
void arp_port_stop(struct lcore *lc, struct lport *lp)
{
	const struct port_l3 *l3 = &port_l3[lp->port->id];

	(void)lc;
	if (lp->queue != 0)
		return;
	lp->st->route.intf_del += l3->n_intfs;
	for (uint32_t i = 0; i < l3->n_intfs; i++)
		lp->st->route.gw_del += l3->intf[i].gw.family != 0;
	lp->st->route.gw_del += l3->gw != 0;
	if (__atomic_exchange_n(&n_entries[lp->port->id], 0, __ATOMIC_RELAXED) == 0)
		return;
	for (uint32_t i = 0; i < ARP_SLOTS; i++)
		__atomic_store_n(&tables[lp->port->id][i].state, ARP_FREE, __ATOMIC_RELEASE);
	__atomic_add_fetch(
		&arp_epochs[lp->port->id], 1, __ATOMIC_RELEASE); /* pairs with arp_epoch() */
}

void arp_intfs_changed(uint32_t port)
{
	__atomic_add_fetch(&arp_epochs[port], 1, __ATOMIC_RELEASE); /* pairs with arp_epoch() */
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

static uint32_t snapshot_table(uint32_t port, struct seg_arp *out, uint32_t n)
{
	uint32_t left = __atomic_load_n(&n_entries[port], __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < ARP_SLOTS && n < ARP_MAX && left != 0; i++) {
		const struct arp_entry *e = &tables[port][i];
		uint8_t state = state_of(e);

		left -= state != ARP_FREE;
		if (state == ARP_FREE || state == ARP_CLAIMED)
			continue;
		out[n] = (struct seg_arp){.ip = ip4_addr(e->ip),
			.vlan_id = e->vlan,
			.flags = state == ARP_PENDING ? SEG_ARP_PENDING : 0};
		memcpy(out[n++].mac, &e->mac, 6);
	}
	return n;
}

/* Has a port's table changed since it was copied? */
static bool news(uint32_t port)
{
	static struct seen {
		uint32_t epoch, n_entries;
	} seen[PORTS_MAX];
	struct seen now = {.epoch = arp_epoch((uint8_t)port),
		.n_entries = __atomic_load_n(&n_entries[port], __ATOMIC_ACQUIRE)}; /* arp_add() */

	if (memcmp(&now, &seen[port], sizeof(now)) == 0)
		return false;
	seen[port] = now;
	return true;
}

void arp_snapshot(struct seg *seg)
{
	static struct seg_arp now[ARP_MAX]; /* management is one thread */

	for (uint32_t port = 0; port < n_ports; port++) {
		struct seg_port *sp = seg_port(seg, port);
		uint32_t n;

		if (!news(port))
			continue;
		n = snapshot_table(port, now, snapshot_local(port, now));
		seg_write_begin(&sp->seq);
		memcpy(sp->arps, now, n * sizeof(now[0]));
		sp->n_arps = n;
		seg_write_end(&sp->seq);
	}
}
