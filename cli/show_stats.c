/* show <group> statistics, and the switch from commands to views. */
#include "cli/show.h"
#include "cli/show_config.h"
#include "cli/show_priv.h"
#include "cli/since.h"
#include "common/util/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#define LINK_RATE_MS 1000

json_t *show_group(const struct stats_group *g, const void *block)
{
	json_t *o = json_object();

	for (size_t i = 0; i < g->n; i++) {
		uint64_t v;

		memcpy(&v, (const char *)block + g->off + g->stats[i].off, sizeof(v));
		json_object_set_new(o, g->stats[i].name, json_integer((json_int_t)v));
	}
	return o;
}

static void add(const struct stats_group *g, void *total, const void *block)
{
	stats_merge(g, (char *)total + g->off, (const char *)block + g->off);
}

/* The name of an lcore among others. */
static const char *lcore_key(const struct seg *s, uint32_t lc, char *buf, size_t len)
{
	if (lc == s->hdr.n_workers)
		return "management";
	snprintf(buf, len, "lcore_%u", seg_worker(s, lc)->lcore_id);
	return buf;
}

/* Each counter is read once: a total is that of what is shown. */
static json_t *of_port(const struct seg *s, const struct stats_group *g, bool details,
	uint32_t port, struct stats_port_block *total)
{
	struct stats_port_block sum = {0}, b;
	json_t *o = json_object(), *lcores = json_object();

	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++) {
		char name[32];

		since_port(s, lc, lc + 1, port, &b);
		add(g, &sum, &b);
		if (lc < s->hdr.n_workers) /* management has no part in packets */
			json_object_set_new(
				lcores, lcore_key(s, lc, name, sizeof(name)), show_group(g, &b));
	}
	add(g, total, &sum);
	json_object_set_new(o, "stats", show_group(g, &sum));
	if (g == stats_group_find("port")) {
		struct stats_device d;

		since_device(s, port, &d);
		json_object_set_new(o, "device", show_group(&stats_device_group, &d));
	}
	if (details)
		json_object_set(o, "lcores", lcores);
	json_decref(lcores);
	return o;
}

void show_since(json_t *o, uint32_t port)
{
	if (since_cleared(port))
		json_object_set_new(o, "since_clear", json_true());
}

static json_t *of_ports(
	const struct seg *s, const struct stats_group *g, bool details, uint32_t lo, uint32_t hi)
{
	json_t *o = json_pack("{ss}", "group", g->name), *ports = json_object();
	struct stats_port_block total = {0};

	for (uint32_t p = lo; p < hi; p++) {
		char name[32];

		snprintf(name, sizeof(name), "%u", p);
		json_object_set_new(ports, name, of_port(s, g, details, p, &total));
	}
	json_object_set_new(o, "ports", ports);
	json_object_set_new(o, "total", show_group(g, &total));
	for (uint32_t p = lo; p < hi; p++)
		show_since(o, p);
	return o;
}

static json_t *of_lcores(const struct seg *s, const struct stats_group *g, bool details)
{
	json_t *o = json_pack("{ss}", "group", g->name), *lcores = json_object();
	struct stats_lcore_block total = {0}, b;

	for (uint32_t lc = 0; lc < s->hdr.n_lcores; lc++) {
		char name[32];

		since_lcore(s, lc, lc + 1, &b);
		add(g, &total, &b);
		if (details)
			json_object_set_new(
				lcores, lcore_key(s, lc, name, sizeof(name)), show_group(g, &b));
	}
	json_object_set_new(o, "lcores", lcores);
	json_object_set_new(o, "total", show_group(g, &total));
	show_since(o, UINT32_MAX);
	return o;
}

json_t *show_statistics(const struct seg *s, const struct stats_group *g, bool details,
	bool one_port, uint32_t port)
{
	if (g->scope == STAT_SCOPE_LCORE)
		return of_lcores(s, g, details);
	return of_ports(s, g, details, one_port ? port : 0, one_port ? port + 1 : s->hdr.n_ports);
}

static bool port_ok(const struct seg *s, uint32_t port, char *err, size_t errlen)
{
	if (port < s->hdr.n_ports)
		return true;
	snprintf(err, errlen, "port %u does not exist: the engine has ports 0..%u", port,
		s->hdr.n_ports - 1);
	return false;
}

const struct stats_group *show_group_of(enum cmd_id id)
{
	const char *name = cmd_desc(id)->name;

	return strncmp(name, "show_", 5) == 0 ? stats_group_find(name + 5) : NULL;
}

/* All show_<group> requests have one shape. */
static json_t *statistics(
	const struct seg *s, enum cmd_id id, const union cmd_req *req, char *err, size_t errlen)
{
	const struct stats_group *g = show_group_of(id);
	const struct req_show_tcp *q = &req->show_tcp;
	bool one = REQ_HAS(q, show_tcp, port);

	if (g == NULL)
		snprintf(err, errlen, "nothing here shows that");
	if (g == NULL || (one && !port_ok(s, q->port, err, errlen)))
		return NULL;
	return show_statistics(s, g, q->details, one, q->port);
}

static json_t *config(
	const struct seg *s, const struct req_show_config *q, char *err, size_t errlen)
{
	bool one = REQ_HAS(q, show_config, port);

	return one && !port_ok(s, q->port, err, errlen) ? NULL : show_config(s, one, q->port);
}

