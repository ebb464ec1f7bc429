/* ECHO: a client sends messages of one size and expects each back, byte for byte; a server sends
 * back what it receives, message by message. The small example of doc/contributing.md.
 *
 * There is no send buffer, so a server cannot send back what it does not know: both sides know the
 * bytes of a message by its size, and the server checks what comes before it answers with the same. */
#include "engine/l7_app/l7_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* app_conn.flags */
#define EF_BAD 0x01u  /* the message being read differs */
#define EF_LAST 0x02u /* a server whose peer has closed: it does when the pending ones are sent */

void echo_page(uint8_t *page, uint32_t len)
{
	/* no two places of a page near each other look alike: what is moved is noticed */
	for (uint32_t i = 0; i < len; i++)
		page[i] = (uint8_t)(i ^ i >> 8 ^ 0x5a);
}

int echo_tc_init(struct app_tc *at, const struct app_config *cfg, char *err, size_t errlen)
{
	if (cfg->echo.bytes == 0 || cfg->echo.bytes > APP_SIZE_MAX) {
		snprintf(err, errlen, "message of %u bytes, expected 1..%u", cfg->echo.bytes,
			APP_SIZE_MAX);
		return -EINVAL;
	}
	at->rx_bytes = at->msg[0].len = cfg->echo.bytes;
	return 0;
}

enum app_act echo_conn_up(const struct app_tc *at, struct app_conn *c, uint8_t *kind)
{
	*kind = 0;
	c->rx_left = at->is_client ? 0 : at->rx_bytes;
	return at->is_client ? APP_SEND : APP_NONE;
}

static int done(const struct app_tc *at, const struct app_conn *c)
{
	return at->requests != 0 && c->n_done >= at->requests;
}

static enum app_act client_next(const struct app_tc *at, struct app_conn *c)
{
	c->n_done++;
	return done(at, c) ? APP_CLOSE : APP_SEND;
}

apart enum app_act echo_sent(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	*kind = 0;
	if (at->is_client) {
		STAT_INC(st.tc->requests);
		/* the server answers only what is whole, so nothing of it can have come yet */
		c->rx_left = at->rx_bytes;
		return APP_NONE;
	}
	STAT_INC(st.tc->responses);
	if (c->pending != 0) {
		c->pending--;
		return APP_SEND;
	}
	return done(at, c) || (c->flags & EF_LAST) ? APP_CLOSE : APP_NONE;
}

/* The next len bytes of the message being read, none behind its end. */
static void compare(const struct app_tc *at, struct app_conn *c, const uint8_t *data, uint32_t len)
{
	uint32_t off = at->rx_bytes - c->rx_left, n;

	c->rx_left -= len;
	for (; len != 0; off += n, data += n, len -= n) {
		const uint8_t *want = app_payload(at, 0, off, &n);

		n = MIN_OF(n, len);
		if (memcmp(want, data, n) != 0)
			c->flags |= EF_BAD;
	}
}

/* A whole message is there: counts it if it differs. */
static int differs(struct app_conn *c, struct app_stats st)
{
	int bad = c->flags & EF_BAD;

	c->flags &= (uint8_t)~EF_BAD;
	STAT_ADD(st.tc->mismatches, bad != 0);
	return bad;
}

static enum app_act client_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len)
{
	if (len > c->rx_left) { /* more than was sent; over UDP it may have been given up */
		STAT_INC(st.tc->mismatches);
		return at->is_udp ? APP_NONE : APP_ABORT;
	}
	compare(at, c, data, len);
	if (c->rx_left != 0)
		return APP_NONE;
	differs(c, st);
	STAT_INC(st.tc->responses);
	return client_next(at, c);
}

/* idle: an answer may begin at once. */
static enum app_act server_message(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, int idle)
{
	STAT_INC(st.tc->requests);
	c->rx_left = at->rx_bytes;
	if (differs(c, st))
		return APP_ABORT; /* it cannot be sent back */
	c->n_done++;
	if (idle)
		return APP_SEND;
	if (c->pending == UINT8_MAX)
		return APP_ABORT; /* a peer that does not wait for its answers */
	c->pending++;
	return APP_NONE;
}

static enum app_act server_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle)
{
	enum app_act act = APP_NONE;

	while (len != 0 && !done(at, c)) {
		uint32_t n = MIN_OF(len, c->rx_left);
		enum app_act now;

		compare(at, c, data, n);
		data += n;
		len -= n;
		if (c->rx_left != 0)
			break;
		now = server_message(at, c, st, idle && act == APP_NONE);
		if (now == APP_ABORT)
			return now;
		act = now == APP_SEND ? now : act;
	}
	return act;
}

apart enum app_act echo_deliver(const struct app_tc *at, struct app_conn *c, struct app_stats st,
	const uint8_t *data, uint32_t len, int idle, uint8_t *kind)
{
	*kind = 0;
	return at->is_client ? client_deliver(at, c, st, data, len)
			     : server_deliver(at, c, st, data, len, idle);
}

enum app_act echo_lost(
	const struct app_tc *at, struct app_conn *c, struct app_stats st, uint8_t *kind)
{
	*kind = 0;
	c->flags &= (uint8_t)~EF_BAD;
	if (!at->is_client) {
		c->rx_left = at->rx_bytes; /* the rest of a message in several datagrams */
		return APP_NONE;
	}
	if (c->rx_left == 0)
		return APP_NONE;
	c->rx_left = 0;
	STAT_INC(st.tc->resp_lost);
	return client_next(at, c);
}

enum app_act echo_peer_closed(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	(void)st;
	if (at->is_client || c->pending == 0)
		return APP_CLOSE;
	c->flags |= EF_LAST;
	return APP_NONE;
}

void echo_conn_down(const struct app_tc *at, struct app_conn *c, struct app_stats st)
{
	(void)at;
	(void)c;
	(void)st;
}
