/* HTTP/1.1: clients that ask for one object over and over, servers with one answer. */
#include "engine/l7_app/l7_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Kinds of a server's messages: bit 0 answers HEAD, bit 1 says Connection: close. */
#define KIND_HEAD 1u
#define KIND_CLOSE 2u
static_assert((KIND_HEAD | KIND_CLOSE) == APP_KINDS - 1);

#define PIPELINE_MAX 8 /* requests that wait behind the one being answered */
static_assert(PIPELINE_MAX <= 8 * FIELD_SIZE(struct app_conn, kinds));

void http_page(uint8_t *page, uint32_t len)
{
	/* a line of 64, so that the page and the pattern end together */
	static const char
		line[] = "WARP17 0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQR\n";

	static_assert(sizeof(line) - 1 == 64);
	for (uint32_t i = 0; i < len; i++)
		page[i] = line[i % (sizeof(line) - 1)];
}

static const char *const method_text[] = {
	[http_method_GET] = "GET", [http_method_HEAD] = "HEAD", [http_method_POST] = "POST"};
static_assert(ARRAY_SIZE(method_text) == http_method_COUNT);
static const char *const status_text[] = {
	[http_status_OK_200] = "200 OK", [http_status_NOT_FOUND_404] = "404 Not Found"};
static_assert(ARRAY_SIZE(status_text) == http_status_COUNT);

/* Does the text end within its room, without what would end the line (or, without blanks, the word)
 * it goes into? */
static int text_fits(const char *s, size_t room, int blanks)
{
	size_t len = strnlen(s, room);

	for (size_t i = 0; i < len; i++) {
		if ((uint8_t)s[i] < ' ' || (s[i] == ' ' && !blanks))
			return 0;
	}
	return len < room;
}

/* The user's next field of that name behind f, from its colon on; NULL. config_check() has seen that
 * each line ends. */
static const char *field_next(const char *f, const char *name)
{
	size_t n = strlen(name);

	for (; *f != '\0'; f = strchr(f, '\n') + 1) {
		if (strncasecmp(f, name, n) == 0 && f[n] == ':')
			return f + n;
	}
	return NULL;
}

/* Is there a field "Connection: close"? */
static int says_close(const struct http_config *h)
{
	const char *f = field_next(h->fields, "Connection");

	for (; f != NULL; f = field_next(strchr(f, '\n') + 1, "Connection")) {
		const char *word = strcasestr(f, "close");

		if (word != NULL && word < strchr(f, '\n'))
			return 1;
	}
	return 0;
}

static int two_hosts(const struct http_config *h)
{
	const char *f = field_next(h->fields, "Host");

	return f != NULL && field_next(strchr(f, '\n') + 1, "Host") != NULL;
}

static int config_check(
	const struct app_tc *at, const struct app_config *cfg, char *err, size_t errlen)
{
	const struct http_config *h = &cfg->http;
	size_t len = strnlen(h->fields, sizeof(h->fields));
	const char *why = NULL;

	if (at->is_udp)
		why = "HTTP runs over TCP, the test case is UDP";
	else if (h->method >= http_method_COUNT || h->status >= http_status_COUNT)
		why = "no such method or status";
	else if (h->body_bytes > APP_SIZE_MAX)
		why = "body too long";
	else if (!text_fits(h->host, sizeof(h->host), 0))
		why = "host name too long, or with blanks in it";
	else if (!text_fits(h->object, sizeof(h->object), 0))
		why = "object name too long, or with blanks in it";
	else if (h->object[0] == '\0' && at->is_client)
		why = "no object name";
	else if (len == sizeof(h->fields))
		why = "header fields too long";
	else if (len == 1 || (len >= 2 && memcmp(h->fields + len - 2, "\r\n", 2) != 0))
		why = "header fields do not end in CRLF";
	else if (strncmp(h->fields, "\r\n", 2) == 0 || strstr(h->fields, "\r\n\r\n") != NULL)
		why = "empty header field";
	if (why == NULL && two_hosts(h))
		why = "http-field: a second Host, RFC 9112 allows but one";
	if (why == NULL)
		return 0;
	snprintf(err, errlen, "%s", why);
	return -EINVAL;
}

/* n: what snprintf() said of the head. */
static int head_set(struct app_msg *m, int n, uint32_t body, char *err, size_t errlen)
{
	if (n < 0 || n >= APP_HEAD_MAX) {
		snprintf(err, errlen, "head of %d bytes, at most %d are possible", n,
			APP_HEAD_MAX - 1);
		return -EINVAL;
	}
	m->head_len = n;
	m->len = n + body;
	return 0;
}
static_assert((uint64_t)APP_SIZE_MAX + APP_HEAD_MAX < 1u << 31);

