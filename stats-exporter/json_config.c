/* What ports and test cases were told, as JSON. Where a number may be without a limit, null is it. */
#include "stats-exporter/json_priv.h"

#include <string.h>

static json_t *ip(const struct ip_addr *a)
{
	char buf[IP_STRLEN];

	return a->family != 0 ? json_string(ip_str(a, buf)) : json_null();
}

static json_t *ips(const struct ip_range *r)
{
	return json_pack("{so so}", "from", ip(&r->lo), "to", ip(&r->hi));
}

static json_t *l4_ports(const struct u16_range *r)
{
	return json_pack("{sI sI}", "from", INT(r->lo), "to", INT(r->hi));
}

static json_t *limit(uint32_t v)
{
	return json_if(v != UINT32_MAX, v);
}
static_assert(TC_FOREVER == UINT32_MAX && RATE_INFINITE == UINT32_MAX);

/* What clients are told beside: null for servers. */
static json_t *client(const struct tc_config *c)
{
	if (c->kind != tc_kind_CLIENT)
		return json_null();
	return json_pack("{so so s{so so so} so so so ss}", "dest", ips(&c->dst), "dport",
		l4_ports(&c->dport), "rates", "open", limit(c->rate_open), "close",
		limit(c->rate_close), "send", limit(c->rate_send), "init_s", limit(c->init_s),
		"uptime_s", limit(c->uptime_s), "downtime_s", limit(c->downtime_s),
		"response_times", times_from_word(c->times.from));
}

static json_t *vlan(uint32_t id, uint32_t pri)
{
	return id != 0 ? json_pack("{sI sI}", "id", INT(id), "priority", INT(pri)) : json_null();
}

static json_t *ipv4(const struct ipv4_options *c)
{
	const char *dscp = tc_dscp_name(c->tos >> 2);

	return json_pack("{sI sI so ss sb sb}", "tos", INT(c->tos), "dscp", INT(c->tos >> 2),
		"dscp_name", dscp ? json_string(dscp) : json_null(), "ecn", ecn_word(c->tos & 3),
		"tx_timestamp", c->tx_ts != 0, "rx_timestamp", c->rx_ts != 0);
}

static json_t *tcp(const struct tcp_options *o)
{
	return json_pack("{sI sI sI sI sI sI sI sI sI sb sb sb sb ss so so sb sb sb sb}",
		"win_size", INT(o->win_size), "syn_retry", INT(o->syn_retry), "syn_ack_retry",
		INT(o->syn_ack_retry), "data_retry", INT(o->data_retry), "retry", INT(o->retry),
		"rto_ms", INT(o->rto_ms), "fin_to_ms", INT(o->fin_to_ms), "twait_to_ms",
		INT(o->twait_to_ms), "orphan_to_ms", INT(o->orphan_to_ms), "twait_skip",
		o->twait_skip != 0, "ack_delay", o->ack_delay != 0, "ack_on_data",
		o->ack_on_data != 0, "fin_on_data", o->fin_on_data != 0, "congestion",
		congestion_word(o->congestion), "mss", json_if(o->mss != 0, o->mss), "user_to_ms",
		json_if(o->user_to_ms != 0, o->user_to_ms), "window_scale", o->wscale != 0,
		"timestamps", o->ts != 0, "sack", o->sack != 0, "ecn", o->ecn != 0);
}

static json_t *latency(const struct latency_config *c)
{
	return json_pack("{so so sI}", "max_us", json_if(c->max_us != 0, c->max_us), "max_avg_us",
		json_if(c->max_avg_us != 0, c->max_avg_us), "samples", INT(c->samples));
}

static json_t *raw_view(const struct app_config *c, bool is_client)
{
	(void)is_client;
	return json_pack("{sI sI sb sb}", "req_bytes", INT(c->raw.req_bytes), "resp_bytes",
		INT(c->raw.resp_bytes), "tx_timestamp", c->raw.tx_ts != 0, "rx_timestamp",
		c->raw.rx_ts != 0);
}

/* The user's header lines, without their ends. */
static json_t *fields(const char *text)
{
	json_t *a = json_array();
	char line[HTTP_FIELDS_MAX];
	const char *end = text + strnlen(text, HTTP_FIELDS_MAX);

	while (text < end) {
		size_t n = strcspn(text, "\r\n");

		n = MIN_OF(n, (size_t)(end - text));
		memcpy(line, text, MIN_OF(n, sizeof(line) - 1));
		line[MIN_OF(n, sizeof(line) - 1)] = '\0';
		sample_text(line, line, sizeof(line));
		if (n != 0)
			json_array_append_new(a, json_string(line));
		text += n + 1;
	}
	return a;
}

