/* What can be shown of tests, ports and operators: views of the segment as JSON trees. */
#include "cli/show.h"

#include "common/util/clock.h"
#include "common/util/utf8.h"
#include "common/util/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

json_t *show_text(const char *s, size_t max)
{
	static const char bad[] = "\xef\xbf\xbd"; /* U+FFFD */
	size_t n = strnlen(s, max), out = 0;
	char *copy = malloc(n * (sizeof(bad) - 1) + 1);
	json_t *o;

	for (size_t i = 0; copy != NULL && i < n;) {
		size_t len = utf8_len(s + i, n - i), take = len ? len : 3;

		memcpy(copy + out, len ? s + i : bad, take);
		out += take;
		i += len ? len : 1;
	}
	o = json_stringn(copy ? copy : "", out);
	free(copy);
	return o;
}

/* An array of characters in the segment. */
#define TEXT(array) show_text(array, sizeof(array))
#define INT(v) ((json_int_t)(v)) /* for "I": "i" would turn large unsigned numbers negative */

/* An address that may be missing. */
static json_t *ip(const struct ip_addr *a)
{
	char s[IP_STRLEN];

	return a->family == 0 ? json_null() : json_string(ip_str(a, s));
}

static json_t *ip_range(const struct ip_range *r)
{
	char lo[IP_STRLEN], hi[IP_STRLEN];

	return json_sprintf("%s-%s", ip_str(&r->lo, lo), ip_str(&r->hi, hi));
}

static json_t *inf(uint32_t v)
{
	return v == UINT32_MAX ? json_string("infinite") : json_integer(v);
}

/* A number that may be missing. */
static json_t *known(uint32_t v)
{
	return v == UINT32_MAX ? json_null() : json_integer(v);
}

