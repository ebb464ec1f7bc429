/* Commands about RAW. */
#include "engine/mgmt/mgmt_priv.h"

static int set(struct app_at at, const struct raw_config *raw, uint32_t requests, struct reply *r)
{
	struct app_config cfg;
	int rc = app_begin(&at, &cfg, r);

	if (rc != 0)
		return rc;
	cfg.kind = app_kind_RAW;
	cfg.raw = *raw;
	cfg.requests = requests;
	return app_end(&at, &cfg, r);
}

#define SET(q, at) \
	set(at, &(struct raw_config){q->req, q->resp, q->tx_ts, q->rx_ts}, q->requests, r)

int cmd_set_tests_client_raw(const struct req_set_tests_client_raw *q, struct reply *r)
{
	return SET(q, AT_TC(q, CLIENT));
}

int cmd_set_tests_server_raw(const struct req_set_tests_server_raw *q, struct reply *r)
{
	return SET(q, AT_TC(q, SERVER));
}

int cmd_imix_client_raw(const struct req_imix_client_raw *q, struct reply *r)
{
	return SET(q, AT_IMIX(q, CLIENT));
}

int cmd_imix_server_raw(const struct req_imix_server_raw *q, struct reply *r)
{
	return SET(q, AT_IMIX(q, SERVER));
}
