/* show config: the configuration as the commands that make it again, in the order in which they are
 * taken. One function a command of configuration, in the table at the end: it fills in a request
 * from the segment's records and what is left out where a new test case has it anyway. A command of
 * cmd.def without one fails test/unit/show_config_test.c. */
#include "cli/show_config.h"

#include "cli/show.h"
#include "cli/show_config_priv.h"
#include "cli/show_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void show_config_emit(struct conf *o, enum cmd_id id, const union cmd_req *r)
{
	char line[CMD_LINE_MAX + 1], err[REPLY_TEXT_MAX];

	if (!cmd_some_given(cmd_desc(id), r->present, err, sizeof(err)))
		return;
	if (o->taken != NULL) {
		*o->taken = *r;
		return;
	}
	BUG_ON(cmd_format(id, r, line, sizeof(line)) < 0);
	json_array_append_new(o->lines, show_text(line, sizeof(line)));
}

static void add_tests_l3_intf(struct conf *o)
{
	for (uint32_t i = 0; i < MIN_OF(o->p->n_intfs, L3_INTFS_MAX); i++) {
		const struct l3_intf *f = &o->p->intfs[i];
		union cmd_req r = {0};

		GIVE(add_tests_l3_intf, port, o->port);
		GIVE(add_tests_l3_intf, ip, f->ip);
		GIVE(add_tests_l3_intf, mask, f->mask);
		GIVE_IF_NOT(add_tests_l3_intf, vlan_id, f->vlan_id, 0);
		if (f->gw.family != 0)
			GIVE(add_tests_l3_intf, gw, f->gw);
		show_config_emit(o, CMD_add_tests_l3_intf, &r);
	}
}

static void set_tests_mtu(struct conf *o)
{
	union cmd_req r = {0};

	if (o->p->mtu == o->p->mtu_usual)
		return;
	GIVE(set_tests_mtu, port, o->port);
	GIVE(set_tests_mtu, mtu, o->p->mtu);
	show_config_emit(o, CMD_set_tests_mtu, &r);
}

static void add_tests_l3_gw(struct conf *o)
{
	union cmd_req r = {0};

	if (o->p->gw.family == 0)
		return;
	GIVE(add_tests_l3_gw, port, o->port);
	GIVE(add_tests_l3_gw, gw, o->p->gw);
	show_config_emit(o, CMD_add_tests_l3_gw, &r);
}

static void faults_of(struct conf *o, const struct faults_config *c, enum fault_dir dir)
{
	const struct faults_config none = o->none;
	union cmd_req r = {0};

	GIVE(set_tests_faults, port, o->port);
	GIVE_IF_NOT(set_tests_faults, direction, dir, fault_dir_BOTH);
	GIVE_IF_NOT(set_tests_faults, loss, c->loss_ppm, none.loss_ppm);
	GIVE_IF_NOT(set_tests_faults, burst, c->burst, none.burst);
	GIVE_IF_NOT(set_tests_faults, duplicate, c->duplicate_ppm, none.duplicate_ppm);
	GIVE_IF_NOT(set_tests_faults, reorder, c->reorder_ppm, none.reorder_ppm);
	GIVE_IF_NOT(set_tests_faults, reorder_by, c->reorder_us, none.reorder_us);
	GIVE_IF_NOT(set_tests_faults, corrupt, c->corrupt_ppm, none.corrupt_ppm);
	GIVE_IF_NOT(set_tests_faults, delay, c->delay_us, none.delay_us);
	GIVE_IF_NOT(set_tests_faults, jitter, c->jitter_us, none.jitter_us);
	GIVE_IF_NOT(set_tests_faults, rate, c->rate_kbps, none.rate_kbps);
	GIVE_IF_NOT(set_tests_faults, queue, c->queue_pkts, none.queue_pkts);
	GIVE_IF_NOT(set_tests_faults, seed, c->seed, none.seed);
	show_config_emit(o, CMD_set_tests_faults, &r);
}

