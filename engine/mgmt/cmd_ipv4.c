/* Commands about a test case's IPv4 header, and about latencies. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>

#define ECN_BITS 3u

int cmd_set_tests_ipv4_options(const struct req_set_tests_ipv4_options *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);
	struct tc_config c;

	if (rc != 0)
		return rc;
#define GIVEN(field) REQ_HAS(q, set_tests_ipv4_options, field)
	if (GIVEN(tos) && (GIVEN(dscp) || GIVEN(ecn)))
		return reply_fail(r, -EINVAL, "tos: has dscp and ecn in it, give either");
	c = tc_cfgs[q->port][q->tcid];
	if (GIVEN(tos))
		c.ipv4.tos = q->tos;
	if (GIVEN(dscp))
		c.ipv4.tos = (c.ipv4.tos & ECN_BITS) | tc_dscp_bits(q->dscp) << 2;
	if (GIVEN(ecn))
		c.ipv4.tos = (c.ipv4.tos & ~ECN_BITS) | q->ecn;
	if (GIVEN(tx_ts))
		c.ipv4.tx_ts = q->tx_ts;
	if (GIVEN(rx_ts))
		c.ipv4.rx_ts = q->rx_ts;
#undef GIVEN
	rc = tc_apps_check(&c, r);
	if (rc == 0)
		tc_store(q->port, q->tcid, &c);
	return rc;
}

int cmd_set_tests_latency(const struct req_set_tests_latency *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);
	struct latency_config *l = &tc_cfgs[q->port][q->tcid].latency;

	if (rc != 0)
		return rc;
#define TAKE(field, to)                           \
	if (REQ_HAS(q, set_tests_latency, field)) \
	l->to = q->field
	TAKE(max, max_us);
	TAKE(max_avg, max_avg_us);
	TAKE(samples, samples);
#undef TAKE
	tc_changed(q->port, q->tcid);
	return 0;
}
