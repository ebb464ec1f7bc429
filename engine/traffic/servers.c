/* Servers: where they listen. */
#include "engine/traffic/traffic_priv.h"

void servers_start(struct lcore *lc, struct tc_run *tc)
{
	struct lport *lp = lcore_lport(lc, tc->port);
	struct listener *l = tc->is_udp ? &lp->listen_udp[lp->n_listen_udp++]
					: &lp->listen_tcp[lp->n_listen_tcp++];

	*l = (struct listener){.lo = ip4_of(&tc->cfg->src.lo),
		.hi = ip4_of(&tc->cfg->src.hi),
		.vlan = tc->vlan,
		.plo = tc->cfg->sport.lo,
		.phi = tc->cfg->sport.hi,
		.tcid = tc->tcid};
	tc->st->up = tc_sessions(tc->cfg);
	if (!tc->is_udp)
		lp->st->tsm.in_listen++;
}

static void unlisten(struct listener *l, uint8_t *n, uint8_t tcid)
{
	for (uint8_t i = 0; i < *n; i++) {
		if (l[i].tcid == tcid) {
			l[i] = l[--*n];
			return;
		}
	}
}

void servers_unlisten(struct lcore *lc, struct tc_run *tc)
{
	struct lport *lp = lcore_lport(lc, tc->port);

	if (tc->is_client)
		return;
	if (tc->is_udp) {
		unlisten(lp->listen_udp, &lp->n_listen_udp, tc->tcid);
	} else {
		unlisten(lp->listen_tcp, &lp->n_listen_tcp, tc->tcid);
		lp->st->tsm.in_listen--;
	}
	tc->st->up = 0;
}

struct tc_run *traffic_listener(struct lcore *lc, struct lport *lp, const struct pkt *p)
{
	bool udp = p->class == PKT_UDP;
	const struct listener *l = udp ? lp->listen_udp : lp->listen_tcp;
	uint8_t n = udp ? lp->n_listen_udp : lp->n_listen_tcp;

	for (uint8_t i = 0; i < n; i++) {
		if (p->dst - l[i].lo <= l[i].hi - l[i].lo && p->vlan == l[i].vlan
			&& (uint16_t)(p->dport - l[i].plo) <= (uint16_t)(l[i].phi - l[i].plo))
			return lcore_tc(lc, lp->port->id, l[i].tcid);
	}
	return NULL;
}
