/* HTTP as a client and as a server of ours read it: the same whether it comes whole or in pieces.
 * The first byte says which side and where it is cut, the rest is what the peer sends. */
#include "engine/l7_app/l7_app.h"
#include "test/fuzz/fuzz.h"

#define PIPELINED 8 /* http.c's PIPELINE_MAX */

static struct app_tc sides[2];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char err[200];

	(void)argc;
	(void)argv;
	for (int i = 0; i < 2; i++) {
		enum tc_kind kind = i == 0 ? tc_kind_CLIENT : tc_kind_SERVER;
		struct tc_config c;

		tc_config_init(&c, kind, l4proto_TCP);
		c.app.kind = app_kind_HTTP;
		MUST(app_tc_init(&sides[i], &c.app, kind, l4proto_TCP, err, sizeof(err)) == 0);
	}
	return 0;
}

struct run {
	const struct app_tc *tc;
	struct app_conn conn;
	struct stats_tc tc_stats;
	struct stats_http http;
	uint32_t over; /* APP_CLOSE or APP_ABORT was answered */
	uint32_t n_sent;
};

static struct app_stats st(struct run *r)
{
	return (struct app_stats){&r->tc_stats, &r->http};
}

/* Does what the application wants, as TCP with an open window would. */
static void follow(struct run *r, enum app_act act, uint8_t kind)
{
	while (act == APP_SEND) {
		MUST(kind < APP_KINDS && r->tc->msg[kind].len != 0);
		r->n_sent++;
		act = app_sent(r->tc, &r->conn, st(r), &kind);
	}
	if (act != APP_NONE)
		r->over = act;
}

static void begin(struct run *r, const struct app_tc *tc)
{
	uint8_t kind = 0;

	memset(r, 0, sizeof(*r));
	r->tc = tc;
	follow(r, app_conn_up(tc, &r->conn, st(r), &kind), kind);
}

static void piece(struct run *r, const uint8_t *data, size_t len)
{
	uint8_t kind = 0, *copy;
	enum app_act act;

	if (r->over == APP_ABORT || len == 0)
		return;
	copy = malloc(len); /* its size: asan sees what is beyond */
	MUST(copy != NULL);
	memcpy(copy, data, len);
	act = app_deliver(r->tc, &r->conn, st(r), copy, (uint32_t)len, 1, &kind);
	free(copy);
	follow(r, act, kind);
}

/* Whole or in pieces, the same came of it. But of what came before something that is not HTTP nothing needs to have been
 * answered yet, and to a client's next request, if it is out by then, what comes behind a response is the answer; and more requests
 * than PIPELINED at once are too many. */
static void same(const struct run *a, const struct run *b)
{
	if (a->over == APP_ABORT && a->http.rx_resp + a->http.rx_req / PIPELINED != 0)
		return;
	MUST(a->over == b->over && a->http.invalid == b->http.invalid);
	MUST(a->http.rx_req == b->http.rx_req && a->http.rx_resp == b->http.rx_resp);
	MUST(a->conn.n_done == b->conn.n_done);
	if (a->over == APP_ABORT)
		return;
	MUST(memcmp(&a->http, &b->http, sizeof(a->http)) == 0);
	MUST(a->n_sent == b->n_sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct feed f = {data, data + size};
	uint8_t how = feed_8(&f);
	size_t len = (size_t)(f.end - f.p), step = how / 2 % 32 + 1, cut = how / 2u;
	struct run whole, halves, pieces;

	begin(&whole, &sides[how & 1]);
	begin(&halves, &sides[how & 1]);
	begin(&pieces, &sides[how & 1]);
	cut = cut < len ? cut : len;
	piece(&whole, f.p, len);
	piece(&halves, f.p, cut);
	piece(&halves, f.p + cut, len - cut);
	for (size_t at = 0; at < len; at += step)
		piece(&pieces, f.p + at, step < len - at ? step : len - at);
	same(&whole, &halves);
	same(&whole, &pieces);
	app_peer_closed(whole.tc, &whole.conn, st(&whole));
	app_conn_down(whole.tc, &whole.conn, st(&whole));
	return 0;
}