static json_t *mac(const uint8_t *m)
{
	return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static const char *tc_type(const struct tc_config *c)
{
	if (c->kind == tc_kind_SERVER)
		return c->proto == l4proto_UDP ? "UDP server" : "TCP server";
	return c->proto == l4proto_UDP ? "UDP client" : "TCP client";
}

static void app_config(json_t *o, const struct tc_config *c)
{
	json_object_set_new(o, "app", json_string(app_kind_word(c->app)));
	json_object_set_new(
		o, "requests", c->requests ? json_integer(c->requests) : json_string("unlimited"));
	if (c->app == app_kind_RAW) {
		json_object_set_new(o, "data_req_plen", json_integer(c->raw.req_bytes));
		json_object_set_new(o, "data_resp_plen", json_integer(c->raw.resp_bytes));
		return;
	}
	if (c->kind == tc_kind_CLIENT) {
		json_object_set_new(o, "method", json_string(http_method_word(c->http.method)));
		json_object_set_new(o, "host", TEXT(c->http.host));
		json_object_set_new(o, "object", TEXT(c->http.object));
		json_object_set_new(o, "req_size", json_integer(c->http.body_bytes));
	} else {
		json_object_set_new(o, "status", json_string(http_status_word(c->http.status)));
		json_object_set_new(o, "resp_size", json_integer(c->http.body_bytes));
	}
	json_object_set_new(o, "http_fields", TEXT(c->http.fields));
}

static json_t *tc_config(uint32_t tcid, const struct tc_config *c)
{
	json_t *o = json_pack("{sI ss sb}", "test_case_id", INT(tcid), "type", tc_type(c), "async",
		c->async != 0);

	json_object_set_new(o, "src", ip_range(&c->src));
	json_object_set_new(o, "sport", json_sprintf("%u-%u", c->sport.lo, c->sport.hi));
	if (c->kind == tc_kind_CLIENT) {
		json_object_set_new(o, "dest", ip_range(&c->dst));
		json_object_set_new(o, "dport", json_sprintf("%u-%u", c->dport.lo, c->dport.hi));
		json_object_set_new(o, "rate_open", inf(c->rate_open));
		json_object_set_new(o, "rate_close", inf(c->rate_close));
		json_object_set_new(o, "rate_send", inf(c->rate_send));
		json_object_set_new(o, "init_s", inf(c->init_s));
		json_object_set_new(o, "uptime_s", inf(c->uptime_s));
		json_object_set_new(o, "downtime_s", inf(c->downtime_s));
	}
	json_object_set_new(o, "criterion", json_string(criterion_word(c->criterion)));
	json_object_set_new(o, "criterion_count", json_integer(c->criterion_count));
	if (c->criterion != criterion_RUN_TIME)
		json_object_set_new(o, "criterion_within_s", json_integer(c->criterion_s));
	json_object_set_new(o, "vlan_id", json_integer(c->vlan_id));
	json_object_set_new(o, "vlan_pri", json_integer(c->vlan_pri));
	app_config(o, c);
	return o;
}

/* A test case's record: 0, -ENOENT there is none, -EAGAIN it cannot be read. */
static int tc_read(const struct seg *s, uint32_t port, uint32_t tcid, struct seg_tc *t)
{
	int rc = seg_read(seg_tc(s, port, tcid), t, sizeof(*t));

	return rc != 0 ? rc : t->cfg.kind == tc_kind_NONE ? -ENOENT : 0;
}

/* What a view that cannot be answers, with errno. */
static json_t *nothing(int rc, json_t *begun)
{
	json_decref(begun);
	errno = -rc;
	return NULL;
}

/* One direction's settings, in the units of the command. */
static json_t *faults_config(const struct faults_config *c)
{
	return json_pack("{sb sf sI sf sf sf sf sf sf sf sI sI}", "on", faults_config_on(c),
		"loss_percent", c->loss_ppm / 1e4, "burst_pkts", INT(c->burst), "duplicate_percent",
		c->duplicate_ppm / 1e4, "reorder_percent", c->reorder_ppm / 1e4, "reorder_by_ms",
		c->reorder_us / 1e3, "corrupt_percent", c->corrupt_ppm / 1e4, "delay_ms",
		c->delay_us / 1e3, "jitter_ms", c->jitter_us / 1e3, "rate_mbps", c->rate_kbps / 1e3,
		"queue_pkts", INT(c->queue_pkts), "seed", INT(c->seed));
}

/* Of the group, those of one direction: "tx_lost" is "lost" of tx. */
static json_t *faults_stats(const struct stats_port_block *b, const char *dir)
{
	const struct stats_group *g = stats_group_find("faults");
	json_t *all = show_group(g, b), *o = json_object();
	size_t len = strlen(dir);

	for (size_t i = 0; i < g->n; i++) {
		const char *name = g->stats[i].name;

		if (strncmp(name, dir, len) == 0 && name[len] == '_')
			json_object_set(o, name + len + 1, json_object_get(all, name));
	}
	json_decref(all);
	return o;
}

json_t *show_tests_faults(const struct seg *s, uint32_t port)
{
	static struct seg_port p;
	struct stats_port_block b;
	json_t *o;
	int rc = seg_read(seg_port(s, port), &p, sizeof(p));

	if (rc != 0)
		return nothing(rc, NULL);
	seg_sum_port(s, 0, s->hdr.n_workers, port, port + 1, &b);
	o = json_pack("{sI}", "port", INT(port));
	for (uint32_t d = 0; d < FAULTS_DIRS; d++) {
		json_t *of = faults_config(&p.faults[d]);

		json_object_set_new(of, "stats", faults_stats(&b, fault_dir_word(d)));
		json_object_set_new(o, fault_dir_word(d), of);
	}
	return o;
}

json_t *show_tests_config(const struct seg *s, uint32_t port)
{
	static struct seg_port p;
	static struct seg_tc t;
	json_t *o, *intfs, *tests;
	int rc = seg_read(seg_port(s, port), &p, sizeof(p));

	if (rc != 0)
		return nothing(rc, NULL);
	o = json_pack("{sI so}", "port", INT(port), "gw", ip(&p.gw));
	for (uint32_t d = 0; d < FAULTS_DIRS; d++) {
		if (faults_config_on(&p.faults[d]))
			json_object_set_new(o, d == fault_dir_TX ? "tx_faults" : "rx_faults",
				faults_config(&p.faults[d]));
	}
	json_object_set_new(o, "l3_interfaces", intfs = json_array());
	json_object_set_new(o, "tests", tests = json_object());
	for (uint32_t i = 0; i < MIN_OF(p.n_intfs, L3_INTFS_MAX); i++)
		json_array_append_new(intfs,
			json_pack("{so so sI so}", "ip", ip(&p.intfs[i].ip), "mask",
				ip(&p.intfs[i].mask), "vlan_id", INT(p.intfs[i].vlan_id), "gw",
				ip(&p.intfs[i].gw)));
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		char name[32];

		rc = tc_read(s, port, i, &t);
		if (rc == -EAGAIN)
			return nothing(rc, o);
		snprintf(name, sizeof(name), "test_case_%u", i);
		if (rc == 0)
			json_object_set_new(tests, name, tc_config(i, &t.cfg));
	}
	return o;
}