static json_t *http_view(const struct app_config *c, bool is_client)
{
	json_t *o = is_client ? json_pack("{ss ss ss}", "method", http_method_word(c->http.method),
			    "host", c->http.host, "object", c->http.object)
			      : json_pack("{ss}", "status", http_status_word(c->http.status));

	json_object_set_new(o, "body_bytes", json_integer(c->http.body_bytes));
	json_object_set_new(o, "fields", fields(c->http.fields));
	return o;
}

static json_t *echo_view(const struct app_config *c, bool is_client)
{
	(void)is_client;
	return json_pack("{sI}", "bytes", INT(c->echo.bytes));
}

/* Its name, and under that name what it was told. */
static json_t *app(const struct app_config *c, bool is_client)
{
	static json_t *(*const of[])(const struct app_config *, bool) = {
#define APP(name, NAME) [app_kind_##NAME] = name##_view,
#include "common/cmd/app.def"
	};
	json_t *o = json_pack("{ss so}", "name", app_kind_word(c->kind), "requests",
		json_if(c->requests != 0, c->requests));

	if (c->kind < ARRAY_SIZE(of))
		json_object_set_new(o, app_kind_word(c->kind), of[c->kind](c, is_client));
	return o;
}

static json_t *imix(const struct sample_tc *t)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < t->n_apps; i++) {
		json_t *o = app(&t->apps[i].cfg, t->tc.cfg.kind == tc_kind_CLIENT);

		json_object_update_new(o,
			json_pack("{sI sI}", "app_index", INT(t->apps[i].index), "weight",
				INT(t->apps[i].weight)));
		json_array_append_new(a, o);
	}
	return json_pack(
		"{ss sI so}", "name", "imix", "imix_id", INT(t->tc.cfg.imix - 1), "apps", a);
}

json_t *json_test_config(const struct sample_tc *t)
{
	const struct tc_config *c = &t->tc.cfg;
	uint64_t sessions = tc_sessions(c);

	return json_pack("{sb so so so so so so so so so}", "async", c->async != 0, "src",
		ips(&c->src), "sport", l4_ports(&c->sport), "client", client(c), "sessions",
		json_if(sessions <= INT64_MAX, sessions), "vlan", vlan(c->vlan_id, c->vlan_pri),
		"ipv4", ipv4(&c->ipv4), "tcp", c->proto == l4proto_TCP ? tcp(&c->tcp) : json_null(),
		"latency", latency(&c->latency), "app",
		c->imix != 0 ? imix(t) : app(&c->app, c->kind == tc_kind_CLIENT));
}

/* One direction's; null: the link is a good one. */
static json_t *faults(const struct faults_config *c)
{
	if (!faults_config_on(c))
		return json_null();
	return json_pack("{sf sI sf sf sf sf sf sf so so sI}", "loss_percent", c->loss_ppm / 1e4,
		"burst_packets", INT(c->burst), "duplicate_percent", c->duplicate_ppm / 1e4,
		"reorder_percent", c->reorder_ppm / 1e4, "reorder_by_ms", c->reorder_us / 1e3,
		"corrupt_percent", c->corrupt_ppm / 1e4, "delay_ms", c->delay_us / 1e3, "jitter_ms",
		c->jitter_us / 1e3, "rate_mbps",
		c->rate_kbps != 0 ? json_real(c->rate_kbps / 1e3) : json_null(), "queue_packets",
		json_if(c->queue_pkts != 0, c->queue_pkts), "seed", INT(c->seed));
}

static json_t *holder(const struct seg_holder *h)
{
	if (h->held == 0)
		return json_null();
	return json_pack("{ss sI sI sf}", "name", h->name, "uid", INT(h->uid), "pid", INT(h->pid),
		"since", (double)h->since_realtime_ns / 1e9);
}

json_t *json_port_config(const struct sample_port *p)
{
	json_t *a = json_array();

	for (uint32_t i = 0; i < p->n_intfs; i++) {
		const struct l3_intf *f = &p->intfs[i];

		json_array_append_new(a,
			json_pack("{so so so so}", "ip", ip(&f->ip), "mask", ip(&f->mask),
				"vlan_id", json_if(f->vlan_id != 0, f->vlan_id), "gateway",
				ip(&f->gw)));
	}
	return json_pack("{so so s{so so} so}", "gateway", ip(&p->gw), "interfaces", a, "faults",
		"tx", faults(&p->faults[fault_dir_TX]), "rx", faults(&p->faults[fault_dir_RX]),
		"holder", holder(&p->holder));
}
