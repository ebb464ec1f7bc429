/* What can be shown of tests: views of the segment as JSON trees. */
#include "cli/show.h"
#include "cli/show_priv.h"
#include "cli/since.h"
#include "common/util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static json_t *ip_range(const struct ip_range *r)
{
	char lo[IP_STRLEN], hi[IP_STRLEN];

	return json_sprintf("%s-%s", ip_str(&r->lo, lo), ip_str(&r->hi, hi));
}

static json_t *inf(uint32_t v)
{
	return v == UINT32_MAX ? json_string("infinite") : json_integer(v);
}

static const char *tc_type(const struct tc_config *c)
{
	if (c->kind == tc_kind_SERVER)
		return c->proto == l4proto_UDP ? "UDP server" : "TCP server";
	if (tc_is_multicast(c))
		return "UDP mcast source";
	return c->proto == l4proto_UDP ? "UDP client" : "TCP client";
}

static json_t *ipv4_options(const struct ipv4_options *c)
{
	const char *dscp = tc_dscp_name(c->tos >> 2);

	return json_pack("{sI so ss sI sI}", "tos", INT(c->tos), "dscp",
		dscp ? json_string(dscp) : json_integer(c->tos >> 2), "ecn", ecn_word(c->tos & 3),
		"tx-timestamp", INT(c->tx_ts), "rx-timestamp", INT(c->rx_ts));
}

static json_t *tc_config(uint32_t tcid, const struct tc_config *c, bool has_latency)
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
	json_object_set_new(o, "ipv4", ipv4_options(&c->ipv4));
	if (c->kind == tc_kind_CLIENT)
		json_object_set_new(
			o, "response_times", json_string(times_from_word(c->times.from)));
	if (has_latency)
		json_object_set_new(o, "latency", show_latency_config(&c->latency));
	if (c->imix != 0)
		json_object_update_new(
			o, json_pack("{ss sI}", "app", "imix", "imix_id", INT(c->imix - 1)));
	else
		show_app(o, &c->app, c->kind);
	return o;
}

/* A test case's record: 0, -ENOENT there is none, -EAGAIN it cannot be read. */
static int tc_read(const struct seg *s, uint32_t port, uint32_t tcid, struct seg_tc *t)
{
	int rc = seg_read(seg_tc(s, port, tcid), t, sizeof(*t));

	return rc != 0 ? rc : t->cfg.kind == tc_kind_NONE ? -ENOENT : 0;
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
		return show_nothing(rc, NULL);
	since_port(s, 0, s->hdr.n_workers, port, &b);
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
		return show_nothing(rc, NULL);
	o = json_pack("{sI sI so}", "port", INT(port), "mtu", INT(p.mtu), "gw", show_ip(&p.gw));
	for (uint32_t d = 0; d < FAULTS_DIRS; d++) {
		if (faults_config_on(&p.faults[d]))
			json_object_set_new(o, d == fault_dir_TX ? "tx_faults" : "rx_faults",
				faults_config(&p.faults[d]));
	}
	json_object_set_new(o, "l3_interfaces", intfs = json_array());
	json_object_set_new(o, "tests", tests = json_object());
	for (uint32_t i = 0; i < MIN_OF(p.n_intfs, L3_INTFS_MAX); i++)
		json_array_append_new(intfs,
			json_pack("{so so sI so}", "ip", show_ip(&p.intfs[i].ip), "mask",
				show_ip(&p.intfs[i].mask), "vlan_id", INT(p.intfs[i].vlan_id), "gw",
				show_ip(&p.intfs[i].gw)));
	for (uint32_t i = 0; i < TCS_MAX; i++) {
		char name[32];

		rc = tc_read(s, port, i, &t);
		if (rc == -EAGAIN)
			return show_nothing(rc, o);
		snprintf(name, sizeof(name), "test_case_%u", i);
		if (rc == 0)
			json_object_set_new(tests, name, tc_config(i, &t.cfg, t.has_latency != 0));
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
			return show_nothing(rc, tests);
		if (rc != 0)
			continue;
		end = t.end_ns ? t.end_ns : mono_ns();
		json_array_append_new(tests,
			json_pack("{sI ss ss ss sI sI ss sf sI sb so so}", "test_case_id", INT(i),
				"type", tc_type(&t.cfg), "app", tc_app_word(&t.cfg), "criteria",
				criterion_word(t.cfg.criterion), "target",
				INT(t.cfg.criterion_count), "achieved", INT(t.achieved), "state",
				tc_state_word(t.state), "runtime_s",
				t.start_ns ? (double)(end - t.start_ns) / 1e9 : 0.0, "estab_us",
				INT(t.estab_us), "behind", t.fell_behind != 0, "note",
				TEXT(t.behind), "reason", TEXT(t.reason)));
	}
	return json_pack("{sI sb so}", "port", INT(port), "running",
		seg_port(s, port)->running != 0, "tests", tests);
}

