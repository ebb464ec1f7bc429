/* HTTP/1.1: clients that ask for one object over and over, servers with one answer. */
#include "engine/l7_app/l7_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Kinds of a server's messages: bit 0 answers HEAD, bit 1 says Connection: close. */
#define KIND_HEAD 1
#define KIND_CLOSE 2
#define PIPELINE_MAX 8

static int head_fits(struct app_msg *m, int n, uint32_t body, char *err, size_t errlen)
{
	if (n < 0 || n >= APP_HEAD_MAX) {
		snprintf(err, errlen, "head of %d bytes, at most %d are possible", n, APP_HEAD_MAX - 1);
		return -EINVAL;
	}
	m->head_len = n;
	m->len = n + body;
	return 0;
}

static int client_init(struct app_tc *at, const struct tc_config *cfg, char *err, size_t errlen)
{
	const struct http_config *h = &cfg->http;
	struct app_msg *m = &at->msg[0];
	char length[40] = "";

	at->is_head = h->method == http_method_HEAD;
	if (h->body_bytes != 0)
		snprintf(length, sizeof(length), "Content-Length: %u\r\n", h->body_bytes);
	return head_fits(m,
		snprintf((char *)m->head, sizeof(m->head),
			"%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: WARP17\r\n%s%s\r\n",
			http_method_word(h->method), h->object, h->host, h->fields, length),
		h->body_bytes, err, errlen);
}

static int server_init(struct app_tc *at, const struct tc_config *cfg, char *err, size_t errlen)
{
	const struct http_config *h = &cfg->http;

	for (uint8_t kind = 0; kind < APP_KINDS; kind++) {
		struct app_msg *m = &at->msg[kind];
		int n = snprintf((char *)m->head, sizeof(m->head),
			"HTTP/1.1 %s\r\nServer: WARP17\r\n%s%sContent-Length: %u\r\n\r\n",
			h->status == http_status_OK_200 ? "200 OK" : "404 Not Found",
			kind & KIND_CLOSE ? "Connection: close\r\n" : "", h->fields, h->body_bytes);
		int rc = head_fits(m, n, kind & KIND_HEAD ? 0 : h->body_bytes, err, errlen);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int http_tc_init(struct app_tc *at, const struct tc_config *cfg, char *err, size_t errlen)
{
	if (cfg->proto != l4proto_TCP) {
		snprintf(err, errlen, "HTTP runs over TCP, the test case is UDP");
		return -EINVAL;
	}
	return at->is_client ? client_init(at, cfg, err, errlen) : server_init(at, cfg, err, errlen);
}

enum app_act http_conn_up(const struct app_tc *at, struct app_conn *c, uint8_t *kind)
{
	http_parse_begin(c);
	*kind = 0;
	return at->is_client ? APP_SEND : APP_NONE;
}

static enum app_act bad(struct app_stats st)
{
	st.http->invalid++;
	return APP_ABORT;
}

/* ---- client ---- */

static void status_count(struct app_stats st, struct app_conn *c, uint16_t status)
{
	uint64_t *class[] = {&st.http->resp_1xx, &st.http->resp_2xx, &st.http->resp_3xx,
		&st.http->resp_4xx, &st.http->resp_5xx};

	(*class[status / 100 - 1])++;
	if (status >= 200 && status / 100 != 2)
		st.tc->resp_errors++;
	/* for the end of the head: 1xx is followed by the real one, 204 and 304 have no body */
	c->kinds = status < 200 ? 1 : status == 204 || status == 304 ? 2 : 0;
}

static int closes(const struct app_conn *c)
{
	return (c->flags & HF_CLOSE) || (c->flags & (HF_HTTP10 | HF_KEEP)) == HF_HTTP10;
}

static enum app_act response_end(const struct app_tc *at, struct app_conn *c, struct app_stats st, int idle)
{
	int last = closes(c);

	st.http->rx_resp++;
	st.tc->responses++;
	c->n_done++;
	c->flags &= ~HF_AWAIT;
	http_parse_begin(c);
	if (last || (at->requests != 0 && c->n_done >= at->requests))
		return APP_CLOSE;
	if (idle)
		return APP_SEND;
	c->pending = 1;
	return APP_NONE;
}

static enum app_act client_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle)
{
	while (len != 0) {
		uint16_t status = 0;
		uint32_t used;
		enum http_event e = http_parse(c, 1, data, len, &used, &status);

		data += used;
		len -= used;
		if (status != 0)
			status_count(st, c, status);
		if (e == HTTP_HEAD_END && c->kinds == 1) {
			http_parse_begin(c);
			continue;
		}
		if (e == HTTP_HEAD_END) {
			e = http_body_begin(c, 1, at->is_head || c->kinds == 2);
			if (http_until_close(c))
				st.http->no_len++;
		}
		if (e == HTTP_BAD)
			return bad(st);
		if (e == HTTP_MSG_END)
			return len == 0 ? response_end(at, c, st, idle) : bad(st);
	}
	return APP_NONE;
}

/* ---- server ---- */

static enum app_act request_end(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	int idle, uint8_t *kind, enum app_act act)
{
	uint8_t head = c->flags & HF_HEAD ? KIND_HEAD : 0;

	st.http->rx_req++;
	st.tc->requests++;
	c->n_done++;
	if (closes(c) || (at->requests != 0 && c->n_done >= at->requests))
		c->flags |= HF_LAST;
	http_parse_begin(c);
	if (idle && act == APP_NONE) {
		*kind = head | (c->flags & HF_LAST ? KIND_CLOSE : 0);
		return APP_SEND;
	}
	if (c->pending == PIPELINE_MAX)
		return bad(st);
	c->kinds |= head << c->pending++;
	return act;
}

static enum app_act server_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	enum app_act act = APP_NONE;

	while (len != 0 && !(c->flags & HF_LAST) && act != APP_ABORT) {
		uint16_t status;
		uint32_t used;
		enum http_event e = http_parse(c, 0, data, len, &used, &status);

		data += used;
		len -= used;
		if (e == HTTP_HEAD_END)
			e = http_body_begin(c, 0, 0);
		if (e == HTTP_BAD)
			return bad(st);
		if (e == HTTP_MSG_END)
			act = request_end(at, c, st, idle, kind, act);
	}
	return act;
}

enum app_act http_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	*kind = 0;
	if (at->is_client)
		return client_deliver(at, c, st, data, len, idle);
	return server_deliver(at, c, st, data, len, idle, kind);
}

enum app_act http_sent(const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	*kind = 0;
	if (at->is_client) {
		st.http->tx_req++;
		st.tc->requests++;
		c->flags |= HF_AWAIT;
		if (c->pending == 0)
			return APP_NONE;
		c->pending = 0;
		return APP_SEND;
	}
	st.http->tx_resp++;
	st.tc->responses++;
	if (c->pending == 0)
		return c->flags & HF_LAST ? APP_CLOSE : APP_NONE;
	*kind = c->kinds & KIND_HEAD;
	c->kinds >>= 1;
	if (--c->pending == 0 && (c->flags & HF_LAST))
		*kind |= KIND_CLOSE;
	return APP_SEND;
}

enum app_act http_peer_closed(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	if (at->is_client && http_until_close(c))
		response_end(at, c, st, 1);
	return APP_CLOSE;
}

void http_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	if (at->is_client)
		st.http->closed_resp += (c->flags & HF_AWAIT) != 0;
	else
		st.http->closed_req += !http_at_start(c);
	c->flags = 0;
}
