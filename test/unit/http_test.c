/* HTTP messages, whole, cut at every place, and a byte at a time: always the same outcome. */
#include "engine/l7_app/l7_app.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct stats_tc tc;
static struct stats_http http;
static struct app_tc client, server;

static struct app_stats stats(void)
{
	memset(&tc, 0, sizeof(tc));
	memset(&http, 0, sizeof(http));
	return (struct app_stats){.tc = &tc, .http = &http};
}

static void setup_tc(struct app_tc *at, enum tc_kind kind)
{
	struct tc_config cfg;
	char err[100];

	tc_config_init(&cfg, kind, l4proto_TCP);
	cfg.app = app_kind_HTTP;
	cfg.http.status = http_status_OK_200;
	cfg.http.body_bytes = kind == tc_kind_SERVER ? 2000 : 0;
	assert_int_equal(app_tc_init(at, &cfg, err, sizeof(err)), 0);
}

static int setup(void **state)
{
	(void)state;
	setup_tc(&client, tc_kind_CLIENT);
	setup_tc(&server, tc_kind_SERVER);
	return 0;
}

struct outcome {
	enum app_act act;
	uint8_t kind;
	uint64_t msgs, invalid;
};

/* Feeds text in pieces: the first is cut bytes long, the rest step bytes each. */
static struct outcome feed(const struct app_tc *at, const char *text, size_t cut, size_t step)
{
	struct app_stats st = stats();
	struct app_conn c;
	struct outcome o = {0};
	size_t len = strlen(text), n = cut;
	uint8_t kind;

	app_conn_up(at, &c, st, &kind);
	if (at->is_client)
		app_sent(at, &c, st, &kind);
	for (size_t i = 0; i < len && o.act != APP_ABORT; i += n, n = step) {
		enum app_act a;

		n = n > len - i ? len - i : n;
		a = app_deliver(at, &c, st, (const uint8_t *)text + i, n, 1, &kind);
		if (a != APP_NONE) {
			o.act = a;
			o.kind = kind;
		}
	}
	o.msgs = at->is_client ? http.rx_resp : http.rx_req;
	o.invalid = http.invalid;
	return o;
}

static void everywhere(const struct app_tc *at, const char *text, enum app_act act, uint8_t kind, uint64_t msgs)
{
	for (size_t cut = 1; cut <= strlen(text); cut++) {
		struct outcome o = feed(at, text, cut, cut == 1 ? 1 : 4096);

		if (o.act != act || o.msgs != msgs || o.kind != kind)
			fail_msg("cut at %zu: act %d kind %u messages %d of '%s'", cut, o.act, o.kind, (int)o.msgs, text);
	}
}

