/* Connected subnets and gateways of a port, and whose addresses are ours. */
#include "engine/l3_ip/l3_ip.h"

struct port_l3 port_l3[PORTS_MAX];

const struct l3_intf *route_connected(uint8_t port, uint16_t vlan, uint32_t addr)
{
	const struct port_l3 *l3 = &port_l3[port];

	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		const struct l3_intf *f = &l3->intf[i];

		if (f->vlan_id == vlan && ((ip4_of(&f->ip) ^ addr) & ip4_of(&f->mask)) == 0)
			return f;
	}
	return NULL;
}

uint16_t route_gateway_vlan(uint8_t port, uint16_t vlan)
{
	const struct port_l3 *l3 = &port_l3[port];

	if (route_connected(port, vlan, l3->gw) != NULL)
		return vlan;
	if (route_connected(port, 0, l3->gw) != NULL)
		return 0;
	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		uint16_t other = (uint16_t)l3->intf[i].vlan_id;

		if (route_connected(port, other, l3->gw) != NULL)
			return other;
	}
	return 0;
}

uint32_t route_gateway(uint8_t port, uint16_t vlan, uint16_t *on)
{
	const struct port_l3 *l3 = &port_l3[port];

	*on = vlan;
	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		const struct l3_intf *f = &l3->intf[i];

		if (f->vlan_id == vlan && f->gw.family != 0)
			return ip4_of(&f->gw);
	}
	if (l3->gw != 0)
		*on = route_gateway_vlan(port, vlan);
	return l3->gw;
}

uint32_t route_next_hop(uint8_t port, uint16_t vlan, uint32_t dst, uint16_t *on)
{
	*on = vlan;
	return route_connected(port, vlan, dst) != NULL ? dst : route_gateway(port, vlan, on);
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
