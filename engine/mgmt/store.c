/* Configuration: interfaces and test cases as commands change them. Refused while the port runs, so
 * that workers may read it in place. */
#include "engine/mgmt/mgmt_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int reply_fail(struct reply *r, int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->text, sizeof(r->text), fmt, ap);
	va_end(ap);
	return code;
}

static int port_idle(uint32_t port, struct reply *r)
{
	if (port >= n_ports)
		return reply_fail(r, -ENODEV, "port %u does not exist: the engine has ports 0..%u",
			port, n_ports - 1);
	if (port_runs[port] != PORT_IDLE)
		return reply_fail(
			r, -EALREADY, "port %u is running: stop tests port %u first", port, port);
	return 0;
}

static int tc_idle(uint32_t port, uint32_t tcid, struct reply *r)
{
	int rc = port_idle(port, r);

	if (rc == 0 && tc_cfgs[port][tcid].kind == tc_kind_NONE)
		return reply_fail(r, -ENOENT, "port %u has no test case %u", port, tcid);
	return rc;
}

static int only_client(uint32_t port, uint32_t tcid, const char *what, struct reply *r)
{
	if (tc_cfgs[port][tcid].kind == tc_kind_CLIENT)
		return 0;
	return reply_fail(r, -EINVAL, "%s are for clients, test case %u is a server", what, tcid);
}

static int v4_only(const struct ip_addr *a, const char *what, struct reply *r)
{
	if (a->family == 4)
		return 0;
	return reply_fail(
		r, -EAFNOSUPPORT, "%s: IPv6 is not supported yet, give an IPv4 address", what);
}

/* An IPv4 address that a host may have on a network (RFC 1122 §3.2.1.3). */
static int host_only(const struct ip_addr *a, const char *what, struct reply *r)
{
	int rc = v4_only(a, what, r);
	char s[IP_STRLEN];

	if (rc == 0 && (ip4_of(a) == 0 || ip4_of(a) >> 24 == 127 || ip4_of(a) >> 28 >= 14))
		rc = reply_fail(r, -EINVAL, "%s: %s is not a host's address", what, ip_str(a, s));
	return rc;
}

static int hosts_only(const struct ip_range *range, const char *what, struct reply *r)
{
	int rc = host_only(&range->lo, what, r);

	return rc != 0 ? rc : host_only(&range->hi, what, r);
}

int cmd_add_tests_l3_intf(const struct req_add_tests_l3_intf *q, struct reply *r)
{
	struct port_l3 *l3 = &port_l3[q->port];
	uint32_t mask = ip4_of(&q->mask), ip = ip4_of(&q->ip);
	struct l3_intf f = {.ip = q->ip, .mask = q->mask, .vlan_id = q->vlan_id, .gw = q->gw};
	int rc = port_idle(q->port, r);

	if (rc == 0)
		rc = host_only(&q->ip, "ip", r);
	if (rc == 0)
		rc = v4_only(&q->mask, "mask", r);
	if (rc == 0 && q->gw.family != 0)
		rc = host_only(&q->gw, "gw", r);
	if (rc != 0)
		return rc;
	if (mask == 0 || (~mask & (~mask + 1)) != 0)
		return reply_fail(
			r, -EINVAL, "mask: not a netmask, expected one like 255.255.255.0");
	if ((mask | 1) != UINT32_MAX && ((ip & ~mask) == 0 || (ip | mask) == UINT32_MAX))
		return reply_fail(r, -EINVAL, "ip: is the network's or its broadcast address");
	if (q->gw.family != 0 && ip4_of(&q->gw) == ip)
		return reply_fail(r, -EINVAL, "gw: is the interface itself");
	if (q->gw.family != 0 && ((ip4_of(&q->gw) ^ ip) & mask) != 0)
		return reply_fail(r, -EINVAL, "gw: is not in the interface's subnet");
	for (uint32_t i = 0; i < l3->n_intfs; i++) {
		if (ip4_of(&l3->intf[i].ip) == ip && l3->intf[i].vlan_id == q->vlan_id)
			return reply_fail(
				r, -EEXIST, "port %u has that interface already", q->port);
	}
	if (l3->n_intfs == L3_INTFS_MAX)
		return reply_fail(r, -ENOSPC, "port %u has %u interfaces, no more are possible",
			q->port, L3_INTFS_MAX);
	l3->intf[l3->n_intfs++] = f;
	publish_port(q->port);
	return 0;
}

