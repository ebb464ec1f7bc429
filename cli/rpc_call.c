/* What a client asked for: requests one after the other, each in steps, so that a long one holds up
 * nobody but who asked. */
#include "cli/rpc_server.h"
#include "cli/since.h"
#include "common/util/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS 20 /* until what has no bell is tried again */
#define LINK_RATE_MS 1000

void rpc_call_begin(struct rpc_conn *c, json_t *line)
{
	c->call.line = line;
	c->call.at = 0;
	c->call.step = STEP_IDLE;
}

void rpc_call_free(struct rpc_call *call)
{
	json_decref(call->line);
	rpc_buf_free(&call->answers);
	*call = (struct rpc_call){0};
}

static bool is_batch(const struct rpc_call *call)
{
	return json_is_array(call->line);
}

/* The line's last request is answered. */
static void line_end(struct rpc_conn *c)
{
	struct rpc_call *call = &c->call;

	if (call->answers.len != 0) {
		bool ok = rpc_buf_add(&call->answers, "]", 2, SIZE_MAX); /* and an end */

		rpc_conn_say(c, ok ? strdup(call->answers.p) : NULL);
	}
	rpc_call_free(call);
}

/* Takes over text, NULL: a notification's, there is none. */
static void answer_add(struct rpc_conn *c, char *text)
{
	struct rpc_call *call = &c->call;
	const char *glue = call->answers.len == 0 ? "[" : ",";

	if (!is_batch(call)) {
		rpc_conn_say(c, text);
		return;
	}
	if (text == NULL || !rpc_buf_add(&call->answers, glue, 1, SIZE_MAX)
		|| !rpc_buf_add(&call->answers, text, strlen(text), SIZE_MAX))
		c->dead = true;
	free(text);
}

/* The request under way is done: takes over result, or e says why there is none. */
static void answer(struct rpc_conn *c, json_t *result, const struct rpc_error *e)
{
	struct rpc_call *call = &c->call;

	if (call->r.id != NULL)
		answer_add(c, rpc_answer_text(call->r.id, result, e));
	else
		json_decref(result);
	call->step = STEP_IDLE;
	if (!is_batch(call) || call->at == json_array_size(call->line))
		line_end(c);
}

json_t *rpc_view(struct rpc_conn *c, enum cmd_id id, const union cmd_req *req, struct rpc_error *e)
{
	struct cli *cli = c->server->cli;
	uint64_t age = client_beat_age_ms(&cli->client);
	char why[REPLY_TEXT_MAX];
	json_t *view;

	if (age > STALE_MS) {
		snprintf(why, sizeof(why),
			"the engine has shown no sign of life for %u s (stopped or hung?): what is "
			"there is from then",
			(uint32_t)(age / 1000));
		rpc_fail_sys(e, -ETIMEDOUT, why);
		return NULL;
	}
	since_use(&c->base);
	view = show(cli, id, req, why, sizeof(why));
	if (view == NULL)
		rpc_fail_sys(e, -errno, why);
	return view;
}

static void step_begin(struct rpc_call *call, enum rpc_step step, int64_t until_ms)
{
	call->step = step;
	call->until_ms = until_ms;
}

/* It has its place, if it needs one. */
static bool run(struct rpc_conn *c, int64_t now_ms)
{
	struct rpc_call *call = &c->call;
	const struct rpc_method *m = call->r.method;
	struct rpc_error e;
	json_t *view;

	if (m->own == RPC_COMMAND && cmd_desc(m->id)->kind == CMD_KIND_ENGINE) {
		step_begin(call, STEP_SEND, now_ms + c->server->cli->timeout_ms);
		return true;
	}
	if (m->own == RPC_COMMAND && m->id == CMD_show_link_rate) {
		c->link = c->link ? c->link : malloc(2 * sizeof(*c->link));
		BUG_ON(c->link == NULL);
		show_link_sample(c->server->cli->client.seg, &c->link[0]);
		step_begin(call, STEP_RATE, now_ms + LINK_RATE_MS);
		return true;
	}
	view = m->own == RPC_COMMAND ? rpc_view(c, m->id, &call->req.cmd, &e) : rpc_own_call(c, &e);
	answer(c, view, &e);
	return true;
}

static bool needs_place(const struct rpc_method *m)
{
	return m->own != RPC_discover && m->own != RPC_ping && m->own != RPC_close;
}

/* May it, and does it make sense? 0, or -1 with *e. */
static int look_at(struct rpc_conn *c, struct rpc_error *e)
{
	struct rpc_call *call = &c->call;
	const struct rpc_method *m = call->r.method;

	if (!c->trusted && (m->own != RPC_open || c->closing)) {
		rpc_fail_sys(e, -EACCES,
			"the token has to be said first: session.open {\"token\": ...}");
		return -1;
	}
	if (rpc_map(m, call->r.params, m->own == RPC_subscribe ? "params" : NULL, &call->req, e)
		!= 0)
		return -1;
	return m->own == RPC_open ? rpc_session_open(c, e) : 0;
}