/* "Name: value" and its end, or nothing when the user has set it: no such field comes twice. */
static void field_of(
	char *buf, size_t len, const struct http_config *h, const char *name, const char *value)
{
	if (field_next(h->fields, name) != NULL)
		buf[0] = '\0';
	else
		snprintf(buf, len, "%s: %s\r\n", name, value);
}

static int client_init(struct app_tc *at, const struct app_config *cfg, char *err, size_t errlen)
{
	const struct http_config *h = &cfg->http;
	struct app_msg *m = &at->msg[0];
	char length[40] = "", host[HTTP_NAME_MAX + 10], agent[40];
	int n;

	at->is_head = h->method == http_method_HEAD;
	field_of(host, sizeof(host), h, "Host", h->host);
	field_of(agent, sizeof(agent), h, "User-Agent", "WARP17 HTTP CL");
	/* RFC 9110 §8.6: a POST says so too when it has no body */
	if (h->body_bytes != 0 || h->method == http_method_POST)
		snprintf(length, sizeof(length), "Content-Length: %u\r\n", h->body_bytes);
	n = snprintf((char *)m->head, sizeof(m->head), "%s %s HTTP/1.1\r\n%s%s%s%s\r\n",
		method_text[h->method], h->object, host, agent, h->fields, length);
	return head_set(m, n, h->body_bytes, err, errlen);
}

static int server_init(struct app_tc *at, const struct app_config *cfg, char *err, size_t errlen)
{
	const struct http_config *h = &cfg->http;
	char server[40], close[40];

	field_of(server, sizeof(server), h, "Server", "WARP17");
	field_of(close, sizeof(close), h, "Connection", "close");
	for (uint32_t kind = 0; kind < APP_KINDS; kind++) {
		struct app_msg *m = &at->msg[kind];
		int n = snprintf((char *)m->head, sizeof(m->head),
			"HTTP/1.1 %s\r\n%s%s%sContent-Length: %u\r\n\r\n", status_text[h->status],
			server, h->fields, kind & KIND_CLOSE ? close : "", h->body_bytes);
		int rc = head_set(m, n, kind & KIND_HEAD ? 0 : h->body_bytes, err, errlen);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int http_tc_init(struct app_tc *at, const struct app_config *cfg, char *err, size_t errlen)
{
	int rc = config_check(at, cfg, err, errlen);

	if (rc != 0)
		return rc;
	if (says_close(&cfg->http))
		at->requests =
			1; /* RFC 9112 §9.6: nothing follows what says so, from either side */
	return at->is_client ? client_init(at, cfg, err, errlen)
			     : server_init(at, cfg, err, errlen);
}

enum app_act http_conn_up(const struct app_tc *at, struct app_conn *c, uint8_t *kind)
{
	(void)c; /* zeroed: at the start of a message */
	*kind = 0;
	return at->is_client ? APP_SEND : APP_NONE;
}

static cold_path enum app_act bad(struct app_conn *c, struct app_stats st)
{
	STAT_INC(st.http->invalid);
	http_parse_end(c);
	return APP_ABORT;
}

/* Is this the last message of its connection: by what it says, or by the test case's limit? */
static int last(const struct app_tc *at, const struct app_conn *c)
{
	/* a server's answers do not offer what an HTTP/1.0 client needs to keep a connection */
	return (c->flags & HF_CLOSE)
		|| ((c->flags & HF_HTTP10) && !(at->is_client && (c->flags & HF_KEEP)))
		|| (at->requests != 0 && c->n_done >= at->requests);
}

/* client */

static void response_count(struct app_stats st, uint8_t class)
{
	STAT_INC(st.http->rx_resp);
	STAT_INC(st.tc->responses);
	if (likely(class == 2)) {
		STAT_INC(st.http->resp_2xx);
		return;
	}
	STAT_INC(st.tc->resp_errors);
	if (class == 3)
		STAT_INC(st.http->resp_3xx);
	else if (class == 4)
		STAT_INC(st.http->resp_4xx);
	else
		STAT_INC(st.http->resp_5xx);
}

static enum app_act response_end(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, int idle)
{
	int close = http_until_close(c);

	response_count(st, c->kinds & HS_CLASS);
	c->n_done++;
	c->flags &= ~HF_AWAIT;
	if (close || last(at, c)) {
		http_parse_end(c);
		return APP_CLOSE;
	}
	http_parse_begin(c);
	if (likely(idle))
		return APP_SEND;
	c->pending = 1; /* it came before all of its request was out */
	return APP_NONE;
}

static enum http_event response_head(
	const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	enum http_event e;

	if (unlikely((c->kinds & HS_CLASS) == 1)) { /* the response is still to come */
		STAT_INC(st.http->resp_1xx);
		http_parse_begin(c);
		return HTTP_MORE;
	}
	e = http_body_begin(c, 1, at->is_head || (c->kinds & HS_NO_BODY));
	if (unlikely(http_until_close(c)))
		STAT_INC(st.http->no_len);
	return e;
}

static enum app_act client_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle)
{
	if (unlikely(http_ended(c)))
		return APP_NONE;
	if (unlikely(!(c->flags & HF_AWAIT) && (idle || c->pending != 0)))
		return bad(c, st); /* nothing was asked, or that has been answered */
	while (len != 0) {
		uint32_t used;
		enum http_event e = http_parse(c, 1, data, len, &used);

		data += used;
		len -= used;
		if (e == HTTP_HEAD_END)
			e = response_head(at, c, st);
		if (unlikely(e == HTTP_BAD))
			return bad(c, st);
		if (e == HTTP_MSG_END) {
			enum app_act act = response_end(at, c, st, idle);

			return likely(len == 0 || act == APP_CLOSE) ? act : bad(c, st);
		}
	}
	return APP_NONE;
}

static enum app_act client_sent(struct app_conn *c, struct app_stats st)
{
	STAT_INC(st.http->tx_req);
	STAT_INC(st.tc->requests);
	if (unlikely(http_ended(c)))
		return APP_NONE; /* its answer came before it was out, and was the last */
	if (unlikely(c->pending != 0)) {
		c->pending = 0;
		return APP_SEND;
	}
	c->flags |= HF_AWAIT;
	return APP_NONE;
}

/* server */

static enum app_act request_end(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, int idle, uint8_t *kind)
{
	uint32_t head = c->flags & HF_HEAD ? KIND_HEAD : 0;
	int close;

	STAT_INC(st.http->rx_req);
	STAT_INC(st.tc->requests);
	c->n_done++;
	close = last(at, c);
	http_parse_begin(c);
	if (unlikely(close)) {
		c->flags |= HF_LAST;
		http_parse_end(c);
	}
	if (likely(idle)) {
		*kind = head | (close ? KIND_CLOSE : 0);
		return APP_SEND;
	}
	if (unlikely(c->pending == PIPELINE_MAX))
		return bad(c, st);
	c->kinds |= head << c->pending++;
	return APP_NONE;
}

static enum app_act server_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	enum app_act act = APP_NONE;

	while (len != 0) {
		uint32_t used;
		enum http_event e = http_parse(c, 0, data, len, &used);

		data += used;
		len -= used;
		if (e == HTTP_HEAD_END)
			e = http_body_begin(c, 0, 0);
		if (unlikely(e == HTTP_BAD))
			return bad(c, st);
		if (e == HTTP_MSG_END) {
			enum app_act now = request_end(at, c, st, idle && act == APP_NONE, kind);

			if (unlikely(now == APP_ABORT))
				return now;
			act = now == APP_SEND ? now : act;
		}
	}
	return act;
}

