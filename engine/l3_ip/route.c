/* Connected subnets and gateways of a port, and whose addresses are ours. */
#include "engine/l3_ip/l3_ip.h"

struct port_l3 port_l3[PORTS_MAX];

uint32_t route_next_hop(uint8_t port, uint16_t vlan, uint32_t dst)
{
	const struct port_l3 *l3 = &port_l3[port];
	uint32_t gw = 0;

	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		const struct l3_intf *f = &l3->intf[i];

		if (f->vlan_id != vlan)
			continue;
		if (((ip4_of(&f->ip) ^ dst) & ip4_of(&f->mask)) == 0)
			return dst;
		if (gw == 0 && f->gw.family != 0)
			gw = ip4_of(&f->gw);
	}
	return gw != 0 ? gw : l3->gw;
}

bool ipv4_is_mine(struct lcore *lc, struct lport *lp, uint16_t vlan, uint32_t addr)
{
	uint8_t port = lp->port->id;
	const struct port_l3 *l3 = &port_l3[port];

	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		if (ip4_of(&l3->intf[i].ip) == addr && l3->intf[i].vlan_id == vlan)
			return true;
	}
	for (uint8_t i = 0; i < TCS_MAX; i++) {
		const struct tc_run *tc = lcore_tc(lc, port, i);

		if (tc->run != TCR_IDLE && tc->vlan == vlan && ip4_of(&tc->cfg->src.lo) <= addr
			&& addr <= ip4_of(&tc->cfg->src.hi))
			return true;
	}
	return false;
}