json_t *show_tests_state(const struct seg *s, uint32_t port)
{
	static struct seg_tc t;
	json_t *tests = json_array();

	for (uint32_t i = 0; i < TCS_MAX; i++) {
		int rc = tc_read(s, port, i, &t);
		uint64_t end;

		if (rc == -EAGAIN)
			return nothing(rc, tests);
		if (rc != 0)
			continue;
		end = t.end_ns ? t.end_ns : mono_ns();
		json_array_append_new(tests,
			json_pack("{sI ss ss ss sI sI ss sf sI sb so}", "test_case_id", INT(i),
				"type", tc_type(&t.cfg), "app", app_kind_word(t.cfg.app),
				"criteria", criterion_word(t.cfg.criterion), "target",
				INT(t.cfg.criterion_count), "achieved", INT(t.achieved), "state",
				tc_state_word(t.state), "runtime_s",
				t.start_ns ? (double)(end - t.start_ns) / 1e9 : 0.0, "estab_us",
				INT(t.estab_us), "behind", t.fell_behind != 0, "reason",
				TEXT(t.reason)));
	}
	return json_pack("{sI sb so}", "port", INT(port), "running",
		seg_port(s, port)->running != 0, "tests", tests);
}

json_t *show_tests_stats(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static struct seg_tc t;
	struct stats_tc_block b;
	int rc = tc_read(s, port, tcid, &t);

	if (rc != 0)
		return nothing(rc, NULL);
	seg_sum_tc(s, port, tcid, &b);
	return json_pack("{sI sI ss ss ss s{sI sI sI sI} so}", "port", INT(port), "test_case_id",
		INT(tcid), "type", tc_type(&t.cfg), "app", app_kind_word(t.cfg.app), "state",
		tc_state_word(t.state), "rates", "established_per_second", INT(t.rate_estab),
		"closed_per_second", INT(t.rate_closed), "messages_per_second", INT(t.rate_send),
		"requests_per_second", INT(t.rate_req), "stats",
		show_group(stats_group_find("tc"), &b));
}

json_t *show_tests_tcp(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static struct seg_tc t;
	const struct tcp_options *o = &t.cfg.tcp;
	int rc = tc_read(s, port, tcid, &t);

	if (rc != 0)
		return nothing(rc, NULL);
	return json_pack("{sI sI sI sI sI sI sI sI sI sI sI sI sI ss sI sI sI sI sI sI}", "port",
		INT(port), "test_case_id", INT(tcid), "win-size", INT(o->win_size), "syn-retry",
		INT(o->syn_retry), "syn-ack-retry", INT(o->syn_ack_retry), "data-retry",
		INT(o->data_retry), "retry", INT(o->retry), "rto", INT(o->rto_ms), "fin-to",
		INT(o->fin_to_ms), "twait-to", INT(o->twait_to_ms), "orphan-to",
		INT(o->orphan_to_ms), "twait-skip", INT(o->twait_skip), "ack-delay",
		INT(o->ack_delay), "congestion", congestion_word(o->congestion), "mss", INT(o->mss),
		"user-to", INT(o->user_to_ms), "window-scale", INT(o->wscale), "timestamps",
		INT(o->ts), "sack", INT(o->sack), "ecn", INT(o->ecn));
}