int cmd_add_tests_l3_gw(const struct req_add_tests_l3_gw *q, struct reply *r)
{
	int rc = port_idle(q->port, r);

	if (rc == 0)
		rc = v4_only(&q->gw, "gw", r);
	if (rc == 0 && ip4_of(&q->gw) != 0) /* 0.0.0.0: none */
		rc = host_only(&q->gw, "gw", r);
	if (rc != 0)
		return rc;
	port_l3[q->port].gw = ip4_of(&q->gw);
	publish_port(q->port);
	return 0;
}

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

/* One that was changed has not run: what became of it as it was is no news of it. The port is idle,
 * so no worker writes the counters now. */
static void tc_changed(uint32_t port, uint32_t tcid)
{
	memset(&tc_states[port][tcid], 0, sizeof(tc_states[port][tcid]));
	for (uint32_t lc = 0; lc < segment->hdr.n_lcores; lc++)
		memset(seg_stats_tc(segment, lc, port, tcid), 0, sizeof(struct stats_tc_block));
	publish_tc(port, tcid);
}

static void tc_store(uint32_t port, uint32_t tcid, const struct tc_config *cfg)
{
	tc_cfgs[port][tcid] = *cfg;
	tc_changed(port, tcid);
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
	cfg.criterion = criterion_SERVERS_UP;
	cfg.criterion_count = MIN_OF(tc_sessions(&cfg), UINT32_MAX);
	tc_store(q->port, q->tcid, &cfg);
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
	if (tc_sessions(&cfg) > SESSIONS_MAX)
		return reply_fail(r, -E2BIG, "the ranges make more than %u sessions", SESSIONS_MAX);
	tc_store(q->port, q->tcid, &cfg);
	return 0;
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
	tc_cfgs[q->port][q->tcid].vlan_id = q->vlan_id;
	tc_cfgs[q->port][q->tcid].vlan_pri = q->vlan_pri;
	tc_changed(q->port, q->tcid);
	return 0;
}

/* The application's part of a test case changes only when all of it can be built. */
static int app_store(uint32_t port, uint32_t tcid, const struct tc_config *cfg, struct reply *r)
{
	static struct app_tc scratch; /* management is one thread */
	char err[200];
	int rc = app_tc_init(&scratch, cfg, err, sizeof(err));

	if (rc != 0)
		return reply_fail(r, rc, "%s", err);
	tc_store(port, tcid, cfg);
	return 0;
}

static int of_kind(uint32_t port, uint32_t tcid, enum tc_kind kind, struct reply *r)
{
	int rc = tc_idle(port, tcid, r);

	if (rc == 0 && tc_cfgs[port][tcid].kind != kind)
		return reply_fail(r, -EINVAL, "test case %u is a %s", tcid,
			tc_kind_word(tc_cfgs[port][tcid].kind));
	return rc;
}

static int set_raw(uint32_t port, uint32_t tcid, enum tc_kind kind, uint32_t req, uint32_t resp,
	uint32_t requests, struct reply *r)
{
	int rc = of_kind(port, tcid, kind, r);
	struct tc_config c;

	if (rc != 0)
		return rc;
	c = tc_cfgs[port][tcid];
	c.app = app_kind_RAW;
	c.raw = (struct raw_config){.req_bytes = req, .resp_bytes = resp};
	c.requests = requests;
	return app_store(port, tcid, &c, r);
}