/* The next request of the line. */
static bool next(struct rpc_conn *c, int64_t now_ms)
{
	struct rpc_call *call = &c->call;
	const json_t *o = call->line;
	struct rpc_error e;

	if (is_batch(call) && call->at == 0
		&& (json_array_size(o) == 0 || json_array_size(o) > RPC_BATCH_MAX)) {
		rpc_fail(&e, RPC_INVALID, "a batch of %zu requests, expected 1..%d",
			json_array_size(o), RPC_BATCH_MAX);
		rpc_conn_say(c, rpc_answer_text(json_null(), NULL, &e));
		line_end(c);
		return true;
	}
	if (is_batch(call))
		o = json_array_get(o, call->at++);
	c->credit--;
	if (rpc_request_of(o, &call->r, &e) != 0) {
		answer(c, NULL, &e);
	} else if (call->answers.len > RPC_ANSWERS_MAX) {
		rpc_fail(&e, RPC_INVALID,
			"the batch's answers take more than %u bytes: this request was not looked "
			"at",
			RPC_ANSWERS_MAX);
		answer(c, NULL, &e);
	} else if (look_at(c, &e) != 0) {
		answer(c, NULL, &e);
	} else if (needs_place(call->r.method) && !c->placed) {
		step_begin(call, STEP_PLACE, now_ms + HANDSHAKE_MS);
	} else {
		return run(c, now_ms);
	}
	return true;
}

/* Waits for more, or has waited long enough. */
static bool wait_more(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms, const char *late)
{
	struct rpc_call *call = &c->call;
	struct rpc_error e;

	*next_ms = MIN_OF(*next_ms, call->until_ms);
	if (now_ms < call->until_ms)
		return false;
	rpc_fail_sys(&e, -ETIMEDOUT, late);
	answer(c, NULL, &e);
	return true;
}

static bool place_step(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	char why[REPLY_TEXT_MAX];
	struct rpc_error e;
	int rc = rpc_place(c, why, sizeof(why));

	if (rc == 0)
		return run(c, now_ms);
	if (rc != -EAGAIN) {
		rpc_fail_sys(&e, rc, why);
		answer(c, NULL, &e);
		return true;
	}
	if (c->place.sock < 0)
		*next_ms = MIN_OF(*next_ms, now_ms + AGAIN_MS);
	if (now_ms >= c->call.until_ms)
		client_detach(&c->place);
	return wait_more(c, now_ms, next_ms, "the engine does not answer: it is stopped, or hung");
}

static bool send_step(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	struct rpc_call *call = &c->call;

	if (client_send(&c->place, call->r.method->id, &call->req.cmd) == 0) {
		call->step = STEP_REPLY;
		return true;
	}
	*next_ms = MIN_OF(*next_ms, now_ms + AGAIN_MS);
	return wait_more(
		c, now_ms, next_ms, "the engine takes no requests: it is stopped, or hung");
}

static bool reply_step(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	struct rep_cell rep;
	struct rpc_error e;
	int rc = client_reply(&c->place, &rep);
	char late[200];

	snprintf(late, sizeof(late),
		"no answer in %d s: the engine is busy, stopped or hung, and may still do it",
		c->server->cli->timeout_ms / 1000);
	if (rc == -EAGAIN)
		return wait_more(c, now_ms, next_ms, late);
	if (rc != 0) {
		rpc_fail_sys(&e, rc, "the engine is gone");
		c->closing = true;
	} else if (rep.code != 0) {
		rpc_fail_sys(&e, rep.code, rep.text);
	}
	answer(c,
		rc == 0 && rep.code == 0
			? json_pack("{so}", "message", show_text(rep.text, sizeof(rep.text)))
			: NULL,
		&e);
	return true;
}

static bool rate_step(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	const struct seg *s = c->server->cli->client.seg;

	*next_ms = MIN_OF(*next_ms, c->call.until_ms);
	if (now_ms < c->call.until_ms)
		return false;
	show_link_sample(s, &c->link[1]);
	answer(c, show_link_rate(s, &c->link[0], &c->link[1]), NULL);
	return true;
}

bool rpc_call_step(struct rpc_conn *c, int64_t now_ms, int64_t *next_ms)
{
	switch (c->call.step) {
	case STEP_IDLE:
		return next(c, now_ms);
	case STEP_PLACE:
		return place_step(c, now_ms, next_ms);
	case STEP_SEND:
		return send_step(c, now_ms, next_ms);
	case STEP_REPLY:
		return reply_step(c, now_ms, next_ms);
	case STEP_RATE:
		return rate_step(c, now_ms, next_ms);
	}
	return false;
}

void rpc_call_gone(struct rpc_conn *c)
{
	struct rpc_error e;

	if (c->call.line == NULL)
		return;
	rpc_fail_sys(&e, -EPIPE, "the engine is gone");
	if (c->call.step != STEP_IDLE)
		answer(c, NULL, &e);
	if (c->call.line != NULL)
		line_end(c);
}