json_t *show_port_info(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		const struct seg_port *p = seg_port(s, i);

		json_array_append_new(a,
			json_pack("{sI so so ss so sI so sI ss}", "port", INT(i), "name",
				TEXT(p->name), "driver", TEXT(p->driver), "kind",
				port_kind_word(p->kind), "mac", mac(p->mac), "mtu", INT(p->mtu),
				"socket", known(p->socket), "queues", INT(p->n_queues), "checksums",
				p->needs_csum                ? "software"
					: p->offload_tx_csum ? "device"
							     : "not needed"));
	}
	return json_pack("{so}", "ports", a);
}

json_t *show_port_map(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		const struct seg_port *p = seg_port(s, i);

		for (uint32_t q = 0; q < MIN_OF(p->n_queues, WORKERS_MAX); q++) {
			const struct seg_worker *w = seg_worker(
				s, MIN_OF(p->queue_lcore[q], s->hdr.n_workers - 1));

			json_array_append_new(a,
				json_pack("{sI sI sI sI so so}", "port", INT(i), "queue", INT(q),
					"lcore", INT(w->lcore_id), "cpu", INT(w->cpu),
					"port_socket", known(p->socket), "lcore_socket",
					known(w->socket)));
		}
	}
	return json_pack("{so}", "queues", a);
}

json_t *show_port_link(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		const struct seg_port *p = seg_port(s, i);

		json_array_append_new(a,
			json_pack("{sI ss so}", "port", INT(i), "link", p->link_up ? "UP" : "DOWN",
				"speed_mbps", known(p->speed_mbps)));
	}
	return json_pack("{so}", "ports", a);
}

json_t *show_arp(const struct seg *s)
{
	static struct seg_port p;
	json_t *a = json_array();

	for (uint32_t i = 0; i < s->hdr.n_ports; i++) {
		int rc = seg_read(seg_port(s, i), &p, sizeof(p));

		if (rc != 0)
			return nothing(rc, a);
		for (uint32_t k = 0; k < MIN_OF(p.n_arps, ARP_MAX); k++)
			json_array_append_new(a,
				json_pack("{sI so so sI ss}", "port", INT(i), "ip",
					ip(&p.arps[k].ip), "mac", mac(p.arps[k].mac), "vlan_id",
					INT(p.arps[k].vlan_id), "state",
					p.arps[k].flags & SEG_ARP_LOCAL             ? "local"
						: p.arps[k].flags & SEG_ARP_PENDING ? "pending"
										    : "known"));
	}
	return json_pack("{so}", "entries", a);
}

static json_t *operator_view(uint32_t i, const struct seg_operator *o)
{
	time_t t = (time_t)(o->attach_realtime_ns / 1000000000);
	char since[32];
	struct tm tm;

	localtime_r(&t, &tm);
	strftime(since, sizeof(since), "%F %T", &tm);
	return json_pack("{sI so ss ss sI sI ss sb sI so}", "slot", INT(i), "name", TEXT(o->name),
		"kind", client_kind_word(o->kind), "state", operator_state_word(o->state), "pid",
		INT(o->pid), "uid", INT(o->uid), "since", since, "read_only", o->read_only != 0,
		"commands", INT(o->n_commands), "last_command", TEXT(o->last_command));
}

json_t *show_operators(const struct seg *s)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < OPERATORS_MAX; i++) {
		struct seg_operator o;
		int rc = seg_read(&s->operators[i], &o, sizeof(o));

		if (rc != 0)
			return nothing(rc, a);
		if (o.state != operator_state_FREE)
			json_array_append_new(a, operator_view(i, &o));
	}
	return json_pack("{so}", "operators", a);
}

json_t *show_version(const struct seg *s)
{
	return json_pack("{so ss so sI sI sI}", "engine", TEXT(s->hdr.version), "cli",
		warp17_version(), "prefix", TEXT(s->hdr.prefix), "pid", INT(s->hdr.engine_pid),
		"ports", INT(s->hdr.n_ports), "workers", INT(s->hdr.n_workers));
}

json_t *show_help(void)
{
	json_t *a = json_array();

	for (enum cmd_id id = 0; id < CMD_COUNT; id++) {
		char usage[500];

		cmd_usage(id, usage, sizeof(usage));
		json_array_append_new(
			a, json_pack("{ss ss}", "command", usage, "help", cmd_desc(id)->help));
	}
	return json_pack("{so}", "commands", a);
}