/* Each application of its group: what it is, what its sessions did. */
static json_t *apps_stats(const struct seg *s, uint32_t id)
{
	static struct seg_imix m;
	int rc = seg_read(seg_imix(s), &m, sizeof(m));

	return rc != 0 ? show_nothing(rc, NULL) : show_imix_stats(s, &m, id);
}

json_t *show_tests_stats(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static struct seg_tc t;
	struct stats_tc_block b;
	json_t *o, *apps = NULL;
	int rc = tc_read(s, port, tcid, &t);

	if (rc != 0)
		return show_nothing(rc, NULL);
	if (t.cfg.imix != 0 && (apps = apps_stats(s, t.cfg.imix - 1)) == NULL)
		return NULL;
	since_tc(s, port, tcid, &b);
	o = json_pack("{sI sI ss ss ss s{sI sI sI sI} so}", "port", INT(port), "test_case_id",
		INT(tcid), "type", tc_type(&t.cfg), "app", tc_app_word(&t.cfg), "state",
		tc_state_word(t.state), "rates", "established_per_second", INT(t.rate_estab),
		"closed_per_second", INT(t.rate_closed), "messages_per_second", INT(t.rate_send),
		"requests_per_second", INT(t.rate_req), "stats",
		show_group(stats_group_find("tc"), &b));
	if (apps != NULL)
		json_object_set_new(o, "apps", apps);
	if (t.has_latency)
		json_object_set_new(o, "latency",
			show_latency(s, port, tcid, &t.cfg.latency, &b.latency, NULL));
	if (t.cfg.times.from != times_from_OFF)
		json_object_set_new(o, "response_times", show_times(s, port, tcid, &t.cfg.times));
	show_since(o, port);
	return o;
}

json_t *show_tests_tcp(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static struct seg_tc t;
	const struct tcp_options *o = &t.cfg.tcp;
	int rc = tc_read(s, port, tcid, &t);

	if (rc != 0)
		return show_nothing(rc, NULL);
	return json_pack("{sI sI sI sI sI sI sI sI sI sI sI sI sI sI sI ss sI sI sI sI sI sI}",
		"port", INT(port), "test_case_id", INT(tcid), "win-size", INT(o->win_size),
		"syn-retry", INT(o->syn_retry), "syn-ack-retry", INT(o->syn_ack_retry),
		"data-retry", INT(o->data_retry), "retry", INT(o->retry), "rto", INT(o->rto_ms),
		"fin-to", INT(o->fin_to_ms), "twait-to", INT(o->twait_to_ms), "orphan-to",
		INT(o->orphan_to_ms), "twait-skip", INT(o->twait_skip), "ack-delay",
		INT(o->ack_delay), "ack-on-data", INT(o->ack_on_data), "fin-on-data",
		INT(o->fin_on_data), "congestion", congestion_word(o->congestion), "mss",
		INT(o->mss), "user-to", INT(o->user_to_ms), "window-scale", INT(o->wscale),
		"timestamps", INT(o->ts), "sack", INT(o->sack), "ecn", INT(o->ecn));
}

json_t *show_tests_vlan(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static struct seg_tc t;
	int rc = tc_read(s, port, tcid, &t);

	if (rc != 0)
		return show_nothing(rc, NULL);
	return json_pack("{sI sI sI sI}", "port", INT(port), "test_case_id", INT(tcid), "vlan-id",
		INT(t.cfg.vlan_id), "vlan-pri", INT(t.cfg.vlan_pri));
}

json_t *show_tests_ipv4(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static struct seg_tc t;
	int rc = tc_read(s, port, tcid, &t);
	json_t *o;

	if (rc != 0)
		return show_nothing(rc, NULL);
	o = json_pack("{sI sI}", "port", INT(port), "test_case_id", INT(tcid));
	json_object_update_new(o, ipv4_options(&t.cfg.ipv4));
	return o;
}

json_t *show_tests_latency(const struct seg *s, uint32_t port, uint32_t tcid)
{
	static struct seg_tc t;
	struct stats_tc_block b;
	int rc = tc_read(s, port, tcid, &t);
	json_t *o, *latency, *hist;

	if (rc != 0)
		return show_nothing(rc, NULL);
	since_tc(s, port, tcid, &b);
	latency = show_latency(s, port, tcid, &t.cfg.latency, &b.latency, &hist);
	o = json_pack("{sI sI sb so so so}", "port", INT(port), "test_case_id", INT(tcid), "on",
		t.has_latency != 0, "limits", show_latency_config(&t.cfg.latency), "latency",
		latency, "buckets", hist);
	show_since(o, port);
	return o;
}
