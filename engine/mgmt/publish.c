/* What clients see of test cases and ports: management's records of the segment, each behind its
 * sequence number. */
#include "engine/mgmt/mgmt_priv.h"

#include <string.h>

void publish_tc(uint32_t port, uint32_t tcid)
{
	struct seg_tc *s = seg_tc(segment, port, tcid);
	const struct tc_course *t = &tc_states[port][tcid];

	seg_write_begin(&s->seq);
	s->cfg = tc_cfgs[port][tcid];
	s->has_latency = tc_has_latency(&s->cfg);
	s->state = t->state;
	s->fell_behind = t->behind[0] != '\0';
	s->start_ns = t->start_ns;
	s->end_ns = t->end_ns;
	s->achieved = t->achieved;
	s->estab_us = t->estab_us;
	s->rate_estab = t->rate[0].per_second;
	s->rate_closed = t->rate[1].per_second;
	s->rate_send = t->rate[2].per_second;
	s->rate_req = t->rate[3].per_second;
	memcpy(s->reason, t->reason, sizeof(s->reason));
	memcpy(s->behind, t->behind, sizeof(s->behind));
	seg_write_end(&s->seq);
}

void publish_port(uint32_t port)
{
	struct seg_port *s = seg_port(segment, port);
	const struct port_l3 *l3 = &port_l3[port];

	seg_write_begin(&s->seq);
	s->running = port_runs[port] != PORT_IDLE;
	s->holder = port_holders[port];
	memcpy(s->faults, port_faults[port], sizeof(s->faults));
	s->mtu = ports[port].mtu;
	s->mtu_usual = ports[port].mtu_usual;
	s->n_intfs = l3->n_intfs;
	memcpy(s->intfs, l3->intf, sizeof(s->intfs));
	s->gw = l3->gw ? ip4_addr(l3->gw) : (struct ip_addr){0};
	seg_write_end(&s->seq);
}
