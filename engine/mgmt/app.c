/* What is said over sessions: where commands put it, for a test case or for an application of IMIX
 * groups. Each application has its commands in a file of its own, app_<name>.c. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>

int app_begin(const struct app_at *at, struct app_config *cfg, struct reply *r)
{
	int rc;

	if (at->imix)
		return imix_app_begin(at, cfg, r);
	rc = of_kind(at->port, at->tcid, at->side, r);
	if (rc == 0)
		*cfg = tc_cfgs[at->port][at->tcid].app;
	return rc;
}

int app_check(const struct app_config *cfg, enum tc_kind side, enum l4proto proto, struct reply *r)
{
	static struct app_tc scratch; /* management is one thread */
	char err[200];
	int rc = app_tc_init(&scratch, cfg, side, proto, err, sizeof(err));

	return rc != 0 ? reply_fail(r, rc, "%s", err) : 0;
}

/* Groups do not answer. */
static int group_check(const struct tc_config *c, const struct app_config *a, struct reply *r)
{
	if (!tc_is_multicast(c) || (a->kind == app_kind_RAW && a->raw.resp_bytes == 0))
		return 0;
	return reply_fail(r, -EINVAL,
		"the test case sends to multicast groups, nobody answers it: expected raw with "
		"data-resp-plen 0");
}

/* Not both IPv4 and RAW say when packets were sent: the one would be in the other's way. */
static int stamps_check(const struct tc_config *c, const struct app_config *a, struct reply *r)
{
	if (c->ipv4.tx_ts == 0 || a->kind != app_kind_RAW || a->raw.tx_ts == 0)
		return 0;
	return reply_fail(r, -EINVAL,
		"tx-timestamp: either of set tests ipv4-options or of raw, not of both");
}

int tc_app_check(const struct tc_config *c, const struct app_config *a, struct reply *r)
{
	int rc = app_check(a, c->kind, c->proto, r);

	if (rc == 0)
		rc = group_check(c, a, r);
	return rc != 0 ? rc : stamps_check(c, a, r);
}

int app_end(const struct app_at *at, const struct app_config *cfg, struct reply *r)
{
	struct tc_config *c = &tc_cfgs[at->port][at->tcid];
	int rc;

	if (at->imix)
		return imix_app_end(at, cfg, r);
	rc = tc_app_check(c, cfg, r);
	if (rc != 0)
		return rc;
	c->app = *cfg;
	c->imix = 0;
	tc_changed(at->port, at->tcid);
	return 0;
}