static void set_tests_faults(struct conf *o)
{
	const struct faults_config *tx = &o->p->faults[fault_dir_TX],
				   *rx = &o->p->faults[fault_dir_RX];

	if (memcmp(tx, rx, sizeof(*tx)) == 0) {
		faults_of(o, tx, fault_dir_BOTH);
		return;
	}
	faults_of(o, tx, fault_dir_TX);
	faults_of(o, rx, fault_dir_RX);
}

static void add_tests_server(struct conf *o)
{
	union cmd_req r = {0};

	if (o->c->kind != tc_kind_SERVER)
		return;
	GIVE_TC(add_tests_server);
	GIVE(add_tests_server, proto, o->c->proto);
	GIVE(add_tests_server, src, o->c->src);
	GIVE(add_tests_server, sport, o->c->sport);
	show_config_emit(o, CMD_add_tests_server, &r);
}

static void add_tests_client(struct conf *o)
{
	union cmd_req r = {0};

	if (o->c->kind != tc_kind_CLIENT || tc_is_multicast(o->c))
		return;
	GIVE_TC(add_tests_client);
	GIVE(add_tests_client, proto, o->c->proto);
	GIVE(add_tests_client, src, o->c->src);
	GIVE(add_tests_client, sport, o->c->sport);
	GIVE(add_tests_client, dest, o->c->dst);
	GIVE(add_tests_client, dport, o->c->dport);
	show_config_emit(o, CMD_add_tests_client, &r);
}

static void add_tests_multicast_src(struct conf *o)
{
	union cmd_req r = {0};

	if (!tc_is_multicast(o->c))
		return;
	GIVE_TC(add_tests_multicast_src);
	GIVE(add_tests_multicast_src, proto, o->c->proto);
	GIVE(add_tests_multicast_src, src, o->c->src);
	GIVE(add_tests_multicast_src, sport, o->c->sport);
	GIVE(add_tests_multicast_src, dest, o->c->dst);
	GIVE(add_tests_multicast_src, dport, o->c->dport);
	show_config_emit(o, CMD_add_tests_multicast_src, &r);
}

static void set_tests_timeouts(struct conf *o)
{
	union cmd_req r = {0};

	GIVE_TC(set_tests_timeouts);
	GIVE_IF_NOT(set_tests_timeouts, init, o->c->init_s, o->fresh.init_s);
	GIVE_IF_NOT(set_tests_timeouts, uptime, o->c->uptime_s, o->fresh.uptime_s);
	GIVE_IF_NOT(set_tests_timeouts, downtime, o->c->downtime_s, o->fresh.downtime_s);
	show_config_emit(o, CMD_set_tests_timeouts, &r);
}

static void set_tests_rate(struct conf *o)
{
	union cmd_req r = {0};

	GIVE_TC(set_tests_rate);
	GIVE_IF_NOT(set_tests_rate, open, o->c->rate_open, o->fresh.rate_open);
	GIVE_IF_NOT(set_tests_rate, close, o->c->rate_close, o->fresh.rate_close);
	GIVE_IF_NOT(set_tests_rate, send, o->c->rate_send, o->fresh.rate_send);
	show_config_emit(o, CMD_set_tests_rate, &r);
}

static void set_tests_criteria(struct conf *o)
{
	const struct tc_config *c = o->c, *f = &o->fresh;
	bool limit = c->criterion != criterion_RUN_TIME && c->criterion_s != CRITERION_S;
	union cmd_req r = {0};

	if (c->criterion == f->criterion && c->criterion_count == f->criterion_count && !limit)
		return;
	GIVE_TC(set_tests_criteria);
	GIVE(set_tests_criteria, criterion, c->criterion);
	GIVE(set_tests_criteria, count, c->criterion_count);
	if (limit)
		GIVE(set_tests_criteria, within, c->criterion_s);
	show_config_emit(o, CMD_set_tests_criteria, &r);
}

