/* Commands about test cases: what they are, when they run, what makes them PASSED. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <inttypes.h>

static int tc_new(uint32_t port, uint32_t tcid, struct reply *r)
{
	int rc = port_idle(port, r);

	if (rc == 0 && tc_cfgs[port][tcid].kind != tc_kind_NONE)
		return reply_fail(r, -EEXIST,
			"port %u has a test case %u already: del tests port %u test-case-id %u "
			"first",
			port, tcid, port, tcid);
	return rc;
}

int cmd_add_tests_server(const struct req_add_tests_server *q, struct reply *r)
{
	struct tc_config cfg;
	int rc = tc_new(q->port, q->tcid, r);

	if (rc == 0)
		rc = hosts_only(&q->src, "src", r);
	if (rc != 0)
		return rc;
	tc_config_init(&cfg, tc_kind_SERVER, q->proto);
	cfg.src = q->src;
	cfg.sport = q->sport;
	tc_config_criterion(&cfg);
	tc_store(q->port, q->tcid, &cfg);
	return 0;
}

static int client_store(uint32_t port, uint32_t tcid, const struct tc_config *cfg, struct reply *r)
{
	uint64_t n = tc_sessions(cfg);

	if (n == UINT64_MAX)
		return reply_fail(r, -E2BIG,
			"the ranges make 2^64 sessions or more, at most %u are possible",
			SESSIONS_MAX);
	if (n > SESSIONS_MAX)
		return reply_fail(r, -E2BIG,
			"the ranges make %" PRIu64 " sessions, at most %u are possible", n,
			SESSIONS_MAX);
	tc_store(port, tcid, cfg);
	return 0;
}

int cmd_add_tests_client(const struct req_add_tests_client *q, struct reply *r)
{
	struct tc_config cfg;
	int rc = tc_new(q->port, q->tcid, r);

	if (rc == 0)
		rc = hosts_only(&q->src, "src", r);
	if (rc == 0)
		rc = hosts_only(&q->dest, "dest", r);
	if (rc != 0)
		return rc;
	tc_config_init(&cfg, tc_kind_CLIENT, q->proto);
	cfg.src = q->src;
	cfg.sport = q->sport;
	cfg.dst = q->dest;
	cfg.dport = q->dport;
	return client_store(q->port, q->tcid, &cfg, r);
}

int cmd_add_tests_multicast_src(const struct req_add_tests_multicast_src *q, struct reply *r)
{
	struct tc_config cfg;
	int rc = tc_new(q->port, q->tcid, r);

	if (rc == 0 && q->proto != l4proto_UDP)
		rc = reply_fail(r, -EINVAL, "%s: only udp goes to multicast groups",
			l4proto_word(q->proto));
	if (rc == 0)
		rc = hosts_only(&q->src, "src", r);
	if (rc == 0)
		rc = groups_only(&q->dest, "dest", r);
	if (rc != 0)
		return rc;
	tc_config_init(&cfg, tc_kind_CLIENT, l4proto_UDP);
	cfg.src = q->src;
	cfg.sport = q->sport;
	cfg.dst = q->dest;
	cfg.dport = q->dport;
	return client_store(q->port, q->tcid, &cfg, r);
}

int cmd_del_tests(const struct req_del_tests *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);
	struct tc_config none = {0};

	if (rc == 0)
		tc_store(q->port, q->tcid, &none);
	return rc;
}

int cmd_set_tests_timeouts(const struct req_set_tests_timeouts *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);
	struct tc_config *c = &tc_cfgs[q->port][q->tcid];

	if (rc == 0)
		rc = only_client(q->port, q->tcid, "timeouts", r);
	if (rc != 0)
		return rc;
	if (REQ_HAS(q, set_tests_timeouts, init))
		c->init_s = q->init;
	if (REQ_HAS(q, set_tests_timeouts, uptime))
		c->uptime_s = q->uptime;
	if (REQ_HAS(q, set_tests_timeouts, downtime))
		c->downtime_s = q->downtime;
	tc_changed(q->port, q->tcid);
	return 0;
}

int cmd_set_tests_rate(const struct req_set_tests_rate *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);
	struct tc_config *c = &tc_cfgs[q->port][q->tcid];

	if (rc == 0)
		rc = only_client(q->port, q->tcid, "rates", r);
	if (rc != 0)
		return rc;
	if (REQ_HAS(q, set_tests_rate, open))
		c->rate_open = q->open;
	if (REQ_HAS(q, set_tests_rate, close))
		c->rate_close = q->close;
	if (REQ_HAS(q, set_tests_rate, send))
		c->rate_send = q->send;
	tc_changed(q->port, q->tcid);
	return 0;
}

int cmd_set_tests_criteria(const struct req_set_tests_criteria *q, struct reply *r)
{
	int rc = tc_idle(q->port, q->tcid, r);
	bool server = rc == 0 && tc_cfgs[q->port][q->tcid].kind == tc_kind_SERVER;

	if (rc != 0)
		return rc;
	if (server
		&& (q->criterion == criterion_CLIENTS_UP
			|| q->criterion == criterion_CLIENTS_ESTAB))
		return reply_fail(r, -EINVAL, "%s is for clients, test case %u is a server",
			criterion_word(q->criterion), q->tcid);
	if (!server && q->criterion == criterion_SERVERS_UP)
		return reply_fail(
			r, -EINVAL, "servers-up is for servers, test case %u is a client", q->tcid);
	if (q->criterion == criterion_RUN_TIME && REQ_HAS(q, set_tests_criteria, within))
		return reply_fail(r, -EINVAL, "within: run-time cannot fail, it takes no limit");
	tc_cfgs[q->port][q->tcid].criterion = q->criterion;
	tc_cfgs[q->port][q->tcid].criterion_count = q->count;
	tc_cfgs[q->port][q->tcid].criterion_s = REQ_HAS(q, set_tests_criteria, within)
		? q->within
		: CRITERION_S;
	tc_changed(q->port, q->tcid);
	return 0;
}

static int set_async(uint32_t port, uint32_t tcid, uint32_t on, struct reply *r)
{
	int rc = tc_idle(port, tcid, r);

	if (rc != 0)
		return rc;
	tc_cfgs[port][tcid].async = on;
	tc_changed(port, tcid);
	return 0;
}

int cmd_set_tests_async(const struct req_set_tests_async *q, struct reply *r)
{
	return set_async(q->port, q->tcid, 1, r);
}

int cmd_set_tests_noasync(const struct req_set_tests_noasync *q, struct reply *r)
{
	return set_async(q->port, q->tcid, 0, r);
}

int cmd_set_tests_no_async(const struct req_set_tests_no_async *q, struct reply *r)
{
	return set_async(q->port, q->tcid, 0, r);
}

int cmd_set_syslog(const struct req_set_syslog *q, struct reply *r)
{
	(void)r;
	log_set_level(q->level);
	segment->hdr.loglevel = q->level;
	return 0;
}

int cmd_start_tests(const struct req_start_tests *q, struct reply *r)
{
	int rc = port_idle(q->port, r);

	return rc != 0 ? rc : run_start(q->port, r);
}

int cmd_stop_tests(const struct req_stop_tests *q, struct reply *r)
{
	if (q->port >= n_ports)
		return reply_fail(r, -ENODEV, "port %u does not exist: the engine has ports 0..%u",
			q->port, n_ports - 1);
	if (port_runs[q->port] == PORT_IDLE)
		return reply_fail(r, -ENOENT, "port %u is not running", q->port);
	r->deferred = true;
	r->wait_port = q->port;
	return run_stop(q->port);
}