int cmd_set_tests_client_raw(const struct req_set_tests_client_raw *q, struct reply *r)
{
	return set_raw(q->port, q->tcid, tc_kind_CLIENT, q->req, q->resp, q->requests, r);
}

int cmd_set_tests_server_raw(const struct req_set_tests_server_raw *q, struct reply *r)
{
	return set_raw(q->port, q->tcid, tc_kind_SERVER, q->req, q->resp, q->requests, r);
}

int cmd_set_tests_client_http(const struct req_set_tests_client_http *q, struct reply *r)
{
	int rc = of_kind(q->port, q->tcid, tc_kind_CLIENT, r);
	struct tc_config c;

	if (rc != 0)
		return rc;
	if (strpbrk(q->host.s, " \t") || strpbrk(q->object.s, " \t"))
		return reply_fail(r, -EINVAL, "host and object must not contain blanks");
	if (q->object.s[0] != '/' && strstr(q->object.s, "://") == NULL)
		return reply_fail(r, -EINVAL, "object: '%s' given, expected one that begins with /",
			q->object.s);
	c = tc_cfgs[q->port][q->tcid];
	c.app = app_kind_HTTP;
	c.http.method = q->method;
	c.http.body_bytes = q->req_size;
	memcpy(c.http.host, q->host.s, sizeof(c.http.host));
	memcpy(c.http.object, q->object.s, sizeof(c.http.object));
	c.requests = q->requests;
	return app_store(q->port, q->tcid, &c, r);
}

int cmd_set_tests_server_http(const struct req_set_tests_server_http *q, struct reply *r)
{
	int rc = of_kind(q->port, q->tcid, tc_kind_SERVER, r);
	struct tc_config c;

	if (rc != 0)
		return rc;
	c = tc_cfgs[q->port][q->tcid];
	c.app = app_kind_HTTP;
	c.http.status = q->status;
	c.http.body_bytes = q->resp_size;
	c.requests = q->requests;
	return app_store(q->port, q->tcid, &c, r);
}

/* RFC 9110 §5.1: a name is a token, and the colon follows at once. */
static bool field_ok(const char *field)
{
	size_t n = strspn(field,
		"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

	return n != 0 && field[n] == ':';
}

static bool field_is(const char *field, const char *name)
{
	size_t n = strlen(name);

	return strncasecmp(field, name, n) == 0 && field[n] == ':';
}

static int add_field(
	uint32_t port, uint32_t tcid, enum tc_kind kind, const char *field, struct reply *r)
{
	int rc = of_kind(port, tcid, kind, r);
	struct tc_config c;
	size_t at;

	if (rc != 0)
		return rc;
	c = tc_cfgs[port][tcid];
	at = strlen(c.http.fields);
	if (c.app != app_kind_HTTP)
		return reply_fail(r, -EINVAL, "test case %u is not HTTP: set tests %s http first",
			tcid, tc_kind_word(kind));
	if (!field_ok(field))
		return reply_fail(r, -EINVAL, "http-field: '%s': expected \"Name: value\"", field);
	if (field_is(field, "Content-Length") || field_is(field, "Transfer-Encoding"))
		return reply_fail(r, -EINVAL,
			"http-field: Content-Length follows from the size, bodies are not chunked");
	if (at + strlen(field) + 3 > sizeof(c.http.fields))
		return reply_fail(
			r, -ENOSPC, "http-field: fields take more than %u bytes", HTTP_FIELDS_MAX);
	snprintf(c.http.fields + at, sizeof(c.http.fields) - at, "%s\r\n", field);
	return app_store(port, tcid, &c, r);
}

int cmd_set_tests_client_http_field(
	const struct req_set_tests_client_http_field *q, struct reply *r)
{
	return add_field(q->port, q->tcid, tc_kind_CLIENT, q->field.s, r);
}

int cmd_set_tests_server_http_field(
	const struct req_set_tests_server_http_field *q, struct reply *r)
{
	return add_field(q->port, q->tcid, tc_kind_SERVER, q->field.s, r);
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
