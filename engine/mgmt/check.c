/* May the test cases of a port start? Ways to their peers, tuples of their own, pools that hold
 * them. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static bool ips_meet(const struct ip_range *a, const struct ip_range *b)
{
	return ip4_of(&a->lo) <= ip4_of(&b->hi) && ip4_of(&b->lo) <= ip4_of(&a->hi);
}

static uint32_t mask_of(const struct l3_intf *f)
{
	return ip4_of(&f->mask);
}

/* The first address of a range that is in no subnet of the port's interfaces on that VLAN; 0: all
 * are. */
static uint32_t not_connected(uint32_t port, uint32_t vlan, const struct ip_range *r)
{
	uint64_t a = ip4_of(&r->lo);

	while (a <= ip4_of(&r->hi)) {
		const struct l3_intf *f = route_connected(
			(uint8_t)port, (uint16_t)vlan, (uint32_t)a);

		if (f == NULL)
			return (uint32_t)a;
		a = (a | (uint32_t)~mask_of(f)) + 1;
	}
	return 0;
}

/* Is there a way to, or from, each address of a range: a subnet or a gateway? */
static int way_check(uint32_t port, uint32_t tcid, const struct ip_range *range, const char *what,
	struct reply *r)
{
	uint32_t vlan = tc_cfgs[port][tcid].vlan_id, bad = not_connected(port, vlan, range);
	uint16_t on;
	struct ip_addr ip = ip4_addr(bad);
	char a[IP_STRLEN];

	if (bad == 0 || route_gateway((uint8_t)port, (uint16_t)vlan, &on) != 0)
		return 0;
	return reply_fail(r, -EHOSTUNREACH,
		"test case %u: %s %s: no interface of port %u%s has it in its subnet, and there is "
		"no gateway (add tests "
		"l3_intf, add tests l3_gw)",
		tcid, what, ip_str(&ip, a), port, vlan ? " on its VLAN" : "");
}

static bool ip_in(const struct ip_range *r, uint32_t ip)
{
	return ip4_of(&r->lo) <= ip && ip <= ip4_of(&r->hi);
}

/* A port hears nothing of what it sends: no client can reach its own port. */
static int own_check(uint32_t port, uint32_t tcid, struct reply *r)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	const struct port_l3 *l3 = &port_l3[port];
	char a[IP_STRLEN];

	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		const struct l3_intf *f = &l3->intf[i];

		if (f->vlan_id == c->vlan_id && ip_in(&c->dst, ip4_of(&f->ip)))
			return reply_fail(r, -EADDRINUSE,
				"test case %u: destination %s is an interface of port %u itself",
				tcid, ip_str(&f->ip, a), port);
	}
	if (ips_meet(&c->src, &c->dst))
		return reply_fail(r, -EADDRINUSE,
			"test case %u: sources and destinations have %s in common", tcid,
			ip_str(ip4_of(&c->src.lo) > ip4_of(&c->dst.lo) ? &c->src.lo : &c->dst.lo,
				a));
	return 0;
}

/* Addresses of a range that are in the port's subnets on that VLAN; of interfaces in one subnet the
 * first counts. */
static uint64_t on_link(uint32_t port, uint32_t vlan, const struct ip_range *range)
{
	const struct port_l3 *l3 = &port_l3[port];
	uint64_t n = 0;

	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		const struct l3_intf *f = &l3->intf[i];
		uint32_t ip = ip4_of(&f->ip), mask = mask_of(f);
		uint32_t lo = MAX_OF(ip & mask, ip4_of(&range->lo)),
			 hi = MIN_OF(ip | ~mask, ip4_of(&range->hi));

		if (lo <= hi && route_connected((uint8_t)port, (uint16_t)vlan, ip) == f)
			n += (uint64_t)hi - lo + 1;
	}
	return n;
}

/* Each address without a gateway in front is a neighbour that has to be asked for. A server on the
 * other end of a ring pair has the sources as neighbours. */
static int neighbours_check(uint32_t port, uint32_t tcid, const struct ip_range *range,
	const char *what, struct reply *r)
{
	uint64_t n = on_link(port, tc_cfgs[port][tcid].vlan_id, range);

	if (n <= ARP_NEIGHBOURS_MAX)
		return 0;
	return reply_fail(r, -ENOSPC,
		"test case %u: %" PRIu64
		" %s addresses in subnets of port %u, at most %u can be neighbours: "
		"put them behind a gateway",
		tcid, n, what, port, ARP_NEIGHBOURS_MAX);
}

static int addresses_check(uint32_t port, uint32_t tcid, struct reply *r)
{
	const struct tc_config *c = &tc_cfgs[port][tcid];
	int rc;

	if (tc_is_multicast(c)) /* groups are on every link, and nobody answers */
		return 0;
	rc = way_check(port, tcid, &c->src, "source", r);
	if (rc != 0 || c->kind != tc_kind_CLIENT)
		return rc;
	rc = way_check(port, tcid, &c->dst, "destination", r);
	if (rc == 0)
		rc = neighbours_check(port, tcid, &c->dst, "destination", r);
	if (rc == 0 && ports[port].kind == port_kind_RING)
		rc = neighbours_check(port, tcid, &c->src, "source", r);
	return rc != 0 ? rc : own_check(port, tcid, r);
}

/* The port's gateway is a neighbour of one of its interfaces, on whatever VLAN. (An interface's own
 * was looked at when it came.) */
