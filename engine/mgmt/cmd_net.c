/* Commands about interfaces and gateways. Refused while the port runs, so that workers may read them in
 * place. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <string.h>

/* NULL: there is none. */
static struct l3_intf *intf_find(struct port_l3 *l3, uint32_t ip, uint32_t vlan)
{
	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		if (ip4_of(&l3->intf[i].ip) == ip && l3->intf[i].vlan_id == vlan)
			return &l3->intf[i];
	}
	return NULL;
}

int cmd_add_tests_l3_intf(const struct req_add_tests_l3_intf *q, struct reply *r)
{
	struct port_l3 *l3 = &port_l3[q->port];
	uint32_t mask = ip4_of(&q->mask), ip = ip4_of(&q->ip);
	struct l3_intf f = {.ip = q->ip, .mask = q->mask, .vlan_id = q->vlan_id, .gw = q->gw};
	int rc = port_idle(q->port, r);

	if (rc == 0)
		rc = host_only(&q->ip, "ip", r);
	if (rc == 0)
		rc = v4_only(&q->mask, "mask", r);
	if (rc == 0 && q->gw.family != 0)
		rc = host_only(&q->gw, "gw", r);
	if (rc != 0)
		return rc;
	if (mask == 0 || (~mask & (~mask + 1)) != 0)
		return reply_fail(
			r, -EINVAL, "mask: not a netmask, expected one like 255.255.255.0");
	if ((mask | 1) != UINT32_MAX && ((ip & ~mask) == 0 || (ip | mask) == UINT32_MAX))
		return reply_fail(r, -EINVAL, "ip: is the network's or its broadcast address");
	if (q->gw.family != 0 && ip4_of(&q->gw) == ip)
		return reply_fail(r, -EINVAL, "gw: is the interface itself");
	if (q->gw.family != 0 && ((ip4_of(&q->gw) ^ ip) & mask) != 0)
		return reply_fail(r, -EINVAL, "gw: is not in the interface's subnet");
	if (intf_find(l3, ip, q->vlan_id) != NULL)
		return reply_fail(r, -EEXIST, "port %u has that interface already", q->port);
	if (l3->n_intfs == L3_INTFS_MAX)
		return reply_fail(r, -ENOSPC, "port %u has %u interfaces, no more are possible",
			q->port, L3_INTFS_MAX);
	l3->intf[l3->n_intfs++] = f;
	arp_intfs_changed(q->port);
	publish_port(q->port);
	return 0;
}

int cmd_del_tests_l3_intf(const struct req_del_tests_l3_intf *q, struct reply *r)
{
	int rc = port_idle(q->port, r);
	struct port_l3 *l3;
	struct l3_intf *f;
	char a[IP_STRLEN];

	if (rc == 0)
		rc = v4_only(&q->ip, "ip", r);
	if (rc != 0)
		return rc;
	l3 = &port_l3[q->port];
	f = intf_find(l3, ip4_of(&q->ip), q->vlan_id);
	if (f == NULL && q->vlan_id == 0)
		return reply_fail(r, -ENOENT, "port %u has no untagged interface %s", q->port,
			ip_str(&q->ip, a));
	if (f == NULL)
		return reply_fail(r, -ENOENT, "port %u has no interface %s on VLAN %u", q->port,
			ip_str(&q->ip, a), q->vlan_id);
	l3->n_intfs--;
	memmove(f, f + 1, (size_t)(l3->intf + l3->n_intfs - f) * sizeof(*f));
	arp_intfs_changed(q->port);
	publish_port(q->port);
	return 0;
}

int cmd_del_tests_l3_gw(const struct req_del_tests_l3_gw *q, struct reply *r)
{
	int rc = port_idle(q->port, r);

	if (rc != 0)
		return rc;
	if (port_l3[q->port].gw == 0)
		return reply_fail(r, -ENOENT, "port %u has no default gateway", q->port);
	port_l3[q->port].gw = 0;
	publish_port(q->port);
	return 0;
}

int cmd_set_tests_mtu(const struct req_set_tests_mtu *q, struct reply *r)
{
	int rc = port_idle(q->port, r);

	if (rc == 0)
		rc = port_set_mtu((uint16_t)q->port, (uint16_t)q->mtu, r->text, sizeof(r->text));
	if (rc == 0)
		publish_port(q->port);
	return rc;
}

int cmd_add_tests_l3_gw(const struct req_add_tests_l3_gw *q, struct reply *r)
{
	int rc = port_idle(q->port, r);

	if (rc == 0)
		rc = v4_only(&q->gw, "gw", r);
	if (rc == 0 && ip4_of(&q->gw) != 0) /* 0.0.0.0: none */
		rc = host_only(&q->gw, "gw", r);
	if (rc != 0)
		return rc;
	port_l3[q->port].gw = ip4_of(&q->gw);
	publish_port(q->port);
	return 0;
}
