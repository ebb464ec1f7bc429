/* Commands about ECHO. */
#include "engine/mgmt/mgmt_priv.h"

static int set(struct app_at at, uint32_t bytes, uint32_t requests, struct reply *r)
{
	struct app_config cfg;
	int rc = app_begin(&at, &cfg, r);

	if (rc != 0)
		return rc;
	cfg.kind = app_kind_ECHO;
	cfg.echo.bytes = bytes;
	cfg.requests = requests;
	return app_end(&at, &cfg, r);
}

int cmd_set_tests_client_echo(const struct req_set_tests_client_echo *q, struct reply *r)
{
	return set(AT_TC(q, CLIENT), q->size, q->requests, r);
}

int cmd_set_tests_server_echo(const struct req_set_tests_server_echo *q, struct reply *r)
{
	return set(AT_TC(q, SERVER), q->size, q->requests, r);
}

int cmd_imix_client_echo(const struct req_imix_client_echo *q, struct reply *r)
{
	return set(AT_IMIX(q, CLIENT), q->size, q->requests, r);
}

int cmd_imix_server_echo(const struct req_imix_server_echo *q, struct reply *r)
{
	return set(AT_IMIX(q, SERVER), q->size, q->requests, r);
}
