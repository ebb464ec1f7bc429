/* HTTP: a corpus of messages with what is expected of each, in one piece, cut at every byte, and
 * in pieces of every size; then the same with random bytes changed. In one piece mostly
 * http_head.c reads them, in bytes http_parse.c. */
#include "test/unit/app_http.h"
#include "test/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sample {
	const char *text;
	uint32_t done;    /* whole messages in it */
	uint32_t invalid; /* 1: and then something that is not HTTP */
	uint32_t status;  /* class of the response */
	uint32_t closed;  /* the application closes */
};

#define NGINX                                                                                \
	"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Mon, 23 Nov 2026 02:00:00 GMT\r\n" \
	"Content-Type: text/html\r\nContent-Length: 15\r\nLast-Modified: Mon, 23 Nov 2026 "  \
	"01:00:00 "                                                                          \
	"GMT\r\nConnection: keep-alive\r\nETag: \"6561-f\"\r\nAccept-Ranges: bytes\r\n\r\n"
#define APACHE                                                                                    \
	"HTTP/1.1 404 Not Found\r\nDate: Mon, 23 Nov 2026 02:00:00 GMT\r\nServer: Apache/2.4.57 " \
	"(Debian)\r\nContent-Length: 4\r\nKeep-Alive: timeout=5, max=100\r\nConnection: "         \
	"Keep-Alive\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\n"
#define GET "GET / HTTP/1.1\r\n\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