static void responses(void **state)
{
	(void)state;
	everywhere(&client, "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: 5\r\n"
			    "Connection: keep-alive\r\n\r\nhello", APP_SEND, 0, 1);
	everywhere(&client, "HTTP/1.1 200 OK\r\ncOnTeNt-LeNgTh:0\r\n\r\n", APP_SEND, 0, 1);
	everywhere(&client, "HTTP/1.1 404 Not Found\nContent-Length: 3\n\nabc", APP_SEND, 0, 1);
	everywhere(&client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n"
			    "0\r\nTrailer: x\r\n\r\n", APP_SEND, 0, 1);
	everywhere(&client, "HTTP/1.1 204 No Content\r\nX: y\r\n\r\n", APP_SEND, 0, 1);
	everywhere(&client, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", APP_SEND, 0, 1);
	everywhere(&client, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", APP_CLOSE, 0, 1);
	everywhere(&client, "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", APP_CLOSE, 0, 1);
	everywhere(&client, "HTTP/1.1 200 OK\r\nContent-Lengthy: 9\r\nContent-Length: 1\r\n\r\nx", APP_SEND, 0, 1);
}

static void bad_responses(void **state)
{
	(void)state;
	everywhere(&client, "FTP/1.1 200 OK\r\n\r\n", APP_ABORT, 0, 0);
	everywhere(&client, "HTTP/2.0 200 OK\r\n\r\n", APP_ABORT, 0, 0);
	everywhere(&client, "HTTP/1.1 999 OK\r\n\r\n", APP_ABORT, 0, 0);
	everywhere(&client, "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n", APP_ABORT, 0, 0);
	everywhere(&client, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", APP_ABORT, 0, 0);
	everywhere(&client, "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", APP_ABORT, 0, 0);
	everywhere(&client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", APP_ABORT, 0, 0);
}

static void until_close(void **state)
{
	static const char text[] = "HTTP/1.1 200 OK\r\nX: y\r\n\r\nas long as it lasts";
	struct app_stats st = stats();
	struct app_conn c;
	uint8_t kind;

	(void)state;
	app_conn_up(&client, &c, st, &kind);
	app_sent(&client, &c, st, &kind);
	assert_int_equal(app_deliver(&client, &c, st, (const uint8_t *)text, sizeof(text) - 1, 1, &kind), APP_NONE);
	assert_int_equal(app_peer_closed(&client, &c, st), APP_CLOSE);
	assert_int_equal(http.rx_resp, 1);
	assert_int_equal(http.no_len, 1);
}

static void requests(void **state)
{
	(void)state;
	everywhere(&server, "GET / HTTP/1.1\r\nHost: 172.16.1.2\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n", APP_SEND, 0, 1);
	everywhere(&server, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", APP_SEND, 1, 1);
	everywhere(&server, "HEADS /x HTTP/1.1\r\nHost: a\r\n\r\n", APP_SEND, 0, 1);
	everywhere(&server, "POST /x HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody", APP_SEND, 0, 1);
	everywhere(&server, "GET / HTTP/1.1\r\nConnection: close\r\n\r\n", APP_SEND, 2, 1);
	everywhere(&server, "GET / HTTP/1.0\r\n\r\n", APP_SEND, 2, 1);
	everywhere(&server, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", APP_SEND, 0, 1);
	everywhere(&server, "\r\nGET / HTTP/1.1\r\n\r\n", APP_SEND, 0, 1);
	everywhere(&server, "get / HTTP/1.1\r\n\r\n", APP_ABORT, 0, 0);
	everywhere(&server, "GET / SIP/2.0\r\n\r\n", APP_ABORT, 0, 0);
	everywhere(&server, "GET /\r\n\r\n", APP_ABORT, 0, 0);
}

/* Two requests in one segment: the second is remembered until the first is answered. */
static void pipelined(void **state)
{
	static const char text[] = "GET /a HTTP/1.1\r\n\r\nHEAD /b HTTP/1.1\r\nConnection: close\r\n\r\n";
	struct app_stats st = stats();
	struct app_conn c;
	uint8_t kind;

	(void)state;
	app_conn_up(&server, &c, st, &kind);
	assert_int_equal(app_deliver(&server, &c, st, (const uint8_t *)text, sizeof(text) - 1, 1, &kind), APP_SEND);
	assert_int_equal(kind, 0);
	assert_int_equal(app_sent(&server, &c, st, &kind), APP_SEND);
	assert_int_equal(kind, 3);
	assert_int_equal(app_sent(&server, &c, st, &kind), APP_CLOSE);
	assert_int_equal(http.rx_req, 2);
	assert_int_equal(http.tx_resp, 2);
}

/* What a message says of its length is how long it is, at every offset. */
static void payload(void **state)
{
	const struct app_msg *m = &server.msg[0];
	uint32_t n, total = 0;

	(void)state;
	for (uint32_t off = 0; off < m->len; off += n, total += n) {
		const uint8_t *p = app_payload(&server, 0, off, &n);

		assert_true(n > 0);
		n = n > m->len - off ? m->len - off : n;
		assert_true(off < m->head_len ? memcmp(p, m->head + off, 1) == 0 : *p == 0x2a);
	}
	assert_int_equal(total, m->head_len + 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(responses), cmocka_unit_test(bad_responses),
		cmocka_unit_test(until_close), cmocka_unit_test(requests), cmocka_unit_test(pipelined),
		cmocka_unit_test(payload)};

	return cmocka_run_group_tests(tests, setup, NULL);
}