static enum app_act server_sent(struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	STAT_INC(st.http->tx_resp);
	STAT_INC(st.tc->responses);
	if (likely(c->pending == 0))
		return c->flags & HF_LAST ? APP_CLOSE : APP_NONE;
	*kind = c->kinds & KIND_HEAD;
	c->kinds >>= 1;
	if (--c->pending == 0 && (c->flags & HF_LAST))
		*kind |= KIND_CLOSE;
	return APP_SEND;
}

/* both */

enum app_act http_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	*kind = 0;
	if (at->is_client)
		return client_deliver(at, c, st, data, len, idle);
	return server_deliver(at, c, st, data, len, idle, kind);
}

enum app_act http_sent(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	*kind = 0;
	return at->is_client ? client_sent(c, st) : server_sent(c, st, kind);
}

enum app_act http_lost(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	(void)at;
	(void)c;
	(void)st;
	*kind = 0;
	return APP_NONE; /* runs over TCP, which loses nothing */
}

enum app_act http_peer_closed(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	if (at->is_client) {
		if (http_until_close(c))
			response_end(at, c, st, 1);
		return APP_CLOSE;
	}
	if (c->pending == 0)
		return APP_CLOSE;
	c->flags |= HF_LAST; /* a client that closes its side after its requests gets all its
	                        answers */
	return APP_NONE;
}

void http_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	if (at->is_client)
		STAT_ADD(st.http->closed_resp, (c->flags & HF_AWAIT) != 0);
	else
		STAT_ADD(st.http->closed_req, http_in_message(c) != 0);
	http_parse_end(c);
	c->flags = 0;
}