static const struct sample responses[] = {
	{OK "Server: WARP17\r\nContent-Length: 0\r\n\r\n", 1, 0, 2, 0},
	{OK "Server: WARP17\r\nContent-Length: 10\r\n\r\n0123456789", 1, 0, 2, 0},
	{NGINX "<html> </html>\n", 1, 0, 2, 0},
	{APACHE "gone", 1, 0, 4, 0},
	{OK "Content-Type: text/html\r\nAccept-Ranges: bytes\r\nETag: \"18\"\r\nLast-Modified: "
	    "Mon\r\n"
	    "Content-Length: 3\r\nDate: Mon\r\nServer: lighttpd/1.4.69\r\n\r\nabc",
		1, 0, 2, 0},
	{OK "CONTENT-LENGTH:3\r\n\r\nabc", 1, 0, 2, 0},
	{OK "content-length:   3   \r\nX: y\r\n\r\nabc", 1, 0, 2, 0},
	{OK "Content-Length:\t3\t\r\n\r\nabc", 1, 0, 2, 0},
	{OK "Content-Length: 000000000003\r\n\r\nabc", 1, 0, 2, 0},
	{OK "Content-Length: 3\nServer: x\n\nabc", 1, 0, 2, 0},
	{"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc", 1, 0, 2, 0},
	{"HTTP/1.1 200\nContent-Length: 3\n\nabc", 1, 0, 2, 0},
	{"HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nabc", 1, 0, 2, 0},
	{OK "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 1, 0, 2, 0},
	{OK "Content-Length: 10\r\nA: b\r\nContent-Length: 0010\r\n\r\n0123456789", 1, 0, 2, 0},
	{OK "Content-Length: 0\r\nContent-Length: 00\r\n\r\n", 1, 0, 2, 0},
	{OK "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc", 0, 1, 0, 0},
	{OK "Content-Length: 3\r\nContent-Length: 33\r\n\r\nabc", 0, 1, 0, 0},
	{OK "Content-Length: 33\r\nContent-Length: 3\r\n\r\nabc", 0, 1, 0, 0},
	{OK "Content-Length: 0\r\nContent-Length: 1\r\n\r\na", 0, 1, 0, 0},
	{OK "Content-Length: 4294967296\r\n\r\n", 0, 1, 0, 0},
	{OK "Content-Length: 4294967295\r\n\r\n", 0, 0, 0, 0},
	{OK "Content-Length: 99999999999999999999\r\n\r\n", 0, 1, 0, 0},
	{OK "Content-Length: -1\r\n\r\n", 0, 1, 0, 0},
	{OK "Content-Length: 3a\r\n\r\nabc", 0, 1, 0, 0},
	{OK "Content-Length: 3 3\r\n\r\nabc", 0, 1, 0, 0},
	{OK "Content-Length: 3, 3\r\n\r\nabc", 0, 1, 0, 0},
	{OK "Content-Length:\r\n\r\n", 0, 1, 0, 0},
	{OK "Content-Length:\r\n 3\r\n\r\nabc", 1, 0, 2, 0},
	{OK "Content-Length: 3\r\n \r\n\r\nabc", 1, 0, 2, 0},
	{OK "Content-Length: 3\r\n 4\r\n\r\nabc", 0, 1, 0, 0},
	{OK "X-Long: one\r\n Content-Length: 9\r\n\ttwo\r\nContent-Length: 3\r\n\r\nabc", 1, 0, 2,
		0},
	{OK "X-Content-Length: 9\r\nContent-Lengths: 9\r\nContent-Lengt: 9\r\nContent-Length: "
	    "3\r\n\r\nabc",
		1, 0, 2, 0},
	{OK "Content\rLength: 7\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc", 1, 0, 2,
		0},
	{CHUNKED "3\r\nabc\r\n0\r\n\r\n", 1, 0, 2, 0},
	{CHUNKED "0\r\n\r\n", 1, 0, 2, 0},
	{CHUNKED "A;name=value\r\n0123456789\r\n1 ; q=\"x\"\r\nz\r\n000\r\n\r\n", 1, 0, 2, 0},
	{CHUNKED "2\r\nab\r\n00;last\r\nContent-Length: 7\r\nX: y\r\n\r\n", 1, 0, 2, 0},
	{CHUNKED "2\nab\n0\n\n", 1, 0, 2, 0},
	{CHUNKED "\r\n", 0, 1, 0, 0},
	{CHUNKED "g\r\n", 0, 1, 0, 0},
	{CHUNKED "100000000\r\n", 0, 1, 0, 0},
	{CHUNKED "ffffffff\r\nx", 0, 0, 0, 0},
	{CHUNKED "2\r\nabc\r\n0\r\n\r\n", 0, 1, 0, 0},
	{CHUNKED "2\r\nab\r\r\n0\r\n\r\n", 0, 1, 0, 0},
	{OK "Content-Length: 99\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1, 0, 2,
		0},
	{OK "Transfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1, 0, 2, 0},
	{OK "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1,
		0, 2, 0},
	{OK "Transfer-Encoding: gzip,\r\n chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 1, 0, 2, 0},
	{OK "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\nuntil the end", 0, 0, 0,
		0},
	{OK "Transfer-Encoding: chunkedx\r\n\r\nuntil the end", 0, 0, 0, 0},
	{OK "Server: old\r\n\r\nuntil the end", 0, 0, 0, 0},
	{OK "Content-Length: 2\r\nConnection: close\r\n\r\nab", 1, 0, 2, 1},
	{OK "Connection: close\r\nContent-Length: 2\r\n\r\nab and what is not read any more", 1, 0,
		2, 1},
	{OK "Content-Length: 2\r\nconnection:Close\r\n\r\nab", 1, 0, 2, 1},
	{OK "Content-Length: 2\r\nConnection: TE, close\r\n\r\nab", 1, 0, 2, 1},
	{OK "Content-Length: 2\r\nConnection: closed, keep\r\n\r\nab", 1, 0, 2, 0},
	{OK "Content-Length: 2\r\nConnections: close\r\n\r\nab", 1, 0, 2, 0},
	{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", 1, 0, 2, 1},
	{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nab", 1, 0, 2, 0},
	{"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: x,keep-alive\r\n\r\nab", 1, 0, 2, 0},
	{"HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 2\r\n\r\nab", 1, 0, 2, 0},
	{"HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n" CHUNKED "0\r\n\r\n", 1, 0, 2, 0},
	{"HTTP/1.1 204 No Content\r\n\r\n", 1, 0, 2, 0},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n", 1, 0, 3, 0},
	{"HTTP/1.1 503 Busy\r\nContent-Length: 1\r\n\r\n!", 1, 0, 5, 0},
	{"HTTP/1.1 500 Oops\r\nT: x\r\nC: y\r\nContent-Length:0\r\n\r\n", 1, 0, 5, 0},
	{"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 1, 0, 0},
	{"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 1, 0, 0},
	{"HTTP/1.1 600 OK\r\nContent-Length: 0\r\n\r\n", 0, 1, 0, 0},
	{"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", 0, 1, 0, 0},
	{"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n", 0, 1, 0, 0},
	{"HTTP/1.1  200 OK\r\nContent-Length: 0\r\n\r\n", 0, 1, 0, 0},
	{"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n", 0, 1, 0, 0},
	{OK "Content-Length: 0\r\n\rX", 0, 1, 0, 0},
};

static const struct sample requests[] = {
	{"GET /index.html HTTP/1.1\r\nHost: www.foo42.net\r\nUser-Agent: WARP17 HTTP CL\r\n\r\n", 1,
		0, 0, 0},
	{"GET / HTTP/1.1\r\nHost: 10.0.0.1:8080\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n",
		1, 0, 0, 0},
	{"GET / HTTP/1.1\r\nHost: localhost:80\r\n\r\n", 1, 0, 0, 0}, /* wrk */
	{"GET / HTTP/1.0\r\nHost: a\r\nUser-Agent: ApacheBench/2.3\r\nAccept: */*\r\n\r\n", 1, 0, 0,
		1},
	{"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nHost: a\r\nUser-Agent: "
	 "ApacheBench/2.3\r\n\r\n",
		1, 0, 0, 1}, /* ab -k: our answer does not offer to stay */
	{"GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: "
	 "text/html,*/*;q=0.8\r\n"
	 "Accept-Language: en\r\nAccept-Encoding: gzip, deflate\r\nConnection: "
	 "keep-alive\r\nCookie: a=b; "
	 "c=d\r\nUpgrade-Insecure-Requests: 1\r\nCache-Control: max-age=0\r\nTE: trailers\r\n\r\n",
		1, 0, 0, 0},
	{"GET / HTTP/1.1\r\n\r\n", 1, 0, 0, 0}, {"GET / HTTP/1.1\n\n", 1, 0, 0, 0},
	{"\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 1, 0, 0, 0},
	{"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 1, 0, 0, 0},
	{"\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0, 1, 0, 0},
	{"HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n", 1, 0, 0, 0},
	{"HEADS /x HTTP/1.1\r\nHost: h\r\n\r\n", 1, 0, 0, 0},
	{"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", 1, 0, 0, 0},
	{"M-SEARCH * HTTP/1.1\r\nHost: h\r\n\r\n", 1, 0, 0, 0},
	{"POST /p HTTP/1.1\r\nHost: h\r\nContent-Type: a/b\r\nContent-Length: 5\r\n\r\nhello", 1, 0,
		0, 0},
	{"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhel", 0, 0, 0, 0},
	{"POST /p HTTP/1.1\r\nHost: h\r\n\r\n", 1, 0, 0, 0},
	{"PUT /p HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: t\r\n\r\n", 1,
		0, 0, 0},
	{"PUT /p HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 0, 1, 0, 0},
	{"PUT /p HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 0, 1, 0, 0},
	{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 1, 0, 0, 1},
	{"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n", 1, 0, 0,
		1},
	{"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 "
	 "HTTP/1.1\r\n\r\n",
		3, 0, 0, 0},
	{"POST /1 HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET /2 HTTP/1.1\r\nConnection: "
	 "close\r\n\r\n",
		2, 0, 0, 1},
	{"GET / HTTP/1.1\r\n folded: x\r\nHost: h\r\n\tmore\r\n\r\n", 1, 0, 0, 0},
	{"GET  / HTTP/1.1\r\n\r\n", 0, 1, 0, 0}, {"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 0, 1, 0, 0},
	{"GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 0, 1, 0, 0},
	{"GET /index.html\r\nHost: h\r\n\r\n", 0, 1, 0, 0},
	{"GET / HTTP/2.0\r\nHost: hhhhhhhhh\r\n\r\n", 0, 1, 0, 0},
	{"GET / http/1.1\r\nHost: hhhhhhhhh\r\n\r\n", 0, 1, 0, 0},
	{" GET / HTTP/1.1\r\nHost: hhhhhhhhh\r\n\r\n", 0, 1, 0, 0},
	{"G<T / HTTP/1.1\r\nHost: hhhhhhhhh\r\n\r\n", 0, 1, 0, 0},
	{"GET /\t HTTP/1.1\r\nHost: hhhhhhhhh\r\n\r\n", 0, 1, 0, 0},
	{"\x16\x03\x01\x02\x01\x01\x01\xfc\x03\x03\x41\x42\x43\x44\x45\x46\x47", 0, 1, 0,
		0}, /* TLS */
};

static struct app_tc client, server;

/* One connection and what came of it. */
struct run {
	const struct app_tc *tc;
	struct app_conn conn;
	struct stats_tc tc_stats;
	struct stats_http http;
	uint8_t over; /* APP_CLOSE or APP_ABORT was answered */
	uint32_t n_kinds;
	uint8_t kinds[64];
};

static struct app_stats st(struct run *r)
{
	return (struct app_stats){&r->tc_stats, &r->http};
}

/* Does what the application wants, as TCP with an open window would. */
static void follow(struct run *r, enum app_act act, uint8_t kind)
{
	while (act == APP_SEND) {
		if (r->n_kinds < sizeof(r->kinds))
			r->kinds[r->n_kinds++] = kind;
		act = app_sent(r->tc, &r->conn, st(r), &kind);
	}
	if (act != APP_NONE)
		r->over = act;
}

static void run_begin(struct run *r, const struct app_tc *tc)
{
	uint8_t kind;

	memset(r, 0, sizeof(*r));
	r->tc = tc;
	follow(r, app_conn_up(tc, &r->conn, st(r), &kind), 0);
}

/* The piece ends where a page would: a read behind it is seen by asan. */
static void run_piece(struct run *r, const char *data, uint32_t len)
{
	uint8_t kind = 99, *copy;
	enum app_act act;

	if (r->over == APP_ABORT || len == 0)
		return;
	copy = malloc(len);
	assert_non_null(copy);
	memcpy(copy, data, len);
	act = app_deliver(r->tc, &r->conn, st(r), copy, len, 1, &kind);
	free(copy);
	follow(r, act, kind);
}

static void run_expect(const struct run *r, const struct sample *s, int is_client)
{
	const struct stats_http *h = &r->http;
	uint64_t class[] = {0, 0, h->resp_2xx, h->resp_3xx, h->resp_4xx, h->resp_5xx};

	if ((is_client ? h->rx_resp : h->rx_req) != s->done || h->invalid != s->invalid)
		fail_msg("of: %s", s->text);
	assert_int_equal(r->over, s->invalid ? APP_ABORT : s->closed ? APP_CLOSE : APP_NONE);
	if (is_client && s->done != 0)
		assert_int_equal(class[s->status], 1);
	if (is_client)
		assert_int_equal(r->tc_stats.resp_errors, s->done != 0 && s->status != 2);
}

/* What does not depend on when the peer's bytes came: all but the parser's scratch. */
static void run_equal(const struct run *a, const struct run *b, const char *text)
{
	if (memcmp(&a->http, &b->http, sizeof(a->http)) != 0
		|| memcmp(&a->tc_stats, &b->tc_stats, sizeof(a->tc_stats)) != 0
		|| a->over != b->over || a->n_kinds != b->n_kinds
		|| memcmp(a->kinds, b->kinds, sizeof(a->kinds)) != 0
		|| a->conn.n_done != b->conn.n_done
		|| (a->over == APP_NONE
			&& (a->conn.phase != b->conn.phase || a->conn.rx_left != b->conn.rx_left
				|| a->conn.flags != b->conn.flags)))
		fail_msg("cut differently, read differently: %s", text);
}

static void sample_cut(const struct sample *s, const struct app_tc *tc)
{
	uint32_t len = strlen(s->text);
	struct run whole, r;

	run_begin(&whole, tc);
	run_piece(&whole, s->text, len);
	run_expect(&whole, s, tc == &client);
	for (uint32_t cut = 1; cut < len; cut++) {
		run_begin(&r, tc);
		run_piece(&r, s->text, cut);
		run_piece(&r, s->text + cut, len - cut);
		run_equal(&whole, &r, s->text);
	}
	for (uint32_t step = 1; step < 40; step++) {
		run_begin(&r, tc);
		for (uint32_t at = 0; at < len; at += step)
			run_piece(&r, s->text + at, MIN_OF(step, len - at));
		run_equal(&whole, &r, s->text);
	}
}

static void responses_in_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(responses); i++)
		sample_cut(&responses[i], &client);
}

static void requests_in_every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
		sample_cut(&requests[i], &server);
}

/* A client that asks once, so that bytes behind its response are passed over in every cut. */
static void mutate(const struct sample *s, const struct app_tc *tc, uint64_t *seed)
{
	static const char odd[] = "\r\n\t :;,0129aAcCtT-\0\x80kK";
	uint32_t len = strlen(s->text), at;
	char text[1024];
	struct run whole, r;

	assert_true(len < sizeof(text));
	memcpy(text, s->text, len + 1);
	for (uint32_t n = 1 + *seed % 3; n != 0; n--) {
		*seed = *seed * 6364136223846793005u + 1442695040888963407u;
		text[(*seed >> 33) % len] = odd[(*seed >> 20) % (sizeof(odd) - 1)];
	}
	run_begin(&whole, tc);
	run_piece(&whole, text, len);
	run_begin(&r, tc);
	for (at = 0; at < len; at++)
		run_piece(&r, text + at, 1);
	if (whole.over != APP_ABORT) {
		run_equal(&whole, &r, text);
		return;
	}
	/* a server answers what came before only if it came apart */
	assert_int_equal(r.over, APP_ABORT);
	assert_int_equal(whole.http.rx_req, r.http.rx_req);
	assert_int_equal(whole.http.rx_resp, r.http.rx_resp);
	assert_int_equal(whole.http.invalid, r.http.invalid);
}

static void changed_bytes_read_the_same_in_every_cut(void **state)
{
	struct app_tc once = client;
	uint64_t seed = 17;

	(void)state;
	once.requests = 1;
	for (int round = 0; round < 1000; round++) {
		for (size_t i = 0; i < ARRAY_SIZE(responses); i++)
			mutate(&responses[i], &once, &seed);
		for (size_t i = 0; i < ARRAY_SIZE(requests); i++)
			mutate(&requests[i], &server, &seed);
	}
}

static void response_until_close_ends_with_fin(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, &client);
	run_piece(&r, OK "\r\nbody", 23);
	assert_int_equal(r.http.no_len, 1);
	assert_int_equal(r.http.rx_resp, 0);
	assert_int_equal(app_peer_closed(&client, &r.conn, st(&r)), APP_CLOSE);
	assert_int_equal(r.http.rx_resp, 1);
	assert_int_equal(r.http.resp_2xx, 1);
	app_conn_down(&client, &r.conn, st(&r));
	assert_int_equal(r.http.closed_resp, 0);
}

static void head_response_has_no_body(void **state)
{
	struct app_tc tc = client;
	struct run r;

	(void)state;
	tc.is_head = 1;
	run_begin(&r, &tc);
	for (int i = 0; i < 3; i++) {
		run_piece(&r, NGINX, strlen(NGINX));
		run_piece(&r, CHUNKED, strlen(CHUNKED));
		run_piece(&r, OK "\r\n", strlen(OK "\r\n"));
	}
	assert_int_equal(r.http.rx_resp, 9);
	assert_int_equal(r.http.tx_req, 10);
	assert_int_equal(r.http.no_len, 0);
}

static void interim_responses_are_counted_apart(void **state)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Wait\r\n\r\n" OK
				   "Content-Length: 0\r\n\r\n";
	struct run r;

	(void)state;
	run_begin(&r, &client);
	run_piece(&r, text, strlen(text));
	assert_int_equal(r.http.resp_1xx, 2);
	assert_int_equal(r.http.rx_resp, 1);
	assert_int_equal(r.tc_stats.responses, 1);
	assert_int_equal(r.tc_stats.requests, 2);
}

static void client_counts_what_was_cut_off(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, &client);
	run_piece(&r, "HTTP/1.1 200", 12);
	assert_int_equal(app_peer_closed(&client, &r.conn, st(&r)), APP_CLOSE);
	app_conn_down(&client, &r.conn, st(&r));
	assert_int_equal(r.http.closed_resp, 1);
	assert_int_equal(r.http.rx_resp, 0);
}

static void client_refuses_what_it_did_not_ask_for(void **state)
{
	static const char twice[] = OK "Content-Length: 0\r\n\r\n" OK "Content-Length: 0\r\n\r\n";
	struct run r;

	(void)state;
	run_begin(&r, &client);
	run_piece(&r, twice, strlen(twice));
	assert_int_equal(r.over, APP_ABORT);
	assert_int_equal(r.http.rx_resp, 1);
	assert_int_equal(r.http.invalid, 1);
}

static void early_response_is_remembered(void **state)
{
	static const char text[] = "HTTP/1.1 413 Large\r\nContent-Length: 0\r\n\r\n";
	static const char
		last[] = "HTTP/1.1 413 Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
	struct run r = {.tc = &client};
	uint8_t kind;

	(void)state;
	assert_int_equal(app_conn_up(&client, &r.conn, st(&r), &kind), APP_SEND);
	assert_int_equal(app_deliver(&client, &r.conn, st(&r), (const uint8_t *)text, strlen(text),
				 0, &kind),
		APP_NONE);
	assert_int_equal(app_sent(&client, &r.conn, st(&r), &kind), APP_SEND);
	assert_int_equal(app_deliver(&client, &r.conn, st(&r), (const uint8_t *)last, strlen(last),
				 0, &kind),
		APP_CLOSE);
	assert_int_equal(app_sent(&client, &r.conn, st(&r), &kind), APP_NONE);
	assert_int_equal(r.http.resp_4xx, 2);
	app_conn_down(&client, &r.conn, st(&r));
	assert_int_equal(r.http.closed_resp, 0);
}

static void limits_close(void **state)
{
	struct app_tc c = client, s = server;
	struct run r;

	(void)state;
	c.requests = s.requests = 2;
	run_begin(&r, &c);
	run_piece(&r, responses[0].text, strlen(responses[0].text));
	assert_int_equal(r.over, APP_NONE);
	run_piece(&r, responses[0].text, strlen(responses[0].text));
	assert_int_equal(r.over, APP_CLOSE);
	assert_int_equal(r.http.tx_req, 2);
	run_begin(&r, &s);
	for (int i = 0; i < 3; i++)
		run_piece(&r, requests[0].text, strlen(requests[0].text));
	assert_int_equal(r.over, APP_CLOSE);
	assert_int_equal(r.http.rx_req, 2);
	assert_int_equal(r.n_kinds, 2);
	assert_int_equal(r.kinds[0], 0);
	assert_int_equal(r.kinds[1], 2);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	static const char
		text[] = "GET /1 HTTP/1.1\r\n\r\nHEAD /2 HTTP/1.1\r\n\r\nGET /3 HTTP/1.1\r\n\r\n"
			 "HEAD /4 HTTP/1.1\r\nConnection: close\r\n\r\n";
	static const uint8_t want[] = {0, 1, 0, 3};
	struct run r;

	(void)state;
	run_begin(&r, &server);
	run_piece(&r, text, strlen(text));
	assert_int_equal(r.n_kinds, 4);
	assert_memory_equal(r.kinds, want, sizeof(want));
	assert_int_equal(r.over, APP_CLOSE);
	assert_int_equal(r.http.tx_resp, 4);
	assert_int_equal(r.tc_stats.responses, 4);
}

static void too_deep_a_pipeline_is_refused(void **state)
{
	static const char text[] = GET GET GET GET GET GET GET GET GET GET;
	uint32_t one = strlen(GET);
	struct run r;

	(void)state;
	run_begin(&r, &server);
	run_piece(&r, text, 9 * one);
	assert_int_equal(r.http.rx_req, 9);
	assert_int_equal(r.http.tx_resp, 9);
	assert_int_equal(r.over, 0);
	run_piece(&r, text, 10 * one);
	assert_int_equal(r.over, APP_ABORT);
	assert_int_equal(r.http.invalid, 1);
}

static void half_closed_client_gets_its_answers(void **state)
{
	static const char text[] = "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
	struct run r = {.tc = &server};
	uint8_t kind;

	(void)state;
	app_conn_up(&server, &r.conn, st(&r), &kind);
	assert_int_equal(app_deliver(&server, &r.conn, st(&r), (const uint8_t *)text, strlen(text),
				 1, &kind),
		APP_SEND);
	assert_int_equal(app_peer_closed(&server, &r.conn, st(&r)), APP_NONE);
	assert_int_equal(app_sent(&server, &r.conn, st(&r), &kind), APP_SEND);
	assert_int_equal(kind, 2);
	assert_int_equal(app_sent(&server, &r.conn, st(&r), &kind), APP_CLOSE);
}

static void server_counts_what_was_cut_off(void **state)
{
	struct run r;

	(void)state;
	run_begin(&r, &server);
	run_piece(&r, "GET / HT", 8);
	assert_int_equal(app_peer_closed(&server, &r.conn, st(&r)), APP_CLOSE);
	app_conn_down(&server, &r.conn, st(&r));
	assert_int_equal(r.http.closed_req, 1);
	run_begin(&r, &server);
	run_piece(&r, requests[0].text, strlen(requests[0].text));
	app_conn_down(&server, &r.conn, st(&r));
	assert_int_equal(r.http.closed_req, 0);
}

/* Built by a server, byte by byte as app_payload() gives it, and read by a client. */
static void own_messages_are_understood(void **state)
{
	struct tc_config cfg = http_config(tc_kind_SERVER);
	struct app_tc tc;
	struct run r;
	char err[100];
	uint32_t len;

	(void)state;
	cfg.app.http.status = http_status_NOT_FOUND_404;
	cfg.app.http.body_bytes = 300000;
	assert_int_equal(app_tc_init(&tc, &cfg.app, cfg.kind, cfg.proto, err, sizeof(err)), 0);
	run_begin(&r, &client);
	for (uint32_t off = 0; off < tc.msg[0].len; off += len) {
		const uint8_t *p = app_payload(&tc, 0, off, &len);

		len = MIN_OF(len, 1447u);
		run_piece(&r, (const char *)p, len);
		assert_true(
			off < tc.msg[0].head_len || (p[0] >= ' ' && p[0] < 127) || p[0] == '\n');
	}
	assert_int_equal(r.http.resp_4xx, 1);
	assert_int_equal(r.http.rx_resp, 1);
	assert_int_equal(r.http.tx_req, 2);
	assert_int_equal(r.tc_stats.resp_errors, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses_in_every_cut),
		cmocka_unit_test(requests_in_every_cut),
		cmocka_unit_test(changed_bytes_read_the_same_in_every_cut),
		cmocka_unit_test(response_until_close_ends_with_fin),
		cmocka_unit_test(head_response_has_no_body),
		cmocka_unit_test(interim_responses_are_counted_apart),
		cmocka_unit_test(client_counts_what_was_cut_off),
		cmocka_unit_test(client_refuses_what_it_did_not_ask_for),
		cmocka_unit_test(early_response_is_remembered),
		cmocka_unit_test(limits_close),
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(too_deep_a_pipeline_is_refused),
		cmocka_unit_test(half_closed_client_gets_its_answers),
		cmocka_unit_test(server_counts_what_was_cut_off),
		cmocka_unit_test(own_messages_are_understood),
	};
	struct tc_config c = http_config(tc_kind_CLIENT), s = http_config(tc_kind_SERVER);
	char err[100];

	if (app_tc_init(&client, &c.app, c.kind, c.proto, err, sizeof(err)) != 0
		|| app_tc_init(&server, &s.app, s.kind, s.proto, err, sizeof(err)) != 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
