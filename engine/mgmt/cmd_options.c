/* Commands about the options of TCP and of the layers below it. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>

int cmd_set_tests_tcp_options(const struct req_set_tests_tcp_options *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);
	struct tcp_options *o = &tc_cfgs[q->port][q->tcid].tcp;

	if (rc != 0)
		return rc;
	if (tc_cfgs[q->port][q->tcid].proto != l4proto_TCP)
		return reply_fail(r, -EINVAL, "test case %u is not TCP", q->tcid);
	if (REQ_HAS(q, set_tests_tcp_options, mss) && q->mss != 0 && q->mss < TCP_MSS_MIN)
		return reply_fail(
			r, -EINVAL, "mss %u: expected 0 or %d..65495", q->mss, TCP_MSS_MIN);
#define TAKE(field, to)                               \
	if (REQ_HAS(q, set_tests_tcp_options, field)) \
	o->to = q->field
	TAKE(win_size, win_size);
	TAKE(syn_retry, syn_retry);
	TAKE(syn_ack_retry, syn_ack_retry);
	TAKE(data_retry, data_retry);
	TAKE(retry, retry);
	TAKE(rto, rto_ms);
	TAKE(fin_to, fin_to_ms);
	TAKE(twait_to, twait_to_ms);
	TAKE(orphan_to, orphan_to_ms);
	TAKE(twait_skip, twait_skip);
	TAKE(ack_delay, ack_delay);
	TAKE(ack_on_data, ack_on_data);
	TAKE(fin_on_data, fin_on_data);
	TAKE(congestion, congestion);
	TAKE(mss, mss);
	TAKE(user_to, user_to_ms);
	TAKE(window_scale, wscale);
	TAKE(timestamps, ts);
	TAKE(sack, sack);
	TAKE(ecn, ecn);
#undef TAKE
	tc_changed(q->port, q->tcid);
	return 0;
}

int cmd_set_tests_vlan_options(const struct req_set_tests_vlan_options *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);

	if (rc != 0)
		return rc;
	if (q->vlan_id == 0 && q->vlan_pri != 0)
		return reply_fail(r, -EINVAL,
			"vlan-pri: %u given, without a tag (vlan-id 0) there is no priority",
			q->vlan_pri);
	tc_cfgs[q->port][q->tcid].vlan_id = q->vlan_id;
	tc_cfgs[q->port][q->tcid].vlan_pri = q->vlan_pri;
	tc_changed(q->port, q->tcid);
	return 0;
}
