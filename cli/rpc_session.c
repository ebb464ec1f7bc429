/* Who a client is, and the server's own methods. */
#include "cli/rpc_server.h"
#include "cli/show_priv.h"
#include "common/util/clock.h"
#include "common/util/version.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int name_fail(struct rpc_error *e)
{
	rpc_fail(e, RPC_PARAMS, "name: expected 1..%d printable characters without blanks and '/'",
		NAME_MAX_LEN - 1);
	snprintf(e->parameter, sizeof(e->parameter), "name");
	snprintf(e->expected, sizeof(e->expected),
		"1..%d printable characters without blanks and '/'", NAME_MAX_LEN - 1);
	snprintf(e->where, sizeof(e->where), "params.name");
	return -1;
}

static bool name_ok(const char *s)
{
	size_t n = 0;

	while (s[n] > ' ' && s[n] < 127 && s[n] != '/')
		n++;
	return s[n] == '\0' && n > 0 && n < NAME_MAX_LEN;
}

int rpc_session_open(struct rpc_conn *c, struct rpc_error *e)
{
	const struct rpc_open *q = &c->call.req.open;

	if (!c->trusted && !rpc_token_same(c->server->o->token, q->token.s)) {
		c->closing = true; /* one guess a connection */
		return rpc_fail_sys(e, -EACCES, "the token is not right");
	}
	if (RPC_HAS(q, open, name) && !name_ok(q->name.s))
		return name_fail(e);
	if (c->placed)
		return rpc_fail_sys(e, -EALREADY,
			"this connection has its session: session.open comes before all that needs "
			"one");
	c->trusted = true;
	c->read_only |= q->read_only != 0;
	if (RPC_HAS(q, open, name))
		memcpy(c->name, q->name.s, sizeof(c->name)); /* shorter: name_ok() */
	return 0;
}

int rpc_place(struct rpc_conn *c, char *why, size_t len)
{
	const struct cli *cli = c->server->cli;
	const struct attach_opts o = {.prefix = cli->prefix,
		.name = c->name,
		.kind = client_kind_SCRIPT,
		.read_only = c->read_only};
	int rc = client_open(&c->place, &cli->client, &o, why, len);

	c->placed = rc == 0;
	return rc;
}

static json_t *session(struct rpc_conn *c)
{
	const struct seg *s = c->server->cli->client.seg;

	return json_pack("{ss sb sI ss so s{so so sI sI sI} s{ss sI}}", "name", c->name,
		"read_only", c->read_only, "slot", INT(c->place.slot_no), "peer", c->peer, "ports",
		show_held(s, c->place.slot_no), "engine", "version", TEXT(s->hdr.version), "prefix",
		TEXT(s->hdr.prefix), "pid", INT(s->hdr.engine_pid), "ports", INT(s->hdr.n_ports),
		"workers", INT(s->hdr.n_workers), "server", "version", warp17_version(), "pid",
		INT(getpid()));
}

static json_t *ping(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return json_pack("{ss sI sI}", "version", warp17_version(), "realtime_ns",
		INT(ts.tv_sec) * 1000000000 + ts.tv_nsec, "mono_ns", INT(mono_ns()));
}

/* Made once: it takes a while. */
static json_t *discover(void)
{
	static json_t *doc;

	if (doc == NULL)
		doc = rpc_openrpc();
	return json_incref(doc);
}

json_t *rpc_own_call(struct rpc_conn *c, struct rpc_error *e)
{
	switch (c->call.r.method->own) {
	case RPC_discover:
		return discover();
	case RPC_ping:
		return ping();
	case RPC_open:
	case RPC_info:
		return session(c);
	case RPC_close:
		c->closing = true;
		return json_object();
	case RPC_subscribe:
		return rpc_subscribe(c, e);
	case RPC_unsubscribe:
		return rpc_unsubscribe(c, e);
	case RPC_COMMAND:
	case RPC_OWN_END:
		break;
	}
	rpc_fail(e, RPC_NO_METHOD, "there is no such method");
	return NULL;
}