static int gateway_check(uint32_t port, struct reply *r)
{
	const struct port_l3 *l3 = &port_l3[port];
	struct ip_addr gw = ip4_addr(l3->gw);
	char a[IP_STRLEN];

	for (uint32_t i = 0; i < l3->n_intfs && l3->gw != 0; i++) {
		if (((ip4_of(&l3->intf[i].ip) ^ l3->gw) & mask_of(&l3->intf[i])) == 0)
			return 0;
	}
	if (l3->gw == 0)
		return 0;
	return reply_fail(r, -EHOSTUNREACH,
		"gateway %s: no interface of port %u has it in its subnet (add tests l3_intf, add "
		"tests l3_gw)",
		ip_str(&gw, a), port);
}

static bool ports_meet(const struct u16_range *a, const struct u16_range *b)
{
	return a->lo <= b->hi && b->lo <= a->hi;
}

/* Do two test cases of a port have a tuple, or a socket, in common? */
static bool overlap(const struct tc_config *a, const struct tc_config *b)
{
	if (a->kind != b->kind || a->proto != b->proto || a->vlan_id != b->vlan_id
		|| !ips_meet(&a->src, &b->src) || !ports_meet(&a->sport, &b->sport))
		return false;
	return a->kind == tc_kind_SERVER
		|| (ips_meet(&a->dst, &b->dst) && ports_meet(&a->dport, &b->dport));
}

static int overlaps_check(uint32_t port, uint32_t tcid, struct reply *r)
{
	for (uint32_t i = 0; i < tcid; i++) {
		if (tc_cfgs[port][i].kind != tc_kind_NONE
			&& overlap(&tc_cfgs[port][i], &tc_cfgs[port][tcid]))
			return reply_fail(r, -EADDRINUSE,
				"test cases %u and %u have %s in common: give them other addresses "
				"or ports",
				i, tcid,
				tc_cfgs[port][i].kind == tc_kind_SERVER ? "sockets" : "sessions");
	}
	return 0;
}

/* Endpoints of one worker that test cases want. */
struct want {
	uint64_t tcbs, ucbs;
};

static void want_add(struct want *w, const struct tc_config *c, uint64_t n)
{
	uint64_t *to = c->proto == l4proto_UDP ? &w->ucbs : &w->tcbs;

	*to += n;
}

/* Does a server test case of the port speak that transport? */
static bool serves(uint32_t port, uint32_t proto)
{
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		if (tc_cfgs[port][i].kind == tc_kind_SERVER && tc_cfgs[port][i].proto == proto)
			return true;
	}
	return false;
}

/* A client test case's sessions, by the workers that will have them; over a ring pair the servers'
 * ends are ours too. */
static void want_tc(struct want *want, uint32_t port, const struct tc_config *c)
{
	const struct port *p = &ports[port];
	bool both = p->kind == port_kind_RING && !tc_is_multicast(c) && serves(p->peer, c->proto);

	for (uint32_t q = 0; q < p->n_queues; q++) {
		uint64_t first, n;

		share_of(tc_sessions(c), q, p->n_queues, &first, &n);
		want_add(&want[p->queue_worker[q]], c, n);
		if (both)
			want_add(&want[ports[p->peer].queue_worker[q]], c, n);
	}
}

static int pool_check(
	uint32_t worker, const char *what, uint64_t want, uint32_t have, struct reply *r)
{
	if (want <= have)
		return 0;
	return reply_fail(r, -ENOSPC,
		"%" PRIu64
		" %s endpoints are wanted of lcore %u, its pool holds %u: raise --%s-pool-sz "
		"to %" PRIu64,
		want, what[0] == 't' ? "TCP" : "UDP", lcores[worker]->lcore_id, have, what,
		(want * n_workers + 1023) / 1024);
}

/* Do the pools hold the sessions of all that runs, and of this port? */
static int pools_check(uint32_t port, struct reply *r)
{
	struct want want[WORKERS_MAX] = {0};
	int rc = 0;

	for (uint32_t p = 0; p < n_ports; p++) {
		for (uint32_t i = 0; i < TCS_MAX; i++) {
			if (tc_cfgs[p][i].kind == tc_kind_CLIENT
				&& (p == port || port_runs[p] != PORT_IDLE))
				want_tc(want, p, &tc_cfgs[p][i]);
		}
	}
	for (uint32_t w = 0; w < n_workers && rc == 0; w++) {
		rc = pool_check(w, "tcb", want[w].tcbs, lcores[w]->tcbs.n, r);
		if (rc == 0)
			rc = pool_check(w, "ucb", want[w].ucbs, lcores[w]->ucbs.n, r);
	}
	return rc;
}

int start_check(uint32_t port, struct reply *r)
{
	uint32_t n = 0;
	int rc = gateway_check(port, r);

	for (uint32_t i = 0; i < TCS_MAX && rc == 0; i++) {
		if (tc_cfgs[port][i].kind == tc_kind_NONE)
			continue;
		n++;
		rc = addresses_check(port, i, r);
		if (rc == 0)
			rc = overlaps_check(port, i, r);
	}
	if (rc == 0 && n == 0)
		rc = reply_fail(r, -ENOENT, "port %u has no test case", port);
	if (rc == 0 && !seg_port(segment, port)->link_up)
		rc = reply_fail(r, -ENETDOWN, "the link of port %u is down", port);
	return rc != 0 ? rc : pools_check(port, r);
}
