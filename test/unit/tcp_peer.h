/* What tests of TCP do with the peer that they play: a server or a client of the engine's brought up
 * against it, text sent, what came taken. */
#pragma once

#include "test/unit/stack.h"

#include <string.h>

#define REQUEST "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define REQUEST_CLOSE "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

/* A server on port 1 that answers HTTP requests with bodies of so many bytes; not started. */
static inline struct tc_config *peer_server(uint32_t body)
{
	struct tc_config *c;

	stack_begin(256, 16, 2048);
	stack.wired = false;
	c = stack_tc(1, 0, l4proto_TCP, 0);
	c->app.kind = app_kind_HTTP;
	c->app.http.status = http_status_OK_200;
	c->app.http.body_bytes = body;
	return c;
}

/* A client of one session on port 0, started: its SYN. */
static inline struct peer_seg peer_client(void)
{
	struct peer_seg syn;

	stack_begin(256, 16, 2048);
	stack.wired = false;
	stack_tc(0, 0, l4proto_TCP, 1)->app.kind = app_kind_HTTP;
	stack_start(0, 0);
	stack_run_us(100);
	assert_true(peer_take(0, &syn));
	assert_int_equal(syn.flags, TCP_SYN);
	return syn;
}

/* The SYN of a peer that begins to open to the server, with the options given. */
static inline struct peer_seg peer_syn(uint16_t sport, const uint8_t *opts, uint8_t n)
{
	return (struct peer_seg){.sport = sport,
		.dport = 80,
		.seq = 5000,
		.wnd = 65535,
		.flags = TCP_SYN,
		.opts = opts,
		.opts_len = n};
}

/* Sends a SYN to the server and takes the SYN-ACK; s becomes the ACK that would establish it. */
static inline struct peer_seg peer_syn_ack(struct peer_seg *s)
{
	struct peer_seg got;

	peer_send(1, s);
	stack_run_us(50);
	assert_true(peer_take(1, &got));
	assert_int_equal(got.flags, TCP_SYN | TCP_ACK);
	s->seq++;
	s->ack = got.seq + 1;
	s->flags = TCP_ACK;
	s->opts_len = 0;
	return got;
}

/* An established connection to a server that was set up and started, the peer's next segment.
 * mss 0: no option. */
static inline struct peer_seg peer_estab(uint16_t mss)
{
	const uint8_t opt[] = {2, 4, mss >> 8, mss & 255};
	struct peer_seg s = peer_syn(1000, opt, mss == 0 ? 0 : sizeof(opt));

	peer_syn_ack(&s);
	peer_send(1, &s);
	stack_run_us(50);
	s.opts = NULL;
	return s;
}

/* The same, with the server of so many bytes. */
static inline struct peer_seg peer_up_mss(uint32_t body, uint16_t mss)
{
	peer_server(body);
	stack_start(1, 0);
	return peer_estab(mss);
}

/* Sends it as it stands, and lets it be answered. */
static inline void peer_say(uint16_t port, const struct peer_seg *s)
{
	peer_send(port, s);
	stack_run_us(50);
}

/* Sends text and moves on behind it. */
static inline void peer_text(uint16_t port, struct peer_seg *s, const char *text)
{
	s->data = text;
	s->len = (uint32_t)strlen(text);
	peer_say(port, s);
	s->seq += s->len;
	s->len = 0;
}

/* Takes all that came: how many segments with data; *end behind the last byte when it is not NULL,
 * *last the last segment likewise. */
static inline uint32_t peer_count(uint16_t port, uint32_t *end, struct peer_seg *last)
{
	struct peer_seg got;
	uint32_t n = 0;

	while (peer_take(port, &got)) {
		n += got.len != 0;
		if (end != NULL && got.len != 0 && seq_lt(*end, got.seq + got.len))
			*end = got.seq + got.len;
		if (last != NULL)
			*last = got;
	}
	return n;
}

/* options */

/* The first of that kind in what came, NULL when there is none. */
static inline const uint8_t *peer_option(const struct peer_seg *s, uint8_t kind)
{
	for (uint8_t i = 0; i < s->opts_len && s->opts[i] != 0;
		i += s->opts[i] == 1 ? 1 : s->opts[i + 1]) {
		if (s->opts[i] == kind)
			return s->opts + i;
	}
	return NULL;
}

static inline uint32_t peer_get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void peer_put32(uint8_t *at, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A SACK option of n blocks behind two NOPs; its bytes. */
static inline uint8_t peer_put_sack(uint8_t *at, const uint32_t (*block)[2], uint8_t n)
{
	at[0] = at[1] = 1;
	at[2] = 5;
	at[3] = (uint8_t)(2 + 8 * n);
	for (uint8_t i = 0; i < n; i++) {
		peer_put32(at + 4 + 8 * i, block[i][0]);
		peer_put32(at + 8 + 8 * i, block[i][1]);
	}
	return (uint8_t)(4 + 8 * n);
}

/* A timestamps option behind two NOPs: 12 bytes. */
static inline uint8_t peer_put_ts(uint8_t *at, uint32_t val, uint32_t ecr)
{
	at[0] = at[1] = 1;
	at[2] = 8;
	at[3] = 10;
	peer_put32(at + 4, val);
	peer_put32(at + 8, ecr);
	return 12;
}