static void set_tests_async(struct conf *o)
{
	union cmd_req r = {0};

	if (o->c->async == 0)
		return;
	GIVE_TC(set_tests_async);
	show_config_emit(o, CMD_set_tests_async, &r);
}

static void set_tests_tcp_options(struct conf *o)
{
	const struct tcp_options *t = &o->c->tcp, *f = &o->fresh.tcp;
	union cmd_req r = {0};

	GIVE_TC(set_tests_tcp_options);
#define SETTING(field, of) GIVE_IF_NOT(set_tests_tcp_options, field, t->of, f->of)
	SETTING(win_size, win_size);
	SETTING(syn_retry, syn_retry);
	SETTING(syn_ack_retry, syn_ack_retry);
	SETTING(data_retry, data_retry);
	SETTING(retry, retry);
	SETTING(rto, rto_ms);
	SETTING(fin_to, fin_to_ms);
	SETTING(twait_to, twait_to_ms);
	SETTING(orphan_to, orphan_to_ms);
	SETTING(twait_skip, twait_skip);
	SETTING(ack_delay, ack_delay);
	SETTING(ack_on_data, ack_on_data);
	SETTING(fin_on_data, fin_on_data);
	SETTING(congestion, congestion);
	SETTING(mss, mss);
	SETTING(user_to, user_to_ms);
	SETTING(window_scale, wscale);
	SETTING(timestamps, ts);
	SETTING(sack, sack);
	SETTING(ecn, ecn);
#undef SETTING
	show_config_emit(o, CMD_set_tests_tcp_options, &r);
}

static void set_tests_ipv4_options(struct conf *o)
{
	const struct ipv4_options *c = &o->c->ipv4, *f = &o->fresh.ipv4;
	union cmd_req r = {0};

	GIVE_TC(set_tests_ipv4_options);
	GIVE_IF_NOT(set_tests_ipv4_options, tos, c->tos, f->tos);
	GIVE_IF_NOT(set_tests_ipv4_options, tx_ts, c->tx_ts, f->tx_ts);
	GIVE_IF_NOT(set_tests_ipv4_options, rx_ts, c->rx_ts, f->rx_ts);
	show_config_emit(o, CMD_set_tests_ipv4_options, &r);
}

static void set_tests_latency(struct conf *o)
{
	const struct latency_config *c = &o->c->latency, *f = &o->fresh.latency;
	union cmd_req r = {0};

	GIVE_TC(set_tests_latency);
	GIVE_IF_NOT(set_tests_latency, max, c->max_us, f->max_us);
	GIVE_IF_NOT(set_tests_latency, max_avg, c->max_avg_us, f->max_avg_us);
	GIVE_IF_NOT(set_tests_latency, samples, c->samples, f->samples);
	show_config_emit(o, CMD_set_tests_latency, &r);
}

static void set_tests_response_times(struct conf *o)
{
	union cmd_req r = {0};

	if (o->c->times.from == times_from_OFF)
		return;
	GIVE_TC(set_tests_response_times);
	GIVE(set_tests_response_times, from, o->c->times.from);
	show_config_emit(o, CMD_set_tests_response_times, &r);
}

static void set_tests_vlan_options(struct conf *o)
{
	union cmd_req r = {0};

	if (o->c->vlan_id == 0)
		return;
	GIVE_TC(set_tests_vlan_options);
	GIVE(set_tests_vlan_options, vlan_id, o->c->vlan_id);
	GIVE_IF_NOT(set_tests_vlan_options, vlan_pri, o->c->vlan_pri, 0);
	show_config_emit(o, CMD_set_tests_vlan_options, &r);
}

/* In the order in which they are written, which is one in which they can be run: first those of the
 * port, then those of each of its test cases. */