/* Both commands' requests have one shape. */
static json_t *clear(
	const struct seg *s, const struct req_clear_statistics *q, char *err, size_t errlen)
{
	bool one = REQ_HAS(q, clear_statistics, port);
	int rc;

	if (one && !port_ok(s, q->port, err, errlen))
		return NULL;
	rc = since_now(s, one, q->port);
	if (rc == -ENOMEM)
		snprintf(err, errlen, "no memory for a copy of the counters");
	return rc == 0 ? json_object() : show_nothing(rc, NULL);
}

static json_t *imix(
	const struct seg *s, const struct req_show_tests_imix *q, char *err, size_t errlen)
{
	json_t *view = show_tests_imix(s, REQ_HAS(q, show_tests_imix, imix_id), q->imix_id);

	if (view == NULL && errno == ENOENT)
		snprintf(err, errlen, "there is no imix-id %u", q->imix_id);
	return view;
}

static json_t *view_of(
	const struct seg *s, enum cmd_id id, const union cmd_req *req, char *err, size_t errlen)
{
	uint32_t port = req->show_tests_stats.port, tcid = req->show_tests_stats.tcid;

	switch ((int)id) {
	case CMD_show_port_info:
		return show_port_info(s);
	case CMD_show_port_map:
		return show_port_map(s);
	case CMD_show_port_link:
		return show_port_link(s);
	case CMD_show_lcore_load:
		return show_lcore_load(s);
	case CMD_show_arp_entries:
		return show_arp(s);
	case CMD_show_operators:
		return show_operators(s);
	case CMD_show_events:
		return show_journal(&s->events, false,
			REQ_HAS(&req->show_events, show_events, last) ? req->show_events.last
								      : JOURNAL_MAX);
	case CMD_show_audit:
		return show_journal(&s->audit, true,
			REQ_HAS(&req->show_audit, show_audit, last) ? req->show_audit.last
								    : JOURNAL_MAX);
	case CMD_show_version:
		return show_version(s);
	case CMD_show_config:
		return config(s, &req->show_config, err, errlen);
	case CMD_clear_statistics:
	case CMD_clear_stats:
		return clear(s, &req->clear_statistics, err, errlen);
	case CMD_help:
		return show_help();
	case CMD_show_tests_config:
		return port_ok(s, port, err, errlen) ? show_tests_config(s, port) : NULL;
	case CMD_show_tests_faults:
		return port_ok(s, port, err, errlen) ? show_tests_faults(s, port) : NULL;
	case CMD_show_tests_state:
		return port_ok(s, port, err, errlen) ? show_tests_state(s, port) : NULL;
	case CMD_show_tests_stats:
		return port_ok(s, port, err, errlen) ? show_tests_stats(s, port, tcid) : NULL;
	case CMD_show_tests_vlan_options:
		return port_ok(s, port, err, errlen) ? show_tests_vlan(s, port, tcid) : NULL;
	case CMD_show_tests_imix:
		return imix(s, &req->show_tests_imix, err, errlen);
	case CMD_show_tests_tcp_options:
		return port_ok(s, port, err, errlen) ? show_tests_tcp(s, port, tcid) : NULL;
	case CMD_show_tests_ipv4_options:
		return port_ok(s, port, err, errlen) ? show_tests_ipv4(s, port, tcid) : NULL;
	case CMD_show_tests_latency:
		return port_ok(s, port, err, errlen) ? show_tests_latency(s, port, tcid) : NULL;
	case CMD_show_tests_response_times:
		return port_ok(s, port, err, errlen) ? show_tests_response_times(s, port, tcid)
						     : NULL;
	default:
		return statistics(s, id, req, err, errlen);
	}
}

/* A second passes; NULL with EINTR when the user does not want to wait, or the engine went. */
static json_t *link_rate(struct cli *cli)
{
	static struct link_sample before, now;
	struct pollfd p[] = {{.fd = cli->client.cancel_fd, .events = POLLIN},
		{.fd = cli->client.sock, .events = POLLRDHUP}};
	const struct seg *s = cli->client.seg;
	int64_t until = mono_ms() + LINK_RATE_MS;

	show_link_sample(s, &before);
	for (int64_t now_ms; (now_ms = mono_ms()) < until;) { /* again after a signal */
		if (poll(p, ARRAY_SIZE(p), (int)(until - now_ms)) > 0) {
			errno = EINTR;
			return NULL;
		}
	}
	show_link_sample(s, &now);
	return show_link_rate(s, &before, &now);
}

json_t *show(struct cli *cli, enum cmd_id id, const union cmd_req *req, char *err, size_t errlen)
{
	json_t *view;

	int why;

	err[0] = '\0';
	errno = 0;
	view = id == CMD_show_link_rate ? link_rate(cli)
					: view_of(cli->client.seg, id, req, err, errlen);
	if (view != NULL)
		return view;
	why = err[0] == '\0' && errno == EAGAIN ? EAGAIN : ENOENT;
	if (err[0] == '\0' && errno == EINTR) {
		why = EINTR;
		snprintf(err, errlen, "no longer wanted");
	}
	if (why == EAGAIN)
		snprintf(err, errlen, "cannot be read: the engine stopped inside a change of it");
	else if (err[0] == '\0')
		snprintf(err, errlen, "port %u has no test case %u", req->show_tests_stats.port,
			req->show_tests_stats.tcid);
	errno = why;
	return NULL;
}
