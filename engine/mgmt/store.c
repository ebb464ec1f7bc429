/* Configuration: interfaces and test cases as commands change them. Refused while the port runs, so
 * that workers may read it in place. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int reply_fail(struct reply *r, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return code;
}

int port_idle(uint32_t port, struct reply *r)
{
	if (port >= n_ports)
		return reply_fail(r, -ENODEV, "port %u does not exist: the engine has ports 0..%u",
			port, n_ports - 1);
	if (port_runs[port] != PORT_IDLE)
		return reply_fail(
			r, -EALREADY, "port %u is running: stop tests port %u first", port, port);
	return 0;
}

int tc_idle(uint32_t port, uint32_t tcid, struct reply *r)
{
	int rc = port_idle(port, r);

	if (rc == 0 && tc_cfgs[port][tcid].kind == tc_kind_NONE)
		return reply_fail(r, -ENOENT, "port %u has no test case %u", port, tcid);
	return rc;
}

int only_client(uint32_t port, uint32_t tcid, const char *what, struct reply *r)
{
	if (tc_cfgs[port][tcid].kind == tc_kind_CLIENT)
		return 0;
	return reply_fail(r, -EINVAL, "%s are for clients, test case %u is a server", what, tcid);
}

int v4_only(const struct ip_addr *a, const char *what, struct reply *r)
{
	if (a->family == 4)
		return 0;
	return reply_fail(
		r, -EAFNOSUPPORT, "%s: IPv6 is not supported yet, give an IPv4 address", what);
}

int host_only(const struct ip_addr *a, const char *what, struct reply *r)
{
	int rc = v4_only(a, what, r);
	char s[IP_STRLEN];

	if (rc == 0 && (ip4_of(a) == 0 || ip4_of(a) >> 24 == 127 || ip4_of(a) >> 28 >= 14))
		rc = reply_fail(r, -EINVAL, "%s: %s is not a host's address", what, ip_str(a, s));
	return rc;
}

int hosts_only(const struct ip_range *range, const char *what, struct reply *r)
{
	int rc = host_only(&range->lo, what, r);

	return rc != 0 ? rc : host_only(&range->hi, what, r);
}

int groups_only(const struct ip_range *range, const char *what, struct reply *r)
{
	const struct ip_addr *a = &range->lo;
	int rc = v4_only(a, what, r);
	char s[IP_STRLEN];

	if (rc != 0)
		return rc;
	if (ip4_of(a) >> 28 == 14)
		a = &range->hi;
	if (ip4_of(a) >> 28 != 14)
		return reply_fail(r, -EINVAL,
			"%s: %s is not a multicast group, expected 224.0.0.0..239.255.255.255",
			what, ip_str(a, s));
	return 0;
}

/* One that was changed has not run: what became of it as it was is no news of it. The port is idle,
 * so no worker writes the counters now. */
void tc_changed(uint32_t port, uint32_t tcid)
{
	struct times_config times = tc_cfgs[port][tcid].times;

	memset(&tc_states[port][tcid], 0, sizeof(tc_states[port][tcid]));
	for (uint32_t lc = 0; lc < segment->hdr.n_lcores; lc++)
		memset(seg_stats_tc(segment, lc, port, tcid), 0, sizeof(struct stats_tc_block));
	if (tc_cfgs[port][tcid].imix != 0)
		imix_stats_clear(tc_cfgs[port][tcid].imix - 1);
	for (uint32_t w = 0; w < segment->hdr.n_workers; w++)
		memset(seg_latency(segment, w, port, tcid), 0, sizeof(struct latency_block));
	for (uint32_t w = 0; w < segment->hdr.n_workers && times.slot != 0; w++)
		memset(seg_times(segment, w, times.slot - 1), 0, sizeof(struct times_block));
	publish_tc(port, tcid);
}

void tc_store(uint32_t port, uint32_t tcid, const struct tc_config *cfg)
{
	tc_cfgs[port][tcid] = *cfg;
	tc_changed(port, tcid);
}

int of_kind(uint32_t port, uint32_t tcid, enum tc_kind kind, struct reply *r)
{
	int rc = tc_idle(port, tcid, r);

	if (rc == 0 && tc_cfgs[port][tcid].kind != kind)
		return reply_fail(r, -EINVAL, "test case %u is a %s", tcid,
			tc_kind_word(tc_cfgs[port][tcid].kind));
	return rc;
}
