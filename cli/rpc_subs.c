/* Subscriptions: events as they happen, and views again and again. Who does not read loses some, and
 * is told how many. */
#include "cli/monitor.h"
#include "cli/rpc_server.h"
#include "cli/show_priv.h"
#include "common/util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EVERY_MS 1000
#define EVENTS_MAX 32 /* at a time */

static struct rpc_sub *sub_find(struct rpc_conn *c, uint32_t no)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->subs); i++) {
		if (c->subs[i].no == no)
			return &c->subs[i];
	}
	return NULL;
}

static int method_fail(struct rpc_error *e, const char *name)
{
	rpc_fail(e, RPC_PARAMS, "method: '%.60s' given, expected a show method", name);
	snprintf(e->parameter, sizeof(e->parameter), "method");
	snprintf(e->expected, sizeof(e->expected), "a show method");
	snprintf(e->where, sizeof(e->where), "params.method");
	return -1;
}

/* Which view, and that of what. */
static int view_take(struct rpc_conn *c, struct rpc_sub *sub, struct rpc_error *e)
{
	const struct rpc_subscribe *q = &c->call.req.subscribe;
	const struct rpc_method *m = rpc_method_find(q->method.s);
	const json_t *params = json_object_get(c->call.r.params, "params");
	union rpc_req req;

	if (m == NULL || m->own != RPC_COMMAND || strncmp(m->name, "show.", 5) != 0)
		return method_fail(e, q->method.s);
	if (rpc_map(m, params, NULL, &req, e) != 0) {
		char where[sizeof(e->where)];

		snprintf(where, sizeof(where), "params.%.140s", e->where);
		memcpy(e->where, where, sizeof(where));
		return -1;
	}
	sub->method = m;
	sub->req = req.cmd;
	return 0;
}

static int sub_fill(struct rpc_conn *c, struct rpc_sub *sub, struct rpc_error *e)
{
	const struct rpc_subscribe *q = &c->call.req.subscribe;
	bool view = RPC_HAS(q, subscribe, method);
	const struct seg *s = c->server->cli->client.seg;

	if (view == RPC_HAS(q, subscribe, events))
		return rpc_fail(e, RPC_PARAMS,
			"either \"events\": true or the \"method\" of a view is expected");
	if (view && view_take(c, sub, e) != 0)
		return -1;
	sub->every_ms = !view                        ? MONITOR_MS
		: RPC_HAS(q, subscribe, interval_ms) ? q->interval_ms
						     : EVERY_MS;
	sub->next_event = RPC_HAS(q, subscribe, since) ? q->since + UINT64_C(1)
						       : journal_last(&s->events) + 1;
	sub->due_ms = mono_ms();
	return 0;
}

json_t *rpc_subscribe(struct rpc_conn *c, struct rpc_error *e)
{
	struct rpc_sub *place = sub_find(c, 0), sub = {0};

	if (place == NULL) {
		rpc_fail(e, CLI_FAILED, "a connection has at most %d subscriptions", RPC_SUBS_MAX);
		return NULL;
	}
	if (sub_fill(c, &sub, e) != 0)
		return NULL;
	if (sub.method != NULL && sub.method->id == CMD_show_link_rate) {
		sub.before = malloc(sizeof(*sub.before));
		BUG_ON(sub.before == NULL);
		show_link_sample(c->server->cli->client.seg, sub.before);
		sub.due_ms += sub.every_ms;
	}
	sub.no = ++c->last_sub;
	*place = sub;
	return json_pack("{sI}", "subscription", INT(sub.no));
}

static void sub_end(struct rpc_sub *sub)
{
	free(sub->before);
	*sub = (struct rpc_sub){0};
}

json_t *rpc_unsubscribe(struct rpc_conn *c, struct rpc_error *e)
{
	uint32_t no = c->call.req.unsubscribe.subscription;
	struct rpc_sub *sub = sub_find(c, no);

	if (sub == NULL) {
		rpc_fail_sys(e, -ENOENT, "there is no such subscription");
		return NULL;
	}
	sub_end(sub);
	return json_object();
}

void rpc_subs_free(struct rpc_conn *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->subs); i++)
		sub_end(&c->subs[i]);
}

/* Takes over params. */
static void notify(struct rpc_conn *c, const char *method, json_t *params)
{
	json_t *o = json_pack("{ss ss so}", "jsonrpc", "2.0", "method", method, "params", params);

	rpc_conn_say(c, json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9)));
	json_decref(o);
}

static bool has_room(const struct rpc_conn *c)
{
	return c->out.len <= RPC_OUT_PAUSE && !c->dead;
}

static void events_tell(struct rpc_conn *c, struct rpc_sub *sub)
{
	const struct journal *j = &c->server->cli->client.seg->events;
	uint64_t passed;
	struct note n;

	for (int i = 0; i < EVENTS_MAX && has_room(c); i++) {
		bool got = journal_read(j, &sub->next_event, &n, &passed);

		sub->lost += passed;
		if (!got)
			return;
		notify(c, "event",
			json_pack("{sI sI so}", "subscription", INT(sub->no), "lost",
				INT(sub->lost), "event", show_event(&n)));
		sub->lost = 0;
	}
	if (has_room(c))
		sub->due_ms = 0; /* there may be more */
}

static json_t *rates(struct rpc_conn *c, struct rpc_sub *sub)
{
	static struct link_sample now;
	const struct seg *s = c->server->cli->client.seg;
	json_t *view;

	show_link_sample(s, &now);
	view = show_link_rate(s, sub->before, &now);
	*sub->before = now;
	return view;
}

static void view_tell(struct rpc_conn *c, struct rpc_sub *sub)
{
	struct rpc_error e;
	json_t *view, *o;
	struct timespec ts;

	if (!has_room(c)) {
		sub->lost++;
		return;
	}
	view = sub->before ? rates(c, sub) : rpc_view(c, sub->method->id, &sub->req, &e);
	clock_gettime(CLOCK_REALTIME, &ts);
	o = json_pack("{sI sI sI sI ss}", "subscription", INT(sub->no), "seq", INT(sub->seq++),
		"lost", INT(sub->lost), "realtime_ns", INT(ts.tv_sec) * 1000000000 + ts.tv_nsec,
		"method", sub->method->name);
	json_object_set_new(o, view ? "result" : "error", view ? view : rpc_error_json(&e));
	notify(c, "statistics", o);
	sub->lost = 0;
}

void rpc_subs_step(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	for (size_t i = 0; i < ARRAY_SIZE(c->subs); i++) {
		struct rpc_sub *sub = &c->subs[i];

		if (sub->no == 0)
			continue;
		if (now_ms >= sub->due_ms) {
			int64_t missed = (now_ms - sub->due_ms) / sub->every_ms;

			sub->due_ms += (missed + 1) * sub->every_ms;
			sub->lost += sub->method != NULL ? (uint64_t)missed : 0;
			if (sub->method != NULL)
				view_tell(c, sub);
			else
				events_tell(c, sub);
		}
		*next_ms = MIN_OF(*next_ms, sub->due_ms);
	}
}