static const struct writer of_port[] = {
	WRITES(set_tests_mtu),
	WRITES(add_tests_l3_intf),
	WRITES(add_tests_l3_gw),
	WRITES(set_tests_faults),
	WRITES_END,
};
static const struct writer of_tc[] = {
	WRITES(add_tests_server),
	WRITES(add_tests_client),
	WRITES(add_tests_multicast_src),
	WRITES(set_tests_timeouts),
	WRITES(set_tests_rate),
	WRITES(set_tests_criteria),
	WRITES(set_tests_async),
	WRITES(set_tests_tcp_options),
	WRITES(set_tests_ipv4_options),
	WRITES(set_tests_latency),
	WRITES(set_tests_response_times),
	WRITES(set_tests_vlan_options),
	WRITES_END,
};

void show_config_write(struct conf *o, const struct writer *w)
{
	for (; w->write != NULL; w++)
		w->write(o);
}

static const struct writer *writer_of(enum cmd_id id)
{
	const struct writer *tables[] = {
		of_port, of_tc, show_config_app, show_config_imix_app, show_config_imix_group};

	for (size_t t = 0; t < ARRAY_SIZE(tables); t++) {
		for (const struct writer *w = tables[t]; w->write != NULL; w++) {
			if (w->id == id)
				return w;
		}
	}
	return NULL;
}

bool show_config_writes(enum cmd_id id)
{
	return writer_of(id) != NULL;
}

static void write_tc(struct conf *o, const struct tc_config *c)
{
	o->c = c;
	tc_config_init(&o->fresh, c->kind, c->proto);
	o->fresh.src = c->src;
	o->fresh.sport = c->sport;
	o->fresh.dst = c->dst;
	o->fresh.dport = c->dport;
	tc_config_criterion(&o->fresh);
	json_array_append_new(o->lines, json_string(""));
	show_config_write(o, of_tc);
	o->app = &c->app;
	o->side = c->kind;
	show_config_write(o, show_config_app);
}

static int write_port(struct conf *o, const struct seg *s, uint32_t port)
{
	static struct seg_port p;
	static struct seg_tc t;
	int rc = seg_read(seg_port(s, port), &p, sizeof(p));

	o->port = port;
	o->p = &p;
	if (rc == 0)
		json_array_append_new(o->lines,
			json_sprintf("# port %u: %.*s, %.*s", port, (int)sizeof(p.name), p.name,
				(int)sizeof(p.driver), p.driver));
	if (rc == 0)
		show_config_write(o, of_port);
	for (o->tcid = 0; o->tcid < TCS_MAX && rc == 0; o->tcid++) {
		rc = seg_read(seg_tc(s, port, o->tcid), &t, sizeof(t));
		if (rc == 0 && t.cfg.kind != tc_kind_NONE)
			write_tc(o, &t.cfg);
	}
	return rc;
}

json_t *show_config(const struct seg *s, bool one_port, uint32_t port)
{
	uint32_t lo = one_port ? port : 0, hi = one_port ? port + 1 : s->hdr.n_ports;
	struct conf o = {.lines = json_array(), .none = faults_config_none()};
	json_t *view = json_pack("{so}", "lines", o.lines);
	int rc = show_config_imix(&o, s, one_port, port);

	for (uint32_t p = lo; p < hi && rc == 0; p++) {
		if (json_array_size(o.lines) != 0)
			json_array_append_new(o.lines, json_string(""));
		rc = write_port(&o, s, p);
	}
	return rc == 0 ? view : show_nothing(rc, view);
}

void show_config_defaults(enum cmd_id id, union cmd_req *req)
{
	static struct seg_port p;
	struct tc_config c;
	struct conf o = {.taken = req, .p = &p, .c = &c};

	*req = (union cmd_req){0};
	p.faults[fault_dir_TX] = p.faults[fault_dir_RX] = faults_config_none();
	tc_config_init(&c, tc_kind_CLIENT, l4proto_TCP);
	/* nothing is what it is usually: all of it is to be said */
	memset(&o.fresh, 0xa5, sizeof(o.fresh));
	memset(&o.none, 0xa5, sizeof(o.none));
	o.app = &c.app;
	o.side = tc_kind_CLIENT;
	if (writer_of(id) != NULL)
		writer_of(id)->write(&o);
}
